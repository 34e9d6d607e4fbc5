"""Queries on the audit trail."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session

from referral_dir.store.directory import Organization
from referral_dir.store.people import Person
from referral_dir.store.records import AuditEntry

AuditRow = tuple[AuditEntry, str | None, str | None]


def audit_page(session: Session, *, hidden: frozenset[str], action: str | None, outcome: str | None,
               subject: str | None, person_id: UUID | None, before: int | None,
               limit: int) -> tuple[Sequence[AuditRow], int]:
    """Entries newest first, each with the actor's and organization's name, and how many there are in all.

    `hidden` are the subjects that do not exist for the reader: see `exclusion_queries.hidden_subjects`.
    """
    conditions = [shown(hidden)]
    if action:
        conditions.append(AuditEntry.action.startswith(action, autoescape=True))
    if outcome:
        conditions.append(AuditEntry.outcome == outcome)
    if subject:
        conditions.append(AuditEntry.subject == subject)
    if person_id:
        conditions.append(AuditEntry.actor_id == person_id)
    total = session.scalar(select(func.count()).select_from(AuditEntry).where(*conditions)) or 0
    if before:
        conditions.append(AuditEntry.sequence < before)
    query = (
        select(AuditEntry, Person.name, Organization.name)
        .outerjoin(Person, Person.id == AuditEntry.actor_id)
        .outerjoin(Organization, Organization.id == AuditEntry.organization_id)
        .where(*conditions).order_by(AuditEntry.sequence.desc()).limit(limit)
    )
    return [(entry, person, organization) for entry, person, organization in session.execute(query)], total


def audit_rows(session: Session) -> Iterator[dict[str, Any]]:
    """Every entry, oldest first, column by column as it was hashed."""
    columns = AuditEntry.__table__.columns
    result = session.execute(select(*columns).order_by(AuditEntry.sequence).execution_options(yield_per=1000))
    for row in result:
        yield dict(row._mapping)


def shown(hidden: frozenset[str]) -> ColumnElement[bool]:
    """Whether the entry is about nothing that is hidden from the reader."""
    return or_(AuditEntry.subject.is_(None), AuditEntry.subject.not_in(hidden)) if hidden else true()


def actions_seen(session: Session, hidden: frozenset[str]) -> Sequence[str]:
    """The kinds of act that the trail holds, as far as the reader may know."""
    return session.scalars(select(AuditEntry.action).where(shown(hidden)).distinct().order_by(AuditEntry.action)).all()
