"""The only way to an account: an administrator invites, for some roles a second one approves, the person accepts.

The person's row is made with the invitation and stays locked, with a password that nobody knows, until then.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir.desk import accounts, audit, notify, passwords, reminders
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.saying import say, say_list
from referral_dir.domain.vocabulary import Role
from referral_dir.store import factor_queries, invitation_queries, organization_queries, outbox, people_queries
from referral_dir.store.people import Invitation, Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LIFETIME: Final = timedelta(days=7)
# How many organizations a page offers, and among how many a name that is not known is looked for.
NAMES: Final = 300
COMPARED: Final = 5000
# Officers read of victims; administrators could let in any number of officers. Neither is one person's decision.
NEEDS_SECOND: Final = frozenset({Role.OFFICER, Role.ADMINISTRATOR})
# These read where their own hidden services are: where there is one, that is not one person's decision either.
READ_ADDRESSES: Final = frozenset({Role.CASEWORKER, Role.PROVIDER})


@dataclass(frozen=True, slots=True)
class Invited:
    """One line of the list. `state`: to_approve, sent, accepted, revoked or run_out."""

    invitation: Invitation
    person: Person
    organization: str
    invited_by: str
    approved_by: str | None
    state: str


def invite(session: "Session", actor: Actor, *, email: str, name: str, role: str, organization: str,
           new_organization: bool, may_break_glass: bool, is_supervisor: bool, now: datetime) -> Invitation:
    """Make the person, locked, and send the link, or wait for a second administrator. Raises Invalid."""
    require(actor, "people:invite")
    if not new_organization:
        _check_organization(session, organization.strip())
    if (may_break_glass or is_supervisor) and role != Role.OFFICER:
        raise Invalid({"privileges": say("these privileges are for officers")})
    person = accounts.add_person(session, actor, email=email, name=name, role=role, organization=organization,
                                 password=secrets.token_urlsafe(32), now=now)
    person.active = False
    person.may_break_glass, person.is_supervisor = may_break_glass, is_supervisor
    return _begin(session, actor, person, now)


def invite_anew(session: "Session", actor: Actor, person_id: UUID, now: datetime) -> Invitation:
    """For someone who lost all their factors: lock them, forget password and factors, and invite them again."""
    require(actor, "people:invite")
    person = factor_queries.lock_person(session, person_id)
    if person is None:
        raise NotFound("no such person")
    return start_again(session, actor, person, now)


def start_again(session: "Session", actor: Actor, person: Person, now: datetime) -> Invitation:
    """Lock the person until a new invitation is accepted. Nothing of the old account opens anything."""
    if person.id == actor.person_id:
        raise Invalid({"person": say("not for your own account: ask another administrator")})
    person.active = False
    person.password_hash = passwords.hash_password(secrets.token_urlsafe())
    factor_queries.forget_factors(session, person.id)
    people_queries.end_sessions(session, now, person_id=person.id)
    people_queries.void_resets(session, person.id, now)
    reminders.void(session, person.id, now)
    invitation_queries.revoke(session, now, person_id=person.id)
    outbox.cancel_messages_to(session, person.id, "invitation")
    return _begin(session, actor, person, now)


def approve(session: "Session", actor: Actor, invitation_id: UUID, now: datetime) -> None:
    """The second word: by another administrator than the one who invited. Sends the link. Raises WrongState."""
    require(actor, "people:approve")
    invitation = _invitation(session, invitation_id)
    token = secrets.token_urlsafe(32)
    if invitation.invited_by_id == actor.person_id:
        raise Invalid({"invitation": say("you invited this person: another administrator must approve")})
    if not invitation_queries.approve(session, invitation_id, actor.person_id, _digest(token), now + LIFETIME):
        raise WrongState(say("this invitation is not waiting for approval any more"))
    _send(session, invitation, token, now)
    audit.record(session, actor, "people:approve", now, subject=f"person:{invitation.person_id}")


def send_again(session: "Session", actor: Actor, invitation_id: UUID, now: datetime) -> None:
    """A new link for 7 more days; the old one is worth nothing. Raises WrongState."""
    require(actor, "people:invite")
    invitation, token = _invitation(session, invitation_id), secrets.token_urlsafe(32)
    if not invitation_queries.renew(session, invitation_id, _digest(token), now + LIFETIME):
        raise WrongState(say("this invitation was accepted or revoked, or waits for approval"))
    _send(session, invitation, token, now)
    audit.record(session, actor, "people:invite", now, subject=f"person:{invitation.person_id}",
                 details={"change": "sent again"})


def revoke(session: "Session", actor: Actor, invitation_id: UUID, now: datetime) -> None:
    """The link opens nothing any more, and what was not sent never will be. Raises WrongState."""
    require(actor, "people:invite")
    invitation = _invitation(session, invitation_id)
    if not invitation_queries.revoke(session, now, invitation_id=invitation_id):
        raise WrongState(say("this invitation was accepted or revoked already"))
    outbox.cancel_messages_to(session, invitation.person_id, "invitation")
    audit.record(session, actor, "people:invite", now, subject=f"person:{invitation.person_id}",
                 details={"change": "revoked"})


def listing(session: "Session", actor: Actor, now: datetime) -> Sequence[Invited]:
    """All invitations with their state, newest first."""
    require(actor, "people:read")
    return [Invited(*row, state=_state(row[0], now)) for row in invitation_queries.everyone_invited(session)]


def approvers(session: "Session", actor: Actor) -> Sequence[str]:
    """Who can give the second word for whom this administrator invites."""
    require(actor, "people:read")
    return people_queries.other_administrators(session, actor.person_id)


def organizations(session: "Session", actor: Actor) -> Sequence[str]:
    """Names of organizations to choose from: those that have people here, then others, as many as a page can hold."""
    require(actor, "people:read")
    return organization_queries.names(session, NAMES)


def _check_organization(session: "Session", name: str) -> None:
    """Raises Invalid, with names that are like it, where there is none of this name."""
    if not name or people_queries.organization_by_name(session, name) is not None:
        return
    known = {each.casefold(): each for each in organization_queries.names(session, COMPARED)}
    begins = [each for folded, each in known.items() if name.casefold() in folded]
    like = list(dict.fromkeys([*begins, *(known[each] for each in get_close_matches(name.casefold(), known, 3))]))[:3]
    raise Invalid({"organization": say(
        "there is no organization of this name. Do you mean %(names)s? Or tick that it is new", names=say_list(like))
        if like else say("there is no organization of this name: check it, or tick that it is new")})


def name_for(session: "Session", token: str, now: datetime) -> str:
    """The name that the invitation gives, for the form. Raises NotFound for every link that opens nothing."""
    return _open(session, token, now)[1].name


def accept(session: "Session", token: str, *, name: str, password: str, now: datetime) -> Person:
    """Use the link up: set name and password and unlock the person. Raises NotFound, Invalid."""
    _, person = _open(session, token, now)
    if not name.strip() or len(name) > 200 or not name.isprintable():
        raise Invalid({"name": say("write your name")})
    passwords.check_password(password, name, *accounts.about(session, person))
    # First the person, then the invitation, as everyone who changes both.
    factor_queries.lock_person(session, person.id)
    if not invitation_queries.accept(session, _digest(token), now):
        raise NotFound("no such invitation")
    person.name, person.active = name.strip(), True
    person.password_hash = passwords.hash_password(password)
    audit.record(session, accounts.actor_of(person), "account:join", now, subject=f"person:{person.id}")
    return person


def needs_second(session: "Session", person: Person) -> bool:
    """Whether a second administrator must approve that this person gets in, in this role."""
    role = Role(person.role)
    return role in NEEDS_SECOND or (
        role in READ_ADDRESSES and organization_queries.hides(session, person.organization_id))


def _begin(session: "Session", actor: Actor, person: Person, now: datetime) -> Invitation:
    waits = needs_second(session, person)
    token = None if waits else secrets.token_urlsafe(32)
    invitation = Invitation(person_id=person.id, invited_by_id=actor.person_id, needs_second=waits,
                            token_hash=_digest(token) if token else None, created=now, expires=now + LIFETIME)
    session.add(invitation)
    session.flush()
    if token:
        _send(session, invitation, token, now)
    audit.record(session, actor, "people:invite", now, subject=f"person:{person.id}",
                 details={"role": person.role, "needs_second": waits})
    return invitation


def _send(session: "Session", invitation: Invitation, token: str, now: datetime) -> None:
    outbox.cancel_messages_to(session, invitation.person_id, "invitation")
    notify.tell_person(session, "invitation", invitation.person_id, now, path=f"/join/{token}")


def _invitation(session: "Session", invitation_id: UUID) -> Invitation:
    found = session.get(Invitation, invitation_id)
    if found is None:
        raise NotFound("no such invitation")
    return found


def _open(session: "Session", token: str, now: datetime) -> tuple[Invitation, Person]:
    found = invitation_queries.by_token(session, _digest(token), now)
    if found is None:
        raise NotFound("no such invitation")
    return found


def _state(invitation: Invitation, now: datetime) -> str:
    if invitation.accepted:
        return "accepted"
    if invitation.revoked:
        return "revoked"
    if invitation.token_hash is None:
        return "to_approve"
    return "sent" if invitation.expires > now else "run_out"


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
