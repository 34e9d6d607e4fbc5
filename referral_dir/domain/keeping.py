"""Keeping the numbers of free places true: when one needs a word, when that is worth a mail, and the week behind us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from referral_dir.domain.availability import shelf_life

# A number needs a word in the last quarter of its shelf life: soon enough to give it without a gap.
SOON: Final = 0.25
# One that nobody has said anything about for longer is no reason for a mail a day: the board goes on showing it.
WORTH_A_MAIL: Final = timedelta(days=30)
# How long an act on the board can be taken back, by whoever did it.
UNDO_WITHIN: Final = timedelta(minutes=10)
WEEK_DAYS: Final = 7
# The week is looked at in steps this long, so that it does not tell when a single person came or went.
STEP: Final = timedelta(hours=3)


def stale_at(unit: str, updated: datetime) -> datetime:
    """When the number stops being believed."""
    return updated + shelf_life(unit)


def needs_a_word(unit: str, updated: datetime, now: datetime) -> bool:
    """Whether somebody should say whether the number is still true: it is stale, or about to be."""
    return now >= stale_at(unit, updated) - SOON * shelf_life(unit)


def worth_a_mail(unit: str, updated: datetime, now: datetime) -> bool:
    """Whether its keepers are sent word of it."""
    return needs_a_word(unit, updated, now) and now - updated <= WORTH_A_MAIL


@dataclass(frozen=True, slots=True)
class Level:
    """So many were free, of so many in all, from then on."""

    at: datetime
    available: int
    maximum: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the week: the fewest and the most that were free at any step of it. None: not known."""

    day: date
    fewest: int | None
    most: int | None
    maximum: int | None


def week_begins(now: datetime) -> datetime:
    """The first moment of the seven days that end with today, in UTC."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=WEEK_DAYS - 1)


def steps(levels: Sequence[Level], now: datetime) -> list[tuple[datetime, Level | None]]:
    """What stood at each step of the last seven days, oldest first; None before the first level that is known."""
    begun = week_begins(now)
    found, standing, rest = [], None, list(levels)
    for moment in (begun + STEP * n for n in range(int((now - begun) / STEP) + 1)):
        while rest and rest[0].at <= moment:
            standing = rest.pop(0)
        found.append((moment, standing))
    return found


def days(samples: Sequence[tuple[datetime, Level | None]]) -> list[Day]:
    """The steps by day, oldest first."""
    by_day: dict[date, list[Level]] = {}
    for moment, level in samples:
        by_day.setdefault(moment.date(), []).extend([level] if level else [])
    return [Day(day, min((x.available for x in found), default=None), max((x.available for x in found), default=None),
                found[-1].maximum if found else None) for day, found in sorted(by_day.items())]
