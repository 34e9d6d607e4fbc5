"""The end of records: by time, by a person's wish, and again after an older backup was restored.

Every case is erased in a transaction of its own, every other kind in batches: a run that is killed has done whole
steps, and the next run does the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir.desk import audit, consents, ending
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.retention import BY_LEDGER, ON_REQUEST, RULES, ended_before
from referral_dir.domain.vocabulary import Party, Reason
from referral_dir.store import case_queries, ledger, records, retention_queries
from referral_dir.store.cases import Case, ConsentEvent
from referral_dir.store.db import Store, reading, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

BATCH: Final = 500


def due(session: "Session", now: datetime) -> dict[str, int]:
    """How much of each kind has ended: what a purge would do now."""
    counts = {kind: len(_due_cases(session, kind, now)) for kind in _CASE_STEPS}
    for kind in (*retention_queries.ENDED, "audit_entries"):
        counts[kind] = retention_queries.count_ended(session, kind, ended_before(kind, now))
    return {kind: counts[kind] for kind in RULES if kind in counts}


def purge(store: Store, now: datetime) -> dict[str, int]:
    """Erase what has ended. Returns how much of each kind; nothing more happens when it is run again."""
    done: dict[str, int] = {}
    for kind, step in _CASE_STEPS.items():
        with reading(store, system="retention") as session:
            found = _due_cases(session, kind, now)
        for case_id in found:
            with transaction(store, system="retention") as session:
                case = retention_queries.lock_case(session, case_id)
                if case is not None and _due_cases(session, kind, now, case_id):
                    step(session, case, kind, now)
                    done[kind] = done.get(kind, 0) + 1
    for kind in retention_queries.ENDED:
        done[kind] = _purge_kind(store, kind, now)
    with transaction(store, system="retention") as session:
        done["audit_entries"] = retention_queries.cut_audit(session, ended_before("audit_entries", now))
        _note_purge(session, "audit_entries", done["audit_entries"], now)
    return {kind: done.get(kind, 0) for kind in RULES if kind in done or kind in _CASE_STEPS}


def erase_on_request(session: "Session", reference: str, now: datetime) -> None:
    """Erase one case because the person wishes it. Raises NotFound, Invalid; to ask again changes nothing."""
    found = retention_queries.cases_by_reference(session, reference)
    if len(found) > 1:
        raise Invalid({"case": "several cases begin with this: give the whole reference"})
    case = retention_queries.lock_case(session, found[0]) if found else None
    if case is not None:
        erase(session, case, ON_REQUEST, now)
    elif not retention_queries.proofs_of(session, reference):
        raise NotFound("no case has this reference; for one that was erased, its whole reference is needed")


def erase(session: "Session", case: Case, rule: str, now: datetime) -> None:
    """The key, every row about the case, and the case; what is open of it ends first. A proof without content stays."""
    case_id, reference = case.id, case.reference
    for handoff in case_queries.open_handoffs(session, case_id=case_id):
        ending.cancel(session, None, handoff, Reason.CONSENT_WITHDRAWN, Party.PERSON, now)
    session.flush()
    retention_queries.erase_case(session, case_id)
    retention_queries.keep_proof(session, reference, rule, now)
    ledger.note(session, ledger.ERASED, now, case_id=case_id)
    audit.record(session, None, "case:erase", now, subject=f"case:{case_id}", details={"rule": rule})


def destroy_key(session: "Session", case: Case, rule: str, now: datetime) -> None:
    """Destroy the case's key and what it sealed; what accounts for the handoffs stays, and identifies nobody."""
    retention_queries.destroy_key(session, case.id)
    retention_queries.keep_proof(session, case.reference, rule, now)
    ledger.note(session, ledger.UNSEALED, now, case_id=case.id)
    audit.record(session, None, "case:destroy_key", now, subject=f"case:{case.id}", details={"rule": rule})


def _close(session: "Session", case: Case, rule: str, now: datetime) -> None:
    case.closed = now
    audit.record(session, None, "case:close", now, subject=f"case:{case.id}", details={"rule": rule})


_CASE_STEPS: Final[dict[str, Callable[["Session", Case, str, datetime], None]]] = {
    "idle_cases": _close, "closed_cases": erase, "identifying_fields": destroy_key}


def _due_cases(session: "Session", kind: str, now: datetime, only: UUID | None = None) -> Sequence[UUID]:
    before = ended_before(kind, now)
    if kind == "idle_cases":
        return retention_queries.idle_cases(session, before, only)
    return retention_queries.closed_cases(session, before, only, with_key=kind == "identifying_fields")


