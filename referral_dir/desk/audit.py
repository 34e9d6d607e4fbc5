"""Who did what: entries for the chain, the trail that overseers read, and the check that nobody rewrote it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from referral_dir.domain.access import Actor, require
from referral_dir.store import audit_queries, exclusion_queries, records
from referral_dir.store.db import Store, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PAGE_SIZE = 50


def record(session: "Session", actor: Actor | None, action: str, now: datetime, *, subject: str | None = None,
           outcome: str = "done", purpose: str | None = None, details: Mapping[str, Any] | None = None) -> None:
    """Queue one entry; it is written in the transaction of the act. `details` never holds personal text."""
    records.queue_audit(session, records.Audited(
        at=now, actor_id=actor.person_id if actor else None,
        organization_id=actor.organization_id if actor else None, action=action, subject=subject,
        purpose=purpose, outcome=outcome, details=dict(details or {}),
    ))


def refused(store: Store, actor: Actor | None, action: str, now: datetime, *, subject: str | None,
            why: str) -> None:
    """Write down a refusal, in a transaction of its own: the one that was refused has been rolled back."""
    with transaction(store) as session:
        record(session, actor, action, now, subject=subject, outcome="refused", details={"why": why})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail as an overseer sees it."""

    sequence: int
    at: datetime
    actor: str
    organization: str
    action: str
    subject: str | None
    purpose: str | None
    outcome: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Trail:
    """A page of the trail, newest first. `older` is the number to pass as `before` for the next page."""

    entries: tuple[Entry, ...]
    older: int | None
    total: int


def trail(session: "Session", actor: Actor, now: datetime, *, action: str | None = None,
          outcome: str | None = None, subject: str | None = None, person_id: UUID | None = None,
          before: int | None = None) -> Trail:
    """The trail, filtered. Reading it is itself audited."""
    require(actor, "audit:read")
    hidden = exclusion_queries.hidden_subjects(session, actor)
    rows, total = audit_queries.audit_page(session, hidden=hidden, action=action, outcome=outcome,
                                           subject=subject, person_id=person_id, before=before, limit=PAGE_SIZE + 1)
    entries = tuple(
        Entry(row.sequence, row.at, person or "—", organization or "—", row.action, row.subject, row.purpose,
              row.outcome, row.details)
        for row, person, organization in rows[:PAGE_SIZE])
    record(session, actor, "audit:read", now, details={"action": action, "outcome": outcome, "page": before})
    return Trail(entries, entries[-1].sequence if len(rows) > PAGE_SIZE else None, total)


@dataclass(frozen=True, slots=True)
class Verification:
    """`entries` were checked; `broken_at` is the first one that does not fit the chain."""

    entries: int
    head: str
    broken_at: int | None


def verify(session: "Session") -> Verification:
    """Walk the whole chain: every number follows the one before, every hash covers its entry."""
    expected, previous = 1, records.FIRST_HASH
    for row in audit_queries.audit_rows(session):
        fits = (row["sequence"] == expected and row["previous_hash"] == previous
                and row["hash"] == records.entry_hash(row))
        if not fits:
            return Verification(expected - 1, previous, expected)
        expected, previous = expected + 1, row["hash"]
    return Verification(expected - 1, previous, None)


def kinds(session: "Session", actor: Actor) -> list[str]:
    """The kinds of act that the trail holds, for its filter."""
    require(actor, "audit:read")
    return list(audit_queries.actions_seen(session, exclusion_queries.hidden_subjects(session, actor)))
