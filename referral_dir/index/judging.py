"""The rules of domain/matching.py over columns: who is offered, how many criteria are unmet, and the score.

Every step is the rule of the same name there; a property test holds the two equal. Rows whose languages and profile
fail too many criteria are dropped first, as that is known by table.
"""

from datetime import UTC, datetime
from functools import reduce
from operator import or_
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.availability import Capacity
from referral_dir.domain.eligibility import household
from referral_dir.domain.matching import SUGGESTED_FIT, UNKNOWN_COST, WEIGHTS, open_verdict, rests
from referral_dir.domain.need import Need, Verdict
from referral_dir.domain.reach import HALF_DISTANCE_KM, PLACE_UNKNOWN_NEARNESS, REMOTE_NEARNESS
from referral_dir.domain.tongues import Fluency
from referral_dir.index import grid
from referral_dir.index.columns import NO_NEED, NO_ROWS, Columns, Rows, folded, microseconds, need_mask
from referral_dir.index.compiled import Loops
from referral_dir.index.loop import (
    CAPACITY_FITS,
    IS_ASKED,
    LANGUAGE_FITS,
    LATEST_MICROSECONDS,
)
from referral_dir.index.profiles import COUNT_MASK, IN_WORDS, SPOKEN, UNKNOWN_BITS, Asked
from referral_dir.index.tables import COVERING, UNPLACED

# The rank rounds distances to 0.1 km: what is at most half of that farther may still count.
ROUNDING_KM: Final = 0.051
# So many profiles are added up in the time in which one row is looked up in each.
WORTH_ADDING: Final = 50
_LANGUAGE_FITS, _CAPACITY_FITS, _IS_ASKED = (np.array(each) for each in (LANGUAGE_FITS, CAPACITY_FITS, IS_ASKED))
_NO: Final = int(Fluency.NONE)
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Judged(NamedTuple):
    """Rows with their distance in km (infinite for none), how many criteria are unmet, whether it is too far, and the
    score: arrays, or lists of a few."""

    rows: Any
    distance: Any
    unmet: Any
    too_far: Any
    score: Any


class Said(NamedTuple):
    """What was said of free places: at all, so lately that it can be believed, enough of them; how long ago, and how
    long such a number lasts (microseconds)."""

    given: Flags
    fresh: Flags
    enough: Flags
    age: NDArray[np.int64]
    shelf: NDArray[np.int64]


