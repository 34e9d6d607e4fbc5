"""Timing side by side, and what is made of it."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

ROUNDS: Final = 3
BLOCK: Final = 10


@dataclass
class Times:
    """Milliseconds by engine, one list position per query."""

    by_engine: dict[str, list[float]] = field(default_factory=dict)

    def engines(self) -> dict[str, dict[str, float]]:
        """p50 and p99 of each."""
        return {name: {"p50_ms": _at(ms, 50), "p99_ms": _at(ms, 99)} for name, ms in self.by_engine.items()}

    def ratios(self, ours: str) -> dict[str, dict[str, float]]:
        """Peer divided by ours, query by query: the median and the p99 of these ratios. `tails` divides the p99 of the
        peer's times by the p99 of ours."""
        own = np.array(self.by_engine[ours])
        found = {}
        for name, ms in self.by_engine.items():
            if name != ours:
                each = np.array(ms) / own
                found[name] = {"p50": _at(each, 50), "p99": _at(each, 99),
                               "tails": round(_at(ms, 99) / max(1e-9, _at(own, 99)), 2)}
        return found


def interleaved(asks: dict[str, Callable[[Any], Any]], questions: Sequence[Any], *, warm_up: Sequence[Any],
                check: Callable[[str, Any, Any], bool]) -> tuple[Times, dict[str, int]]:
    """Every engine answers every question; each answer is checked.

    The engines take turns by BLOCK questions, the first to go changing each time: a turn for each question would have
    every engine pay for the processor caches that the one before it has emptied. All questions are put in ROUNDS
    rounds and the best time of each counts, as other work on the machine is nobody's. Returns the times and how many
    answers of each engine were wrong.
    """
    for question in warm_up:
        for ask in asks.values():
            ask(question)
    times, wrong = Times({name: [math.inf] * len(questions) for name in asks}), dict.fromkeys(asks, 0)
    names = list(asks)
    for turn in range(ROUNDS * -(-len(questions) // BLOCK)):
        first = turn * BLOCK % (-(-len(questions) // BLOCK) * BLOCK)
        for name in names[turn % len(names):] + names[:turn % len(names)]:
            for n, question in enumerate(questions[first:first + BLOCK], first):
                started = time.perf_counter()
                answer = asks[name](question)
                taken = (time.perf_counter() - started) * 1e3
                times.by_engine[name][n] = min(times.by_engine[name][n], taken)
                wrong[name] += not check(name, question, answer)
    return times, wrong


def _at(values: Any, percentile: float) -> float:
    return round(float(np.percentile(values, percentile)), 4)
