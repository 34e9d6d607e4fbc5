"""The places of a service after its first one, each as one line: street | second line | town | state | postcode |
country | point, and in square brackets which of its places that is. A line without brackets is a new place."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from referral_dir.domain.saying import say

PARTS: Final = ("address_1", "address_2", "city", "state_province", "postal_code", "country", "point")
KEY: Final = "key"
Place = Mapping[str, str]
_KEY_AT_THE_END: Final = re.compile(r"(?P<rest>.*?)\s*\[(?P<key>[0-9a-f]{4,32})\]\s*")


def read_places(text: str) -> list[Place]:
    """The places of these lines. Raises ValueError that says how to write one."""
    return [_read(line) for line in text.splitlines() if line.strip()]


def _read(line: str) -> Place:
    found = _KEY_AT_THE_END.fullmatch(line)
    parts = [" ".join(part.split()) for part in (found["rest"] if found else line).split("|")]
    if len(parts) > len(PARTS):
        raise ValueError(say("“%(line)s”: write street | second line | town | state | postcode | country | point",
                             line=line[:60]))
    parts += [""] * (len(PARTS) - len(parts))
    return MappingProxyType({KEY: found["key"] if found else "", **dict(zip(PARTS, parts, strict=True))})


def write_places(places: Iterable[Place]) -> str:
    """The one way of writing these places."""
    return "\n".join(filter(None, (_write(place) for place in places)))


def _write(place: Place) -> str:
    parts = [" ".join(place.get(name, "").replace("|", "/").split()) for name in PARTS]
    key = place.get(KEY, "")
    text = re.sub(r"[\s|]+$", "", " | ".join(parts))
    return f"{text} [{key}]" if key else text


def said_of(place: Place) -> str:
    """Where it is, on one line for a person."""
    return ", ".join(place[name] for name in PARTS if place.get(name))


def is_empty(place: Place) -> bool:
    """Whether nothing says where it is."""
    return not any(place.get(name) for name in PARTS)


def settle(written: str, now: str) -> str:
    """What was written, against what is there: an emptied place is one less; a place that never said where it is stays;
    a point that was not given anew does not follow to another town."""
    there = {place[KEY]: place for place in read_places(now)}
    settled = []
    for place in read_places(written):
        before = there.get(place[KEY], {})
        if is_empty(place) and not (place[KEY] in there and is_empty(before)):
            continue
        moved = before and any(place[name] != before[name] for name in
                               ("city", "state_province", "postal_code", "country"))
        point = "" if moved and place["point"] == before["point"] else place["point"]
        settled.append({**place, "point": point})
    return write_places(settled)
