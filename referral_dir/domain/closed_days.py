"""Days on which a service is closed whatever its week says: "2026-12-25 (Christmas)", "2026-12-24 to 2027-01-02"."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from referral_dir.domain.saying import say

LONGEST_DAYS: Final = 366
_LINE: Final = re.compile(r"(?P<first>\d{4}-\d{2}-\d{2})(?:\s*(?:to|until|[-–])\s*(?P<last>\d{4}-\d{2}-\d{2}))?"
                          r"(?:\s*\((?P<words>.*)\))?")


@dataclass(frozen=True, slots=True, order=True)
class Closed:
    """From a day to a day, both closed, and what for."""

    first: date
    last: date
    words: str = ""


def read_closed(text: str) -> list[Closed]:
    """The closed days of these lines, in order. Raises ValueError that says how to write them."""
    return sorted({_read(" ".join(line.split())) for line in text.splitlines() if line.strip()})


def _read(line: str) -> Closed:
    found = _LINE.fullmatch(line)
    try:
        first = date.fromisoformat(found["first"] if found else "")
        last = date.fromisoformat((found["last"] if found else "") or str(first))
    except ValueError:
        raise ValueError(say("“%(line)s” is no day: write it like “2027-12-24 (Christmas)”, or several like "
                             "“2027-12-24 to 2028-01-02”", line=line[:60])) from None
    if not 0 <= (last - first).days < LONGEST_DAYS:
        raise ValueError(say("“%(line)s”: the last closed day is the first one or comes after it, within a year",
                             line=line[:60]))
    return Closed(first, last, (found["words"] or "").strip() if found else "")


def write_closed(days: Iterable[Closed]) -> str:
    """The one way of writing these days."""
    return "\n".join(sorted({f"{day.first}" + (f" to {day.last}" if day.last != day.first else "")
                             + (f" ({day.words})" if day.words else "") for day in days}))
