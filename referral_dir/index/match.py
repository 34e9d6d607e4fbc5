"""The match index: the services to load for a need, best first. It proposes, the store disposes.

Each process keeps its own columns, opened from a snapshot or built from the store, and brings them up to date by the
change log at the start of a request. It ranks by the rules of `domain/matching.py`, so that only the rows that will be
shown are loaded; those are judged again by the rules themselves, on what the store holds then.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

import numpy as np

from referral_dir.domain.matching import MAXIMUM_UNMET
from referral_dir.domain.need import Candidate, Need
from referral_dir.index import snapshot
from referral_dir.index.columns import Columns, Rows
from referral_dir.index.few import FEW, NOTHING, Proposed, Ranked, is_plain, proposed, rank_few
from referral_dir.index.interpreters import lend
from referral_dir.index.judging import Flags, Judged, Question
from referral_dir.store.candidates import active_ids, load_candidates
from referral_dir.store.feed import Position, changes_since, follows, last_change, position_at

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

# More changes than this are read as a whole directory: one scan is cheaper than many lists of ids.
REBUILD_AFTER: Final = 20_000
# So many changes at the opening of a snapshot make it worth writing anew.
SAVE_AFTER: Final = 1_000
BUILD_STEP: Final = 5_000


class Proposal(NamedTuple):
    """What to load. `wider_km` is the distance of the nearest service that is only too far away."""

    matches: tuple[Proposed, ...]
    near_misses: tuple[Proposed, ...]
    interpreters: tuple[UUID, ...]
    total: int
    wider_km: float | None


class MatchIndex:
    """One process's copy of what matching reads. Threads may refresh and ask at the same time: each sees the
    directory as it was or as it is, never between."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._columns: Columns | None = None
        self._position: Position | None = None

    @property
    def sequence(self) -> int:
        """The change-log number that the columns include."""
        return self._position.sequence if self._position else 0

    def refresh(self, session: Session) -> None:
        """Apply what was committed since the last refresh: one cheap query when that is nothing."""
        newest = last_change(session)
        if self._position == newest and self._columns is not None:
            return
        with self._lock:
            self._catch_up(session, newest)

    def rebuild(self, session: Session) -> None:
        """Read the whole directory anew, and keep it."""
        newest = last_change(session)
        columns = Columns.of(_everything(session))
        with self._lock:
            self._columns, self._position = columns, newest
            self._save()

    def forget(self) -> None:
        """Remove what is kept on disk: it may hold the place of a service that has become hidden."""
        if self._path is not None:
            snapshot.forget(self._path)

    def propose(self, need: Need, now: datetime, *, matches: int, near_misses: int) -> Proposal:
        """The best services for the need at this moment (aware), as `domain.matching.rank` would order all of them.

        Raises RuntimeError before the first refresh.
        """
        if self._columns is None:
            raise RuntimeError("the match index is empty: call refresh(session) first")
        with self._lock:
            question = Question(self._columns, need, now)
            reach_km, allowed = (need.reach_km, MAXIMUM_UNMET) if near_misses else (need.radius_km, 0)
            rows, voices = question.reachable(reach_km)
            lent = lend(question, voices) if len(voices) else ()
            ranked = _rank(question, rows, reach_km, allowed, matches, near_misses, interpreted=bool(lent))
            return Proposal(ranked.matches, ranked.near_misses, lent, ranked.total, ranked.wider_km)

    def _catch_up(self, session: Session, newest: Position) -> None:
        late = False
        if self._columns is None and self._path is not None:
            kept = snapshot.load(self._path)
            if kept is not None:
                self._columns, self._position = kept
                late = newest.sequence - self._position.sequence > SAVE_AFTER
        if self._columns is None or self._position is None or not follows(
                session, self._position, newest, REBUILD_AFTER):
            self._columns, self._position = Columns.of(_everything(session)), newest
            self._save()
            return
        if self._position.sequence >= newest.sequence:
            return
        reached, ids = changes_since(session, self._position.sequence, REBUILD_AFTER)
        found = {c.service_id: c for c in load_candidates(session, ids)}
        for service_id in ids:
            self._apply(service_id, found.get(service_id))
        self._position = position_at(session, reached)
        if late:
            self._save()

    def _apply(self, service_id: UUID, candidate: Candidate | None) -> None:
        if self._columns is not None:
            moved = self._columns.apply(service_id, candidate)
            if moved and candidate is not None and candidate.confidential:
                self.forget()

    def _save(self) -> None:
        if self._path is not None and self._columns is not None and self._position is not None:
            snapshot.save(self._path, self._columns, self._position)


def _everything(session: Session) -> Iterator[Candidate]:
    ids = active_ids(session)
    for start in range(0, len(ids), BUILD_STEP):
        yield from load_candidates(session, ids[start:start + BUILD_STEP])


def _rank(question: Question, rows: Rows, reach_km: float, allowed: int, matches: int, near_misses: int, *,
          interpreted: bool) -> Ranked:
    if not len(rows):
        return NOTHING
    plain = is_plain(question)
    possible = None
    if not plain or len(rows) > FEW:
        possible = question.possible(rows, allowed, interpreted=interpreted)
        rows = possible.rows
    if plain and len(rows) <= FEW:
        ranked = rank_few(question, rows.tolist(), allowed, matches, near_misses, interpreted=interpreted)
        if ranked is not None:
            return ranked
    possible = possible or question.possible(rows, allowed, interpreted=interpreted)
    columns, judged = question.columns, question.judged(possible, reach_km, allowed)
    met = judged.unmet == 0
    far = judged.distance[judged.too_far & (judged.unmet == 1)]
    near = _best(columns, judged, ~met, near_misses) if near_misses else ()
    return Ranked(_best(columns, judged, met, matches), near, int(met.sum()), float(far.min()) if len(far) else None)


def _best(columns: Columns, judged: Judged, chosen: Flags, count: int) -> tuple[Proposed, ...]:
    """Fewest unmet first, then by score, then by id."""
    rows, score, unmet, distance = (values[chosen] for values in (
        judged.rows, judged.score, judged.unmet, judged.distance))
    # One number for both: scores are from 0 to 1 and end after four places.
    order = unmet.astype(np.int64) * 100_000 - np.rint(score * 10_000).astype(np.int64)
    if len(order) > count:
        last = np.partition(order, count - 1)[count - 1]
        kept = np.flatnonzero(order <= last)
        rows, score, distance, order = rows[kept], score[kept], distance[kept], order[kept]
    first = np.lexsort((columns["low"][rows], columns["high"][rows], order))[:count]
    rows = rows[first]
    return tuple(proposed(*each) for each in zip(
        columns["high"][rows].tolist(), columns["low"][rows].tolist(), distance[first].tolist(), score[first].tolist(),
        strict=True))
