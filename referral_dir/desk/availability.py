"""The availability board: how much is free, who said so and when; set, confirmed or undone, in one tap."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir.desk import audit
from referral_dir.domain import availability as rules
from referral_dir.domain import keeping
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.store import capacity, case_queries, listing_queries, records
from referral_dir.store.directory import ServiceCapacity

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAXIMUM: Final = 100_000
# What a history line says of an act that a person did by themselves.
SAID: Final = "said"
BY_LINK: Final = "link"


class ChangedMeanwhile(Invalid):
    """The number is not what the person saw any more: `errors` says what it is now."""


@dataclass(frozen=True, slots=True)
class Undo:
    """The last thing that happened to a number, which the actor did: how it is named, and what undoing brings back."""

    change: int
    available: int


@dataclass(frozen=True, slots=True)
class Line:
    """One capacity on the board. `available` is free beyond the `held` places; `fresh`: still confirmed.

    `said` is what a person, or an import, last said; `taken`: so many fewer are free since, by requests.
    `due`: somebody should say whether it is still true, as it is stale or will be, at `stale_at`.
    """

    capacity_id: UUID
    service_id: UUID
    service: str
    confidential: bool
    unit: str
    available: int
    maximum: int | None
    held: int
    updated: datetime
    updated_by: str | None
    stale_at: datetime
    fresh: bool
    due: bool
    undo: Undo | None
    said: int

    @property
    def taken(self) -> int:
        """How many requests have taken since the number was said; below zero where they gave some back."""
        return self.said - self.available

    @property
    def fewer(self) -> int | None:
        """One fewer, where there is one."""
        return self.available - 1 if self.available else None

    @property
    def more(self) -> int | None:
        """One more, where there is room."""
        return self.available + 1 if self.available < (MAXIMUM if self.maximum is None else self.maximum) else None


def board(session: "Session", actor: Actor, now: datetime) -> Sequence[Line]:
    """The capacities that the actor keeps: those that need a word first, and in each group the soonest to go stale."""
    require(actor, "capacity:read")
    rows = listing_queries.capacities_kept(session, actor.organization_id, own_only=actor.role is Role.PROVIDER)
    ids = [row.capacity.id for row in rows]
    held, acts = case_queries.held_places(session, actor, ids), capacity.newest(session, ids)
    said = capacity.last_said(session, ids)
    lines = [_line(row, held.get(row.capacity.id, 0), _undo(acts.get(row.capacity.id), actor, now), now,
                   said.get(row.capacity.id)) for row in rows]
    return sorted(lines, key=lambda line: (not line.due, line.stale_at, line.service, str(line.capacity_id)))


def still_free(session: "Session", actor: Actor, service_id: UUID) -> ServiceCapacity | None:
    """The number that still says places of the actor's service are free: for who has just said that none is."""
    rows = listing_queries.capacities_kept(session, actor.organization_id, own_only=True)
    return next((row.capacity for row in rows
                 if row.capacity.service_id == service_id and row.capacity.available > 0), None)


def set_available(session: "Session", actor: Actor, capacity_id: UUID, available: int, now: datetime, *,
                  seen: int | None = None, cause: str = SAID) -> None:
    """ "3 beds, right now": so many are free, beyond those that are held; `seen`: what the page showed until then.

    Raises NotFound, Invalid, ChangedMeanwhile.
    """
    require(actor, "capacity:update")
    row = _kept(session, actor, capacity_id)
    if not 0 <= available <= MAXIMUM:
        raise Invalid({"available": say("Write a whole number from 0 to %(most)s.", most=MAXIMUM)})
    maximum = row.capacity.maximum
    if maximum is not None and available > maximum:
        raise Invalid({"available": say("There are %(most)s in all: write at most that.", most=maximum)})
    if seen is not None and seen != row.capacity.available:
        raise ChangedMeanwhile({"available": say(
            "It was %(seen)s when you looked and is %(current)s now: somebody else or a request changed it. You wrote "
            "%(written)s. Save again if that is right.",
            seen=seen, current=row.capacity.available, written=available)})
    _say(session, actor, row, available, now, cause)


def still_true(session: "Session", actor: Actor, capacity_id: UUID, now: datetime, *, seen: int | None = None,
               cause: str = SAID) -> None:
    """The number stands as it is, as of now. Raises NotFound, ChangedMeanwhile."""
    require(actor, "capacity:update")
    row = _kept(session, actor, capacity_id)
    if seen is not None and seen != row.capacity.available:
        raise ChangedMeanwhile({"available": say(
            "It was %(seen)s when you looked and is %(current)s now: somebody else or a request changed it. Look again "
            "before you confirm it.", seen=seen, current=row.capacity.available)})
    _say(session, actor, row, row.capacity.available, now, cause)


