"""National helplines (data/helplines.json): what remains when nothing else is found."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Final

from referral_dir.domain.needs import DATA
from referral_dir.domain.saying import say

ANYWHERE: Final = "*"
_NAMES: Final = {
    "Emergency services": say("Emergency services"), "Emergency police": say("Police, in an emergency"),
    "Emergency response": say("Emergency services"),
    "Emergency services by mobile phone (works in most countries)":
        say("Emergency services by mobile phone. It works in most countries."),
    "IOM, find the office in this country": say("IOM helps people who travel. Find its office in your country."),
}
_HOURS: Final = {
    "24 hours": say("Day and night"), "weekdays": say("Monday to Friday"), "office hours": say("In the daytime"),
    "hours not confirmed": say("We do not know the hours"),
}


@dataclass(frozen=True, slots=True)
class Helpline:
    """A number as it is dialled in the country. `unverified`: nobody has called it to check it yet."""

    country: str
    name: str
    kind: str
    phone: str
    languages: tuple[str, ...]
    hours: str
    url: str
    source: str
    checked: str | None
    unverified: bool
    # By the kind of its number, as the country's numbering plan or a law has it.
    free: bool = False

    @property
    def called(self) -> str:
        """Its name; one that is no proper name can be said in every language."""
        return _NAMES.get(self.name, self.name)

    @property
    def open(self) -> str:
        """When somebody answers."""
        return _HOURS.get(self.hours, self.hours)


@cache
def every_helpline() -> tuple[Helpline, ...]:
    """All helplines as the file has them."""
    read = json.loads((DATA / "helplines.json").read_text(encoding="utf-8"))["helplines"]
    return tuple(Helpline(**{**row, "languages": tuple(row["languages"])}) for row in read)


def helplines(country: str | None) -> tuple[Helpline, ...]:
    """Those of the country (ISO 3166-1 alpha-2), trafficking first; of no country where none is known."""
    order = {"trafficking": 0, "emergency": 1}
    found = [h for h in every_helpline() if country and h.country == country.upper()]
    found = found or [h for h in every_helpline() if h.country == ANYWHERE]
    return tuple(sorted(found, key=lambda h: (not h.phone, order.get(h.kind, 2), h.name)))


def countries() -> tuple[str, ...]:
    """The countries that have helplines."""
    return tuple(sorted({h.country for h in every_helpline()} - {ANYWHERE}))
