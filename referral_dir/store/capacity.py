"""What a number of free places was, and who made it so: a history that only grows, written with every change.

Whoever changes a capacity tells `records.service_changed`; what the number is then is compared with the history just
before the commit, under the lock of the logs, so that no change is missed, whoever made it, an import included.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Integer, String, Uuid, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from referral_dir.store.among import among
from referral_dir.store.db import Base
from referral_dir.store.directory import ServiceCapacity

ENOUGH = 1000


class CapacityHistory(Base):
    """A number as it stood from then on. `cause`: said, link, undone, handoff or other (an import, the beginning).

    What somebody says also holds what was there before it, so that it can be undone.
    """

    __tablename__ = "capacity_history"
    sequence: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True,
                                          autoincrement=False)
    capacity_id: Mapped[UUID] = mapped_column(ForeignKey("service_capacity.id", ondelete="CASCADE"), index=True)
    at: Mapped[datetime] = mapped_column(index=True)
    available: Mapped[int]
    maximum: Mapped[int | None]
    cause: Mapped[str] = mapped_column(String(10))
    # No foreign key: nothing here ever changes, whoever leaves.
    person_id: Mapped[UUID | None] = mapped_column(Uuid)
    was_available: Mapped[int | None]
    was_updated: Mapped[datetime | None]
    was_updated_by_id: Mapped[UUID | None] = mapped_column(Uuid)


_history, _numbers = CapacityHistory.__table__.c, ServiceCapacity.__table__.c


@dataclass(frozen=True, slots=True)
class Said:
    """What a person did to a number, and what was there before, until the history has a place for it."""

    cause: str
    at: datetime
    person_id: UUID
    available: int
    updated: datetime
    updated_by_id: UUID | None


def lock(session: Session, capacity_id: UUID) -> None:
    """Be the only one who changes this number until the transaction ends."""
    session.execute(select(ServiceCapacity.id).where(ServiceCapacity.id == capacity_id).with_for_update())


def say(session: Session, before: ServiceCapacity, available: int, person_id: UUID, now: datetime,
        cause: str) -> None:
    """Write a number that a person says, with who and when; `before` is the row as it was, locked."""
    _note(session, before, cause, person_id, now)
    _write(session, before.id, available, now, person_id)


def take_back(session: Session, before: ServiceCapacity, act: CapacityHistory, person_id: UUID,
              now: datetime) -> None:
    """Put back what was there before this act."""
    _note(session, before, "undone", person_id, now)
    was = before.available if act.was_available is None else act.was_available
    _write(session, before.id, was, act.was_updated or before.updated, act.was_updated_by_id)


def by_handoff(session: Session, capacity_id: UUID) -> None:
    """Note that the change that follows is a handoff's."""
    session.info.setdefault("capacity_handoffs", set()).add(capacity_id)


def newest(session: Session, capacity_ids: Collection[UUID]) -> dict[UUID, CapacityHistory]:
    """The last thing that happened to each number."""
    last = select(func.max(CapacityHistory.sequence)).where(among(_history.capacity_id)).group_by(
        CapacityHistory.capacity_id)
    rows = session.scalars(select(CapacityHistory).where(CapacityHistory.sequence.in_(last)),
                           {"ids": list(capacity_ids)})
    return {row.capacity_id: row for row in rows}


def last_said(session: Session, capacity_ids: Collection[UUID]) -> dict[UUID, int]:
    """What each number was when it last changed by anything but a handoff."""
    last = select(func.max(CapacityHistory.sequence)).where(
        among(_history.capacity_id), CapacityHistory.cause != "handoff").group_by(CapacityHistory.capacity_id)
    rows = session.execute(select(CapacityHistory.capacity_id, CapacityHistory.available)
                           .where(CapacityHistory.sequence.in_(last)), {"ids": list(capacity_ids)})
    return {row.capacity_id: row.available for row in rows}


def levels(session: Session, capacity_id: UUID, since: datetime) -> Sequence[tuple[datetime, int, int | None]]:
    """(at, available, maximum) since then, and the last one before it, oldest first."""
    columns = select(CapacityHistory.at, CapacityHistory.available, CapacityHistory.maximum).where(
        CapacityHistory.capacity_id == capacity_id)
    before = session.execute(columns.where(CapacityHistory.at <= since)
                             .order_by(CapacityHistory.at.desc(), CapacityHistory.sequence.desc()).limit(1)).all()
    after = session.execute(columns.where(CapacityHistory.at > since)
                            .order_by(CapacityHistory.at, CapacityHistory.sequence)).all()
    return [(row[0], row[1], row[2]) for row in (*before, *after)]


def write_history(session: Session, service_ids: Sequence[UUID]) -> None:
    """Write down what has changed in the numbers of these services. The caller holds the lock of the logs."""
    acts: Mapping[UUID, Said] = session.info.pop("capacity_acts", {})
    handoffs: set[UUID] = session.info.pop("capacity_handoffs", set())
    for start in range(0, len(service_ids), ENOUGH):
        _write_some(session, service_ids[start:start + ENOUGH], acts, handoffs)


def _write_some(session: Session, service_ids: Sequence[UUID], acts: Mapping[UUID, Said],
                handoffs: set[UUID]) -> None:
    stand = session.execute(select(ServiceCapacity.id, ServiceCapacity.available, ServiceCapacity.maximum)
                            .where(among(_numbers.service_id)), {"ids": list(service_ids)}).all()
    known = newest(session, [row.id for row in stand]) if stand else {}
    sequence = session.scalar(select(func.max(CapacityHistory.sequence))) or 0 if stand else 0
    rows, moment = [], datetime.now(UTC)
    for row in stand:
        last, act = known.get(row.id), acts.get(row.id)
        if act is None and last is not None and (last.available, last.maximum) == (row.available, row.maximum):
            continue
        sequence += 1
        cause = act.cause if act else "handoff" if row.id in handoffs else "other"
        rows.append({"sequence": sequence, "capacity_id": row.id, "at": act.at if act else moment,
                     "available": row.available, "maximum": row.maximum, "cause": cause, **_before(act)})
    _insert(session, rows)


def _before(act: Said | None) -> dict[str, Any]:
    if act is None:
        return {"person_id": None, "was_available": None, "was_updated": None, "was_updated_by_id": None}
    return {"person_id": act.person_id, "was_available": act.available, "was_updated": act.updated,
            "was_updated_by_id": act.updated_by_id}


def _insert(session: Session, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    if rows:
        session.execute(insert(CapacityHistory), rows)


def _note(session: Session, before: ServiceCapacity, cause: str, person_id: UUID, now: datetime) -> None:
    acts: dict[UUID, Said] = session.info.setdefault("capacity_acts", {})
    acts[before.id] = Said(cause, now, person_id, before.available, before.updated, before.updated_by_id)


def _write(session: Session, capacity_id: UUID, available: int, updated: datetime, person_id: UUID | None) -> None:
    session.execute(update(ServiceCapacity).where(ServiceCapacity.id == capacity_id).values(
        available=available, updated=updated, updated_by_id=person_id).execution_options(synchronize_session=False))
