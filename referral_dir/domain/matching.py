"""A Need and Candidates -> ranked Matches with reasons, and near misses with what is unmet.

Hard rules (an excluded organization or area, a service not offered) drop a candidate without a word: naming
it could endanger. Everything else is a criterion, judged met, unknown or unmet. Unknown never excludes: most
real directories say little. One or two unmet criteria make a near miss, which says exactly what to ask.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from referral_dir.domain import availability
from referral_dir.domain.availability import Capacity, CapacityState
from referral_dir.domain.opening import Opening, OpenState, Schedule, opening, opens_by
from referral_dir.domain.vocabulary import Place

# The rank is the weighted sum of these parts, each from 0 to 1, less UNKNOWN_COST for each unknown criterion.
WEIGHTS: Final[Mapping[str, float]] = MappingProxyType({
    "needs": 0.35, "distance": 0.20, "language": 0.20, "capacity": 0.15, "freshness": 0.10,
})
UNKNOWN_COST: Final = 0.02
SUGGESTED_FIT: Final = 0.6
HALF_DISTANCE_KM: Final = 15.0
REMOTE_NEARNESS: Final = 0.5
PLACE_UNKNOWN_NEARNESS: Final = 0.1
MAXIMUM_UNMET: Final = 2
EARTH_RADIUS_KM: Final = 6371.0088


class Verdict(StrEnum):
    """What was found for one criterion."""

    MET = "met"
    UNKNOWN = "unknown"
    UNMET = "unmet"


class Via(StrEnum):
    """How the person and the service can speak."""

    DIRECT = "direct"
    INTERPRETER = "interpreter"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Area:
    """A circle to avoid."""

    name: str
    latitude: float
    longitude: float
    radius_km: float


@dataclass(frozen=True, slots=True)
class Need:
    """What is asked for.

    `needs` maps each asked code to the codes that satisfy it (itself and its children); any one of `languages`
    is enough; `ages` is the youngest and oldest the person may be, in years.
    """

    needs: Mapping[str, frozenset[str]]
    place: Place
    languages: tuple[str, ...] = ()
    radius_km: float = 50.0
    ages: tuple[int, int] | None = None
    gender: str | None = None
    household: int = 1
    nationality: str | None = None
    status: str | None = None
    accessibility: tuple[str, ...] = ()
    excluded_organizations: frozenset[UUID] = frozenset()
    excluded_areas: tuple[Area, ...] = ()
    open_now: bool = False
    open_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class EligibilityRule:
    """criterion: gender, household, nationality, status, accessibility or community; effect: serves, excludes."""

    criterion: str
    code: str
    effect: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service as it is now, in the fields that rules read. A confidential one has its zone's point only."""

    service_id: UUID
    organization_id: UUID
    name: str
    organization: str
    confirmed_needs: frozenset[str]
    suggested_needs: frozenset[str] = frozenset()
    status: str = "active"
    offered_until: date | None = None
    confidential: bool = False
    zone: str | None = None
    points: tuple[tuple[float, float], ...] = ()
    place_precision: str = "exact"
    covers_place: bool = False
    remote: bool = False
    languages: frozenset[str] = frozenset()
    own_interpretation: str | None = None
    minimum_age: float | None = None
    maximum_age: float | None = None
    maximum_household: int | None = None
    eligibility: tuple[EligibilityRule, ...] = ()
    eligibility_text: str | None = None
    capacity: Capacity | None = None
    schedules: tuple[Schedule, ...] = ()
    timezone: str | None = None
    accepts_handoffs: bool = True


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion, its verdict, and the sentence that an officer reads. `fit` is the part of the rank."""

    name: str
    verdict: Verdict
    detail: str
    fit: float = 1.0


@dataclass(frozen=True, slots=True)
class LanguageMatch:
    """How they can speak: in `code`, `via` whom."""

    code: str | None
    via: Via
    interpreter: Candidate | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """A judged candidate."""

    candidate: Candidate
    score: float
    distance_km: float | None
    needs: tuple[str, ...]
    language: LanguageMatch
    capacity_state: CapacityState
    opening: Opening
    criteria: tuple[Criterion, ...] = field(repr=False)

    @property
    def unmet(self) -> tuple[Criterion, ...]:
        """The criteria that are not met."""
        return tuple(c for c in self.criteria if c.verdict is Verdict.UNMET)

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks for it, and what must be asked."""
        return tuple(c.detail for c in self.criteria if c.verdict is not Verdict.UNMET and c.detail)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Matches, best first, and near misses, nearest first."""

    matches: tuple[Match, ...]
    near_misses: tuple[Match, ...]


def rank(need: Need, candidates: Sequence[Candidate], interpreters: Sequence[Candidate],
         now: datetime) -> Ranking:
    """Judge every candidate. Equal input gives equal order: ties are broken by the service's id."""
    chosen = _choose_interpreters(need, interpreters, now)
    judged = [judge(need, c, chosen, now) for c in candidates if offered(need, c)]
    judged.sort(key=lambda m: (-round(m.score, 9), str(m.candidate.service_id)))
    near = sorted((m for m in judged if 0 < len(m.unmet) <= MAXIMUM_UNMET), key=lambda m: len(m.unmet))
    return Ranking(tuple(m for m in judged if not m.unmet), tuple(near))


