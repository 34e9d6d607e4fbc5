"""What every engine of the match benchmark offers, ours, and the answer by brute force."""

import sys
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

import numpy as np

from benchmarks.world import NOW, UNITS, World, said_by
from referral_dir.domain import matching
from referral_dir.domain.distance import STEPS_PER_DEGREE
from referral_dir.domain.need import Candidate, Need
from referral_dir.index import compiled, grid, match
from referral_dir.index.columns import Columns, Tables, need_mask
from referral_dir.index.compiled import Loops
from referral_dir.index.match import MatchIndex
from referral_dir.store.feed import Position

SHOWN: Final = 20
# So many candidates are worth judging what they share; each costs 0.1 ms.
MANY: Final = 2_000
Answer = list[tuple[UUID, float]]


class Engine(Protocol):
    """The best SHOWN services for a need by the score of domain/matching.py: (id, km), best first."""

    name: str
    build_s: float
    bytes_per_service: float

    def ask(self, need: Need) -> Answer:
        """The answer, as the caller of this engine would read it."""

    def close(self) -> None:
        """Stop and remove what was started."""


@dataclass
class Ours:
    """The product's index, asked as the product asks it."""

    index: MatchIndex
    build_s: float
    bytes_per_service: float
    name: str = "ours"
    loops: Loops | None = None

    @classmethod
    def build(cls, world: World, clock: Any) -> "Ours":
        arrays = arrays_of(world)
        started = clock()
        columns = Columns(arrays, tables_of(world))
        taken = clock() - started
        index = MatchIndex()
        index._columns, index._position = columns, Position(1)
        match.warm(None)
        return cls(index, taken, columns.bytes_per_row + size_of(columns.tables) / len(world), loops=compiled.loops())

    def uncompiled(self) -> "Ours | None":
        """The same index where numba is not installed; None where it is not."""
        return replace(self, name="ours_uncompiled", loops=None) if self.loops else None

    def ask(self, need: Need) -> Answer:
        compiled.use(self.loops)
        found = self.index.propose(need, NOW, matches=SHOWN, near_misses=0)
        return [(service_id, km or 0.0) for service_id, km, _ in found.matches]

    def close(self) -> None:
        return


def arrays_of(world: World) -> dict[str, Any]:
    """The index's columns for the world, unsorted."""
    count = len(world)
    numbers = np.arange(count, dtype=np.uint64)
    return {
        "key": grid.keys(world.latitude, world.longitude), "latitude": world.latitude, "needs": world.needs,
        "confirmed": world.confirmed, "high": numbers * np.uint64(0x9E3779B97F4A7C15), "low": numbers,
        "languages": 2 * world.languages + world.own, "profile": world.profiles,
        "areas": np.zeros(count, dtype=np.int32),
        "organization": world.organizations, "hours": np.zeros(count, dtype=np.int32), "unit": world.units,
        "available": world.available, "updated": world.updated, "several": np.zeros(count, dtype=bool)}


def tables_of(world: World) -> Tables:
    """The index's tables for the world."""
    tables = Tables()
    for languages in world.language_sets:
        for own in (False, True):
            tables.languages.number((languages, own))
    for profile in world.profile_list:
        tables.profiles.number(profile)
    for unit in UNITS:
        tables.units.number(unit)
    tables.hours.number(((), None))
    return tables


def size_of(tables: Any) -> int:
    """Bytes of the tables and of all that they hold, each object once."""
    seen: set[int] = set()
    waiting, total = [tables], 0
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type):
            continue
        seen.add(id(each))
        total += sys.getsizeof(each)
        if isinstance(each, dict):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, (list, tuple, set, frozenset)):
            waiting += each
        else:
            waiting += getattr(each, "__dict__", {}).values()
    return total


def _may_match(world: World, need: Need, rows: Any, now: datetime) -> Any:
    """Which of the rows have neither a way of speaking nor a profile that alone keeps them from matching."""
    ready = Candidate(UUID(int=1), UUID(int=2), "", "", points=((need.place.latitude, need.place.longitude),),
                      confirmed_needs=frozenset().union(*need.needs.values()), languages=frozenset(need.languages))

    def met(**said: Any) -> bool:
        return not matching.judge(need, replace(ready, **said), {}, now).unmet

    speaks = np.array([[met(languages=each, own_interpretation=own) for own in (None, "yes")]
                       for each in world.language_sets])
    takes = np.array([met(**said_by(profile)) for profile in world.profile_list])
    return speaks[world.languages[rows], world.own[rows].astype(int)] & takes[world.profiles[rows]]


def brute_force(world: World, need: Need, now: datetime = NOW) -> Answer:
    """The plain rules over every service within the radius: no index, no shortcut but the distance.

    Where very many are within it (all services in one country), what they share is judged first, by the same rules.
    """
    reach = (need.radius_km / 110 + 0.01) * STEPS_PER_DEGREE
    box = abs(world.latitude - need.place.latitude * STEPS_PER_DEGREE) <= reach
    mask = np.bitwise_or.reduce(np.array([need_mask(each) for each in need.needs.values()], dtype=np.uint64))
    rows = np.flatnonzero(box & ((world.needs & mask) != 0))
    far = grid.kilometres(need.place.latitude, need.place.longitude, world.latitude[rows], world.longitude[rows])
    within = rows[far <= need.radius_km + 0.1]
    if len(within) > MANY:
        within = within[_may_match(world, need, within, now)]
    ranking = matching.rank(need, [world.candidate(int(n)) for n in within], [], now)
    return [(m.candidate.service_id, m.distance_km or 0.0) for m in ranking.matches[:SHOWN]]


