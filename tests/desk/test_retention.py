"""Records end: by time, by a person's wish, whole, and though the run is killed; on both databases."""

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text

from referral_dir.desk import audit_heads, cases, consents, handoffs, notify, retention
from referral_dir.domain.audit_head import Head
from referral_dir.domain.errors import NotFound
from referral_dir.domain.retention import RULES, YEAR
from referral_dir.domain.vocabulary import HandoffAction
from referral_dir.store import ledger, retention_queries
from referral_dir.store.cases import BreakGlass, Case, CaseField, CaseKey, Consent, Disclosure, Handoff
from referral_dir.store.crypto import seal
from referral_dir.store.db import Base, Store, make_engine, reading, transaction
from referral_dir.store.people import Invitation, LoginSession, PasswordReset, RateCount
from referral_dir.store.records import AuditEntry, AuditHead, ChangeLog, Erasure, OutboxMessage, UnusualPattern
from tests import cast as people
from tests.cast import NOW

ROOT = Path(__file__).resolve().parents[2]
MAILER = notify.Mailer("127.0.0.1", 1, "referrals@test.example", "https://directory.example")


@pytest.fixture
def kept(store: Store, tmp_path: Path) -> Store:
    """A store with a ledger."""
    return replace(store, ledger=tmp_path / "ledger")


def ended_case(store: Store, cast: people.Cast) -> UUID:
    """A case with everything in it, handed over, and closed."""
    case_id, _, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW, meeting_point="Canary gate")
    with transaction(store) as session:
        handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
    with transaction(store) as session:
        for step in (HandoffAction.START, HandoffAction.COMPLETE):
            handoffs.answer(session, cast.petra, handoff_id, step, NOW)
        key = cases.case_key(session, session.get_one(Case, case_id))
        glass_id = uuid4()
        session.add(BreakGlass(
            id=glass_id, case_id=case_id, recipient_organization_id=cast.petra.organization_id,
            person_id=cast.olga.person_id, reason="x", imminence="x", why_no_consent="x", fields=["health"],
            explanation=seal(key, b"Canary words", glass_id, "explanation"), granted=NOW, expires=NOW, review_by=NOW))
        session.flush()
        session.add(Disclosure(case_id=case_id, handoff_id=handoff_id, break_glass_id=glass_id, at=NOW,
                               organization_id=cast.petra.organization_id, person_id=cast.petra.person_id,
                               fields=["health"]))
        cases.close_case(session, cast.olga, case_id, NOW)
    return case_id


def rows_about(store: Store, *ids: object) -> Iterator[str]:
    """Rows of any table but the audit trail that name one of these."""
    wanted = [str(i) for i in ids]
    with reading(store) as session:
        for name, table in Base.metadata.tables.items():
            for row in session.execute(select(table)):
                if name != "audit_entry" and any(w in str(tuple(map(str, row))) for w in wanted):
                    yield name


def count(store: Store, table: type[Base]) -> int:
    with reading(store) as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def test_a_closed_case_loses_its_key_after_90_days_and_all_else_after_3_years(kept: Store) -> None:
    cast = people.build(kept)
    case_id = ended_case(kept, cast)
    other = people.new_case(kept, cast)
    with reading(kept) as session:
        reference = session.get_one(Case, case_id).reference
    assert retention.purge(kept, NOW + timedelta(days=89))["identifying_fields"] == 0
    with reading(kept) as session:
        assert retention.due(session, NOW + timedelta(days=91))["identifying_fields"] == 1
    assert retention.purge(kept, NOW + timedelta(days=91))["identifying_fields"] == 1
    with transaction(kept) as session:
        assert session.get(CaseKey, case_id) is None
        assert session.get(CaseKey, other) is not None
        file = cases.read_case(session, cast.olga, case_id, NOW)
        assert (file.erased, file.identifying, file.safe_contact) == (True, {}, "")
        assert (file.case.languages, file.case.gender, file.case.place_name) == ([], None, "")
        assert len(file.consents) == 1
        assert len(file.disclosures) == 2
        assert session.scalars(select(BreakGlass.explanation)).all() == [b""]
        assert session.scalars(select(Handoff.meeting_point)).all() == [None]
    with reading(kept) as session:
        assert [row.rule for row in retention_queries.proofs_of(session, reference)] == ["identifying_fields"]
    done = retention.purge(kept, NOW + 3 * YEAR + timedelta(days=1))
    assert done["closed_cases"] == 1
    assert list(rows_about(kept, case_id, case_id.hex, reference)) == []
    with reading(kept) as session:
        assert {row.rule for row in retention_queries.proofs_of(session, reference)} == \
            {"identifying_fields", "closed_cases"}
        assert session.get(Case, other) is not None
        assert audit_heads.verify(session, "").broken_at is None
    with pytest.raises(NotFound), transaction(kept) as session:
        cases.read_case(session, cast.olga, case_id, NOW)


