"""What of a service its keeper may change: the fields, how each is written as text, and what somebody has seen of them.

Every field has one plain text form. The editor, the preview, a spreadsheet, a merge and the history all speak it, so
that a change is always the same thing: this text became that one.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from referral_dir.domain.saying import Said, say

Values = Mapping[str, str]


class Kind(StrEnum):
    """How a field is written."""

    TEXT = "text"
    LONG = "long"
    NUMBER = "number"
    FLAG = "flag"
    DATE = "date"
    CODES = "codes"
    LINES = "lines"
    CHOICE = "choice"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be changed. `place`: says where it is, so a hidden service has none of it."""

    name: str
    label: Said
    kind: Kind
    place: bool = False
    low: int = 0
    high: int = 0


_FIELDS: Final = (
    Field("name", say("Name"), Kind.TEXT),
    Field("alternate_name", say("Other name"), Kind.TEXT),
    Field("description", say("Description"), Kind.LONG),
    Field("alert", say("Notice to show on top"), Kind.TEXT),
    Field("status", say("Status"), Kind.CHOICE),
    Field("needs", say("Helps with"), Kind.CODES),
    Field("languages", say("Languages"), Kind.CODES),
    Field("interpretation_services", say("Interpretation"), Kind.TEXT),
    Field("phones", say("Telephones"), Kind.LINES),
    Field("url", say("Web address"), Kind.TEXT),
    Field("email", say("E-mail"), Kind.TEXT),
    Field("hours", say("Opening hours"), Kind.WEEK),
    Field("remote", say("Works by phone or online"), Kind.FLAG),
    Field("address_1", say("Street and number"), Kind.TEXT, place=True),
    Field("address_2", say("Second line"), Kind.TEXT, place=True),
    Field("city", say("Town"), Kind.TEXT, place=True),
    Field("state_province", say("State or province"), Kind.TEXT, place=True),
    Field("postal_code", say("Postcode"), Kind.TEXT, place=True),
    Field("country", say("Country"), Kind.TEXT, place=True),
    Field("point", say("Point on the map"), Kind.TEXT, place=True),
    Field("areas", say("Areas served"), Kind.LINES),
    Field("minimum_age", say("Lowest age"), Kind.NUMBER, low=0, high=120),
    Field("maximum_age", say("Highest age"), Kind.NUMBER, low=0, high=120),
    Field("maximum_household", say("Largest household"), Kind.NUMBER, low=1, high=100),
    Field("eligibility", say("Whom it serves and excludes"), Kind.LINES),
    Field("eligibility_description", say("For whom, in words"), Kind.LONG),
    Field("application_process", say("How to get in"), Kind.TEXT),
    Field("fees_description", say("Cost"), Kind.TEXT),
    Field("wait_time", say("Waiting time"), Kind.TEXT),
    Field("accepts_handoffs", say("Takes requests here"), Kind.FLAG),
    Field("hold_minutes", say("Minutes that a place is held"), Kind.NUMBER, low=5, high=24 * 60),
    Field("offered_until", say("Offered until"), Kind.DATE),
    Field("verify_months", say("Months until it is checked again"), Kind.NUMBER, low=1, high=24),
    # Spreadsheets that people keep go on working: what comes new comes last.
    Field("more_places", say("More places"), Kind.LINES, place=True),
    Field("closed_days", say("Closed days"), Kind.LINES),
)
FIELDS: Final[Mapping[str, Field]] = MappingProxyType({field.name: field for field in _FIELDS})
PLACE: Final = tuple(field.name for field in _FIELDS if field.place)
FLAGS: Final = tuple(field.name for field in _FIELDS if field.kind is Kind.FLAG)
# What a history may hold beside them.
OTHER_LABELS: Final[Mapping[str, Said]] = MappingProxyType({
    "zone_name": say("Zone"), "assured_date": say("Checked"), "merged": say("Merged with"), "created": say("Created")})
YES: Final = "yes"
SUGGESTED: Final = "?"
_VERSION: Final = "1"
_DIGITS: Final = 8


def label_of(name: str) -> str:
    """The field's name for people."""
    return FIELDS[name].label if name in FIELDS else OTHER_LABELS.get(name, name.replace("_", " "))


def tidy(text: object) -> str:
    """A text without what nobody sees: spaces at its ends, kinds of line ends, control characters."""
    lines = str(text or "").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


@dataclass(frozen=True, slots=True)
class Seen:
    """Which version of a service somebody had before them when they wrote: its number and a print of each field."""

    revision: int
    prints: Mapping[str, str]

    def same(self, field: str, text: str) -> bool:
        """Whether the field held this text then. A field that this version of the program knew not yet: no."""
        return self.prints.get(field) == _print(field, text)


def seen(revision: int, values: Values) -> str:
    """A short text that says what somebody is shown, to come back with what they write."""
    return f"{_VERSION}.{revision}." + "".join(_print(name, values.get(name, "")) for name in FIELDS)


def read_seen(text: str) -> Seen | None:
    """What `seen` made; None for anything else, as from an older program."""
    version, _, rest = text.strip().partition(".")
    revision, _, prints = rest.partition(".")
    if version != _VERSION or not revision.isdecimal() or len(revision) > 9 or len(prints) != _DIGITS * len(FIELDS):
        return None
    return Seen(int(revision), {name: prints[_DIGITS * n:_DIGITS * (n + 1)] for n, name in enumerate(FIELDS)})


def _print(field: str, text: str) -> str:
    return hashlib.blake2s(f"{field}\0{text}".encode(), digest_size=_DIGITS // 2).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """A field that became another text."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """What somebody wrote, against what they had seen and what is there now.

    `mine` is to be written; `clashes` are fields that somebody else has changed to something else meanwhile.
    """

    mine: tuple[Change, ...]
    clashes: tuple[Change, ...]


def weigh(was_seen: Seen | None, now: Values, written: Values) -> Weighed:
    """Whoever wrote changed only the fields that differ from what they saw: others keep what they hold now."""
    changed = [name for name in FIELDS if name in written and written[name] != now.get(name, "")
               and not (was_seen and was_seen.same(name, written[name]))]
    clashes = [name for name in changed if was_seen and not was_seen.same(name, now.get(name, ""))]
    mine = [name for name in changed if name not in clashes]
    return Weighed(*(tuple(Change(name, now.get(name, ""), written[name]) for name in names)
                     for names in (mine, clashes)))
