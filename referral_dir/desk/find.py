"""Finding: a need becomes candidates, candidates become answers; words become services."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir import geo
from referral_dir.desk import asked, audit, budgets
from referral_dir.desk.interpreters import rows_with_lent
from referral_dir.desk.languages import UnknownLanguage, language_codes
from referral_dir.desk.words_found import find_words
from referral_dir.domain import availability, matching
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.explaining import Explanation, explain
from referral_dir.domain.helplines import Helpline, helplines
from referral_dir.domain.interpreting import choose_interpreters
from referral_dir.domain.matching import Match
from referral_dir.domain.narrowing import Only, counts, passes
from referral_dir.domain.need import LARGEST_RADIUS_KM, Area, Candidate, Need
from referral_dir.domain.needs import check_code, expand
from referral_dir.domain.opening import Opening, OpenState, opening
from referral_dir.domain.reach import nearest_point
from referral_dir.domain.saying import say
from referral_dir.domain.tongues import speaks
from referral_dir.domain.vocabulary import Gender, Place
from referral_dir.index.match import MatchIndex, Proposal
from referral_dir.index.ranking import Proposed
from referral_dir.index.text import TextHit, TextIndex, count_facets
from referral_dir.store import candidates, listing_queries, upkeep_queries
from referral_dir.store.directory import Service
from referral_dir.store.listing_queries import ServiceParts

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DEFAULT_RADIUS_KM: Final = 50.0
SHOWN: Final = 20
NEAR_MISSES: Final = 10
# So many of the best can be narrowed and counted on a page.
WEIGHED: Final = 100
COMPARED: Final = 3
LONGEST_QUERY: Final = 500


@dataclass(frozen=True, slots=True)
class Indexes:
    """What a process keeps to find quickly. Both catch up by the change log before each answer."""

    match: MatchIndex
    text: TextIndex


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """What an officer gets: never an empty page. `wider_km` is a radius that would find more, where one would."""

    need: Need
    matches: tuple[Match, ...]
    near_misses: tuple[Match, ...]
    total: int
    wider_km: float | None
    helplines: tuple[Helpline, ...]
    phones: Mapping[UUID, Sequence[tuple[str, str | None]]]
    only: frozenset[Only] = frozenset()
    # How many of the best, which were weighed, pass `only`; and how many would pass each further one.
    fitting: int = 0
    counts: Mapping[Only, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A few services side by side, in the order asked for."""

    need: Need
    matches: tuple[Match, ...]
    phones: Mapping[UUID, Sequence[tuple[str, str | None]]]


@dataclass(frozen=True, slots=True)
class Found:
    """A service found by words, as it is now."""

    candidate: Candidate
    hit: TextHit
    distance_km: float | None
    opening: Opening
    capacity_state: availability.CapacityState


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """What narrows a search by words; empty means no narrowing."""

    needs: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    open_now: bool = False
    accessibility: tuple[str, ...] = ()
    radius_km: float | None = None
    by_distance: bool = False


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Services found by words, with what would narrow them further."""

    text: str
    place: Place | None
    found: tuple[Found, ...]
    total: int
    did_you_mean: str | None
    every_word: bool
    facets: Mapping[str, Sequence[tuple[str, int]]]
    phones: Mapping[UUID, Sequence[tuple[str, str | None]]]
    helplines: tuple[Helpline, ...]


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service with everything that may be shown of it."""

    service: Service
    parts: ServiceParts
    opening: Opening