def offered(need: Need, candidate: Candidate) -> bool:
    """The hard rules: in service, for at least one asked need, and nowhere that was excluded."""
    if candidate.status != "active":
        return False
    if candidate.organization_id in need.excluded_organizations:
        return False
    if any(haversine_km(lat, lon, area.latitude, area.longitude) <= area.radius_km
           for area in need.excluded_areas for lat, lon in candidate.points):
        return False
    every = candidate.confirmed_needs | candidate.suggested_needs
    return any(codes & every for codes in need.needs.values())


def judge(need: Need, candidate: Candidate, interpreters: Mapping[str, Candidate], now: datetime) -> Match:
    """All criteria of one candidate, and its score."""
    met, needs_fit, needs_text = _needs(need, candidate)
    distance = _distance(need, candidate)
    language, language_criterion = _language(need, candidate, interpreters)
    state = availability.state(candidate.capacity, need.household, now)
    capacity_criterion = _capacity(candidate.capacity, state, need, now)
    found = opening(candidate.schedules, candidate.timezone, now)
    criteria = [
        Criterion("needs", Verdict.MET, needs_text, needs_fit),
        _place(need, candidate, distance),
        *([language_criterion] if need.languages else []),
        capacity_criterion,
        *_still_offered(candidate, now),
        *_opening(need, candidate, found, now),
        *_eligibility(need, candidate),
    ]
    parts = {c.name: c.fit for c in criteria}
    updated = candidate.capacity.updated if candidate.capacity else None
    unit = candidate.capacity.unit if candidate.capacity else ""
    score = (
        WEIGHTS["needs"] * needs_fit
        + WEIGHTS["distance"] * parts["distance"]
        + WEIGHTS["language"] * parts.get("language", 1.0)
        + WEIGHTS["capacity"] * capacity_criterion.fit
        + WEIGHTS["freshness"] * availability.freshness(updated, unit, now)
        - UNKNOWN_COST * sum(c.verdict is Verdict.UNKNOWN for c in criteria)
    )
    return Match(candidate, round(max(0.0, score), 4), distance, met, language, state, found, tuple(criteria))


def _needs(need: Need, candidate: Candidate) -> tuple[tuple[str, ...], float, str]:
    met, fit = [], 0.0
    suggested = False
    for asked, codes in need.needs.items():
        if codes & candidate.confirmed_needs:
            met.append(asked)
            fit += 1.0
        elif codes & candidate.suggested_needs:
            met.append(asked)
            fit += SUGGESTED_FIT
            suggested = True
    text = f"Meets {len(met)} of {len(need.needs)} needs: {', '.join(met)}"
    if suggested:
        text += " (suggested from its description, not yet confirmed)"
    return tuple(met), fit / len(need.needs), text


def _distance(need: Need, candidate: Candidate) -> float | None:
    if not candidate.points:
        return None
    here = need.place.latitude, need.place.longitude
    return round(min(haversine_km(*here, *point) for point in candidate.points), 1)


def _place(need: Need, candidate: Candidate, distance: float | None) -> Criterion:
    where = f"zone {candidate.zone}" if candidate.confidential else need.place.name
    nearness = 0.0 if distance is None else 1 / (1 + distance / HALF_DISTANCE_KM)
    if distance is not None and distance <= need.radius_km:
        if candidate.confidential:
            return Criterion("distance", Verdict.MET, f"Confidential address, {where}", nearness)
        roughly = "about " if candidate.place_precision != "exact" else ""
        return Criterion("distance", Verdict.MET, f"{roughly}{distance:g} km from {where}", nearness)
    if candidate.remote:
        return Criterion("distance", Verdict.MET, "Works by phone or online", max(REMOTE_NEARNESS, nearness))
    if candidate.covers_place:
        return Criterion("distance", Verdict.MET, f"Covers {need.place.name}", max(REMOTE_NEARNESS, nearness))
    if distance is None:
        return Criterion("distance", Verdict.UNKNOWN, "Its place is not known: ask where it is",
                         PLACE_UNKNOWN_NEARNESS)
    return Criterion("distance", Verdict.UNMET,
                     f"{distance:g} km away, beyond the {need.radius_km:g} km asked for", nearness)


