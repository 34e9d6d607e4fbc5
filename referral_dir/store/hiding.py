"""A service becomes hidden: what of it was public is sealed or removed, in one transaction.

Nothing else in the store takes a place out of the open; the desk decides when, and has the disk cleaned afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, Row, String, Table, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.domain.withholding import WITHHELD, Traces, traces
from referral_dir.store.db import Base, Store
from referral_dir.store.directory import (
    Accessibility,
    Address,
    Attribute,
    Contact,
    Language,
    Location,
    Metadata,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceArea,
    ServiceAtLocation,
    ServiceNeed,
)
from referral_dir.store.jobs import ImportJob
from referral_dir.store.secret_queries import open_place, seal_place
from referral_dir.store.upkeep import BulkDraft, Correction, MergedService, MergeUndo

_ADDRESS = ("attention", "address_1", "address_2", "city", "region", "state_province", "postal_code", "country")
# A part of these is of no use: they are emptied.
_WHOLE = ("url", "email", "assurer_email", "schedule_link", "uri")
# Codes and names by which rows are found; no text of a person.
_NEVER = ("source", "foreign_id", "status", "timezone", "country", "zone_name", "code", "need", "byday", "link_entity")


@dataclass(frozen=True, slots=True)
class Repeat:
    """A text beside the address that says where the service is."""

    table: str
    column: str
    text: str


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a service is in the open. `alone` are the places that no other service shares."""

    site_ids: Sequence[UUID]
    locations: Sequence[Location]
    addresses: Sequence[Address]
    phones: Sequence[Phone]
    contacts: Sequence[Contact]
    alone: Sequence[UUID]


def seal_places(session: Session, service_id: UUID) -> None:
    """Seal where the service is, remove it in the clear, and withhold it wherever else it is said.

    A place that other services share keeps existing for them; the link to it goes. What was sealed before stays where
    there is nothing in the open.
    """
    places, service = _places(session, service_id), session.get_one(Service, service_id)
    words = _traces(session, service, places)
    _seal(session, service_id, places)
    # Hours and languages are the service's own from now on.
    for table in (Schedule, Language):
        session.execute(update(table).where(_at(table, places)).values(
            **{c: None for c in ("location_id", "service_at_location_id") if hasattr(table, c)}, service_id=service_id))
    gone = [*places.site_ids, *places.alone]
    for row_table in (Phone, Contact, Address, Accessibility):
        of_these = _at(row_table, places)
        gone += session.scalars(select(row_table.id).where(of_these)).all()
        session.execute(delete(row_table).where(of_these))
    session.execute(delete(ServiceAtLocation).where(ServiceAtLocation.service_id == service_id))
    session.execute(delete(Location).where(Location.id.in_(places.alone)))
    session.execute(update(ServiceArea).where(ServiceArea.service_id == service_id).values(
        latitude=None, longitude=None, radius_km=None, extent=None, extent_type=None))
    _clean(session, service_id, words)
    about = [service_id, *(row.id for _, row in _rows_about(session, service_id) if hasattr(row, "id"))]
    session.execute(delete(Metadata).where(Metadata.resource_id.in_([*gone, *about])))
    session.execute(delete(Attribute).where(Attribute.link_id.in_(gone)))
    _forget_upkeep(session, service_id)
    session.flush()
    session.expire_all()


def _forget_upkeep(session: Session, service_id: UUID) -> None:
    """What people sent in about it, files of bulk edits and merges that hold what it was, and the names of what was
    merged into it: they lead to nothing public any more."""
    service = session.get_one(Service, service_id, populate_existing=True)
    merged = session.scalars(select(MergedService.service_id).where(MergedService.into_id == service_id)).all()
    _forget_reports(session, service.source)
    session.execute(delete(Correction).where(Correction.service_id.in_([service_id, *merged])))
    session.execute(delete(MergeUndo).where(or_(MergeUndo.service_id.in_([service_id, *merged]),
                                                MergeUndo.into_id.in_([service_id, *merged]))))
    session.execute(delete(BulkDraft).where(BulkDraft.organization_id.in_(
        [key for key in (service.organization_id, service.kept_by_id) if key])))
    session.execute(update(Service).where(Service.id.in_(merged)).values(
        name=service.name, confidential=True, zone_name=service.zone_name or service.name,
        zone_latitude=service.zone_latitude, zone_longitude=service.zone_longitude))


