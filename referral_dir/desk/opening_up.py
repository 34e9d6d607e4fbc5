"""What every edge does first: open the store with its keys, and the indexes beside it."""

from pathlib import Path

from referral_dir.desk.find import Indexes
from referral_dir.index import feed
from referral_dir.index.match import MatchIndex
from referral_dir.index.text import open_text_index
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, make_engine, reading


def open_store(database_url: str, master_keys: str, ledger: Path) -> Store:
    """The database, the keys and the ledger. Raises ValueError where the keys can't be read."""
    return Store(make_engine(database_url), KeyRing.parse(master_keys), ledger)


def open_indexes(instance: Path, kind: str) -> Indexes:
    """The process's own match index, and the text index under the instance folder."""
    return Indexes(MatchIndex(instance / "match-index"), open_text_index(instance, kind))


def catch_up(store: Store, indexes: Indexes) -> None:
    """Bring both indexes up to date now, so that nobody who asks next waits for it."""
    with reading(store) as session:
        feed.catch_up(session, indexes.match, indexes.text)
