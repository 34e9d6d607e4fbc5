"""Queries on the audit trail."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session

from referral_dir.store import tenancy
from referral_dir.store.cases import Case, Consent, Handoff
from referral_dir.store.directory import Organization
from referral_dir.store.people import Person
from referral_dir.store.records import AuditEntry, AuditHead, UnusualPattern

AuditRow = tuple[AuditEntry, str | None, str | None]


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries; None means all. `subjects` are as they are written in entries, like `case:<id>`; `hidden` are
    those that do not exist for the reader: see `exclusion_queries.hidden_subjects`."""

    hidden: frozenset[str]
    action: str | None = None
    outcome: str | None = None
    subjects: tuple[str, ...] | None = None
    person_id: UUID | None = None
    organization_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    actions: tuple[str, ...] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """As SQL."""
        equal = ((AuditEntry.action, self.action), (AuditEntry.outcome, self.outcome),
                 (AuditEntry.actor_id, self.person_id), (AuditEntry.organization_id, self.organization_id))
        found: list[ColumnElement[bool]] = [column == value for column, value in equal if value is not None]
        found.append(shown(self.hidden))
        found += [AuditEntry.at >= self.since] if self.since else []
        found += [AuditEntry.at < self.until] if self.until else []
        found += [AuditEntry.action.in_(self.actions)] if self.actions is not None else []
        return found if self.subjects is None else [*found, AuditEntry.subject.in_(self.subjects)]


def audit_page(session: Session, wanted: AuditFilter, *, before: int | None, limit: int,
               after: int | None = None) -> tuple[Sequence[AuditRow], int]:
    """Entries newest first, each with the actor's and organization's name, and how many there are in all: the newest,
    those before an entry, or those next after it."""
    conditions = wanted.conditions()
    total = session.scalar(select(func.count()).select_from(AuditEntry).where(*conditions)) or 0
    conditions += [AuditEntry.sequence < before] if before else []
    conditions += [AuditEntry.sequence > after] if after else []
    query = _named(select(AuditEntry, Person.name, Organization.name)).where(*conditions)
    order = AuditEntry.sequence.asc() if after else AuditEntry.sequence.desc()
    rows = [(entry, person, organization)
            for entry, person, organization in session.execute(query.order_by(order).limit(limit))]
    return rows[::-1] if after else rows, total


def beyond(session: Session, wanted: AuditFilter, first: int, last: int) -> tuple[int | None, int | None]:
    """The first entry's number where there are older ones, the last one's where there are newer ones."""
    def there(condition: ColumnElement[bool]) -> bool:
        query = select(AuditEntry.sequence).where(*wanted.conditions(), condition).limit(1)
        return session.scalar(query) is not None

    return (first if there(AuditEntry.sequence < first) else None, last if there(AuditEntry.sequence > last) else None)


def access_counts(session: Session, wanted: AuditFilter) -> Sequence[Any]:
    """Rows of (person, organization, action, outcome, how often, first, last), most often first."""
    times = func.count()
    query = _named(select(Person.name, Organization.name, AuditEntry.action, AuditEntry.outcome, times,
                          func.min(AuditEntry.at), func.max(AuditEntry.at)).select_from(AuditEntry))
    return session.execute(
        query.where(*wanted.conditions())
        .group_by(AuditEntry.actor_id, Person.name, Organization.name, AuditEntry.action, AuditEntry.outcome)
        .order_by(times.desc(), Person.name, AuditEntry.action)).all()


def _named(query: Any) -> Any:
    return query.outerjoin(Person, Person.id == AuditEntry.actor_id).outerjoin(
        Organization, Organization.id == AuditEntry.organization_id)


def references(session: Session, subjects: Collection[str]) -> dict[str, str]:
    """The reference of the case that each of these subjects of entries is, or belongs to; without the erased ones."""
    found: dict[str, str] = {}
    with tenancy.elevated(session, "trail_by_case"):
        for kind, key, query in (("case", Case.id, select(Case.id, Case.reference)),
                                 ("handoff", Handoff.id, select(Handoff.id, Case.reference)
                                  .join(Case, Case.id == Handoff.case_id)),
                                 ("consent", Consent.id, select(Consent.id, Case.reference)
                                  .join(Case, Case.id == Consent.case_id))):
            ids = sorted({UUID(s.partition(":")[2]) for s in subjects if s.startswith(f"{kind}:")})
            for some in batched(ids):
                found |= {f"{kind}:{row_id}": reference
                          for row_id, reference in session.execute(query.where(key.in_(some)))}
    return found


def batched(ids: Sequence[UUID], size: int = 5000) -> Iterator[Sequence[UUID]]:
    """So many at a time as a database takes."""
    for at in range(0, len(ids), size):
        yield ids[at:at + size]


