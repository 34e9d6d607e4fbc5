"""Who did what: entries for the chain, and the trail that overseers read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from referral_dir.desk import audit_words
from referral_dir.desk.spreadsheets import csv_text
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid
from referral_dir.domain.reference import short
from referral_dir.domain.saying import Said, say
from referral_dir.store import audit_queries, exclusion_queries, people_queries, records

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PAGE_SIZE = 50
EXPORTED = 50_000
SHORTEST_REFERENCE = 8
# Who did what nobody did: the system.
NOBODY = "—"


def record(session: "Session", actor: Actor | None, action: str, now: datetime, *, subject: str | None = None,
           outcome: str = "done", purpose: str | None = None, details: Mapping[str, Any] | None = None) -> None:
    """Queue one entry; it is written in the transaction of the act. `details` never holds personal text."""
    records.queue_audit(session, records.Audited(
        at=now, actor_id=actor.person_id if actor else None,
        organization_id=actor.organization_id if actor else None, action=action, subject=subject,
        purpose=purpose, outcome=outcome, details=dict(details or {}),
    ))


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
    # Of the case that it is about, if it is about one.
    reference: str | None = None

    @property
    def said(self) -> Said:
        """ "Olga opened a case"."""
        return audit_words.sentence(self.action, None if self.actor == NOBODY else self.actor)

    @property
    def about(self) -> Said | None:
        """ "case ABCD-EF12", or nothing."""
        return audit_words.about(self.subject, self.reference)

    @property
    def why(self) -> Said | None:
        """Why it was refused, where it was."""
        return audit_words.refusal(str(self.details["why"])) if self.details.get("why") else None


@dataclass(frozen=True, slots=True)
class Trail:
    """A page of the trail, newest first. `older` and `newer` are the numbers to pass as `before` and `after` for the
    pages beside it, where there are any; `about` names the record that was asked for, if one was."""

    entries: tuple[Entry, ...]
    older: int | None
    newer: int | None
    total: int
    about: Said | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an overseer asks the trail for: a kind of act, an outcome, a case by its reference, or another subject as
    an entry names it, a person, an organization, and the first and last day (UTC)."""

    action: str | None = None
    outcome: str | None = None
    case: str | None = None
    subject: str | None = None
    person_id: UUID | None = None
    organization_id: UUID | None = None
    since: date | None = None
    until: date | None = None


def trail(session: "Session", actor: Actor, now: datetime, wanted: Wanted, *, before: int | None = None,
          after: int | None = None) -> Trail:
    """The trail, filtered. Reading it is itself audited. Raises Invalid where no case has the reference."""
    require(actor, "audit:read")
    chosen = _filter(session, actor, wanted)
    rows, total = audit_queries.audit_page(session, chosen, before=before, after=after, limit=PAGE_SIZE)
    older, newer = audit_queries.beyond(session, chosen, rows[-1][0].sequence, rows[0][0].sequence) if rows else (
        None, None)
    _note(session, actor, "audit:read", now, wanted)
    named = audit_queries.references(session, _subjects(rows, wanted.subject, chosen.hidden))
    return Trail(tuple(_entry(row, named) for row in rows), older, newer, total,
                 audit_words.about(wanted.subject, named.get(wanted.subject or "")))


def _subjects(rows: Iterable[audit_queries.AuditRow], wanted: str | None, hidden: frozenset[str]) -> set[str]:
    """What the entries are about, and what was asked for: each may be named to the reader."""
    return {entry.subject for entry, _, _ in rows if entry.subject} | ({wanted} if wanted else set()) - hidden


@dataclass(frozen=True, slots=True)
class Access:
    """How often someone did one thing, and when first and last."""

    actor: str
    organization: str
    action: str
    outcome: str
    times: int
    first: datetime
    last: datetime

    @property
    def said(self) -> Said:
        """ "Olga opened a case"."""
        return audit_words.sentence(self.action, None if self.actor == NOBODY else self.actor)


def access(session: "Session", actor: Actor, now: datetime, wanted: Wanted) -> list[Access]:
    """Who did what how often, most often first: of one case, person or organization, or of all."""
    require(actor, "audit:read")
    _note(session, actor, "audit:read", now, wanted)
    return [Access(person or NOBODY, organization or NOBODY, *rest)
            for person, organization, *rest in audit_queries.access_counts(session, _filter(session, actor, wanted))]


