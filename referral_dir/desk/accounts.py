"""Signing in and out, sessions that live on the server, and new people."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir.desk import audit, limits, passwords
from referral_dir.desk.passwords import check_password
from referral_dir.desk.passwords import hash_password as hash_password
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.passwords import DEMO_PASSWORD
from referral_dir.domain.saying import UI_LANGUAGES, say
from referral_dir.domain.vocabulary import Role
from referral_dir.store import people_queries
from referral_dir.store.db import reading, store_of
from referral_dir.store.directory import Organization
from referral_dir.store.people import LoginSession, Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

IDLE: Final = timedelta(minutes=15)
LIFETIME: Final = timedelta(hours=8)
SEEN_EVERY: Final = timedelta(minutes=1)
STEP_UP_FOR: Final = timedelta(minutes=10)
# Short windows: whoever guesses is slowed down, and whose account it is waits minutes, never longer.
TRY_WINDOW: Final = timedelta(minutes=5)
# At one account from one place; from one place; at one account from everywhere.
TRIES: Final = {"sign_in.pair": 10, "sign_in.place": 50, "sign_in.account": 100}
# From a place where someone signed in lately, guesses made elsewhere do not make them wait.
KNOWN_PLACE: Final = timedelta(days=1)
PROOFS: Final = 10
WAIT: Final = say("too many tries: wait five minutes")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+|[^@\s]+@localhost")


class SignInRefused(Exception):
    """Wrong address, wrong password, no longer active: one answer for all."""


class TooManyTries(SignInRefused):
    """Guessing is slowed down: wait before the next try."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in, the token that the cookie carries, and whether a second factor must follow."""

    person: Person
    token: str
    pending: bool = False


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of a person's own sessions, as they see it."""

    id: UUID
    begun: datetime
    last_seen: datetime
    this: bool


def sign_in(session: "Session", email: str, password: str, now: datetime, *, address: str | None = None,
            factor_required: bool = False) -> SignedIn:
    """Check the password and begin a session; it is pending where a second factor must follow.

    Steps: refuse at once what comes too often; check the password, before the database is locked for writing; count
    the try; decide. An unknown address, a wrong password and a locked account do the same work in the same order.
    Raises SignInRefused. What was counted and audited must stay, so the caller catches it inside the transaction.
    """
    tries = _tries(email, address)
    with reading(store_of(session)) as beside:
        if limits.counted(beside, "sign_in.good", tries[0][1], now, window=KNOWN_PLACE):
            tries = tries[:2]
        slow = limits.any_exceeded(beside, tries, now, window=TRY_WINDOW, limits=TRIES)
        known = people_queries.credentials(beside, email[:254])
    person = None
    if not slow:
        right = passwords.matches(known[1] if known else passwords.nobody(), password)
        counts = [limits.count(session, kind, who, now, window=TRY_WINDOW) > TRIES[kind] for kind, who in tries]
        slow = any(counts)
        # Outside the demo its published password opens nothing, whatever database is opened.
        if known and right and not slow and not (factor_required and password == DEMO_PASSWORD):
            person = people_queries.active_person(session, known[0])
    if person is None or known is None or person.password_hash != known[1]:
        # The entry does not say for whom: the address may be a person's password.
        audit.record(session, None, "account:sign_in", now, outcome="refused")
        raise TooManyTries(WAIT) if slow else SignInRefused(say("the e-mail address or the password is not right"))
    _forget_tries(session, tries, now)
    pending = factor_required or people_queries.has_second_factor(session, person.id)
    # Whoever has no second factor has just shown all that stepping up asks of them.
    return begin_session(session, person, now, factor="password", pending=pending, stepped_up=not pending)


def begin_session(session: "Session", person: Person, now: datetime, *, factor: str, pending: bool = False,
                  stepped_up: bool = False) -> SignedIn:
    """A session for someone who has just shown who they are."""
    token = secrets.token_urlsafe(32)
    session.add(LoginSession(token_hash=_digest(token), person_id=person.id, factor=factor, pending=pending,
                             stepped_up=now if stepped_up else None, created=now, last_seen=now))
    audit.record(session, actor_of(person), "account:sign_in", now, details={"factor": factor, "pending": pending})
    return SignedIn(person, token, pending)


def rotate(session: "Session", token: str, now: datetime, *, factor: str, stepped_up: bool = True) -> str:
    """A new token for this session, whose owner has just proved a factor; it is no longer pending.

    Raises SignInRefused where the session has ended, or another request had it rotated.
    """
    new = secrets.token_urlsafe(32)
    values = {"factor": factor, "pending": False, "last_seen": now, **({"stepped_up": now} if stepped_up else {})}
    if not people_queries.rotate(session, _digest(token), _digest(new), **values):
        raise SignInRefused(say("this session has ended: sign in again"))
    return new


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


def choose_language(session: "Session", person_id: UUID, language: str) -> None:
    """The language of the pages and of messages to this person from now on."""
    if language not in UI_LANGUAGES:
        raise Invalid({"language": say("choose one of the languages in the list")})
    people_queries.set_language(session, person_id, language)


def has_second_factor(session: "Session", person_id: UUID) -> bool:
    """Whether the person has a time code or a passkey."""
    return people_queries.has_second_factor(session, person_id)


def needs_step_up(stepped_up: datetime | None, now: datetime) -> bool:
    """Whether someone whose session was last stepped up then must show anew who they are."""
    return stepped_up is None or now - stepped_up > STEP_UP_FOR


