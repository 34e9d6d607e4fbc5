"""The week's hours of a service for people to read: one line for the days that have the same."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from babel.dates import get_day_names

from referral_dir.domain.opening import Schedule, occurs_on
from referral_dir.web.auth import now
from referral_dir.web.languages import ui_language

if TYPE_CHECKING:
    from referral_dir.store.directory import Schedule as Row


def hours(rows: "Sequence[Row]") -> list[tuple[str, str]]:
    """(days, times) of the seven days from today on, Monday first; what a rule closes has no times."""
    rules = [Schedule(opens_at=r.opens_at, closes_at=r.closes_at, freq=r.freq, byday=r.byday, bymonthday=r.bymonthday,
                      interval=r.interval, dtstart=r.dtstart, until=r.until, valid_from=r.valid_from,
                      valid_to=r.valid_to, closed=r.closed) for r in rows]
    names, lines = get_day_names("wide", locale=ui_language()), dict[str, list[str]]()
    week = sorted((now().date() + timedelta(days=n) for n in range(7)), key=lambda day: day.weekday())
    for day in week:
        that = [rule for rule in rules if occurs_on(rule, day)]
        if any(rule.closed for rule in that):
            continue
        times = sorted({f"{rule.opens_at[:5]}–{(rule.closes_at or '')[:5]}" for rule in that if rule.opens_at})
        if times:
            lines.setdefault(", ".join(times), []).append(names[day.weekday()])
    return [(", ".join(days), times) for times, days in lines.items()]