@dataclass(frozen=True, slots=True)
class Looked:
    """How often one person did anything, and when last."""

    actor: str
    organization: str
    times: int
    last: datetime


def by_person(rows: Iterable[Access]) -> list[Looked]:
    """The same by person, most often first."""
    found: dict[tuple[str, str], Looked] = {}
    for row in rows:
        key = row.actor, row.organization
        before = found.get(key)
        found[key] = Looked(*key, row.times + before.times, max(row.last, before.last)) if before else \
            Looked(*key, row.times, row.last)
    return sorted(found.values(), key=lambda one: (-one.times, one.actor))


def export(session: "Session", actor: Actor, now: datetime, wanted: Wanted) -> str:
    """The filtered trail as CSV, newest first. Raises Invalid where there is more than can be taken at once."""
    require(actor, "audit:export")
    rows, total = audit_queries.audit_page(session, _filter(session, actor, wanted), before=None, limit=EXPORTED)
    if total > EXPORTED:
        raise Invalid({"case": say("%(total)s entries are more than %(most)s: choose fewer", total=total,
                                   most=EXPORTED)})
    _note(session, actor, "audit:export", now, wanted)
    header = ("number", "at", "person", "organization", "action", "subject", "case", "purpose", "outcome", "details",
              "hash")
    named = audit_queries.references(session, _subjects(rows, None, frozenset()))
    return csv_text(header, (
        (e.sequence, e.at, person, organization, e.action, e.subject,
         short(named[e.subject]) if e.subject in named else "", e.purpose, e.outcome,
         json.dumps(e.details, sort_keys=True), e.hash) for e, person, organization in rows))


def _filter(session: "Session", actor: Actor, wanted: Wanted) -> audit_queries.AuditFilter:
    hidden = exclusion_queries.hidden_subjects(session, actor)
    subjects: tuple[str, ...] | None = (wanted.subject,) if wanted.subject else None
    if wanted.case:
        reference = wanted.case.replace("-", "").replace(" ", "").upper()
        subjects = audit_queries.subjects_of_case(session, reference) if len(reference) >= SHORTEST_REFERENCE else ()
        if not subjects or not hidden.isdisjoint(subjects):
            raise Invalid({"case": say(
                "no case has this reference: write at least its first eight letters and digits")})
    if wanted.since and wanted.until and wanted.until < wanted.since:
        raise Invalid({"until": say("the last day is before the first one")})
    return audit_queries.AuditFilter(
        hidden, wanted.action, wanted.outcome, subjects, wanted.person_id, wanted.organization_id,
        _begin(wanted.since), _begin(wanted.until + timedelta(days=1)) if wanted.until else None)


def _begin(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def _note(session: "Session", actor: Actor, action: str, now: datetime, wanted: Wanted) -> None:
    """What was looked for: kinds and ids, never what was typed."""
    record(session, actor, action, now, purpose="oversight", details={
        "by": sorted(field for field in ("action", "outcome", "case", "subject", "person_id", "organization_id",
                                         "since", "until") if getattr(wanted, field))})


def _entry(row: audit_queries.AuditRow, named: Mapping[str, str]) -> Entry:
    entry, person, organization = row
    return Entry(entry.sequence, entry.at, person or NOBODY, organization or NOBODY, entry.action, entry.subject,
                 entry.purpose, entry.outcome, entry.details, named.get(entry.subject or ""))


@dataclass(frozen=True, slots=True)
class Choices:
    """What an overseer may choose from: (value, text) pairs."""

    people: list[tuple[UUID, str]]
    organizations: list[tuple[UUID, str]]
    kinds: list[tuple[str, str]]


def kinds(session: "Session", actor: Actor) -> list[str]:
    """The kinds of act that the trail holds, as far as the actor may know."""
    require(actor, "audit:read")
    return list(audit_queries.actions_seen(session, exclusion_queries.hidden_subjects(session, actor)))


def choices(session: "Session", actor: Actor) -> Choices:
    """Everyone who is or was here, their organizations, and the kinds of act."""
    rows = people_queries.everyone(session)
    organizations = {person.organization_id: name for person, name in rows}
    return Choices([(person.id, f"{person.name}, {name}") for person, name in rows], list(organizations.items()),
                   [(kind, audit_words.act(kind)) for kind in kinds(session, actor)])
