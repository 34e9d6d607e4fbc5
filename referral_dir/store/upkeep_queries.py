"""Queries of the upkeep: corrections that wait, pairs that are no doubles, merged services, drafts of bulk edits."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.store.directory import Organization, Service
from referral_dir.store.listing_queries import kept_by
from referral_dir.store.upkeep import BulkDraft, Correction, MergedService, NotDouble

OPEN = "open"


def organizations_kept(session: Session, organization_id: UUID) -> Sequence[tuple[UUID, str]]:
    """The organization itself, and those whose services it keeps."""
    rows = session.execute(select(Organization.id, Organization.name).where(or_(
        Organization.id == organization_id,
        exists().where(Service.organization_id == Organization.id, Service.kept_by_id == organization_id)))
        .order_by(Organization.name, Organization.id))
    return [(key, name) for key, name in rows]


def count_open(session: Session, service_ids: Collection[UUID]) -> int:
    """How many corrections of these services wait."""
    return session.scalar(select(func.count()).select_from(Correction).where(
        Correction.service_id.in_(service_ids), Correction.state == OPEN)) or 0


def corrections_kept(session: Session, organization_id: UUID, limit: int) -> Sequence[tuple[Correction, Service]]:
    """What waits for the organization, oldest first."""
    rows = session.execute(select(Correction, Service).join(Service, Service.id == Correction.service_id)
                           .where(kept_by(organization_id), Correction.state == OPEN)
                           .order_by(Correction.created, Correction.id).limit(limit))
    return [(correction, service) for correction, service in rows]


def correction_kept(session: Session, correction_id: UUID, organization_id: UUID) -> Correction | None:
    """One of them."""
    return session.scalar(select(Correction).join(Service, Service.id == Correction.service_id)
                          .where(Correction.id == correction_id, kept_by(organization_id)))


def decide(session: Session, correction_id: UUID, **values: object) -> bool:
    """Move an open correction on. False: somebody was first."""
    done = session.execute(update(Correction).where(Correction.id == correction_id, Correction.state == OPEN)
                           .values(**values).execution_options(synchronize_session=False).returning(Correction.id))
    return done.first() is not None


def not_doubles(session: Session, service_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """Pairs that somebody has looked at already."""
    rows = session.execute(select(NotDouble.first_id, NotDouble.second_id))
    return {(first, second) for first, second in rows if first in service_ids or second in service_ids}


def merged_into(session: Session, service_id: UUID) -> UUID | None:
    """Where a double went, through as many steps as there are."""
    found: UUID | None = None
    while (step := session.scalar(select(MergedService.into_id).where(
            MergedService.service_id == (found or service_id)))) is not None:
        found = step
    return found


def merged_ids(session: Session) -> set[UUID]:
    """All services that were merged into others."""
    return set(session.scalars(select(MergedService.service_id)))


def draft_of(session: Session, draft_id: UUID, person_id: UUID, since: datetime, *, lock: bool) -> BulkDraft | None:
    """A draft of this person's that has not ended; locked, nobody else works on it meanwhile."""
    query = select(BulkDraft).where(BulkDraft.id == draft_id, BulkDraft.person_id == person_id,
                                    BulkDraft.created >= since)
    return session.scalar(query.with_for_update() if lock else query)
