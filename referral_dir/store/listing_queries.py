"""Queries on the records that an organization keeps: its own, and those it was given to look after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from referral_dir.domain.upkeep import GOOD_FOR
from referral_dir.store.directory import (
    Address,
    Eligibility,
    Language,
    Location,
    Metadata,
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
from referral_dir.store.people import Person
from referral_dir.store.upkeep import MergedService


@dataclass(frozen=True, slots=True)
class KeptCapacity:
    """A capacity with what the board shows beside it."""

    capacity: ServiceCapacity
    service: str
    confidential: bool
    unit: str
    updated_by: str | None


def _kept_by(organization_id: UUID, *, own_only: bool) -> ColumnElement[bool]:
    own = Service.organization_id == organization_id
    return own if own_only else or_(own, Service.kept_by_id == organization_id)


def capacities_kept(session: Session, organization_id: UUID, *, own_only: bool,
                    capacity_id: UUID | None = None,
                    said_between: tuple[datetime, datetime] | None = None) -> Sequence[KeptCapacity]:
    """Capacities of active services that the organization keeps; or of them the one asked for, or those whose number
    was last said between these moments."""
    query = (
        select(ServiceCapacity, Service.name, Service.confidential, Unit.name, Person.name)
        .join(Service, Service.id == ServiceCapacity.service_id)
        .join(Unit, Unit.id == ServiceCapacity.unit_id)
        .outerjoin(Person, Person.id == ServiceCapacity.updated_by_id)
        .where(_kept_by(organization_id, own_only=own_only), Service.status == "active")
        .execution_options(populate_existing=True)
    )
    if capacity_id is not None:
        query = query.where(ServiceCapacity.id == capacity_id)
    if said_between is not None:
        query = query.where(ServiceCapacity.updated.between(*said_between))
    return [KeptCapacity(*row) for row in session.execute(query)]


def has_unit(session: Session, service_id: UUID, unit: str) -> bool:
    """Whether the service already has a number of this unit."""
    query = select(exists().where(ServiceCapacity.service_id == service_id, ServiceCapacity.unit_id == Unit.id,
                                  Unit.name == unit))
    return bool(session.scalar(query))


def add_capacity(session: Session, service_id: UUID, unit: str, available: int, maximum: int | None,
                 person_id: UUID, now: datetime) -> None:
    """Add a number of this unit; the unit is made when it is new."""
    row = session.scalar(select(Unit).where(Unit.name == unit).order_by(Unit.id).limit(1))
    if row is None:
        row = Unit(name=unit)
        session.add(row)
        session.flush()
    session.add(ServiceCapacity(service_id=service_id, unit_id=row.id, available=available, maximum=maximum,
                                updated=now, updated_by_id=person_id))


def service_kept(session: Session, service_id: UUID, organization_id: UUID, *, own_only: bool) -> Service | None:
    """The service, if the organization keeps it. What was merged into another is nobody's any more."""
    return session.scalar(select(Service).where(
        Service.id == service_id, _kept_by(organization_id, own_only=own_only), _is_whole()
    ).execution_options(populate_existing=True))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the services that are kept: with suggested needs only, of a name, of a status, due for a check."""

    suggested_only: bool = False
    words: str = ""
    status: str = ""
    due: bool = False


def services_kept(session: Session, organization_id: UUID, wanted: Wanted, today: date, *,
                  limit: int, offset: int) -> tuple[Sequence[tuple[Service, str]], int]:
    """A page of the services that the organization keeps, and how many there are: those that were not looked at for
    longest first where a check is asked for, else by name."""
    def narrow(query: Any) -> Any:
        query = query.where(kept_by(organization_id), _is_whole())
        if wanted.suggested_only:
            query = query.where(exists().where(ServiceNeed.service_id == Service.id, ServiceNeed.suggested))
        if wanted.words.strip():
            query = query.where(func.lower(Service.name).contains(wanted.words.strip()[:100].lower(), autoescape=True))
        if wanted.status:
            query = query.where(Service.status == wanted.status)
        return query.where(due_by(today)) if wanted.due else query

    total = session.scalar(narrow(select(func.count()).select_from(Service))) or 0
    page = narrow(select(Service, Organization.name).join(Organization, Organization.id == Service.organization_id))
    first = [func.coalesce(Service.verify_due, Service.assured_date, date(1900, 1, 1))] if wanted.due else []
    rows = session.execute(page.order_by(*first, Service.name, Service.id).limit(limit).offset(offset))
    return [(service, name) for service, name in rows], total


def all_kept(session: Session, organization_id: UUID) -> Sequence[tuple[Service, str]]:
    """All services that the organization keeps, each with whose it is, by name."""
    rows = session.execute(select(Service, Organization.name)
                           .join(Organization, Organization.id == Service.organization_id)
                           .where(kept_by(organization_id), _is_whole()).order_by(Service.name, Service.id))
    return [(service, name) for service, name in rows]


def kept_by(organization_id: UUID) -> ColumnElement[bool]:
    """The organization's own services, and those that it looks after."""
    return _kept_by(organization_id, own_only=False)


