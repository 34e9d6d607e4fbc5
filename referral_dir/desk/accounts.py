"""Signing in and out, passwords, and new people."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from referral_dir.desk import audit
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid
from referral_dir.domain.vocabulary import Role
from referral_dir.store import factor_queries, people_queries
from referral_dir.store.directory import Organization
from referral_dir.store.people import LoginSession, Person, SignInFailure

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

IDLE: Final = timedelta(minutes=15)
LIFETIME: Final = timedelta(hours=8)
SEEN_EVERY: Final = timedelta(minutes=1)
STEP_UP_FOR: Final = timedelta(minutes=10)
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
    pending: bool = False


def sign_in(session: "Session", email: str, password: str, now: datetime, *, address: str | None = None,
            factor_required: bool = False) -> SignedIn:
    """Check the password and begin a session; it is pending where a second factor must follow.

    Raises SignInRefused; the caller then calls `sign_in_failed` in a new transaction, as this one rolls back.
    """
    if people_queries.failures_since(session, _key(session, email), now - FAILURE_WINDOW) >= FAILURES_ALLOWED:
        raise TooManyFailures("too many tries: wait 15 minutes")
    person = people_queries.person_by_email(session, email[:254])
    # An unknown address costs the same work as a wrong password, so that time does not tell them apart.
    matches = _verify(person.password_hash if person else nobody(), password)
    if person is None or not person.active or not matches:
        raise SignInRefused("the e-mail address or the password is not right")
    people_queries.forget_failures(session, _key(session, email))
    return begin_session(session, person, now, factor="password",
                         pending=factor_required or has_second_factor(session, person.id))


def begin_session(session: "Session", person: Person, now: datetime, *, factor: str, pending: bool = False,
                  stepped_up: bool = False) -> SignedIn:
    """A session for someone who has just shown who they are."""
    token = secrets.token_urlsafe(32)
    session.add(LoginSession(token_hash=_digest(token), person_id=person.id, factor=factor, pending=pending,
                             stepped_up=now if stepped_up else None, created=now, last_seen=now))
    audit.record(session, actor_of(person), "account:sign_in", now)
    return SignedIn(person, token, pending)


def rotate(session: "Session", token: str, now: datetime, *, factor: str, stepped_up: bool = True) -> str:
    """A new token for this session after its owner proved a factor; it is no longer pending."""
    new = secrets.token_urlsafe(32)
    if not people_queries.rotate(session, _digest(token), _digest(new), factor, now if stepped_up else None):
        raise SignInRefused("this session has ended: sign in again")
    return new


def has_second_factor(session: "Session", person_id: UUID) -> bool:
    """Whether the person has a time code or a passkey."""
    return factor_queries.has_factor(session, person_id)


def needs_step_up(stepped_up: datetime | None, now: datetime) -> bool:
    """Whether someone whose session was last stepped up then must show anew who they are."""
    return stepped_up is None or now - stepped_up > STEP_UP_FOR


def step_up(session: "Session", actor: Actor, token: str, password: str, now: datetime) -> str:
    """Show once more who one is, by the password, where there is no second factor. The session's new token."""
    if not _verify(session.get_one(Person, actor.person_id).password_hash, password):
        raise Invalid({"password": "this is not your present password"})
    return rotate(session, token, now, factor="password")


def sign_in_failed(session: "Session", email: str, now: datetime) -> None:
    """Count a failed try. The audit entry does not say for whom: the address may be a person's password."""
    session.add(SignInFailure(key=_key(session, email), at=now))
    audit.record(session, None, "account:sign_in", now, outcome="refused")


def person_for_token(session: "Session", token: str, now: datetime) -> tuple[LoginSession, Person, bool] | None:
    """The session, if it stands, whose it is, and whether `mark_seen` is due."""
    found = people_queries.login_session(session, _digest(token))
    if found is None:
        return None
    login, person = found
    if now - login.last_seen > IDLE or now - login.created > LIFETIME:
        return None
    return login, person, now - login.last_seen > SEEN_EVERY


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
    check_password(new, person.email)
    person.password_hash = hash_password(new)
    people_queries.end_sessions(session, now, person_id=person.id, keep=_digest(token))
    audit.record(session, actor, "account:change_password", now)


def add_person(session: "Session", actor: Actor | None, *, email: str, name: str, role: str, organization: str,
               password: str, now: datetime) -> Person:
    """Add a member; an organization that is not known yet is made, outside the directory. Raises Invalid.

    `actor` is None for the command line, which whoever runs the server may use.
    """
    if actor is not None:
        require(actor, "people:change")
    _check_person(session, email, name, role, organization)
    check_password(password, email)
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


def check_password(password: str, email: str) -> None:
    if len(password) < PASSWORD_LENGTH:
        raise Invalid({"password": f"at least {PASSWORD_LENGTH} characters: a few words in a row are good"})
    if len(password) > 1000 or len(set(password)) < 5 or email.partition("@")[0].casefold() == password.casefold():
        raise Invalid({"password": "too easy to guess, or too long"})


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def nobody() -> str:
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