def _purge_kind(store: Store, kind: str, now: datetime) -> int:
    total = 0
    while True:
        with transaction(store, system="retention") as session:
            gone = retention_queries.purge_rows(session, kind, ended_before(kind, now), BATCH)
            _note_purge(session, kind, gone, now)
        total += gone
        if gone < BATCH:
            return total


def _note_purge(session: "Session", kind: str, gone: int, now: datetime) -> None:
    if gone:
        audit.record(session, None, "retention:purge", now, details={"kind": kind, "count": gone})


@dataclass(frozen=True, slots=True)
class Replayed:
    """What the ledger knew and the database did not."""

    consents: int = 0
    cases: int = 0
    keys: int = 0
    fields: int = 0
    # The ledger was not there, and has been begun with what the database knows.
    begun: bool = False

    def __bool__(self) -> bool:
        return bool(self.consents or self.cases or self.keys or self.fields or self.begun)


def catch_up(store: Store, now: datetime) -> Replayed:
    """At every start: where the database is older than the ledger, do again what the ledger holds."""
    if store.ledger is None:
        return Replayed()
    ledger.prepare(store.ledger)
    if not store.ledger.exists():
        return _begin(store, now)
    with reading(store, system="retention") as session:
        if ledger.agrees(session, store.ledger):
            return Replayed()
    with transaction(store, system="retention") as session:
        # Behind whoever is between writing a line and committing.
        records.lock_logs(session)
        if ledger.agrees(session, store.ledger):
            return Replayed()
    return replay(store, now)


def replay(store: Store, now: datetime) -> Replayed:
    """End again what the ledger says has ended. What is at an end already is left alone. Raises LedgerBroken."""
    if store.ledger is None:
        return Replayed()
    lines = ledger.read_lines(store.ledger)
    quiet = replace(store, ledger=None)  # what is done again is in the ledger already
    keys = _again(quiet, {UUID(line.case) for line in lines if line.kind == ledger.UNSEALED and line.case},
                  destroy_key, now, with_key=True)
    cases = _again(quiet, {UUID(line.case) for line in lines if line.kind == ledger.ERASED and line.case}, erase, now)
    ended = {UUID(line.record): line.kind for line in lines
             if line.record and line.kind in (ledger.WITHDRAWN, ledger.SUPERSEDED)}
    with reading(quiet, system="retention") as session:
        standing = retention_queries.standing_consents(session, ended)
    for consent_id in standing:
        with transaction(quiet, system="retention") as session:
            _end_consent(session, consent_id, ended[consent_id], now)
    with transaction(store, system="retention") as session:
        fields = retention_queries.forget_fields(
            session, [UUID(line.record) for line in lines if line.kind == ledger.FORGOTTEN and line.record])
        done = Replayed(len(standing), cases, keys, fields)
        audit.record(session, None, "ledger:replay", now, details={
            "consents": done.consents, "cases": done.cases, "keys": done.keys, "fields": done.fields})
        ledger.note(session, ledger.REPLAYED, now)
    return done


def _again(store: Store, ids: set[UUID], step: Callable[["Session", Case, str, datetime], None], now: datetime, *,
           with_key: bool = False) -> int:
    with reading(store, system="retention") as session:
        found = retention_queries.existing_cases(session, ids, with_key=with_key)
    for case_id in found:
        with transaction(store, system="retention") as session:
            case = retention_queries.lock_case(session, case_id)
            if case is not None:
                step(session, case, BY_LEDGER, now)
    return len(found)


def _end_consent(session: "Session", consent_id: UUID, state: str, now: datetime) -> None:
    """Whatever state the backup has it in: it was ended, and what was open under it with it."""
    row = case_queries.lock_consent(session, consent_id)
    if row is None or not case_queries.move_consent(session, consent_id, row.state, state=state, ended=now):
        return
    session.add(ConsentEvent(consent_id=consent_id, at=now, by_id=None, state=state, how=BY_LEDGER))
    audit.record(session, None, f"consent:{state}", now, subject=f"consent:{consent_id}",
                 details={"rule": BY_LEDGER})
    consents.end_handoffs(session, None, consent_id, Reason.CONSENT_WITHDRAWN, Party.PERSON, now)


def _begin(store: Store, now: datetime) -> Replayed:
    """A ledger for a database that has none yet."""
    with transaction(store, system="retention") as session:
        known = retention_queries.ended_consents(session)
        for case_id, consent_id, state in known:
            ledger.note(session, state, now, case_id=case_id, record_id=consent_id)
    return Replayed(begun=bool(known))
