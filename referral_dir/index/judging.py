"""The rules of domain/matching.py over columns: who is offered, how many criteria are unmet, and the score.

Every step is the rule of the same name there; a property test holds the two equal. A row that fails more criteria than
are allowed is dropped as soon as that is known.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.availability import Capacity
from referral_dir.domain.interpreting import INTERPRETED_FIT, LANGUAGE_UNKNOWN_FIT
from referral_dir.domain.matching import (
    CAPACITY_FIT,
    LASTING,
    SUGGESTED_FIT,
    UNKNOWN_COST,
    WEIGHTS,
    open_verdict,
    rests,
)
from referral_dir.domain.need import Need, Verdict
from referral_dir.domain.reach import HALF_DISTANCE_KM, PLACE_UNKNOWN_NEARNESS, REMOTE_NEARNESS
from referral_dir.domain.tongues import FIT, Fluency
from referral_dir.index import grid
from referral_dir.index.columns import Columns, Rows, microseconds, need_mask
from referral_dir.index.tables import INTERPRETED, SILENT

# The rank rounds distances to 0.1 km: what is at most half of that farther may still count.
ROUNDING_KM: Final = 0.051
_LATEST_SECONDS: Final = -5 * 60
# By Fluency, then SILENT and INTERPRETED.
LANGUAGE_FITS: Final = np.array([*(FIT[level] for level in sorted(FIT)), LANGUAGE_UNKNOWN_FIT, INTERPRETED_FIT])
_NO, _ASK = int(Fluency.NONE), int(Fluency.ASK)
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Judged:
    """Rows with their distance (infinite for none), how many criteria are unmet, and the score."""

    rows: Rows
    distance: Floats
    unmet: NDArray[np.int8]
    too_far: Flags
    score: Floats


class Question:
    """One Need at one moment, ready to be asked of the columns."""

    def __init__(self, columns: Columns, need: Need, now: datetime) -> None:
        self.columns, self.tables, self.need, self.now = columns, columns.tables, need, now
        self.masks = [need_mask(codes) for codes in need.needs.values()]
        self.any_need = need_mask(frozenset().union(*need.needs.values()))
        self.moment = microseconds(now.astimezone(UTC))
        covering = self.tables.areas.covering(need.place)
        self.covering = covering
        self._everywhere = np.zeros(len(self.tables.areas.values), dtype=bool)
        self._everywhere[covering] = True

    def _rows(self, reach_km: float) -> Rows:
        """Rows for one of the needs that may be in reach, each once; of one service there may be several."""
        c, place = self.columns, self.need.place
        near = c.near(place.latitude, place.longitude, reach_km + ROUNDING_KM, self.any_need)
        groups = [near[~self.everywhere(near)] if self.covering else near]
        elsewhere = [*self.covering, *self.tables.areas.unplaced(place.country)]
        if elsewhere:
            groups.append(c.elsewhere(elsewhere, self.any_need))
        if c.count > c.sorted:
            groups.append(c.added(self.any_need))
        return np.concatenate(groups) if len(groups) > 1 else groups[0]

    def _is_offered(self, rows: Rows, distance: Floats, everywhere: Flags, reach_km: float) -> Flags:
        """The hard rules, for the nearest row of each service."""
        kept: Flags = (distance <= reach_km) | everywhere
        for unplaced in self.tables.areas.unplaced(self.need.place.country):
            kept |= self.columns["areas"][rows] == unplaced
        return kept & self._nearest_of_several(rows, distance) & self.allowed(rows)

    def distances(self, rows: Rows) -> Floats:
        """Kilometres to 0.1; infinite where no point is known."""
        c, place = self.columns, self.need.place
        keys = c["key"][rows]
        far = np.round(grid.kilometres(place.latitude, place.longitude, c["latitude"][rows], grid.longitudes(keys)), 1)
        nowhere = keys == grid.NOWHERE
        if nowhere.any():
            far[nowhere] = np.inf
        return far

    def _nearest_of_several(self, rows: Rows, distance: Floats) -> Flags:
        c = self.columns
        kept = np.ones(len(rows), dtype=bool)
        several = c["several"][rows].nonzero()[0]
        if len(several) > 1:
            high, low = c["high"][rows[several]], c["low"][rows[several]]
            order = np.lexsort((distance[several], low, high))
            again = (high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])
            kept[several[order[1:][again]]] = False
        return kept

    def allowed(self, rows: Rows) -> Flags:
        """The hard rules of whom and where the person must not meet, and of who has declined for good."""
        c, need = self.columns, self.need
        kept = np.ones(len(rows), dtype=bool)
        numbers = [self.tables.organizations.find(each) for each in need.excluded_organizations]
        known = [number for number in numbers if number is not None]
        if known:
            kept &= ~np.isin(c["organization"][rows], known)
        if need.excluded_communities:
            rules = [("community", code) for code in need.excluded_communities]
            kept &= ~self.tables.profiles.serves.hit(rules)[c["profile"][rows]]
        for area in need.excluded_areas:
            kept &= ~self._lies_in(rows, area.latitude, area.longitude, area.radius_km)
        for service_id, declined in need.declined.items():
            if declined.reason in LASTING:
                kept &= ~np.isin(rows, c.rows_of(service_id.int))
        return kept

    def _lies_in(self, rows: Rows, latitude: float, longitude: float, radius_km: float) -> Flags:
        """Whether the row, or another of its service's, lies in the circle."""
        c = self.columns

        def inside(some: Rows) -> Flags:
            keys = c["key"][some]
            far = grid.kilometres(latitude, longitude, c["latitude"][some], grid.longitudes(keys))
            lies: Flags = (far <= radius_km) & (keys != grid.NOWHERE)
            return lies

        found = inside(rows)
        for n in np.flatnonzero(c["several"][rows] & ~found):
            own = (int(c["high"][rows[n]]) << 64) | int(c["low"][rows[n]])
            found[n] = inside(np.array(c.rows_of(own), dtype=np.int64)).any()
        return found

    def everywhere(self, rows: Rows) -> Flags:
        """Whether they serve the place wherever they are."""
        found: Flags = self._everywhere[self.columns["areas"][rows]]
        return found

    # Criteria

    def judged(self, reach_km: float, allowed_unmet: int, *, interpreted: bool) -> Judged:
        """All rows with at most so many unmet criteria, with their scores. What is cheap to ask is asked first."""
        rows = self._rows(reach_km)
        spoken = self._spoken(rows, interpreted)
        unmet = (spoken == _NO).astype(np.int8)
        if not allowed_unmet:
            kept = (unmet == 0).nonzero()[0]
            rows, spoken, unmet = rows[kept], spoken[kept], unmet[kept]
        if not len(rows):
            return _NONE
        refused, unknown = self._by_profile(rows)
        unmet += refused
        kept = (unmet <= allowed_unmet).nonzero()[0]
        if not len(kept):
            return _NONE
        rows, spoken, unmet, unknown = rows[kept], spoken[kept], unmet[kept], unknown[kept]

        distance, everywhere = self.distances(rows), self.everywhere(rows)
        within = distance <= self.need.radius_km
        unplaced = np.isinf(distance) & ~everywhere
        too_far = ~(within | everywhere | unplaced)
        fit, freshness, full, stale = self._capacity(rows)
        unmet += too_far
        unmet += full
        for no, ask in (self._declined(rows), self._open(rows)):
            if no is not None:
                unmet += no
            if ask is not None:
                unknown += ask
        unknown += unplaced
        unknown += stale
        unknown += (spoken == _ASK) | (spoken == SILENT)
        kept = ((unmet <= allowed_unmet) & self._is_offered(rows, distance, everywhere, reach_km)).nonzero()[0]
        nearness = self._nearness(distance, within, everywhere, unplaced)
        score = self._score(rows[kept], nearness[kept], LANGUAGE_FITS[spoken[kept]], fit[kept], freshness[kept],
                            unknown[kept])
        return Judged(rows[kept], distance[kept], unmet[kept], too_far[kept], score)

    def _score(self, rows: Rows, nearness: Floats, language: Floats, capacity: Floats, freshness: Floats,
               unknown: NDArray[np.int8]) -> Floats:
        score: Floats = WEIGHTS["needs"] * self._needs(rows)
        score = score + WEIGHTS["distance"] * nearness
        score = score + WEIGHTS["language"] * language
        score = score + WEIGHTS["capacity"] * capacity
        score = score + WEIGHTS["freshness"] * freshness
        rounded: Floats = np.rint(np.maximum(0.0, score - UNKNOWN_COST * unknown) * 10_000) / 10_000
        return rounded

    def _needs(self, rows: Rows) -> Floats:
        c = self.columns
        offered, confirmed = c["needs"][rows], c["confirmed"][rows]
        sure = np.zeros(len(rows))
        maybe = np.zeros(len(rows))
        for mask in self.masks:
            is_sure = (confirmed & mask) != 0
            sure += is_sure
            maybe += ((offered & mask) != 0) & ~is_sure
        fit: Floats = (sure + SUGGESTED_FIT * maybe) / len(self.masks)
        return fit

    @staticmethod
    def _nearness(distance: Floats, within: Flags, everywhere: Flags, unplaced: Flags) -> Floats:
        near: Floats = 1 / (1 + distance / HALF_DISTANCE_KM)
        if everywhere.any():
            far = everywhere & ~within
            near[far] = np.maximum(REMOTE_NEARNESS, near[far])
        if unplaced.any():
            near[unplaced] = PLACE_UNKNOWN_NEARNESS
        return near

    def _spoken(self, rows: Rows, interpreted: bool) -> NDArray[np.int8]:
        """How they can speak: a Fluency, SILENT or INTERPRETED; DIRECT where no language was asked for."""
        if not self.need.languages:
            return np.full(len(rows), Fluency.DIRECT, dtype=np.int8)
        level: NDArray[np.int8] = self.tables.languages.levels(self.need.languages)[self.columns["languages"][rows]]
        wanting = (level <= _ASK) | (level == SILENT)
        if not interpreted:
            wanting &= self.tables.profiles.own_interpretation[self.columns["profile"][rows]]
        level[wanting] = INTERPRETED
        return level

    def _capacity(self, rows: Rows) -> tuple[Floats, Floats, Flags, Flags]:
        unit = self.columns["unit"][rows]
        given = unit != 0
        age = self.moment - self.columns["updated"][rows]
        shelf = self.tables.units.shelf_life[unit]
        fresh, enough = self._said(rows, self.need.household)
        fit = np.where(fresh, np.where(enough, CAPACITY_FIT["available"], CAPACITY_FIT["full"]),
                       np.where(given, np.where(enough, CAPACITY_FIT["unconfirmed"],
                                                CAPACITY_FIT["unconfirmed, too few"]), CAPACITY_FIT["unknown"]))
        freshness = np.where(given, 0.5 ** np.maximum(0.0, age / shelf), 0.0)
        return fit, freshness, fresh & ~enough, ~fresh

    def _said(self, rows: Rows, household: int) -> tuple[Flags, Flags]:
        """Whether the number of free places can be believed, and whether it is enough."""
        units = self.tables.units
        unit = self.columns["unit"][rows]
        age = self.moment - self.columns["updated"][rows]
        fresh = (unit != 0) & (age <= units.shelf_life[unit]) & (age >= _LATEST_SECONDS * 1_000_000)
        return fresh, self.columns["available"][rows] >= np.where(units.is_bed[unit], max(1, household), 1)

    def is_full(self, rows: Rows) -> Flags:
        """Whether they have said that not even one more is possible."""
        fresh, enough = self._said(rows, 1)
        return fresh & ~enough

    def is_confirmed(self, rows: Rows) -> Flags:
        """Whether they have said that one more is possible."""
        fresh, enough = self._said(rows, 1)
        return fresh & enough

    def has_ended(self, rows: Rows) -> Flags:
        """Whether the last day on which they are offered has passed."""
        found: Flags = self.tables.profiles.until[self.columns["profile"][rows]] < self.now.date().toordinal()
        return found

    def _declined(self, rows: Rows) -> tuple[Flags | None, None]:
        found: Flags | None = None
        for service_id, declined in self.need.declined.items():
            own = self.columns.rows_of(service_id.int)
            if own and rests(declined, self._capacity_of(own[0]), self.now):
                found = np.isin(rows, own) if found is None else found | np.isin(rows, own)
        return found, None

    def _capacity_of(self, row: int) -> Capacity | None:
        c = self.columns
        unit = self.tables.units.values[c["unit"][row]]
        updated = datetime.fromtimestamp(0, UTC) + np.timedelta64(int(c["updated"][row]), "us").item()
        return Capacity(unit, int(c["available"][row]), None, updated) if unit else None

    def _open(self, rows: Rows) -> tuple[Flags | None, Flags | None]:
        if not self.need.open_now and self.need.open_by is None:
            return None, None
        numbers, inverse = np.unique(self.columns["hours"][rows], return_inverse=True)
        verdicts = [open_verdict(self.need, self.tables.hours.opening(int(n), self.now)) for n in numbers]
        no = np.array([v is Verdict.UNMET for v in verdicts], dtype=bool)
        ask = np.array([v is Verdict.UNKNOWN for v in verdicts], dtype=bool)
        return no[inverse], ask[inverse]

    def _by_profile(self, rows: Rows) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """How many criteria of the profile are unmet, and how many unknown."""
        numbers = self.columns["profile"][rows]
        every = len(self.tables.profiles.values)
        if len(numbers) < every:
            return self._eligibility(numbers)
        unmet, unknown = self._eligibility(np.arange(every))
        return unmet[numbers], unknown[numbers]

    def _eligibility(self, numbers: NDArray[Any]) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        need, profiles = self.need, self.tables.profiles
        unmet = (profiles.until[numbers] < self.now.date().toordinal()).astype(np.int8)
        unknown = np.zeros(len(numbers), dtype=np.int8)
        spoken = np.zeros(len(numbers), dtype=bool)
        if need.ages is not None:
            aged, low, high = (values[numbers] for values in profiles.ages)
            youngest, oldest = need.ages
            outside = aged & ((oldest < low) | (youngest >= high + 1))
            inside = (low <= youngest) & (oldest < high + 1)
            unmet += outside
            unknown += aged & ~inside & ~outside
            spoken |= aged
        if need.household > 1:
            largest = profiles.household[numbers]
            unmet += (largest != 0) & (largest < need.household)
            spoken |= largest != 0
        for criterion, code in (("gender", need.gender), ("nationality", need.nationality), ("status", need.status)):
            if code and code != "unknown":
                no, ruled = self._coded(criterion, code, numbers)
                unmet += no
                spoken |= ruled
        for code in need.accessibility:
            rule = [("accessibility", code)]
            no = profiles.excludes.hit(rule, numbers)
            unmet += no
            unknown += ~no & ~profiles.serves.hit(rule, numbers)
            spoken[:] = True
        unknown += profiles.text[numbers] & ~spoken
        return unmet, unknown

    def _coded(self, criterion: str, code: str, numbers: NDArray[Any]) -> tuple[Flags, Flags]:
        """Who is turned away, and who has a rule of this kind at all."""
        profiles = self.tables.profiles
        every, this = profiles.codes(criterion), [(criterion, code)]
        served, excluded = profiles.serves.hit(every, numbers), profiles.excludes.hit(every, numbers)
        turned_away = profiles.excludes.hit(this, numbers) | (served & ~profiles.serves.hit(this, numbers))
        return turned_away, served | excluded


_NONE: Final = Judged(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.int8), np.empty(0, dtype=bool),
                      np.empty(0))
