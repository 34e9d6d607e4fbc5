"""Backups of the embedded database, with the cases' keys kept apart, and putting them back."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

_KEYS_TABLE: Final = "CREATE TABLE case_key (case_id CHAR(32) NOT NULL PRIMARY KEY, wrapped BLOB NOT NULL)"


class BackupRefused(Exception):
    """The backup can't be made or put back; the message says what to do."""


def back_up(engine: Engine, path: Path, keys: Path | None) -> None:
    """The database as it is now, without one case's key in it; the keys into a file of their own, if one is named.

    The keys' file replaces the one before: an older one would keep what has been erased since. Raises BackupRefused.
    """
    _require_sqlite(engine)
    if path.exists():
        raise BackupRefused(f"{path} is there already: name another")
    with _written(path) as copying:
        raw = engine.raw_connection()
        try:
            with contextlib.closing(sqlite3.connect(copying)) as copy:
                raw.driver_connection.backup(copy)  # type: ignore[union-attr]
                if keys is not None:
                    _write_keys(keys, copy)
                _remove_keys(copy)
        finally:
            raw.close()


def put_back(engine: Engine, path: Path, keys: Path | None) -> None:
    """Make the database that of the backup, with the keys of the cases that both know. Raises BackupRefused."""
    _require_sqlite(engine)
    if not path.is_file() or (keys is not None and not keys.is_file()):
        raise BackupRefused("there is no such backup")
    raw = engine.raw_connection()
    try:
        database: sqlite3.Connection = raw.driver_connection  # type: ignore[assignment]
        if database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]:
            raise BackupRefused("a database is there already: move it away first, with its -wal and -shm files")
        with contextlib.closing(sqlite3.connect(f"file:{path.resolve()}?mode=ro", uri=True)) as copy:
            copy.backup(database)
        if keys is not None:
            database.execute("ATTACH DATABASE ? AS apart", (str(keys),))
            database.execute("INSERT INTO case_key (case_id, wrapped) SELECT case_id, wrapped FROM apart.case_key "
                             'WHERE case_id IN (SELECT id FROM "case")')
            database.execute("DETACH DATABASE apart")
    finally:
        raw.close()
    engine.dispose()


def _require_sqlite(engine: Engine) -> None:
    if engine.dialect.name != "sqlite":
        name = engine.url.database
        raise BackupRefused(
            "PostgreSQL has its own tools. The backup without keys; and the keys apart, only the newest kept:\n"
            f"  pg_dump --format=custom --exclude-table-data=case_key --file=backup.dump {name}\n"
            f"  pg_dump --format=custom --data-only --table=case_key --file=case-keys.dump {name}")


@contextlib.contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when it is whole; only its owner may read it."""
    beside = path.with_name(path.name + ".part")
    os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _write_keys(path: Path, copy: sqlite3.Connection) -> None:
    with _written(path) as beside, contextlib.closing(sqlite3.connect(beside)) as file:
        file.execute(_KEYS_TABLE)
        file.executemany("INSERT INTO case_key VALUES (?, ?)", copy.execute("SELECT case_id, wrapped FROM case_key"))
        file.commit()


def _remove_keys(copy: sqlite3.Connection) -> None:
    # No journal on disk, and what is deleted is overwritten: the keys are never left in the file or beside it.
    copy.execute("PRAGMA journal_mode = MEMORY")
    copy.execute("PRAGMA secure_delete = ON")
    copy.execute("DELETE FROM case_key")
    copy.commit()
