"""The services that an index proposed, as they are now, in the fields that the rules read: no row at a time.

Where a confidential service is cannot be read here: only its zone is.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, literal_column, or_, select, union_all
from sqlalchemy.orm import Session

from referral_dir.domain.availability import Capacity, unit_kind
from referral_dir.domain.distance import grid_point
from referral_dir.domain.need import Candidate, EligibilityRule, ServedArea
from referral_dir.domain.opening import Schedule as OpeningSchedule
from referral_dir.store.among import among, as_uuid, raw
from referral_dir.store.directory import (
    Eligibility,
    Language,
    Location,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceCapacity,
    ServiceNeed,
    Unit,
)

CHUNK = 5000
# A UUID as the driver gives it.
Key = Any
# Tables, not mapped classes: these rows become plain values, and the ORM's share would cost more than the database's.
_services, _organizations, _offers, _sites, _locations, _tongues, _rules, _units, _hours, _served, _numbers = (
    row.__table__.c for row in (
        Service, Organization, ServiceNeed, ServiceAtLocation, Location, Language, Eligibility, Unit, Schedule,
        ServiceArea, Phone))
_free = ServiceCapacity.__table__.c
_SERVICES = select(
    raw(_services.id), raw(_services.organization_id), _services.name, _organizations.name, _services.status,
    _services.offered_until, _services.confidential, _services.zone_name, _services.zone_latitude,
    _services.zone_longitude, _services.country, _services.remote, _services.interpretation_services,
    _services.minimum_age, _services.maximum_age, _services.maximum_household, _services.eligibility_description,
    _services.timezone, _services.accepts_handoffs,
).join(Organization.__table__, _organizations.id == _services.organization_id).where(among(_services.id))
_NEEDS = select(raw(_offers.service_id), _offers.need, _offers.suggested).where(among(_offers.service_id))
_PLACES = select(
    raw(_sites.service_id), raw(_sites.id), raw(_sites.location_id), _locations.latitude, _locations.longitude,
    _locations.near_latitude, _locations.near_longitude,
).join(Location.__table__, _locations.id == _sites.location_id).where(among(_sites.service_id)).order_by(_sites.id)
_LANGUAGES = select(raw(_tongues.service_id), raw(_tongues.location_id), _tongues.code).where(
    or_(among(_tongues.service_id), among(_tongues.location_id, "places")), _tongues.code.is_not(None))
_ELIGIBILITY = select(raw(_rules.service_id), _rules.criterion, _rules.code, _rules.effect).where(
    among(_rules.service_id)).order_by(_rules.criterion, _rules.code)
_CAPACITIES = select(raw(_free.service_id), _units.name, _free.available, _free.maximum, _free.updated).join(
    Unit.__table__, _units.id == _free.unit_id).where(among(_free.service_id)).order_by(_units.name, _free.id)
_SCHEDULES = select(
    raw(_hours.service_id), raw(_hours.service_at_location_id), raw(_hours.location_id), _hours.opens_at,
    # As the fields of domain.opening.Schedule follow each other.
    _hours.closes_at, _hours.freq, _hours.byday, _hours.bymonthday, _hours.interval, _hours.dtstart, _hours.until,
    _hours.valid_from, _hours.valid_to, _hours.closed, _hours.timezone,
).where(or_(among(_hours.service_id), among(_hours.service_at_location_id, "places"),
            among(_hours.location_id, "places")))
_AREAS = select(
    raw(_served.service_id), raw(_served.service_at_location_id), _served.country, _served.admin1, _served.latitude,
    _served.longitude, _served.radius_km,
).where(or_(among(_served.service_id), among(_served.service_at_location_id, "places"))).order_by(_served.id)
_PHONES = union_all(
    select(raw(_numbers.service_id), literal_column("0").label("rank"), raw(_numbers.id), _numbers.number,
           _numbers.number_e164).where(among(_numbers.service_id)),
    *(select(raw(_sites.service_id), literal_column("1"), raw(_numbers.id), _numbers.number, _numbers.number_e164)
      .join(Phone.__table__, at_place).join(Service.__table__, _services.id == _sites.service_id)
      .where(among(_sites.service_id), ~_services.confidential)
      for at_place in (_numbers.service_at_location_id == _sites.id, _numbers.location_id == _sites.location_id)))


def load_candidates(session: Session, ids: Iterable[UUID]) -> list[Candidate]:
    """Those of these services that exist, of any status."""
    every = list(ids)
    return [candidate for start in range(0, len(every), CHUNK)
            for candidate in _load(session, every[start:start + CHUNK])]


def active_ids(session: Session) -> list[UUID]:
    """All services that are in service."""
    return list(session.scalars(select(Service.id).where(Service.status == "active")))


def phones_of(session: Session, service_ids: Collection[UUID]) -> dict[UUID, list[tuple[str, str | None]]]:
    """Numbers as written and as E.164 by service, its own first, then those of its places."""
    phones: dict[UUID, list[tuple[str, str | None]]] = defaultdict(list)
    for key, _, _, number, e164 in sorted(_rows(session, _PHONES, service_ids), key=lambda row: row[1:3]):
        own = phones[as_uuid(key)]
        if (number, e164) not in own:
            own.append((number, e164))
    return dict(phones)


def _rows(session: Session, statement: Any, ids: Collection[UUID], places: Collection[Key] = ()) -> Sequence[Any]:
    found: Sequence[Any] = session.connection().execute(statement, {"ids": ids, "places": places}).all()
    return found


def _load(session: Session, ids: list[UUID]) -> Iterable[Candidate]:
    services = _rows(session, _SERVICES, ids)
    confirmed, suggested = _needs(session, ids)
    places, sites = _places(session, ids)
    languages = _languages(session, ids, sites)
    rules = _group(_rows(session, _ELIGIBILITY, ids))
    capacities = _capacities(session, ids)
    schedules, areas = _schedules(session, ids, sites), _areas(session, ids, sites)
    for (key, organization_id, name, organization, status, offered_until, confidential, zone, latitude, longitude,
         country, remote, interpretation, youngest, oldest, household, text, timezone, accepts_handoffs) in services:
        points, precision = places.get(key, NOWHERE)
        served = areas.get(key, ())
        if confidential:
            middle = grid_point(latitude, longitude)
            points, precision = (middle,) if middle else (), "zone"
            # A circle's centre may be the address itself: a confidential service keeps only its named areas.
            served = [area for area in served if area.radius_km is None]
        yield Candidate(
            service_id=as_uuid(key), organization_id=as_uuid(organization_id), name=name, organization=organization,
            confirmed_needs=frozenset(confirmed[key]), suggested_needs=frozenset(suggested[key]), status=status,
            offered_until=offered_until, confidential=confidential, zone=zone, points=points,
            place_precision=precision, country=country, remote=remote, areas=tuple(served),
            languages=frozenset(languages.get(key, ())), own_interpretation=interpretation or None,
            minimum_age=youngest, maximum_age=oldest, maximum_household=household,
            eligibility=tuple([EligibilityRule(*rule[1:]) for rule in rules.get(key, ())]), eligibility_text=text,
            capacity=capacities.get(key), schedules=tuple(schedules.get(key, ())), timezone=timezone,
            accepts_handoffs=accepts_handoffs)


def _group(rows: Iterable[Row[Any]]) -> dict[Key, list[Any]]:
    grouped: dict[Key, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(row)
    return grouped


def _needs(session: Session, ids: list[UUID]) -> tuple[dict[Key, set[str]], dict[Key, set[str]]]:
    confirmed: dict[Key, set[str]] = defaultdict(set)
    suggested: dict[Key, set[str]] = defaultdict(set)
    for service_id, need, is_suggested in _rows(session, _NEEDS, ids):
        (suggested if is_suggested else confirmed)[service_id].add(need)
    return confirmed, suggested


Places = dict[Key, tuple[tuple[tuple[float, float], ...], str]]
Sites = dict[Key, list[tuple[Key, Key]]]
NOWHERE: Final = ((), "exact")


def _places(session: Session, ids: list[UUID]) -> tuple[Places, Sites]:
    """Each service's points with their precision, and its (service_at_location, location) pairs."""
    exact: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    near: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    sites: Sites = defaultdict(list)
    for service_id, site, location, lat, lon, near_lat, near_lon in _rows(session, _PLACES, ids):
        sites[service_id].append((site, location))
        if point := grid_point(lat, lon):
            exact[service_id].append(point)
        elif point := grid_point(near_lat, near_lon):
            near[service_id].append(point)
    places: Places = {sid: (tuple(points), "town") for sid, points in near.items()}
    places |= {sid: (tuple(points), "exact") for sid, points in exact.items()}
    return places, sites


