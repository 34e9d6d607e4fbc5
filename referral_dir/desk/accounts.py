"""Signing in and out, passwords, and the people whom an administrator looks after."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from referral_dir.desk import audit
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.vocabulary import Role
from referral_dir.store import people_queries
from referral_dir.store.directory import Organization
from referral_dir.store.people import LoginSession, Person, SignInFailure

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

IDLE: Final = timedelta(minutes=15)
LIFETIME: Final = timedelta(hours=8)
SEEN_EVERY: Final = timedelta(minutes=1)
PASSWORD_LENGTH: Final = 15
FAILURES_ALLOWED: Final = 10
FAILURE_WINDOW: Final = timedelta(minutes=15)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|[^@\s]+@localhost")


class SignInRefused(Exception):
    """Wrong address, wrong password, no longer active: one answer for all."""


class TooManyFailures(SignInRefused):
    """Guessing is slowed down: wait before the next try."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, and the token that the cookie carries."""

    person: Person
    token: str


def sign_in(session: "Session", email: str, password: str, now: datetime) -> SignedIn:
    """Check the password and begin a session.

    Raises SignInRefused; the caller then calls `sign_in_failed` in a new transaction, as this one rolls back.
    """
    if people_queries.failures_since(session, _key(session, email), now - FAILURE_WINDOW) >= FAILURES_ALLOWED:
        raise TooManyFailures("too many tries: wait 15 minutes")
    person = people_queries.person_by_email(session, email[:254])
    # An unknown address costs the same work as a wrong password, so that time does not tell them apart.
    matches = _verify(person.password_hash if person else _nobody(), password)
    if person is None or not person.active or not matches:
        raise SignInRefused("the e-mail address or the password is not right")
    people_queries.forget_failures(session, _key(session, email))
    token = secrets.token_urlsafe(32)
    session.add(LoginSession(token_hash=_digest(token), person_id=person.id, created=now, last_seen=now))
    audit.record(session, actor_of(person), "account:sign_in", now)
    return SignedIn(person, token)


def sign_in_failed(session: "Session", email: str, now: datetime) -> None:
    """Count a failed try. The audit entry does not say for whom: the address may be a person's password."""
    session.add(SignInFailure(key=_key(session, email), at=now))
    audit.record(session, None, "account:sign_in", now, outcome="refused")


def person_for_token(session: "Session", token: str, now: datetime) -> tuple[Person, bool] | None:
    """Whose session this is, if it stands; and whether `mark_seen` is due."""
    found = people_queries.login_session(session, _digest(token))
    if found is None:
        return None
    login, person = found
    if now - login.last_seen > IDLE or now - login.created > LIFETIME:
        return None
    return person, now - login.last_seen > SEEN_EVERY


def mark_seen(session: "Session", token: str, now: datetime) -> None:
    """The session is in use: its idle time starts anew."""
    people_queries.seen(session, _digest(token), now)


def sign_out(session: "Session", actor: Actor, token: str, now: datetime) -> None:
    """End this session on the server; the cookie is worth nothing after."""
    people_queries.end_sessions(session, now, token_hash=_digest(token))
    audit.record(session, actor, "account:sign_out", now)


def change_password(session: "Session", actor: Actor, token: str, old: str, new: str, now: datetime) -> None:
    """Set a new password and end the person's other sessions. Raises Invalid."""
    require(actor, "account:change_password")
    person = session.get_one(Person, actor.person_id)
    if not _verify(person.password_hash, old):
        raise Invalid({"old": "this is not your present password"})
    _check_password(new, person.email)
    person.password_hash = hash_password(new)
    people_queries.end_sessions(session, now, person_id=person.id, keep=_digest(token))
    audit.record(session, actor, "account:change_password", now)


def people(session: "Session", actor: Actor) -> Sequence[tuple[Person, str]]:
    """Everyone, with their organization's name."""
    require(actor, "people:read")
    return people_queries.everyone(session)


def add_person(session: "Session", actor: Actor | None, *, email: str, name: str, role: str, organization: str,
               password: str, now: datetime) -> Person:
    """Add a member; an organization that is not known yet is made, outside the directory. Raises Invalid.

    `actor` is None for the command line, which whoever runs the server may use.
    """
    if actor is not None:
        require(actor, "people:change")
    _check_person(session, email, name, role, organization)
    _check_password(password, email)
    home = people_queries.organization_by_name(session, organization.strip())
    if home is None:
        home = Organization(name=organization.strip(), description="", in_directory=False)
        session.add(home)
        session.flush()
    person = Person(organization_id=home.id, email=email.strip().casefold(), name=name.strip(), role=role,
                    password_hash=hash_password(password), created=now)
    session.add(person)
    session.flush()
    audit.record(session, actor, "people:change", now, subject=f"person:{person.id}", details={"role": role})
    return person


def set_active(session: "Session", actor: Actor, person_id: UUID, active: bool, now: datetime) -> None:
    """Let a person in or keep them out; keeping out ends their sessions at once. Raises NotFound, Invalid."""
    require(actor, "people:change")
    person = session.get(Person, person_id)
    if person is None:
        raise NotFound("no such person")
    if person.id == actor.person_id:
        raise Invalid({"person": "you cannot lock yourself out: ask another administrator"})
    person.active = active
    if not active:
        people_queries.end_sessions(session, now, person_id=person.id)
    audit.record(session, actor, "people:change", now, subject=f"person:{person.id}", details={"active": active})


def actor_of(person: Person) -> Actor:
    """The person as the rules see them."""
    return Actor(person.id, person.organization_id, Role(person.role), person.name)


def hash_password(password: str) -> str:
    """argon2id with the library's parameters (RFC 9106, low memory)."""
    return _hasher().hash(password)


def _check_person(session: "Session", email: str, name: str, role: str, organization: str) -> None:
    errors = {}
    if len(email) > 254 or not _EMAIL.fullmatch(email.strip()):
        errors["email"] = "write an e-mail address, like name@example.org"
    elif people_queries.person_by_email(session, email) is not None:
        errors["email"] = "someone with this address is there already"
    if not name.strip() or len(name) > 200:
        errors["name"] = "write a name"
    if role not in set(Role):
        errors["role"] = "choose one of: " + ", ".join(Role)
    if not organization.strip() or len(organization) > 200:
        errors["organization"] = "write the organization's name"
    if errors:
        raise Invalid(errors)


def _check_password(password: str, email: str) -> None:
    if len(password) < PASSWORD_LENGTH:
        raise Invalid({"password": f"at least {PASSWORD_LENGTH} characters: a few words in a row are good"})
    if len(password) > 1000 or len(set(password)) < 5 or email.partition("@")[0].casefold() == password.casefold():
        raise Invalid({"password": "too easy to guess, or too long"})


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    return hash_password(secrets.token_urlsafe())


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password[:1000])
    except (VerificationError, InvalidHashError):
        return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _key(session: "Session", email: str) -> str:
    _, key = session.info["keys"].keys[0]
    return hmac.new(key, b"sign-in:" + email.strip().casefold().encode(), hashlib.sha256).hexdigest()
