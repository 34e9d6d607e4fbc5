"""Queries on the outbox. A message is claimed by an update that names its old state, so that it is sent once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.store.records import OutboxMessage


def due_messages(session: Session, now: datetime, limit: int) -> Sequence[UUID]:
    """Messages to try now: queued ones whose time has come, and claims whose sender did not come back."""
    query = select(OutboxMessage.id).where(or_(
        (OutboxMessage.state == "queued") & (OutboxMessage.next_attempt <= now),
        (OutboxMessage.state == "sending") & (OutboxMessage.claimed_until <= now),
    )).order_by(OutboxMessage.next_attempt, OutboxMessage.id).limit(limit)
    return session.scalars(query).all()


def waits(session: Session, handoff_id: UUID, person_id: UUID, kind: str) -> bool:
    """Whether one of this kind, about this handoff and to this person, has not gone out yet."""
    return session.scalar(select(OutboxMessage.id).where(
        OutboxMessage.handoff_id == handoff_id, OutboxMessage.person_id == person_id, OutboxMessage.kind == kind,
        OutboxMessage.state == "queued").limit(1)) is not None


def claim_message(session: Session, message_id: UUID, now: datetime, until: datetime) -> bool:
    """Take the message for this sender. False: another sender has it, or it was cancelled."""
    query = update(OutboxMessage).where(OutboxMessage.id == message_id, or_(
        (OutboxMessage.state == "queued") & (OutboxMessage.next_attempt <= now),
        (OutboxMessage.state == "sending") & (OutboxMessage.claimed_until <= now),
    )).values(state="sending", claimed_until=until, attempts=OutboxMessage.attempts + 1)
    return _rows(session, query) == 1


def move_message(session: Session, message_id: UUID, from_state: str, **values: Any) -> bool:
    """Change the message if it is still in `from_state`."""
    query = update(OutboxMessage).where(OutboxMessage.id == message_id, OutboxMessage.state == from_state)
    return _rows(session, query.values(**values)) == 1


def cancel_messages(session: Session, handoff_id: UUID) -> int:
    """Cancel what has not been sent about this handoff."""
    query = update(OutboxMessage).where(
        OutboxMessage.handoff_id == handoff_id, OutboxMessage.state.in_(("queued", "sending")))
    return _rows(session, query.values(state="cancelled", claimed_until=None))


def cancel_messages_to(session: Session, person_id: UUID, kind: str) -> int:
    """Cancel what has not been sent of this kind to this person, and forget where it pointed."""
    query = update(OutboxMessage).where(
        OutboxMessage.person_id == person_id, OutboxMessage.kind == kind,
        OutboxMessage.state.in_(("queued", "sending")))
    return _rows(session, query.values(state="cancelled", claimed_until=None, link=None))


def _rows(session: Session, query: Any) -> int:
    result = session.execute(query.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
