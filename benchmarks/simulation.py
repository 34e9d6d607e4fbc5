"""`python -m benchmarks.simulation`: does our ranking find a service that says yes sooner than nearest-first or random?

Some weeks of one country (real towns), event by event. Every service has a true state, which no policy sees, and what
the directory says of it, which is all that they see. For each case a policy names the next service to ask, one at a
time, until one accepts, nobody is left, or GIVE_UP_H have passed: the case is then unserved. The policies:

- `ours`: the match index, which orders as `matching.rank`, on what is said now and with the case's refusals as
  `desk/cases.need_of` gives them: the matches, then the near misses.
- `nearest`: nearest first of the same services (same needs, same reach); whom its written rules turn away comes last.
- `nearest_free`: the same, and those whose last number was 0 free come after the others.
- `nearest_fit`: our matches by distance, then our near misses in our order: our filter without our weights.
- `random`: in random order, within the radius first; whom the written rules turn away comes last.

What is assumed, once and the same for all of them (each guess with its reason in `Assumed`):

- A policy changes who is asked, nothing else: all ask by the same means and wait as long (`handoff.ANSWER_WITHIN`; for
  an urgent case that is all the time there is). Nobody asks a service twice for one case, though the product offers
  one again whose passing no has aged. Nobody asks two at once; no place is held while an answer is awaited.
- Per seed the places, people, arrivals, departures, silences, reports, delays and whims are drawn before any policy
  runs. An answer to a case depends on the policy only by when it is asked and by the places that policy has filled.
- Places fill by arrivals from elsewhere (turned away when full) and by the cases placed; a stay is exponential.
- The directory is told a number when the provider confirms, at its own pace: some never, some by "still true" without
  counting. As in the product an accepted case lowers the number, and who said too few must say anew first.
- A silent provider neither answers nor confirms until its silence ends, then it answers what still waits.
- Yes needs: the need truly met, the true rules (some unwritten, exceptions made), a language in common or an
  interpreter, a place for everyone, the place of the person served, and no whim.
- One need and one language, at times two, per case. Left out: opening hours (they are in the delays), services that
  work by phone, exclusions, access, persons who refuse or do not arrive.

Hours to acceptance are those of the accepted cases; `hours_capped_mean` counts an unserved one as GIVE_UP_H, so that
leaving the hard cases unserved does not look quick. `km` is the price: how far away the accepting service is.
Intervals are 95 %, Student's t over seeds; differences are paired by seed.
"""

import argparse
import heapq
import json
import math
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.world import AGES, GENDERS, NOW, make_world, service_id
from referral_dir.desk.cases import AGES as BANDS
from referral_dir.domain.availability import Capacity, places_needed
from referral_dir.domain.distance import STEPS_PER_DEGREE
from referral_dir.domain.eligibility import eligibility
from referral_dir.domain.handoff import ANSWER_WITHIN
from referral_dir.domain.matching import not_offered
from referral_dir.domain.need import Candidate, Declined, EligibilityRule, Need, Verdict
from referral_dir.domain.needs import expand
from referral_dir.domain.reach import distance_km
from referral_dir.domain.tongues import Fluency, fluency
from referral_dir.domain.vocabulary import Gender, Place, Priority, Reason
from referral_dir.index.columns import Columns, microseconds
from referral_dir.index.match import MatchIndex
from referral_dir.store.feed import Position

COUNTRY, HOME_LANGUAGE = "RS", "sr"  # 106 towns, one large city, on a route that many are moved along
SERVICES: Final = 300  # what a national directory of this field holds
CASES: Final = 300.0  # expected; about eleven a day
RUN_IN_H, DAYS = 7 * 24.0, 28  # a week without cases first, so that numbers have an age
GIVE_UP_H: Final = 72.0
# Spoken by people found on this route, the most frequent first; the k-th has weight 1 / (k + 1).
FOREIGN: Final = ("en", "ar", "prs", "fa", "ru", "uk", "ps", "ur", "tr", "sq", "ro", "bg", "hu", "bn", "fr", "so", "zh",
                  "hi", "es", "vi")


