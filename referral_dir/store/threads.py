"""What is said and agreed about a handoff between its two sides, and whether a request was looked at in time.

Callers have loaded the handoff for their actor: a stranger's is not found before anything here is asked for.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, ForeignKey, LargeBinary, String, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from referral_dir.store.cases import Consent, Handoff
from referral_dir.store.db import Base


class HandoffMessage(Base):
    """A question, an answer or a text; all of it sealed under the case's key, so that it ends with the case."""

    __tablename__ = "handoff_message"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    handoff_id: Mapped[UUID] = mapped_column(ForeignKey("handoff.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    party: Mapped[str] = mapped_column(String(10))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class HandoffTime(Base):
    """A time of arrival that the provider proposes: proposed, accepted, declined, or replaced by newer ones."""

    __tablename__ = "handoff_time"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    handoff_id: Mapped[UUID] = mapped_column(ForeignKey("handoff.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime]
    by_id: Mapped[UUID] = mapped_column(ForeignKey("person.id"))
    starts: Mapped[datetime]
    # The service's own, in which it is said.
    timezone: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(10))
    # Why it does not suit: earlier, later, other_day.
    wish: Mapped[str | None] = mapped_column(String(10))
    decided: Mapped[datetime | None]
    decided_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


class HandoffWatch(Base):
    """A request that was told to who is on duty alone: whoever opens it notes that here, else everyone is told."""

    __tablename__ = "handoff_watch"
    handoff_id: Mapped[UUID] = mapped_column(ForeignKey("handoff.id", ondelete="CASCADE"), primary_key=True)
    escalate_at: Mapped[datetime] = mapped_column(index=True)
    opened: Mapped[datetime | None]
    escalated: Mapped[datetime | None]


def messages_of(session: Session, handoff_id: UUID) -> Sequence[HandoffMessage]:
    """What was said, oldest first."""
    return session.scalars(select(HandoffMessage).where(HandoffMessage.handoff_id == handoff_id)
                           .order_by(HandoffMessage.at, HandoffMessage.id)).all()


def last_parties(session: Session, handoff_ids: Collection[UUID]) -> dict[UUID, str]:
    """Who spoke last about each, where anybody did."""
    rows = session.execute(select(HandoffMessage.handoff_id, HandoffMessage.party)
                           .where(HandoffMessage.handoff_id.in_(handoff_ids))
                           .order_by(HandoffMessage.at, HandoffMessage.id))
    return {row[0]: row[1] for row in rows}


def count_messages(session: Session, handoff_ids: Collection[UUID]) -> int:
    """How many there are, to see whether one has come."""
    return session.scalar(select(func.count()).select_from(HandoffMessage)
                          .where(HandoffMessage.handoff_id.in_(handoff_ids))) or 0


def times_of(session: Session, handoff_ids: Collection[UUID]) -> Sequence[HandoffTime]:
    """All times that were ever proposed for these, in the order of proposing."""
    return session.scalars(select(HandoffTime).where(HandoffTime.handoff_id.in_(handoff_ids))
                           .order_by(HandoffTime.at, HandoffTime.starts, HandoffTime.id)
                           .execution_options(populate_existing=True)).all()


def move_times(session: Session, handoff_id: UUID, from_states: Collection[str], *, only: UUID | None = None,
               **values: Any) -> int:
    """Change the times of a handoff that are in one of these states, or only one of them. Returns how many changed."""
    query = update(HandoffTime).where(HandoffTime.handoff_id == handoff_id, HandoffTime.state.in_(from_states))
    if only is not None:
        query = query.where(HandoffTime.id == only)
    return _rows(session, query.values(**values))


def consented(session: Session, handoffs: Collection[Handoff], now: datetime) -> frozenset[UUID]:
    """Those of the handoffs whose consent holds now, read in this transaction."""
    rows = session.execute(select(Handoff.id).join(Consent, Consent.id == Handoff.consent_id).where(
        Handoff.id.in_([handoff.id for handoff in handoffs]), Consent.state == "active", Consent.expires > now,
        Consent.case_id == Handoff.case_id, Consent.valid_from <= now, Consent.given <= now,
        Consent.recipient_organization_id == Handoff.recipient_organization_id))
    return frozenset(row[0] for row in rows)


def opened(session: Session, handoff_id: UUID, now: datetime) -> None:
    """Someone there has looked at it."""
    _rows(session, update(HandoffWatch).where(HandoffWatch.handoff_id == handoff_id, HandoffWatch.opened.is_(None))
          .values(opened=now))


def unopened(session: Session, now: datetime) -> Sequence[UUID]:
    """Requests that wait, were opened by nobody, and whose time to be opened has passed."""
    return session.scalars(select(HandoffWatch.handoff_id).join(Handoff, Handoff.id == HandoffWatch.handoff_id).where(
        HandoffWatch.opened.is_(None), HandoffWatch.escalated.is_(None), HandoffWatch.escalate_at <= now,
        Handoff.state == "requested").order_by(HandoffWatch.handoff_id)).all()


def escalated(session: Session, handoff_id: UUID, now: datetime) -> bool:
    """Everyone is told, once. False: another process was first, or somebody has just opened it."""
    return _rows(session, update(HandoffWatch).where(
        HandoffWatch.handoff_id == handoff_id, HandoffWatch.opened.is_(None), HandoffWatch.escalated.is_(None))
        .values(escalated=now)) == 1


def _rows(session: Session, query: Any) -> int:
    return cast("CursorResult[Any]", session.execute(query.execution_options(synchronize_session=False))).rowcount
