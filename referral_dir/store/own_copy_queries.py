"""Everything that is held about one case, for the person whom it is about. Callers have checked whose case it is."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from referral_dir.store.cases import BreakGlass, CaseExclusion, ConsentEvent
from referral_dir.store.directory import Organization, Service
from referral_dir.store.people import Person
from referral_dir.store.records import AuditEntry


def acts_on(session: Session, subjects: Collection[str]) -> Sequence[AuditEntry]:
    """What was done with these records, newest first. Refusals are left out: nothing was seen."""
    query = select(AuditEntry).where(AuditEntry.subject.in_(subjects), AuditEntry.outcome == "done")
    return session.scalars(query.order_by(AuditEntry.sequence.desc())).all()


def consent_events(session: Session, consent_ids: Collection[UUID]) -> Sequence[ConsentEvent]:
    """The steps of these consent records, oldest first."""
    query = select(ConsentEvent).where(ConsentEvent.consent_id.in_(consent_ids))
    return session.scalars(query.order_by(ConsentEvent.at, ConsentEvent.id)).all()


def broken_glass(session: Session, case_id: UUID) -> Sequence[BreakGlass]:
    """When something was shown without consent, oldest first."""
    return session.scalars(select(BreakGlass).where(BreakGlass.case_id == case_id)
                           .order_by(BreakGlass.granted, BreakGlass.id)).all()


def count_exclusions(session: Session, case_id: UUID) -> int:
    """From how many people and organizations the case is kept."""
    return session.scalar(select(func.count()).select_from(CaseExclusion)
                          .where(CaseExclusion.case_id == case_id)) or 0


def organization_names(session: Session, ids: Collection[Any]) -> dict[UUID, str]:
    """What organizations are called."""
    return _pairs(session, select(Organization.id, Organization.name).where(Organization.id.in_(set(ids) - {None})))


def roles(session: Session, ids: Collection[Any]) -> dict[UUID, str]:
    """What people are there for. Never their names: a copy can be found."""
    return _pairs(session, select(Person.id, Person.role).where(Person.id.in_(set(ids) - {None})))


def service_names(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """What services are called, but for confidential ones."""
    return _pairs(session, select(Service.id, Service.name).where(Service.id.in_(ids), ~Service.confidential))


def _pairs(session: Session, query: Any) -> dict[UUID, str]:
    return {row[0]: row[1] for row in session.execute(query)}
