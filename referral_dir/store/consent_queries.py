"""Queries on consent records beyond those of their states: by the code of a copy."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from referral_dir.store.cases import Case, Consent
from referral_dir.store.directory import Phone


def consent_between(session: Session, first: UUID, last: UUID, organization_id: UUID) -> Consent | None:
    """The newest record of this organization's cases whose id lies in the range that a code stands for."""
    query = select(Consent).join(Case, Case.id == Consent.case_id).where(
        Case.organization_id == organization_id, Consent.id >= first, Consent.id <= last)
    return session.scalars(query.order_by(Consent.created.desc(), Consent.id).limit(1)).first()


def numbers_of(session: Session, organization_id: UUID) -> Sequence[str]:
    """The telephone numbers of the organization itself, as its record gives them."""
    return session.scalars(select(Phone.number).where(Phone.organization_id == organization_id)
                           .order_by(Phone.number, Phone.id)).all()
