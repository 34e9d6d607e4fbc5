"""The services that an index proposed, as they are now, in the fields that the rules read: no row at a time.

Where a confidential service is cannot be read here: only its zone is.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Row, or_, select
from sqlalchemy.orm import Session

from referral_dir.domain.availability import Capacity, unit_kind
from referral_dir.domain.distance import grid_point
from referral_dir.domain.need import Candidate, EligibilityRule, ServedArea
from referral_dir.domain.opening import Schedule as OpeningSchedule
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
_SERVICE = (
    Service.id, Service.organization_id, Service.name, Service.status, Service.offered_until, Service.confidential,
    Service.zone_name, Service.zone_latitude, Service.zone_longitude, Service.remote, Service.timezone,
    Service.interpretation_services, Service.minimum_age, Service.maximum_age, Service.maximum_household,
    Service.eligibility_description, Service.accepts_handoffs, Service.country, Organization.name.label("organization"),
)
_SCHEDULE = (
    Schedule.service_id, Schedule.service_at_location_id, Schedule.location_id, Schedule.opens_at,
    Schedule.closes_at, Schedule.freq, Schedule.byday, Schedule.bymonthday, Schedule.interval, Schedule.dtstart,
    Schedule.until, Schedule.valid_from, Schedule.valid_to, Schedule.closed, Schedule.timezone,
)


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
    own = select(Phone.service_id, Phone.number, Phone.number_e164).where(Phone.service_id.in_(service_ids))
    there = (
        select(ServiceAtLocation.service_id, Phone.number, Phone.number_e164)
        .join(ServiceAtLocation, or_(Phone.service_at_location_id == ServiceAtLocation.id,
                                     Phone.location_id == ServiceAtLocation.location_id))
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .where(ServiceAtLocation.service_id.in_(service_ids), ~Service.confidential)
    )
    for query in (own.order_by(Phone.id), there.order_by(Phone.id)):
        for service_id, number, e164 in session.execute(query):
            if service_id is not None and (number, e164) not in phones[service_id]:
                phones[service_id].append((number, e164))
    return dict(phones)


def _load(session: Session, ids: list[UUID]) -> Iterable[Candidate]:
    services = session.execute(
        select(*_SERVICE).join(Organization, Organization.id == Service.organization_id).where(Service.id.in_(ids))
    ).all()
    confirmed, suggested = _needs(session, ids)
    places, sites = _places(session, ids)
    languages = _languages(session, ids, sites)
    rules = _group(session.execute(
        select(Eligibility.service_id, Eligibility.criterion, Eligibility.code, Eligibility.effect)
        .where(Eligibility.service_id.in_(ids)).order_by(Eligibility.criterion, Eligibility.code)))
    capacities = _capacities(session, ids)
    schedules, areas = _schedules(session, ids, sites), _areas(session, ids, sites)
    for s in services:
        middle = grid_point(s.zone_latitude, s.zone_longitude)
        zone = (middle,) if middle else ()
        points, precision = (zone, "zone") if s.confidential else places.get(s.id, ((), "exact"))
        yield Candidate(
            service_id=s.id, organization_id=s.organization_id, name=s.name, organization=s.organization,
            confirmed_needs=frozenset(confirmed[s.id]), suggested_needs=frozenset(suggested[s.id]),
            status=s.status, offered_until=s.offered_until, confidential=s.confidential, zone=s.zone_name,
            points=points, place_precision=precision, country=s.country, remote=s.remote,
            # A circle's centre may be the address itself: a confidential service keeps only its named areas.
            areas=tuple(a for a in areas.get(s.id, ()) if not (s.confidential and a.radius_km is not None)),
            languages=frozenset(languages.get(s.id, ())), own_interpretation=s.interpretation_services or None,
            minimum_age=s.minimum_age, maximum_age=s.maximum_age, maximum_household=s.maximum_household,
            eligibility=tuple(EligibilityRule(*rule[1:]) for rule in rules.get(s.id, ())),
            eligibility_text=s.eligibility_description, capacity=capacities.get(s.id),
            schedules=tuple(schedules.get(s.id, ())), timezone=s.timezone, accepts_handoffs=s.accepts_handoffs)


def _group(rows: Iterable[Row[Any]]) -> dict[UUID, list[Any]]:
    grouped: dict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(row)
    return grouped


def _needs(session: Session, ids: list[UUID]) -> tuple[dict[UUID, set[str]], dict[UUID, set[str]]]:
    confirmed: dict[UUID, set[str]] = defaultdict(set)
    suggested: dict[UUID, set[str]] = defaultdict(set)
    rows = session.execute(select(ServiceNeed.service_id, ServiceNeed.need, ServiceNeed.suggested)
                           .where(ServiceNeed.service_id.in_(ids)))
    for service_id, need, is_suggested in rows:
        (suggested if is_suggested else confirmed)[service_id].add(need)
    return confirmed, suggested


Places = dict[UUID, tuple[tuple[tuple[float, float], ...], str]]
Sites = dict[UUID, list[tuple[UUID, UUID]]]


def _places(session: Session, ids: list[UUID]) -> tuple[Places, Sites]:
    """Each service's points with their precision, and its (service_at_location, location) pairs."""
    rows = session.execute(
        select(ServiceAtLocation.service_id, ServiceAtLocation.id, ServiceAtLocation.location_id,
               Location.latitude, Location.longitude, Location.near_latitude, Location.near_longitude)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .where(ServiceAtLocation.service_id.in_(ids)).order_by(ServiceAtLocation.id))
    exact: dict[UUID, list[tuple[float, float]]] = defaultdict(list)
    near: dict[UUID, list[tuple[float, float]]] = defaultdict(list)
    sites: Sites = defaultdict(list)
    for service_id, site, location, lat, lon, near_lat, near_lon in rows:
        sites[service_id].append((site, location))
        if point := grid_point(lat, lon):
            exact[service_id].append(point)
        elif point := grid_point(near_lat, near_lon):
            near[service_id].append(point)
    places: Places = {sid: (tuple(points), "town") for sid, points in near.items()}
    places |= {sid: (tuple(points), "exact") for sid, points in exact.items()}
    return places, sites


