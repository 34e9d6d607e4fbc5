"""The arithmetic of relevance: graded rankings, intervals by resampling, precision and recall of needs."""

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from referral_dir.domain.needs import expand

DEPTH: Final = 10
USEFUL: Final = 1
RESAMPLED: Final = 2000


@dataclass(frozen=True, slots=True)
class Label:
    """What a person who read the service says that it offers. `pooled`: read because a query found it, so not part
    of the random sample that the suggested needs are measured on."""

    main: frozenset[str]
    also: frozenset[str]
    pooled: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One query's scores from 0 to 1. `ndcg` is None where no labelled service of the directory answers the query,
    `judged` (the share of what was found that somebody has labelled) where nothing was found."""

    ndcg: float | None
    success: float
    nothing: float
    judged: float | None


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and between what the means of resampled queries lie in 95 of 100 cases."""

    mean: float
    low: float
    high: float


def grade(label: Label, needs: Collection[str]) -> int:
    """2 where a need that is asked for, or a child of it, is a main one of the service; 1 where it is offered too."""
    wanted = frozenset().union(*(expand(code) for code in needs))
    if wanted & label.main:
        return 2
    return 1 if wanted & label.also else 0


def score(found: Sequence[Label | None], needs: Collection[str], directory: Iterable[Label]) -> Outcome:
    """A ranking's scores. `found` holds the labels of the services found, best first, None for one that nobody has
    labelled, which counts as useless. The ideal ranking is taken from all labelled services of the directory."""
    first = [0 if label is None else grade(label, needs) for label in found[:DEPTH]]
    ideal = sorted((grade(label, needs) for label in directory), reverse=True)[:DEPTH]
    judged = [label is not None for label in found[:DEPTH]]
    return Outcome(
        ndcg=_gain(first) / _gain(ideal) if any(ideal) else None,
        success=float(any(g >= USEFUL for g in first[:3])),
        nothing=float(not any(g >= USEFUL for g in first)),
        judged=sum(judged) / len(judged) if judged else None)


def _gain(grades: Sequence[int]) -> float:
    return math.fsum((2.0 ** g - 1) / math.log2(place + 2) for place, g in enumerate(grades))


def interval(values: Sequence[float]) -> Interval:
    """The mean of at least one value with its bootstrap interval; the same values give the same interval."""
    data = np.array(values)
    picks = np.random.default_rng(7).integers(0, len(data), (RESAMPLED, len(data)))
    low, high = np.percentile(data[picks].mean(axis=1), [2.5, 97.5])
    return Interval(float(data.mean()), float(low), float(high))


def held_out(text: str) -> bool:
    """Whether a query (by its text) or a service (by its id) belongs to the half that nobody looks at while improving
    the product."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 1


@dataclass(frozen=True, slots=True)
class Counted:
    """Micro precision and recall as (right, out of)."""

    precision: tuple[int, int]
    recall: tuple[int, int]


Pairs = Iterable[tuple[Collection[str], Label]]


def suggestions(pairs: Pairs, *, lenient: bool, family: str = "") -> Counted:
    """Suggested needs against labels, only those of the `family` (a need and its children) if one is given.

    A suggestion is right if it is among main and also; a main need is found if it is suggested. `lenient` takes a
    parent or a child for the need itself.
    """
    same: Callable[[str, str], bool] = _related if lenient else str.__eq__
    right = suggested_total = found = main_total = 0
    for suggested, label in pairs:
        for code in suggested:
            if _within(code, family):
                suggested_total += 1
                right += any(same(code, other) for other in label.main | label.also)
        for code in label.main:
            if _within(code, family):
                main_total += 1
                found += any(same(code, other) for other in suggested)
    return Counted((right, suggested_total), (found, main_total))


def _related(one: str, other: str) -> bool:
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")


def _within(code: str, family: str) -> bool:
    return not family or code == family or code.startswith(family + ".")


def grouped(outcomes: Mapping[tuple[str, ...], Sequence[Outcome]]) -> dict[tuple[str, ...], dict[str, Interval]]:
    """Every group's means with intervals, by measure. A measure that no query of the group has is left out."""
    table = {}
    for group, own in outcomes.items():
        measures: dict[str, list[float | None]] = {
            "ndcg@10": [o.ndcg for o in own], "success@3": [o.success for o in own],
            "nothing useful": [o.nothing for o in own], "judged@10": [o.judged for o in own]}
        known = {name: [v for v in values if v is not None] for name, values in measures.items()}
        table[group] = {name: interval(values) for name, values in known.items() if values}
    return table
