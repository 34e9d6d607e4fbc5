"""An overseer's figures: how long steps take, why requests are declined, what is missing where, who looked at what.

Counts about people in need are protected (`domain/disclosure.py`) and shown for whole months that are over: months do
not overlap, and a month that still grows would tell by how much it grew since yesterday.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir.desk import audit
from referral_dir.desk.spreadsheets import csv_text
from referral_dir.domain.access import Actor, require
from referral_dir.domain.disclosure import (
    FOR_MEDIAN,
    FOR_NINETIETH,
    SMALLEST,
    Kept,
    Protected,
    protect,
    quantile,
    together,
)
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import Said, say, say_many
from referral_dir.domain.vocabulary import HandoffAction as Act
from referral_dir.store import audit_queries, exclusion_queries
from referral_dir.store import figures as queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# How many months back one may look, and how many rows of a table are shown.
MONTHS: Final = 24
SHOWN: Final = 12
ANSWERS: Final = frozenset({Act.ACCEPT, Act.REJECT, Act.HOLD})


@dataclass(frozen=True, slots=True)
class Step:
    """A step from one move to another, in words."""

    code: str
    name: Said
    begins: frozenset[str]
    ends: frozenset[str]


STEPS: Final = (
    Step("answer", say("Requested until answered"), frozenset({Act.REQUEST}), ANSWERS),
    Step("decision", say("Put on hold until decided"), frozenset({Act.HOLD}), frozenset({Act.ACCEPT, Act.REJECT})),
    Step("arrival", say("Accepted until the person arrived"), frozenset({Act.ACCEPT}), frozenset({Act.START})),
    Step("completion", say("Arrived until completed"), frozenset({Act.START}), frozenset({Act.COMPLETE})))


@dataclass(frozen=True, slots=True)
class Taken:
    """How long a step took in a month; None where it was too seldom to say."""

    step: Step
    times: int | Kept
    median: timedelta | None
    ninetieth: timedelta | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one month. `over` is whether it has ended: before that, only `access` is there."""

    month: date
    months: tuple[date, ...]
    over: bool
    steps: tuple[Taken, ...]
    declines: Protected[str]
    asked: int | None
    by_need: Protected[str]
    by_place: Protected[str]
    by_language: Protected[str]
    access: tuple[audit.Access, ...]


def figures(session: "Session", actor: Actor, now: datetime, month: str = "") -> Figures:
    """The figures of a month, like 2026-10; of the last one that is over where none is named. Raises Invalid."""
    require(actor, "figures:read")
    months = _months(session, now)
    chosen = _chosen(month, months)
    begin, end = _moment(chosen), _moment(_next(chosen))
    over = end <= now
    audit.record(session, actor, "figures:read", now, purpose="oversight", details={"month": f"{chosen:%Y-%m}"})
    nothing: Protected[str] = Protected({}, None)
    access = _access(session, actor, begin, end)
    if not over:
        return Figures(chosen, months, False, (), nothing, None, nothing, nothing, nothing, access)
    asked = queries.asked_in(session, chosen)
    by_need, by_place, by_language = together([
        protect(queries.unfitted_by(session, chosen, "place", by_need=True)),
        protect(queries.unfitted_by(session, chosen, "place")),
        protect(queries.unfitted_by(session, chosen, "language"))])
    return Figures(
        chosen, months, True, _steps(queries.steps_between(session, actor, begin, end), begin),
        protect(queries.reasons_between(session, actor, begin, end, (Act.REJECT, Act.EXPIRE))),
        asked if asked >= SMALLEST else None, by_need, by_place, by_language, access)


def as_file(session: "Session", actor: Actor, now: datetime, month: str = "") -> str:
    """The same figures as CSV: what is protected on the page is protected here."""
    found = figures(session, actor, now, month)
    rows: list[Sequence[Any]] = [("steps", t.step.code, _text(t.times), _hours(t.median), _hours(t.ninetieth))
                                 for t in found.steps]
    for name, table in (("declines", found.declines), ("unmet by need", found.by_need),
                        ("unmet by place", found.by_place), ("unmet by language", found.by_language)):
        rows += [(name, key, _text(count)) for key, count in table.cells.items()]
        rows += [(name, "all", "not shown" if table.total is None else table.total)]
    rows += [("access", f"{a.actor}, {a.organization}: {a.action} {a.outcome}", a.times) for a in found.access]
    return csv_text(("table", "row", "times", "median hours", "90th percentile hours"),
                    ((*row, *[""] * (5 - len(row))) for row in rows))


