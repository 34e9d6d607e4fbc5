"""Who is on duty in an organization, and who is away: rows and queries, always of one organization."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import Base
from referral_dir.store.directory import Service
from referral_dir.store.people import Person


class Roster(Base):
    """How an organization keeps its duty: its clock, and after how long all are told."""

    __tablename__ = "roster"
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id", ondelete="CASCADE"), primary_key=True)
    timezone: Mapped[str] = mapped_column(String(64))
    escalate_minutes: Mapped[int]


class DutyShift(Base):
    """Someone's hours on some days of the week."""

    __tablename__ = "duty_shift"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organization.id", ondelete="CASCADE"), index=True)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    days: Mapped[list[str]]
    begins: Mapped[str] = mapped_column(String(5))
    ends: Mapped[str] = mapped_column(String(5))


class DutyAway(Base):
    """Someone is away until then, without a reason."""

    __tablename__ = "duty_away"
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), primary_key=True)
    until: Mapped[datetime] = mapped_column(index=True)


def staff_of(session: Session, organization_id: UUID) -> Sequence[Person]:
    """Who answers handoffs for this organization, by name."""
    return session.scalars(select(Person).where(
        Person.organization_id == organization_id, Person.role == Role.PROVIDER, Person.active)
        .order_by(Person.name, Person.id)).all()


def shifts_of(session: Session, organization_id: UUID) -> Sequence[DutyShift]:
    """The hours of people who are still there."""
    return session.scalars(select(DutyShift).join(Person, Person.id == DutyShift.person_id).where(
        DutyShift.organization_id == organization_id, Person.organization_id == organization_id, Person.active,
        Person.role == Role.PROVIDER).order_by(Person.name, DutyShift.begins, DutyShift.id)).all()


def away_from(session: Session, organization_id: UUID, now: datetime) -> dict[UUID, datetime]:
    """Who is away now, and until when."""
    rows = session.execute(select(DutyAway.person_id, DutyAway.until).join(Person, Person.id == DutyAway.person_id)
                           .where(Person.organization_id == organization_id, DutyAway.until > now))
    return {row[0]: row[1] for row in rows}


def remove_shift(session: Session, organization_id: UUID, shift_id: UUID) -> bool:
    """False where the organization has no such hours."""
    query = delete(DutyShift).where(DutyShift.id == shift_id, DutyShift.organization_id == organization_id)
    return session.scalar(query.returning(DutyShift.id).execution_options(synchronize_session=False)) is not None


def set_away(session: Session, person_id: UUID, until: datetime | None) -> None:
    """Away until then; None: back again."""
    row = session.get(DutyAway, person_id)
    if row is not None and until is None:
        session.delete(row)
    elif row is not None and until is not None:
        row.until = until
    elif until is not None:
        session.add(DutyAway(person_id=person_id, until=until))
    session.flush()


def zone_of_services(session: Session, organization_id: UUID) -> str | None:
    """The time zone that the organization's services name, where they name one."""
    return session.scalar(select(Service.timezone).where(
        Service.organization_id == organization_id, Service.timezone.is_not(None)).order_by(Service.id).limit(1))