def _language(need: Need, candidate: Candidate,
              interpreters: Mapping[str, Candidate]) -> tuple[LanguageMatch, Criterion]:
    def answer(match: LanguageMatch, verdict: Verdict, detail: str, fit: float) -> tuple[LanguageMatch, Criterion]:
        return match, Criterion("language", verdict, detail, fit)

    for code in need.languages:
        if speaks(candidate.languages, code):
            return answer(LanguageMatch(code, Via.DIRECT), Verdict.MET, f"Speaks {code}", 1.0)
    if candidate.own_interpretation:
        return answer(LanguageMatch(need.languages[0] if need.languages else None, Via.INTERPRETER), Verdict.MET,
                      f"Has interpretation: {candidate.own_interpretation}", 0.6)
    for code in need.languages:
        interpreter = interpreters.get(code)
        if interpreter and interpreter.service_id != candidate.service_id:
            return answer(LanguageMatch(code, Via.INTERPRETER, interpreter), Verdict.MET,
                          f"{code} through {interpreter.name}", 0.6)
    asked = " or ".join(need.languages)
    if not candidate.languages:
        return answer(LanguageMatch(None, Via.UNKNOWN), Verdict.UNKNOWN, f"Ask whether they speak {asked}", 0.3)
    known = ", ".join(sorted(candidate.languages))
    return answer(LanguageMatch(None, Via.UNKNOWN), Verdict.UNMET,
                  f"{asked} is not among its languages ({known}) and no interpreter was found", 0.0)


def speaks(offered_codes: frozenset[str], asked: str) -> bool:
    """Whether a BCP 47 tag is offered: exactly, or one of the two is the other's broader tag (`ar`, `ar-JO`)."""
    return any(code == asked or asked.startswith(code + "-") or code.startswith(asked + "-")
               for code in offered_codes)


def _capacity(capacity: Capacity | None, state: CapacityState, need: Need, now: datetime) -> Criterion:
    if capacity is None or state is CapacityState.UNKNOWN:
        return Criterion("capacity", Verdict.UNKNOWN, "Free places are not known: ask", 0.3)
    free = availability.count_text(capacity.available, capacity.unit)
    said = f"{free} free, said {age_text(capacity.updated, now)}"
    if state is CapacityState.AVAILABLE:
        return Criterion("capacity", Verdict.MET, said, 1.0)
    if state is CapacityState.FULL:
        needed = availability.places_needed(capacity.unit, need.household)
        return Criterion("capacity", Verdict.UNMET, f"{said}; {needed} needed", 0.0)
    enough = capacity.available >= availability.places_needed(capacity.unit, need.household)
    return Criterion("capacity", Verdict.UNKNOWN, f"{said}: unconfirmed, ask", 0.5 if enough else 0.1)


def ended(candidate: Candidate, now: datetime) -> bool:
    """Whether the day until which it is offered has passed."""
    return candidate.offered_until is not None and candidate.offered_until < now.date()


def _still_offered(candidate: Candidate, now: datetime) -> list[Criterion]:
    """An end that has passed is never a match; a feed may have missed its renewal, so it can be asked about."""
    if not ended(candidate, now):
        return []
    return [Criterion("offered", Verdict.UNMET, f"Was offered until {candidate.offered_until}: ask whether it goes on")]


def _opening(need: Need, candidate: Candidate, found: Opening, now: datetime) -> list[Criterion]:
    if not need.open_now and need.open_by is None:
        return []
    if found.state is OpenState.UNKNOWN:
        return [Criterion("open", Verdict.UNKNOWN, "Opening hours are not known: call")]
    if found.state is OpenState.OPEN:
        return [Criterion("open", Verdict.MET, "Open now")]
    opens = f"opens {found.opens:%a %H:%M} (its time)" if found.opens else "no opening in the next month"
    in_time = not need.open_now and need.open_by is not None and opens_by(
        candidate.schedules, candidate.timezone, now, need.open_by)
    return [Criterion("open", Verdict.MET if in_time else Verdict.UNMET, f"Closed now, {opens}")]


def _eligibility(need: Need, candidate: Candidate) -> list[Criterion]:
    found = [_age(need, candidate), _household(need, candidate)]
    asked = (("gender", need.gender), ("nationality", need.nationality), ("status", need.status))
    found += [_coded(candidate, criterion, code) for criterion, code in asked if code]
    found += [_accessible(candidate, code) for code in need.accessibility]
    known = [criterion for criterion in found if criterion is not None]
    if candidate.eligibility_text and not candidate.eligibility and not known:
        known.append(Criterion("eligibility", Verdict.UNKNOWN, f"Says: {candidate.eligibility_text[:120]}"))
    return known


