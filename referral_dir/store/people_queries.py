"""Queries on people and their sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.domain.vocabulary import Role
from referral_dir.store.directory import Organization
from referral_dir.store.people import LoginSession, Passkey, PasswordReset, Person


def person_by_email(session: Session, email: str) -> Person | None:
    """The person with this address, written in any case."""
    return session.scalar(select(Person).where(Person.email == email.strip().casefold()))


def credentials(session: Session, email: str) -> tuple[UUID, str] | None:
    """The id and the password's hash of the person with this address, whether or not they may sign in."""
    query = select(Person.id, Person.password_hash).where(Person.email == email.strip().casefold())
    row = session.execute(query).first()
    return (row[0], row[1]) if row else None


def password_hash(session: Session, person_id: UUID) -> str | None:
    """The hash of an active person's password."""
    return session.scalar(select(Person.password_hash).where(Person.id == person_id, Person.active))


def has_second_factor(session: Session, person_id: UUID) -> bool:
    """Whether the person has a time code or a passkey."""
    passkeys = select(Passkey.id).where(Passkey.person_id == person_id).exists()
    query = select(Person.id).where(Person.id == person_id, or_(Person.totp_secret.is_not(None), passkeys))
    return session.scalar(query) is not None


def active_person(session: Session, person_id: UUID) -> Person | None:
    """The person, while they may sign in."""
    return session.scalar(select(Person).where(Person.id == person_id, Person.active))


def everyone(session: Session) -> Sequence[tuple[Person, str]]:
    """All people with their organization's name."""
    query = select(Person, Organization.name).join(Organization, Organization.id == Person.organization_id)
    return [(person, name) for person, name in session.execute(query.order_by(Organization.name, Person.name))]


def providers_of(session: Session, organization_id: UUID) -> Sequence[UUID]:
    """Who answers handoffs for this organization."""
    return session.scalars(select(Person.id).where(
        Person.organization_id == organization_id, Person.role == Role.PROVIDER, Person.active)
        .order_by(Person.id)).all()


def organizations_with(session: Session, role: Role) -> Sequence[UUID]:
    """Organizations that have an active member with this role."""
    return session.scalars(select(Person.organization_id).where(Person.role == role, Person.active)
                           .distinct().order_by(Person.organization_id)).all()


def organization_by_name(session: Session, name: str) -> Organization | None:
    """The first organization of exactly this name."""
    return session.scalar(select(Organization).where(Organization.name == name).order_by(Organization.id).limit(1))


def other_administrators(session: Session, person_id: UUID) -> Sequence[str]:
    """Names of the administrators who may sign in, but for this one."""
    return session.scalars(select(Person.name).where(
        Person.role == Role.ADMINISTRATOR, Person.active, Person.id != person_id).order_by(Person.name)).all()


# Made once, as every request asks.
_STANDING = select(LoginSession, Person).join(Person, Person.id == LoginSession.person_id).where(
    LoginSession.token_hash == bindparam("token_hash"), LoginSession.ended.is_(None), Person.active)


def login_session(session: Session, token_hash: str) -> tuple[LoginSession, Person] | None:
    """A sign-in that has not ended, and whose it is, while they may sign in."""
    row = session.execute(_STANDING, {"token_hash": token_hash}).first()
    return (row[0], row[1]) if row else None


def rotate(session: Session, token_hash: str, new_hash: str, **values: Any) -> bool:
    """The session goes on under another token; False if it has ended."""
    query = update(LoginSession).where(LoginSession.token_hash == token_hash, LoginSession.ended.is_(None))
    return _rows(session, query.values(token_hash=new_hash, **values)) == 1


def standing_sessions(session: Session, person_id: UUID, begun_after: datetime,
                      seen_after: datetime) -> Sequence[LoginSession]:
    """A person's sessions that have neither been ended nor run out, newest first."""
    return session.scalars(select(LoginSession).where(
        LoginSession.person_id == person_id, LoginSession.ended.is_(None), LoginSession.created >= begun_after,
        LoginSession.last_seen >= seen_after).order_by(LoginSession.created.desc(), LoginSession.id)).all()


