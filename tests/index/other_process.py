"""What the second process of test_processes.py does; a module of its own, so that it can be spawned."""

import os
import signal
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from invented_directory import Directory

from referral_dir.domain.need import Need
from referral_dir.domain.vocabulary import Place
from referral_dir.index.feed import catch_up
from referral_dir.index.match import MatchIndex
from referral_dir.index.text import TextQuery, open_text_index
from referral_dir.store import Store, make_engine, reading
from referral_dir.store.crypto import KeyRing

HERE = (25.7743, -80.1937)
NEED = Need({"legal": frozenset({"legal"})}, Place("Miami", "US", *HERE), radius_km=10)


class Process:
    """A store with its own engine, and its own indexes."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(make_engine(f"sqlite:///{folder}/directory.db"), KeyRing((("test", b"k" * 32),)))
        self.directory = Directory(self.store)
        self.text = open_text_index(folder / "instance", "whoosh")
        self.match = MatchIndex()

    def add(self, name: str) -> None:
        self.directory.add(name, needs=("legal",), at=(HERE,))

    def search(self, text: str) -> int:
        with reading(self.store) as session:
            catch_up(session, self.match, self.text)
        return self.text.search(TextQuery(text)).total

    def matches(self) -> int:
        with reading(self.store) as session:
            catch_up(session, self.match, self.text)
        return self.match.propose(NEED, datetime.now(UTC), matches=5, near_misses=0).total


def serve(folder: Path, pipe: Connection) -> None:
    """Do as told until told to stop."""
    process = Process(folder)
    while (order := pipe.recv()) is not None:
        name, *arguments = order
        pipe.send(getattr(process, name)(*arguments))


def write_and_look(folder: Path, who: str, times: int, start: Barrier, results: Any) -> None:
    """Add services at the same time as others do, and look for each at once."""
    process = Process(folder)
    start.wait()
    missed = [n for n in range(times) if _add_and_miss(process, f"{who}{n}x")]
    start.wait()
    results.put((who, missed, process.search("xx common"), process.matches()))


def _add_and_miss(process: Process, word: str) -> bool:
    process.add(f"{word} xx common")
    return process.search(word) != 1


def die_in_the_commit(folder: Path) -> None:
    """Index a new service, and be killed between the new files and the moment at which they count."""
    import whoosh.index

    process = Process(folder)
    process.search("desk")
    process.add("Desk two")
    whoosh.index.TOC.write = lambda *_args, **_options: os.kill(os.getpid(), signal.SIGKILL)
    process.search("desk")
