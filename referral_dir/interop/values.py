"""Source values -> column values: typed, tidied, and reported where they could not be taken as they stand."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import phonenumbers

from referral_dir import geo
from referral_dir.desk.languages import UnknownLanguage, language_code
from referral_dir.domain.saying import Said, say
from referral_dir.interop.records import identify
from referral_dir.interop.report import ImportReport
from referral_dir.store import import_queries

Where = tuple[str, int]
LARGEST_INTEGER: Final = 2**31 - 1
_EXTENSION: Final = re.compile(r"\s*(?:x|ext\.?|extension|opt\.?|xopt)\s*\.?\s*(\d{1,8})\s*$", re.IGNORECASE)
_CLOCK: Final = re.compile(r"\s*(\d{1,2})(?::?(\d{2}))?(?::\d{2})?\s*([ap])?\.?m?\.?\s*", re.IGNORECASE)
_LATER: Final = re.compile(r"interpret|language line|upon request|other languages|translat|by appointment|available",
                           re.IGNORECASE)


NOT_A: Final[Mapping[type, Said]] = {
    date: say("not a date"), datetime: say("not a moment"), int: say("not a whole number"), float: say("not a number"),
    UUID: say("not an id")}
NOT_ITS_KIND: Final = say("not of the kind that belongs here")


@cache
def column_types(table: str) -> dict[str, type]:
    """Python type of each column of the table."""
    return {c.name: c.type.python_type for c in import_queries.table(table).columns}


def coerce(table: str, column: str, value: Any, where: Where, report: ImportReport) -> Any:
    """The value as the column's type; None, with an issue, where it is not one."""
    if value is None or value == "":
        return None
    kind = column_types(table)[column]
    try:
        if kind is str:
            text = str(value) if not isinstance(value, bool) else str(value).lower()
            if "\x00" in text:
                report.repaired(where, column, text, "control characters removed")
            return text.replace("\x00", "")
        if kind is date:
            return date.fromisoformat(str(value)[:10])
        if kind is datetime:
            moment = datetime.fromisoformat(str(value))
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if kind is UUID:
            return identify(report.source, table, str(value))
        if kind is bool:
            return value if isinstance(value, bool) else str(value).strip().casefold() in ("true", "yes", "1")
        if kind is int:
            number = float(value)
            if number != int(number) or abs(number) > LARGEST_INTEGER:
                raise ValueError
            return int(number)
        if kind is float and not math.isfinite(float(value)):
            raise ValueError
        return float(value) if kind is float else value
    except (ValueError, TypeError, OverflowError):
        report.refused(where, column, value, NOT_A.get(kind, NOT_ITS_KIND))
        return None


def phone(number: str, region: str | None, where: Where, report: ImportReport) -> dict[str, Any]:
    """number as written, number_e164 where it can be read, extension where one is written in it."""
    values: dict[str, Any] = {"number": number}
    match = _EXTENSION.search(number)
    plain = number[:match.start()] if match else number
    if match:
        values["extension"] = match.group(1)
        report.repaired(where, "number", number, f"extension {match.group(1)} read apart")
    try:
        parsed = phonenumbers.parse(plain.strip('"'), region)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is not None and phonenumbers.is_valid_number(parsed):
        values["number_e164"] = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    else:
        report.repaired(where, "number", number, "kept as written: not a number that can be dialled from abroad")
    return values


def languages(text: str, where: Where, report: ImportReport) -> list[tuple[str | None, str, str | None]]:
    """(code, name, note) for each language in a free text; nothing where it tells of interpretation instead."""
    cleaned = " ".join(text.replace("\n", " ").split()).strip(" .;")
    if not cleaned:
        return []
    note_match = re.search(r"\(([^)]*)\)", cleaned)
    note = note_match.group(1) if note_match else None
    bare = re.sub(r"\([^)]*\)", "", cleaned).strip()
    found: list[tuple[str | None, str, str | None]] = []
    for part in re.split(r"\s*(?:,|;|/|&|\band\b|\by\b)\s*", bare):
        if not part:
            continue
        try:
            found.append((language_code(part), part, note))
        except UnknownLanguage:
            if _LATER.search(part):
                return []
            report.refused(where, "language", text,
                           say("names no language that is known: the name is kept, without a code"))
            return [(None, cleaned[:200], None)]
    if "creole" in bare.casefold():
        report.repaired(where, "language", text, "read as Haitian Creole (ht)")
    elif len(found) > 1 or note:
        report.repaired(where, "language", text, "read as " + ", ".join(c or n for c, n, _ in found))
    return found


def clock(text: str) -> str | None:
    """ "8:00am", "17:00", "13:00pm" -> "HH:MM"; None where it can't be read. 12:00am is midnight."""
    match = _CLOCK.fullmatch(text)
    if not match:
        return None
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    return f"{hour:02d}:{minute:02d}" if hour < 24 and minute < 60 else None


def url(text: str, column: str, where: Where, report: ImportReport) -> str | None:
    """A web address with a scheme; None for what is no web address."""
    written = text.strip()
    if not written or re.match(r"https?://", written, re.IGNORECASE):
        return written or None
    if re.match(r"[\w.+-]+@|[a-z][a-z0-9+.-]*:", written, re.IGNORECASE) and not re.match(r"[\w.-]+:\d+", written):
        report.refused(where, column, text, say("not a web address"))
        return None
    if "." not in written or " " in written:
        report.refused(where, column, text, say("not a web address"))
        return None
    report.repaired(where, column, text, "http:// added")
    return "http://" + written


def country(text: str, where: Where, report: ImportReport, default: str | None) -> str:
    """ISO 3166-1 alpha-2 where it can be read; else the default, reported; else as written."""
    code = geo.country_code(text) if text else None
    if code:
        return code
    if default:
        report.repaired(where, "country", text, f"read as {default}")
        return default
    return text
