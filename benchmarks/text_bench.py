"""Search by words at a size: our text indexes against Whoosh, tantivy, SQLite and PostgreSQL, on the same questions,
every answer checked against all forms of all services. And how often a misspelt word leads to the one that was meant.
"""

import gc
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import interleaved
from benchmarks.postgres_peers import Server
from benchmarks.text_peers import Fts5, Tantivy, TextEngine, Whoosh
from benchmarks.text_postgres import PostgresFts
from benchmarks.text_truth import SHOWN, Corpus, Found, analysed, is_right
from benchmarks.texts import Typo, make_queries, make_rows, make_typos
from referral_dir.index.documents import query_words
from referral_dir.index.text import TextIndex, TextQuery, open_text_index
from referral_dir.index.words import fold
from referral_dir.store.feed import Position, TextRow

WARM_UP: Final = 20
TYPOS: Final = 500
NEAR: Final = 10
MOST_FOR_WHOOSH: Final = 20_000
KINDS: Final = {"ours": "tantivy", "ours_whoosh": "whoosh"}


class Ours:
    """One of the product's indexes, asked as the product asks it, for one page."""

    def __init__(self, name: str, rows: Sequence[TextRow]) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory(prefix="referral-bench-")
        self.index: TextIndex = open_text_index(Path(self._folder.name), KINDS[name])
        started = time.perf_counter()
        self.index.apply(rows, (), Position(1), seen=None, whole=True)
        self.build_s = time.perf_counter() - started
        files = Path(self._folder.name).rglob("*")
        self.bytes_per_service = sum(path.stat().st_size for path in files if path.is_file()) / len(rows)

    def ask(self, text: str) -> Found:
        """See TextEngine."""
        hits = self.index.search(TextQuery(text, limit=SHOWN))
        return Found(hits.total if hits.every_word else 0, [hit.service_id for hit in hits.hits])

    def close(self) -> None:
        """See TextEngine."""
        self._folder.cleanup()


def run(services: int, queries: int, say: Any) -> dict[str, Any]:
    """One object as the README describes it."""
    say(f"inventing {services:,} services")
    rows = make_rows(services)
    asked, warm_up = make_queries(rows, queries), make_queries(rows, WARM_UP, seed=9)
    corpus = analysed(rows)
    engines: list[TextEngine] = []
    left_out: dict[str, str] = {}
    server: list[Server] = []
    try:
        for name, make in _makers(rows, corpus, server).items():
            if name == "ours_whoosh" and services > MOST_FOR_WHOOSH:
                left_out[name] = f"made for small directories; measured up to {MOST_FOR_WHOOSH:,} services"
                continue
            say(f"loading {name}")
            try:
                engines.append(make())
            except Exception as error:
                if name == "ours":
                    raise
                left_out[name] = f"{type(error).__name__}: {error}"[:300]
        say("answering by brute force")
        truth = {text: corpus.answer(query_words(text)[0]) for text in asked}
        # What was made until now stays: Python need not look through it for garbage again while an engine is timed.
        gc.collect()
        gc.freeze()
        say("asking")
        times, wrong = interleaved(
            {e.name: e.ask for e in engines}, asked, warm_up=warm_up,
            check=lambda name, text, found: is_right(found, truth[text], ordered=name == "ours"))
        say("misspelling")
        typos = _typos(engines, make_typos(rows, TYPOS))
    finally:
        for engine in engines:
            engine.close()
        for each in server:
            each.close()
    measured = times.engines()
    return {
        "services": services, "queries": queries, "mismatches": sum(wrong.values()), "mismatches_by_engine": wrong,
        "engines": {e.name: {**measured[e.name], "bytes_per_service": round(e.bytes_per_service, 1),
                             "build_s": round(e.build_s, 3)} for e in engines},
        "ratios": times.ratios("ours"), "typos": typos, "left_out": left_out}


def _makers(rows: Sequence[TextRow], corpus: Corpus, server: list[Server]) -> dict[str, Callable[[], TextEngine]]:
    def postgres() -> TextEngine:
        server.append(Server(postgis=False))
        return PostgresFts(server[0], corpus)

    return {"ours": lambda: Ours("ours", rows), "ours_whoosh": lambda: Ours("ours_whoosh", rows),
            "whoosh": lambda: Whoosh(corpus), "tantivy": lambda: Tantivy(corpus), "fts5": lambda: Fts5(corpus),
            "postgres_fts": postgres}


def _typos(engines: Sequence[TextEngine], typos: Sequence[Typo]) -> dict[str, float]:
    """How often the word that was meant is among the first NEAR that an engine offers."""
    offers: dict[str, Callable[[str], list[str]]] = {}
    for engine in engines:
        if isinstance(engine, Ours) and engine.name == "ours":
            offers[engine.name] = partial(engine.index.near, public_only=False, limit=NEAR)
        elif isinstance(engine, PostgresFts):
            offers[engine.name] = partial(engine.near, limit=NEAR)
    met = {name: sum(fold(typo.meant) in map(fold, offer(typo.typed)) for typo in typos) / len(typos)
           for name, offer in offers.items()}
    return {**{name: round(share, 4) for name, share in met.items()}, "asked": len(typos)}
