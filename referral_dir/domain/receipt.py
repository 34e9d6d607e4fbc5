"""The person's own copy of a consent: the fields of a Kantara receipt in words that betray nothing if it is found."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

from referral_dir.domain.errors import Invalid
from referral_dir.domain.needs import DATA
from referral_dir.domain.saying import say

CODE_DIGITS: Final = 8
_NUMBER = re.compile(r"\+?[\d][\d ()/.-]{2,28}\d")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is printed. Codes stand for the record and for who sees it; words are of the language's phrases."""

    code: str
    office: str
    given: datetime
    valid_from: datetime
    expires: datetime
    fields: tuple[str, ...]
    onward_sharing: bool
    method: str
    notice: str
    country: str
    number: str


def code(consent_id: UUID) -> str:
    """What the person says on the phone: the first eight digits of the record's random id, in two groups."""
    text = consent_id.hex[:CODE_DIGITS].upper()
    return f"{text[:4]}-{text[4:]}"


def office_code(consent_id: UUID) -> str:
    """Stands for who sees it. Of this record alone, so that two people's copies do not show a place in common."""
    text = consent_id.hex[-6:].upper()
    return f"{text[:3]}-{text[3:]}"


def id_range(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last id that a code may stand for; None where it is no code."""
    digits = text.strip().replace("-", "").replace(" ", "").casefold()
    if len(digits) != CODE_DIGITS or not set(digits) <= set("0123456789abcdef"):
        return None
    rest = 32 - CODE_DIGITS
    return UUID(digits + "0" * rest), UUID(digits + "f" * rest)


def check_number(text: str) -> str:
    """The number to print, or nothing: then there is a line to write it on. Raises Invalid."""
    number = text.strip()
    if number and not _NUMBER.fullmatch(number):
        raise Invalid({"number": say("write a telephone number, or leave it empty and write it on the paper")})
    return number


@cache
def _phrases() -> Mapping[str, Mapping[str, str]]:
    loaded: dict[str, dict[str, str]] = json.loads((DATA / "receipt.json").read_text(encoding="utf-8"))
    return loaded


def languages() -> tuple[str, ...]:
    """The languages of the copy, English first."""
    return tuple(_phrases())


def phrases(language: str) -> Mapping[str, str]:
    """The words of the copy in this language or its broader one, else in English."""
    known = _phrases()
    return known.get(language) or known.get(language.partition("-")[0]) or known["en"]
