"""Organizations as an administrator sees them: who is in them, and which services they give and keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, exists, func, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.domain.vocabulary import Role
from referral_dir.store.directory import Organization, Service
from referral_dir.store.people import Person


@dataclass(frozen=True, slots=True)
class Counted:
    """One line of the list."""

    organization: Organization
    people: int
    active_people: int
    services: int
    kept: int


def counted(session: Session, words: str, *, members_only: bool, limit: int, offset: int) -> tuple[list[Counted], int]:
    """A page of organizations by name, and how many there are in all."""
    def count(column: Any, *conditions: Any) -> Any:
        return (select(func.count()).where(column == Organization.id, *conditions)
                .correlate(Organization).scalar_subquery())

    query = select(Organization, count(Person.organization_id), count(Person.organization_id, Person.active),
                   count(Service.organization_id, Service.status == "active"), count(Service.kept_by_id))
    total = select(func.count()).select_from(Organization)
    conditions = []
    if words:
        conditions.append(Organization.name.icontains(words, autoescape=True))
    if members_only:
        conditions.append(Organization.id.in_(select(Person.organization_id)))
    rows = session.execute(query.where(*conditions).order_by(Organization.name, Organization.id)
                           .limit(limit).offset(offset))
    return [Counted(*row) for row in rows], session.scalar(total.where(*conditions)) or 0


def names(session: Session, limit: int) -> Sequence[str]:
    """Names, each once: first those that have people here, then by the alphabet."""
    members = Organization.id.in_(select(Person.organization_id))
    rows = session.scalars(select(Organization.name).order_by(members.desc(), Organization.name).limit(limit))
    return list(dict.fromkeys(rows))


def keepers(session: Session) -> list[tuple[UUID, str]]:
    """Those who have a caseworker: they can keep services."""
    having = select(Person.organization_id).where(Person.role == Role.CASEWORKER)
    rows = session.execute(select(Organization.id, Organization.name).where(Organization.id.in_(having))
                           .order_by(Organization.name, Organization.id))
    return [(row_id, name) for row_id, name in rows]


def hides(session: Session, organization_id: UUID) -> bool:
    """Whether it gives or keeps a service that hides where it is: its people can read the address."""
    return bool(session.scalar(select(exists().where(Service.confidential, or_(
        Service.organization_id == organization_id, Service.kept_by_id == organization_id)))))


def people_of(session: Session, organization_id: UUID) -> Sequence[Person]:
    """Its people by name."""
    return session.scalars(select(Person).where(Person.organization_id == organization_id)
                           .order_by(Person.name, Person.id)).all()


def services_of(session: Session, organization_id: UUID, limit: int) -> Sequence[Service]:
    """What it gives or keeps, by name."""
    return session.scalars(select(Service).where(or_(
        Service.organization_id == organization_id, Service.kept_by_id == organization_id))
        .order_by(Service.name, Service.id).limit(limit)).all()


def services_called(session: Session, words: str, limit: int) -> Sequence[Service]:
    """Services whose name holds the words."""
    return session.scalars(select(Service).where(Service.name.icontains(words, autoescape=True))
                           .order_by(Service.name, Service.id).limit(limit)).all()


def keep(session: Session, service_id: UUID, keeper: UUID | None, was: UUID | None) -> bool:
    """Give a service to a keeper, or to none; False where another had it already."""
    held = Service.kept_by_id.is_(None) if was is None else Service.kept_by_id == was
    query = update(Service).where(Service.id == service_id, held)
    return cast("CursorResult[Any]", session.execute(
        query.values(kept_by_id=keeper, revision=Service.revision + 1))).rowcount == 1