def make_need(*, needs: Sequence[str], near: str, languages: Sequence[str] = (), radius_km: float | None = None,
              ages: tuple[int, int] | None = None, gender: str | None = None, household: int = 1,
              accessibility: Sequence[str] = (), nationality: str | None = None, status: str | None = None,
              excluded_organizations: Sequence[UUID] = (), excluded_areas: Sequence[tuple[str, float]] = (),
              excluded_communities: Sequence[str] = (), open_now: bool = False,
              open_by: datetime | None = None) -> Need:
    """A Need from what people write. Raises Invalid with a message for every field that is wrong.

    `excluded_areas` are (place, radius in km); `ages` the youngest and oldest the person may be.
    """
    errors: dict[str, str] = {}
    asked = _try(errors, "needs", lambda: {check_code(code): expand(code) for code in needs if code})
    if asked is not None and not asked:
        errors["needs"] = say("choose at least one need")
    spoken = _try(errors, "languages", lambda: tuple(language_codes(languages)))
    place = _try(errors, "near", lambda: geo.resolve_place(near))
    areas = _try(errors, "excluded_areas", lambda: tuple(_area(text, km) for text, km in excluded_areas))
    radius = DEFAULT_RADIUS_KM if radius_km is None else radius_km
    if not (math.isfinite(radius) and 0 < radius <= LARGEST_RADIUS_KM):
        errors["radius_km"] = say("a distance above 0 and up to %(most)s km", most=f"{LARGEST_RADIUS_KM:g}")
    if ages is not None and not 0 <= ages[0] <= ages[1] <= 120:
        errors["age"] = say("an age from 0 to 120")
    if gender and gender not in set(Gender):
        errors["gender"] = say("one of: %(choices)s", choices=", ".join(Gender))
    if not 1 <= household <= 50:
        errors["household"] = say("from 1 to 50 people")
    if errors:
        raise Invalid(errors)
    return Need(needs=asked, place=place, languages=spoken, radius_km=radius, ages=ages, gender=gender or None,
                household=household, accessibility=tuple(accessibility), nationality=nationality or None,
                status=status or None, excluded_organizations=frozenset(excluded_organizations),
                excluded_areas=areas or (), excluded_communities=frozenset(c.casefold() for c in excluded_communities),
                open_now=open_now, open_by=open_by)


def organizations_named(session: "Session", names: Sequence[str]) -> tuple[UUID, ...]:
    """All organizations whose name holds one of these words. Raises Invalid for a name that none holds."""
    found: list[UUID] = []
    for name in names:
        ids = listing_queries.organizations_named(session, name)
        if not ids:
            raise Invalid({"avoid_organizations": say(
                "no organization is called “%(name)s”: check the spelling", name=name[:60])})
        found += ids
    return tuple(found)


def match_services(session: "Session", indexes: Indexes, actor: Actor | None, need: Need, now: datetime, *,
                   weighed: int = SHOWN, shown: int = SHOWN, only: frozenset[Only] = frozenset()) -> MatchAnswer:
    """The whole story of a match, top to bottom.

    1. The index catches up. 2. It proposes the best, and the nearest misses. 3. The store gives their rows as they are
    now: of those that may be shown, which are all of the `weighed` best where `only` some of them are asked for. 4. The
    rules judge and rank them. 5. The act is audited, without its text; a question is counted by month, narrowing its
    answer is not. `actor` is None for the command line.
    """
    if actor is not None:
        require(actor, "service:find")
        budgets.spend(session, actor, "service:find", now)
    indexes.match.refresh(session)
    proposal = indexes.match.propose(need, now, matches=weighed, near_misses=NEAR_MISSES)
    looked_at = proposal.matches if only else proposal.matches[:shown]
    rows = {c.service_id: c for c in candidates.load_candidates(session, _ids(proposal, looked_at))}
    proposed = [rows[p.service_id] for p in (*looked_at, *proposal.near_misses) if p.service_id in rows]
    ranking = matching.rank(need, proposed, [rows[i] for i in proposal.interpreters if i in rows], now)
    fitting = [m for m in ranking.matches[:weighed] if passes(m, only)]
    best, near = (tuple(_measured(need, m) for m in found) for found in (
        fitting[:shown], ranking.near_misses[:NEAR_MISSES]))
    unseen = proposal.matches[len(looked_at):]
    total = max(len(ranking.matches), proposal.total - (len(looked_at) - len(ranking.matches)))
    left = counts(ranking.matches[:weighed], only)
    if unseen:
        more = indexes.match.counts(need, now, [p.service_id for p in unseen])
        left = {each: number + more[each] for each, number in left.items()}
    phones = candidates.phones_of(session, [m.candidate.service_id for m in (*best, *near)])
    audit.record(session, actor, "service:find", now, purpose="referral",
                 details={"results": total, "near_misses": len(ranking.near_misses)})
    if actor is not None and not only and shown == SHOWN:
        asked.note(session, need, bool(best), now)
    return MatchAnswer(need, best, near, total, _wider(proposal.wider_km), helplines(need.place.country), phones,
                       only, len(fitting) + len(unseen), left)


