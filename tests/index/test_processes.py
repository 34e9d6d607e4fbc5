import multiprocessing
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from other_process import Process, die_in_the_commit, serve, write_and_look

from benchmarks.stale_bench import count_stale
from referral_dir.store import Store

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def other(store: Store, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Another process over the same database and instance folder, which does what it is told."""
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=serve, args=(tmp_path, there))
    process.start()

    def tell(*order: Any) -> Any:
        here.send(order)
        assert here.poll(30), "the other process did not answer"
        return here.recv()

    yield tell
    here.send(None)
    process.join(30)
    assert process.exitcode == 0


def test_what_one_process_writes_the_next_search_and_match_of_another_finds(
        tmp_path: Path, other: Callable[..., Any]) -> None:
    mine = Process(tmp_path)
    assert mine.search("desk") == other("search", "desk") == 0
    mine.add("First desk")
    assert other("search", "desk") == 1
    assert other("matches") == 1
    other("add", "Second desk")
    assert mine.search("desk") == 2
    assert mine.matches() == 2
    other("add", "Third desk")
    assert other("search", "desk") == 3
    assert mine.search("third") == 1


def test_processes_that_write_at_the_same_time_find_everything_at_once(store: Store, tmp_path: Path) -> None:
    start, results = SPAWN.Barrier(3), SPAWN.Queue()
    workers = [SPAWN.Process(target=write_and_look, args=(tmp_path, who, 12, start, results))
               for who in ("anna", "boris", "chidi")]
    for worker in workers:
        worker.start()
    found = sorted(results.get(timeout=90) for _ in workers)
    for worker in workers:
        worker.join(30)
    assert found == [("anna", [], 36, 36), ("boris", [], 36, 36), ("chidi", [], 36, 36)]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_bed_that_one_process_fills_is_never_offered_by_the_next_match_of_another(
        tmp_path: Path, request: pytest.FixtureRequest, database: str) -> None:
    """500 times here; `run.py bench stale` does it 10,000 times."""
    empty = request.getfixturevalue("sqlite_store" if database == "sqlite" else "postgres_store")
    url = empty.engine.url.render_as_string(hide_password=False)
    assert count_stale(url, tmp_path, 500) == 0


def test_a_process_killed_in_its_commit_leaves_an_index_that_others_use(store: Store, tmp_path: Path) -> None:
    mine = Process(tmp_path)
    mine.add("Desk one")
    assert mine.search("desk") == 1
    victim = SPAWN.Process(target=die_in_the_commit, args=(tmp_path,))
    victim.start()
    victim.join(60)
    assert victim.exitcode == -signal.SIGKILL
    assert Process(tmp_path).search("desk") == 2
    assert mine.search("desk") == 2
