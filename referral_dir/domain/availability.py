"""How far a number of free places can still be believed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from referral_dir.domain.saying import say, say_many

# After this long, a number is unconfirmed. Beds turn over in a night, appointment books in days.
SHELF_LIFE: Final[Mapping[str, timedelta]] = MappingProxyType({
    "bed": timedelta(hours=12),
    "hour": timedelta(hours=24),
    "appointment": timedelta(hours=72),
})
DEFAULT_SHELF_LIFE: Final = timedelta(hours=24)


class CapacityState(StrEnum):
    """What can be said of a service's free places."""

    AVAILABLE = "available"
    FULL = "full"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Capacity:
    """A service_capacity row: `available` units are free, as somebody said at `updated`."""

    unit: str
    available: int
    maximum: int | None
    updated: datetime


@lru_cache(maxsize=1024)
def unit_kind(unit: str) -> str:
    """`bed`, `hour` or `appointment` where the unit's name says so; else the name itself."""
    lowered = unit.casefold()
    return next((kind for kind in SHELF_LIFE if kind in lowered), lowered)


def shelf_life(unit: str) -> timedelta:
    """How long a number of this unit stays confirmed."""
    return SHELF_LIFE.get(unit_kind(unit), DEFAULT_SHELF_LIFE)


def is_fresh(capacity: Capacity, now: datetime) -> bool:
    """Whether the number is within its shelf life. One from the future is not believed."""
    return timedelta(minutes=-5) <= now - capacity.updated <= shelf_life(capacity.unit)


def count_text(number: int, unit: str) -> str:
    """ "1 bed", "3 beds"; a unit that we have no word for stays as its source calls it."""
    match unit.casefold():
        case "bed":
            return say_many("%(number)s bed", "%(number)s beds", number)
        case "place":
            return say_many("%(number)s place", "%(number)s places", number)
        case "hour":
            return say_many("%(number)s hour", "%(number)s hours", number)
        case "interpreter hour":
            return say_many("%(number)s interpreter hour", "%(number)s interpreter hours", number)
        case "appointment":
            return say_many("%(number)s appointment", "%(number)s appointments", number)
    named = unit if number == 1 or unit.endswith("s") else f"{unit}s"
    return say("%(number)s %(unit)s", number=number, unit=named)


def places_needed(unit: str, household: int) -> int:
    """A household needs a bed each, and one appointment or interpreter together."""
    return max(1, household) if unit_kind(unit) == "bed" else 1


def state(capacity: Capacity | None, household: int, now: datetime) -> CapacityState:
    """What the service can be said to have for a household of this size."""
    if capacity is None:
        return CapacityState.UNKNOWN
    if not is_fresh(capacity, now):
        return CapacityState.UNCONFIRMED
    enough = capacity.available >= places_needed(capacity.unit, household)
    return CapacityState.AVAILABLE if enough else CapacityState.FULL


def freshness(updated: datetime | None, unit: str, now: datetime) -> float:
    """1 for a number said this moment, 0.5 at the end of its shelf life, towards 0 after; 0 for none."""
    if updated is None:
        return 0.0
    age = max(0.0, (now - updated) / shelf_life(unit))
    return float(0.5**age)


def ended(offered_until: date | None, now: datetime) -> bool:
    """Whether the day until which something is offered has passed."""
    return offered_until is not None and offered_until < now.date()


def age_text(then: datetime, now: datetime) -> str:
    """ "5 minutes ago", "3 hours ago", "12 days ago"."""
    minutes = max(0, int((now - then).total_seconds() // 60))
    if minutes >= 1440:
        return say_many("%(number)s day ago", "%(number)s days ago", minutes // 1440)
    if minutes >= 60:
        return say_many("%(number)s hour ago", "%(number)s hours ago", minutes // 60)
    if minutes:
        return say_many("%(number)s minute ago", "%(number)s minutes ago", minutes)
    return say("just now")
