"""Schedules -> open now, opens next, closes when, or unknown; in the service's own time zone.

Reads HSDS 3.1 schedule rows, whose recurrence fields are those of RFC 5545 (freq, interval, byday,
bymonthday, until, count is not used: hours that stop after n times are not how services are described).
"""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LOOK_AHEAD_DAYS: Final = 32
DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")


class OpenState(StrEnum):
    """Whether someone will be there."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The parts of an HSDS schedule that say when. Times are "HH:MM[:SS]" on the service's own clock."""

    opens_at: str | None = None
    closes_at: str | None = None
    freq: str | None = None
    byday: str | None = None
    bymonthday: str | None = None
    interval: int | None = None
    dtstart: date | None = None
    until: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    closed: bool = False
    utc_offset: float | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer. `closes` is set while open (None: does not close soon), `opens` while closed, if known."""

    state: OpenState
    closes: datetime | None = None
    opens: datetime | None = None


Spans = tuple[tuple[datetime, datetime], ...]
UNKNOWN: Final = Opening(OpenState.UNKNOWN)


def opening(schedules: Sequence[Schedule], timezone_name: str | None, now: datetime) -> Opening:
    """What the schedules say about `now` (aware). UNKNOWN where nothing readable or no time zone is given."""
    return _opening(tuple(schedules), timezone_name, now)


@lru_cache(maxsize=256)
def _opening(schedules: tuple[Schedule, ...], timezone_name: str | None, now: datetime) -> Opening:
    """Kept for those of one answer that have the same hours: most of them."""
    readable, zone = _readable(schedules, timezone_name)
    if zone is None:
        return UNKNOWN
    instant = now.astimezone(UTC)
    first = now.astimezone(zone).date() - timedelta(days=1)
    # Most answers lie within days; the long look is for hours that are rare or never end.
    for days in (4, LOOK_AHEAD_DAYS):
        horizon = datetime.combine(first + timedelta(days=days), time(0), zone).astimezone(UTC)
        for start, end in _spans(readable, zone, first, days):
            if start <= instant < end:
                if end < horizon:
                    return Opening(OpenState.OPEN, closes=end.astimezone(zone))
                if days == LOOK_AHEAD_DAYS:
                    return Opening(OpenState.OPEN)
                break
            if start > instant:
                return Opening(OpenState.CLOSED, opens=start.astimezone(zone))
    return Opening(OpenState.CLOSED)


def spans(schedules: Sequence[Schedule], timezone_name: str | None, now: datetime, days: int) -> Spans | None:
    """When it is open from the day before `now` until so many days after it, in UTC; None where that is unknown."""
    readable, zone = _readable(schedules, timezone_name)
    if zone is None:
        return None
    return _spans(readable, zone, now.astimezone(zone).date() - timedelta(days=1), days + 2)


def _readable(schedules: Sequence[Schedule],
              timezone_name: str | None) -> tuple[tuple[Schedule, ...], tzinfo | None]:
    """The schedules that say something, and their zone: None where nobody can tell when it is open."""
    readable = tuple(s for s in schedules if s.closed or _times(s) is not None)
    zone = _zone(timezone_name, readable)
    return readable, zone if any(not s.closed for s in readable) else None


def opens_by(schedules: Sequence[Schedule], timezone_name: str | None, now: datetime, by: datetime) -> bool | None:
    """Whether it is open at some time from now until `by`; None where that is unknown."""
    found = opening(schedules, timezone_name, now)
    if found.state is OpenState.UNKNOWN:
        return None
    return found.state is OpenState.OPEN or (found.opens is not None and found.opens <= by)


def occurs_on(schedule: Schedule, day: date) -> bool:
    """Whether the rule names this day."""
    begins = max(filter(None, (schedule.valid_from, schedule.dtstart)), default=None)
    ends = min(filter(None, (schedule.valid_to, schedule.until)), default=None)
    if (begins and day < begins) or (ends and day > ends):
        return False
    if schedule.freq == "MONTHLY":
        return _in_month(schedule, day)
    return _in_week(schedule, day)


def _in_week(schedule: Schedule, day: date) -> bool:
    if schedule.byday and all(DAYS[day.weekday()] != name for _, name in _bydays(schedule.byday)):
        return False
    interval = schedule.interval or 1
    if interval > 1 and schedule.dtstart:
        first = schedule.dtstart - timedelta(days=schedule.dtstart.weekday())
        return (day - first).days // 7 % interval == 0
    return True


def _in_month(schedule: Schedule, day: date) -> bool:
    interval = schedule.interval or 1
    if interval > 1 and schedule.dtstart:
        months = (day.year - schedule.dtstart.year) * 12 + day.month - schedule.dtstart.month
        if months % interval:
            return False
    length = calendar.monthrange(day.year, day.month)[1]
    if schedule.bymonthday:
        wanted = {int(n) for n in re.findall(r"-?\d+", schedule.bymonthday)}
        if day.day not in wanted and day.day - length - 1 not in wanted:
            return False
    if not schedule.byday:
        return bool(schedule.bymonthday)
    nth, nth_last = (day.day - 1) // 7 + 1, -((length - day.day) // 7 + 1)
    return any(DAYS[day.weekday()] == name and n in (None, nth, nth_last) for n, name in _bydays(schedule.byday))


@lru_cache(maxsize=1024)
def _bydays(text: str) -> tuple[tuple[int | None, str], ...]:
    return tuple((int(number) if number else None, name) for number, name in _BYDAY.findall(text.upper()))




@lru_cache(maxsize=4096)
def _spans(rules: tuple[Schedule, ...], zone: tzinfo, first: date, days: int) -> Spans:
    """When it is open on these days, in UTC, what touches made one. Kept: many services have the same hours."""
    spans = []
    for offset in range(days):
        day = first + timedelta(days=offset)
        if any(rule.closed and occurs_on(rule, day) for rule in rules):
            continue
        for rule in rules:
            times = None if rule.closed else _times(rule)
            if times and occurs_on(rule, day):
                spans.append(_span(day, *times, zone))
    return _merge(sorted(spans))


def _span(day: date, opens: time, closes: time, zone: tzinfo) -> tuple[datetime, datetime]:
    """The instants of one opening; a closing at or before the opening is on the next day."""
    last = day if closes > opens else day + timedelta(days=1)
    if closes >= time(23, 59):
        last, closes = last + timedelta(days=1), time(0)
    start = datetime.combine(day, opens, zone).astimezone(UTC)
    return start, datetime.combine(last, closes, zone).astimezone(UTC)


def _merge(spans: list[tuple[datetime, datetime]]) -> Spans:
    merged: list[tuple[datetime, datetime]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def _times(schedule: Schedule) -> tuple[time, time] | None:
    return _pair(schedule.opens_at or "", schedule.closes_at or "")


@lru_cache(maxsize=1024)
def _pair(opens_at: str, closes_at: str) -> tuple[time, time] | None:
    try:
        return time.fromisoformat(opens_at).replace(tzinfo=None), time.fromisoformat(closes_at).replace(tzinfo=None)
    except ValueError:
        return None


def _zone(name: str | None, schedules: Sequence[Schedule]) -> tzinfo | None:
    if name:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            pass
    offsets = {s.utc_offset for s in schedules if s.utc_offset is not None and abs(s.utc_offset) < 24}
    return timezone(timedelta(hours=offsets.pop())) if len(offsets) == 1 else None
