"""Counts within windows of time: each is one upsert, so that no two processes lose each other's."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from referral_dir.store.people import RateCount

PRUNED_AT_ONCE = 100
_ONCE_MORE = {dialect: query.on_conflict_do_update(
    index_elements=["key", "window"], set_={"count": RateCount.count + 1}).returning(RateCount.count)
    for dialect, query in (("postgresql", postgresql.insert(RateCount)), ("sqlite", sqlite.insert(RateCount)))}

_COUNTED = select(RateCount.key, RateCount.window, RateCount.count).where(
    RateCount.key.in_(bindparam("keys", expanding=True)), RateCount.window.in_(bindparam("windows", expanding=True)))


def count_once_more(session: Session, key: str, window: datetime) -> int:
    """Add one; the new count."""
    connection = session.connection()
    query = _ONCE_MORE[connection.dialect.name]
    return int(connection.execute(query, {"key": key, "window": window, "count": 1}).scalar_one())


def counted(session: Session, keys: Sequence[str], windows: Sequence[datetime]) -> dict[tuple[str, datetime], int]:
    """The counts of these keys in these windows; what is missing was never counted."""
    rows = session.connection().execute(_COUNTED, {"keys": keys, "windows": windows})
    return {(key, window): count for key, window, count in rows}


def take_back(session: Session, key: str, window: datetime) -> None:
    """One less, where there is one."""
    session.execute(update(RateCount).where(RateCount.key == key, RateCount.window == window, RateCount.count > 0)
                    .values(count=RateCount.count - 1))


def forget(session: Session, key: str) -> None:
    """Nothing was counted."""
    session.execute(delete(RateCount).where(RateCount.key == key))


def prune(session: Session, before: datetime) -> None:
    """Remove some of the windows that began before; what another transaction is at is left to it."""
    old = (select(RateCount.key, RateCount.window).where(RateCount.window < before)
           .limit(PRUNED_AT_ONCE).with_for_update(skip_locked=True))
    rows = session.execute(old).all()
    if rows:
        session.execute(delete(RateCount).where(tuple_(RateCount.key, RateCount.window).in_(rows)))