def due_by(today: date) -> ColumnElement[bool]:
    """Services that must be looked at; as `domain/upkeep.py` says it."""
    return or_(Service.verify_due <= today, Service.verify_due.is_(None) & or_(
        Service.assured_date.is_(None), Service.assured_date <= today - GOOD_FOR))


def _is_whole() -> ColumnElement[bool]:
    """Not a double that was merged away."""
    return ~exists().where(MergedService.service_id == Service.id)


def needs_of(session: Session, service_ids: Sequence[UUID]) -> Mapping[UUID, Sequence[ServiceNeed]]:
    """The services' needs, by code."""
    found: dict[UUID, list[ServiceNeed]] = {}
    for row in session.scalars(select(ServiceNeed).where(ServiceNeed.service_id.in_(service_ids))
                               .order_by(ServiceNeed.need)):
        found.setdefault(row.service_id, []).append(row)
    return found


def neighbours(session: Session, service_id: UUID, needs: Sequence[str], latitude: float,
               longitude: float) -> list[tuple[UUID, str, float, float]]:
    """(service, need, latitude, longitude) of other active services within about a degree that meet one of the needs:
    hidden ones by their zone's point."""
    open_places = (
        select(ServiceNeed.service_id, ServiceNeed.need, Location.latitude, Location.longitude)
        .join(Service, Service.id == ServiceNeed.service_id)
        .join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
        .join(Location, Location.id == ServiceAtLocation.location_id).where(~Service.confidential))
    zones = (select(ServiceNeed.service_id, ServiceNeed.need, Service.zone_latitude, Service.zone_longitude)
             .join(Service, Service.id == ServiceNeed.service_id).where(Service.confidential))
    found: list[tuple[UUID, str, float, float]] = []
    for query, lat, lon in ((open_places, Location.latitude, Location.longitude),
                            (zones, Service.zone_latitude, Service.zone_longitude)):
        rows = session.execute(query.where(
            ServiceNeed.need.in_(needs), Service.id != service_id, Service.status == "active",
            lat.between(latitude - 1, latitude + 1), lon.between(longitude - 1, longitude + 1)))
        found += [(row[0], row[1], float(row[2] or 0), float(row[3] or 0)) for row in rows]
    return found


def replace_needs(session: Session, service_id: UUID, codes: Sequence[str]) -> None:
    """These needs, confirmed, instead of all that were there."""
    session.execute(delete(ServiceNeed).where(ServiceNeed.service_id == service_id))
    session.add_all([ServiceNeed(service_id=service_id, need=code, suggested=False) for code in codes])


