"""Figures for overseers: what was asked for and not found, as counts; and when each step of a handoff was taken."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from referral_dir.domain.access import Actor
from referral_dir.store import tenancy
from referral_dir.store.cases import Handoff, HandoffEvent
from referral_dir.store.exclusion_queries import visible
from referral_dir.store.records import AskedCount

# Made once, for the table and one row at a time: as a new statement each time, SQLAlchemy would compile it anew.
_COUNT = {dialect: query.on_conflict_do_update(
    index_elements=["month", "need", "trait", "value"],
    set_={"fitted": AskedCount.fitted + query.excluded.fitted,
          "unfitted": AskedCount.unfitted + query.excluded.unfitted})
    for dialect, query in (("postgresql", postgresql.insert(AskedCount)), ("sqlite", sqlite.insert(AskedCount)))}


def count_asked(session: Session, month: date, rows: Collection[tuple[str, str, str]], *, fitted: int,
                unfitted: int) -> None:
    """Count (need, trait, value) so often more each: in one order, so that no two searches wait for each other."""
    connection = session.connection()
    connection.execute(_COUNT[connection.dialect.name], [
        {"month": month, "need": need, "trait": trait, "value": value, "fitted": fitted,
         "unfitted": unfitted} for need, trait, value in sorted(rows)])


def unfitted_by(session: Session, month: date, trait: str, *, by_need: bool = False) -> dict[str, int]:
    """How often nothing fitted in a month, by the trait's values, or by need."""
    key = AskedCount.need if by_need else AskedCount.value
    times = func.sum(AskedCount.unfitted)
    rows = session.execute(select(key, times).where(AskedCount.month == month, AskedCount.trait == trait)
                           .group_by(key).having(times > 0).order_by(times.desc(), key))
    return {value: int(count) for value, count in rows}


def asked_in(session: Session, month: date) -> int:
    """How often any need was asked for in a month."""
    return int(session.scalar(select(func.sum(AskedCount.fitted + AskedCount.unfitted)).where(
        AskedCount.month == month, AskedCount.trait == "place")) or 0)


def steps_between(session: Session, actor: Actor, begin: datetime, end: datetime) -> Sequence[Any]:
    """(handoff, action, from which state, at) of every handoff that moved in this time, oldest first, but for those of
    a case that does not exist for the actor."""
    with tenancy.elevated(session, "figures"):
        moved = select(HandoffEvent.handoff_id).where(HandoffEvent.at >= begin, HandoffEvent.at < end)
        return session.execute(
            select(HandoffEvent.handoff_id, HandoffEvent.action, HandoffEvent.from_state, HandoffEvent.at)
            .join(Handoff, Handoff.id == HandoffEvent.handoff_id)
            .where(HandoffEvent.handoff_id.in_(moved), HandoffEvent.at < end, visible(session, actor, Handoff.case_id))
            .order_by(HandoffEvent.at, HandoffEvent.id)).all()


def reasons_between(session: Session, actor: Actor, begin: datetime, end: datetime,
                    actions: Collection[str]) -> dict[str, int]:
    """How often each reason was given for one of these moves, but for cases that do not exist for the actor."""
    times = func.count()
    with tenancy.elevated(session, "figures"):
        rows = session.execute(
            select(HandoffEvent.reason, times).join(Handoff, Handoff.id == HandoffEvent.handoff_id)
            .where(HandoffEvent.at >= begin, HandoffEvent.at < end, HandoffEvent.action.in_(actions),
                   HandoffEvent.reason.is_not(None), visible(session, actor, Handoff.case_id))
            .group_by(HandoffEvent.reason).order_by(times.desc(), HandoffEvent.reason)).all()
    return {str(reason): int(count) for reason, count in rows}


def first_day(session: Session) -> date | None:
    """The day of the first move of any handoff, or of the first count; None where there is neither."""
    with tenancy.elevated(session, "figures"):
        moved = session.scalar(select(func.min(HandoffEvent.at)))
    counted = session.scalar(select(func.min(AskedCount.month)))
    return min((d for d in (moved.date() if moved else None, counted) if d), default=None)