def end_sessions(session: Session, now: datetime, *, person_id: UUID | None = None, token_hash: str | None = None,
                 session_id: UUID | None = None, keep: str | None = None) -> int:
    """End a person's sessions, or one; `keep` is left. Returns how many ended."""
    query = update(LoginSession).where(LoginSession.ended.is_(None)).values(ended=now)
    if person_id is not None:
        query = query.where(LoginSession.person_id == person_id)
    if token_hash is not None:
        query = query.where(LoginSession.token_hash == token_hash)
    if session_id is not None:
        query = query.where(LoginSession.id == session_id)
    if keep is not None:
        query = query.where(LoginSession.token_hash != keep)
    return _rows(session, query)


def seen(session: Session, token_hash: str, now: datetime) -> None:
    """The session was used now."""
    session.execute(update(LoginSession).where(LoginSession.token_hash == token_hash).values(last_seen=now))


def resets_to_prepare(session: Session, limit: int) -> Sequence[PasswordReset]:
    """What was asked for and not looked up yet, oldest first."""
    return session.scalars(select(PasswordReset).where(PasswordReset.address.is_not(None))
                           .order_by(PasswordReset.created, PasswordReset.id).limit(limit)).all()


def prepare_reset(session: Session, reset_id: UUID, person_id: UUID, token_hash: str, expires: datetime) -> bool:
    """The link is made; False where another process was first."""
    query = update(PasswordReset).where(PasswordReset.id == reset_id, PasswordReset.address.is_not(None))
    return _rows(session, query.values(address=None, person_id=person_id, token_hash=token_hash, expires=expires)) == 1


def delete_reset(session: Session, reset_id: UUID) -> None:
    """It leads to nobody."""
    session.execute(delete(PasswordReset).where(PasswordReset.id == reset_id))


def delete_resets(session: Session, expired_before: datetime) -> None:
    """They are of no use any more."""
    session.execute(delete(PasswordReset).where(PasswordReset.expires < expired_before))


def open_reset(session: Session, token_hash: str, now: datetime) -> Person | None:
    """Whose password this link may set, while it may."""
    return session.scalar(select(Person).join(PasswordReset, PasswordReset.person_id == Person.id).where(
        PasswordReset.token_hash == token_hash, PasswordReset.used.is_(None), PasswordReset.expires > now,
        Person.active))


def use_reset(session: Session, token_hash: str, now: datetime) -> bool:
    """Take the link; False where it was used or ran out."""
    query = update(PasswordReset).where(PasswordReset.token_hash == token_hash, PasswordReset.used.is_(None),
                                        PasswordReset.expires > now)
    return _rows(session, query.values(used=now)) == 1


def void_resets(session: Session, person_id: UUID, now: datetime) -> None:
    """No other link to this person's password works."""
    session.execute(update(PasswordReset).where(
        PasswordReset.person_id == person_id, PasswordReset.used.is_(None)).values(used=now))


def _rows(session: Session, query: Any) -> int:
    return cast("CursorResult[Any]", session.execute(query)).rowcount


def join_organizations_of_one_name(session: Session, source: str) -> None:
    """Members of an organization that stands outside the directory move to the one of the same name in `source`."""
    inside = {row.name: row.id for row in session.execute(
        select(Organization.name, Organization.id).where(Organization.source == source))}
    outside = session.execute(select(Organization.id, Organization.name).where(
        Organization.source.is_(None), Organization.name.in_(inside))).all()
    for row_id, name in outside:
        session.execute(update(Person).where(Person.organization_id == row_id).values(organization_id=inside[name]))
        session.execute(delete(Organization).where(Organization.id == row_id))


def set_language(session: Session, person_id: UUID, language: str) -> None:
    """The language of pages and messages."""
    session.execute(update(Person).where(Person.id == person_id).values(language=language))


def usual_place(session: Session, person_id: UUID) -> str | None:
    """The town that their questions begin with."""
    return session.scalar(select(Person.usual_place).where(Person.id == person_id))


def set_usual_place(session: Session, person_id: UUID, place: str | None) -> None:
    """Where it is none, it is forgotten."""
    session.execute(update(Person).where(Person.id == person_id).values(usual_place=place))
