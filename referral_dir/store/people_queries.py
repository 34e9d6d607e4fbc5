"""Queries on people and their sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from referral_dir.domain.vocabulary import Role
from referral_dir.store.directory import Organization
from referral_dir.store.people import LoginSession, Person, RateCount, SignInFailure


def person_by_email(session: Session, email: str) -> Person | None:
    """The person with this address, written in any case."""
    return session.scalar(select(Person).where(Person.email == email.strip().casefold()))


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


def login_session(session: Session, token_hash: str) -> tuple[LoginSession, Person] | None:
    """A sign-in that has not ended, and whose it is, while they may sign in."""
    query = select(LoginSession, Person).join(Person, Person.id == LoginSession.person_id).where(
        LoginSession.token_hash == token_hash, LoginSession.ended.is_(None), Person.active)
    row = session.execute(query).first()
    return (row[0], row[1]) if row else None


def end_sessions(session: Session, now: datetime, *, person_id: UUID | None = None,
                 token_hash: str | None = None, keep: str | None = None) -> int:
    """End a person's sessions, or one; `keep` is left."""
    query = update(LoginSession).where(LoginSession.ended.is_(None)).values(ended=now)
    if person_id is not None:
        query = query.where(LoginSession.person_id == person_id)
    if token_hash is not None:
        query = query.where(LoginSession.token_hash == token_hash)
    if keep is not None:
        query = query.where(LoginSession.token_hash != keep)
    return _rows(session, query)


def seen(session: Session, token_hash: str, now: datetime) -> None:
    """The session was used now."""
    session.execute(update(LoginSession).where(LoginSession.token_hash == token_hash).values(last_seen=now))


def failures_since(session: Session, key: str, since: datetime) -> int:
    """How often signing in failed for this key."""
    query = select(func.count()).select_from(SignInFailure).where(
        SignInFailure.key == key, SignInFailure.at >= since)
    return session.scalar(query) or 0


def forget_failures(session: Session, key: str) -> None:
    """A success wipes the slate."""
    session.execute(delete(SignInFailure).where(SignInFailure.key == key))


def count_once_more(session: Session, key: str, window: datetime) -> int:
    """One upsert; the new count."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    query = insert(RateCount).values(key=key, window=window, count=1)
    query = query.on_conflict_do_update(index_elements=["key", "window"], set_={"count": RateCount.count + 1})
    return session.scalar(query.returning(RateCount.count)) or 1


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
