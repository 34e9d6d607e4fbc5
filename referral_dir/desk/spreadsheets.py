"""Tables for a spreadsheet, whose cells can't become formulas."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: Any) -> str:
    """The value as text; what would be a formula gets an apostrophe before it, which a spreadsheet does not show."""
    if value is None:
        return ""
    text = value.astimezone(UTC).isoformat(timespec="seconds") if isinstance(value, datetime) else str(value)
    text = text.replace("\0", "")
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV file (RFC 4180) with a byte-order mark, so that spreadsheets read it as UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    return "﻿" + out.getvalue()