def step_up(session: "Session", actor: Actor, token: str, password: str, now: datetime) -> str:
    """Show once more who one is, by the password, where there is no second factor. The session's new token.

    Raises Invalid; what was counted must stay, so the caller catches it inside the transaction.
    """
    require(actor, "account:step_up")
    _prove(session, actor, password, now, "password")
    if people_queries.has_second_factor(session, actor.person_id):
        raise Invalid({"password": say("show your second factor instead")})
    audit.record(session, actor, "account:step_up", now, details={"factor": "password"})
    return rotate(session, token, now, factor="password")


def sign_out(session: "Session", actor: Actor, token: str, now: datetime) -> None:
    """End this session on the server; the cookie is worth nothing after."""
    people_queries.end_sessions(session, now, token_hash=_digest(token))
    audit.record(session, actor, "account:sign_out", now)


def own_sessions(session: "Session", actor: Actor, token: str, now: datetime) -> list[OwnSession]:
    """One's own sessions that stand."""
    require(actor, "account:read")
    this = _digest(token)
    rows = people_queries.standing_sessions(session, actor.person_id, now - LIFETIME, now - IDLE)
    return [OwnSession(row.id, row.created, row.last_seen, row.token_hash == this) for row in rows]


def end_session(session: "Session", actor: Actor, session_id: UUID, now: datetime) -> None:
    """End one of one's own sessions from elsewhere. Raises NotFound."""
    require(actor, "account:sessions")
    if not people_queries.end_sessions(session, now, person_id=actor.person_id, session_id=session_id):
        raise NotFound("no such session")
    audit.record(session, actor, "account:sessions", now, details={"ended": 1})


def end_other_sessions(session: "Session", actor: Actor, token: str, now: datetime) -> int:
    """End all of one's own sessions but this one."""
    require(actor, "account:sessions")
    ended = people_queries.end_sessions(session, now, person_id=actor.person_id, keep=_digest(token))
    audit.record(session, actor, "account:sessions", now, details={"ended": ended})
    return ended


def change_password(session: "Session", actor: Actor, token: str, old: str, new: str, now: datetime) -> str:
    """Set a new password and end the person's other sessions; this one's new token.

    Raises Invalid; what was counted must stay, so the caller catches it inside the transaction.
    """
    require(actor, "account:change_password")
    _prove(session, actor, old, now, "old")
    person = session.get_one(Person, actor.person_id)
    check_password(new, *about(session, person))
    person.password_hash = hash_password(new)
    people_queries.void_resets(session, person.id, now)
    people_queries.end_sessions(session, now, person_id=person.id, keep=_digest(token))
    audit.record(session, actor, "account:change_password", now)
    return rotate(session, token, now, factor="password", stepped_up=False)


def add_person(session: "Session", actor: Actor | None, *, email: str, name: str, role: str, organization: str,
               password: str, now: datetime, demo: bool = False) -> Person:
    """Add a member; an organization that is not known yet is made, outside the directory. Raises Invalid.

    `actor` is None for the command line, which whoever runs the server may use; `demo` takes the demo's password.
    """
    if actor is not None:
        require(actor, "people:change")
    _check_person(session, email, name, role, organization)
    if not (demo and password == DEMO_PASSWORD):
        check_password(password, email, name, organization)
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


def about(session: "Session", person: Person) -> tuple[str, str, str]:
    """What others know of the person, and a password must not be made of."""
    return person.email, person.name, session.get_one(Organization, person.organization_id).name


def _tries(email: str, address: str | None) -> list[tuple[str, str]]:
    account, place = email.strip().casefold()[:254], limits.network(address)
    return [("sign_in.pair", f"{account}\0{place}"), ("sign_in.place", place), ("sign_in.account", account)]


def _forget_tries(session: "Session", tries: list[tuple[str, str]], now: datetime) -> None:
    pair, *others = tries
    limits.forget(session, *pair)
    limits.count(session, "sign_in.good", pair[1], now, window=KNOWN_PLACE)
    for kind, who in others:
        limits.take_back(session, kind, who, now, window=TRY_WINDOW)


def _prove(session: "Session", actor: Actor, password: str, now: datetime, field: str) -> None:
    """Raise Invalid unless it is the signed-in person's password; a stolen session may not guess it."""
    who = str(actor.person_id)
    with reading(store_of(session)) as beside:
        slow = limits.exceeded(beside, "password", who, now, window=TRY_WINDOW, limit=PROOFS)
        kept = people_queries.password_hash(beside, actor.person_id)
    if slow:
        raise Invalid({field: WAIT})
    right = kept is not None and passwords.matches(kept, password)
    if limits.count(session, "password", who, now, window=TRY_WINDOW) > PROOFS:
        raise Invalid({field: WAIT})
    if not right:
        raise Invalid({field: say("this is not your present password")})
    limits.forget(session, "password", who)


def _check_person(session: "Session", email: str, name: str, role: str, organization: str) -> None:
    errors: dict[str, str] = {}
    if len(email) > 254 or not _EMAIL.fullmatch(email.strip()):
        errors["email"] = say("write an e-mail address, like name@example.org")
    elif people_queries.person_by_email(session, email) is not None:
        errors["email"] = say("someone with this address is there already")
    if not name.strip() or len(name) > 200:
        errors["name"] = say("write a name")
    if role not in set(Role):
        errors["role"] = say("choose one of: %(roles)s", roles=", ".join(Role))
    if not organization.strip() or len(organization) > 200:
        errors["organization"] = say("write the organization's name")
    if errors:
        raise Invalid(errors)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
