"""Weekly hours as people write them, "Mo-Fr 09:00-17:00; Sa 10:00-12:00", and as schedules hold them."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from referral_dir.domain.opening import DAYS
from referral_dir.domain.saying import say, say_list

Span = tuple[str, str]
Week = Mapping[str, tuple[Span, ...]]
ALWAYS: Final = "24/7"
ALL_DAY: Final[Span] = ("00:00", "23:59")
NAMES: Final = {"MO": say("Mon"), "TU": say("Tue"), "WE": say("Wed"), "TH": say("Thu"), "FR": say("Fri"),
                "SA": say("Sat"), "SU": say("Sun")}
_LINE: Final = re.compile(r"([A-Za-z]+)\.?(?:\s*[-–]\s*([A-Za-z]+)\.?)?[\s:]+(.+)")
_SPAN: Final = re.compile(r"(\d{1,2})[:.]?(\d{2})?\s*[-–]\s*(\d{1,2})[:.]?(\d{2})?")


def parse_week(text: str) -> dict[str, tuple[Span, ...]]:
    """The hours by day. Raises ValueError that says how to write them."""
    if text.strip() in (ALWAYS, "always"):
        return dict.fromkeys(DAYS, (ALL_DAY,))
    week: dict[str, tuple[Span, ...]] = {}
    for line in filter(None, (part.strip() for part in re.split(r"[;\n]", text))):
        days, spans = _line(line)
        for day in days:
            week[day] = tuple(sorted({*week.get(day, ()), *spans}))
    return {day: week[day] for day in DAYS if day in week}


def format_week(week: Week) -> str:
    """The one way of writing these hours: days with the same hours together."""
    if week and all(week.get(day) == (ALL_DAY,) for day in DAYS):
        return ALWAYS
    return "; ".join(f"{first.title()}{'-' + last.title() if last != first else ''} "
                     + ", ".join(f"{a}-{b}" for a, b in spans) for first, last, spans in _runs(week))


def say_week(text: str) -> str:
    """The hours in a reader's words."""
    if text == ALWAYS:
        return say("Open day and night")
    return say_list(say("%(days)s %(hours)s", days=_days(first, last), hours=", ".join(f"{a}–{b}" for a, b in spans))
                    for first, last, spans in _runs(parse_week(text)))


def week_of(rows: Iterable[tuple[str | None, str | None, str | None]]) -> dict[str, tuple[Span, ...]]:
    """From (byday, opens, closes) of plain weekly schedules."""
    week: dict[str, set[Span]] = {}
    for byday, opens, closes in rows:
        if opens and closes:
            for day in (byday.upper().split(",") if byday else DAYS):
                week.setdefault(day.strip(), set()).add((opens[:5], closes[:5]))
    return {day: tuple(sorted(week[day])) for day in DAYS if day in week}


def _days(first: str, last: str) -> str:
    if first == last:
        return NAMES[first]
    return say("%(first)s–%(last)s", first=NAMES[first], last=NAMES[last])


def _runs(week: Week) -> list[tuple[str, str, tuple[Span, ...]]]:
    runs: list[tuple[str, str, tuple[Span, ...]]] = []
    for number, day in enumerate(DAYS):
        if day not in week:
            continue
        if runs and number and runs[-1][1] == DAYS[number - 1] and runs[-1][2] == week[day]:
            runs[-1] = (runs[-1][0], day, week[day])
        else:
            runs.append((day, day, week[day]))
    return runs


def _line(line: str) -> tuple[tuple[str, ...], list[Span]]:
    found = _LINE.fullmatch(line)
    spans = [_span(part) for part in found[3].split(",")] if found else []
    first, last = (_day(found[1]), _day(found[2] or found[1])) if found else (None, None)
    if first is None or last is None or None in spans or not spans:
        raise ValueError(say("“%(line)s” is not read: write hours like “Mo-Fr 09:00-17:00; Sa 10:00-12:00”, or “24/7”",
                             line=line[:60]))
    start, end = DAYS.index(first), DAYS.index(last)
    days = DAYS[start:end + 1] if start <= end else DAYS[start:] + DAYS[:end + 1]
    return days, [span for span in spans if span]


def _day(word: str) -> str | None:
    return next((day for day in DAYS if word.upper().startswith(day)), None)


def _span(text: str) -> Span | None:
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    hours = [(int(found[1]), int(found[2] or 0)), (int(found[3]), int(found[4] or 0))]
    if hours[1] == (24, 0):
        hours[1] = (23, 59)
    if any(hour > 23 or minute > 59 for hour, minute in hours) or hours[0] == hours[1]:
        return None
    return f"{hours[0][0]:02}:{hours[0][1]:02}", f"{hours[1][0]:02}:{hours[1][1]:02}"