def test_a_purge_that_runs_again_changes_nothing_and_a_dry_run_changes_nothing_at_all(kept: Store) -> None:
    cast = people.build(kept)
    ended_case(kept, cast)
    later = NOW + 4 * YEAR

    def state() -> tuple[int, ...]:
        return tuple(count(kept, table) for table in (AuditEntry, Erasure, Case, Consent, OutboxMessage, ChangeLog))

    before = state()
    with reading(kept) as session:
        assert retention.due(session, later)["closed_cases"] == 1
    assert state() == before
    retention.purge(kept, later)
    after, lines = state(), ledger.read_lines(kept.ledger)
    assert not any(retention.purge(kept, later).values())
    assert state() == after
    assert ledger.read_lines(kept.ledger) == lines


def test_a_case_that_everyone_forgot_is_closed_but_not_while_anything_of_it_is_open(kept: Store) -> None:
    cast = people.build(kept)
    forgotten, later = people.new_case(kept, cast), NOW + timedelta(days=181)
    waiting, _, handoff_id = people.request(kept, cast)
    with transaction(kept) as session:
        alive = people.new_case(kept, cast)
        row = consents.draft(session, cast.olga, alive, cast.clinic, ("name",), 14, later - timedelta(days=1))
        assert row.case_id == alive
    assert retention.purge(kept, later)["idle_cases"] == 1
    with reading(kept) as session:
        assert session.get_one(Case, forgotten).closed == later
        assert session.get_one(Case, waiting).closed is None
        assert session.get_one(Case, alive).closed is None
        assert session.get_one(Handoff, handoff_id).state == "requested"


def test_a_person_has_their_case_erased_and_who_expects_them_is_told(kept: Store) -> None:
    cast = people.build(kept)
    case_id, _, handoff_id = people.request(kept, cast)
    with transaction(kept) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW, meeting_point="Canary gate")
        reference = session.get_one(Case, case_id).reference
    for _ in range(2):
        with transaction(kept) as session:
            retention.erase_on_request(session, f"{reference[:4]}-{reference[4:]}".lower(), NOW)
    assert list(rows_about(kept, case_id, case_id.hex, reference)) == []
    assert people.free_beds(kept, cast) == 3
    sent: list[Any] = []
    notify.deliver(kept, MAILER, NOW, sent.append)
    assert [mail["To"] for mail in sent] == ["petra@test.example"]
    assert "https://directory.example/\n" in sent[0].get_content()
    with reading(kept) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "case:erase")).all()
        assert [(e.subject, e.details) for e in entries] == [(f"case:{case_id}", {"rule": "request"})]
    for act in (lambda s: handoffs.read_incoming(s, cast.petra, handoff_id, NOW),
                lambda s: handoffs.read_outgoing(s, cast.olga, handoff_id, NOW),
                lambda s: cases.read_case(s, cast.olga, case_id, NOW)):
        with pytest.raises(NotFound), transaction(kept) as session:
            act(session)
    with pytest.raises(NotFound), transaction(kept) as session:
        retention.erase_on_request(session, "0" * 26, NOW)


def test_the_short_reference_is_enough_while_it_means_one_case(kept: Store) -> None:
    cast = people.build(kept)
    case_id = people.new_case(kept, cast)
    with transaction(kept) as session:
        short = session.get_one(Case, case_id).reference[:8]
        retention.erase_on_request(session, short, NOW)
    assert count(kept, Case) == 0


