"""Bulk reads and writes for imports, by table name."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, insert, select, update
from sqlalchemy.orm import Session

from referral_dir.store.db import Base
from referral_dir.store.directory import Eligibility, Service, ServiceAtLocation, ServiceNeed

CHUNK = 2000
CHILDREN = ("phone", "schedule", "service_area", "language", "required_document", "cost_option", "contact")


def table(name: str) -> Table:
    """The table of this HSDS name."""
    return Base.metadata.tables[name]


@cache
def not_empty(name: str) -> frozenset[str]:
    """The columns that may not be NULL."""
    return frozenset(c.name for c in table(name).columns if not c.nullable)


@cache
def required(name: str) -> frozenset[str]:
    """The columns that may not be NULL and have no default: a row without them can't be written."""
    return frozenset(c.name for c in table(name).columns
                     if not c.nullable and c.default is None and c.server_default is None)


@cache
def longest(name: str) -> Mapping[str, int]:
    """How many characters a column holds, where it has a limit."""
    limits = ((c.name, getattr(c.type, "length", None)) for c in table(name).columns)
    return {column: limit for column, limit in limits if limit}


def existing(session: Session, name: str, ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """The rows that are there already, by id."""
    t = table(name)
    found = {}
    for start in range(0, len(ids), CHUNK):
        for row in session.execute(select(t).where(t.c.id.in_(ids[start:start + CHUNK]))):
            found[row.id] = dict(row._mapping)
    return found


def exists(session: Session, name: str, row_id: UUID) -> bool:
    """Whether the row is there."""
    t = table(name)
    return session.execute(select(t.c.id).where(t.c.id == row_id)).first() is not None


def create(session: Session, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows that may name different columns; those that a row lacks take their default."""
    groups: dict[frozenset[str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(frozenset(row), []).append(row)
    for group in groups.values():
        for start in range(0, len(group), CHUNK):
            session.execute(insert(table(name)), group[start:start + CHUNK])


def change(session: Session, name: str, row_id: UUID, values: dict[str, Any]) -> None:
    """Update one row."""
    t = table(name)
    if name == "service":
        values = {**values, "revision": t.c.revision + 1}
    session.execute(update(t).where(t.c.id == row_id).values(**values))


def confidential_ids(session: Session) -> set[UUID]:
    """The confidential services."""
    return set(session.scalars(select(Service.id).where(Service.confidential)))


def active_services_of(session: Session, source: str) -> Sequence[tuple[UUID, str]]:
    """Id and name of the source's active services."""
    rows = session.execute(select(Service.id, Service.name).where(Service.source == source,
                                                                  Service.status == "active").order_by(Service.id))
    return [(service_id, name) for service_id, name in rows]


def set_status(session: Session, service_id: UUID, status: str) -> None:
    """Set a service's status."""
    session.execute(update(Service).where(Service.id == service_id).values(status=status,
                                                                           revision=Service.revision + 1))


def services_at(session: Session, locations: Iterable[UUID | None],
                organizations: Iterable[UUID | None]) -> Iterator[UUID]:
    """The services at these locations or of these organizations."""
    for query, column, ids in (
            (select(ServiceAtLocation.service_id), ServiceAtLocation.location_id, locations),
            (select(Service.id), Service.organization_id, organizations)):
        every = [each for each in ids if each is not None]
        for start in range(0, len(every), CHUNK):
            yield from session.scalars(query.where(column.in_(every[start:start + CHUNK])))


def needs_by_service(session: Session, ids: Sequence[UUID]) -> dict[UUID, dict[str, tuple[bool, str | None]]]:
    """(suggested, evidence) by service and need."""
    found: dict[UUID, dict[str, tuple[bool, str | None]]] = {}
    for start in range(0, len(ids), CHUNK):
        for row in session.scalars(select(ServiceNeed).where(ServiceNeed.service_id.in_(ids[start:start + CHUNK]))):
            found.setdefault(row.service_id, {})[row.need] = (row.suggested, row.evidence)
    return found


def forget_needs(session: Session, service_id: UUID) -> None:
    """Remove a service's needs."""
    session.execute(delete(ServiceNeed).where(ServiceNeed.service_id == service_id))


def eligibility_by_service(session: Session, ids: Sequence[UUID]) -> dict[UUID, set[tuple[str, str, str]]]:
    """(criterion, code, effect) by service."""
    found: dict[UUID, set[tuple[str, str, str]]] = {}
    for start in range(0, len(ids), CHUNK):
        for row in session.scalars(select(Eligibility).where(Eligibility.service_id.in_(ids[start:start + CHUNK]))):
            found.setdefault(row.service_id, set()).add((row.criterion, row.code, row.effect))
    return found


def replace_eligibility(session: Session, rules: Mapping[UUID, Collection[tuple[str, str, str]]]) -> None:
    """For each service these (criterion, code, effect) instead of all that were there."""
    ids = list(rules)
    for start in range(0, len(ids), CHUNK):
        session.execute(delete(Eligibility).where(Eligibility.service_id.in_(ids[start:start + CHUNK])))
    create(session, "eligibility", [
        {"service_id": service_id, "criterion": criterion, "code": code, "effect": effect}
        for service_id in ids for criterion, code, effect in sorted(rules[service_id])])


def organizations_of(session: Session, service_ids: Collection[UUID]) -> set[UUID]:
    """Who gives these services."""
    t = table("service")
    return set(session.scalars(select(t.c.organization_id).where(t.c.id.in_(service_ids)))) if service_ids else set()


def remove_stale_children(session: Session, source: str, service_ids: Sequence[UUID],
                          imported: Mapping[str, set[UUID]]) -> set[UUID]:
    """Remove rows that the source gave before for these services and gives no more. Returns the services."""
    touched: set[UUID] = set()
    for name in CHILDREN:
        t = table(name)
        known = imported.get(name, set())
        for start in range(0, len(service_ids), CHUNK):
            # The source is compared here: in the query, SQLite goes by its index and reads all that the source gave.
            rows = session.execute(select(t.c.id, t.c.service_id, t.c.source).where(
                t.c.service_id.in_(service_ids[start:start + CHUNK])))
            stale = {row.id: row.service_id for row in rows if row.source == source and row.id not in known}
            gone = list(stale)
            for first in range(0, len(gone), CHUNK):
                session.execute(delete(t).where(t.c.id.in_(gone[first:first + CHUNK])))
            touched |= set(stale.values())
    return touched


def all_rows(session: Session, name: str) -> list[dict[str, Any]]:
    """Every row of a table, in the order of ids."""
    t = table(name)
    return [dict(row._mapping) for row in session.execute(select(t).order_by(t.c.id))]
