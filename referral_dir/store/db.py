"""The engine, the transaction, and what SQLite and PostgreSQL must agree on."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import JSON, Connection, DateTime, Dialect, Engine, MetaData, create_engine, event, inspect
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from referral_dir.domain.access import Actor
from referral_dir.store import tenancy
from referral_dir.store.crypto import KeyRing

MIGRATIONS: Final = Path(__file__).resolve().parents[2] / "migrations"
NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


# How long SQLite waits for another writer; and where what waits matters less than who waits.
BUSY_MS: Final = 30_000
BRIEFLY_MS: Final = 150


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC on both databases; a naive one is refused, because its meaning is unknown."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """What a column of this type holds."""
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the store: give it a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Every table of the store."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: Mapping[Any, Any] = {
        datetime: UtcDateTime(),
        list[str]: JSON(),
        list[dict[str, Any]]: JSON(),
        # Nothing is NULL, not the word "null".
        dict[str, Any]: JSON(none_as_null=True),
    }


@dataclass(frozen=True, slots=True)
class Store:
    """The database, the keys that open what it keeps sealed, and the file of what must stay ended (ledger.py).

    Without a ledger a restored backup brings back what was erased: only for throw-away data.
    """

    engine: Engine
    keys: KeyRing
    ledger: Path | None = None


def make_engine(url: str) -> Engine:
    """An engine for `sqlite:///…` or `postgresql+psycopg://…`, with the settings that safety needs."""
    # What a statement was given is never part of an error's text: it may be a name or an address.
    engine = create_engine(url, pool_pre_ping=not url.startswith("sqlite"), hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own BEGIN comes too late for reads and savepoints; ours is emitted by the event below.
    connection.isolation_level = None
    cursor = connection.cursor()
    # Ids are random: in the 2 MB that are usual, an import reads most pages of the indexes again and again.
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}",
                   "secure_delete=ON", "cache_size=-131072"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads first and writes later fails with "database is locked" under load.
    options = connection.get_execution_options()
    if not options.get("brief", False):
        connection.exec_driver_sql("BEGIN" if options.get("reading", False) else "BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout={BRIEFLY_MS}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_MS}")


_before_commit: list[Callable[[Session], None]] = []


def before_commit(function: Callable[[Session], None]) -> Callable[[Session], None]:
    """Register what `transaction` runs last before its commit (audit and change log are written there)."""
    _before_commit.append(function)
    return function


@contextmanager
def transaction(store: Store, actor: Actor | None = None, *, system: str = "") -> Iterator[Session]:
    """One unit of work: commits when the block ends, rolls back whole when it raises.

    It runs on behalf of `actor`, or as work of the system that `system` names; with neither, no case can be seen.
    """
    info = {"keys": store.keys, "ledger": store.ledger}
    with Session(store.engine, expire_on_commit=False, info=info) as session, session.begin():
        tenancy.begin(session, actor, system)
        yield session
        session.flush()
        for function in _before_commit:
            function(session)


@contextmanager
def reading(store: Store, actor: Actor | None = None, *, system: str = "") -> Iterator[Session]:
    """A session that only reads: on SQLite it never waits for a writer. What it changes is thrown away."""
    engine = store.engine.execution_options(reading=True)
    with Session(engine, expire_on_commit=False, autoflush=False, info={"keys": store.keys}) as session:
        tenancy.begin(session, actor, system)
        yield session
        session.expunge_all()  # a rollback would empty the rows that the block hands on to a page
        session.rollback()


@contextmanager
def brief_transaction(store: Store) -> Iterator[Session | None]:
    """A transaction for a counter, on behalf of nobody: None where the database is busy writing (SQLite). It commits
    when the block ends; the audit trail and the change log know nothing of it."""
    with Session(store.engine.execution_options(brief=True), info={"keys": store.keys}) as session:
        try:
            session.connection()
        except OperationalError:
            session.rollback()
            yield None
            return
        tenancy.begin(session, None, "")
        yield session
        session.commit()


def store_of(session: Session) -> Store:
    """The store behind a session, to read beside it: what takes long must not hold SQLite's only write lock."""
    engine = session.get_bind()
    assert isinstance(engine, Engine)
    return Store(engine, session.info["keys"])


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision` by Alembic's upgrade; quick where it is there already."""
    if revision == "head" and _at_newest(engine):
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            # Row-level security binds the owner of the tables too.
            connection.exec_driver_sql("SELECT set_config('referral.scope', 'system:migrate', true)")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _at_newest(engine: Engine) -> bool:
    """Whether the schema is that of the newest migration. Files are named by their revision: 0001_….py."""
    newest = max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    if not inspect(engine).has_table("alembic_version"):
        return False
    with engine.connect() as connection:
        return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == newest
