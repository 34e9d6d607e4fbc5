"""What a table of counts may show, so that nobody in it is pointed at. docs/decisions/figures.md says where from.

A count below SMALLEST is not shown (primary suppression). Where a total stands beside it, what is missing could be had
as the difference: then further cells are withheld, smallest first (complementary suppression), until every small count
could still be any small number. Where even that is not enough, the total is withheld.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, inf
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")
SMALLEST: Final = 5
# A middle of so few is somebody's own; so is the ninth of ten.
FOR_MEDIAN: Final = 5
FOR_NINETIETH: Final = 10


class Kept(StrEnum):
    """Why a count is not shown."""

    SMALL = "small"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Protected(Generic[Key]):
    """Counts, or why one is not shown; `total` is None where it would give one away."""

    cells: Mapping[Key, int | Kept]
    total: int | None


def protect(counts: Mapping[Key, int]) -> Protected[Key]:
    """The table as it may be shown together with its total."""
    small = {key for key, count in counts.items() if 0 < count < SMALLEST}
    others = sorted((key for key, count in counts.items() if count >= SMALLEST), key=lambda key: counts[key])
    withheld: set[Key] = set()
    while small and not _hides(counts, small, withheld) and others:
        withheld.add(others.pop(0))
    safe = not small or _hides(counts, small, withheld)
    # Without a total nothing can be taken from it, and what is not small may stand.
    kept = withheld if safe else set()
    cells = {key: Kept.SMALL if key in small else Kept.WITHHELD if key in kept else count
             for key, count in counts.items()}
    return Protected(cells, sum(counts.values()) if safe else None)


def together(tables: Sequence[Protected[Key]]) -> list[Protected[Key]]:
    """Tables of the same sum: where one can't show it, none may, and none may give it away by showing every cell."""
    if all(table.total is not None for table in tables):
        return list(tables)
    return [Protected(table.cells if any(isinstance(count, Kept) for count in table.cells.values())
                      else dict.fromkeys(table.cells, Kept.WITHHELD), None) for table in tables]


def _hides(counts: Mapping[Key, int], small: set[Key], withheld: set[Key]) -> bool:
    """Whether each small count, as far as the total tells, could be anything from 1 to SMALLEST - 1."""
    missing = sum(counts[key] for key in small | withheld)
    least = (len(small) - 1) + len(withheld) * SMALLEST
    most = inf if withheld else (len(small) - 1) * (SMALLEST - 1)
    return missing - most <= 1 and missing - least >= SMALLEST - 1


def quantile(values: list[float], share: float) -> float:
    """The least value that this share of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]