def _forget_reports(session: Session, source: str | None) -> None:
    """What reports of imports from the same source quote: a value that was refused may be a part of the address."""
    for job in session.scalars(select(ImportJob).where(ImportJob.source == source, ImportJob.report.is_not(None))):
        report = job.report or {}
        job.report = {**report, "issues": [{**issue, "value": WITHHELD if issue.get("value") else ""}
                                           for issue in report.get("issues", ())]}


def repeats(session: Session, service_id: UUID) -> list[Repeat]:
    """The texts beside the address that say where the service is, by the words of its address."""
    service = session.get_one(Service, service_id)
    words = _traces(session, service, _places(session, service_id))
    return [Repeat(table.name, column.name, text) for table, _, column, text, _ in
            _repeating(session, service_id, words)]


def says_where(session: Session, service_id: UUID) -> Traces:
    """What would give the service away in a text, by what is sealed of it."""
    return _traces(session, session.get_one(Service, service_id), _places(session, service_id))


def sharing(session: Session, service_id: UUID) -> Sequence[str]:
    """The names of other services at the same places, which stay in the open there."""
    mine = select(ServiceAtLocation.location_id).where(ServiceAtLocation.service_id == service_id)
    return session.scalars(
        select(Service.name).distinct().join(ServiceAtLocation, ServiceAtLocation.service_id == Service.id)
        .where(ServiceAtLocation.location_id.in_(mine), Service.id != service_id, ~Service.confidential)
        .order_by(Service.name)).all()


def withhold(session: Session, service_id: UUID) -> int:
    """Take what is sealed of the service out of its other texts. Returns how many there were."""
    words = _traces(session, session.get_one(Service, service_id), _places(session, service_id))
    count = _clean(session, service_id, words)
    session.expire_all()
    return count


def hidden_in_the_open(session: Session) -> Sequence[UUID]:
    """Confidential services that still have a place in the open: there should be none."""
    return session.scalars(select(Service.id).where(
        Service.confidential, exists().where(ServiceAtLocation.service_id == Service.id)).order_by(Service.id)).all()


def clean_disk(store: Store) -> None:
    """Have the database give up what was deleted: SQLite's journal is written back and emptied, PostgreSQL's old rows
    are removed where the role may do that."""
    connection = store.engine.raw_connection()
    try:
        cursor = connection.cursor()
        if store.engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            connection.rollback()
            connection.driver_connection.autocommit = True  # type: ignore[union-attr]
            try:
                for table in ("service", "location", "address", "phone", "contact", "metadata", "attribute",
                              "correction", "bulk_draft", "merge_undo", "import_job"):
                    cursor.execute(f"VACUUM {table}")
            finally:
                connection.driver_connection.autocommit = False  # type: ignore[union-attr]
        cursor.close()
    finally:
        connection.close()


def _at(table: Any, places: _Places) -> Any:
    """The rows of this table at the sites, and at those places that nobody shares."""
    found = [table.location_id.in_(places.alone)] if hasattr(table, "location_id") else []
    if hasattr(table, "service_at_location_id"):
        found.append(table.service_at_location_id.in_(places.site_ids))
    return or_(*found)


def _places(session: Session, service_id: UUID) -> _Places:
    sites = session.scalars(select(ServiceAtLocation).where(ServiceAtLocation.service_id == service_id)).all()
    site_ids = [site.id for site in sites]
    at = [site.location_id for site in sites]
    ids = sorted({*at, *_same_house(session, service_id, at)})
    shared = set(session.scalars(select(ServiceAtLocation.location_id).where(
        ServiceAtLocation.location_id.in_(ids), ServiceAtLocation.service_id != service_id)))
    there = [or_(t.location_id.in_(ids), t.service_at_location_id.in_(site_ids)) for t in (Phone, Contact)]
    return _Places(
        site_ids, session.scalars(select(Location).where(Location.id.in_(ids)).order_by(Location.id)).all(),
        session.scalars(select(Address).where(Address.location_id.in_(ids)).order_by(Address.id)).all(),
        session.scalars(select(Phone).where(there[0]).order_by(Phone.number)).all(),
        session.scalars(select(Contact).where(there[1]).order_by(Contact.name, Contact.email)).all(),
        [location for location in ids if location not in shared])


