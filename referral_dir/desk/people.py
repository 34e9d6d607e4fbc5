"""What an administrator does about people who are there: look, change roles and privileges, end sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from referral_dir.desk import audit, invitations, reminders
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.store import factor_queries, invitation_queries, outbox, people_queries
from referral_dir.store.people import Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Member:
    """A person as the administrator sees them. `state`: active, invited or locked."""

    person: Person
    organization: str
    state: str
    has_factor: bool


def everyone(session: "Session", actor: Actor) -> Sequence[Member]:
    """All people, by organization."""
    require(actor, "people:read")
    with_factor = factor_queries.with_factor(session)
    return [Member(person, organization, _state(session, person), person.id in with_factor)
            for person, organization in people_queries.everyone(session)]


def one(session: "Session", actor: Actor, person_id: UUID) -> Member:
    """One person. Raises NotFound."""
    for member in everyone(session, actor):
        if member.person.id == person_id:
            return member
    raise NotFound("no such person")


def change_role(session: "Session", actor: Actor, person_id: UUID, role: str, now: datetime) -> bool:
    """Give a person another role; all their sessions end. Raises NotFound, Invalid.

    For a role that needs a second administrator's word there the person is locked and invited anew, so that changing a
    role is no way round it; returns whether that is so.
    """
    require(actor, "people:change")
    person = _other(session, actor, person_id)
    if role not in set(Role) or role == person.role:
        raise Invalid({"role": say("choose another role")})
    was, person.role = person.role, role
    reminders.void(session, person.id, now)
    if role != Role.OFFICER:
        person.may_break_glass = person.is_supervisor = False
    audit.record(session, actor, "people:change", now, subject=f"person:{person.id}",
                 details={"from_role": was, "role": role})
    anew = invitations.needs_second(session, person)
    if anew:
        invitations.start_again(session, actor, person, now)
    else:
        people_queries.end_sessions(session, now, person_id=person.id)
    return anew


def set_privileges(session: "Session", actor: Actor, person_id: UUID, *, may_break_glass: bool, is_supervisor: bool,
                   now: datetime) -> None:
    """Let an officer break glass, or supervise those who do. Raises NotFound, Invalid."""
    require(actor, "people:change")
    person = _other(session, actor, person_id)
    if person.role != Role.OFFICER:
        raise Invalid({"privileges": say("these privileges are for officers")})
    person.may_break_glass, person.is_supervisor = may_break_glass, is_supervisor
    audit.record(session, actor, "people:change", now, subject=f"person:{person.id}",
                 details={"may_break_glass": may_break_glass, "is_supervisor": is_supervisor})


def set_active(session: "Session", actor: Actor, person_id: UUID, active: bool, now: datetime) -> None:
    """Let a person in or keep them out; keeping out ends their sessions and invitations. Raises NotFound, Invalid."""
    require(actor, "people:change")
    person = _other(session, actor, person_id)
    if active and invitation_queries.unanswered(session, person.id):
        raise Invalid({"person": say("they have not accepted their invitation: invite them anew")})
    person.active = active
    if not active:
        people_queries.end_sessions(session, now, person_id=person.id)
        people_queries.void_resets(session, person.id, now)
        reminders.void(session, person.id, now)
        invitation_queries.revoke(session, now, person_id=person.id)
        outbox.cancel_messages_to(session, person.id, "invitation")
    audit.record(session, actor, "people:change", now, subject=f"person:{person.id}", details={"active": active})


def end_sessions(session: "Session", actor: Actor, person_id: UUID, now: datetime) -> int:
    """End all of a person's sessions, as when a phone is lost; returns how many. Raises NotFound."""
    require(actor, "people:change")
    person = _other(session, actor, person_id)
    ended = people_queries.end_sessions(session, now, person_id=person.id)
    audit.record(session, actor, "people:change", now, subject=f"person:{person.id}", details={"ended": ended})
    return ended


def _other(session: "Session", actor: Actor, person_id: UUID) -> Person:
    person = factor_queries.lock_person(session, person_id)
    if person is None:
        raise NotFound("no such person")
    if person.id == actor.person_id:
        raise Invalid({"person": say("not for your own account: ask another administrator")})
    return person


def _state(session: "Session", person: Person) -> str:
    if person.active:
        return "active"
    return "invited" if invitation_queries.unanswered(session, person.id) else "locked"
