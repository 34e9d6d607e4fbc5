"""Two processes and one database: one fills and frees a bed, the other matches at once. How often is it wrong?"""

import multiprocessing
import random
import tempfile
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import update

from benchmarks.import_bench import KEYS, empty_store
from referral_dir.desk import find
from referral_dir.desk.opening_up import open_indexes
from referral_dir.store.db import Store, make_engine, transaction
from referral_dir.store.directory import (
    Location,
    Organization,
    Service,
    ServiceAtLocation,
    ServiceCapacity,
    ServiceNeed,
    Unit,
)
from referral_dir.store.records import service_changed

WRITES: Final = 10_000
BYSTANDERS: Final = 50
MIAMI: Final = (25.7743, -80.1937)
SPAWN: Final = multiprocessing.get_context("spawn")


def run(writes: int, say: Any) -> dict[str, Any]:
    """How many of the writes were not seen by the next match of the other process, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as folder:
        store = empty_store(Path(folder))
        url = store.engine.url.render_as_string(hide_password=False)
        store.engine.dispose()
        say(f"writing {writes:,} times in one process, matching after each in another")
        started = time.perf_counter()
        stale = count_stale(url, Path(folder), writes)
        taken = time.perf_counter() - started
    return {"writes": writes, "stale": stale, "mismatches": stale,
            "ms_per_write_and_match": round(taken / writes * 1e3, 2)}


def count_stale(url: str, folder: Path, writes: int) -> int:
    """How often the bed was offered though full, or not offered though free. The database is migrated and empty."""
    store = Store(make_engine(url), KEYS)
    service_id, capacity_id = _directory(store)
    here, there = SPAWN.Pipe()
    reader = SPAWN.Process(target=match_when_told, args=(url, folder, service_id, there), daemon=True)
    reader.start()
    rng, stale = random.Random(5), 0
    try:
        for _ in range(writes):
            free = rng.choice((0, 0, 1, 2))
            with transaction(store) as session:
                session.execute(update(ServiceCapacity).where(ServiceCapacity.id == capacity_id).values(
                    available=free, updated=datetime.now(UTC)))
                service_changed(session, service_id)
            here.send(True)
            stale += here.recv() != (free > 0)
        here.send(False)
        reader.join(30)
    finally:
        reader.kill()
        store.engine.dispose()
    return stale


def match_when_told(url: str, folder: Path, service_id: UUID, pipe: Connection) -> None:
    """The other process: match as a request does, and say whether the service was offered."""
    store, indexes = Store(make_engine(url), KEYS), open_indexes(folder / "other", "whoosh")
    need = find.make_need(needs=["shelter.emergency"], near="Miami, Florida")
    while pipe.recv():
        with transaction(store) as session:
            answer = find.match_services(session, indexes, None, need, datetime.now(UTC))
        pipe.send(any(m.candidate.service_id == service_id for m in answer.matches))
    store.engine.dispose()


def _directory(store: Store) -> tuple[UUID, UUID]:
    """A shelter with a bed among others without one, in Miami: its id, and that of its capacity."""
    with transaction(store) as session:
        home, unit = Organization(name="Bench (invented)", description=""), Unit(name="bed")
        session.add_all([home, unit])
        session.flush()
        for n in range(BYSTANDERS + 1):
            service = Service(id=uuid4(), organization_id=home.id, name=f"Shelter {n} (invented)", status="active")
            place = Location(latitude=MIAMI[0] + n / 1000, longitude=MIAMI[1])
            session.add_all([service, place])
            session.flush()
            capacity = ServiceCapacity(service_id=service.id, unit_id=unit.id, available=0, maximum=9,
                                       updated=datetime.now(UTC))
            session.add_all([
                capacity, ServiceAtLocation(service_id=service.id, location_id=place.id),
                ServiceNeed(service_id=service.id, need="shelter.emergency")])
            session.flush()
            service_changed(session, service.id)
        return service.id, capacity.id