def _languages(session: Session, ids: list[UUID], sites: Sites) -> dict[UUID, set[str]]:
    by_location: dict[UUID, list[UUID]] = defaultdict(list)
    for service_id, pairs in sites.items():
        for _, location in pairs:
            by_location[location].append(service_id)
    languages: dict[UUID, set[str]] = defaultdict(set)
    rows = session.execute(
        select(Language.service_id, Language.location_id, Language.code)
        .where(or_(Language.service_id.in_(ids),
                   Language.service_id.is_(None) & Language.location_id.in_(list(by_location))),
               Language.code.is_not(None)))
    for own, location_id, code in rows:
        for owner in [own] if own is not None else by_location[location_id] if location_id else []:
            languages[owner].add(code or "")
    return languages


def _capacities(session: Session, ids: list[UUID]) -> dict[UUID, Capacity]:
    """Per service the capacity that a handoff would take: beds first, then by unit name."""
    rows = session.execute(
        select(ServiceCapacity.service_id, Unit.name, ServiceCapacity.available, ServiceCapacity.maximum,
               ServiceCapacity.updated)
        .join(Unit, Unit.id == ServiceCapacity.unit_id)
        .where(ServiceCapacity.service_id.in_(ids)).order_by(Unit.name, ServiceCapacity.id))
    found: dict[UUID, Capacity] = {}
    for service_id, unit, available, maximum, updated in rows:
        if service_id not in found or (unit_kind(unit) == "bed" != unit_kind(found[service_id].unit)):
            found[service_id] = Capacity(unit, available, maximum, updated)
    return found


def _schedules(session: Session, ids: list[UUID], sites: Sites) -> dict[UUID, list[OpeningSchedule]]:
    """A service's own hours; where it has none, those of its places."""
    own: dict[UUID, list[OpeningSchedule]] = defaultdict(list)
    there: dict[UUID, list[OpeningSchedule]] = defaultdict(list)
    owners: dict[UUID, list[UUID]] = defaultdict(list)
    for service_id, pairs in sites.items():
        for site, location in pairs:
            owners[site].append(service_id)
            owners[location].append(service_id)
    keys = list(owners)
    rows = session.execute(select(*_SCHEDULE).where(or_(
        Schedule.service_id.in_(ids), Schedule.service_at_location_id.in_(keys), Schedule.location_id.in_(keys))))
    for row in rows:
        schedule = OpeningSchedule(
            opens_at=row.opens_at, closes_at=row.closes_at, freq=row.freq, byday=row.byday,
            bymonthday=row.bymonthday, interval=row.interval, dtstart=row.dtstart, until=row.until,
            valid_from=row.valid_from, valid_to=row.valid_to, closed=row.closed, utc_offset=row.timezone)
        if row.service_id is not None:
            own[row.service_id].append(schedule)
            continue
        for service_id in owners.get(row.service_at_location_id or row.location_id, ()):
            there[service_id].append(schedule)
    return there | own


def _areas(session: Session, ids: list[UUID], sites: Sites) -> dict[UUID, list[ServedArea]]:
    """Areas that were resolved to a place, of the service and of where it is given."""
    owners: dict[UUID | None, UUID] = {site: service_id for service_id, pairs in sites.items() for site, _ in pairs}
    rows = session.execute(
        select(ServiceArea.service_id, ServiceArea.service_at_location_id, ServiceArea.country, ServiceArea.admin1,
               ServiceArea.latitude, ServiceArea.longitude, ServiceArea.radius_km)
        .where(or_(ServiceArea.service_id.in_(ids), ServiceArea.service_at_location_id.in_(list(owners))))
        .order_by(ServiceArea.id))
    areas: dict[UUID, list[ServedArea]] = defaultdict(list)
    for service_id, site, country, admin1, lat, lon, radius in rows:
        owner = service_id or owners.get(site)
        if owner is None:
            continue
        if radius is not None and (point := grid_point(lat, lon)):
            areas[owner].append(ServedArea(None, None, *point, radius))
        elif country and lat is None and lon is None and radius is None:
            areas[owner].append(ServedArea(country, admin1))
    return areas
