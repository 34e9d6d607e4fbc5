"""What tells whose clock a reader goes by."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from referral_dir.domain.access import Actor
from referral_dir.store.cases import Case
from referral_dir.store.directory import Service
from referral_dir.store.exclusion_queries import visible
from referral_dir.store.rosters import Roster


def of_organization(session: Session, organization_id: UUID) -> str | None:
    """The zone of the organization's duty roster, else the one that most of its services have."""
    set_by_hand = session.scalar(select(Roster.timezone).where(Roster.organization_id == organization_id))
    return set_by_hand or session.scalar(
        select(Service.timezone).where(Service.organization_id == organization_id, Service.timezone.is_not(None))
        .group_by(Service.timezone).order_by(func.count().desc(), Service.timezone).limit(1))


def last_case(session: Session, actor: Actor) -> tuple[float, float] | None:
    """Where the organization's newest open case is, of those that exist for the actor."""
    row = session.execute(
        select(Case.place_latitude, Case.place_longitude)
        .where(Case.organization_id == actor.organization_id, Case.closed.is_(None), visible(session, actor, Case.id))
        .order_by(Case.created.desc(), Case.id).limit(1)).first()
    return (row[0], row[1]) if row else None
