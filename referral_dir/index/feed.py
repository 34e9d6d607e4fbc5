"""Brings a process's indexes up to date by the change log, at the start of a request: whatever was committed before
is visible to the next match and search. When nothing changed this costs one query per index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from referral_dir.index.match import MatchIndex
from referral_dir.index.text import IndexDamaged, TextHits, TextIndex, TextQuery
from referral_dir.store.feed import changes_since, follows, last_change, load_text_rows, position_at

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# Beyond this many changes the whole directory is read: it is cheaper than long lists of ids.
REBUILD_AFTER = 20_000
# Each one fails only because another thread or process wrote first, or because the disk did.
ATTEMPTS = 8


def catch_up(session: Session, match: MatchIndex, text: TextIndex) -> None:
    """Bring both indexes to what this session sees."""
    match.refresh(session)
    refresh_text(session, text)


def refresh_text(session: Session, index: TextIndex) -> None:
    """Bring the text index to what this session sees, or build it."""
    newest = last_change(session)
    if index.position() == newest:
        return
    for _ in range(ATTEMPTS):
        index.reopen()
        seen = index.position()
        if seen is None or not follows(session, seen, newest, REBUILD_AFTER):
            going = index.apply(load_text_rows(session, None), (), newest, seen=seen, whole=True)
        elif seen.sequence < newest.sequence:
            reached, ids = changes_since(session, seen.sequence, REBUILD_AFTER)
            rows = load_text_rows(session, ids)
            gone = set(ids) - {row.service_id for row in rows}
            going = index.apply(rows, gone, position_at(session, reached), seen=seen, whole=False)
        else:
            return
        if not going:
            return


def rebuild(session: Session, match: MatchIndex, text: TextIndex) -> None:
    """Make both indexes anew from the store. What is there is used until the new one is whole."""
    match.rebuild(session)
    newest = last_change(session)
    text.reopen()
    text.apply(load_text_rows(session, None), (), newest, seen=text.position(), whole=True)


def search_text(session: Session, index: TextIndex, query: TextQuery) -> TextHits:
    """Search an index that is up to date; one that turns out to be damaged is rebuilt once."""
    refresh_text(session, index)
    try:
        return index.search(query)
    except IndexDamaged:
        refresh_text(session, index)
        return index.search(query)
