"""Imports that an administrator began in the browser: one row each, moved on by updates that name the old state."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, ForeignKey, String, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from referral_dir.store.db import Base

# What runs now; whoever runs it says so again and again by `heartbeat`.
RUNNING = ("checking", "importing")
# What waits for the process that has just been asked for it.
CALLED = ("sent", "confirmed")


class ImportJob(Base):
    """sent → checking → checked → confirmed → importing → done; failed or dropped from everywhere before done."""

    __tablename__ = "import_job"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    state: Mapped[str] = mapped_column(String(12), default="sent")
    step: Mapped[str] = mapped_column(String(40), default="")
    # The name under which its records are known; the file's own name, cleaned.
    source: Mapped[str] = mapped_column(String(80))
    suffix: Mapped[str] = mapped_column(String(8))
    format: Mapped[str] = mapped_column(String(20))
    kept_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("organization.id", ondelete="SET NULL"))
    by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id", ondelete="SET NULL"))
    created: Mapped[datetime]
    heartbeat: Mapped[datetime]
    # Why it came to nothing: words of ours, made of the file's name and place in it.
    problem: Mapped[str | None] = mapped_column(Text)
    report: Mapped[dict[str, Any] | None]


def move(session: Session, job_id: UUID, states: Sequence[str], to: str, now: datetime, **values: Any) -> bool:
    """From one of these states to another; False where somebody was first, or it is in none of them."""
    query = update(ImportJob).where(ImportJob.id == job_id, ImportJob.state.in_(states))
    return _rows(session, query.values(state=to, heartbeat=now, **values)) == 1


def beat(session: Session, job_id: UUID, now: datetime, step: str) -> None:
    """It still runs, and is at this step."""
    session.execute(update(ImportJob).where(ImportJob.id == job_id, ImportJob.state.in_(RUNNING))
                    .values(heartbeat=now, step=step))


def give_up(session: Session, silent_since: datetime, unconfirmed_since: datetime, problem: str) -> None:
    """What nobody runs any more has failed; what nobody confirmed is dropped."""
    session.execute(update(ImportJob).where(ImportJob.state.in_((*RUNNING, *CALLED)),
                                            ImportJob.heartbeat < silent_since)
                    .values(state="failed", problem=problem))
    session.execute(update(ImportJob).where(ImportJob.state == "checked", ImportJob.heartbeat < unconfirmed_since)
                    .values(state="dropped"))


def jobs(session: Session, limit: int) -> Sequence[ImportJob]:
    """The newest first."""
    return session.scalars(select(ImportJob).order_by(ImportJob.created.desc(), ImportJob.id).limit(limit)).all()


def needs_file(session: Session) -> dict[UUID, bool]:
    """Of every job whether its file is still needed."""
    waiting = (*RUNNING, *CALLED, "checked")
    return {row[0]: row[1] in waiting for row in session.execute(select(ImportJob.id, ImportJob.state))}


def _rows(session: Session, query: Any) -> int:
    return cast("CursorResult[Any]", session.execute(query)).rowcount