def undo(session: "Session", actor: Actor, capacity_id: UUID, change: int, now: datetime) -> None:
    """Put back what was there before this change of the actor's, if nothing has happened to the number since.

    The number, who said it and when: a number that was stale is stale again. Raises NotFound, ChangedMeanwhile.
    """
    require(actor, "capacity:update")
    row = _kept(session, actor, capacity_id)
    act = capacity.newest(session, [capacity_id]).get(capacity_id)
    if act is None or act.sequence != change or _undo(act, actor, now) is None:
        raise ChangedMeanwhile({"available": say(
            "This can't be undone any more: it was changed since, by somebody or a request, or too long ago. It is "
            "%(current)s now.", current=row.capacity.available)})
    capacity.take_back(session, row.capacity, act, actor.person_id, now)
    after = row.capacity.available if act.was_available is None else act.was_available
    _changed(session, actor, row, row.capacity.available, after, now, undone=True)


def add_capacity(session: "Session", actor: Actor, service_id: UUID, unit: str, available: int,
                 maximum: int | None, now: datetime) -> None:
    """Begin to keep a number for a service that has none of this unit. Raises NotFound, Invalid."""
    require(actor, "capacity:update")
    own_only = actor.role is Role.PROVIDER
    if listing_queries.service_kept(session, service_id, actor.organization_id, own_only=own_only) is None:
        raise NotFound("no such service")
    errors: dict[str, str] = {}
    if unit not in rules.SHELF_LIFE:
        errors["unit"] = say("Choose beds, hours or appointments.")
    if not 0 <= available <= MAXIMUM or (maximum is not None and not available <= maximum <= MAXIMUM):
        errors["available"] = say("Write a whole number, not above the number in all.")
    if not errors and listing_queries.has_unit(session, service_id, unit):
        errors["unit"] = say("This service has a number for that already.")
    if errors:
        raise Invalid(errors)
    listing_queries.add_capacity(session, service_id, unit, available, maximum, actor.person_id, now)
    records.service_changed(session, service_id)
    audit.record(session, actor, "capacity:update", now, subject=f"service:{service_id}",
                 details={"unit": unit, "to": available})


@dataclass(frozen=True, slots=True)
class Week:
    """How many were free on each of the last seven days, looked at every three hours."""

    line: Line
    days: Sequence[keeping.Day]


def week(session: "Session", actor: Actor, capacity_id: UUID, now: datetime) -> Week:
    """The week behind one number, without who changed it: a line for each change would tell when people came and went.

    Raises NotFound.
    """
    require(actor, "capacity:read")
    row = _kept(session, actor, capacity_id, lock=False)
    known = [keeping.Level(*level) for level in capacity.levels(session, capacity_id, keeping.week_begins(now))]
    held = case_queries.held_places(session, actor, [capacity_id]).get(capacity_id, 0)
    return Week(_line(row, held, None, now), keeping.days(keeping.steps(known, now)))


def _line(row: listing_queries.KeptCapacity, held: int, undoing: Undo | None, now: datetime,
          said: int | None = None) -> Line:
    number = row.capacity
    fresh = rules.is_fresh(rules.Capacity(row.unit, number.available, number.maximum, number.updated), now)
    return Line(number.id, number.service_id, row.service, row.confidential, row.unit, number.available,
                number.maximum, held, number.updated, row.updated_by, keeping.stale_at(row.unit, number.updated), fresh,
                not fresh or keeping.needs_a_word(row.unit, number.updated, now), undoing,
                number.available if said is None else said)


def _undo(act: capacity.CapacityHistory | None, actor: Actor, now: datetime) -> Undo | None:
    """What the actor may take back of what happened last."""
    if act is None or act.person_id != actor.person_id or act.cause not in (SAID, BY_LINK) \
            or act.was_available is None or now - act.at > keeping.UNDO_WITHIN:
        return None
    return Undo(act.sequence, act.was_available)


def _kept(session: "Session", actor: Actor, capacity_id: UUID, *, lock: bool = True) -> listing_queries.KeptCapacity:
    """The capacity, if the actor's organization keeps it; locked, so that what is read is what is changed."""
    if lock:
        capacity.lock(session, capacity_id)
    rows = listing_queries.capacities_kept(session, actor.organization_id, own_only=actor.role is Role.PROVIDER,
                                           capacity_id=capacity_id)
    if not rows:
        raise NotFound("no such capacity")
    return rows[0]


def _say(session: "Session", actor: Actor, row: listing_queries.KeptCapacity, available: int, now: datetime,
         cause: str) -> None:
    before = row.capacity.available
    capacity.say(session, row.capacity, available, actor.person_id, now, cause)
    _changed(session, actor, row, before, available, now, **({"by": "link"} if cause == BY_LINK else {}))


def _changed(session: "Session", actor: Actor, row: listing_queries.KeptCapacity, before: int, after: int,
             now: datetime, **details: object) -> None:
    records.service_changed(session, row.capacity.service_id)
    audit.record(session, actor, "capacity:update", now, subject=f"service:{row.capacity.service_id}",
                 details={"unit": row.unit, "from": before, "to": after, **details})
