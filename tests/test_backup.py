"""Backups of the command line: the ordinary one opens no case, and a restored one brings nothing back."""

import base64
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

import config
from referral_dir.cli import main
from referral_dir.desk import cases, consents
from referral_dir.desk.opening_up import open_store
from referral_dir.store.cases import Case, CaseField, CaseKey
from referral_dir.store.crypto import KeyRing, SealError, unseal
from referral_dir.store.db import Store, reading, transaction
from tests import cast as people
from tests.cast import NOW
from tests.tampering import drop_guards


class World:
    """An installation with two cases, and its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "REFERRAL_DIR_INSTANCE": str(folder / "instance"),
            "REFERRAL_DIR_LEDGER": str(folder / "elsewhere" / "ledger"),
            "REFERRAL_DIR_SECRET_KEY": "s" * 40, "REFERRAL_DIR_BASE_URL": "https://directory.example",
            "REFERRAL_DIR_AUDIT_KEY": base64.b64encode(b"a" * 32).decode(),
            "REFERRAL_DIR_MASTER_KEYS": "test1:" + base64.b64encode(b"k" * 32).decode()}
        (folder / "elsewhere").mkdir()
        self.run("init")
        store = self.open()
        self.cast = people.build(store, beds=10)
        self.case, self.consent, _ = people.request(store, self.cast)
        self.other, self.other_consent, _ = people.request(store, self.cast)
        store.engine.dispose()

    def run(self, *arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, list(arguments), env=self.environ)
        assert done.exit_code == code, done.output + str(done.exception)
        return done.output

    def open(self) -> Store:
        settings = config.load_settings(self.environ)
        return open_store(settings.database_url, settings.master_keys, settings.ledger)

    def reference(self, case_id: object) -> str:
        store = self.open()
        with reading(store) as session:
            found = session.get_one(Case, case_id).reference
        store.engine.dispose()
        return found

    def lose_the_database(self) -> None:
        for path in (self.folder / "instance").glob("referral-dir.sqlite*"):
            path.unlink()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_ordinary_backup_opens_no_field_of_any_case_even_with_the_master_keys(world: World) -> None:
    backup, keys = world.folder / "backup.sqlite", world.folder / "keys.sqlite"
    store = world.open()
    with reading(store) as session:
        wrapped = [row.wrapped for row in session.scalars(select(CaseKey))]
    store.engine.dispose()
    world.run("backup", str(backup), "--keys", str(keys))
    content = backup.read_bytes()
    assert len(wrapped) == 2
    assert not any(key in content for key in wrapped)
    assert all(key in keys.read_bytes() for key in wrapped)
    assert {path.name for path in world.folder.iterdir()} == {"instance", "elsewhere", "backup.sqlite", "keys.sqlite"}
    assert backup.stat().st_mode & 0o077 == 0
    assert keys.stat().st_mode & 0o077 == 0
    with sqlite3.connect(backup) as copy:
        assert copy.execute("SELECT count(*) FROM case_key").fetchone() == (0,)
        sealed = copy.execute("SELECT hex(sealed) FROM case_field").fetchall()
    ring = KeyRing((("test1", b"k" * 32),))
    store = world.open()
    with reading(store) as session:
        rows = session.scalars(select(CaseField)).all()
        assert {(row.sealed.hex().upper(),) for row in rows} == set(sealed)
        for row in rows:
            with pytest.raises(SealError):
                ring.open(row.sealed, row.id, row.field)
            with pytest.raises(SealError):
                unseal(b"k" * 32, row.sealed, row.id, row.field)
    store.engine.dispose()


def test_what_was_erased_and_withdrawn_since_stays_so_in_a_restored_backup(world: World) -> None:
    backup, keys = world.folder / "backup.sqlite", world.folder / "keys.sqlite"
    world.run("backup", str(backup), "--keys", str(keys))
    assert "Erased" in world.run("purge", "--case", world.reference(world.case))
    store = world.open()
    with transaction(store) as session:
        consents.withdraw(session, world.cast.olga, world.other_consent, how="told_officer", now=NOW)
    store.engine.dispose()
    world.run("backup", str(world.folder / "newer.sqlite"), "--keys", str(keys))
    assert "there already" in world.run("backup", str(backup), code=1)
    assert "there already" in world.run("restore", str(backup), code=1)

    world.lose_the_database()
    output = world.run("restore", str(backup), "--keys", str(keys))
    assert "Ended again: 1 consents, 1 cases" in output
    store = world.open()
    with reading(store) as session:
        assert session.get(Case, world.case) is None
        assert cases.identifying_fields(session, session.get_one(Case, world.other))["name"] == "Invented Person"
    store.engine.dispose()
    assert "unbroken" in world.run("audit", "verify")


def test_the_newest_keys_do_not_open_in_an_older_backup_what_was_erased_since(world: World) -> None:
    backup, keys = world.folder / "backup.sqlite", world.folder / "keys.sqlite"
    world.run("backup", str(backup), "--keys", str(keys))
    world.run("purge", "--case", world.reference(world.case))
    world.run("backup", str(world.folder / "newer.sqlite"), "--keys", str(keys))
    with sqlite3.connect(keys) as file:
        assert file.execute("SELECT case_id FROM case_key").fetchall() == [(world.other.hex,)]
    assert world.case.hex.encode() not in keys.read_bytes()


def test_any_command_ends_again_what_a_database_put_back_by_hand_has_forgotten(world: World) -> None:
    backup = world.folder / "by-hand.sqlite"
    store = world.open()
    with store.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql(f"VACUUM INTO '{backup}'")
        connection.exec_driver_sql("BEGIN")
    with transaction(store) as session:
        consents.withdraw(session, world.cast.olga, world.consent, how="told_officer", now=NOW)
    store.engine.dispose()
    world.lose_the_database()
    backup.rename(world.folder / "instance" / "referral-dir.sqlite")
    assert "Ended again: 1 consents" in world.run("deliver")
    assert "older" not in world.run("deliver")
    assert "the database had it all" in world.run("ledger", "replay")


def test_the_pages_do_not_open_either_before_what_had_ended_is_ended_again(world: World) -> None:
    from referral_dir import create_app

    settings = config.load_settings(world.environ)
    store = world.open()
    with transaction(store) as session:
        consents.withdraw(session, world.cast.olga, world.consent, how="told_officer", now=NOW)
    with store.engine.begin() as connection:
        drop_guards(connection, "consent")
        drop_guards(connection, "audit_entry")
        connection.exec_driver_sql("UPDATE consent SET state = 'active'")
        connection.exec_driver_sql("DELETE FROM audit_entry WHERE sequence = (SELECT max(sequence) FROM audit_entry)")
    create_app(settings, store)
    with reading(store) as session:
        states = dict(session.execute(select(consents.Consent.id, consents.Consent.state)).all())
    assert states == {world.consent: "withdrawn", world.other_consent: "active"}
    settings.ledger.write_text("rubbish\n")
    from referral_dir.store.ledger import LedgerBroken

    with pytest.raises(LedgerBroken):
        create_app(settings, store)
    store.engine.dispose()
    assert "can't be read" in world.run("deliver", code=1)


def test_a_dry_run_counts_and_says_why_and_unknown_references_are_refused(world: World) -> None:
    output = world.run("purge", "--dry-run")
    assert "90 days after the case being closed" in output
    assert "nothing was changed" in output
    assert "no case has this reference" in world.run("purge", "--case", "0" * 26, code=1)
    world.run("purge", "--case", world.reference(world.case), "--dry-run", code=2)
