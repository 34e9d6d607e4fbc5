"""Who is on duty, by hours of the week on the organization's own clock. Hours are read as a service's opening hours."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from referral_dir.domain.errors import Invalid
from referral_dir.domain.opening import DAYS, OpenState, Schedule, opening
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Priority

# A request that nobody on duty has opened by then is told to everyone.
DEFAULT_MINUTES: Final = 15
FEWEST_MINUTES, MOST_MINUTES = 5, 240
PRESSING: Final = frozenset({Priority.IMMEDIATE, Priority.EMERGENCY, Priority.URGENT})
_CLOCK: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True, slots=True)
class Shift:
    """Someone's hours on some days; where they end at or before they begin, they end on the next day."""

    person_id: UUID
    days: tuple[str, ...]
    begins: str
    ends: str

    def schedule(self) -> Schedule:
        """The same as hours of a service."""
        return Schedule(opens_at=self.begins, closes_at=self.ends, freq="WEEKLY", byday=",".join(self.days))


@dataclass(frozen=True, slots=True)
class Duty:
    """Who of these is on duty now, and until when somebody is, without a gap; or when somebody is next."""

    people: frozenset[UUID]
    until: datetime | None = None
    next: datetime | None = None


def on_duty(shifts: Sequence[Shift], away: Collection[UUID], timezone: str, now: datetime) -> Duty:
    """Who is on duty. Who is away is not, whatever their hours."""
    here = [shift for shift in shifts if shift.person_id not in away]
    people = frozenset(shift.person_id for shift in here
                       if opening([shift.schedule()], timezone, now).state is OpenState.OPEN)
    found = opening([shift.schedule() for shift in here], timezone, now)
    return Duty(people, found.closes if people else None, found.opens)


def escalate_at(now: datetime, minutes: int) -> datetime:
    """When everyone is told of what nobody has opened."""
    return now + timedelta(minutes=minutes)


def check_shift(days: Collection[str], begins: str, ends: str) -> None:
    """Raise Invalid with every field that is wrong."""
    errors: dict[str, str] = {}
    if not days or not set(days) <= set(DAYS):
        errors["days"] = say("Choose at least one day.")
    if not _CLOCK.fullmatch(begins):
        errors["begins"] = say("Write a time of day, like 22:00.")
    if not _CLOCK.fullmatch(ends):
        errors["ends"] = say("Write a time of day, like 06:00.")
    if errors:
        raise Invalid(errors)


def check_zone(name: str) -> None:
    """Raise Invalid unless it names a time zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid({"timezone": say("Choose a time zone from the list.")}) from None
