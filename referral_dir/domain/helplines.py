"""National helplines (data/helplines.json): what remains when nothing else is found."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Final

from referral_dir.domain.needs import DATA

ANYWHERE: Final = "*"


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
    return tuple(sorted(found, key=lambda h: (order.get(h.kind, 2), h.name)))


def countries() -> tuple[str, ...]:
    """The countries that have helplines."""
    return tuple(sorted({h.country for h in every_helpline()} - {ANYWHERE}))