def bump_revision(session: Session, service_id: UUID, revision: int, **values: Any) -> bool:
    """Write the values if nobody has edited the service since `revision`. False: someone has."""
    query = update(Service).where(Service.id == service_id, Service.revision == revision).values(
        revision=revision + 1, **values).execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", session.execute(query)).rowcount == 1


def own_eligibility(session: Session, service_id: UUID) -> Sequence[Eligibility]:
    """Whom it serves and excludes."""
    return session.scalars(select(Eligibility).where(Eligibility.service_id == service_id)
                           .order_by(Eligibility.criterion, Eligibility.code)).all()


def history(session: Session, service_id: UUID, limit: int = 60) -> Sequence[tuple[Metadata, str | None]]:
    """What changed in the service, newest first, with the organization of whoever it was."""
    rows = session.execute(
        select(Metadata, Organization.name).outerjoin(Person, Person.id == Metadata.person_id)
        .outerjoin(Organization, Organization.id == Person.organization_id).where(Metadata.resource_id == service_id)
        .order_by(Metadata.last_action_date.desc(), Metadata.at.desc(), Metadata.field_name, Metadata.id).limit(limit))
    return [(row, name) for row, name in rows]


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What a service's page shows beside the service itself. A confidential one has no places here."""

    organization: Organization
    locations: Sequence[Location]
    addresses: Sequence[Address]
    phones: Sequence[Phone]
    schedules: Sequence[Schedule]
    languages: Sequence[Language]
    areas: Sequence[ServiceArea]
    eligibility: Sequence[Eligibility]
    needs: Sequence[ServiceNeed]
    capacities: Sequence[tuple[ServiceCapacity, str, str | None]]


def service_parts(session: Session, service: Service) -> ServiceParts:
    """Everything that may be shown of a service, in one query per kind."""
    site = aliased(ServiceAtLocation)
    sites = session.execute(select(site.id, site.location_id).where(site.service_id == service.id)).all()
    site_ids, location_ids = [s.id for s in sites], [s.location_id for s in sites]
    shown = [] if service.confidential else location_ids
    return ServiceParts(
        organization=session.get_one(Organization, service.organization_id),
        locations=session.scalars(select(Location).where(Location.id.in_(shown)).order_by(Location.name)).all(),
        addresses=session.scalars(select(Address).where(Address.location_id.in_(shown)).order_by(Address.id)).all(),
        phones=session.scalars(select(Phone).where(or_(
            Phone.service_id == service.id, Phone.service_at_location_id.in_(site_ids if shown else []),
            Phone.location_id.in_(shown))).order_by(Phone.id)).all(),
        schedules=session.scalars(select(Schedule).where(or_(
            Schedule.service_id == service.id, Schedule.service_at_location_id.in_(site_ids),
            Schedule.location_id.in_(location_ids))).order_by(Schedule.byday, Schedule.opens_at)).all(),
        languages=session.scalars(select(Language).where(or_(
            Language.service_id == service.id, Language.location_id.in_(location_ids)))
            .order_by(Language.name)).all(),
        areas=session.scalars(select(ServiceArea).where(or_(
            ServiceArea.service_id == service.id, ServiceArea.service_at_location_id.in_(site_ids)))
            .order_by(ServiceArea.name)).all(),
        eligibility=own_eligibility(session, service.id),
        needs=needs_of(session, [service.id]).get(service.id, []),
        capacities=[(row, unit, by) for row, unit, by in session.execute(
            select(ServiceCapacity, Unit.name, Person.name).join(Unit, Unit.id == ServiceCapacity.unit_id)
            .outerjoin(Person, Person.id == ServiceCapacity.updated_by_id)
            .where(ServiceCapacity.service_id == service.id).order_by(Unit.name))],
    )


def organizations_named(session: Session, words: str) -> Sequence[UUID]:
    """Organizations whose name holds these words, in any case."""
    query = select(Organization.id).where(func.lower(Organization.name).contains(words.lower(), autoescape=True))
    return session.scalars(query.order_by(Organization.id)).all()
