"""Matching at a size: our index against PostGIS and SQLite, on the same questions, every answer checked."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.engines import Answer, Engine, Ours, arrays_of, brute_force, tables_of
from benchmarks.measure import interleaved
from benchmarks.postgres_peers import Postgis, Server
from benchmarks.sqlite_peers import Sqlite
from benchmarks.world import NOW, World, make_questions, make_world
from referral_dir.domain.availability import Capacity
from referral_dir.index import snapshot
from referral_dir.index.columns import Columns
from referral_dir.store.feed import Position

PEERS: Final = ("postgis_tuned", "postgis_plain", "sqlite_join", "sqlite_rtree")
WARM_UP: Final = 40


def run(services: int, queries: int, country: str | None, say: Any) -> dict[str, Any]:
    """One object as the README describes it."""
    say(f"inventing {services:,} services" + (f" in {country}" if country else ""))
    world = make_world(services, country=country)
    questions, warm_up = make_questions(queries, country=country), make_questions(WARM_UP, country=country, seed=9)
    ours = Ours.build(world, time.perf_counter)
    engines: list[Engine] = [each for each in (ours, ours.uncompiled()) if each]
    left_out: dict[str, str] = {}
    server = None
    try:
        for name in PEERS:
            say(f"loading {name}")
            try:
                if name.startswith("postgis"):
                    server = server or Server()
                    engines.append(Postgis(server, world, name))
                else:
                    engines.append(Sqlite(world, name))
            except Exception as error:
                left_out[name] = f"{type(error).__name__}: {error}"[:300]
        say("answering by brute force")
        truth = {id(q): brute_force(world, q) for q in questions}
        say("asking")
        times, wrong = interleaved({e.name: e.ask for e in engines}, questions, warm_up=warm_up,
                                   check=lambda _, question, answer: same(answer, truth[id(question)]))
    finally:
        for engine in engines:
            engine.close()
        if server is not None:
            server.close()
    measured = times.engines()
    return {
        "services": services, "country": country, "queries": queries, "mismatches": sum(wrong.values()),
        "mismatches_by_engine": wrong,
        "results_per_query": round(float(np.mean([len(answer) for answer in truth.values()])), 1),
        "engines": {e.name: {**measured[e.name], "bytes_per_service": round(e.bytes_per_service, 1),
                             "build_s": round(e.build_s, 3)} for e in engines},
        "ratios": times.ratios("ours"), "ours": upkeep(world), "left_out": left_out}


def same(answer: Answer, truth: Answer) -> bool:
    """The same services in the same order, at the same distances (to the 0.1 km to which they are rounded)."""
    return [n for n, _ in answer] == [n for n, _ in truth] and all(
        abs(a - b) < 0.06 for (_, a), (_, b) in zip(answer, truth, strict=True))


def upkeep(world: World) -> dict[str, float]:
    """Opening from a snapshot, and applying a change of availability."""
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as folder:
        path = Path(folder) / "match-index"
        columns = Columns(arrays_of(world), tables_of(world))
        started = time.perf_counter()
        snapshot.save(path, columns, Position(1))
        saved = time.perf_counter() - started
        opened = []
        for _ in range(3):
            started = time.perf_counter()
            loaded = snapshot.load(path)
            opened.append(time.perf_counter() - started)
        if loaded is None or len(loaded[0]["key"]) != len(columns["key"]):
            raise RuntimeError("the snapshot could not be opened")
    rng = np.random.default_rng(3)
    changes = []
    for n in rng.integers(0, len(world), 3000).tolist():
        changes.append(replace(world.candidate(n), capacity=Capacity("bed", n % 7, None, NOW)))
    taken = []
    for candidate in changes:
        started = time.perf_counter()
        columns.apply(candidate.service_id, candidate)
        taken.append(time.perf_counter() - started)
    return {"snapshot_save_s": round(saved, 3), "snapshot_open_s": round(min(opened), 3),
            "apply_availability_us_p50": round(float(np.percentile(taken, 50)) * 1e6, 1),
            "apply_availability_us_p99": round(float(np.percentile(taken, 99)) * 1e6, 1)}
