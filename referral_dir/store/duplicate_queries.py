"""What services are compared by, and the rows that move when two become one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, exists, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.domain.handoff import OPEN
from referral_dir.store.cases import Handoff
from referral_dir.store.directory import (
    Accessibility,
    Address,
    Attribute,
    Contact,
    CostOption,
    Funding,
    Language,
    Location,
    Metadata,
    Organization,
    Phone,
    RequiredDocument,
    Schedule,
    SecretLocation,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceCapacity,
    ServiceNeed,
    Url,
)
from referral_dir.store.listing_queries import kept_by
from referral_dir.store.upkeep import Correction, MergedService, NotDouble

# What a double leaves to the one that stays; the rest of it is chosen field by field, and written there.
_HANDED_ON: Final[tuple[Any, ...]] = (Contact, CostOption, Funding, RequiredDocument, Url, Correction)
_DROPPED: Final[tuple[Any, ...]] = (Language, Phone, Schedule, ServiceArea, ServiceNeed)
_KEPT_TEXT: Final = ("id", "organization_id", "name", "status", "confidential", "zone_name", "zone_latitude",
                     "zone_longitude", "remote", "accepts_handoffs", "kept_by_id", "revision", "source", "foreign_id")


@dataclass(slots=True)
class Facts:
    """What two services are compared by. A hidden one has no points here."""

    service_id: UUID
    name: str
    alternate_name: str | None
    organization_id: UUID
    organization: str
    url: str | None
    email: str | None
    confidential: bool
    zone: str | None
    kept: bool
    phones: set[str] = field(default_factory=set)
    points: list[tuple[float, float]] = field(default_factory=list)
    needs: set[str] = field(default_factory=set)


def facts(session: Session, organization_id: UUID, only: Sequence[UUID] = ()) -> dict[UUID, Facts]:
    """The services that are in service (of these, if some are given): all public ones, and the hidden ones that this
    organization keeps."""
    mine = kept_by(organization_id)
    these = [Service.id.in_(only)] if only else []
    found = {row.id: Facts(row.id, row.name, row.alternate_name, row.organization_id, row.owner, row.url, row.email,
                           row.confidential, row.zone_name, bool(row.mine)) for row in session.execute(
        select(Service.id, Service.name, Service.alternate_name, Service.organization_id,
               Organization.name.label("owner"), Service.url, Service.email, Service.confidential, Service.zone_name,
               mine.label("mine"))
        .join(Organization, Organization.id == Service.organization_id)
        .where(or_(~Service.confidential, mine), Service.status.in_(("active", "temporarily closed", "inactive")),
               ~exists().where(MergedService.service_id == Service.id), *these))}
    for service_id, need in session.execute(select(ServiceNeed.service_id, ServiceNeed.need)):
        if service_id in found:
            found[service_id].needs.add(need)
    _add_places(session, found)
    for owner_id, number in session.execute(select(Phone.service_id, Phone.number_e164).where(
            Phone.service_id.is_not(None), Phone.number_e164.is_not(None))):
        if owner_id in found:
            found[owner_id].phones.add(str(number))
    return found


def _add_places(session: Session, found: dict[UUID, Facts]) -> None:
    by_location: dict[UUID, list[Facts]] = defaultdict(list)
    for service_id, location_id, latitude, longitude in session.execute(
            select(ServiceAtLocation.service_id, Location.id, Location.latitude, Location.longitude)
            .join(Location, Location.id == ServiceAtLocation.location_id)):
        one = found.get(service_id)
        if one is None or one.confidential:
            continue
        by_location[location_id].append(one)
        if latitude is not None and longitude is not None:
            one.points.append((latitude, longitude))
    for house_id, number in session.execute(select(Phone.location_id, Phone.number_e164).where(
            Phone.location_id.is_not(None), Phone.number_e164.is_not(None))):
        for one in by_location.get(house_id, ()) if house_id else ():
            one.phones.add(str(number))


def count_answers(session: Session) -> int:
    """How often somebody has said that two are not the same."""
    return len(session.execute(select(NotDouble.first_id)).all())


def has_open_handoff(session: Session, service_id: UUID) -> bool:
    """Whether a request to it, or one that counts on its interpreters, is under way."""
    return bool(session.scalar(select(exists().where(
        or_(Handoff.service_id == service_id, Handoff.interpreter_service_id == service_id),
        Handoff.state.in_([str(state) for state in OPEN])))))


def lock(session: Session, service_ids: Sequence[UUID]) -> None:
    """Nobody else changes these services until the transaction ends; always in the same order."""
    session.execute(select(Service.id).where(Service.id.in_(service_ids)).order_by(Service.id).with_for_update())


def hand_on(session: Session, gone: UUID, stays: UUID, now: datetime) -> None:
    """The rows of a double become those of the service that stays; what is left of it is a name that leads there."""
    has = set(session.scalars(select(ServiceCapacity.unit_id).where(ServiceCapacity.service_id == stays)))
    session.execute(update(ServiceCapacity).where(
        ServiceCapacity.service_id == gone, ServiceCapacity.unit_id.not_in(has)).values(service_id=stays))
    for table in _HANDED_ON:
        session.execute(update(table).where(table.service_id == gone).values(service_id=stays))
    session.execute(update(Attribute).where(Attribute.link_id == gone).values(link_id=stays))
    session.execute(update(Metadata).where(Metadata.resource_id == gone).values(resource_id=stays))
    for table in _DROPPED:
        session.execute(delete(table).where(table.service_id == gone))
    _leave_places(session, gone)
    session.execute(delete(SecretLocation).where(SecretLocation.service_id == gone))
    empty = {column.name: None for column in Service.__table__.columns
             if column.nullable and column.name not in _KEPT_TEXT}
    session.execute(update(Service).where(Service.id == gone).values(
        **empty, status="defunct", revision=Service.revision + 1).execution_options(synchronize_session=False))
    session.execute(update(MergedService).where(MergedService.into_id == gone).values(into_id=stays))
    session.add(MergedService(service_id=gone, into_id=stays, at=now))
    session.flush()
    session.expire_all()


def _leave_places(session: Session, service_id: UUID) -> None:
    sites = session.execute(select(ServiceAtLocation.id, ServiceAtLocation.location_id).where(
        ServiceAtLocation.service_id == service_id)).all()
    shared = set(session.scalars(select(ServiceAtLocation.location_id).where(
        ServiceAtLocation.location_id.in_([s.location_id for s in sites]),
        ServiceAtLocation.service_id != service_id)))
    alone = [s.location_id for s in sites if s.location_id not in shared]
    session.execute(delete(ServiceAtLocation).where(ServiceAtLocation.service_id == service_id))
    for table in (Address, Accessibility, Phone, Contact):
        rows: Any = table
        session.execute(delete(rows).where(rows.location_id.in_(alone)))
    session.execute(delete(Location).where(Location.id.in_(alone)))


def remember(session: Session, first: UUID, second: UUID, now: datetime) -> None:
    """These two are not the same."""
    low, high = sorted((first, second))
    if session.get(NotDouble, (low, high)) is None:
        session.add(NotDouble(first_id=low, second_id=high, at=now))
