"""Queries of what has ended, and its erasure: by name, table by table, so that nothing goes or stays unseen."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Engine,
    delete,
    exists,
    func,
    inspect,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, aliased

from referral_dir.domain.handoff import OPEN
from referral_dir.store.capacity import CapacityHistory
from referral_dir.store.cases import (
    BreakGlass,
    Case,
    CaseExclusion,
    CaseField,
    CaseKey,
    Consent,
    ConsentEvent,
    Disclosure,
    Handoff,
    HandoffEvent,
)
from referral_dir.store.db import Base
from referral_dir.store.jobs import ImportJob
from referral_dir.store.people import CapacityLink, Invitation, LoginSession, PasswordReset, RateCount
from referral_dir.store.records import (
    AskedCount,
    AuditEntry,
    AuditHead,
    ChangeLog,
    Erasure,
    OutboxMessage,
    UnusualPattern,
)
from referral_dir.store.rosters import DutyAway
from referral_dir.store.threads import HandoffMessage
from referral_dir.store.upkeep import BulkDraft, Correction, MergeUndo

Condition = Callable[[datetime], ColumnElement[bool]]
CHUNK: Final = 500
LOCK_TIMEOUT = "10s"


def _followed(before: datetime) -> ColumnElement[bool]:
    """Lines of a number's history that another had followed before then."""
    later = aliased(CapacityHistory)
    return exists().where(later.capacity_id == CapacityHistory.capacity_id, later.at < before,
                          later.sequence > CapacityHistory.sequence)


# Rows that simply end with time. For the two logs see `purge_rows`: their newest entry always stays.
ENDED: Final[Mapping[str, tuple[tuple[type[Base], Condition], ...]]] = MappingProxyType({
    "absences": ((DutyAway, lambda before: DutyAway.until < before),),
    "sessions": ((LoginSession, lambda before: LoginSession.last_seen < before),),
    "rate_counts": ((RateCount, lambda before: RateCount.window < before),),
    "messages": ((OutboxMessage, lambda before: OutboxMessage.created < before),),
    "password_resets": ((PasswordReset, lambda before: PasswordReset.expires < before),),
    "invitations": ((Invitation, lambda before: Invitation.expires < before),),
    "capacity_links": ((CapacityLink, lambda before: CapacityLink.expires < before),),
    "capacity_history": ((CapacityHistory, _followed),),
    "corrections": ((Correction, lambda before: Correction.created < before),),
    "bulk_edits": ((BulkDraft, lambda before: BulkDraft.created < before),),
    "merge_undos": ((MergeUndo, lambda before: MergeUndo.at < before),),
    "unusual_patterns": ((UnusualPattern, lambda before: UnusualPattern.at < before),),
    "asked_counts": ((AskedCount, lambda before: AskedCount.month < before.date()),),
    "import_jobs": ((ImportJob, lambda before: ImportJob.created < before),),
    "change_log": ((ChangeLog, lambda before: (ChangeLog.at < before) & (
        ChangeLog.sequence < select(func.max(ChangeLog.sequence)).scalar_subquery())),),
    "erasure_proofs": ((Erasure, lambda before: Erasure.at < before),),
})


def count_ended(session: Session, kind: str, before: datetime) -> int:
    """How many rows of this kind have ended."""
    if kind == "audit_entries":
        return session.scalar(select(func.count()).select_from(AuditEntry).where(_cut_off(before))) or 0
    return sum(session.scalar(select(func.count()).select_from(table).where(condition(before))) or 0
               for table, condition in ENDED[kind])


def purge_rows(session: Session, kind: str, before: datetime, limit: int) -> int:
    """Delete at most `limit` ended rows of each table of this kind. Returns how many went."""
    gone = 0
    for table, condition in ENDED[kind]:
        keys = inspect(table).primary_key
        some = select(*keys).where(condition(before)).limit(limit)
        gone += _rows(session, delete(table).where(tuple_(*keys).in_(some)))
    return gone


