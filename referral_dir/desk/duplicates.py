"""Services that are listed twice: proposed with how alike they are and why, side by side, made one, or told apart."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from uuid import UUID
from weakref import WeakKeyDictionary

from rapidfuzz import fuzz

from referral_dir.desk import audit, listing_values, listings, merge_undo
from referral_dir.domain.access import Actor, require
from referral_dir.domain.distance import haversine_km
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.folding import fold
from referral_dir.domain.listing import FIELDS, PLACE, SUGGESTED, Change, Values, seen
from referral_dir.domain.saying import Said, say
from referral_dir.store import duplicate_queries, listing_queries, secret_queries, upkeep_queries
from referral_dir.store.directory import Service
from referral_dir.store.duplicate_queries import Facts
from referral_dir.store.feed import Position, last_change
from referral_dir.store.merge_undo import picture

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SHOWN: Final = 50
# Below these nobody is asked: measured on a real directory, what lies below is nearly never the same.
LIKE_ENOUGH: Final = 0.82
NAME_ENOUGH: Final = 0.8
APART_KM: Final = 5.0
# A word, a telephone, an address that more services than this share tells nothing.
COMMON: Final = 60
WEIGHTS: Final[Mapping[str, float]] = {"name": 0.45, "organization": 0.15, "phone": 0.15, "web": 0.1, "place": 0.15,
                                       "needs": 0.1}
LABELS: Final[Mapping[str, Said]] = {
    "name": say("Name"), "organization": say("Organization"), "phone": say("Telephone"),
    "web": say("Web or e-mail address"), "place": say("Place"), "needs": say("What it helps with")}
UNITED: Final = ("needs", "languages", "phones", "areas")


@dataclass(frozen=True, slots=True)
class Part:
    """How alike two services are in one thing, from 0 to 1; None: not known of both."""

    name: str
    label: Said
    score: float | None
    words: Said


@dataclass(frozen=True, slots=True)
class Pair:
    """Two services that may be one. `mine`: both are the actor's to change."""

    first: Facts
    second: Facts
    score: float
    parts: Sequence[Part]
    mine: bool


@dataclass(frozen=True, slots=True)
class Side:
    """One of two services that are compared."""

    service: Service
    values: Values
    seen: str


@dataclass(frozen=True, slots=True)
class Both:
    """Two services side by side. `differing`: the fields in which one must be chosen, `united` those of which all is
    kept. `hindrance`: why they can't become one now."""

    first: Side
    second: Side
    parts: Sequence[Part]
    differing: Sequence[str]
    united: Values
    hindrance: Said | None


_KNOWN: Final["WeakKeyDictionary[Any, dict[UUID, tuple[Position, int, Sequence[Pair]]]]"] = WeakKeyDictionary()


def proposed(session: "Session", actor: Actor) -> Sequence[Pair]:
    """The pairs of which one at least is the actor's to keep, the most alike first. They are worked out again only when
    the directory has changed."""
    require(actor, "listing:merge")
    kept = _KNOWN.setdefault(session.get_bind(), {})
    state = (last_change(session), duplicate_queries.count_answers(session))
    known = kept.get(actor.organization_id)
    if known is None or known[:2] != state:
        services = duplicate_queries.facts(session, actor.organization_id)
        told_apart = upkeep_queries.not_doubles(session, services.keys())
        kept[actor.organization_id] = known = (*state, find_pairs(services, told_apart))
    return known[2]


def find_pairs(services: Mapping[UUID, Facts], told_apart: set[tuple[UUID, UUID]]) -> Sequence[Pair]:
    """All pairs that are like enough. Only those that share a telephone, an address or a telling word are compared."""
    names = {key: _named(one) for key, one in services.items()}
    found = []
    for first, second in _candidates(services, names):
        a, b = services[first], services[second]
        if not (a.kept or b.kept) or a.confidential != b.confidential or _key(first, second) in told_apart:
            continue
        name = _alike_names(names[first], names[second])
        if name < NAME_ENOUGH:
            continue
        pair = _pair(a, b, name)
        if pair is not None:
            found.append(pair)
    return tuple(sorted(found, key=lambda pair: (-pair.score, pair.first.name, str(pair.first.service_id))))


def _key(first: UUID, second: UUID) -> tuple[UUID, UUID]:
    return (first, second) if first < second else (second, first)


def _named(one: Facts) -> str:
    return fold(one.name)


def _candidates(services: Mapping[UUID, Facts], names: Mapping[UUID, str]) -> Iterator[tuple[UUID, UUID]]:
    counts = Counter(word for name in names.values() for word in set(name.split()))
    blocks: dict[tuple[str, object], list[UUID]] = defaultdict(list)
    for key, one in services.items():
        shared: list[tuple[str, object]] = [("phone", number) for number in one.phones]
        shared += [("web", address) for address in _web(one)] + [("name", names[key])]
        telling = sorted(set(names[key].split()), key=lambda word: (counts[word], word))[:3]
        shared += [("word", word) for word in telling if counts[word] <= COMMON]
        for block in shared:
            blocks[block].append(key)
    met: set[tuple[UUID, UUID]] = set()
    for members in blocks.values():
        if 1 < len(members) <= COMMON:
            met |= {_key(*two) for two in combinations(members, 2)}
    return iter(met)


