"""What many services share, kept once: ways of speaking, profiles of eligibility, hours, areas, units.

A row of the index holds a number into each table. A question is answered once per entry, not once per service, and
an entry may hold any number of languages or rules: bits in as many 64-bit words as there are codes.
"""

from collections.abc import Hashable, Iterable
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.availability import SHELF_LIFE, shelf_life, unit_kind
from referral_dir.domain.need import Candidate, ServedArea
from referral_dir.domain.opening import Opening, OpenState, Schedule, opening
from referral_dir.domain.reach import area_key
from referral_dir.domain.tongues import Fluency, fluency
from referral_dir.domain.vocabulary import Place
from referral_dir.index.grid import kilometres, steps

# Answers that are kept, times ways of speaking: 8 MB.
KEPT: Final = 4_000_000
# Beside the levels of domain.tongues.Fluency, 0 to 3.
SILENT: Final = 4
INTERPRETED: Final = 5
# By Fluency, then SILENT and INTERPRETED: what is better said through somebody who interprets.
IS_WANTING: Final = np.array([level in (Fluency.NONE, Fluency.ASK, SILENT) for level in range(INTERPRETED + 1)])
_T = TypeVar("_T", bound=Hashable)


class Growing:
    """A NumPy array that is appended to."""

    def __init__(self, dtype: Any, width: int = 0) -> None:
        self._data = np.zeros((64, width) if width else 64, dtype=dtype)
        self._count = 0

    @property
    def array(self) -> NDArray[Any]:
        """What has been appended."""
        return self._data[:self._count]

    def append(self, value: Any) -> None:
        """One more; amortised."""
        if self._count == len(self._data):
            self._data = np.concatenate([self._data, np.zeros_like(self._data)])
        self._data[self._count] = value
        self._count += 1


