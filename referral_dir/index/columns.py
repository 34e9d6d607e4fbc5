"""Services as columns: a sorted main part found by place, and a small part with what has changed since.

A row is a service at one of its points, or without any. Changes that leave the place alone are written into the row;
others append a new row and empty the old one. When the added part grows, both are sorted into one.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.distance import STEPS_PER_DEGREE
from referral_dir.domain.interpreting import interprets
from referral_dir.domain.need import Candidate
from referral_dir.domain.needs import needs as all_needs
from referral_dir.index import grid
from referral_dir.index.loop import Read
from referral_dir.index.profiles import Profiles, profile_of
from referral_dir.index.tables import (
    PLACED,
    AreaSets,
    OpeningHours,
    Tongues,
    Units,
    known_kind,
)

# What a search reads of many rows lies apart, 24 bytes: a stretch of rows is a stretch of each column. What is then
# read of few lies together, 56 bytes: one or two lines of a processor's cache, where a column each would be eleven.
# 4 bytes more for the order by id.
SEARCHED: Final = np.dtype([("key", "i8"), ("needs", "u8"), ("languages", "i4"), ("profile", "i4")])
RECORD: Final = np.dtype([
    ("high", "u8"), ("low", "u8"), ("confirmed", "u8"), ("organization", "u8"), ("updated", "i8"), ("latitude", "i4"),
    ("areas", "i4"), ("hours", "i4"), ("available", "i2"), ("unit", "u1"), ("several", "?")])
_SEARCHED, _RECORD = SEARCHED.names or (), RECORD.names or ()
COLUMNS: Final[Mapping[str, np.dtype[Any]]] = {
    **{name: SEARCHED[name] for name in _SEARCHED}, **{name: RECORD[name] for name in _RECORD}}
MOST_AVAILABLE: Final = np.iinfo(RECORD["available"]).max
_IN_PLACE: Final = tuple(name for name in COLUMNS if name not in ("key", "latitude", "areas", "several"))
SMALLEST_TAIL: Final = 2048
FEW: Final = 20_000
FEW_STRETCHES: Final = 2
_NUMBERS: Final = np.arange(FEW)
_LOW: Final = (1 << 64) - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
Rows = NDArray[np.int64]
NO_NEED: Final = np.uint64(0)
_VOICES: Final = frozenset(code for code in all_needs() if interprets(code))
NO_ROWS: Final[Rows] = np.empty(0, dtype=np.int64)


@dataclass
class Tables:
    """What rows share by number."""

    languages: Tongues = field(default_factory=Tongues)
    profiles: Profiles = field(default_factory=Profiles)
    areas: AreaSets = field(default_factory=AreaSets)
    hours: OpeningHours = field(default_factory=OpeningHours)
    units: Units = field(default_factory=Units)


class Columns:
    """All services that may be proposed. Not safe for threads: MatchIndex holds the lock."""

    def __init__(self, main: Mapping[str, NDArray[Any]], tables: Tables, by_id: NDArray[np.int32] | None = None,
                 *, is_sorted: bool = False) -> None:
        self.tables = tables
        order = slice(None) if is_sorted else np.argsort(main["key"], kind="stable")
        self.sorted = len(main["key"])
        self.count = self.sorted
        spare = max(SMALLEST_TAIL, self.sorted // 64)
        self.records = np.empty(self.sorted + spare, dtype=RECORD)
        self.data = {name: np.empty(self.sorted + spare, dtype=SEARCHED[name]) for name in _SEARCHED}
        self.data |= {name: self.records[name] for name in _RECORD}
        # The same memory for Python's own loops: a number out of a memoryview costs half of one out of an array.
        self.views = {name: values.data for name, values in self.data.items()}
        self.read = Read(*(self.data[name] for name in Read._fields))
        self.memory = Read(*(self.views[name] for name in Read._fields))
        for name, values in main.items():
            (self.records if name == "records" else self.data[name])[:self.sorted] = values[order]
        self.keys = self.data["key"][:self.sorted]
        self.by_id = np.argsort(self.data["high"][:self.sorted], kind="stable").astype(np.int32) \
            if by_id is None else by_id
        self._tail: dict[int, list[int]] = {}
        self.has_several = bool(self.data["several"][:self.sorted].any())
        self.every_need = np.bitwise_or.reduce(self.data["needs"][:self.sorted], initial=np.uint64(0))
        self._find_elsewhere()

    @property
    def voices(self) -> np.uint64:
        """The needs of which interpretation is given, if any service here gives them."""
        voices = need_mask(_VOICES)
        return voices if voices & self.every_need else NO_NEED

    def _find_elsewhere(self) -> None:
        """Rows that are found by area, in the order of their area set."""
        areas = self.data["areas"][:self.sorted]
        rows = np.flatnonzero(areas != PLACED)
        self._elsewhere = rows[np.argsort(areas[rows], kind="stable")].astype(np.int32)
        self._elsewhere_areas = areas[self._elsewhere]

    @classmethod
    def of(cls, candidates: Iterable[Candidate]) -> "Columns":
        """Built from services as the store has them."""
        tables = Tables()
        rows = [row for c in candidates for row in encode(c, tables)]
        return cls({name: np.array([row[name] for row in rows], dtype=kind) for name, kind in COLUMNS.items()}, tables)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.data[name]

    def parts(self) -> list[tuple[str, NDArray[Any]]]:
        """All rows, as they lie in memory: what is searched, then the records."""
        return [*((name, self.data[name][:self.count]) for name in _SEARCHED), ("records", self.records[:self.count])]

    @property
    def bytes_per_row(self) -> float:
        """What a service costs in memory, without the tables."""
        arrays = [*(self.data[name] for name in _SEARCHED), self.records, self.by_id, self._elsewhere,
                  self._elsewhere_areas]
        return sum(a.nbytes for a in arrays) / max(1, self.sorted)

    # Changes

    def apply(self, service_id: UUID, candidate: Candidate | None) -> bool:
        """Take in a service as it is now; None, or one that is not in service, takes it out.

        True where a place was taken out that may have to be forgotten elsewhere too.
        """
        had = self.rows_of(service_id.int)
        new = encode(candidate, self.tables) if candidate is not None else []
        for values in new[:1]:
            self.every_need |= values["needs"]
            self.has_several |= values["several"]
        pairs = list(zip(had, new, strict=False))
        if len(had) == len(new) and all(self._is_same_place(row, values) for row, values in pairs):
            for row, values in pairs:
                for name in _IN_PLACE:
                    self.data[name][row] = values[name]
            return False
        for row in had:
            self.data["needs"][row] = 0
        self._tail.pop(service_id.int, None)
        for values in new:
            self._append(service_id.int, values)
        return bool(had)

    def _is_same_place(self, row: int, values: Mapping[str, Any]) -> bool:
        data = self.data
        return bool(data["key"][row] == values["key"] and data["latitude"][row] == values["latitude"]
                    and data["areas"][row] == values["areas"] and data["several"][row] == values["several"])

    def _append(self, service_id: int, values: Mapping[str, Any]) -> None:
        if self.count == len(self.data["key"]):
            self._merge()
        for name, value in values.items():
            self.data[name][self.count] = value
        self._tail.setdefault(service_id, []).append(self.count)
        self.count += 1

    def _merge(self) -> None:
        """Sort the added rows in, and leave out the emptied ones."""
        kept = np.flatnonzero(self.data["needs"][:self.count])
        other = Columns({name: values[kept] for name, values in self.parts()}, self.tables)
        self.__dict__.update(other.__dict__)

    def rows_of(self, service_id: int) -> list[int]:
        """The living rows of a service (its id as a number)."""
        found = list(self._tail.get(service_id, ()))
        high, low = self.data["high"], self.data["low"]
        wanted_high, wanted_low = np.uint64(service_id >> 64), np.uint64(service_id & _LOW)
        # NumPy's own search would copy the whole order to a wider type each time.
        at = bisect_left(self.by_id, wanted_high, key=high.__getitem__)
        while at < self.sorted:
            row = int(self.by_id[at])
            if high[row] != wanted_high:
                break
            if low[row] == wanted_low and self.data["needs"][row]:
                found.append(row)
            at += 1
        return sorted(found)

    # Finding rows

    def near(self, latitude: float, longitude: float, radius_km: float, mask: np.uint64) -> Rows:
        """Rows with a point within the radius or a little beyond, for one of the needs in the mask."""
        starts, ends = self.keys.searchsorted(np.array(grid.stretches(latitude, longitude, radius_km)))
        needs = self.data["needs"]
        if len(starts) > FEW_STRETCHES:
            lengths = ends - starts
            until = lengths.cumsum()
            total = int(until[-1])
            if total < FEW:
                # One gather costs less than a few calls for each stretch.
                rows: Rows = _NUMBERS[:total] + (ends - until).repeat(lengths)
                wanted: Rows = rows[(needs[rows] & mask).nonzero()[0]]
                return wanted
        each: list[Rows] = [(needs[start:end] & mask).nonzero()[0] + start
                            for start, end in zip(starts.tolist(), ends.tolist(), strict=True) if end > start]
        return each[0] if len(each) == 1 else np.concatenate(each) if each else NO_ROWS

    def farther_ones(self, rows: Rows, distance: NDArray[np.float64]) -> NDArray[np.int64]:
        """Which of the rows (their places among them) are of a service that has a nearer one among them."""
        several = self.data["several"][rows].nonzero()[0]
        high, low = self.data["high"][rows[several]], self.data["low"][rows[several]]
        order = np.lexsort((distance[several], low, high))
        again = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
        found: NDArray[np.int64] = several[order[1:][again]]
        return found

    def elsewhere(self, area_sets: Iterable[int], mask: np.uint64) -> Rows:
        """Rows of these area sets, for one of the needs in the mask."""
        wanted = np.fromiter(area_sets, dtype=np.int32)
        if not len(wanted) or not len(self._elsewhere):
            return NO_ROWS
        starts = np.searchsorted(self._elsewhere_areas, wanted)
        ends = np.searchsorted(self._elsewhere_areas, wanted, side="right")
        rows = np.concatenate([self._elsewhere[s:e] for s, e in zip(starts.tolist(), ends.tolist(), strict=True)])
        wanted_rows: Rows = rows[(self.data["needs"][rows] & mask) != 0].astype(np.int64)
        return wanted_rows

    def added(self, mask: np.uint64) -> Rows:
        """Rows that are not sorted in yet, for one of the needs in the mask."""
        return np.flatnonzero(self.data["needs"][self.sorted:self.count] & mask) + self.sorted


@lru_cache(maxsize=4096)
def need_mask(codes: frozenset[str]) -> np.uint64:
    """The bits of these needs; codes that the tree does not have say nothing."""
    mask = 0
    for code in codes:
        mask |= _bits().get(code, 0)
    return np.uint64(mask)


_NEED_BITS: dict[str, int] = {}


def _bits() -> Mapping[str, int]:
    if not _NEED_BITS:
        if len(all_needs()) > 64:
            raise ValueError("the match index holds 64 needs: widen its `needs` column before adding more")
        _NEED_BITS.update({code: 1 << n for n, code in enumerate(all_needs())})
    return _NEED_BITS


def encode(c: Candidate, tables: Tables) -> list[dict[str, Any]]:
    """A row per point; one row without any; none for what is never proposed (not in service, no known need)."""
    needs = need_mask(c.needs)
    if c.status != "active" or not needs:
        return []
    row: dict[str, Any] = {
        "key": grid.NOWHERE, "latitude": 0, "needs": needs, "confirmed": need_mask(c.confirmed_needs),
        "high": c.service_id.int >> 64, "low": c.service_id.int & _LOW,
        "languages": tables.languages.number((c.languages, bool(c.own_interpretation))),
        "profile": tables.profiles.number(profile_of(c)),
        "areas": tables.areas.number(AreaSets.of(c)),
        "organization": folded(c.organization_id),
        "hours": tables.hours.number((c.schedules, c.timezone)),
        "unit": 0, "available": 0, "updated": 0, "several": len(c.points) > 1,
    }
    if c.capacity is not None:
        row |= {"unit": tables.units.number(known_kind(c.capacity.unit)),
                "available": min(c.capacity.available, MOST_AVAILABLE),
                "updated": microseconds(c.capacity.updated)}
    return [row | _placed(lat, lon) for lat, lon in c.points] or [row]


def _placed(latitude: float, longitude: float) -> dict[str, int]:
    lat, lon = round(latitude * STEPS_PER_DEGREE), round(longitude * STEPS_PER_DEGREE)
    return {"key": ((lat + 90 * STEPS_PER_DEGREE) // grid.BAND << 33) | (lon + 180 * STEPS_PER_DEGREE), "latitude": lat}


def folded(organization_id: UUID) -> int:
    """An organization in 64 bits: a table of all of them would cost more than all other columns together."""
    return organization_id.int >> 64 ^ organization_id.int & _LOW


def microseconds(at: datetime) -> int:
    """Microseconds since 1970 of an aware moment, exactly."""
    return (at - _EPOCH) // _MICROSECOND
