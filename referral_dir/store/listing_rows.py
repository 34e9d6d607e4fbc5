"""The rows behind what a keeper edits: read for many services at once, and written where they differ."""

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, exists, select, update
from sqlalchemy.orm import Session

from referral_dir.store.directory import (
    Address,
    Eligibility,
    Language,
    Location,
    Phone,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
)

CHUNK = 2000
Row = TypeVar("Row")


@dataclass(slots=True)
class PlaceRows:
    """One place of a service that is in the open."""

    site: ServiceAtLocation
    location: Location | None = None
    address: Address | None = None

    @property
    def key(self) -> str:
        """Which of its service's places it is."""
        return self.site.id.hex[-8:]


@dataclass(slots=True)
class Rows:
    """What belongs to one service. A hidden one has no places here."""

    service: Service
    needs: list[ServiceNeed] = field(default_factory=list)
    languages: list[Language] = field(default_factory=list)
    phones: list[Phone] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    place_schedules: list[Schedule] = field(default_factory=list)
    areas: list[ServiceArea] = field(default_factory=list)
    eligibility: list[Eligibility] = field(default_factory=list)
    places: list[PlaceRows] = field(default_factory=list)

    @property
    def first(self) -> PlaceRows | None:
        """Where it is, for most services."""
        return self.places[0] if self.places else None


def rows_of(session: Session, services: Sequence[Service]) -> dict[UUID, Rows]:
    """The rows of these services, in a handful of queries however many they are."""
    found = {service.id: Rows(service) for service in services}
    parts: tuple[tuple[Any, str], ...] = (
        (ServiceNeed, "needs"), (Language, "languages"), (Phone, "phones"), (Schedule, "schedules"),
        (ServiceArea, "areas"), (Eligibility, "eligibility"))
    for table, name in parts:
        for row in _among(session, table, table.service_id, list(found)):
            getattr(found[row.service_id], name).append(row)
    _add_places(session, {key: rows for key, rows in found.items() if not rows.service.confidential})
    return found


def _among(session: Session, table: type[Row], column: Any, ids: Sequence[UUID]) -> Iterator[Row]:
    for start in range(0, len(ids), CHUNK):
        yield from session.scalars(select(table).where(column.in_(ids[start:start + CHUNK]))
                                   .execution_options(populate_existing=True))


def _add_places(session: Session, found: Mapping[UUID, Rows]) -> None:
    by_location: dict[UUID, list[PlaceRows]] = defaultdict(list)
    for site in sorted(_among(session, ServiceAtLocation, ServiceAtLocation.service_id, list(found)),
                       key=lambda site: site.id):
        place = PlaceRows(site)
        found[site.service_id].places.append(place)
        by_location[site.location_id].append(place)
    for location in _among(session, Location, Location.id, list(by_location)):
        for place in by_location[location.id]:
            place.location = location
    for address in sorted(_among(session, Address, Address.location_id, list(by_location)),
                          key=lambda row: (row.address_type != "physical", row.id)):
        for place in by_location[address.location_id]:  # type: ignore[index]
            place.address = place.address or address
    _add_place_hours(session, found)


def _add_place_hours(session: Session, found: Mapping[UUID, Rows]) -> None:
    firsts = [(rows, rows.first) for rows in found.values() if rows.first]
    by_site = {place.site.id: rows for rows, place in firsts}
    by_location: dict[UUID, list[Rows]] = defaultdict(list)
    for rows, place in firsts:
        by_location[place.site.location_id].append(rows)
    for schedule in _among(session, Schedule, Schedule.service_at_location_id, list(by_site)):
        by_site[schedule.service_at_location_id].place_schedules.append(schedule)  # type: ignore[index]
    for schedule in _among(session, Schedule, Schedule.location_id, list(by_location)):
        for rows in by_location[schedule.location_id]:  # type: ignore[index]
            rows.place_schedules.append(schedule)


def remove(session: Session, rows: Collection[Any]) -> None:
    """These rows are gone."""
    for row in rows:
        session.delete(row)


def shared_place(session: Session, location_id: UUID, service_id: UUID) -> bool:
    """Whether another service is given at this place too."""
    return bool(session.scalar(select(exists().where(
        ServiceAtLocation.location_id == location_id, ServiceAtLocation.service_id != service_id))))


def leave_place(session: Session, service: Service, place: PlaceRows) -> None:
    """The service is not given at this place any more; a place of nobody else's goes with it."""
    session.flush()
    location_id = place.site.location_id
    alone = not shared_place(session, location_id, service.id)
    session.execute(delete(ServiceAtLocation).where(ServiceAtLocation.id == place.site.id))
    if alone:
        session.execute(delete(Location).where(Location.id == location_id))
    session.expire_all()


def new_place(session: Session, service: Service, after: UUID | None = None) -> PlaceRows:
    """A place of the service's own, empty, behind the place `after`."""
    location = Location(organization_id=service.organization_id)
    session.add(location)
    session.flush()
    site = ServiceAtLocation(id=_behind(after), service_id=service.id, location_id=location.id)
    address = Address(location_id=location.id)
    session.add_all([site, address])
    session.flush()
    return PlaceRows(site, location, address)


def own_place(session: Session, service: Service, place: PlaceRows) -> tuple[Location, Address]:
    """What of this place to write to: it is the service's own afterwards, a copy where others share it."""
    location, old = place.location, place.address
    address = old
    if location is None or shared_place(session, location.id, service.id):
        copied = location
        location = Location(organization_id=service.organization_id, name=copied.name if copied else None)
        session.add(location)
        session.flush()
        place.site.location_id = location.id
        if copied:
            location.latitude, location.longitude = copied.latitude, copied.longitude
        address = None
    if address is None:
        address = Address(location_id=location.id, **{c: getattr(old, c) for c in (
            "attention", "address_1", "address_2", "city", "region", "state_province", "postal_code", "country")
            if old and getattr(old, c) is not None})
        session.add(address)
    session.flush()
    return location, address


def _behind(last: UUID | None) -> UUID:
    """A new id that sorts behind this one: the order of a service's places is that of their ids, and a new place must
    not become the first."""
    return uuid4() if last is None else UUID(int=min(last.int + 1 + secrets.randbits(48), (1 << 128) - 1))


def services_of(session: Session, ids: Collection[UUID], condition: ColumnElement[bool]) -> Sequence[Service]:
    """Those of these services that the condition holds for."""
    every = list(ids)
    return [row for start in range(0, len(every), CHUNK) for row in session.scalars(
        select(Service).where(Service.id.in_(every[start:start + CHUNK]), condition)
        .execution_options(populate_existing=True))]


def touch(session: Session, service_id: UUID, **values: Any) -> None:
    """Write columns without counting it as an edit: what nobody's form holds."""
    session.execute(update(Service).where(Service.id == service_id).values(**values)
                    .execution_options(synchronize_session=False))
