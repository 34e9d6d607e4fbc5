"""Many pairs of answers from two directories that differ only in where their hidden services are. None may differ.

The machinery is that of `tests/noninterference`; each round moves every hidden service within its zone.
"""

import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Final

from argon2 import PasswordHasher

from referral_dir.store.db import reading
from tests import cast as people
from tests.noninterference import commands, questions, twins, visits
from tests.noninterference.questions import Chance

PAIRS: Final = 100_000
# Of each round's pairs: questions to the desk, visits to pages; a command now and then.
QUESTIONS: Final = 400
VISITS: Final = 100
TEXTS: Final = ("", "é", "شارع", "' OR 1=1 --", "%", "a\x00b", "x" * 600, "🏠", "7 Elm", "😀 shelter", "\u202eabc")
NUMBERS: Final = (0.0, -1.0, float("nan"), float("inf"), 1e-9, 1e9, 0.5)


def run(pairs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Compare so many pairs. `mismatches` are those that differed; the first of each kind is told."""
    started, kinds, told = time.monotonic(), Counter[str](), dict[str, str]()
    with tempfile.TemporaryDirectory() as folder:
        say("making two directories")
        hash_ = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(people.PASSWORD)
        both = twins.make(Path(folder), hash_)
        walk, every, seed, leaks = visits.begin(both), list(commands.commands()), 0, 0
        while both.pairs < pairs:
            seed += 1
            walk.begin()
            both.move(seed)
            if seed % 20 == 0:
                commands.move_files(both, seed)
                say(f"{both.pairs:,} pairs, {leaks} differ")
            chance = Chance(Random(seed), TEXTS, NUMBERS)
            for kind, compare in _round(both, walk, chance, every, seed, pairs - both.pairs):
                kinds[kind] += 1
                try:
                    compare()
                except twins.Leak as leak:
                    leaks += 1
                    told.setdefault(kind, str(leak)[:600])
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"pairs": both.pairs, "mismatches": leaks, "kinds": dict(kinds), "told": told,
            "seconds": round(time.monotonic() - started, 1), "processor_seconds": round(used.ru_utime + used.ru_stime)}


def _round(both: twins.Twins, walk: visits.Walk, chance: Chance, every: list[commands.Named], seed: int,
           left: int) -> Any:
    """(kind, what compares one pair) for a round."""
    with reading(both.left.store) as one, reading(both.right.store) as other:
        sessions = {id(both.left): one, id(both.right): other}
        for kind, question in questions.questions(chance, min(left, QUESTIONS)):
            yield kind, lambda k=kind, q=question: both.compare(
                k, lambda side: questions.answered(q, side, sessions[id(side)]))
    for _ in range(min(max(0, left - QUESTIONS), VISITS)):
        yield "page", lambda: walk.visit(chance)
    path, command = every[seed % len(every)]
    if left > QUESTIONS + VISITS:
        yield "command", lambda: commands.run(both, chance, path, command)
