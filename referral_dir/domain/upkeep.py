"""When a record must be looked at again."""

import calendar
from datetime import date, timedelta
from typing import Final

MONTHS: Final = 6
# What a source says was checked is good for as long, counted in days.
GOOD_FOR: Final = timedelta(days=183)


def next_check(checked: date, months: int | None) -> date:
    """The same day so many months later, or that month's last."""
    number = checked.month - 1 + (months or MONTHS)
    year, month = checked.year + number // 12, number % 12 + 1
    return date(year, month, min(checked.day, calendar.monthrange(year, month)[1]))


def due_on(checked: date | None, due: date | None) -> date | None:
    """The day by which somebody must look at it; None: it never was, so now."""
    return due or (checked + GOOD_FOR if checked else None)


def is_due(checked: date | None, due: date | None, today: date) -> bool:
    """Whether that day has come."""
    day = due_on(checked, due)
    return day is None or day <= today