def _same_house(session: Session, service_id: UUID, location_ids: Sequence[UUID]) -> set[UUID]:
    """The organization's own entries of the same house, at which no service is given."""
    streets = select(func.lower(Address.address_1)).where(
        Address.location_id.in_(location_ids), Address.address_1 != "")
    owner = select(Service.organization_id).where(Service.id == service_id).scalar_subquery()
    return set(session.scalars(
        select(Location.id).join(Address, Address.location_id == Location.id)
        .where(Location.organization_id == owner, func.lower(Address.address_1).in_(streets),
               ~exists().where(ServiceAtLocation.location_id == Location.id))))


def _seal(session: Session, service_id: UUID, places: _Places) -> None:
    point = next(((x.latitude, x.longitude) for x in places.locations
                  if x.latitude is not None and x.longitude is not None), None)
    first = places.addresses[0] if places.addresses else None
    sealed: dict[str, Any] = {f: getattr(first, f) for f in _ADDRESS if first and getattr(first, f)}
    name = next((x.name for x in places.locations if x.name), None)
    contacts = [", ".join(filter(None, (c.name, c.email))) for c in places.contacts]
    sealed |= {key: value for key, value in (
        ("name", name), ("phones", [p.number for p in places.phones]), ("contacts", contacts)) if value}
    if sealed or point:
        seal_place(session, service_id, sealed or None, point)


def _traces(session: Session, service: Service, places: _Places) -> Traces:
    """By what the places in the open, and what is sealed, would be recognised."""
    owner = session.get_one(Organization, service.organization_id)
    address, point = open_place(session, service.id)
    sealed: Mapping[str, Any] = address or {}
    own = session.scalars(select(Phone.number).where(or_(
        Phone.service_id == service.id, Phone.organization_id == owner.id))).all()
    towns = [text for a in (*places.addresses,) for text in (a.city, a.state_province)]
    towns += [str(sealed.get(key) or "") for key in ("city", "state_province")]
    names = [n for x in places.locations for n in (x.name, x.alternate_name)]
    names += [n for c in places.contacts for n in (c.name, c.email)]
    names += [part for line in sealed.get("contacts", ()) for part in str(line).split(", ")] + [sealed.get("name")]
    points = [(x.latitude, x.longitude) for x in places.locations
              if x.latitude is not None and x.longitude is not None] + ([point] if point else [])
    return traces(
        [*({f: getattr(a, f) for f in _ADDRESS} for a in places.addresses), sealed],
        phones=[*(p.number for p in places.phones), *map(str, sealed.get("phones", ()))],
        names=[n for n in names if n], points=points,
        public=[t for t in (service.name, service.alternate_name, owner.name, owner.alternate_name, service.zone_name,
                            *towns, *own) if t])


def _clean(session: Session, service_id: UUID, words: Traces) -> int:
    count = 0
    for table, row, column, _, new in _repeating(session, service_id, words):
        this_row = [key == row._mapping[key.name] for key in table.primary_key]
        session.execute(update(table).where(*this_row).values({column.name: new}))
        count += 1
    return count


def _repeating(session: Session, service_id: UUID,
               words: Traces) -> Iterator[tuple[Table, Row[Any], Column[Any], str, Any]]:
    """(table, row, column, what is there, what it should be) for each text about the service that repeats the place."""
    for table, row in list(_rows_about(session, service_id)):
        for column in table.columns:
            value = row._mapping[column.name]
            if not isinstance(column.type, (String, JSON)) or value is None or column.name in _NEVER:
                continue
            new = words.withhold(value)
            if new != value:
                yield table, row, column, str(value), None if column.name in _WHOLE and column.nullable else new


def _rows_about(session: Session, service_id: UUID) -> Iterator[tuple[Table, Row[Any]]]:
    """The service, its directory records (those that may come from a source), its tags, and its organization."""
    ids = [service_id]
    for table in Base.metadata.sorted_tables:
        if "service_id" in table.c and ("foreign_id" in table.c or table.name == ServiceNeed.__tablename__):
            for row in session.execute(select(table).where(table.c.service_id == service_id)):
                ids += [row.id] if "id" in table.c else []
                yield table, row
    for entity, chosen in ((Attribute, Attribute.link_id.in_(ids)), (Service, Service.id == service_id),
                           (Organization, Organization.id.in_(
                               select(Service.organization_id).where(Service.id == service_id)))):
        about: Any = entity.__table__
        for row in session.execute(select(about).where(chosen)):
            yield about, row