def cut_audit(session: Session, before: datetime) -> int:
    """Cut the trail's old end off, up to the newest signed head that is old enough; the head stays, and the chain
    begins from it. All at once: half a cut would look like a broken chain."""
    if not count_ended(session, "audit_entries", before):
        return 0  # so that only who really cuts needs the right to
    gone = _rows(session, delete(AuditEntry).where(_cut_off(before)))
    if gone:
        first = select(func.min(AuditEntry.sequence)).scalar_subquery()
        _rows(session, delete(AuditHead).where(AuditHead.sequence < first - 1))
    return gone


def _cut_off(before: datetime) -> ColumnElement[bool]:
    newest = select(func.max(AuditEntry.sequence)).scalar_subquery()
    head = select(func.max(AuditHead.sequence)).where(AuditHead.at < before, AuditHead.sequence < newest)
    return AuditEntry.sequence <= head.scalar_subquery()


def idle_cases(session: Session, before: datetime, only: UUID | None = None) -> Sequence[UUID]:
    """Open cases (or the only one, if it is one) in which nothing has happened since, with no handoff open."""
    def none_since(column: Any, case_id: Any, *joined: Any) -> ColumnElement[bool]:
        return ~exists().where(case_id == Case.id, column >= before, *joined)

    return session.scalars(select(Case.id).where(
        Case.closed.is_(None), Case.created < before, *([Case.id == only] if only else []),
        none_since(ConsentEvent.at, Consent.case_id, Consent.id == ConsentEvent.consent_id),
        none_since(HandoffEvent.at, Handoff.case_id, Handoff.id == HandoffEvent.handoff_id),
        none_since(Disclosure.at, Disclosure.case_id), none_since(BreakGlass.granted, BreakGlass.case_id),
        ~exists().where(Handoff.case_id == Case.id, Handoff.state.in_([str(state) for state in OPEN])))
        .order_by(Case.id)).all()


def closed_cases(session: Session, before: datetime, only: UUID | None = None, *,
                 with_key: bool) -> Sequence[UUID]:
    """Cases (or the only one, if it is one) closed before then: all, or those whose key is still there."""
    query = select(Case.id).where(Case.closed < before, *([Case.id == only] if only else []))
    if with_key:
        query = query.where(exists().where(CaseKey.case_id == Case.id))
    return session.scalars(query.order_by(Case.id)).all()


def lock_case(session: Session, case_id: UUID) -> Case | None:
    """The case as it is now, locked behind its consent records: whoever discloses holds one of them, and then writes
    a row that refers to the case."""
    session.scalars(select(Consent.id).where(Consent.case_id == case_id).order_by(Consent.id).with_for_update()).all()
    return session.scalar(select(Case).where(Case.id == case_id).with_for_update()
                          .execution_options(populate_existing=True))


def cases_by_reference(session: Session, reference: str) -> Sequence[UUID]:
    """Cases of this reference, whole or as it is shown: its first eight characters."""
    wanted = reference.replace("-", "").strip().upper()
    same = Case.reference.startswith(wanted, autoescape=True) if len(wanted) == 8 else Case.reference == wanted
    return session.scalars(select(Case.id).where(same)).all()


def existing_cases(session: Session, ids: Collection[UUID], *, with_key: bool = False) -> list[UUID]:
    """Those of the cases that are there (and have their key)."""
    column = CaseKey.case_id if with_key else Case.id
    return [found for some in _chunks(ids) for found in session.scalars(select(column).where(column.in_(some)))]


def standing_consents(session: Session, ids: Collection[UUID]) -> list[UUID]:
    """Those of the consent records that are not at an end."""
    open_states = ("draft", "explained", "given", "active")
    return [found for some in _chunks(ids) for found in session.scalars(
        select(Consent.id).where(Consent.id.in_(some), Consent.state.in_(open_states)).order_by(Consent.id))]


def ended_consents(session: Session) -> Sequence[tuple[UUID, UUID, str]]:
    """(case, consent, state) of all that were withdrawn or replaced."""
    query = select(Consent.case_id, Consent.id, Consent.state).where(Consent.state.in_(("withdrawn", "superseded")))
    return [(case_id, consent_id, state) for case_id, consent_id, state in session.execute(query.order_by(Consent.id))]


def forget_fields(session: Session, ids: Collection[UUID]) -> int:
    """Delete these identifying fields."""
    return sum(_rows(session, delete(CaseField).where(CaseField.id.in_(some))) for some in _chunks(ids))