def _age(need: Need, candidate: Candidate) -> Criterion | None:
    """The person's age is a range, a single year or a band: one that lies partly outside is to be asked."""
    if need.ages is None or (candidate.minimum_age is None and candidate.maximum_age is None):
        return None
    low, high = candidate.minimum_age or 0, candidate.maximum_age if candidate.maximum_age is not None else math.inf
    youngest, oldest = need.ages
    span = f"{low:g} and older" if math.isinf(high) else f"{low:g} to {high:g}"
    asked = f"{youngest}" if youngest == oldest else f"{youngest} to {oldest}"
    # Whole years: someone of 17 is under a maximum of 17 until the next birthday.
    inside = low <= youngest and oldest < high + 1
    outside = oldest < low or youngest >= high + 1
    verdict = Verdict.MET if inside else Verdict.UNMET if outside else Verdict.UNKNOWN
    return Criterion("age", verdict, f"For ages {span}; asked {asked}")


def _household(need: Need, candidate: Candidate) -> Criterion | None:
    if candidate.maximum_household is None or need.household <= 1:
        return None
    fits = need.household <= candidate.maximum_household
    return Criterion("household", Verdict.MET if fits else Verdict.UNMET,
                     f"Takes households of up to {candidate.maximum_household}; asked {need.household}")


def _coded(candidate: Candidate, criterion: str, code: str) -> Criterion | None:
    """A service that lists whom it serves serves only those; one that lists whom it excludes, everyone else."""
    rules = [r for r in candidate.eligibility if r.criterion == criterion]
    if not rules or code == "unknown":
        return None
    excluded = any(r.code == code for r in rules if r.effect == "excludes")
    served = [r.code for r in rules if r.effect == "serves"]
    if excluded or (served and code not in served):
        who = f"serves {', '.join(sorted(served))}" if served else f"does not take {code}"
        return Criterion(criterion, Verdict.UNMET, f"{criterion.capitalize()}: {who}; asked {code}")
    return Criterion(criterion, Verdict.MET, f"{criterion.capitalize()}: takes {code}")


def _accessible(candidate: Candidate, code: str) -> Criterion:
    rules = {r.effect for r in candidate.eligibility if r.criterion == "accessibility" and r.code == code}
    if "excludes" in rules:
        return Criterion("accessibility", Verdict.UNMET, f"Not accessible: {code}")
    if "serves" in rules:
        return Criterion("accessibility", Verdict.MET, f"Accessible: {code}")
    return Criterion("accessibility", Verdict.UNKNOWN, f"Ask about access: {code}")


def _choose_interpreters(need: Need, interpreters: Sequence[Candidate], now: datetime) -> dict[str, Candidate]:
    """For each asked language the interpretation service to use: open, with capacity, near enough or remote."""
    chosen: dict[str, Candidate] = {}
    for code in need.languages:
        fit = [(i, opening(i.schedules, i.timezone, now).state) for i in interpreters
               if speaks(i.languages, code) and _can_interpret(need, i, now)]
        ready = [(i, state) for i, state in fit if state is not OpenState.CLOSED]
        if ready:
            chosen[code] = min(ready, key=lambda pair: _interpreter_order(need, pair[0], pair[1], now))[0]
    return chosen


def _can_interpret(need: Need, interpreter: Candidate, now: datetime) -> bool:
    if ended(interpreter, now) or not offered_to_all(need, interpreter):
        return False
    if availability.state(interpreter.capacity, 1, now) is CapacityState.FULL:
        return False
    distance = _distance(need, interpreter)
    return interpreter.remote or interpreter.covers_place or (distance is not None and distance <= need.radius_km)


def offered_to_all(need: Need, candidate: Candidate) -> bool:
    """The hard rules without the asked needs: an interpreter is not what was asked for, but must be safe too."""
    any_need = {"": candidate.confirmed_needs | candidate.suggested_needs}
    return offered(replace(need, needs=any_need), candidate)


def _interpreter_order(need: Need, interpreter: Candidate, state: OpenState,
                       now: datetime) -> tuple[bool, bool, float, str]:
    confirmed = availability.state(interpreter.capacity, 1, now) is CapacityState.AVAILABLE
    distance = 0.0 if interpreter.remote else (_distance(need, interpreter) or 0.0)
    return (state is not OpenState.OPEN, not confirmed, distance, str(interpreter.service_id))


def haversine_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance on the mean sphere (R. W. Sinnott, 1984); within 0.6 % of the geodesic."""
    a1, a2 = math.radians(lat1), math.radians(lat2)
    half = math.sin((a2 - a1) / 2) ** 2 + math.cos(a1) * math.cos(a2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))


def age_text(then: datetime, now: datetime) -> str:
    """ "5 minutes ago", "3 hours ago", "12 days ago"."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {word}{'s' if count > 1 else ''} ago"
    return "just now"