def _alike_names(first: str, second: str) -> float:
    # "Unit 1" and "Unit 2" are two, however alike they look.
    if re.findall(r"\d+", first) != re.findall(r"\d+", second):
        return 0.0
    return float(fuzz.token_sort_ratio(first, second)) / 100


def _pair(a: Facts, b: Facts, name: float) -> Pair | None:
    place = _apart_km(a, b)
    if place is not None and place > APART_KM:
        return None
    parts = _parts(a, b, name, place)
    known = {part.name: part.score for part in parts if part.score is not None}
    score = sum(WEIGHTS[key] * value for key, value in known.items()) / sum(WEIGHTS[key] for key in known)
    if score < LIKE_ENOUGH:
        return None
    first, second = (a, b) if a.kept or not b.kept else (b, a)
    return Pair(first, second, round(score, 3), parts, a.kept and b.kept)


def _parts(a: Facts, b: Facts, name: float, place: float | None) -> list[Part]:
    home = 1.0 if a.organization_id == b.organization_id else \
        float(fuzz.token_set_ratio(fold(a.organization), fold(b.organization))) / 100
    both = a.phones & b.phones
    phone = None if not (a.phones and b.phones) else float(bool(both))
    web = None if not (_web(a) and _web(b)) else float(bool(_web(a) & _web(b)))
    needs = None if not (a.needs or b.needs) else len(a.needs & b.needs) / len(a.needs | b.needs)
    near = None if place is None else 1.0 if place < 0.1 else 0.7 if place < 1 else 0.4
    if a.confidential and b.confidential:
        near = float(a.zone == b.zone)
    said = {
        "name": say("The names are %(percent)s %% alike", percent=round(100 * name)),
        "organization": say("The same organization") if a.organization_id == b.organization_id else
        say("The organizations' names are %(percent)s %% alike", percent=round(100 * home)),
        "phone": _said(phone, say("They share a telephone number"), say("Other telephone numbers")),
        "web": _said(web, say("They share a web or e-mail address"), say("Other web and e-mail addresses")),
        "place": _where(a, place, near),
        "needs": say("Not known") if needs is None else
        say("%(percent)s %% of what they help with is the same", percent=round(100 * needs))}
    scores = {"name": name, "organization": home, "phone": phone, "web": web, "place": near, "needs": needs}
    return [Part(key, LABELS[key], scores[key], said[key]) for key in WEIGHTS]


def _said(score: float | None, same: Said, other: Said) -> Said:
    return say("Not known") if score is None else same if score else other


def _where(one: Facts, km: float | None, score: float | None) -> Said:
    if one.confidential:
        return say("The same zone") if score else say("Another zone")
    if km is None:
        return say("Not known")
    return say("At the same place") if km < 0.1 else say("%(distance)s km apart", distance=round(km, 1))


def _apart_km(a: Facts, b: Facts) -> float | None:
    return min((haversine_km(*here, *there) for here in a.points for there in b.points), default=None)


def _web(one: Facts) -> set[str]:
    """The page and the mailbox, as compared: a home page of a large host alone tells nothing."""
    parts = urlsplit((one.url or "").strip())
    page = (parts.hostname or "").removeprefix("www.") + parts.path.rstrip("/")
    return {text for text in (page, (one.email or "").strip().casefold()) if text}


# Two become one


def side_by_side(session: "Session", actor: Actor, first_id: UUID, second_id: UUID) -> Both:
    """Both services with what differs. Raises NotFound unless both are the actor's to keep, WrongState where they can
    never be one."""
    require(actor, "listing:merge")
    first, second = (_side(session, actor, key) for key in (first_id, second_id))
    if first_id == second_id:
        raise WrongState(say("these are the same already: choose two services"))
    facts = duplicate_queries.facts(session, actor.organization_id, (first_id, second_id))
    a, b = facts.get(first_id), facts.get(second_id)
    parts = _parts(a, b, _alike_names(_named(a), _named(b)), _apart_km(a, b)) if a and b else []
    differing = [name for name in FIELDS if name not in UNITED
                 and first.values.get(name, "") != second.values.get(name, "")]
    return Both(first, second, parts, _places_together(differing),
                {name: unite(name, first.values.get(name, ""), second.values.get(name, "")) for name in UNITED},
                _hindrance(session, first.service, second.service))


def _side(session: "Session", actor: Actor, service_id: UUID) -> Side:
    service = listing_queries.service_kept(session, service_id, actor.organization_id, own_only=False)
    if service is None:
        raise NotFound("no such service")
    values = listing_values.read(session, [service])[service_id]
    return Side(service, values, seen(service.revision, values))


