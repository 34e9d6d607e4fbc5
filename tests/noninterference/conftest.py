"""The two directories, made once for each module, and how many pairs of answers were compared."""

from collections import Counter
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from tests import cast as people
from tests.noninterference import twins as machinery

COMPARED: Counter[str] = Counter()


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Quick to check: it is the sign-in of six people in two directories."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(people.PASSWORD)


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> machinery.Twins:
    return machinery.make(tmp_path_factory.mktemp("twins"), password_hash)


@pytest.fixture
def counted(twins: machinery.Twins, request: pytest.FixtureRequest) -> Iterator[Counter[str]]:
    """How many pairs this test compared, kept for the summary."""
    before = twins.pairs
    yield COMPARED
    COMPARED[request.node.originalname] += twins.pairs - before


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COMPARED:
        terminalreporter.write_line(f"non-interference: {COMPARED.total()} pairs of answers compared")