def test_what_only_ends_with_time_goes_and_the_newest_numbers_stay(kept: Store) -> None:
    cast = people.build(kept)
    people.request(kept, cast)
    person = cast.olga.person_id
    with transaction(kept) as session:
        session.add_all([
            LoginSession(token_hash="a" * 64, person_id=person, created=NOW, last_seen=NOW),
            RateCount(key="k", window=NOW, count=1),
            PasswordReset(token_hash="b" * 64, person_id=person, created=NOW, expires=NOW),
            Invitation(person_id=person, invited_by_id=cast.adam.person_id, needs_second=False, created=NOW,
                       expires=NOW),
            UnusualPattern(person_id=person, kind="x", at=NOW, details={})])
        session.add_all([ChangeLog(sequence=n, service_id=cast.shelter, at=NOW) for n in range(900, 905)])
    ends = {"sessions": LoginSession, "rate_counts": RateCount, "password_resets": PasswordReset,
            "invitations": Invitation, "unusual_patterns": UnusualPattern, "messages": OutboxMessage}
    minute = timedelta(minutes=1)
    for kind in ends:
        with reading(kept) as session:
            assert retention.due(session, NOW + RULES[kind].period - minute)[kind] == 0, f"{kind} ends too early"
            assert retention.due(session, NOW + RULES[kind].period + minute)[kind] > 0, f"{kind} does not end"
    retention.purge(kept, NOW + RULES["unusual_patterns"].period + minute)
    assert [kind for kind, table in ends.items() if count(kept, table)] == []
    with reading(kept) as session:
        assert session.scalars(select(ChangeLog.sequence)).all() == [904], "numbers never begin again"


def test_the_trail_is_cut_only_up_to_a_signed_head_that_is_old_enough(kept: Store) -> None:
    cast = people.build(kept)
    people.new_case(kept, cast)
    later = NOW + 10 * YEAR + timedelta(days=1)
    key = audit_heads.signing_key(base64.b64encode(b"a" * 32).decode())
    with reading(kept) as session:
        entries = session.execute(select(AuditEntry.sequence, AuditEntry.hash, AuditEntry.at)).all()
    retention.purge(kept, later)
    assert count(kept, AuditEntry) > len(entries), "no head, no cut"
    with transaction(kept) as session:
        for entry in entries:
            signed = base64.b64encode(key.sign(Head(entry.sequence, entry.hash, entry.at).text())).decode()
            session.add(AuditHead(sequence=entry.sequence, hash=entry.hash, at=entry.at, signature=signed))
    retention.purge(kept, later)
    with reading(kept) as session:
        first = session.scalars(select(AuditEntry).order_by(AuditEntry.sequence).limit(1)).one()
        [head] = session.scalars(select(AuditHead)).all()
        assert (first.sequence, first.previous_hash) == (head.sequence + 1, head.hash)
        assert audit_heads.verify(session, audit_heads.public_key(key)).broken_at is None
        assert audit_heads.verify(session, "").broken_at == 1, "a cut that nobody signed"


def test_a_meeting_point_is_sealed_by_the_case_and_an_older_one_stays_readable(kept: Store) -> None:
    cast = people.build(kept)
    _, _, handoff_id = people.request(kept, cast)
    with transaction(kept) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW, meeting_point="Gate 3")
    with transaction(kept) as session:
        assert handoffs.read_outgoing(session, cast.olga, handoff_id, NOW).meeting_point == "Gate 3"
        row = session.get_one(Handoff, handoff_id)
        assert not row.meeting_point.startswith(b"test1\0")
        row.meeting_point = kept.keys.seal(b"Gate 4", handoff_id, "meeting_point")
    with transaction(kept) as session:
        assert handoffs.read_outgoing(session, cast.olga, handoff_id, NOW).meeting_point == "Gate 4"


def test_nothing_of_an_erased_case_is_left_in_the_files_plain_or_sealed(sqlite_store: Store, tmp_path: Path) -> None:
    kept = replace(sqlite_store, ledger=tmp_path / "ledger")
    cast = people.build(kept)
    case_id = ended_case(kept, cast)
    with transaction(kept) as session:
        case = session.get_one(Case, case_id)
        traces = [case.reference.encode(), case_id.hex.encode(), b"Canary", b"Invented Person", b"asthma",
                  session.get_one(CaseKey, case_id).wrapped,
                  *session.scalars(select(CaseField.sealed).where(CaseField.case_id == case_id)),
                  *session.scalars(select(BreakGlass.explanation))]

    def left() -> list[bytes]:
        content = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.name.startswith("test.sqlite"))
        # The trail names the random id, as `case:` and with dashes, and nothing more.
        return [trace for trace in traces if trace in content]

    assert len(left()) == len(traces) - 3, "before: all but what was never in plain"
    retention.purge(kept, NOW + 4 * YEAR)
    assert retention_queries.leave_nothing(kept.engine)
    assert left() == []
    assert count(kept, Erasure) == 1