def _places_together(names: Iterable[str]) -> list[str]:
    """An address is one choice: half of one and half of the other is nowhere."""
    listed = list(names)
    place = [name for name in listed if name in PLACE]
    return [name for name in listed if name not in PLACE or name == place[0]]


def _hindrance(session: "Session", first: Service, second: Service) -> Said | None:
    if first.confidential != second.confidential:
        return say("One of them hides where it is and the other does not: together they would give it away. Hide the "
                   "other one first.")
    if first.confidential and first.zone_name != second.zone_name:
        return say("Their zones differ: give both the same zone first.")
    if any(duplicate_queries.has_open_handoff(session, one.id) for one in (first, second)):
        return say("A request to one of them is under way: wait until it has ended.")
    return None


def unite(name: str, first: str, second: str) -> str:
    """All of both. A need that somebody has confirmed stays confirmed."""
    separator = "\n" if name in ("phones", "areas") else ", "
    parts = {part for text in (first, second) for part in text.split(separator) if part}
    if name == "phones":
        # The one that can be dialled from anywhere comes last, and stays.
        parts = set({_dialled(part): part for part in sorted(parts, key=lambda part: (part[0] == "+", part))}.values())
    return separator.join(sorted(part for part in parts if part.removesuffix(SUGGESTED) == part
                                 or part.removesuffix(SUGGESTED) not in parts))


def _dialled(line: str) -> tuple[str, str]:
    """A telephone as compared: by its end, as the prefixes of country and trunk are written in many ways."""
    found = listing_values.PHONE.fullmatch(line)
    return (re.sub(r"\D", "", found["number"])[-9:], found["extension"] or "") if found else (line, "")


def merge(session: "Session", actor: Actor, keep_id: UUID, gone_id: UUID, chosen: Mapping[str, str],
          was_seen: tuple[str, str], now: datetime) -> Sequence[Change]:
    """`gone_id` becomes part of `keep_id`, and leads there from now on.

    1. Both are locked, are what the actor saw, and nothing hinders. 2. The one that stays takes what was chosen (`gone`
    by field name) and what is united. 3. Numbers, contacts, history move; of the other only its name stays, closed.
    4. What that changed is kept for a while, so that it can be undone.
    Raises NotFound, WrongState, Invalid.
    """
    require(actor, "listing:merge")
    duplicate_queries.lock(session, (keep_id, gone_id))
    both = side_by_side(session, actor, keep_id, gone_id)
    if (both.first.seen, both.second.seen) != was_seen:
        raise WrongState(say("one of them was changed meanwhile: look at both again"))
    if both.hindrance:
        raise WrongState(both.hindrance)
    stays, gone = both.first.service, both.second.service
    before = picture(session, (keep_id, gone_id))
    changes = listings.apply(session, stays, both.first.seen, _chosen(both, chosen), now)
    if stays.confidential:
        _keep_sealed(session, keep_id, gone_id)
    name = gone.name
    duplicate_queries.hand_on(session, gone_id, keep_id, now)
    merge_undo.keep(session, gone_id, keep_id, before, now)
    listings.note(session, actor, keep_id, [*changes, Change("merged", "", name)], now)
    listings.changed(session, actor, keep_id, sorted(change.field for change in changes), now)
    listings.changed(session, actor, gone_id, ["merged"], now)
    audit.record(session, actor, "listing:merge", now, subject=f"service:{keep_id}", details={"gone": str(gone_id)})
    return changes


def _chosen(both: Both, chosen: Mapping[str, str]) -> dict[str, object]:
    written: dict[str, object] = dict(both.united)
    for name in both.differing:
        if chosen.get(name) == "gone":
            for each in PLACE if name in PLACE else (name,):
                written[each] = both.second.values.get(each, "")
    return written


def _keep_sealed(session: "Session", keep_id: UUID, gone_id: UUID) -> None:
    """What is sealed of the one that stays, stays; where nothing is, what is sealed of the other."""
    if secret_queries.open_place(session, keep_id) == (None, None):
        address, point = secret_queries.open_place(session, gone_id)
        if address or point:
            secret_queries.seal_place(session, keep_id, address, point)


def tell_apart(session: "Session", actor: Actor, first_id: UUID, second_id: UUID, now: datetime) -> None:
    """They are two: nobody is asked again. Raises NotFound, Invalid."""
    require(actor, "listing:merge")
    _side(session, actor, first_id)
    other = session.get(Service, second_id)
    if other is None or (other.confidential and listing_queries.service_kept(
            session, second_id, actor.organization_id, own_only=False) is None):
        raise NotFound("no such service")
    if first_id == second_id:
        raise Invalid({"other": say("choose two services")})
    duplicate_queries.remember(session, first_id, second_id, now)
    audit.record(session, actor, "listing:tell_apart", now, subject=f"service:{first_id}",
                 details={"other": str(second_id)})
