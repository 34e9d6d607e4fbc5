"""Sentences that know how they were made, so that a page can say them in the reader's language.

A rule or a workflow says things in English: `say("%(free)s free, said %(age)s", free=…, age=…)`. What comes back is
that English text, a `str` like any other, for the command line, JSON and tests; it also remembers the sentence without
its values, and its values. `desk/translating.py` looks the sentence up in the catalogue and puts the translated values
in, as deep as they are nested. So no room below the pages knows of locales, and no sentence is written twice.

The first argument is always a literal: the catalogues are made by reading the code. Never join two of them with `+` or
an f-string, which forgets how they were made: use a sentence with values, or `say_list`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final


class Kind(StrEnum):
    """What a Said is made of, and so how it is put into another language."""

    SENTENCE = "sentence"
    PLURAL = "plural"
    LIST = "list"
    NEED = "need"
    LANGUAGE = "language"
    WEEK_TIME = "week time"


class Said(str):
    """English text, with how it was made."""

    kind: Kind
    # The sentence's key; for a plural (one, many); for a list its parts; else a code or a moment.
    source: Any
    values: Mapping[str, Any]
    __slots__ = ("kind", "source", "values")

    def __new__(cls, text: str, kind: Kind, source: Any, values: Mapping[str, Any] | None = None) -> "Said":
        made = super().__new__(cls, text)
        made.kind, made.source, made.values = kind, source, values or {}
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Said, (str(self), self.kind, self.source, self.values)


def say(message: str, **values: object) -> Said:
    """A sentence with `%(name)s` for each of its values (a literal `%` is written `%%` only beside values)."""
    return Said(message % values if values else message, Kind.SENTENCE, message, values)


def say_many(one: str, many: str, number: int, **values: object) -> Said:
    """A sentence that depends on a number; `%(number)s` stands for it."""
    values = {"number": number, **values}
    return Said((one if number == 1 else many) % values, Kind.PLURAL, (one, many), values)


def say_list(parts: Iterable[str]) -> Said:
    """The parts with commas between them."""
    parts = tuple(parts)
    return Said(", ".join(parts), Kind.LIST, parts)


def say_need(code: str, label: str) -> Said:
    """The label of a need, which is translated from `data/needs.json`."""
    return Said(label, Kind.NEED, code)


def say_language(code: str, name: str) -> Said:
    """The name of a language."""
    return Said(name, Kind.LANGUAGE, code)


def packed(text: str) -> Any:
    """A text as JSON holds it, with how it was made: for what is kept and read in some language later."""
    if not isinstance(text, Said) or text.kind is Kind.WEEK_TIME:
        return text if isinstance(text, (str, int, float)) else str(text)
    source = [packed(part) for part in text.source] if text.kind is Kind.LIST else text.source
    return {"text": str(text), "kind": str(text.kind), "source": source,
            "values": {name: packed(value) for name, value in text.values.items()}}


def unpacked(kept: Any) -> Any:
    """What `packed` made, as it was said."""
    if not isinstance(kept, Mapping):
        return kept
    kind, source = Kind(kept["kind"]), kept["source"]
    if kind in (Kind.LIST, Kind.PLURAL):
        source = tuple(unpacked(part) for part in source)
    return Said(kept["text"], kind, source, {name: unpacked(value) for name, value in kept["values"].items()})


def say_week_time(moment: datetime) -> Said:
    """A weekday and a time of day, like Mon 14:00, in the moment's own time zone."""
    return Said(f"{moment:%a %H:%M}", Kind.WEEK_TIME, moment)


UI_LANGUAGES: Final = ("en", "es", "fr", "ar", "uk")
