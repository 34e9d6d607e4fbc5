"""What judged rows come to: the best of them, how many there are, and how far one would have to go for one more."""

from typing import Any, Final, NamedTuple
from uuid import UUID, SafeUUID

import numpy as np

from referral_dir.index.columns import Columns
from referral_dir.index.judging import Judged
from referral_dir.index.loop import NOT_NEAR

# So many are sorted by Python in the time of NumPy's calls.
FEW: Final = 64


class Proposed(NamedTuple):
    """A service, the km to its nearest point (None without any), and its score when it was proposed."""

    service_id: UUID
    distance_km: float | None
    score: float


class Ranked(NamedTuple):
    """Matches and near misses, best first; how many match; the km to the nearest service that is only too far away."""

    matches: tuple[Proposed, ...]
    near_misses: tuple[Proposed, ...]
    total: int
    wider_km: float | None


NOTHING: Final = Ranked((), (), 0, None)


def rank(columns: Columns, judged: Judged, matches: int, near_misses: int) -> Ranked:
    """At most so many matches and near misses: fewest unmet criteria first, then by score, then by id."""
    if len(judged.rows) > FEW:
        return _rank_many(columns, judged, matches, near_misses)
    if not len(judged.rows):
        return NOTHING
    few = [values if isinstance(values, list) else values.tolist() for values in judged]
    wider = min([km for km, unmet, far in zip(*few[1:4], strict=True) if far and unmet == 1], default=None)
    best, near = _best(columns, few, matches, near_misses)
    return Ranked(best, near, few[2].count(0), wider)


def _rank_many(columns: Columns, judged: Judged, matches: int, near_misses: int) -> Ranked:
    met = judged.unmet == 0
    far = judged.distance[(judged.too_far != 0) & (judged.unmet == 1)]
    kept = _first(judged, met.nonzero()[0], matches)
    if near_misses:
        kept = np.concatenate([kept, _first(judged, (~met).nonzero()[0], near_misses)])
    best, near = _best(columns, [values[kept].tolist() for values in judged], matches, near_misses)
    return Ranked(best, near, int(met.sum()), float(far.min()) if len(far) else None)


def _first(judged: Judged, chosen: Any, count: int) -> Any:
    """Of the chosen ones those that may be among the first so many."""
    if len(chosen) <= count:
        return chosen
    # One number for both: scores are from 0 to 1.
    order = judged.unmet[chosen] * 2 - judged.score[chosen]
    return chosen[(order <= np.partition(order, count - 1)[count - 1]).nonzero()[0]]


def _best(columns: Columns, few: list[list[Any]], matches: int,
          near_misses: int) -> tuple[tuple[Proposed, ...], tuple[Proposed, ...]]:
    high, low = columns.views["high"], columns.views["low"]
    every = sorted([(unmet, -score, high[row], low[row], km) for row, km, unmet, _, score in zip(*few, strict=True)])
    total = few[2].count(0)
    return (tuple([_proposed(*each) for each in every[:min(total, matches)]]),
            tuple([_proposed(*each) for each in every[total:total + near_misses]]))


def _proposed(_: int, negative_score: float, high: int, low: int, distance_km: float) -> Proposed:
    return Proposed(_uuid(high << 64 | low), None if distance_km == NOT_NEAR else distance_km, -negative_score)


def _uuid(number: int) -> UUID:
    """UUID(int=number) without its checks of what was not given, which cost more than the rest of a proposal."""
    found = object.__new__(UUID)
    object.__setattr__(found, "int", number)
    object.__setattr__(found, "is_safe", SafeUUID.unknown)
    return found
