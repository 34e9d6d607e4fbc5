"""The availability board: how much is free, who said so and when; set, or confirmed, in one tap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from referral_dir.desk import audit
from referral_dir.domain import availability as rules
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.vocabulary import Role
from referral_dir.store import case_queries, listing_queries, records

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAXIMUM: int = 100_000


@dataclass(frozen=True, slots=True)
class Line:
    """One capacity on the board. `available` is free beyond the `held` places; `fresh`: still confirmed."""

    capacity_id: UUID
    service_id: UUID
    service: str
    unit: str
    available: int
    maximum: int | None
    held: int
    updated: datetime
    updated_by: str | None
    fresh: bool


def board(session: "Session", actor: Actor, now: datetime) -> Sequence[Line]:
    """The capacities that the actor keeps, the longest unconfirmed first."""
    require(actor, "capacity:read")
    rows = listing_queries.capacities_kept(session, actor.organization_id, own_only=actor.role is Role.PROVIDER)
    held = case_queries.held_places(session, [row.capacity.id for row in rows])
    lines = [Line(r.capacity.id, r.capacity.service_id, r.service, r.unit, r.capacity.available, r.capacity.maximum,
                  held.get(r.capacity.id, 0), r.capacity.updated, r.updated_by, _fresh(r, now)) for r in rows]
    return sorted(lines, key=lambda line: (line.updated, line.service, str(line.capacity_id)))


def set_available(session: "Session", actor: Actor, capacity_id: UUID, available: int, now: datetime) -> None:
    """ "3 beds, right now": so many are free, beyond those that are held. Raises NotFound, Invalid."""
    require(actor, "capacity:update")
    row = _kept(session, actor, capacity_id)
    if not 0 <= available <= MAXIMUM:
        raise Invalid({"available": f"a whole number from 0 to {MAXIMUM}"})
    maximum = row.capacity.maximum
    if maximum is not None and available > maximum:
        raise Invalid({"available": f"at most {maximum}: there are no more {row.unit}s in all"})
    before = row.capacity.available
    listing_queries.set_capacity(session, capacity_id, available, actor.person_id, now)
    _changed(session, actor, row, before, available, now)


def still_true(session: "Session", actor: Actor, capacity_id: UUID, now: datetime) -> None:
    """The number stands as it is, as of now."""
    require(actor, "capacity:update")
    row = _kept(session, actor, capacity_id)
    listing_queries.set_capacity(session, capacity_id, None, actor.person_id, now)
    _changed(session, actor, row, row.capacity.available, row.capacity.available, now)


def add_capacity(session: "Session", actor: Actor, service_id: UUID, unit: str, available: int,
                 maximum: int | None, now: datetime) -> None:
    """Begin to keep a number for a service that has none of this unit. Raises NotFound, Invalid."""
    require(actor, "capacity:update")
    own_only = actor.role is Role.PROVIDER
    if listing_queries.service_kept(session, service_id, actor.organization_id, own_only=own_only) is None:
        raise NotFound("no such service")
    errors = {}
    if unit not in rules.SHELF_LIFE:
        errors["unit"] = "choose beds, hours or appointments"
    if not 0 <= available <= MAXIMUM or (maximum is not None and not available <= maximum <= MAXIMUM):
        errors["available"] = "a whole number, not above the number in all"
    if not errors and listing_queries.has_unit(session, service_id, unit):
        errors["unit"] = "this service has a number for that already"
    if errors:
        raise Invalid(errors)
    listing_queries.add_capacity(session, service_id, unit, available, maximum, actor.person_id, now)
    records.service_changed(session, service_id)
    audit.record(session, actor, "capacity:update", now, subject=f"service:{service_id}",
                 details={"unit": unit, "to": available})


def _fresh(row: listing_queries.KeptCapacity, now: datetime) -> bool:
    capacity = rules.Capacity(row.unit, row.capacity.available, row.capacity.maximum, row.capacity.updated)
    return rules.is_fresh(capacity, now)


def _kept(session: "Session", actor: Actor, capacity_id: UUID) -> listing_queries.KeptCapacity:
    rows = listing_queries.capacities_kept(session, actor.organization_id, own_only=actor.role is Role.PROVIDER,
                                           capacity_id=capacity_id)
    if not rows:
        raise NotFound("no such capacity")
    return rows[0]


def _changed(session: "Session", actor: Actor, row: listing_queries.KeptCapacity, before: int, after: int,
             now: datetime) -> None:
    records.service_changed(session, row.capacity.service_id)
    audit.record(session, actor, "capacity:update", now, subject=f"service:{row.capacity.service_id}",
                 details={"unit": row.unit, "from": before, "to": after})