def test_no_row_of_an_erased_key_is_left_in_the_tables_of_postgresql(
        postgres_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = people.build(postgres_store)
    case_id = people.new_case(postgres_store, cast)
    with reading(postgres_store) as session:
        key = session.get_one(CaseKey, case_id).wrapped

    def left() -> bool:
        with postgres_store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))
            return key in bytes(connection.execute(text(
                "SELECT pg_read_binary_file(pg_relation_filepath('case_key'))")).scalar_one())

    assert left()
    with transaction(postgres_store) as session:
        retention.erase_on_request(session, session.get_one(Case, case_id).reference, NOW)
    assert left(), "deleted is not gone"
    with postgres_store.engine.connect() as reader:
        reader.execute(text("SELECT count(*) FROM case_key"))
        monkeypatch.setattr(retention_queries, "LOCK_TIMEOUT", "100ms")
        assert not retention_queries.leave_nothing(postgres_store.engine), "someone is reading"
    assert retention_queries.leave_nothing(postgres_store.engine)
    assert not left()


def test_no_read_shows_anything_after_an_erasure_has_committed(kept: Store) -> None:
    cast = people.build(kept, beds=10)
    for _ in range(5):
        case_id, _, handoff_id = people.request(kept, cast)
        with transaction(kept) as session:
            handoffs.accept(session, cast.petra, handoff_id, NOW)
            reference = session.get_one(Case, case_id).reference
        erased: list[bool] = []

        def read(_: int, handoff_id: UUID = handoff_id, erased: list[bool] = erased) -> bool:
            began_after = bool(erased)
            try:
                with transaction(kept) as session:
                    shown = handoffs.read_incoming(session, cast.petra, handoff_id, NOW).identifying
            except NotFound:
                return False
            return bool(shown) and began_after

        def erase(reference: str = reference, erased: list[bool] = erased) -> None:
            with transaction(kept) as session:
                retention.erase_on_request(session, reference, NOW)
            erased.append(True)

        with ThreadPoolExecutor(6) as pool:
            reads = [pool.submit(read, n) for n in range(4)]
            pool.submit(erase).result()
            reads += [pool.submit(read, n) for n in range(4)]
            assert not any(r.result() for r in reads)
        assert list(rows_about(kept, case_id, handoff_id)) == []


KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from referral_dir.desk import retention
from referral_dir.store import ledger
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, make_engine
append, written = ledger._append, []
def kill_after_the_third(path, lines):
    append(path, lines)
    written.append(1)
    if len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
ledger._append = kill_after_the_third
store = Store(make_engine(sys.argv[1]), KeyRing((("test1", b"k" * 32),)), Path(sys.argv[2]))
retention.purge(store, datetime.fromisoformat(sys.argv[3]))
"""


def test_a_purge_that_is_killed_between_ledger_and_commit_is_finished_by_the_next_start_and_run(
        kept: Store) -> None:
    cast = people.build(kept, beds=10)
    for _ in range(5):
        ended_case(kept, cast)
    later, url = NOW + 4 * YEAR, kept.engine.url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-c", KILLED, url, str(kept.ledger), later.isoformat()], cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    fresh = Store(make_engine(url), kept.keys, kept.ledger)
    assert count(fresh, Case) == 3, "two are whole, the third was rolled back"
    assert len(ledger.read_lines(kept.ledger)) == 3
    assert retention.catch_up(fresh, later).cases == 1
    assert not retention.catch_up(fresh, later)
    assert retention.purge(fresh, later)["closed_cases"] == 2
    assert (count(fresh, Case), count(fresh, Handoff), count(fresh, CaseKey)) == (0, 0, 0)
    with reading(fresh) as session:
        assert audit_heads.verify(session, "").broken_at is None
    assert [line.kind for line in ledger.read_lines(kept.ledger)] == ["erased"] * 3 + ["replayed"] + ["erased"] * 2
    fresh.engine.dispose()