def _languages(session: Session, ids: list[UUID], sites: Sites) -> dict[Key, set[str]]:
    by_location: dict[Key, list[Key]] = defaultdict(list)
    for service_id, pairs in sites.items():
        for _, location in pairs:
            by_location[location].append(service_id)
    languages: dict[Key, set[str]] = defaultdict(set)
    for own, location_id, code in _rows(session, _LANGUAGES, ids, list(by_location)):
        for owner in [own] if own is not None else by_location[location_id] if location_id else []:
            languages[owner].add(code or "")
    return languages


def _capacities(session: Session, ids: list[UUID]) -> dict[Key, Capacity]:
    """Per service the capacity that a handoff would take: beds first, then by unit name."""
    found: dict[Key, Capacity] = {}
    for service_id, unit, available, maximum, updated in _rows(session, _CAPACITIES, ids):
        if service_id not in found or (unit_kind(unit) == "bed" != unit_kind(found[service_id].unit)):
            found[service_id] = Capacity(unit, available, maximum, updated)
    return found


def _schedules(session: Session, ids: list[UUID], sites: Sites) -> dict[Key, list[OpeningSchedule]]:
    """A service's own hours; where it has none, those of its places."""
    own: dict[Key, list[OpeningSchedule]] = defaultdict(list)
    there: dict[Key, list[OpeningSchedule]] = defaultdict(list)
    owners: dict[Key, list[Key]] = defaultdict(list)
    for service_id, pairs in sites.items():
        for site, location in pairs:
            owners[site].append(service_id)
            owners[location].append(service_id)
    for service, site, location, *hours in _rows(session, _SCHEDULES, ids, list(owners)):
        schedule = OpeningSchedule(*hours)
        if service is not None:
            own[service].append(schedule)
            continue
        for service_id in owners.get(site or location, ()):
            there[service_id].append(schedule)
    return there | own


def _areas(session: Session, ids: list[UUID], sites: Sites) -> dict[Key, list[ServedArea]]:
    """Areas that were resolved to a place, of the service and of where it is given."""
    owners: dict[Key, Key] = {site: service_id for service_id, pairs in sites.items() for site, _ in pairs}
    areas: dict[Key, list[ServedArea]] = defaultdict(list)
    for service_id, site, country, admin1, lat, lon, radius in _rows(session, _AREAS, ids, list(owners)):
        owner = service_id or owners.get(site)
        if owner is None:
            continue
        if radius is not None and (point := grid_point(lat, lon)):
            areas[owner].append(ServedArea(None, None, *point, radius))
        elif country and lat is None and lon is None and radius is None:
            areas[owner].append(ServedArea(country, admin1))
    return areas