@dataclass(frozen=True)
class Kind:
    """Services of one kind: their share of services and of cases, unit, needs, places (from, to), mean hours a place
    is taken."""

    services: float
    cases: float
    unit: str
    codes: tuple[str, ...]
    places: tuple[int, int]
    stay_h: float


# Beds turn over in two weeks, a book of appointments opens again in three days.
KINDS: Final = (
    Kind(0.30, 0.40, "bed", ("shelter.emergency", "shelter.safe_house", "shelter.transitional"), (4, 20), 336.0),
    Kind(0.20, 0.15, "appointment", ("legal.immigration", "legal.criminal", "legal.labour"), (2, 8), 72.0),
    Kind(0.20, 0.20, "appointment", ("medical.general", "medical.emergency", "medical.sexual_health"), (2, 8), 72.0),
    Kind(0.15, 0.10, "appointment", ("mental_health.crisis", "mental_health.counselling"), (2, 8), 72.0),
    Kind(0.15, 0.15, "appointment", ("case_management", "basic.food", "documents"), (2, 8), 72.0),
)


@dataclass(frozen=True)
class Assumed:
    """Every number that is a guess. `lag` and `silent` are what the sensitivity table changes."""

    lag: float = 1.0  # stretches every provider's time between two reports
    silent: float = 0.10  # share of providers that are silent at any moment: staff leave, a mailbox nobody reads
    silence_h: float = 168.0  # a silence lasts a week on average: holidays, illness
    report_h: float = 24.0  # the median provider says a number once a day …
    report_spread: float = 1.0  # … one in six each 9 hours, one in six each 65 (log-normal)
    no_number: float = 0.15  # never say a number
    still_true: float = 0.10  # reports that repeat the old number without counting
    load: tuple[float, float] = (0.7, 1.7)  # demand over places, uniform: about a third are full at a time
    says_full: float = 0.5  # corrects its number after refusing as full
    answer_h: float = 2.0  # the median provider's median answer …
    answer_spread: float = 0.9  # … a quick one within the hour, a slow one in five (log-normal)
    each_spread: float = 0.8  # and from case to case of one provider
    whim: tuple[float, float] = (1.0, 11.0)  # share declined for reasons nobody could know: Beta, one in twelve
    household: float = 0.40  # take households up to a size of 1 to 6; rules of age and gender are drawn from world.py
    own_interpretation: float = 0.05  # have it in the house
    written: float = 0.75  # of true rules of age, gender and household
    exception: float = 0.10  # made to a true rule
    suggested: float = 0.15  # of needs are guessed from a description, as in world.py
    suggested_true: float = 0.70
    confirmed_true: float = 0.97  # a programme has ended and nobody said
    languages: float = 1.0  # foreign languages truly spoken, Poisson, besides the country's
    none_listed: float = 0.20  # list no language at all
    listed: float = 0.85  # of languages truly spoken
    left: float = 0.10  # of listed ones, the person who spoke it has left: one more that is not spoken
    interpreters: int = 8  # interpretation services by phone, of one to three languages
    works_interpreted: float = 0.70  # providers that work with an interpreter
    interpreter_had: float = 0.85  # and the interpreter can be had this time
    whole_country: float = 0.60  # the others take nobody from beyond the radius, which no directory says
    children: float = 0.33  # cases of 6 to 17 years, the others to 59: a third of detected victims (UNODC)
    female: float = 0.60  # as many of them
    households: tuple[int, ...] = (1, 1, 1, 2, 3, 4)  # as in world.py
    abroad: float = 0.50  # cases that don't speak the country's language
    english_too: float = 0.30  # of those
    next_h: float = 0.5  # an officer's time to record consent and ask the next
    priorities: tuple[float, float, float] = (0.40, 0.45, 0.15)  # emergency, urgent, normal
    haste: tuple[float, float, float] = (0.5, 1.0, 1.5)  # what priority does to a provider's delay


