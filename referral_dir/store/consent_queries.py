"""Queries on consent records beyond those of their states: by the code of a copy."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from referral_dir.domain.access import Actor
from referral_dir.store.cases import Case, Consent
from referral_dir.store.directory import Phone
from referral_dir.store.exclusion_queries import visible


def consent_between(session: Session, first: UUID, last: UUID, actor: Actor) -> Consent | None:
    """The newest record of the cases of the actor's organization whose id lies in the range that a code stands for."""
    query = select(Consent).join(Case, Case.id == Consent.case_id).where(
        Case.organization_id == actor.organization_id, Consent.id >= first, Consent.id <= last,
        visible(session, actor, Case.id))
    return session.scalars(query.order_by(Consent.created.desc(), Consent.id).limit(1)).first()


def numbers_of(session: Session, organization_id: UUID) -> Sequence[str]:
    """The telephone numbers of the organization itself, as its record gives them."""
    return session.scalars(select(Phone.number).where(Phone.organization_id == organization_id)
                           .order_by(Phone.number, Phone.id)).all()
