"""Budgets per person and hour, and the unusual patterns that an overseer is shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from referral_dir.desk import audit, limits
from referral_dir.domain.access import Actor, require
from referral_dir.domain.budgets import BUDGETS, HOUR, MANY_REFUSALS
from referral_dir.domain.errors import NotFound, TooOften
from referral_dir.domain.saying import say
from referral_dir.store import audit_queries
from referral_dir.store.db import Store, transaction
from referral_dir.store.records import UnusualPattern

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def spend(session: "Session", actor: Actor | None, action: str, now: datetime) -> None:
    """Count one use of a sensitive read. Raises TooOften where the hour's budget is spent.

    The count rolls back with a refusal, so it stays at the limit until the hour has passed.
    """
    if actor is None:
        return
    budget = BUDGETS[action]
    used = limits.count(session, f"budget:{action}", str(actor.person_id), now, window=HOUR)
    if used > budget.limit:
        raise TooOften(say(
            "you have asked for this very often within an hour: wait, or call a helpline meanwhile"))
    if used >= budget.notice:
        note(session, actor.person_id, f"often:{action}", now, times=used)


def refused(store: Store, actor: Actor, action: str, now: datetime, *, subject: str | None, why: str,
            reference: str = "") -> None:
    """Write a refusal down, and show it to an overseer where it is one of many, or a budget was spent.

    `reference` is what the person was shown, so that whoever is asked about it finds the entry.
    """
    with transaction(store) as session:
        audit.record(session, actor, action, now, subject=subject, outcome="refused",
                     details={"why": why, **({"reference": reference} if reference else {})})
        if why == TooOften.__name__:
            note(session, actor.person_id, f"over:{action}", now)
        times = audit_queries.refusals_since(session, actor.person_id, now - HOUR) + 1
        if times >= MANY_REFUSALS:
            note(session, actor.person_id, "many_refusals", now, times=times)


def note(session: "Session", person_id: UUID, kind: str, now: datetime, **details: Any) -> None:
    """Note an unusual pattern, once an hour."""
    if not audit_queries.pattern_since(session, person_id, kind, now - HOUR):
        session.add(UnusualPattern(person_id=person_id, kind=kind, at=now, details=details))
        session.flush()


@dataclass(frozen=True, slots=True)
class Noted:
    """A pattern with whose it is."""

    pattern: UnusualPattern
    person: str
    organization: str


def patterns(session: "Session", actor: Actor, now: datetime) -> Sequence[Noted]:
    """What was unusual, unseen first. Nobody is shown their own: another overseer is."""
    require(actor, "pattern:read")
    audit.record(session, actor, "pattern:read", now)
    return [Noted(*row) for row in audit_queries.patterns(session, not_of=actor.person_id)]


def seen(session: "Session", actor: Actor, pattern_id: UUID, now: datetime) -> None:
    """An overseer has looked into it. Raises NotFound, also for their own."""
    require(actor, "pattern:seen")
    row = audit_queries.pattern(session, pattern_id, not_of=actor.person_id)
    if row is None:
        raise NotFound(say("no such pattern"))
    row.seen, row.seen_by_id = now, actor.person_id
    audit.record(session, actor, "pattern:seen", now, subject=f"pattern:{row.id}")