def subjects_of_case(session: Session, reference: str) -> tuple[str, ...]:
    """The case whose reference begins so, its consents and handoffs, as entries name them; empty where it is none, or
    more than one."""
    with tenancy.elevated(session, "trail_by_case"):
        ids = session.scalars(
            select(Case.id).where(Case.reference.startswith(reference, autoescape=True)).limit(2)).all()
        if len(ids) != 1:
            return ()
        [case_id] = ids
        consents = session.scalars(select(Consent.id).where(Consent.case_id == case_id)).all()
        handoffs = session.scalars(select(Handoff.id).where(Handoff.case_id == case_id)).all()
    return (f"case:{case_id}", *(f"consent:{i}" for i in consents), *(f"handoff:{i}" for i in handoffs))


def purpose_of(session: Session, person_id: UUID, subject: str, action: str, since: datetime) -> str | None:
    """For what purpose this person last did this to the subject since; None where they did not."""
    return session.scalar(select(AuditEntry.purpose).where(
        AuditEntry.subject == subject, AuditEntry.actor_id == person_id, AuditEntry.action == action,
        AuditEntry.outcome == "done", AuditEntry.at >= since).order_by(AuditEntry.sequence.desc()).limit(1))


def acts_on(session: Session, subject: str, action: str, since: datetime) -> Sequence[AuditEntry]:
    """What was done so to the subject since then, newest first."""
    return session.scalars(select(AuditEntry).where(
        AuditEntry.subject == subject, AuditEntry.action == action, AuditEntry.outcome == "done",
        AuditEntry.at >= since).order_by(AuditEntry.sequence.desc())).all()


def last_act(session: Session, subject: str, action: str) -> AuditEntry | None:
    """When this was last done to the subject, and by whom."""
    return session.scalar(select(AuditEntry).where(
        AuditEntry.subject == subject, AuditEntry.action == action, AuditEntry.outcome == "done")
        .order_by(AuditEntry.sequence.desc()).limit(1))


def audit_rows(session: Session) -> Iterator[dict[str, Any]]:
    """Every entry, oldest first, column by column as it was hashed."""
    columns = AuditEntry.__table__.columns
    result = session.execute(select(*columns).order_by(AuditEntry.sequence).execution_options(yield_per=1000))
    for row in result:
        yield dict(row._mapping)


def shown(hidden: frozenset[str]) -> ColumnElement[bool]:
    """Whether the entry is about nothing that is hidden from the reader."""
    return or_(AuditEntry.subject.is_(None), AuditEntry.subject.not_in(hidden)) if hidden else true()


def actions_seen(session: Session, hidden: frozenset[str]) -> Sequence[str]:
    """The kinds of act that the trail holds, as far as the reader may know."""
    return session.scalars(select(AuditEntry.action).where(shown(hidden)).distinct().order_by(AuditEntry.action)).all()


def last_entry(session: Session) -> tuple[int, str] | None:
    """Number and hash of the newest entry."""
    row = session.execute(select(AuditEntry.sequence, AuditEntry.hash)
                          .order_by(AuditEntry.sequence.desc()).limit(1)).first()
    return (row[0], row[1]) if row else None


def last_head(session: Session) -> AuditHead | None:
    """The newest head that was sent."""
    return session.scalar(select(AuditHead).order_by(AuditHead.sequence.desc()).limit(1))


def head_before_first(session: Session) -> AuditHead | None:
    """The head up to which the trail was cut; None where it begins with the first entry."""
    first = session.scalar(select(func.min(AuditEntry.sequence)))
    return session.get(AuditHead, first - 1) if first and first > 1 else None


def refusals_since(session: Session, person_id: UUID, since: datetime) -> int:
    """How often this person was refused something."""
    return session.scalar(select(func.count()).select_from(AuditEntry).where(
        AuditEntry.actor_id == person_id, AuditEntry.outcome == "refused", AuditEntry.at >= since)) or 0


def patterns(session: Session, *, not_of: UUID) -> Sequence[tuple[UnusualPattern, str, str]]:
    """Unusual patterns with person and organization, unseen first; never those of the person who looks."""
    query = select(UnusualPattern, Person.name, Organization.name).join(
        Person, Person.id == UnusualPattern.person_id).join(Organization, Organization.id == Person.organization_id)
    rows = session.execute(query.where(UnusualPattern.person_id != not_of).order_by(
        UnusualPattern.seen.is_not(None), UnusualPattern.at.desc()).limit(200))
    return [(pattern, person, organization) for pattern, person, organization in rows]


def pattern_since(session: Session, person_id: UUID, kind: str, since: datetime) -> bool:
    """Whether this pattern of this person has been noted since."""
    return session.scalar(select(UnusualPattern.id).where(
        UnusualPattern.person_id == person_id, UnusualPattern.kind == kind, UnusualPattern.at >= since)
        .limit(1)) is not None


def pattern(session: Session, pattern_id: UUID, *, not_of: UUID) -> UnusualPattern | None:
    """One pattern, unless it is of the person who looks."""
    return session.scalar(select(UnusualPattern).where(
        UnusualPattern.id == pattern_id, UnusualPattern.person_id != not_of))
