"""A Need and Candidates -> ranked Matches with reasons, and near misses with what is unmet.

Hard rules (an excluded organization, area or community, out of reach, a lasting no to this case) drop a candidate
without a word: naming it could endanger. Everything else is a criterion, judged met, unknown or unmet. Unknown never
excludes: most real directories say little. One or two unmet criteria make a near miss, which says exactly what to
ask. `index/judging.py` states the same rules over columns; tests hold the two equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from referral_dir.domain import availability
from referral_dir.domain.availability import Capacity, CapacityState
from referral_dir.domain.eligibility import eligibility
from referral_dir.domain.interpreting import LanguageMatch, choose_interpreters, is_safe, language_criterion
from referral_dir.domain.need import Candidate, Criterion, Declined, Need, Verdict
from referral_dir.domain.opening import Opening, OpenState, opening
from referral_dir.domain.reach import distance_km, is_in_reach, place_criterion
from referral_dir.domain.saying import say, say_list, say_need, say_week_time
from referral_dir.domain.vocabulary import Reason

# The rank is the weighted sum of these parts, each from 0 to 1, less UNKNOWN_COST for each unknown criterion.
WEIGHTS: Final[Mapping[str, float]] = MappingProxyType({
    "needs": 0.35, "distance": 0.20, "language": 0.20, "capacity": 0.15, "freshness": 0.10,
})
UNKNOWN_COST: Final = 0.02
SUGGESTED_FIT: Final = 0.6
CAPACITY_FIT: Final[Mapping[str, float]] = MappingProxyType({
    "available": 1.0, "unknown": 0.3, "unconfirmed": 0.5, "unconfirmed, too few": 0.1, "full": 0.0})
MAXIMUM_UNMET: Final = 2
# After these it is offered later: when it has said anew what is free, or when its unit's shelf life has passed.
PASSING: Final = frozenset({Reason.FULL, Reason.WAITING_FOR_PLACE, Reason.NO_RESPONSE, Reason.OTHER})


# What a service answered when it was asked for this case before.
_ANSWERS: Final[Mapping[Reason, str]] = MappingProxyType({
    Reason.NO_RESPONSE: say("did not answer"), Reason.FULL: say("said full"), Reason.OTHER: say("said other"),
    Reason.WAITING_FOR_PLACE: say("said waiting for place")})


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
    chosen = choose_interpreters(need, interpreters, now)
    judged = [judge(need, c, chosen, now) for c in candidates if not_offered(need, c) is None]
    judged.sort(key=lambda m: (-m.score, m.candidate.service_id.int))
    unmet = [(len(m.unmet), m) for m in judged]
    near = sorted((pair for pair in unmet if 0 < pair[0] <= MAXIMUM_UNMET), key=lambda pair: pair[0])
    return Ranking(tuple(m for count, m in unmet if not count), tuple(m for _, m in near))


def not_offered(need: Need, candidate: Candidate) -> str | None:
    """Which hard rule keeps the candidate out; None where it may be offered."""
    if candidate.status != "active":
        return f"its status is {candidate.status}"
    if not any(codes & candidate.needs for codes in need.needs.values()):
        return "it serves none of the needs"
    declined = need.declined.get(candidate.service_id)
    if declined is not None and declined.lasts:
        return f"it has declined this case: {declined.reason.replace('_', ' ')}"
    if not is_safe(need, candidate):
        return "it is of an organization or community to avoid, or in an area to avoid"
    if not is_in_reach(need, candidate, distance_km(need, candidate)):
        return "it is out of reach, and does not serve this place from afar"
    return None


def judge(need: Need, candidate: Candidate, interpreters: Mapping[str, Candidate], now: datetime) -> Match:
    """All criteria of one candidate, and its score."""
    met, needs = _needs(need, candidate)
    distance = distance_km(need, candidate)
    language, spoken = language_criterion(need, candidate, interpreters)
    state = availability.state(candidate.capacity, need.household, now)
    found = opening(candidate.schedules, candidate.timezone, now)
    criteria = (
        needs,
        place_criterion(need, candidate, distance),
        *([spoken] if need.languages else []),
        _capacity(candidate.capacity, state, need, now),
        *_declined(need.declined.get(candidate.service_id), candidate.capacity, now),
        *_still_offered(candidate, now),
        *_opening(need, found),
        *eligibility(need, candidate),
    )
    # Not round(score, 4), which no column of numbers can repeat where a score lies between two.
    score = round(max(0.0, sum(parts(criteria, candidate.capacity, now).values())) * 10_000) / 10_000
    return Match(candidate, score, distance, met, language, state, found, criteria)


def measured(need: Need, match: Match, distance_km: float) -> Match:
    """The match with a better distance, in km, than the one that it was ranked by.

    Where the two lie on either side of what was asked, the rank's own stands: nobody is told of a service within 50 km
    that it is 50.1 km away.
    """
    if distance_km == match.distance_km:
        return match
    ranked = next(c for c in match.criteria if c.name == "distance")
    better = place_criterion(need, match.candidate, distance_km)
    if better.verdict is not ranked.verdict:
        return match
    criteria = tuple(replace(c, detail=better.detail) if c is ranked else c for c in match.criteria)
    return replace(match, distance_km=distance_km, criteria=criteria)


def parts(criteria: Sequence[Criterion], capacity: Capacity | None, now: datetime) -> dict[str, float]:
    """What each part adds to the score, in the order of WEIGHTS, and what the unknown takes off."""
    fits = {"language": 1.0} | {c.name: c.fit for c in criteria}
    fits["freshness"] = availability.freshness(capacity.updated, capacity.unit, now) if capacity else 0.0
    unknown = sum([c.verdict is Verdict.UNKNOWN for c in criteria])
    return {name: weight * fits[name] for name, weight in WEIGHTS.items()} | {"unknown": -UNKNOWN_COST * unknown}


def _needs(need: Need, candidate: Candidate) -> tuple[tuple[str, ...], Criterion]:
    confirmed = candidate.confirmed_needs
    met = tuple([asked for asked, codes in need.needs.items()
                 if codes & confirmed or codes & candidate.suggested_needs])
    sure = sum([not codes.isdisjoint(confirmed) for codes in need.needs.values()])
    return met, _needs_met(met, sure, len(need.needs))


@lru_cache(maxsize=1024)
def _needs_met(met: tuple[str, ...], confirmed: int, asked: int) -> Criterion:
    said = {"met": len(met), "asked": asked, "needs": say_list(say_need(code, code) for code in met)}
    text = say("Meets %(met)s of %(asked)s needs: %(needs)s (suggested from its description, not yet confirmed)",
               **said) if len(met) > confirmed else say("Meets %(met)s of %(asked)s needs: %(needs)s", **said)
    fit = (confirmed + SUGGESTED_FIT * (len(met) - confirmed)) / asked
    return Criterion("needs", Verdict.MET, text, fit)


def _capacity(capacity: Capacity | None, state: CapacityState, need: Need, now: datetime) -> Criterion:
    if capacity is None or state is CapacityState.UNKNOWN:
        return Criterion("capacity", Verdict.UNKNOWN, say("Free places are not known: ask"), CAPACITY_FIT["unknown"])
    free = availability.count_text(capacity.available, capacity.unit)
    said = say("%(count)s free, said %(age)s", count=free, age=availability.age_text(capacity.updated, now))
    if state is CapacityState.AVAILABLE:
        return Criterion("capacity", Verdict.MET, said, CAPACITY_FIT["available"])
    needed = availability.places_needed(capacity.unit, need.household)
    if state is CapacityState.FULL:
        return Criterion("capacity", Verdict.UNMET, say("%(said)s; %(needed)s needed", said=said, needed=needed),
                         CAPACITY_FIT["full"])
    enough = "unconfirmed" if capacity.available >= needed else "unconfirmed, too few"
    return Criterion("capacity", Verdict.UNKNOWN, say("%(said)s: unconfirmed, ask", said=said), CAPACITY_FIT[enough])


def rests(declined: Declined, capacity: Capacity | None, now: datetime) -> bool:
    """Whether a passing no still stands: nothing new was said since, and its shelf life has not passed."""
    if declined.reason not in PASSING or (capacity is not None and capacity.updated > declined.at):
        return False
    return now - declined.at < availability.shelf_life(capacity.unit if capacity else "bed")


def _declined(declined: Declined | None, capacity: Capacity | None, now: datetime) -> list[Criterion]:
    if declined is None or not rests(declined, capacity, now):
        return []
    return [Criterion("declined", Verdict.UNMET, say(
        "Asked for this case already: %(answer)s %(age)s", answer=_ANSWERS[declined.reason],
        age=availability.age_text(declined.at, now)))]


def _still_offered(candidate: Candidate, now: datetime) -> list[Criterion]:
    """An end that has passed is never a match; a feed may have missed its renewal, so it can be asked about."""
    if not availability.ended(candidate.offered_until, now):
        return []
    return [Criterion("offered", Verdict.UNMET, say(
        "Was offered until %(day)s: ask whether it goes on", day=candidate.offered_until))]


def _opening(need: Need, found: Opening) -> list[Criterion]:
    if not need.open_now and need.open_by is None:
        return []
    verdict = open_verdict(need, found)
    if verdict is Verdict.UNKNOWN:
        return [Criterion("open", verdict, say("Opening hours are not known: call"))]
    if found.state is OpenState.OPEN:
        return [Criterion("open", verdict, say("Open now"))]
    return [Criterion("open", verdict, say("Closed now, opens %(when)s (its time)", when=say_week_time(found.opens))
                      if found.opens else say("Closed now, no opening in the next month"))]


def open_verdict(need: Need, found: Opening) -> Verdict:
    """Whether someone is there when it is asked for."""
    if found.state is OpenState.UNKNOWN:
        return Verdict.UNKNOWN
    in_time = found.state is OpenState.OPEN or (
        not need.open_now and need.open_by is not None and found.opens is not None and found.opens <= need.open_by)
    return Verdict.MET if in_time else Verdict.UNMET
