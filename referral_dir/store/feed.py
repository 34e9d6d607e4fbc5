"""What the indexes read: the change log, and for the text index services as flat rows by a few bulk selects.

Nothing here joins `secret_location`, and the places of a confidential service are left out by the query itself:
what an index has never read, it cannot give away.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from referral_dir.store.directory import (
    Address,
    Location,
    Organization,
    Service,
    ServiceAtLocation,
    ServiceNeed,
)
from referral_dir.store.records import ChangeLog

CHUNK: Final = 1000
LONGEST_READ: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Position:
    """A row of the change log. All of it is compared: the number alone may be another database's."""

    sequence: int
    service_id: UUID | None = None
    at: datetime | None = None


START: Final = Position(0)


@dataclass(frozen=True, slots=True)
class TextRow:
    """One active service as the text index sees it. A confidential one has no place but its zone's name."""

    service_id: UUID
    confidential: bool
    name: str
    alternate_name: str
    organization: str
    description: str
    confirmed_needs: frozenset[str]
    suggested_needs: frozenset[str]
    places: tuple[str, ...]


# Made once, as every request asks.
_NEWEST = select(ChangeLog.sequence, ChangeLog.service_id, ChangeLog.at).order_by(ChangeLog.sequence.desc()).limit(1)


def last_change(session: Session) -> Position:
    """Where the change log ends now."""
    return _position(session.connection().execute(_NEWEST).first())


def changes_since(session: Session, sequence: int, limit: int) -> tuple[int, list[UUID]]:
    """At most `limit` log rows after `sequence`: the number reached, and each service named in them once."""
    query = select(ChangeLog.sequence, ChangeLog.service_id).where(ChangeLog.sequence > sequence)
    rows = session.execute(query.order_by(ChangeLog.sequence).limit(limit)).all()
    return (rows[-1].sequence if rows else sequence), list(dict.fromkeys(row.service_id for row in rows))


def position_at(session: Session, sequence: int) -> Position:
    """This log's position at `sequence`; START where it has no such row."""
    row = select(ChangeLog.sequence, ChangeLog.service_id, ChangeLog.at).where(ChangeLog.sequence == sequence)
    return _position(session.execute(row).first())


def follows(session: Session, seen: Position, newest: Position, limit: int) -> bool:
    """Whether going on from `seen` leads to `newest` in at most `limit` rows. If not, an index must start afresh:
    the log is another database's, a backup was restored, or reading everything is cheaper."""
    if seen.sequence > newest.sequence:
        # Another thread or process read a moment later than this session did; it can't have been long ago.
        return seen.at is not None and datetime.now(UTC) - seen.at < LONGEST_READ
    return newest.sequence - seen.sequence <= limit and position_at(session, seen.sequence) == seen


def _position(row: Row[int, UUID, datetime] | None) -> Position:
    return Position(row.sequence, row.service_id, row.at) if row else START


def load_text_rows(session: Session, ids: Collection[UUID] | None) -> list[TextRow]:
    """The services of these ids that exist and are active; all active services for None."""
    return [row for part in _parts(ids) for row in _text_rows(session, part)]


def _text_rows(session: Session, ids: list[UUID] | None) -> Iterator[TextRow]:
    needs, places = _needs(session, ids), _place_names(session, ids)
    query = (
        select(Service.id, Service.confidential, Service.name, Service.alternate_name, Service.description,
               Service.zone_name, Organization.name.label("organization"),
               Organization.alternate_name.label("organization_alternate"))
        .join(Organization, Organization.id == Service.organization_id).where(Service.status == "active")
    )
    for s in session.execute(_only(query, Service.id, ids)):
        own = needs.get(s.id, ())
        organization = s.organization
        if s.organization_alternate and not s.confidential:
            organization = f"{organization} {s.organization_alternate}"
        yield TextRow(
            service_id=s.id, confidential=s.confidential, name=s.name,
            alternate_name="" if s.confidential else s.alternate_name or "",
            organization=organization, description=s.description or "",
            confirmed_needs=frozenset(need for need, suggested in own if not suggested),
            suggested_needs=frozenset(need for need, suggested in own if suggested),
            places=(s.zone_name or "",) if s.confidential else tuple(sorted(places.get(s.id, ()))))


def _parts(ids: Collection[UUID] | None) -> Iterable[list[UUID] | None]:
    if ids is None:
        return [None]
    every = list(ids)
    return [every[start:start + CHUNK] for start in range(0, len(every), CHUNK)]


def _only(query: Any, column: Any, ids: list[UUID] | None) -> Any:
    return query if ids is None else query.where(column.in_(ids))


def _needs(session: Session, ids: list[UUID] | None) -> dict[UUID, list[tuple[str, bool]]]:
    query = select(ServiceNeed.service_id, ServiceNeed.need, ServiceNeed.suggested)
    return _grouped(session.execute(_only(query, ServiceNeed.service_id, ids)))


def _place_names(session: Session, ids: list[UUID] | None) -> dict[UUID, set[str]]:
    query = (
        select(ServiceAtLocation.service_id, Location.name, Location.near_name, Address.city, Address.state_province)
        .join(Location, Location.id == ServiceAtLocation.location_id)
        .outerjoin(Address, Address.location_id == Location.id)
        .join(Service, Service.id == ServiceAtLocation.service_id)
        .where(~Service.confidential, Service.status == "active")
    )
    names: dict[UUID, set[str]] = defaultdict(set)
    for service_id, *found in session.execute(_only(query, ServiceAtLocation.service_id, ids)):
        names[service_id].update(name for name in found if name)
    return names


def _grouped(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    grouped: dict[UUID, list[Any]] = defaultdict(list)
    for service_id, *values in rows:
        grouped[service_id].append(tuple(values))
    return grouped