def compare_services(session: "Session", indexes: Indexes, actor: Actor, need: Need, service_ids: Sequence[UUID],
                     now: datetime) -> Comparison:
    """A few services judged for one need, side by side. What a hard rule keeps out is left out here too.

    Raises Invalid unless there are two or three.
    """
    require(actor, "service:read")
    wanted = list(dict.fromkeys(service_ids))
    if not 2 <= len(wanted) <= COMPARED:
        raise Invalid({"compare": say("tick two or three services to compare")})
    budgets.spend(session, actor, "service:read", now)
    rows, lent = rows_with_lent(session, indexes.match, need, wanted, now)
    chosen = choose_interpreters(need, lent, now)
    judged = [_measured(need, matching.judge(need, rows[i], chosen, now)) for i in wanted
              if i in rows and matching.not_offered(need, rows[i]) is None]
    for match in judged:
        audit.record(session, actor, "service:read", now, subject=f"service:{match.candidate.service_id}",
                     purpose="referral")
    return Comparison(need, tuple(judged), candidates.phones_of(session, [m.candidate.service_id for m in judged]))


def explain_match(session: "Session", indexes: Indexes, need: Need, service_id: UUID, now: datetime) -> Explanation:
    """Why a service was or was not offered for the need, criterion by criterion. Raises NotFound."""
    rows, lent = rows_with_lent(session, indexes.match, need, [service_id], now)
    if service_id not in rows:
        raise NotFound(say("no service has this id"))
    return explain(need, rows[service_id], lent, now)


def _measured(need: Need, match: Match) -> Match:
    """With the distance on the ellipsoid: only what is shown is worth a tenth of a millisecond."""
    if match.distance_km is None:
        return match
    place, nearest = need.place, nearest_point(need.place, match.candidate.points)
    return matching.measured(need, match, round(geo.distance_km(place.latitude, place.longitude, *nearest), 1))


def _ids(proposal: Proposal, looked_at: Sequence[Proposed]) -> list[UUID]:
    shown = (p.service_id for p in (*looked_at, *proposal.near_misses))
    return list(dict.fromkeys([*shown, *proposal.interpreters]))


def search_services(session: "Session", indexes: Indexes, actor: Actor | None, text: str, now: datetime, *,
                    near: str = "", filters: SearchFilters = SearchFilters(), public: bool = False) -> SearchAnswer:
    """Services by words, narrowed by filters; `public` leaves confidential ones out of everything. Where `did_you_mean`
    is given and no service held the words, these are what the corrected words find.

    Raises Invalid for a place that can't be resolved, a need or a language that is not known.
    """
    if actor is not None and not public:
        require(actor, "service:find")
        budgets.spend(session, actor, "service:find", now)
    place = _search_place(near, filters)
    words = "".join(c if unicodedata.category(c) != "Cc" else " " for c in text)[:LONGEST_QUERY]
    brought = find_words(session, indexes.text, words, public=public)
    rows = candidates.load_candidates(session, brought.by_id)
    found = [_found(row, brought.by_id[row.service_id], place, now) for row in brought.ordered(rows)
             if _offered(row, now) and not (public and row.confidential)]
    kept = [f for f in found if _passes(f, filters)]
    if filters.by_distance and place is not None:
        kept.sort(key=lambda f: (f.distance_km is None, f.distance_km or 0.0, str(f.candidate.service_id)))
    shown = tuple(kept[:SHOWN])
    if actor is not None:
        audit.record(session, actor, "service:find", now, purpose="referral", details={"results": len(kept)})
    return SearchAnswer(words, place, shown, len(kept), brought.hits.did_you_mean, brought.hits.every_word,
                        count_facets([_facets(f) for f in kept]),
                        candidates.phones_of(session, [f.candidate.service_id for f in shown]),
                        helplines(place.country if place else None))


