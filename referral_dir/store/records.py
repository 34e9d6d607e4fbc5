"""What must outlive the act: audit entries, the outbox, and the change log that the indexes read.

Audit and change log are ordered by commit. Both are queued on the session and written last, under one lock:
a reader that remembers the highest number it saw can then never miss a slower writer with a lower one.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, Integer, LargeBinary, String, Text, func, insert, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from referral_dir.domain.audit_head import FIRST_HASH, entry_hash
from referral_dir.store import capacity
from referral_dir.store.db import Base, before_commit

LOG_LOCK: Final = 0x52454652
Sequence = BigInteger().with_variant(Integer, "sqlite")


class AuditEntry(Base):
    """One act or refusal. `hash` covers the entry and the hash of the one before it."""

    __tablename__ = "audit_entry"
    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    organization_id: Mapped[UUID | None]
    action: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str | None] = mapped_column(String(80), index=True)
    purpose: Mapped[str | None] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(10))
    details: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The end of the chain at one moment, signed: what is kept elsewhere, and against what the chain is checked."""

    __tablename__ = "audit_head"
    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    signature: Mapped[str] = mapped_column(String(128))
    sent: Mapped[datetime | None]


class UnusualPattern(Base):
    """Someone did something far more often, or at other times, than the work asks for: for an overseer to look at."""

    __tablename__ = "unusual_pattern"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime]
    details: Mapped[dict[str, Any]]
    seen: Mapped[datetime | None]
    seen_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"))


class ChangeLog(Base):
    """A service that an index must read again; the number grows in the order of commits."""

    __tablename__ = "change_log"
    sequence: Mapped[int] = mapped_column(Sequence, primary_key=True, autoincrement=False)
    service_id: Mapped[UUID]
    at: Mapped[datetime]


class OutboxMessage(Base):
    """An e-mail that waits to be sent: it says that something waits, and links to it. Never any detail."""

    __tablename__ = "outbox_message"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(String(40))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"))
    handoff_id: Mapped[UUID | None] = mapped_column(ForeignKey("handoff.id", ondelete="CASCADE"), index=True)
    consent_id: Mapped[UUID | None] = mapped_column(ForeignKey("consent.id"), index=True)
    # The path that the mail links to, sealed, where it is more than the handoff: it may carry a token.
    link: Mapped[bytes | None] = mapped_column(LargeBinary)
    # How many there are of what the mail is about, where that is no secret.
    number: Mapped[int | None]
    created: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt: Mapped[datetime] = mapped_column(index=True)
    claimed_until: Mapped[datetime | None]
    sent: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(Text)


class Erasure(Base):
    """The proof that something was erased: whose by a hash of the case's random reference, when, by which rule."""

    __tablename__ = "erasure"
    reference_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    rule: Mapped[str] = mapped_column(String(24), primary_key=True)
    at: Mapped[datetime]


class AskedCount(Base):
    """How often a need was asked for in a month, by one trait: `place` or `language`. It only grows.

    Nothing links it to a person, a case or a search, nor one trait to the other: a town, a language and a need together
    could be one person.
    """

    __tablename__ = "asked_count"
    # The first of the month.
    month: Mapped[date] = mapped_column(primary_key=True)
    need: Mapped[str] = mapped_column(String(60), primary_key=True)
    trait: Mapped[str] = mapped_column(String(10), primary_key=True)
    value: Mapped[str] = mapped_column(String(200), primary_key=True)
    fitted: Mapped[int] = mapped_column(Integer)
    unfitted: Mapped[int] = mapped_column(Integer)


@dataclass(frozen=True, slots=True)
class Audited:
    """An audit entry before it has a place in the chain."""

    at: datetime
    actor_id: UUID | None
    organization_id: UUID | None
    action: str
    subject: str | None
    purpose: str | None
    outcome: str
    details: dict[str, Any]


def queue_audit(session: Session, entry: Audited) -> None:
    """Have this entry written when the transaction commits."""
    session.info.setdefault("audit", []).append(entry)


def service_changed(session: Session, service_id: UUID) -> None:
    """Have the indexes read this service again once the transaction has committed."""
    session.info.setdefault("changed", {})[service_id] = None


def services_changed(session: Session, service_ids: list[UUID]) -> None:
    """As `service_changed`, for many."""
    session.info.setdefault("changed", {}).update(dict.fromkeys(service_ids))


def lock_logs(session: Session) -> None:
    """Be the only one who writes the logs until this transaction ends. On SQLite every writer is that already."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOG_LOCK})


@before_commit
def _write_logs(session: Session) -> None:
    entries: list[Audited] = session.info.pop("audit", [])
    changed: dict[UUID, None] = session.info.pop("changed", {})
    if not entries and not changed:
        return
    lock_logs(session)
    if changed:
        _write_changes(session, list(changed))
        capacity.write_history(session, list(changed))
    if entries:
        _write_audit(session, entries)


def _write_changes(session: Session, service_ids: list[UUID]) -> None:
    last = session.scalar(select(func.max(ChangeLog.sequence))) or 0
    now = datetime.now(UTC)
    session.execute(
        insert(ChangeLog),
        [{"sequence": last + n, "service_id": sid, "at": now} for n, sid in enumerate(service_ids, 1)],
    )


_HEAD = select(AuditEntry.sequence, AuditEntry.hash).order_by(AuditEntry.sequence.desc()).limit(1)


def _write_audit(session: Session, entries: list[Audited]) -> None:
    newest = session.connection().execute(_HEAD).first()
    sequence, previous = (newest.sequence, newest.hash) if newest else (0, FIRST_HASH)
    rows: list[dict[str, Any]] = []
    for entry in entries:
        sequence += 1
        row: dict[str, Any] = {
            "sequence": sequence, "at": entry.at, "actor_id": entry.actor_id,
            "organization_id": entry.organization_id, "action": entry.action, "subject": entry.subject,
            "purpose": entry.purpose, "outcome": entry.outcome, "details": entry.details,
            "previous_hash": previous,
        }
        row["hash"] = previous = entry_hash(row)
        rows.append(row)
    session.connection().execute(insert(AuditEntry), rows)
