"""Conflict of interest: for whom a case does not exist. Every scoped query on cases uses `visible`, and only it."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from referral_dir.domain.access import Actor
from referral_dir.store import tenancy
from referral_dir.store.cases import BreakGlass, Case, CaseExclusion, Consent, Handoff
from referral_dir.store.directory import Organization

_HIDDEN_WITH_THE_CASE = (("handoff", Handoff.id, Handoff.case_id), ("consent", Consent.id, Consent.case_id),
                         ("break_glass", BreakGlass.id, BreakGlass.case_id),
                         ("exclusion", CaseExclusion.id, CaseExclusion.case_id))


def visible(session: Session, actor: Actor, case_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """Whether the case that this column names exists for the actor: nobody named them or their organization."""
    return case_id.not_in(_closed_to(session, actor))


def _closed_to(session: Session, actor: Actor) -> Select[UUID]:
    return select(CaseExclusion.case_id).where(or_(
        CaseExclusion.organization_id == actor.organization_id,
        CaseExclusion.person_key.in_(tenancy.keys_of(session, actor.person_id))))


def hidden_subjects(session: Session, actor: Actor) -> frozenset[str]:
    """What the audit trail may say nothing of to this actor: `case:…`, `handoff:…` and so on."""
    with tenancy.elevated(session, "hidden_subjects"):
        closed = session.scalars(_closed_to(session, actor)).all()
        if not closed:
            return frozenset()
        found = {f"case:{case_id}" for case_id in closed}
        for kind, row_id, case_id in _HIDDEN_WITH_THE_CASE:
            found |= {f"{kind}:{i}" for i in session.scalars(select(row_id).where(case_id.in_(closed)))}
    return frozenset(found)


def hidden_handoffs(session: Session, actor: Actor) -> frozenset[UUID]:
    """The handoffs of cases that do not exist for the actor, so that nothing that counts handoffs counts them."""
    with tenancy.elevated(session, "hidden_subjects"):
        return frozenset(session.scalars(select(Handoff.id).where(Handoff.case_id.in_(_closed_to(session, actor)))))


def excluded_people(session: Session, case_id: UUID, people: Collection[tuple[UUID, UUID]]) -> set[UUID]:
    """Those of the people, each with their organization, for whom the case does not exist."""
    with tenancy.elevated(session, "excluded_people"):
        rows = session.execute(select(CaseExclusion.organization_id, CaseExclusion.person_key)
                               .where(CaseExclusion.case_id == case_id)).all()
    organizations, keys = {row[0] for row in rows} - {None}, {row[1] for row in rows} - {None}
    return {person_id for person_id, organization_id in people if organization_id in organizations
            or (keys and not keys.isdisjoint(tenancy.keys_of(session, person_id)))}


def exclusions_of(session: Session, case_id: UUID) -> Sequence[CaseExclusion]:
    """Who must never see the case, in the order in which they were named."""
    return session.scalars(select(CaseExclusion).where(CaseExclusion.case_id == case_id)
                           .order_by(CaseExclusion.created, CaseExclusion.id)).all()


def excluded_organizations(session: Session, case_id: UUID) -> frozenset[UUID]:
    """The organizations that must never see the case."""
    return frozenset(row.organization_id for row in exclusions_of(session, case_id) if row.organization_id)


def find_exclusion(session: Session, actor: Actor, exclusion_id: UUID) -> CaseExclusion | None:
    """An exclusion of a case that the actor's organization owns and the actor may see."""
    return session.scalar(select(CaseExclusion).join(Case, Case.id == CaseExclusion.case_id).where(
        CaseExclusion.id == exclusion_id, Case.organization_id == actor.organization_id,
        visible(session, actor, Case.id)))


def remove_exclusion(session: Session, exclusion_id: UUID) -> None:
    """From now on the case exists for them again."""
    session.execute(delete(CaseExclusion).where(CaseExclusion.id == exclusion_id))


def organizations_called(session: Session, name: str, limit: int) -> Sequence[Organization]:
    """Organizations of this name; where none has exactly it, those whose name holds it."""
    wanted = name.strip()
    exact = select(Organization).where(Organization.name == wanted).order_by(Organization.id).limit(limit)
    like = select(Organization).where(Organization.name.icontains(wanted, autoescape=True)).order_by(Organization.id)
    return session.scalars(exact).all() or session.scalars(like.limit(limit)).all()