def destroy_key(session: Session, case_id: UUID) -> None:
    """The case's key, all that it sealed, and what else would tell who the person was."""
    for table in (CaseKey, CaseField):
        _rows(session, delete(table).where(table.case_id == case_id))
    _rows(session, update(Handoff).where(Handoff.case_id == case_id).values(meeting_point=None))
    handoffs = select(Handoff.id).where(Handoff.case_id == case_id)
    _rows(session, update(HandoffMessage).where(HandoffMessage.handoff_id.in_(handoffs)).values(sealed=b""))
    _rows(session, update(BreakGlass).where(BreakGlass.case_id == case_id).values(explanation=b""))
    _rows(session, update(CaseExclusion).where(CaseExclusion.case_id == case_id).values(named=b""))
    _rows(session, update(Case).where(Case.id == case_id).values(
        safe_contact=None, languages=[], age_band=None, gender=None, household=1, members=[], accessibility=[],
        place_name="", place_latitude=0.0, place_longitude=0.0, excluded_organizations=[], excluded_communities=[],
        excluded_areas=[]))


def erase_case(session: Session, case_id: UUID) -> None:
    """The case and every row about it. A message that only says that something has changed still goes out."""
    handoffs = select(Handoff.id).where(Handoff.case_id == case_id)
    consents = select(Consent.id).where(Consent.case_id == case_id)
    about = or_(OutboxMessage.handoff_id.in_(handoffs), OutboxMessage.consent_id.in_(consents))
    waits = OutboxMessage.state.in_(("queued", "sending")) & (OutboxMessage.kind == "handoff_ended")
    _rows(session, update(OutboxMessage).where(about, waits).values(handoff_id=None, consent_id=None))
    _rows(session, delete(OutboxMessage).where(about))
    _rows(session, delete(Disclosure).where(Disclosure.case_id == case_id))
    # All else goes with the case: triggers let histories go with nothing less.
    _rows(session, delete(Case).where(Case.id == case_id))
    session.expunge_all()


def keep_proof(session: Session, reference: str, rule: str, at: datetime) -> None:
    """That this was erased, when, and by which rule."""
    key = reference_hash(reference)
    if session.get(Erasure, (key, rule)) is None:
        session.add(Erasure(reference_hash=key, rule=rule, at=at))


def proofs_of(session: Session, reference: str) -> Sequence[Erasure]:
    """The proofs for this reference, oldest first."""
    return session.scalars(select(Erasure).where(Erasure.reference_hash == reference_hash(reference))
                           .order_by(Erasure.at)).all()


def reference_hash(reference: str) -> str:
    """SHA-256 of the whole reference: 128 random bits can't be found by trying."""
    return hashlib.sha256(reference.replace("-", "").strip().upper().encode()).hexdigest()


def leave_nothing(engine: Engine) -> bool:
    """Have the database's files forget too what was deleted. False: they could not, because someone was reading.

    SQLite overwrites what it deletes (secure_delete); its journal is written back and emptied here. PostgreSQL keeps
    dead rows until their owner writes the tables anew.
    """
    if engine.dialect.name == "postgresql":
        return _write_anew(engine)
    connection = engine.raw_connection()
    try:
        busy, _, _ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    return not busy


def _write_anew(engine: Engine) -> bool:
    names = [table.__tablename__ for table in (CaseKey, CaseField, Case, Handoff, HandoffMessage, BreakGlass,
                                                CaseExclusion)]
    owned = text("SELECT bool_and(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE oid = ANY(:names ::regclass[])")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Whoever does not own a table only gets a warning from VACUUM.
        if not connection.execute(owned, {"names": [f'"{name}"' for name in names]}).scalar_one():
            return False
        connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        try:
            for name in names:
                connection.execute(text(f'VACUUM (FULL) "{name}"'))
        except OperationalError:
            return False
        finally:
            connection.execute(text("RESET lock_timeout"))
    return True


def _chunks(ids: Collection[UUID]) -> list[list[UUID]]:
    every = list(dict.fromkeys(ids))
    return [every[start:start + CHUNK] for start in range(0, len(every), CHUNK)]


def _rows(session: Session, query: Any) -> int:
    result = session.execute(query.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
