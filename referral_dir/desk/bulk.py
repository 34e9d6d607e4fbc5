"""Many services at once: out to a spreadsheet, edited offline, in again, looked at, and all good rows written together.

A row carries the id of its service and what its editor had before them (`version`), so that only what they changed is
theirs: what others did meanwhile stays, and where both changed the same field the row is refused and nothing is lost.
"""

import json
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from referral_dir.desk import audit, listing_values, listings
from referral_dir.desk.spreadsheets import UnreadableFile, csv_text, read_table, xlsx_bytes
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.listing import FIELDS, Kind, Values, label_of, read_seen, seen, weigh
from referral_dir.domain.retention import ended_before
from referral_dir.domain.saying import Said, say
from referral_dir.domain.vocabulary import ServiceStatus
from referral_dir.store import hiding, listing_queries, listing_rows, upkeep_queries
from referral_dir.store.directory import Service
from referral_dir.store.listing_queries import kept_by
from referral_dir.store.upkeep import BulkDraft

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# Never renamed and never moved: sheets that people keep go on working.
COLUMNS: Final = ("id", "version", "organization", *FIELDS)
KINDS: Final = {"csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
LARGEST_FILE: Final = 8 * 1024 * 1024


class Outcome(StrEnum):
    """What becomes of a row."""

    CHANGE = "change"
    SAME = "same"
    REFUSED = "refused"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class RowPlan:
    """One row of the file: `changes` are (field, before, after), `problems` (field or nothing, what is wrong)."""

    number: int
    service_id: str
    name: str
    outcome: Outcome
    changes: Sequence[tuple[str, str, str]] = ()
    problems: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What the file would do, or has done (`done`)."""

    draft_id: UUID
    rows: Sequence[RowPlan]
    counts: Mapping[str, int]
    created: datetime
    done: datetime | None


def note_export(session: "Session", actor: Actor, kind: str, now: datetime) -> None:
    """Write down that a file is taken out: before it is made, as making it takes seconds and writes nothing."""
    require(actor, "listing:export")
    audit.record(session, actor, "listing:export", now, details={"kind": kind})


def export(session: "Session", actor: Actor, kind: str) -> bytes:
    """The actor's services as a file of this kind. Of a hidden service nothing says where it is."""
    require(actor, "listing:export")
    services = listing_queries.all_kept(session, actor.organization_id)
    texts = listing_values.read(session, [service for service, _ in services])
    rows = [[str(service.id), seen(service.revision, texts[service.id]), owner,
             *(texts[service.id].get(name, "") for name in FIELDS)] for service, owner in services]
    if kind == "csv":
        return csv_text(COLUMNS, rows).encode()
    return xlsx_bytes([("Services", COLUMNS, rows), ("How to", ("column", "what it is", "how to write it"), _how_to())])


def _how_to() -> list[tuple[str, str, str]]:
    """The sheet of instructions."""
    shapes = {Kind.NUMBER: "a whole number, or nothing", Kind.FLAG: "yes, or nothing",
              Kind.DATE: "year, month, day: 2027-03-31", Kind.CHOICE: " / ".join(ServiceStatus)}
    special = {
        "needs": "codes with commas; one with ? at its end was suggested by machine: take the ? away to confirm it",
        "languages": "names or codes, with commas", "hours": "Mo-Fr 09:00-12:00, 13:00-17:00; Sa 10:00-12:00, or 24/7",
        "phones": "one on each line: +1 305 555 0100 (day and night)", "country": "a name, or a code of two letters",
        "eligibility": "one rule on each line: serves gender female", "point": "latitude, longitude: 25.7743, -80.1937",
        "areas": "one on each line: a country, a state, or a circle: 30 km around Miami, FL",
        "more_places": "one on each line: street | second line | town | state | postcode | country | point; keep what "
                       "stands in [ ], and write a new place without it",
        "closed_days": "one on each line: 2027-12-25 (Christmas), or 2027-12-24 to 2028-01-02"}
    return [("id", "which service it is", "never change it"),
            ("version", "what you were given", "never change it: it tells what you changed from what others did"),
            ("organization", "whose it is", "for reading only"),
            *((name, str(field.label), special.get(name, shapes.get(field.kind, "text")))
              for name, field in FIELDS.items()),
            ("", "Rows that you delete here change nothing there. New services are entered on their own page.", "")]


def parse(data: bytes) -> list[dict[str, str]]:
    """The rows of a file by column. Raises Invalid."""
    try:
        return _records(read_table(data))
    except UnreadableFile as error:
        raise Invalid({"file": error.args[0]}) from error


def take_in(session: "Session", actor: Actor, rows: Sequence[Mapping[str, str]], now: datetime) -> UUID:
    """Keep what a file says, sealed, for a day: nothing is changed yet."""
    require(actor, "listing:import")
    draft_id = uuid4()
    session.add(BulkDraft(id=draft_id, organization_id=actor.organization_id, person_id=actor.person_id, created=now,
                          body=_sealed(session, draft_id, {"rows": list(rows)})))
    session.flush()
    return draft_id


def _records(table: list[list[str]]) -> list[dict[str, str]]:
    header = [text.strip().casefold() for text in table[0]]
    if "id" not in header or "version" not in header:
        raise UnreadableFile(say("the first row must hold the names of the columns, with “id” and “version” among "
                                 "them: begin with a file from here"))
    if len(header) != len({name for name in header if name}) + header.count(""):
        raise UnreadableFile(say("two columns have the same name"))
    return [{name: row[at] if at < len(row) else "" for at, name in enumerate(header) if name in COLUMNS}
            for row in table[1:]]


def _sealed(session: "Session", draft_id: UUID, body: Mapping[str, Any]) -> bytes:
    packed: bytes = session.info["keys"].seal(zlib.compress(json.dumps(body).encode()), draft_id, "body")
    return packed


def _opened(session: "Session", draft: BulkDraft) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(zlib.decompress(session.info["keys"].open(draft.body, draft.id, "body")))
    return body


def look(session: "Session", actor: Actor, draft_id: UUID, now: datetime) -> Plan:
    """What the file would do to the services as they are now; or what it did. Raises NotFound."""
    require(actor, "listing:import")
    draft = _draft(session, actor, draft_id, now)
    body = _opened(session, draft)
    if draft.done:
        return _plan(draft, [_row_again(row) for row in body["report"]])
    return _plan(draft, [row for row, *_ in _weighed(session, actor, body["rows"])])


def _draft(session: "Session", actor: Actor, draft_id: UUID, now: datetime, *, lock: bool = False) -> BulkDraft:
    draft = upkeep_queries.draft_of(session, draft_id, actor.person_id, ended_before("bulk_edits", now), lock=lock)
    if draft is None or draft.organization_id != actor.organization_id:
        raise NotFound("no such file, or its day is over")
    return draft


def _plan(draft: BulkDraft, rows: Sequence[RowPlan]) -> Plan:
    return Plan(draft.id, rows, Counter(str(row.outcome) for row in rows), draft.created, draft.done)


def _row_again(row: Mapping[str, Any]) -> RowPlan:
    return RowPlan(row["number"], row["service_id"], row["name"], Outcome(row["outcome"]),
                   [(a, b, c) for a, b, c in row["changes"]], [(a, b) for a, b in row["problems"]])


_Weighed = tuple[RowPlan, listing_rows.Rows | None, Mapping[str, str]]


def _weighed(session: "Session", actor: Actor, written: Sequence[Mapping[str, str]]) -> list[_Weighed]:
    """Each row against its service as it is now: all are read at once."""
    ids = [_uuid(row.get("id", "")) for row in written]
    services = {s.id: s for s in listing_rows.services_of(session, {i for i in ids if i}, kept_by(
        actor.organization_id))}
    gone = upkeep_queries.merged_ids(session)
    rows = listing_rows.rows_of(session, [s for s in services.values() if s.id not in gone])
    doubled = {i for i, count in Counter(i for i in ids if i).items() if count > 1}
    return [_weigh(session, number, row, rows.get(key) if key else None, key in doubled)
            for number, (row, key) in enumerate(zip(written, ids, strict=True), 2)]


def _weigh(session: "Session", number: int, row: Mapping[str, str], rows: listing_rows.Rows | None,
           doubled: bool) -> _Weighed:
    def refused(*problems: tuple[str, Said]) -> _Weighed:
        return RowPlan(number, row.get("id", "")[:40], (rows.service.name if rows else row.get("name", ""))[:200],
                       Outcome.REFUSED, (), problems), None, {}

    if rows is None:
        return refused(("id", say("no service of yours has this id")))
    if doubled:
        return refused(("id", say("this service is in the file more than once")))
    was_seen = read_seen(row.get("version", ""))
    if was_seen is None:
        return refused(("version", say("the version is missing or was changed: begin with a new file from here")))
    service, now = rows.service, listing_values.texts(rows)
    typed = {name: row[name] for name in FIELDS if name in row and not was_seen.same(name, _same(row[name]))}
    understood = listing_values.understand(typed, now, service)
    errors = understood.errors | _secret(session, service, now, understood.values)
    if errors:
        return refused(*errors.items())  # type: ignore[arg-type]
    weighed = weigh(was_seen, now, understood.values)
    if weighed.clashes:
        return refused(*((c.field, say("somebody else changed this meanwhile to “%(text)s”", text=c.before[:100]))
                         for c in weighed.clashes))
    changes = [(c.field, c.before, c.after) for c in weighed.mine]
    return RowPlan(number, str(service.id), service.name, Outcome.CHANGE if changes else Outcome.SAME,
                   changes), rows, typed


def _same(text: str) -> str:
    """A cell as the fingerprint of its field was taken."""
    from referral_dir.domain.listing import tidy

    return tidy(text)


def _secret(session: "Session", service: Service, now: Values, values: Values) -> dict[str, str]:
    changed = {name: text for name, text in values.items() if text != now.get(name)}
    if not service.confidential or not changed:
        return {}
    words = hiding.says_where(session, service.id)
    return {name: say("this would say where the hidden service is: leave it out") for name, text in changed.items()
            if words.found(text)}


def confirm(session: "Session", actor: Actor, draft_id: UUID, now: datetime) -> Plan:
    """Write all good rows together; what happened to each row is kept for the rest of the day. Raises NotFound,
    WrongState: a file is written once."""
    require(actor, "listing:import")
    draft = _draft(session, actor, draft_id, now, lock=True)
    if draft.done:
        raise WrongState(say("this file was written already: its report is below"))
    report = [_write(session, actor, row, rows, typed, written.get("version", ""), now)
              for (row, rows, typed), written in zip(_weighed(session, actor, _opened(session, draft)["rows"]),
                                                     _opened(session, draft)["rows"], strict=True)]
    draft.done, draft.body = now, _sealed(session, draft_id, {"report": [asdict(row) for row in report]})
    counts = Counter(str(row.outcome) for row in report)
    audit.record(session, actor, "listing:import", now, details=dict(counts))
    return _plan(draft, report)


def _write(session: "Session", actor: Actor, row: RowPlan, rows: listing_rows.Rows | None, typed: Mapping[str, str],
           version: str, now: datetime) -> RowPlan:
    if row.outcome is not Outcome.CHANGE or rows is None:
        return row
    changes = listings.apply(session, rows.service, version, typed, now, rows)
    listings.note(session, actor, rows.service.id, changes, now)
    listings.changed(session, actor, rows.service.id, sorted(change.field for change in changes), now)
    return RowPlan(row.number, row.service_id, row.name, Outcome.DONE, row.changes)


def report(session: "Session", actor: Actor, draft_id: UUID, now: datetime) -> str:
    """What would happen, or happened, to each row, as CSV."""
    plan = look(session, actor, draft_id, now)
    lines = []
    for row in plan.rows:
        about = (row.number, row.service_id, row.name, str(row.outcome))
        lines += [(*about, str(label_of(field)), before, after, "") for field, before, after in row.changes]
        lines += [(*about, str(label_of(field)), "", "", str(problem)) for field, problem in row.problems]
        if not row.changes and not row.problems:
            lines.append((*about, "", "", "", ""))
    return csv_text(("row", "id", "name", "outcome", "field", "before", "after", "problem"), lines)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None