@dataclass(frozen=True)
class Provider:
    """A service: what the directory says (without its number) and what is so. `answer_h` is its median delay,
    `silences` are (from, to) in hours."""

    kind: Kind
    listed: Candidate
    true: Candidate
    places: int
    answer_h: float
    whim: float
    interpreted: bool
    whole_country: bool
    silences: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Option:
    """A service in reach that is said to meet the need; `barred`: its written rules turn this person away."""

    service: int
    km: float
    barred: bool


@dataclass(frozen=True)
class Case:
    """`need` is what the directory is asked, with an age group; `person` has the true age. `at` and `stay_h` in
    hours."""

    at: float
    need: Need
    person: Need
    priority: Priority
    haste: float
    stay_h: float
    options: tuple[Option, ...]


Event = tuple[float, int, str, int, Any]  # hours, order, what, whose, how
Draws = NDArray[np.float64]  # by case and service


@dataclass(frozen=True)
class World:
    """Everything of one seed that no policy can change. `delay` is standard normal, the other draws are uniform."""

    assumed: Assumed
    providers: list[Provider]
    interpreters: list[Candidate]
    cases: list[Case]
    events: list[Event]
    delay: Draws
    whim: Draws
    exception: Draws
    interpreter: Draws
    says_full: Draws
    order: Draws


def make(seed: int, assumed: Assumed) -> World:
    """The world of this seed. Where the assumptions differ in one number, all else is drawn the same."""
    rngs = [np.random.default_rng((seed, n)) for n in range(4)]
    providers, events = _providers(seed, assumed, rngs[0])
    interpreters = [_interpreter(n, rngs[1]) for n in range(assumed.interpreters)]
    cases = _cases(seed, assumed, providers, rngs[2])
    events += [(case.at, 0, "ask", n, None) for n, case in enumerate(cases)]
    size = len(cases), len(providers)
    uniform = [rngs[3].random(size) for _ in range(5)]
    return World(assumed, providers, interpreters, cases, sorted(events, key=lambda e: e[:4]),
                 rngs[3].standard_normal(size), *uniform)


def _providers(seed: int, assumed: Assumed, rng: np.random.Generator) -> tuple[list[Provider], list[Event]]:
    points = _points(seed)
    found, events = [], []
    for n, number in enumerate(rng.choice(len(KINDS), SERVICES, p=[kind.services for kind in KINDS])):
        own = np.random.default_rng((seed, 9, n))
        kind = KINDS[number]
        true, listed = _two_truths(n, points[n], kind, assumed, own)
        provider = Provider(
            kind, listed, true, int(own.integers(kind.places[0], kind.places[1] + 1)),
            assumed.answer_h * own.lognormal(0, assumed.answer_spread), own.beta(*assumed.whim),
            own.random() < assumed.works_interpreted, own.random() < assumed.whole_country, ())
        provider = replace(provider, silences=_silences(assumed, np.random.default_rng((seed, 10, n))))
        found.append(provider)
        events += _life(n, provider, assumed, own)
        events += _reports(n, provider, assumed, np.random.default_rng((seed, 11, n)))
    return found, events


@cache
def _points(seed: int) -> list[tuple[float, float]]:
    """Points about real towns, by population: first those of the services, then those where people are found."""
    world = make_world(SERVICES + 2 * int(CASES), country=COUNTRY, seed=seed)
    points = zip(world.latitude.tolist(), world.longitude.tolist(), strict=True)
    return [(latitude / STEPS_PER_DEGREE, longitude / STEPS_PER_DEGREE) for latitude, longitude in points]


