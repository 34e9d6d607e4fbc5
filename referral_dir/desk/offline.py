"""A copy of a region's public directory, to be searched on the device by the same rules when there is no signal.

It holds no confidential service, no case and nobody's name. It is JSON with short keys, for a bad line:

- `made`: seconds since 1970; `days`: for how many the opening hours are in it; `place`, `radius`: what was chosen.
- `rules`: the weights, shelf lives and fits of `domain/`, so that the device ranks as the server does.
- `needs`, `languages`, `areas`, `eligibility`, `hours`, `organizations`: each value once; services name them by number.
- `services`, in order of id: `i` id in hexadecimal, `n` name, `o` organization, `t` phones (as written, and as dialled
  where that differs), `c`, `s` needs confirmed and suggested, `u` offered until, `p` points in 1e-7 degrees, `a` areas,
  `k` country, `r` remote, `l` languages, `w` has interpretation, `y` ages from and to, `m` largest household, `e`
  eligibility, `x` says more about eligibility, `f` free: one for each person, number, said when, believed for so many
  seconds; `h` hours, `q` takes requests; `d` its description, cut. What is not said is left out.
- `towns`: the region's towns, as no gazetteer is on the device.

`static/offline-rules.js` reads it (its verdicts: 0 met, 1 unknown, 2 unmet); `tests/browser/test_offline.py` asks it
and `domain/matching.py` the same questions.
"""

import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir import geo
from referral_dir.desk import audit, budgets
from referral_dir.domain import availability, interpreting, matching, reach, tongues
from referral_dir.domain.access import Actor, require
from referral_dir.domain.availability import Capacity
from referral_dir.domain.distance import EARTH_RADIUS_KM, STEPS_PER_DEGREE
from referral_dir.domain.errors import Invalid
from referral_dir.domain.need import LARGEST_RADIUS_KM, Candidate
from referral_dir.domain.opening import spans
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Place
from referral_dir.store import candidates, region_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LARGEST_COPY: Final = 1000
FAR_REACHING: Final = 200
LARGEST_REGION_KM: Final = 500.0
DAYS: Final = 14
TOWNS: Final = 300
# Characters of a description.
DESCRIPTION: Final = 120


def region(session: "Session", actor: Actor, near: str, radius_km: float | None, now: datetime) -> dict[str, Any]:
    """The copy of the region around a place. Raises Invalid for a place or a radius that can't be used."""
    require(actor, "service:offline")
    budgets.spend(session, actor, "service:offline", now)
    try:
        place = geo.resolve_place(near)
    except geo.PlaceError as error:
        raise Invalid({"near": geo.place_problem(error)}) from error
    radius = radius_km or 50.0
    if not 1 <= radius <= LARGEST_REGION_KM:
        raise Invalid({"radius_km": say("write a distance from 1 to %(most)s km", most=int(LARGEST_REGION_KM))})
    found = _services(session, place, radius, now)
    audit.record(session, actor, "service:offline", now, purpose="referral", details={"results": len(found)})
    ids = [c.service_id for c in found]
    texts = region_queries.descriptions(session, ids, DESCRIPTION)
    return pack(found, candidates.phones_of(session, ids), texts, place, radius, now)


def _services(session: "Session", place: Place, radius: float, now: datetime) -> list[Candidate]:
    """Whoever works from afar, then the nearest, up to what a bad line can carry."""
    today = now.date()
    far = region_queries.far_reaching_public(session, place.country, today, FAR_REACHING)
    near = region_queries.nearest_public(session, place, radius, today, LARGEST_COPY)
    ids = list(dict.fromkeys([*far, *near]))[:LARGEST_COPY]
    return [c for c in candidates.load_candidates(session, ids) if not c.confidential and c.status == "active"]


class _Numbers:
    """Each value once, and its number."""

    def __init__(self) -> None:
        self.values: dict[Hashable, int] = {}

    def of(self, value: Hashable) -> int:
        return self.values.setdefault(value, len(self.values))

    def all_of(self, values: Iterable[Hashable]) -> list[int]:
        return [self.of(value) for value in values]


def pack(services: Sequence[Candidate], phones: Mapping[UUID, Sequence[tuple[str, str | None]]],
         texts: Mapping[UUID, str], place: Place, radius_km: float, now: datetime) -> dict[str, Any]:
    """The copy as one JSON object; phones (as written, as E.164) and descriptions by service."""
    # Hours are counted from a whole minute, so that the device counts the same.
    made = now.astimezone(UTC).replace(second=0, microsecond=0)
    tables = {name: _Numbers() for name in ("needs", "languages", "areas", "eligibility", "hours", "organizations")}
    rows = [_row(c, phones.get(c.service_id, ()), tables, made) | _described(texts.get(c.service_id))
            for c in sorted(services, key=lambda c: str(c.service_id))]
    used = {code.partition("-")[0] for code in tables["languages"].values if isinstance(code, str)}
    same, related = tongues.near_pairs()
    named = [str(value[1]) for value in tables["organizations"].values if isinstance(value, tuple)]
    return {
        "made": int(made.timestamp()), "days": DAYS, "radius": radius_km,
        "place": _town(place),
        "rules": RULES, "same": sorted(p for p in same if p[1] in used),
        "related": sorted(p for p in related if p[1] in used),
        **{name: list(table.values) for name, table in tables.items() if name != "organizations"},
        "organizations": named,
        "interprets": [interpreting.interprets(str(code)) for code in tables["needs"].values],
        "towns": _towns(place, radius_km), "services": rows,
    }