class Bits:
    """Sets of codes, one row of bits each. Codes may be added at any time; rows widen."""

    def __init__(self) -> None:
        self.codes: dict[Hashable, int] = {}
        self._rows = Growing(np.uint64, 1)

    @property
    def rows(self) -> NDArray[np.uint64]:
        """[sets, words]."""
        return self._rows.array

    def append(self, members: Iterable[Hashable]) -> None:
        """One more set."""
        numbers = [self.codes.setdefault(code, len(self.codes)) for code in members]
        words = len(self.codes) // 64 + 1
        have = self._rows.array
        if words > have.shape[1]:
            wider = Growing(np.uint64, words)
            for row in have:
                wider.append(np.pad(row, (0, words - len(row))))
            self._rows = wider
        self._rows.append(self._mask(numbers))

    def hit(self, members: Iterable[Hashable], rows: NDArray[Any] | slice = slice(None)) -> NDArray[np.bool_]:
        """Which sets (all, or those of these numbers) hold one of the members."""
        table = self.rows
        found: NDArray[np.bool_] | None = None
        for word, bits in enumerate(self._mask(self.codes[code] for code in members if code in self.codes)):
            if bits:
                has = (table[:, word][rows] & np.uint64(bits)) != 0
                found = has if found is None else found | has
        return np.zeros(len(table[rows]), dtype=bool) if found is None else found

    def _mask(self, numbers: Iterable[int]) -> list[int]:
        mask = [0] * self._rows.array.shape[1]
        for number in numbers:
            mask[number // 64] |= 1 << number % 64
        return mask


class Table(Generic[_T]):
    """Distinct values, numbered in the order in which they came."""

    def __init__(self) -> None:
        self.values: list[_T] = []
        self._numbers: dict[_T, int] = {}

    def number(self, value: _T) -> int:
        """The value's number; a new one if it has none."""
        found = self._numbers.get(value)
        if found is None:
            found = self._numbers[value] = len(self.values)
            self.values.append(value)
            self.added(value)
        return found

    def find(self, value: _T) -> int | None:
        """The value's number, if it has one."""
        return self._numbers.get(value)

    def added(self, value: _T) -> None:
        """Called once for every new value."""


class Spoken(NamedTuple):
    """By way of speaking: a Fluency for what was asked, SILENT where no language is told, or INTERPRETED; `lent` is the
    same where somebody lends a voice."""

    level: NDArray[np.int8]
    lent: NDArray[np.int8]


class Tongues(Table[tuple[frozenset[str], bool]]):
    """How services can speak: their language tags, and whether they have interpretation of their own."""

    def __init__(self) -> None:
        super().__init__()
        self._bits = Bits()
        self._empty, self._own = Growing(bool), Growing(bool)
        self._answers: dict[tuple[str, ...], Spoken] = {}

    def added(self, value: tuple[frozenset[str], bool]) -> None:
        codes, own = value
        self._bits.append(sorted(codes))
        self._empty.append(not codes)
        self._own.append(own)

    def answers(self, asked: tuple[str, ...]) -> Spoken:
        """How any one of these tags is spoken, kept for the next who asks for the same."""
        found = self._answers.get(asked)
        if found is None or len(found.level) != len(self.values):
            if (len(self._answers) + 1) * len(self.values) > KEPT:
                self._answers.clear()
            level = reduce(np.maximum, [self._levels(code) for code in asked])
            lent = np.where(IS_WANTING[level], np.int8(INTERPRETED), level)
            found = self._answers[asked] = Spoken(np.where(self._own.array, lent, level), lent)
        return found

    def _levels(self, asked: str) -> NDArray[np.int8]:
        """Without any interpretation."""
        found = np.where(self._empty.array, SILENT, 0).astype(np.int8)
        by_level: dict[Fluency, list[str]] = {Fluency.ASK: [], Fluency.SAME: [], Fluency.DIRECT: []}
        for code in self._bits.codes:
            level = fluency(str(code), asked)
            if level:
                by_level[level].append(str(code))
        for level, codes in by_level.items():
            found[self._bits.hit(codes)] = level
        return found


Hours = tuple[tuple[Schedule, ...], str | None]


class OpeningHours(Table[Hours]):
    """Hours with their time zone. What was found for a moment holds until the next opening or closing."""

    def __init__(self) -> None:
        super().__init__()
        self._found: dict[int, tuple[datetime, datetime, Opening]] = {}

    def opening(self, number: int, now: datetime) -> Opening:
        """See domain.opening.opening."""
        known = self._found.get(number)
        if known and known[0] <= now < known[1]:
            return known[2]
        schedules, zone = self.values[number]
        found = opening(schedules, zone, now)
        until = found.closes if found.state is OpenState.OPEN else found.opens
        self._found[number] = now, until.astimezone(UTC) if until else now + timedelta(hours=1), found
        return found


# ("areas", …) as the service names them; ("anywhere",) by phone; ("unplaced", country); () for a place of its own.
AreaSet = tuple[Any, ...]
PLACED: Final = 0
# How a set of areas serves a place: wherever its services are, or, being of unknown place, in this country.
COVERING: Final = 1
UNPLACED: Final = 2


class AreaSets(Table[AreaSet]):
    """Where services work that are not found by distance alone."""

    def __init__(self) -> None:
        super().__init__()
        self._named: dict[str, list[int]] = {}
        self._circle_of, self._circles = Growing(np.int32), Growing(np.float64, 3)
        self.number(())

    @staticmethod
    def of(c: Candidate) -> AreaSet:
        """The set of a service."""
        if c.areas:
            return ("areas", *sorted(set(c.areas), key=repr))
        if c.remote:
            return ("anywhere",)
        return () if c.points else ("unplaced", c.country or "")

    def added(self, value: AreaSet) -> None:
        number = len(self.values) - 1
        for area in value[1:] if value and value[0] == "areas" else ():
            if isinstance(area, ServedArea) and area.radius_km is not None:
                self._circle_of.append(number)
                self._circles.append((*steps([area.latitude, area.longitude]), area.radius_km))
            elif area.country:
                self._named.setdefault(area_key(area.country, area.admin1), []).append(number)

    def covering(self, place: Place) -> list[int]:
        """Sets whose services serve the place wherever they are."""
        found: set[int] = set()
        if place.country:
            for key in (area_key(place.country, None), area_key(place.country, place.admin1)):
                found.update(self._named.get(key, ()))
        anywhere = self.find(("anywhere",))
        if anywhere is not None:
            found.add(anywhere)
        if len(self._circle_of.array):
            lat, lon, radius = self._circles.array.T
            far = kilometres(place.latitude, place.longitude, lat, lon)
            found.update(self._circle_of.array[far <= radius].tolist())
        return sorted(found)

    def unplaced(self, country: str | None) -> int | None:
        """The set of services of unknown place in this country."""
        return self.find(("unplaced", country)) if country else None


def known_kind(unit: str) -> str:
    """The kind of a unit whose numbers last as that kind's do, and `other` for all that have none of their own."""
    kind = unit_kind(unit)
    return kind if kind in SHELF_LIFE else "other"


class Units(Table[str]):
    """Kinds of capacity; number 0 is none."""

    def __init__(self) -> None:
        super().__init__()
        self._shelf, self._bed = Growing(np.int64), Growing(bool)
        self.number("")

    def added(self, value: str) -> None:
        self._shelf.append(shelf_life(value) // timedelta(microseconds=1))
        self._bed.append(unit_kind(value) == "bed")

    @property
    def shelf_life(self) -> NDArray[np.int64]:
        """Microseconds."""
        return self._shelf.array

    @property
    def is_bed(self) -> NDArray[np.bool_]:
        """Whether a household needs one each."""
        return self._bed.array
