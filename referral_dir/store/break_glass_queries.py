"""Queries on broken glass: what lasts, what waits for a review, and who is told."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, and_, exists, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.domain import break_glass as rules
from referral_dir.domain.access import Actor
from referral_dir.domain.vocabulary import Role
from referral_dir.store.cases import BreakGlass, Consent
from referral_dir.store.directory import Organization
from referral_dir.store.exclusion_queries import excluded_people, visible
from referral_dir.store.people import Person


def lock_active(session: Session, case_id: UUID, organization_id: UUID, now: datetime) -> BreakGlass | None:
    """The one under which this organization may see something of the case now, locked until this transaction ends."""
    query = select(BreakGlass).where(
        BreakGlass.case_id == case_id, BreakGlass.recipient_organization_id == organization_id,
        BreakGlass.granted <= now, BreakGlass.expires > now)
    rows = session.scalars(query.order_by(BreakGlass.id).with_for_update()
                           .execution_options(populate_existing=True)).all()
    standing = [row for row in rows if rules.is_active(as_rule(row), organization_id, now)]
    return max(standing, key=lambda row: row.expires, default=None)


def of_case(session: Session, case_id: UUID) -> Sequence[BreakGlass]:
    """All of a case, newest first."""
    return session.scalars(select(BreakGlass).where(BreakGlass.case_id == case_id)
                           .order_by(BreakGlass.granted.desc(), BreakGlass.id)).all()


def of_person(session: Session, person_id: UUID) -> Sequence[BreakGlass]:
    """What this person did that nobody has reviewed."""
    return session.scalars(select(BreakGlass).where(
        BreakGlass.person_id == person_id, BreakGlass.reviewed.is_(None))).all()


def last_answer(session: Session, case_id: UUID, organization_id: UUID) -> str | None:
    """The state of the record in which the person last decided about this organization: yes or no; None: never."""
    query = select(Consent).where(
        Consent.case_id == case_id, Consent.recipient_organization_id == organization_id,
        or_(Consent.given.is_not(None), Consent.state == "refused"))
    rows = session.scalars(query.execution_options(populate_existing=True)).all()
    # A superseded yes ended when its successor was given, so the successor counts.
    newest = max((row for row in rows if row.state != "superseded"), default=None, key=_decided)
    return newest.state if newest else None


def _decided(row: Consent) -> tuple[datetime, bool]:
    said_no = row.state in rules.A_NO
    return (row.ended if said_no else row.given) or row.created, said_no


def to_review(session: Session, actor: Actor) -> Sequence[tuple[BreakGlass, str, str]]:
    """What waits for this reviewer, most urgent first, with who did it and where. Never what they did themselves.

    An overseer sees those of every organization, a supervisor those of their own.
    """
    query = _reviewable(session, actor).where(BreakGlass.reviewed.is_(None))
    return [(row, name, home) for row, name, home in session.execute(query.order_by(BreakGlass.review_by))]


def find_to_review(session: Session, break_glass_id: UUID, actor: Actor) -> tuple[BreakGlass, str, str] | None:
    """One of them, reviewed or not, if this reviewer may know of it."""
    query = _reviewable(session, actor).where(BreakGlass.id == break_glass_id)
    row = session.execute(query.with_for_update(of=BreakGlass).execution_options(populate_existing=True)).first()
    return (row[0], row[1], row[2]) if row else None


def _reviewable(session: Session, actor: Actor) -> Any:
    query = select(BreakGlass, Person.name, Organization.name).join(Person, Person.id == BreakGlass.person_id).join(
        Organization, Organization.id == Person.organization_id).where(
        BreakGlass.person_id != actor.person_id, visible(session, actor, BreakGlass.case_id))
    if actor.role is Role.OVERSEER:
        return query
    supervises = exists().where(_supervisor(actor.organization_id), Person.id == actor.person_id).correlate(None)
    return query.where(Person.organization_id == actor.organization_id, supervises)


def mark_reviewed(session: Session, break_glass_id: UUID, **values: Any) -> bool:
    """Write the review down, once. False: someone was first."""
    query = update(BreakGlass).where(BreakGlass.id == break_glass_id, BreakGlass.reviewed.is_(None)).values(**values)
    result = session.execute(query.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount == 1


def reviewers(session: Session, case_id: UUID, organization_id: UUID, but_not: UUID) -> Sequence[UUID]:
    """Who is told at once: the organization's supervisors and every overseer, if the case exists for them."""
    query = select(Person.id, Person.organization_id).where(
        Person.id != but_not,
        or_(_supervisor(organization_id), and_(Person.role == Role.OVERSEER, Person.active)))
    found = [(row[0], row[1]) for row in session.execute(query.order_by(Person.id))]
    closed = excluded_people(session, case_id, found)
    return [person_id for person_id, _ in found if person_id not in closed]


def _supervisor(organization_id: UUID) -> Any:
    return and_(Person.organization_id == organization_id, Person.role == Role.OFFICER, Person.is_supervisor,
                Person.active)


def person_with_privilege(session: Session, person_id: UUID) -> Person | None:
    """The person as they are now, locked, if they hold the privilege. Two tries at once come one after the other."""
    query = select(Person).where(Person.id == person_id, Person.active, Person.may_break_glass)
    return session.scalar(query.with_for_update().execution_options(populate_existing=True))


def as_rule(row: BreakGlass) -> rules.BreakGlass:
    """The row as the rules see it."""
    return rules.BreakGlass(row.recipient_organization_id, frozenset(row.fields), row.granted, row.expires,
                            row.verdict)