RULES: Final[Mapping[str, Any]] = {
    "weights": dict(matching.WEIGHTS), "unknown": matching.UNKNOWN_COST, "suggested": matching.SUGGESTED_FIT,
    "capacity": dict(matching.CAPACITY_FIT), "earth": EARTH_RADIUS_KM, "farthest": LARGEST_RADIUS_KM,
    "fluency": [tongues.FIT[level] for level in sorted(tongues.Fluency)],
    "interpreted": interpreting.INTERPRETED_FIT, "tongue": interpreting.LANGUAGE_UNKNOWN_FIT,
    "half": reach.HALF_DISTANCE_KM, "remote": reach.REMOTE_NEARNESS, "unplaced": reach.PLACE_UNKNOWN_NEARNESS,
}


def _row(c: Candidate, phones: Sequence[tuple[str, str | None]], tables: Mapping[str, _Numbers],
         made: datetime) -> dict[str, Any]:
    ages = c.minimum_age is not None or c.maximum_age is not None
    row = {
        "i": c.service_id.hex, "n": c.name,
        "o": tables["organizations"].of((c.organization_id, c.organization)),
        "t": [_phone(*pair) for pair in phones[:2]],
        "c": tables["needs"].all_of(sorted(c.confirmed_needs)), "s": tables["needs"].all_of(sorted(c.suggested_needs)),
        "u": c.offered_until.isoformat() if c.offered_until else None,
        "p": [[round(lat * STEPS_PER_DEGREE), round(lon * STEPS_PER_DEGREE)] for lat, lon in c.points],
        "a": tables["areas"].all_of(
            (a.country, _area(a.admin1), a.latitude, a.longitude, a.radius_km) for a in c.areas),
        "k": c.country, "r": int(c.remote), "l": tables["languages"].all_of(sorted(c.languages)),
        "w": int(bool(c.own_interpretation)), "y": [c.minimum_age, c.maximum_age] if ages else None,
        "m": c.maximum_household,
        "e": tables["eligibility"].all_of((r.criterion, r.code, int(r.effect == "serves")) for r in c.eligibility),
        "x": int(bool(c.eligibility_text)),
        "f": _free(c.capacity) if c.capacity else None,
        "q": int(c.accepts_handoffs),
    }
    known = _hours(c, made)
    return {**{key: value for key, value in row.items() if value or (key in ("o", "m") and value is not None)},
            **({"h": tables["hours"].of(known)} if known is not None else {})}


def _phone(number: str, e164: str | None) -> list[str]:
    """As it is written, and as it is dialled where that differs."""
    dialled = e164 or re.sub(r"[^+\d]", "", number)
    return [number] if dialled == number else [number, dialled]


def _described(text: str | None) -> dict[str, str]:
    words = " ".join((text or "").split())
    return {"d": words if len(words) < DESCRIPTION - 1 else words.rpartition(" ")[0] + " …"} if words else {}


def _free(capacity: Capacity) -> list[int]:
    """Whether each person needs one, how many, said when, and how long that is believed, in seconds."""
    per_person = availability.places_needed(capacity.unit, 2) == 2
    return [int(per_person), capacity.available, int(capacity.updated.timestamp()),
            int(availability.shelf_life(capacity.unit).total_seconds())]


def _area(name: str | None) -> str:
    """An area's name as areas are compared (`reach.area_key`)."""
    return (name or "").strip().casefold()


def _hours(c: Candidate, made: datetime) -> tuple[tuple[int, int], ...] | None:
    """When it is open in the days to come, in minutes from `made`; None where that is not known."""
    found = spans(c.schedules, c.timezone, made, DAYS)
    if found is None:
        return None
    end = DAYS * 1440
    minutes = ((math.floor((start - made) / timedelta(minutes=1)), math.ceil((stop - made) / timedelta(minutes=1)))
               for start, stop in found)
    return tuple((start, min(stop, end)) for start, stop in minutes if stop > 0 and start < end)


def _towns(place: Place, radius_km: float) -> list[list[Any]]:
    """The region's largest towns."""
    return [_town(each) for each in geo.places_within(place.latitude, place.longitude, radius_km, TOWNS)]


def _town(place: Place) -> list[Any]:
    return [place.name, place.country, _area(place.admin1), place.latitude, place.longitude]