def _two_truths(n: int, point: tuple[float, float], kind: Kind, assumed: Assumed,
                rng: np.random.Generator) -> tuple[Candidate, Candidate]:
    """What is so, and what is listed."""
    codes = [str(c) for c in rng.choice(kind.codes, rng.integers(1, len(kind.codes) + 1), replace=False)]
    guessed = {c for c in codes if rng.random() < assumed.suggested}
    met = {c for c in codes if rng.random() < (assumed.suggested_true if c in guessed else assumed.confirmed_true)}
    spoken = {HOME_LANGUAGE, *_foreign(rng, int(rng.poisson(assumed.languages)))}
    said = {c for c in sorted(spoken) if rng.random() < assumed.listed}
    said |= {c for c in _foreign(rng, len(said)) if rng.random() < assumed.left}
    youngest, oldest = AGES[rng.integers(len(AGES))]
    true = Candidate(
        service_id=service_id(n), organization_id=UUID(int=n), name="", organization="",
        confirmed_needs=frozenset(met), points=(point,), languages=frozenset(spoken), minimum_age=youngest,
        maximum_age=oldest, eligibility=tuple(EligibilityRule(*rule) for rule in GENDERS[rng.integers(len(GENDERS))]),
        maximum_household=int(rng.integers(1, 7)) if rng.random() < assumed.household else None,
        own_interpretation="yes" if rng.random() < assumed.own_interpretation else None)
    ages, household, rules = (bool(flag) for flag in rng.random(3) < assumed.written)
    return true, replace(
        true, confirmed_needs=frozenset(codes) - guessed, suggested_needs=frozenset(guessed),
        languages=frozenset() if rng.random() < assumed.none_listed else frozenset(said),
        minimum_age=youngest if ages else None, maximum_age=oldest if ages else None,
        maximum_household=true.maximum_household if household else None,
        eligibility=true.eligibility if rules else ())


def _foreign(rng: np.random.Generator, many: int) -> list[str]:
    weights = 1 / np.arange(2, len(FOREIGN) + 2)
    return [str(each) for each in rng.choice(FOREIGN, many, p=weights / weights.sum())]


def _interpreter(number: int, rng: np.random.Generator) -> Candidate:
    return Candidate(service_id=service_id(SERVICES + number), organization_id=UUID(int=10_000 + number), name="",
                     organization="", confirmed_needs=frozenset({"interpretation.remote"}), remote=True,
                     languages=frozenset(_foreign(rng, int(rng.integers(1, 4)))))