def name_of_service(session: "Session", actor: Actor, service_id: UUID) -> str | None:
    """What an active service is called; None where there is none."""
    require(actor, "service:read")
    service = session.get(Service, upkeep_queries.merged_into(session, service_id) or service_id)
    return service.name if service is not None and service.status == "active" else None


def read_service(session: "Session", actor: Actor | None, service_id: UUID, now: datetime) -> ServiceView:
    """One service. Without an actor (the public pages) a confidential or ended one does not exist."""
    if actor is not None:
        require(actor, "service:read")
        budgets.spend(session, actor, "service:read", now)
    # A double leads to the service that it was merged into.
    service_id = upkeep_queries.merged_into(session, service_id) or service_id
    service = session.get(Service, service_id)
    if service is None or (actor is None and (service.confidential or service.status != "active")):
        raise NotFound(say("no such service"))
    if actor is not None:
        audit.record(session, actor, "service:read", now, subject=f"service:{service_id}", purpose="referral")
    [candidate] = candidates.load_candidates(session, [service_id])
    return ServiceView(service, listing_queries.service_parts(session, service),
                       opening(candidate.schedules, candidate.timezone, now))


def _area(text: str, radius_km: float) -> Area:
    if not (math.isfinite(radius_km) and 0 < radius_km <= LARGEST_RADIUS_KM):
        raise ValueError(say("the distance around an area to avoid must be above 0 km"))
    place = geo.resolve_place(text)
    return Area(place.name, place.latitude, place.longitude, radius_km)


def _wider(nearest_km: float | None) -> float | None:
    """The smallest round radius at which a service that is only too far away would be a match."""
    if nearest_km is None:
        return None
    return next((r for r in (10, 25, 50, 100, 200, 400, 800, 1600, 5000) if r >= nearest_km), None)


def _search_place(near: str, filters: SearchFilters) -> Place | None:
    errors: dict[str, str] = {}
    place: Place | None = _try(errors, "near", lambda: geo.resolve_place(near)) if near.strip() else None
    _try(errors, "needs", lambda: [check_code(code) for code in filters.needs])
    if filters.radius_km is not None and not 0 < filters.radius_km <= LARGEST_RADIUS_KM:
        errors["radius_km"] = say("a distance above 0 and up to %(most)s km", most=f"{LARGEST_RADIUS_KM:g}")
    if errors:
        raise Invalid(errors)
    return place


def _offered(candidate: Candidate, now: datetime) -> bool:
    return candidate.status == "active" and not availability.ended(candidate.offered_until, now)


def _found(candidate: Candidate, hit: TextHit, place: Place | None, now: datetime) -> Found:
    distance = None
    if place is not None and candidate.points:
        distance = round(min(geo.distance_km(place.latitude, place.longitude, *p) for p in candidate.points), 1)
    return Found(candidate, hit, distance, opening(candidate.schedules, candidate.timezone, now),
                 availability.state(candidate.capacity, 1, now))


def _passes(found: Found, filters: SearchFilters) -> bool:
    c = found.candidate
    every = c.confirmed_needs | c.suggested_needs
    if filters.needs and not any(expand(code) & every for code in filters.needs):
        return False
    if filters.languages and not any(speaks(c.languages, code) for code in filters.languages):
        return False
    if filters.open_now and found.opening.state is not OpenState.OPEN:
        return False
    access = {r.code for r in c.eligibility if r.criterion == "accessibility" and r.effect == "serves"}
    if filters.accessibility and not access.issuperset(filters.accessibility):
        return False
    if filters.radius_km is None or found.distance_km is None:
        return filters.radius_km is None or c.remote
    return found.distance_km <= filters.radius_km


def _facets(found: Found) -> dict[str, set[str]]:
    c = found.candidate
    return {"needs": set(c.confirmed_needs | c.suggested_needs), "languages": set(c.languages) - {""},
            "open": {found.opening.state},
            "accessibility": {r.code for r in c.eligibility
                              if r.criterion == "accessibility" and r.effect == "serves"}}


def _try(errors: dict[str, str], field: str, make: Any) -> Any:
    try:
        return make()
    except (UnknownLanguage, ValueError) as error:
        errors[field] = geo.place_problem(error) if isinstance(error, geo.PlaceError) else \
            error.args[0] if error.args else str(error)
        return None

