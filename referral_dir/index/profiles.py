"""Whom services take: profiles of eligibility, and what each says to one thing that is asked of a person."""

from collections.abc import Hashable
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.need import Candidate
from referral_dir.index.tables import Bits, Growing, Table

FOREVER: Final = date.max.toordinal()
# A verdict counts unmet criteria, unknown ones, and those that the profile speaks of at all, in one number; that of
# "offered", which is always asked, says too whether eligibility is told in words alone.
UNMET: Final = 1
UNKNOWN_BITS: Final = 10
UNKNOWN: Final = 1 << UNKNOWN_BITS
SPOKEN: Final = 1 << 20
IN_WORDS: Final = 1 << 30
COUNT_MASK: Final = (1 << UNKNOWN_BITS) - 1
# Verdicts that are kept, times profiles: 16 MB.
KEPT: Final = 4_000_000

# offered_until's ordinal, minimum and maximum age, largest household, rules, says more in words, works by phone
Profile = tuple[int, float | None, float | None, int | None, tuple[tuple[str, str, str], ...], bool, bool]
# ("offered", today's ordinal), ("age", youngest, oldest), ("household", people), or a criterion with its code
Asked = tuple[str, *tuple[Any, ...]]
Flags = NDArray[np.bool_]


def profile_of(c: Candidate) -> Profile:
    """What the rules of eligibility read of a service, until when it is offered, and whether it works by phone."""
    return (c.offered_until.toordinal() if c.offered_until else FOREVER, c.minimum_age, c.maximum_age,
            c.maximum_household, tuple((r.criterion, r.code, r.effect) for r in c.eligibility),
            bool(c.eligibility_text) and not c.eligibility, c.remote)


class Profiles(Table[Profile]):
    """Profiles by column. Rules are bits: of those served and of those excluded."""

    def __init__(self) -> None:
        super().__init__()
        self._until, self._household = Growing(np.int32), Growing(np.int32)
        self._low, self._high, self._aged = Growing(np.float64), Growing(np.float64), Growing(bool)
        self._text, self._remote = Growing(bool), Growing(bool)
        self.serves, self.excludes = Bits(), Bits()
        self._codes: dict[str, list[Hashable]] = {}
        self._verdicts: dict[Asked, NDArray[np.int32]] = {}

    def added(self, value: Profile) -> None:
        until, low, high, household, rules, text, remote = value
        self._until.append(until)
        self._low.append(low or 0)
        self._high.append(np.inf if high is None else high)
        self._aged.append(low is not None or high is not None)
        self._household.append(household or 0)
        self._text.append(text)
        self._remote.append(remote)
        self.serves.append([(c, code) for c, code, effect in rules if effect == "serves"])
        self.excludes.append([(c, code) for c, code, effect in rules if effect == "excludes"])
        for criterion, code, _ in rules:
            known = self._codes.setdefault(criterion, [])
            if (criterion, code) not in known:
                known.append((criterion, code))
        self._verdicts.clear()

    def verdict(self, asked: Asked) -> NDArray[np.int32]:
        """What each profile says to this, kept for the next who asks the same: UNMET, UNKNOWN and SPOKEN added."""
        found = self._verdicts.get(asked)
        if found is None:
            if (len(self._verdicts) + 1) * len(self.values) > KEPT:
                self._verdicts.clear()
            found = self._verdicts[asked] = self._judge(asked)
        return found

    def _judge(self, asked: Asked) -> NDArray[np.int32]:
        """The rules of domain/eligibility.py, and of what is offered no more."""
        name, what = asked[0], asked[1]
        nobody = np.zeros(len(self.values), dtype=bool)
        if name == "offered":
            return _verdict(self._until.array < what, nobody, nobody) | self._text.array * np.int32(IN_WORDS)
        if name == "age":
            youngest, oldest = asked[1:]
            aged, low, high = self._aged.array, self._low.array, self._high.array
            outside = aged & ((oldest < low) | (youngest >= high + 1))
            inside = (low <= youngest) & (oldest < high + 1)
            return _verdict(outside, aged & ~inside & ~outside, aged)
        if name == "household" and isinstance(what, int):
            largest = self._household.array
            return _verdict((largest != 0) & (largest < what), nobody, largest != 0)
        this = [(name, what)]
        if name == "accessibility":
            no = self.excludes.hit(this)
            return _verdict(no, ~no & ~self.serves.hit(this), ~nobody)
        every = self._codes.get(name, ())
        served, excluded = self.serves.hit(every), self.excludes.hit(every)
        turned_away = self.excludes.hit(this) | (served & ~self.serves.hit(this))
        return _verdict(turned_away, nobody, served | excluded)

    @property
    def remote(self) -> Flags:
        """Whether it works by phone or online."""
        return self._remote.array

    @property
    def until(self) -> NDArray[np.int32]:
        """Last day on which it is offered, as an ordinal."""
        return self._until.array


def _verdict(unmet: Flags, unknown: Flags, spoken: Flags) -> NDArray[np.int32]:
    return unmet * np.int32(UNMET) + unknown * np.int32(UNKNOWN) + spoken * np.int32(SPOKEN)
