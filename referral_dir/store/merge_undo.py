"""What making one of two services changed, row by row, so that it can be given back.

Two pictures of all rows about both services are compared, from before and from after: so nothing here knows what a
merge does, and a step that is added to it later is given back too.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Table, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from referral_dir.store import directory
from referral_dir.store.db import Base
from referral_dir.store.directory import Attribute, Location, Metadata, Service, ServiceAtLocation
from referral_dir.store.listing_queries import kept_by
from referral_dir.store.upkeep import Correction, MergedService, MergeUndo

_TABLES: Final[tuple[Table, ...]] = tuple(
    table for table in Base.metadata.sorted_tables if table.name in {
        Correction.__tablename__, MergedService.__tablename__, *(
            entity.__tablename__ for entity in vars(directory).values()
            if getattr(entity, "__module__", "") == directory.__name__ and hasattr(entity, "__tablename__"))})
_BY_NAME: Final = {table.name: table for table in _TABLES}
# Others hang on these: made by the merge, they go last.
_HOUSES: Final = (ServiceAtLocation.__tablename__, Location.__tablename__)
# Versions only ever grow.
_NEVER_BACK: Final = {("service", "revision"), ("service", "last_modified")}

Picture = dict[tuple[str, tuple[str, ...]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that the merge made (no `before`), removed (no `after`), or of which it changed these columns."""

    table: str
    key: tuple[str, ...]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


def picture(session: Session, service_ids: Sequence[UUID]) -> Picture:
    """All rows about these services and their places, as plain values."""
    session.flush()
    sites = session.execute(select(ServiceAtLocation.location_id).where(
        ServiceAtLocation.service_id.in_(service_ids))).scalars().all()
    seeds: dict[str, list[Any]] = {Service.__tablename__: list(service_ids), Location.__tablename__: list(sites)}
    found, rows = dict(seeds), Picture()
    for table in _TABLES:
        condition = _about(table, found)
        if condition is None:
            continue
        for row in session.execute(select(table).where(condition)):
            values = {column.name: _plain(row._mapping[column]) for column in table.columns}
            rows[table.name, _key(table, values)] = values
            if table.name not in seeds:
                found.setdefault(table.name, []).append(row._mapping[next(iter(table.primary_key))])
    return rows


def _about(table: Table, found: Mapping[str, list[Any]]) -> ColumnElement[bool] | None:
    """Rows of this table that hang on what was found."""
    own = next(iter(table.primary_key))
    if table.name in (Service.__tablename__, Location.__tablename__):
        return own.in_(found[table.name])
    links = [column.in_(found[key.column.table.name]) for column in table.columns for key in column.foreign_keys
             if key.column.table.name in found]
    if table.name == Attribute.__tablename__:
        links.append(table.c.link_id.in_(found[Service.__tablename__]))
    if table.name == Metadata.__tablename__:
        links.append(table.c.resource_id.in_(found[Service.__tablename__]))
    return or_(*links) if links else None


def changes(before: Picture, after: Picture) -> list[RowChange]:
    """What became different between two pictures."""
    found = []
    for table, key in sorted(before.keys() | after.keys()):
        old, new = before.get((table, key)), after.get((table, key))
        if old is not None and new is not None:
            differing = [name for name in old if old[name] != new[name] and (table, name) not in _NEVER_BACK]
            if not differing:
                continue
            old, new = {name: old[name] for name in differing}, {name: new[name] for name in differing}
        found.append(RowChange(table, key, old, new))
    return found


def touched_since(session: Session, made: Sequence[RowChange]) -> list[RowChange]:
    """Those that are not as the merge left them."""
    return [change for change in made if not _as_left(session, change)]


def _as_left(session: Session, change: RowChange) -> bool:
    table = _BY_NAME[change.table]
    row = session.execute(select(table).where(_is(table, change.key))).first()
    if row is None or change.after is None:
        return row is None and change.after is None
    return all(_plain(row._mapping[table.c[name]]) == value for name, value in change.after.items()
               if (change.table, name) not in _NEVER_BACK)


def give_back(session: Session, made: Sequence[RowChange]) -> bool:
    """Every row as it was before. False, with nothing changed: something else stands in its place now."""
    order = {table.name: number for number, table in enumerate(_TABLES)}
    created = sorted((c for c in made if c.before is None), key=lambda c: (c.table in _HOUSES, -order[c.table]))
    removed = sorted((c for c in made if c.after is None), key=lambda c: order[c.table])
    steps = [*(c for c in created if c.table not in _HOUSES), *removed,
             *(c for c in made if c.before is not None and c.after is not None),
             *(c for c in created if c.table in _HOUSES)]
    savepoint = session.begin_nested()
    try:
        for change in steps:
            session.execute(_statement(change))
    except IntegrityError:
        savepoint.rollback()
        return False
    savepoint.commit()
    session.expire_all()
    return True


def _statement(change: RowChange) -> Any:
    table = _BY_NAME[change.table]
    if change.before is None:
        return delete(table).where(_is(table, change.key))
    values = {name: _real(value) for name, value in change.before.items()}
    if change.after is None:
        return insert(table).values(values)
    return update(table).where(_is(table, change.key)).values(values)


def _is(table: Table, key: Sequence[str]) -> ColumnElement[bool]:
    return and_(*(column == _key_value(column, text) for column, text in zip(table.primary_key, key, strict=True)))


def _key(table: Table, values: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(_real(values[column.name])) for column in table.primary_key)


def _key_value(column: Column[Any], text: str) -> Any:
    return UUID(text) if column.type.python_type is UUID else text


def _plain(value: Any) -> Any:
    """A value as JSON holds it, with its kind where JSON has none."""
    if isinstance(value, UUID):
        return {"uuid": str(value)}
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, date):
        return {"day": value.isoformat()}
    if isinstance(value, bytes):
        return {"bytes": b64encode(value).decode()}
    return {"json": value} if isinstance(value, dict) else value


def _real(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    [(kind, text)] = value.items()
    readers: dict[str, Any] = {"uuid": UUID, "moment": datetime.fromisoformat, "day": date.fromisoformat,
                               "bytes": b64decode, "json": lambda whole: whole}
    return readers[kind](text)


# What is kept of it


def keeps_all(session: Session, service_ids: Sequence[UUID], organization_id: UUID) -> bool:
    """Whether the organization keeps all of these, or did until they were merged into others."""
    kept = session.scalars(select(Service.id).where(kept_by(organization_id), Service.id.in_(service_ids)))
    return set(kept) == set(service_ids)


def undo_of(session: Session, gone: UUID, stays: UUID, since: datetime) -> MergeUndo | None:
    """What is kept of making these two one."""
    return session.scalar(select(MergeUndo).where(
        MergeUndo.service_id == gone, MergeUndo.into_id == stays, MergeUndo.at >= since))


def undos_into(session: Session, stays: UUID, organization_id: UUID,
               since: datetime) -> Iterator[tuple[MergeUndo, str]]:
    """What was merged into this one lately and can perhaps be given back, newest first, each with its name."""
    rows = session.execute(select(MergeUndo, Service.name).join(Service, Service.id == MergeUndo.service_id).where(
        MergeUndo.into_id == stays, MergeUndo.at >= since, kept_by(organization_id))
        .order_by(MergeUndo.at.desc(), MergeUndo.service_id))
    return ((row, name) for row, name in rows)
