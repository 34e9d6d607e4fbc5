"""One signed-in match request of an officer, rendered, on SQLite: processor time in all and by stage."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np

import config
from benchmarks.hsds_file import write_directory
from benchmarks.import_bench import empty_store
from benchmarks.world import NOW, make_questions, make_world
from referral_dir import create_app
from referral_dir.desk import accounts, budgets, find
from referral_dir.domain import matching
from referral_dir.domain.budgets import Budget
from referral_dir.domain.need import Need
from referral_dir.domain.vocabulary import Role
from referral_dir.index.match import MatchIndex, warm
from referral_dir.interop.importing import import_directory
from referral_dir.store import candidates
from referral_dir.store.db import Store, reading, transaction
from referral_dir.web import finding, forms

# What an engine with few matches near a place would spare must not count: only full pages do.
SHOWN: Final = find.SHOWN
CANDIDATES: Final = 40
EMAIL, PASSWORD = "bench@officer.example", "invented words in a row"
# Where each stage is called from, by the name that the answer gives it.
STAGES: Final[dict[str, tuple[Any, str]]] = {
    "sign-in checked": (accounts, "person_for_token"),
    "form read": (forms, "need_from"),
    "index caught up": (MatchIndex, "refresh"),
    "index asked": (MatchIndex, "propose"),
    "rows loaded": (candidates, "load_candidates"),
    "phones loaded": (candidates, "phones_of"),
    "rules applied": (matching, "rank"),
    "page rendered": (finding, "render_template"),
}


def run(services: int, queries: int, say: Any) -> dict[str, Any]:
    """Milliseconds of processor time a request, p50 and p99, and the median of each stage."""
    with tempfile.TemporaryDirectory(prefix="referral-bench-") as folder:
        say(f"importing {services:,} services")
        store = empty_store(Path(folder))
        world = make_world(services)
        write_directory(world, Path(folder) / "directory.json", needs=True)
        import_directory(store, Path(folder) / "directory.json", now=datetime.now(UTC), source="bench")
        (Path(folder) / "directory.json").unlink()
        settings = config.load_settings({"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": folder})
        app = create_app(settings, store)
        warm(None)  # as `serve` does
        say("choosing questions that fill a page")
        index = app.extensions["referral_dir"].indexes.match
        with reading(store) as session:
            index.refresh(session)
        questions = full_pages(index, queries)
        say("asking")
        ask = signed_in(app.test_client(), store)
        with patch.object(budgets, "BUDGETS", {"service:find": Budget(1_000_000, 1_000_000)}):
            for question in questions[:20]:
                ask(question)
            whole = [processor_ms(partial(ask, question)) for question in questions]
            shown: list[int] = []
            parts: dict[str, list[float]] = {name: [] for name in STAGES}
            with timed(parts):
                for question in questions:
                    for taken in parts.values():
                        taken.append(0.0)
                    answer = ask(question)
                    cards = [answer.text.count(f'<article class="card{kind}') for kind in ("", ' bad"')]
                    shown.append(cards[0] - cards[1])
        page_kib = len(answer.data) / 1024
        store.engine.dispose()
    stages = {name: round(float(np.median(taken)), 3) for name, taken in parts.items()}
    p50 = float(np.percentile(whole, 50))
    return {"services": services, "queries": len(questions), "mismatches": 0, "results_per_page": int(np.median(shown)),
            "page_kib": round(page_kib, 1), "cpu_p50_ms": round(p50, 3),
            "cpu_p99_ms": round(float(np.percentile(whole, 99)), 3),
            "stages_p50_ms": stages | {"everything else": round(p50 - sum(stages.values()), 3)}}


def full_pages(index: MatchIndex, count: int) -> list[Need]:
    """Questions with a page full of matches; where there are too few such, those with most."""
    asked = make_questions(count * CANDIDATES, seed=5)
    found = [(index.propose(q, NOW, matches=SHOWN, near_misses=0).total, n) for n, q in enumerate(asked)]
    full = [asked[n] for total, n in found if total >= SHOWN]
    most = [asked[n] for _, n in sorted(found, reverse=True)]
    return (full if len(full) >= count else most)[:count]


def signed_in(client: Any, store: Store) -> Callable[[Need], Any]:
    """A function that posts the find form as an officer's browser does."""
    with transaction(store) as session:
        accounts.add_person(session, None, email=EMAIL, name="Bench", role=Role.OFFICER,
                            organization="Bench unit (invented)", password=PASSWORD, now=datetime.now(UTC))
    client.post("/sign-in", data={"email": EMAIL, "password": PASSWORD, "csrf_token": token(client, "/sign-in")})
    csrf = token(client, "/account")

    def ask(need: Need) -> Any:
        answer = client.post("/officer/find", data={
            "csrf_token": csrf, "needs": list(need.needs), "languages": list(need.languages),
            "near": f"{need.place.latitude},{need.place.longitude}", "radius_km": str(need.radius_km),
            "age": str(need.ages[0]) if need.ages else "", "gender": need.gender or "",
            "household": str(need.household)})
        if answer.status_code != 200:
            raise RuntimeError(f"the request was answered with {answer.status_code}")
        return answer

    return ask


def token(client: Any, path: str) -> str:
    """The CSRF token of a page."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).text)
    if found is None:
        raise RuntimeError(f"{path} has no form")
    return found.group(1)


def processor_ms(call: Callable[[], Any]) -> float:
    """Processor time of this process, in ms."""
    started = time.process_time()
    call()
    return (time.process_time() - started) * 1e3


@contextmanager
def timed(parts: dict[str, list[float]]) -> Iterator[None]:
    """Have each stage add its processor time to the last number of its list."""
    patches = [patch.object(owner, name, _clocked(getattr(owner, name), parts[stage]))
               for stage, (owner, name) in STAGES.items()]
    for each in patches:
        each.start()
    try:
        yield
    finally:
        for each in patches:
            each.stop()


def _clocked(function: Callable[..., Any], taken: list[float]) -> Callable[..., Any]:
    def clocked(*args: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return function(*args, **options)
        finally:
            taken[-1] += (time.process_time() - started) * 1e3

    return clocked
