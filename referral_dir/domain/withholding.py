"""What would give a hidden place away in other texts: its street, postcode, telephone, names, coordinates.

A text that repeats one of them is found whatever its case, spacing and punctuation, and the words are withheld.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

WITHHELD: Final = "(address withheld)"
# What a street's name may end with, or be written without.
_KINDS: Final = frozenset((
    "street", "st", "road", "rd", "avenue", "ave", "av", "lane", "ln", "drive", "dr", "court", "ct", "boulevard",
    "blvd", "way", "place", "pl", "row", "close", "square", "sq", "terrace", "circle", "highway", "parkway"))
_ANY_KIND: Final = r"(?:[\W_]{1,3}(?:" + "|".join(sorted(_KINDS)) + r")(?!\w))?"
_LINES: Final = ("attention", "address_1", "address_2")
SHORTEST: Final = 4
SHORTEST_PHONE: Final = 6
LONGEST_PHONE: Final = 9


@dataclass(frozen=True, slots=True)
class Traces:
    """What to look for; nothing where there is nothing to hide."""

    pattern: re.Pattern[str] | None
    numbers: frozenset[float] = frozenset()

    def found(self, text: str | None) -> bool:
        """Whether the text repeats any of it."""
        return bool(text and self.pattern and self.pattern.search(text))

    def withhold(self, value: Any) -> Any:
        """The value without it: texts with a mark in its place, also inside lists and mappings."""
        if isinstance(value, str):
            return self.pattern.sub(WITHHELD, value) if self.pattern else value
        if isinstance(value, Mapping):
            return {key: self.withhold(each) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.withhold(each) for each in value]
        if isinstance(value, float) and round(value, SHORTEST) in self.numbers:
            return None
        return value


def traces(addresses: Iterable[Mapping[str, Any]], *, phones: Iterable[str] = (), names: Iterable[str] = (),
           points: Iterable[tuple[float, float]] = (), public: Iterable[str] = ()) -> Traces:
    """What these addresses, telephones, names and points (degrees) would be recognised by.

    `public` are texts that may stay although a name is in them: the service's and the organization's own names, the
    town, and telephones that are given to everybody.
    """
    spared, spared_digits = {" ".join(_words(text)) for text in public}, {_digits(text) for text in public}
    parts: list[str] = []
    for address in addresses:
        parts += [line for field in _LINES for line in _street(str(address.get(field) or ""))]
        code = str(address.get("postal_code") or "")
        parts += [_spaced(_words(code))] if len(code.strip()) >= SHORTEST else []
    for name in names:
        words = _words(name)
        if ("@" in name or len(words) > 1) and not any(" ".join(words) in text for text in spared):
            parts.append(_spaced(words))
    parts += [_telephone(digits) for digits in map(_digits, phones)
              if len(digits) >= SHORTEST_PHONE and digits not in spared_digits]
    found = list(points)
    parts += [_degrees(degrees) for point in found for degrees in point]
    if not parts:
        return Traces(None)
    numbers = frozenset(round(degrees, SHORTEST) for point in found for degrees in point)
    return Traces(re.compile("|".join(sorted(set(parts), key=len, reverse=True)), re.IGNORECASE), numbers)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _digits(text: str) -> str:
    """The end of a number: the country's and the trunk prefix are written in many ways."""
    return re.sub(r"\D", "", text)[-LONGEST_PHONE:]


def _spaced(words: list[str]) -> str:
    return r"(?<!\w)" + r"[\W_]{1,3}".join(map(re.escape, words)) + r"(?!\w)"


def _street(line: str) -> list[str]:
    """The line as it is; without its kind of street; without its number."""
    words = _words(line)
    if len(" ".join(words)) < SHORTEST or not words:
        return []
    found = [_spaced(words)]
    if words[-1] in _KINDS and len(words) > 2:
        found.append(_spaced(words[:-1]) + _ANY_KIND)
    bare = [word for word in words if not word[0].isdigit()]
    if bare != words and len(bare) > 1:
        found.append(_spaced(bare))
    return found


def _telephone(digits: str) -> str:
    return r"(?:\+?[\d(][\d\s().\-/]*)?" + r"[\s().\-/]{0,3}".join(digits) + r"(?!\d)"


def _degrees(degrees: float) -> str:
    whole, _, decimals = f"{abs(degrees):.6f}".partition(".")
    return rf"-?(?<!\d){whole}\.{decimals[:3]}\d*"
