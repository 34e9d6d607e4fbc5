"""Queries on reveals: each is scoped to the party that may know of the row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from referral_dir.store.cases import AddressReveal
from referral_dir.store.directory import Phone
from referral_dir.store.people import Person


def reveals_of(session: Session, handoff_id: UUID) -> Sequence[tuple[AddressReveal, str]]:
    """All reveals for a handoff with the name of whom it was shown, newest first."""
    query = select(AddressReveal, Person.name).join(Person, Person.id == AddressReveal.to_person_id)
    rows = session.execute(query.where(AddressReveal.handoff_id == handoff_id)
                           .order_by(AddressReveal.granted.desc(), AddressReveal.id))
    return [(reveal, name) for reveal, name in rows]


def running(session: Session, handoff_id: UUID, person_id: UUID, now: datetime) -> AddressReveal | None:
    """What is being shown to this person for this handoff now, locked until the transaction ends."""
    return session.scalar(select(AddressReveal).where(
        AddressReveal.handoff_id == handoff_id, AddressReveal.to_person_id == person_id,
        AddressReveal.ended.is_(None), AddressReveal.expires > now)
        .order_by(AddressReveal.expires.desc(), AddressReveal.id).limit(1).with_for_update()
        .execution_options(populate_existing=True))


def end(session: Session, handoff_id: UUID, now: datetime, *, person_id: UUID | None = None,
        reveal_id: UUID | None = None) -> int:
    """End what runs for a handoff: all of it, one person's, or one. Returns how many ended."""
    query = update(AddressReveal).where(AddressReveal.handoff_id == handoff_id, AddressReveal.ended.is_(None),
                                        AddressReveal.expires > now)
    if person_id is not None:
        query = query.where(AddressReveal.to_person_id == person_id)
    if reveal_id is not None:
        query = query.where(AddressReveal.id == reveal_id)
    result = session.execute(query.values(ended=now).execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount


def officers_of(session: Session, organization_id: UUID) -> Sequence[Person]:
    """The active officers of an organization, by name."""
    return session.scalars(select(Person).where(
        Person.organization_id == organization_id, Person.role == "officer", Person.active)
        .order_by(Person.name, Person.id)).all()


def end_of_service(session: Session, service_id: UUID, now: datetime) -> int:
    """End whatever is shown of a service: its address changes. Returns how many ended."""
    query = update(AddressReveal).where(AddressReveal.service_id == service_id, AddressReveal.ended.is_(None),
                                        AddressReveal.expires > now)
    result = session.execute(query.values(ended=now).execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount


def phones_of_organization(session: Session, organization_id: UUID) -> list[tuple[str, str | None]]:
    """The organization's own numbers, as written and as E.164."""
    rows = session.execute(select(Phone.number, Phone.number_e164).where(
        Phone.organization_id == organization_id, Phone.service_id.is_(None)).order_by(Phone.id))
    return [(number, e164) for number, e164 in rows]
