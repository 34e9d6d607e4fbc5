"""Who is told when something comes in: whoever is on duty, else everybody. Never nobody."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from referral_dir.desk import audit
from referral_dir.domain import duty
from referral_dir.domain.access import Actor, require
from referral_dir.domain.duty import DEFAULT_MINUTES, FEWEST_MINUTES, MOST_MINUTES, PRESSING, Duty, Shift
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.opening import DAYS
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Priority
from referral_dir.store import exclusion_queries, rosters, threads
from referral_dir.store.cases import Handoff
from referral_dir.store.people import Person
from referral_dir.store.rosters import DutyShift, Roster
from referral_dir.store.threads import HandoffWatch

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LONGEST_AWAY: Final = timedelta(days=365)
FALLBACK_ZONE: Final = "UTC"


@dataclass(frozen=True, slots=True)
class Plan:
    """An organization's roster as its own people see it."""

    people: Sequence[Person]
    shifts: Sequence[DutyShift]
    away: Mapping[UUID, datetime]
    duty: Duty
    timezone: ZoneInfo
    escalate_minutes: int


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told of something, and whether that is fewer than everybody."""

    people: Sequence[UUID]
    fewer: bool


def read(session: "Session", actor: Actor, now: datetime) -> Plan:
    """The roster of the actor's own organization."""
    require(actor, "roster:read")
    row = _roster(session, actor.organization_id)
    return Plan(rosters.staff_of(session, actor.organization_id), rosters.shifts_of(session, actor.organization_id),
                rosters.away_from(session, actor.organization_id, now), _duty(session, actor.organization_id, now),
                ZoneInfo(row.timezone), row.escalate_minutes)


def add_shift(session: "Session", actor: Actor, person_id: UUID | None, days: Collection[str], begins: str, ends: str,
              now: datetime) -> None:
    """Someone's hours on these days. Raises Invalid."""
    require(actor, "roster:change")
    duty.check_shift(days, begins, ends)
    person = _colleague(session, actor, person_id)
    _keep(session, actor.organization_id)
    session.add(DutyShift(organization_id=actor.organization_id, person_id=person.id,
                          days=[day for day in DAYS if day in days], begins=begins, ends=ends))
    audit.record(session, actor, "roster:change", now, subject=f"person:{person.id}", details={"what": "hours"})


def remove_shift(session: "Session", actor: Actor, shift_id: UUID | None, now: datetime) -> None:
    """These hours are no longer kept. Raises NotFound."""
    require(actor, "roster:change")
    if shift_id is None or not rosters.remove_shift(session, actor.organization_id, shift_id):
        raise NotFound(say("no such hours"))
    audit.record(session, actor, "roster:change", now, details={"what": "hours removed"})


def set_away(session: "Session", actor: Actor, person_id: UUID | None, until: str, now: datetime) -> None:
    """Away until the end of that day on the organization's clock; empty: back again. Raises Invalid."""
    require(actor, "roster:change")
    person = _colleague(session, actor, person_id)
    moment = _end_of_day(until, ZoneInfo(_roster(session, actor.organization_id).timezone), now) if until else None
    rosters.set_away(session, person.id, moment)
    audit.record(session, actor, "roster:change", now, subject=f"person:{person.id}",
                 details={"what": "away" if moment else "back"})


def settle(session: "Session", actor: Actor, timezone: str, escalate_minutes: int | None, now: datetime) -> None:
    """The clock that hours are on, and after how long everyone is told. Raises Invalid."""
    require(actor, "roster:change")
    duty.check_zone(timezone)
    if escalate_minutes is None or not FEWEST_MINUTES <= escalate_minutes <= MOST_MINUTES:
        raise Invalid({"escalate_minutes": say("From %(fewest)s to %(most)s minutes.", fewest=FEWEST_MINUTES,
                                               most=MOST_MINUTES)})
    row = _keep(session, actor.organization_id)
    row.timezone, row.escalate_minutes = timezone, escalate_minutes
    audit.record(session, actor, "roster:change", now, details={"what": "clock"})


def seen_from_outside(session: "Session", organization_id: UUID, now: datetime) -> Duty | None:
    """Whether someone is on duty there, and until when: what the other side may know. None: no hours are kept."""
    if not rosters.shifts_of(session, organization_id):
        return None
    found = _duty(session, organization_id, now)
    zone = ZoneInfo(_roster(session, organization_id).timezone)
    return Duty(frozenset(), *(moment.astimezone(zone) if moment else None for moment in (found.until, found.next)))


def to_tell(session: "Session", handoff: Handoff, organization_id: UUID, now: datetime) -> Told:
    """Whom to tell of this handoff: those on duty for whom the case exists; where there are none, everybody."""
    everybody = [person.id for person in rosters.staff_of(session, organization_id)]
    closed = exclusion_queries.excluded_people(session, handoff.case_id, [(p, organization_id) for p in everybody])
    others = [person for person in everybody if person not in closed]
    now_on = [person for person in others if person in _duty(session, organization_id, now).people]
    return Told(now_on or others, 0 < len(now_on) < len(others))


def watch(session: "Session", handoff: Handoff, told: Told, now: datetime) -> None:
    """Where a pressing request was told to fewer than everybody, note by when one of them must have opened it."""
    if told.fewer and Priority(handoff.priority) in PRESSING:
        minutes = _roster(session, handoff.recipient_organization_id).escalate_minutes
        session.add(HandoffWatch(handoff_id=handoff.id, escalate_at=duty.escalate_at(now, minutes)))


def due_to_escalate(session: "Session", now: datetime) -> Sequence[Handoff]:
    """Pressing requests that nobody on duty has opened in time. Each is handed out once."""
    return [session.get_one(Handoff, handoff_id) for handoff_id in threads.unopened(session, now)
            if threads.escalated(session, handoff_id, now)]


def _duty(session: "Session", organization_id: UUID, now: datetime) -> Duty:
    shifts = [Shift(row.person_id, tuple(row.days), row.begins, row.ends)
              for row in rosters.shifts_of(session, organization_id)]
    return duty.on_duty(shifts, rosters.away_from(session, organization_id, now),
                        _roster(session, organization_id).timezone, now)


def _roster(session: "Session", organization_id: UUID) -> Roster:
    """The organization's own, or what holds where it has none: the clock of its services."""
    row = session.get(Roster, organization_id)
    if row is not None:
        return row
    zone = rosters.zone_of_services(session, organization_id) or FALLBACK_ZONE
    try:
        duty.check_zone(zone)
    except Invalid:
        zone = FALLBACK_ZONE
    return Roster(organization_id=organization_id, timezone=zone, escalate_minutes=DEFAULT_MINUTES)


def _keep(session: "Session", organization_id: UUID) -> Roster:
    row = _roster(session, organization_id)
    session.add(row)
    session.flush()
    return row


def _colleague(session: "Session", actor: Actor, person_id: UUID | None) -> Person:
    for person in rosters.staff_of(session, actor.organization_id):
        if person.id == person_id:
            return person
    raise Invalid({"person": say("Choose someone of your organization.")})


def _end_of_day(day: str, zone: ZoneInfo, now: datetime) -> datetime:
    try:
        moment = datetime.fromisoformat(f"{day.strip()}T23:59").replace(tzinfo=zone)
    except ValueError:
        raise Invalid({"until": say("Write a day, like 2026-12-24.")}) from None
    if not now < moment <= now + LONGEST_AWAY:
        raise Invalid({"until": say("Choose a day from today on, within a year.")})
    return moment
