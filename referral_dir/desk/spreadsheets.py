"""Tables for a spreadsheet, whose cells can't become formulas; and spreadsheets that somebody sends in."""

import csv
import io
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from referral_dir.domain.saying import say

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


# Whoever sends a file in may mean no good: it is measured before it is opened.
MOST_ROWS: Final = 10_000
# With the empty ones: a file of a kilobyte may name the row after 10^12 empty ones.
MOST_READ: Final = 3 * MOST_ROWS
MOST_COLUMNS: Final = 100
LONGEST_CELL: Final = 20_000
MOST_PARTS: Final = 200
UNPACKED: Final = 64 * 1024 * 1024
PACKED_AT_MOST: Final = 200
# What takes time and memory is each element and attribute, not the bytes, so their signs are counted: in sheets (10,000
# rows of 50 cells need 2 million), in the texts that they share, and in styles and lists, which cost ten times that.
MOST_IN_SHEETS: Final = 2_000_000
MOST_IN_TEXTS: Final = 1_000_000
MOST_APART: Final = 100_000
_TYPES: Final = "[Content_Types].xml"
_CUTS: Final = (",", ";", "\t")


class UnreadableFile(ValueError):
    """A file that is no table, or too large a one; the message says what to do."""


def uncell(text: str) -> str:
    """What `cell` made of a text -> the text."""
    return text[1:] if text[:1] == "'" and text[1:].lstrip(" ").startswith(_FORMULA) else text


def xlsx_bytes(sheets: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]) -> bytes:
    """A workbook of (title, header, rows). All cells are texts; what looks like a formula is marked as one."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    for title, header, rows in sheets:
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        bold = []
        for text in header:
            top = WriteOnlyCell(sheet, value=text)
            top.font = Font(bold=True)
            bold.append(top)
        sheet.append(bold)
        for row in rows:
            cells: list[Any] = []
            for value in row:
                text = _plain_text(value)
                if not text.lstrip(" ").startswith(_FORMULA):
                    cells.append(text)
                    continue
                one = WriteOnlyCell(sheet, value=text)
                one.data_type, one.quotePrefix = "s", True
                cells.append(one)
            sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _plain_text(value: Any) -> str:
    """Without what XML can't hold."""
    return "".join(c for c in str(value or "") if c >= " " or c in "\n\t")[:32_000]


def read_table(data: bytes) -> list[list[str]]:
    """The rows of a CSV or XLSX file as texts, the header first. Raises UnreadableFile."""
    rows = _xlsx_rows(data) if data[:2] == b"PK" else _csv_rows(data)
    table: list[list[str]] = []
    try:
        for number, row in enumerate(rows):
            if len(table) > MOST_ROWS or number > MOST_READ:
                raise UnreadableFile(say("at most %(number)s rows", number=MOST_ROWS))
            if len(row) > MOST_COLUMNS or any(len(text) > LONGEST_CELL for text in row):
                raise UnreadableFile(say("at most %(columns)s columns, and %(letters)s letters in a cell",
                                         columns=MOST_COLUMNS, letters=LONGEST_CELL))
            if any(row):
                table.append(row)
    except csv.Error as error:
        raise UnreadableFile(say("this is not a table: save it as CSV or XLSX")) from error
    if not table:
        raise UnreadableFile(say("the file is empty"))
    return table


def _csv_rows(data: bytes) -> Iterator[list[str]]:
    if b"\0" in data[:1000] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile(say("this is not a table: save it as CSV or XLSX"))
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        # What spreadsheets call plain CSV, in the western world.
        text = data.decode("cp1252", "replace")
    header = text.partition("\n")[0]
    cut = max(_CUTS, key=header.count)
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=cut):
        yield [uncell(value.strip()) for value in row]


def _xlsx_rows(data: bytes) -> Iterator[list[str]]:
    from openpyxl import load_workbook

    _measure(data)
    try:
        book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # What a file says of its own size may be a lie; `read_table` counts.
        sheet.reset_dimensions()
        for row in sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True):
            yield _without_empty_end([_text_of(value) for value in row])
    except UnreadableFile:
        raise
    except Exception as error:  # a crooked file fails in as many ways as there are parts of it
        raise UnreadableFile(say("this workbook can't be read: save it as XLSX again, or as CSV")) from error


def _measure(data: bytes) -> None:
    """Refuse what unpacks to far more than it is, and what declares entities."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > UNPACKED:
                raise UnreadableFile(say("the workbook is too large: send fewer rows at once"))
            if any(part.file_size > PACKED_AT_MOST * max(part.compress_size, 1) + 1_000_000 for part in parts):
                raise UnreadableFile(say("the workbook unpacks to far more than it is: it is not opened"))
            for part in parts:
                if part.filename.endswith((".xml", ".rels")):
                    with archive.open(part) as opened:
                        if b"<!DOCTYPE" in opened.read(2000).upper():
                            raise UnreadableFile(say("the workbook holds declarations that no spreadsheet writes: it "
                                                     "is not opened"))
            _weigh(archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise UnreadableFile(say("this workbook can't be read: save it as XLSX again, or as CSV")) from error


def _weigh(archive: zipfile.ZipFile) -> None:
    """Refuse what takes long to read, without reading it as XML. Many attributes on one element cost more than each."""
    weighed: Counter[int] = Counter()
    limits: dict[str, int] = {}
    for part in sorted(archive.infolist(), key=lambda part: part.filename != _TYPES):
        elements = attributes = 0
        with archive.open(part) as opened:
            while piece := opened.read(1024 * 1024):
                elements, attributes = elements + piece.count(b"<"), attributes + piece.count(b"=")
        most = limits.get(part.filename, MOST_APART)
        weighed[most] += elements
        if weighed[most] > most or attributes > 3 * elements + MOST_APART:
            raise UnreadableFile(say("the workbook is too large: send fewer rows at once"))
        if part.filename == _TYPES:
            limits = _limits(archive.read(part))


def _limits(types: bytes) -> dict[str, int]:
    """How many elements each part may have, by what the workbook says that it is: the least where it says it twice."""
    from openpyxl.packaging.manifest import Manifest
    from openpyxl.xml.functions import fromstring

    try:
        said = Manifest.from_tree(fromstring(types)).Override
    except Exception as error:  # as many ways as there are parts of it, again
        raise UnreadableFile(say("this workbook can't be read: save it as XLSX again, or as CSV")) from error
    limits: dict[str, int] = {}
    for part in said:
        most = MOST_IN_SHEETS if part.ContentType.endswith(".worksheet+xml") else \
            MOST_IN_TEXTS if part.ContentType.endswith(".sharedStrings+xml") else MOST_APART
        name = part.PartName.lstrip("/")
        limits[name] = min(most, limits.get(name, most))
    return limits


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (datetime, date)):
        return value.isoformat()[:10]
    return uncell(str(value).strip())


def _without_empty_end(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row
