"""The match index: the services to load for a need, best first. It proposes, the store disposes.

Each process keeps its own columns, opened from a snapshot or built from the store, and brings them up to date by the
change log at the start of a request. It ranks by the rules of `domain/matching.py`, so that only the rows that will be
shown are loaded; those are judged again by the rules themselves, on what the store holds then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from referral_dir.domain.matching import MAXIMUM_UNMET
from referral_dir.domain.narrowing import Only
from referral_dir.domain.need import Candidate, Need
from referral_dir.domain.vocabulary import Place
from referral_dir.index import compiled, narrowing, snapshot
from referral_dir.index.columns import Columns, Rows
from referral_dir.index.compiled import Loops
from referral_dir.index.interpreters import lend
from referral_dir.index.judging import Judged, Question
from referral_dir.index.one_by_one import judged_by_python, judged_compiled
from referral_dir.index.ranking import NOTHING, Proposed, rank
from referral_dir.store.candidates import active_ids, load_candidates
from referral_dir.store.feed import Position, changes_since, follows, last_change, position_at

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)
# So many rows are judged by Python in the time of NumPy's calls.
FEW: Final = 24
# And so many in the time in which compiled code is called.
VERY_FEW: Final = 6
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
            question, loops = Question(self._columns, need, now), compiled.loops()
            reach_km, allowed = (need.reach_km, MAXIMUM_UNMET) if near_misses else (need.radius_km, 0)
            rows, voices = question.reachable(reach_km, loops)
            lent = lend(question, voices) if len(voices) else ()
            ranked = NOTHING
            if len(rows):
                judged = _judged(question, rows, reach_km, allowed, loops, interpreted=bool(lent))
                ranked = rank(self._columns, judged, matches, near_misses)
            return Proposal(ranked.matches, ranked.near_misses, lent, ranked.total, ranked.wider_km)

    def counts(self, need: Need, now: datetime, ids: Iterable[UUID]) -> Mapping[Only, int]:
        """Of these services, which were proposed for the need: how many pass each way to narrow."""
        if self._columns is None:
            raise RuntimeError("the match index is empty: call refresh(session) first")
        with self._lock:
            return narrowing.counts(Question(self._columns, need, now), ids)

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


def _judged(question: Question, rows: Rows, reach_km: float, allowed: int, loops: Loops | None, *,
            interpreted: bool) -> Judged:
    """Compiled, if that may be; else by NumPy, or in Python if a few rows are left."""
    plain = question.is_plain
    few = FEW if plain else 0
    if len(rows) > few and not (plain and loops is not None):
        rows = question.possible(rows, allowed, few, interpreted=interpreted)
    if plain and loops is not None and len(rows) > VERY_FEW:
        return judged_compiled(question, rows, reach_km, allowed, loops, interpreted=interpreted)
    if plain and len(rows) <= FEW:
        return judged_by_python(question, rows, reach_km, allowed, interpreted=interpreted)
    return question.judged(rows, reach_km, allowed, interpreted=interpreted)


def warm(folder: Path | None) -> bool:
    """Compile the loops, or read what was compiled from the folder (3 s the first time, then 0.5 s), and use them from
    then on. False where numba is not installed or fails, and all goes on in Python and NumPy."""
    try:
        loops = compiled.compiled(folder)
        if loops is not None:
            _try_out(loops)
        compiled.use(loops)
    except Exception as error:  # numba fails in many ways, and nothing depends on it
        log.warning("matching goes on without compiled loops: %s", str(error).splitlines()[:1])
        return False
    return loops is not None


def _try_out(loops: Loops) -> None:
    """Ask a question of an empty directory: what it compiles is what every other question needs."""
    need = Need({"legal": frozenset({"legal"})}, Place("Anywhere", "", 0.0, 0.0), languages=("en",))
    question = Question(Columns.of([]), need, datetime.now(UTC))
    rows, _ = question.reachable(1.0, loops)
    judged_compiled(question, rows, 1.0, 0, loops, interpreted=False)