def _silences(assumed: Assumed, rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    """On and off in turn, both exponential; the share that is off is `assumed.silent`, from the first hour on."""
    between = assumed.silence_h * (1 - assumed.silent) / assumed.silent
    at = -RUN_IN_H if rng.random() < assumed.silent else -RUN_IN_H + rng.exponential(between)
    found = []
    while at < DAYS * 24 + GIVE_UP_H:
        end = at + rng.exponential(assumed.silence_h)
        found.append((at, end))
        at = end + rng.exponential(between)
    return tuple(found)


def _life(n: int, provider: Provider, assumed: Assumed, rng: np.random.Generator) -> list[Event]:
    """Arrivals from elsewhere, each with its stay. The first ones find the places that would be taken by then."""
    rate = rng.uniform(*assumed.load) * provider.places / provider.kind.stay_h
    first = min(provider.places, int(rng.poisson(rate * provider.kind.stay_h)))
    span = DAYS * 24 + GIVE_UP_H + RUN_IN_H
    times = [-RUN_IN_H] * first + sorted(rng.uniform(-RUN_IN_H, span - RUN_IN_H, rng.poisson(rate * span)).tolist())
    return [(at, 0, "arrive", n, stay)
            for at, stay in zip(times, rng.exponential(provider.kind.stay_h, len(times)).tolist(), strict=True)]


def _reports(n: int, provider: Provider, assumed: Assumed, rng: np.random.Generator) -> list[Event]:
    """When it says its number; whether it counts before."""
    if rng.random() < assumed.no_number:
        return []
    pace = assumed.lag * assumed.report_h * rng.lognormal(0, assumed.report_spread)
    events: list[Event] = [(-RUN_IN_H, 1, "say", n, True)]
    at = -RUN_IN_H + rng.exponential(pace)
    while at < DAYS * 24 + GIVE_UP_H:
        counts = bool(rng.random() >= assumed.still_true)
        if not any(begin <= at < end for begin, end in provider.silences):
            events.append((at, 0, "say", n, counts))
        at += rng.exponential(pace)
    return events


def _cases(seed: int, assumed: Assumed, providers: list[Provider], rng: np.random.Generator) -> list[Case]:
    many = min(int(rng.poisson(CASES)), 2 * int(CASES))
    by_code = {code: {n: each.listed for n, each in enumerate(providers) if code in each.listed.needs}
               for kind in KINDS for code in kind.codes}
    found = []
    for at, point in zip(np.sort(rng.uniform(0, DAYS * 24, many)).tolist(), _points(seed)[SERVICES:], strict=False):
        kind = KINDS[rng.choice(len(KINDS), p=[each.cases for each in KINDS])]
        code, urgency = str(rng.choice(kind.codes)), int(rng.choice(3, p=assumed.priorities))
        age = int(rng.integers(6, 18) if rng.random() < assumed.children else rng.integers(18, 60))
        person = Need(
            needs={code: expand(code)}, place=Place("here", COUNTRY, *point), languages=_spoken(assumed, rng),
            ages=(age, age), gender=Gender.FEMALE if rng.random() < assumed.female else Gender.MALE,
            household=int(rng.choice(assumed.households)))
        need = replace(person, ages=next(band for band in BANDS.values() if band[0] <= age <= band[1]))
        found.append(Case(at, need, person, tuple(Priority)[urgency], assumed.haste[urgency],
                          float(rng.exponential(kind.stay_h)), tuple(_options(need, by_code[code]))))
    return found


def _spoken(assumed: Assumed, rng: np.random.Generator) -> tuple[str, ...]:
    """By the person: the country's language, or a foreign one and perhaps English."""
    foreign, abroad, english = _foreign(rng, 1)[0], *(rng.random(2) < (assumed.abroad, assumed.english_too))
    if not abroad:
        return (HOME_LANGUAGE,)
    return (foreign, "en") if english and foreign != "en" else (foreign,)


def _options(need: Need, listed: Mapping[int, Candidate]) -> Iterator[Option]:
    """Whom the hard rules leave: the same for every policy."""
    for n, candidate in listed.items():
        if not_offered(need, candidate) is None:
            yield Option(n, distance_km(need, candidate) or 0.0, _turns_away(need, candidate))


def _turns_away(need: Need, candidate: Candidate) -> bool:
    return any(criterion.verdict is Verdict.UNMET for criterion in eligibility(need, candidate))


# One policy's weeks


class Run:
    """One policy in one world: the places taken, the directory as it is said now, and who was asked for each case."""

    def __init__(self, world: World, choose: "Policy") -> None:
        self.world, self.choose = world, choose
        self.queue: list[Event] = []
        self.order = count(2)
        self.taken = [0] * len(world.providers)
        self.said: list[tuple[int, float] | None] = [None] * len(world.providers)
        self.index, self.columns, self.rows = _index(world)
        self.asked: list[list[int]] = [[] for _ in world.cases]
        self.declined: list[dict[UUID, Declined]] = [{} for _ in world.cases]
        self.accepted: list[float | None] = [None] * len(world.cases)

    def later(self, at: float, what: str, whose: int, how: Any) -> None:
        """Put on the agenda."""
        heapq.heappush(self.queue, (at, next(self.order), what, whose, how))

    def free(self, n: int) -> int:
        """Places truly free."""
        return self.world.providers[n].places - self.taken[n]

    def say(self, n: int, available: int, at: float) -> None:
        """What the directory shows from now on, written where `Columns.apply` would write it."""
        self.said[n] = available, at
        self.columns["available"][self.rows[n]] = available
        self.columns["updated"][self.rows[n]] = microseconds(NOW) + int(at * 3_600_000_000)


def _index(world: World) -> tuple[MatchIndex, Columns, list[int]]:
    """The product's index over what is listed, its columns, and the row of each provider in them."""
    tells = {n for _, _, what, n, _ in world.events if what == "say"}
    listed = [replace(each.listed, capacity=Capacity(each.kind.unit, 1, None, NOW)) if n in tells else each.listed
              for n, each in enumerate(world.providers)]
    columns = Columns.of([*listed, *world.interpreters])
    rows = [columns.rows_of(each.service_id.int)[0] for each in listed]
    told = [rows[n] for n in tells]
    if (columns["available"][told] != 1).any() or (columns["updated"][told] != microseconds(NOW)).any():
        raise RuntimeError("the index keeps its numbers in another form: adapt Run.say")
    index = MatchIndex()
    index._columns, index._position = columns, Position(1)
    return index, columns, rows


Policy = Callable[[Run, int, datetime], int | None]  # the next service to ask for this case, None: nobody is left


def simulate(world: World, choose: Policy) -> Run:
    """All events in the order of their time."""
    run = Run(world, choose)
    for event in world.events:
        while run.queue and run.queue[0] < event:
            _happens(run, heapq.heappop(run.queue))
        _happens(run, event)
    while run.queue:
        _happens(run, heapq.heappop(run.queue))
    return run


def _happens(run: Run, event: Event) -> None:
    at, _, what, whose, how = event
    if what == "arrive":
        if run.free(whose) > 0:
            _occupy(run, whose, 1, at, how)
    elif what == "leave":
        run.taken[whose] -= how
    elif what == "say":
        before = run.said[whose]
        run.say(whose, run.free(whose) if how or before is None else before[0], at)
    elif what == "ask":
        _ask(run, whose, at)
    else:
        _answered(run, whose, at, *how)


def moment(at: float) -> datetime:
    """Hours since the first case could arrive, as the rules read time."""
    return NOW + timedelta(hours=at)


def _occupy(run: Run, n: int, places: int, at: float, stay_h: float) -> None:
    run.taken[n] += places
    run.later(at + stay_h, "leave", n, places)


def _ask(run: Run, number: int, at: float) -> None:
    """Ask the next; beyond GIVE_UP_H nobody waits for the answer."""
    case, world = run.world.cases[number], run.world
    ends = case.at + GIVE_UP_H
    n = run.choose(run, number, moment(at)) if at < ends else None
    if n is None:
        return
    run.asked[number].append(n)
    provider = world.providers[n]
    delay = provider.answer_h * case.haste * math.exp(world.assumed.each_spread * world.delay[number, n])
    ready, deadline = _ready(provider, at, delay), at + ANSWER_WITHIN[case.priority] / timedelta(hours=1)
    if min(ready, deadline) < ends:
        run.later(min(ready, deadline), "answer", number, (n, ready < deadline))


def _ready(provider: Provider, asked: float, delay: float) -> float:
    """When it would answer: what comes in a silence, or would be answered in one, waits until that has ended."""
    for begin, end in provider.silences:
        if asked < end and asked + delay >= begin:
            asked = end
    return asked + delay


def _answered(run: Run, number: int, at: float, n: int, in_time: bool) -> None:
    case, world = run.world.cases[number], run.world
    places = places_needed(world.providers[n].kind.unit, case.person.household)
    reason = _refusal(world, number, n, run.free(n) >= places) if in_time else Reason.NO_RESPONSE
    if reason is None:
        run.accepted[number] = at
        _occupy(run, n, places, at, case.stay_h)
        _take(run, n, places, at)
        return
    run.declined[number][world.providers[n].listed.service_id] = Declined(reason, moment(at))
    if reason is Reason.FULL and run.said[n] is not None and world.says_full[number, n] < world.assumed.says_full:
        run.say(n, run.free(n), at)
    run.later(at + world.assumed.next_h, "ask", number, None)


def _take(run: Run, n: int, places: int, at: float) -> None:
    """As desk/handoffs.accept: the number said goes down; where it is too small the provider sets it first."""
    said = run.said[n]
    if said is not None:
        run.say(n, *((said[0] - places, said[1]) if said[0] >= places else (run.free(n), at)))


def _refusal(world: World, number: int, n: int, has_room: bool) -> Reason | None:
    """The first thing that stands against it; None: yes."""
    case, provider, assumed = world.cases[number], world.providers[n], world.assumed
    person, true = case.person, provider.true
    if not any(codes & true.needs for codes in person.needs.values()):
        return Reason.NEED_NOT_MET
    far = (distance_km(person, true) or 0.0) > person.radius_km
    if (_turns_away(person, true) or (far and not provider.whole_country)) \
            and world.exception[number, n] >= assumed.exception:
        return Reason.NOT_ELIGIBLE
    if not _can_speak(world, number, n):
        return Reason.LANGUAGE
    if not has_room:
        return Reason.FULL
    return Reason.OTHER if world.whim[number, n] < provider.whim else None


def _can_speak(world: World, number: int, n: int) -> bool:
    person, provider = world.cases[number].person, world.providers[n]
    if any(fluency(own, asked) >= Fluency.SAME for asked in person.languages for own in provider.true.languages):
        return True
    if provider.true.own_interpretation:
        return True
    lent = any(asked in each.languages for asked in person.languages for each in world.interpreters)
    return lent and provider.interpreted and world.interpreter[number, n] < world.assumed.interpreter_had


# The policies


def ours(run: Run, number: int, now: datetime) -> int | None:
    """The first of our ranking that was not asked yet: matches, then near misses."""
    matches, near_misses = _proposed(run, number, now, len(run.asked[number]) + 1)
    return _next_of(run, number, [*matches, *near_misses])


def nearest_fit(run: Run, number: int, now: datetime) -> int | None:
    """Our filter, then distance."""
    matches, near_misses = _proposed(run, number, now, SERVICES)
    return _next_of(run, number, [*sorted(matches, key=itemgetter(1)), *near_misses])


Ranked = list[tuple[int, float]]  # services and how far they are (km)


def _proposed(run: Run, number: int, now: datetime, many: int) -> tuple[Ranked, Ranked]:
    """So many matches, and enough near misses, best first. Services are numbered in the low half of their id."""
    need = replace(run.world.cases[number].need, declined=run.declined[number])
    found = run.index.propose(need, now, matches=many, near_misses=len(run.asked[number]) + 1)
    matches, near_misses = ([(each.service_id.int & (1 << 64) - 1, each.distance_km or 0.0) for each in group]
                            for group in (found.matches, found.near_misses))
    return matches, near_misses


def _next_of(run: Run, number: int, order: Ranked) -> int | None:
    asked = set(run.asked[number])
    return next((n for n, _ in order if n not in asked), None)


def nearest(run: Run, number: int, now: datetime) -> int | None:
    """A list by distance."""
    return _first(run, number, lambda option: (option.barred, option.km))


def nearest_free(run: Run, number: int, now: datetime) -> int | None:
    """A list by distance that shows the last number said."""
    return _first(run, number, lambda option: (option.barred, _said_none(run, option.service), option.km))


def at_random(run: Run, number: int, now: datetime) -> int | None:
    """Any, within the radius first."""
    radius, draws = run.world.cases[number].need.radius_km, run.world.order[number]
    return _first(run, number, lambda option: (option.barred, option.km > radius, draws[option.service]))


def _said_none(run: Run, n: int) -> bool:
    said = run.said[n]
    return said is not None and said[0] == 0


def _first(run: Run, number: int, key: Callable[[Option], tuple[Any, ...]]) -> int | None:
    asked = set(run.asked[number])
    left = [option for option in run.world.cases[number].options if option.service not in asked]
    return min(left, key=key).service if left else None


POLICIES: Final[Mapping[str, Policy]] = {
    "ours": ours, "nearest": nearest, "nearest_free": nearest_free, "nearest_fit": nearest_fit, "random": at_random}


# What is measured

MEASURES: Final = ("first_request_acceptance", "hours_to_acceptance_p50", "hours_to_acceptance_p90",
                   "requests_per_accepted", "unserved", "hours_capped_mean", "km")


def measure(run: Run) -> dict[str, float]:
    """MEASURES of one run. Shares are of all cases."""
    cases = run.world.cases
    hours = [None if at is None else at - case.at for at, case in zip(run.accepted, cases, strict=True)]
    served = [each for each in hours if each is not None]
    first = sum(at is not None and len(asked) == 1 for at, asked in zip(run.accepted, run.asked, strict=True))
    km = [distance_km(case.need, run.world.providers[asked[-1]].listed) or 0.0
          for at, case, asked in zip(run.accepted, cases, run.asked, strict=True) if at is not None]
    p50, p90 = np.percentile(served, (50, 90)).tolist()
    return dict(zip(MEASURES, (
        first / len(cases), p50, p90, sum(map(len, run.asked)) / len(served), 1 - len(served) / len(cases),
        statistics.fmean(GIVE_UP_H if each is None else each for each in hours), statistics.fmean(km)), strict=True))


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean and 95 % interval of the mean (Student's t)."""
    mean = statistics.fmean(values)
    half = _t(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


@cache
def _t(freedom: int) -> float:
    """The 97.5 % point of Student's t, by summing its density from 0."""
    step = 1e-4
    x = np.arange(step / 2, 20, step)
    logarithm = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - math.log(freedom * math.pi) / 2
    density = np.exp(logarithm - (freedom + 1) / 2 * np.log1p(x * x / freedom))
    return float(x[np.searchsorted(np.cumsum(density) * step, 0.475)])


def compare(seeds: Sequence[int], assumed: Assumed, policies: Mapping[str, Policy] = POLICIES) -> dict[str, Any]:
    """Every policy in the same worlds: its measures, and ours minus each of the others."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in policies}
    cases = []
    for seed in seeds:
        world = make(seed, assumed)
        cases.append(len(world.cases))
        for name, choose in policies.items():
            found[name].append(measure(simulate(world, choose)))
    return {
        "seeds": len(seeds), "cases_per_seed": round(statistics.fmean(cases), 1),
        "policies": {name: {m: interval([each[m] for each in runs]) for m in MEASURES}
                     for name, runs in found.items()},
        "differences": {f"ours_minus_{name}": {
            m: interval([a[m] - b[m] for a, b in zip(found["ours"], runs, strict=True)]) for m in MEASURES}
            for name, runs in found.items() if name != "ours"}}


def run_all(seeds: int) -> dict[str, Any]:
    """The comparison, and with fewer seeds how it bends when reports are staler and more providers silent."""
    result = compare(range(1, seeds + 1), Assumed())
    fewer = range(1, min(10, seeds) + 1)
    quick = {name: choose for name, choose in POLICIES.items() if name != "nearest_fit"}
    result["sensitivity"] = {
        f"lag x{lag:g}, {silent:.0%} silent": compare(fewer, Assumed(lag=lag, silent=silent), quick)
        for lag in (1.0, 3.0) for silent in (0.05, 0.20)}
    return result


def show(result: Mapping[str, Any]) -> None:
    """Tables for a reader."""
    print(f"{result['seeds']} seeds, {result['cases_per_seed']:g} cases each; mean [95 % interval]")
    for title in ("policies", "differences"):
        print(f"\n{title}")
        _table(result[title])
    for setting, each in result["sensitivity"].items():
        print(f"\n{setting} ({each['seeds']} seeds)")
        _table({**each["policies"], **each["differences"]})


def _table(rows: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    heads = ("yes at first", "h p50", "h p90", "requests", "unserved", "h capped", "km")
    print(f"{'':24}" + "".join(f"{head:>23}" for head in heads))
    for name, row in rows.items():
        cells = (row[m] for m in MEASURES)
        print(f"{name:24}" + "".join(f"{c['mean']:>8.3f} [{c['low']:.3f}, {c['high']:.3f}]".rjust(23) for c in cells))


def main(arguments: Sequence[str]) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation", description="Our ranking against others.")
    parser.add_argument("--seeds", type=int, default=30, help="how many worlds (at least 2)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    if options.seeds < 2:
        parser.error("--seeds must be at least 2")
    result = run_all(options.seeds)
    if options.json:
        print(json.dumps(result))
    else:
        show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