def shown(table: Protected[str]) -> list[tuple[str, int | Kept]]:
    """A table's rows as a page shows them: most often first, the small ones last."""
    rows = sorted(table.cells.items(), key=lambda row: (isinstance(row[1], Kept), -row[1] if isinstance(row[1], int)
                                                        else 0, row[0]))
    return rows[:SHOWN]


def span_text(span: timedelta) -> Said:
    """ "40 minutes", "5 hours", "3 days"."""
    minutes = round(span.total_seconds() / 60)
    if minutes < 90:
        return say_many("%(number)s minute", "%(number)s minutes", minutes)
    hours = round(minutes / 60)
    return say_many("%(number)s hour", "%(number)s hours", hours) if hours < 48 else say_many(
        "%(number)s day", "%(number)s days", round(hours / 24))


def _steps(moves: Iterable[Any], begin: datetime) -> tuple[Taken, ...]:
    """Each step by how long it took, where it ended in this time."""
    spans: dict[str, list[float]] = {step.code: [] for step in STEPS}
    began: dict[tuple[UUID, str], datetime] = {}
    for handoff_id, action, _, at in moves:
        for step in STEPS:
            if action in step.ends and (since := began.pop((handoff_id, step.code), None)) and at >= begin:
                spans[step.code].append((at - since).total_seconds())
            if action in step.begins:
                began.setdefault((handoff_id, step.code), at)
    return tuple(Taken(step, Kept.SMALL if 0 < len(spans[step.code]) < SMALLEST else len(spans[step.code]),
                       *_middle(spans[step.code])) for step in STEPS)


def _middle(spans: list[float]) -> tuple[timedelta | None, timedelta | None]:
    return (timedelta(seconds=quantile(spans, 0.5)) if len(spans) >= FOR_MEDIAN else None,
            timedelta(seconds=quantile(spans, 0.9)) if len(spans) >= FOR_NINETIETH else None)


def _access(session: "Session", actor: Actor, begin: datetime, end: datetime) -> tuple[audit.Access, ...]:
    """Who looked at what how often: what the audit trail tells an overseer anyway."""
    wanted = audit_queries.AuditFilter(exclusion_queries.hidden_subjects(session, actor), since=begin, until=end,
                                       actions=tuple(sorted(LOOKS)))
    return tuple(audit.Access(person or "—", organization or "—", *rest)
                 for person, organization, *rest in audit_queries.access_counts(session, wanted))


LOOKS: Final = frozenset({"case:read", "case:own_copy", "handoff:read", "handoff:receive", "consent:read",
                          "thread:read", "address:read", "break_glass:read", "break_glass:disclose", "audit:read",
                          "audit:export", "figures:read", "service:find"})


def _months(session: "Session", now: datetime) -> tuple[date, ...]:
    """Newest first: from this month back to the first of which there is anything."""
    month, first = now.date().replace(day=1), queries.first_day(session) or now.date()
    found = [month, (month - timedelta(days=1)).replace(day=1)]
    while len(found) < MONTHS and found[-1] > first:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return tuple(found)


def _chosen(text: str, months: Sequence[date]) -> date:
    if not text:
        return months[1]
    try:
        chosen = date.fromisoformat(f"{text}-01")
    except ValueError:
        chosen = date.min
    if chosen not in months:
        raise Invalid({"month": say("choose one of the months")})
    return chosen


def _next(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _text(count: int | Kept) -> str | int:
    words: Mapping[Kept, str] = {Kept.SMALL: "fewer than 5", Kept.WITHHELD: "not shown"}
    return words[count] if isinstance(count, Kept) else count


def _hours(span: timedelta | None) -> str:
    return "" if span is None else f"{span.total_seconds() / 3600:.1f}"
