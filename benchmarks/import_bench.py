"""Importing an HSDS 3.1 file, with needs and without, into an empty SQLite database."""

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.hsds_file import write_directory
from benchmarks.world import make_world
from referral_dir.interop.importing import import_directory
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, make_engine, migrate

KEYS = KeyRing((("bench", b"k" * 32),))


def run(services: int, say: Any) -> dict[str, Any]:
    """Services a second, for a file that names its needs and for one whose needs are to be suggested."""
    world = make_world(services)
    result: dict[str, Any] = {"services": services, "mismatches": 0}
    for name, needs in (("with_needs", True), ("plain_hsds", False)):
        with tempfile.TemporaryDirectory(prefix="referral-bench-") as folder:
            path = Path(folder) / "directory.json"
            say(f"writing {services:,} services as HSDS 3.1, {name.replace('_', ' ')}")
            write_directory(world, path, needs=needs)
            store = empty_store(Path(folder))
            say("importing")
            started = time.perf_counter()
            report = import_directory(store, path, now=datetime.now(UTC), source="bench")
            taken = time.perf_counter() - started
            created = report.tables["service"].created
            store.engine.dispose()
            result[name] = {"seconds": round(taken, 1), "services_per_second": round(services / taken),
                            "file_mib": round(path.stat().st_size / 2**20, 1), "created": created}
            result["mismatches"] += services - created
    return result


def empty_store(folder: Path) -> Store:
    """A migrated SQLite database in the folder."""
    engine = make_engine(f"sqlite:///{folder}/directory.db")
    migrate(engine)
    return Store(engine, KEYS)