class Question:
    """One Need at one moment, ready to be asked of the columns."""

    def __init__(self, columns: Columns, need: Need, now: datetime) -> None:
        self.columns, self.tables, self.need, self.now = columns, columns.tables, need, now
        self.masks = [int(need_mask(codes)) for codes in need.needs.values()]
        self.any_need = np.uint64(reduce(or_, self.masks, 0))
        self.voices = columns.voices if need.languages else NO_NEED
        self.mask = self.any_need | self.voices
        self.moment = microseconds(now.astimezone(UTC))
        self.covering = self.tables.areas.covering(need.place)
        self.unplaced = self.tables.areas.unplaced(need.place.country)
        self.is_wary = bool(need.excluded_organizations or need.excluded_communities or need.excluded_areas
                            or need.declined)
        self.is_plain = not (self.is_wary or need.open_now or need.open_by is not None)
        # By area set, how it serves the place.
        self.area_told = np.zeros(len(self.tables.areas.values), dtype=np.uint8)
        if self.unplaced is not None:
            self.area_told[self.unplaced] = UNPLACED
        if self.covering:
            self.area_told[self.covering] = COVERING

    def reachable(self, reach_km: float, loops: Loops | None = None) -> tuple[Rows, Rows]:
        """Rows for one of the needs that may be in reach, and those of interpreters; of one service there may be
        several."""
        c, reach = self.columns, reach_km + ROUNDING_KM
        here = float(self.need.place.latitude), float(self.need.place.longitude)
        near = c.near(*here, reach, self.mask) if loops is None else \
            loops.near_rows(c.keys, c["needs"], self.mask, *here, reach)
        groups = [near[~self.everywhere(near)] if self.covering else near, *self.placeless()]
        rows = np.concatenate(groups) if len(groups) > 1 else groups[0]
        if not self.voices:
            return rows, NO_ROWS
        return (rows[(c["needs"][rows] & self.any_need).nonzero()[0]],
                rows[(c["confirmed"][rows] & self.voices).nonzero()[0]])

    def placeless(self) -> list[Rows]:
        """Rows that are found by area, and those that are not sorted in by place yet."""
        c, groups = self.columns, []
        elsewhere = self.covering if self.unplaced is None else [*self.covering, self.unplaced]
        if elsewhere:
            groups.append(c.elsewhere(elsewhere, self.mask))
        if c.count > c.sorted:
            groups.append(c.added(self.mask))
        return groups

    def _is_offered(self, rows: Rows, distance: Floats, everywhere: Flags, reach_km: float) -> Flags:
        """The hard rules, for the nearest row of each service."""
        kept: Flags = (distance <= reach_km) | everywhere
        if self.unplaced is not None:
            kept |= self.columns["areas"][rows] == self.unplaced
        if self.columns.has_several:
            kept[self.columns.farther_ones(rows, distance)] = False
        return kept & self.allowed(rows) if self.is_wary else kept

    def distances(self, rows: Rows) -> Floats:
        """Kilometres to 0.1; infinite where no point is known."""
        c, place = self.columns, self.need.place
        keys = c["key"][rows]
        exact = grid.kilometres(place.latitude, place.longitude, c["latitude"][rows], grid.longitudes(keys))
        far: Floats = np.rint(exact * 10) / 10
        nowhere = keys == grid.NOWHERE
        if nowhere.any():
            far[nowhere] = np.inf
        return far

    def allowed(self, rows: Rows) -> Flags:
        """The hard rules of whom and where the person must not meet, and of who has declined for good."""
        c, need = self.columns, self.need
        kept = np.ones(len(rows), dtype=bool)
        for organization in need.excluded_organizations:
            kept &= c["organization"][rows] != np.uint64(folded(organization))
        if need.excluded_communities:
            rules = [("community", code) for code in need.excluded_communities]
            kept &= ~self.tables.profiles.serves.hit(rules)[c["profile"][rows]]
        for area in need.excluded_areas:
            kept &= ~self._lies_in(rows, area.latitude, area.longitude, area.radius_km)
        for service_id, declined in need.declined.items():
            if declined.lasts:
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
        if not self.covering:
            return np.zeros(len(rows), dtype=bool)
        found: Flags = self.area_told[self.columns["areas"][rows]] == COVERING
        return found

    # Criteria

    def possible(self, rows: Rows, allowed_unmet: int, few: int, *, interpreted: bool) -> Rows:
        """Those of the rows that can still be offered once language, and then the person, is asked; of so few as `few`
        no more is asked."""
        c, speaking = self.columns, self.speaking(interpreted)
        if speaking is not None and not allowed_unmet:
            rows = rows[speaking[c["languages"][rows]].nonzero()[0]]
        if len(rows) <= few:
            return rows
        unmet = self._told(c["profile"][rows]) & COUNT_MASK
        if speaking is not None and allowed_unmet:
            unmet += speaking[c["languages"][rows]] == _NO
        return rows[(unmet <= allowed_unmet).nonzero()[0]]

    def speaking(self, interpreted: bool) -> NDArray[np.int8] | None:
        """By way of speaking: a Fluency, SILENT or INTERPRETED; None where no language is asked for."""
        if not self.need.languages:
            return None
        level, lent = self.tables.languages.answers(self.need.languages)
        return lent if interpreted else level

    def _told(self, numbers: NDArray[np.int32]) -> NDArray[np.int32]:
        """What these profiles say to all that is asked; see Profiles.verdict."""
        return reduce(np.add, [verdict[numbers] for verdict in self.verdicts(len(numbers))])

    def verdicts(self, count: int) -> list[NDArray[np.int32]]:
        """What each profile says to all that is asked, to be added up: done here, if so many rows are worth it."""
        profiles = self.tables.profiles
        found = [profiles.verdict(each) for each in self.asked()]
        return [reduce(np.add, found)] if len(profiles.values) < WORTH_ADDING * count else found

    def judged(self, rows: Rows, reach_km: float, allowed_unmet: int, *, interpreted: bool) -> Judged:
        """Rows with at most so many unmet criteria, with their scores."""
        distance, everywhere = self.distances(rows), self.everywhere(rows)
        within = distance <= self.need.radius_km
        unplaced = (distance == np.inf) & ~everywhere
        too_far = ~(within | everywhere | unplaced)
        profile, speaking = self.columns["profile"][rows], self.speaking(interpreted)
        spoken = np.full(len(rows), Fluency.DIRECT, dtype=np.int8) if speaking is None else \
            speaking[self.columns["languages"][rows]]
        told = self._told(profile)
        said = self._said(rows, self.need.household)
        unmet = told & COUNT_MASK
        unmet += spoken == _NO
        unmet += too_far
        unmet += said.fresh & ~said.enough
        unknown = (told >> UNKNOWN_BITS) & COUNT_MASK
        unknown += (told >= IN_WORDS) & (told < IN_WORDS + SPOKEN)
        for no, ask in (self._declined(rows), self._open(rows)):
            if no is not None:
                unmet += no
            if ask is not None:
                unknown += ask
        kept = ((unmet <= allowed_unmet) & self._is_offered(rows, distance, everywhere, reach_km)).nonzero()[0]
        rows, spoken, distance = rows[kept], spoken[kept], distance[kept]
        unplaced = unplaced[kept]
        fit, freshness, stale = self._capacity(said, kept)
        unknown = unknown[kept] + unplaced + stale + _IS_ASKED[spoken]
        nearness = self._nearness(distance, within[kept], everywhere[kept], unplaced)
        score = self._score(rows, nearness, _LANGUAGE_FITS[spoken], fit, freshness, unknown)
        return Judged(rows, distance, unmet[kept], too_far[kept], score)

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
        nothing = np.zeros(len(rows))
        sure: Floats = sum(((confirmed & np.uint64(mask)) != 0 for mask in self.masks), start=nothing)
        # What is confirmed is offered too.
        met = sum(((offered & np.uint64(mask)) != 0 for mask in self.masks), start=nothing)
        fit: Floats = (sure + SUGGESTED_FIT * (met - sure)) / len(self.masks)
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

    def _capacity(self, said: Said, kept: NDArray[np.int64]) -> tuple[Floats, Floats, Flags]:
        """How well the free places fit, how lately they were said, and whether they must be asked for."""
        given, fresh, enough = said.given[kept], said.fresh[kept], said.enough[kept]
        fit = _CAPACITY_FITS[given * 2 + fresh * 2 + enough]
        freshness = np.where(given, 0.5 ** np.maximum(0.0, said.age[kept] / said.shelf[kept]), 0.0)
        return fit, freshness, ~fresh

    def _said(self, rows: Rows, household: int) -> Said:
        units = self.tables.units
        unit = self.columns["unit"][rows]
        age, shelf, given = self.moment - self.columns["updated"][rows], units.shelf_life[unit], unit != 0
        fresh = given & (age <= shelf) & (age >= LATEST_MICROSECONDS)
        needed = max(1, household)
        enough = self.columns["available"][rows] >= (1 if needed == 1 else np.where(units.is_bed[unit], needed, 1))
        return Said(given, fresh, enough, age, shelf)

    def is_full(self, rows: Rows) -> Flags:
        """Whether they have said that not even one more is possible."""
        said = self._said(rows, 1)
        return said.fresh & ~said.enough

    def is_enough(self, rows: Rows) -> Flags:
        """Whether they have said lately that they can take all who are asked for."""
        said = self._said(rows, self.need.household)
        return said.fresh & said.enough

    def is_confirmed(self, rows: Rows) -> Flags:
        """Whether they have said that one more is possible."""
        said = self._said(rows, 1)
        return said.fresh & said.enough

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

    def asked(self) -> list[Asked]:
        """All that is asked of the person, and of today."""
        need = self.need
        asked: list[Asked] = [("offered", self.now.date().toordinal())]
        if need.ages is not None:
            asked.append(("age", *need.ages))
        if need.household > 1:
            asked.append(("household", need.household))
        asked += [(criterion, code) for criterion, code in (
            ("household", household(need)), ("gender", need.gender), ("nationality", need.nationality),
            ("status", need.status))
            if code and code != "unknown"]
        return asked + [("accessibility", code) for code in need.accessibility]
