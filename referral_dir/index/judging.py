"""The rules of domain/matching.py over columns: who is offered, how many criteria are unmet, and the score.

Every step is the rule of the same name there; a property test holds the two equal. A row that fails more criteria than
are allowed is dropped as soon as that is known.
"""

from collections.abc import Mapping
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
from referral_dir.domain.need import EligibilityRule, Need, Verdict
from referral_dir.domain.reach import HALF_DISTANCE_KM, PLACE_UNKNOWN_NEARNESS, REMOTE_NEARNESS
from referral_dir.domain.tongues import FIT, Fluency
from referral_dir.index import grid
from referral_dir.index.columns import Columns, Rows, microseconds, need_mask

# The rank rounds distances to 0.1 km: what is at most half of that farther may still count.
ROUNDING_KM: Final = 0.051
_LATEST_SECONDS: Final = -5 * 60
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(slots=True)
class Judged:
    """Rows with their distance (infinite for none), how many criteria are unmet, and the score."""

    rows: Rows
    distance: Floats
    unmet: NDArray[np.int64]
    too_far: Flags
    score: Floats


class Question:
    """One Need at one moment, ready to be asked of the columns."""

    def __init__(self, columns: Columns, need: Need, now: datetime) -> None:
        self.columns, self.tables, self.need, self.now = columns, columns.tables, need, now
        self.masks = [need_mask(codes) for codes in need.needs.values()]
        self.any_need = np.bitwise_or.reduce(np.array(self.masks, dtype=np.uint64)) if self.masks else np.uint64(0)
        self.moment = microseconds(now.astimezone(UTC))
        covering = self.tables.areas.covering(need.place)
        self.covering = covering
        self._everywhere = np.zeros(len(self.tables.areas.values), dtype=bool)
        self._everywhere[covering] = True

    def proposed(self, reach_km: float) -> tuple[Rows, Floats, Flags]:
        """Rows that the hard rules allow, each service once, with their distance and whether they serve anywhere."""
        c, place = self.columns, self.need.place
        near = c.near(place.latitude, place.longitude, reach_km + ROUNDING_KM, self.any_need)
        if len(self.covering):
            near = near[~self._everywhere[c["areas"][near]]]
        groups = [near]
        elsewhere = [*self.covering, *self.tables.areas.unplaced(place.country)]
        if elsewhere:
            groups.append(c.elsewhere(elsewhere, self.any_need))
        if c.count > c.sorted:
            groups.append(c.added(self.any_need))
        rows = np.concatenate(groups) if len(groups) > 1 else near
        distance = self.distances(rows)
        everywhere = self.everywhere(rows)
        kept = (distance <= reach_km) | everywhere
        unplaced = self.tables.areas.unplaced(place.country)
        if unplaced:
            kept |= c["areas"][rows] == unplaced[0]
        kept &= self._nearest_of_several(rows, distance) & self.allowed(rows)
        return (rows, distance, everywhere) if kept.all() else (rows[kept], distance[kept], everywhere[kept])

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
        several = np.flatnonzero(c["several"][rows])
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
            rules = [EligibilityRule("community", code, "") for code in need.excluded_communities]
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
        """All rows with at most so many unmet criteria, with their scores."""
        rows, distance, everywhere = self.proposed(reach_km)
        within = distance <= self.need.radius_km
        unplaced = np.isinf(distance) & ~everywhere
        too_far = ~(within | everywhere | unplaced)
        unmet, unknown = too_far.astype(np.int64), unplaced.astype(np.int64)
        fits = {"distance": self._nearness(distance, within, everywhere, unplaced)}
        if self.need.languages:
            fits["language"], no, ask = self._language(rows, interpreted)
            unmet += no
            unknown += ask
        kept = unmet <= allowed_unmet
        state = rows, distance, too_far, unmet, unknown
        if not kept.all():
            state = tuple(values[kept] for values in state)  # type: ignore[assignment]
            fits = {name: values[kept] for name, values in fits.items()}
        rows, distance, too_far, unmet, unknown = state
        fits["capacity"], fits["freshness"], no, ask = self._capacity(rows)
        unmet += no
        unknown += ask
        others = [(self.has_ended(rows), None), self._declined(rows), self._open(rows), *self._eligibility(rows)]
        for refused, unsaid in others:
            if refused is not None:
                unmet += refused
            if unsaid is not None:
                unknown += unsaid
        kept = unmet <= allowed_unmet
        if not kept.all():
            rows, distance, too_far, unmet, unknown = (
                rows[kept], distance[kept], too_far[kept], unmet[kept], unknown[kept])
            fits = {name: values[kept] for name, values in fits.items()}
        return Judged(rows, distance, unmet, too_far, self._score(rows, fits, unknown))

    def _score(self, rows: Rows, fits: Mapping[str, Floats], unknown: NDArray[np.int64]) -> Floats:
        score: Floats = WEIGHTS["needs"] * self._needs(rows)
        score = score + WEIGHTS["distance"] * fits["distance"]
        score = score + WEIGHTS["language"] * fits.get("language", np.ones(len(rows)))
        score = score + WEIGHTS["capacity"] * fits["capacity"]
        score = score + WEIGHTS["freshness"] * fits["freshness"]
        rounded: Floats = np.round(np.maximum(0.0, score - UNKNOWN_COST * unknown), 4).astype(np.float64)
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

    def _language(self, rows: Rows, interpreted: bool) -> tuple[Floats, Flags, Flags]:
        sets = self.columns["languages"][rows]
        level = self.tables.languages.levels(self.need.languages)[sets]
        understood = level >= Fluency.SAME
        helped = np.ones(len(rows), dtype=bool) if interpreted \
            else self.tables.profiles.own_interpretation[self.columns["profile"][rows]]
        met = understood | helped
        silent = self.tables.languages.empty[sets]
        asked = ~met & ((level == Fluency.ASK) | silent)
        fit = np.where(level == Fluency.DIRECT, FIT[Fluency.DIRECT],
                       np.where(understood, FIT[Fluency.SAME],
                                np.where(helped, INTERPRETED_FIT,
                                         np.where(level == Fluency.ASK, FIT[Fluency.ASK],
                                                  np.where(silent, LANGUAGE_UNKNOWN_FIT, 0.0)))))
        return fit, ~met & ~asked, asked

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

    def _eligibility(self, rows: Rows) -> list[tuple[Flags | None, Flags | None]]:
        need, profiles = self.need, self.tables.profiles
        numbers = self.columns["profile"][rows]
        found: list[tuple[Flags | None, Flags | None]] = []
        spoken = np.zeros(len(rows), dtype=bool)
        if need.ages is not None:
            aged, low, high = (values[numbers] for values in profiles.ages)
            youngest, oldest = need.ages
            outside = aged & ((oldest < low) | (youngest >= high + 1))
            inside = (low <= youngest) & (oldest < high + 1)
            found.append((outside, aged & ~inside & ~outside))
            spoken |= aged
        if need.household > 1:
            largest = profiles.household[numbers]
            found.append(((largest != 0) & (largest < need.household), None))
            spoken |= largest != 0
        for criterion, code in (("gender", need.gender), ("nationality", need.nationality), ("status", need.status)):
            if code and code != "unknown":
                no, ruled = self._coded(criterion, code, numbers)
                found.append((no, None))
                spoken |= ruled
        for code in need.accessibility:
            rule = [EligibilityRule("accessibility", code, "")]
            no = profiles.excludes.hit(rule, numbers)
            found.append((no, ~no & ~profiles.serves.hit(rule, numbers)))
            spoken[:] = True
        found.append((None, profiles.text[numbers] & ~spoken))
        return found

    def _coded(self, criterion: str, code: str, numbers: NDArray[Any]) -> tuple[Flags, Flags]:
        """Who is turned away, and who has a rule of this kind at all."""
        profiles = self.tables.profiles
        every, this = profiles.codes(criterion), [EligibilityRule(criterion, code, "")]
        served, excluded = profiles.serves.hit(every, numbers), profiles.excludes.hit(every, numbers)
        turned_away = profiles.excludes.hit(this, numbers) | (served & ~profiles.serves.hit(this, numbers))
        return turned_away, served | excluded
