"""Reading files that may be anything: bounded, UTF-8 only, and refused as a whole when they are not what they claim."""

import csv
import json
import re
import stat
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

from referral_dir.domain.saying import say
from referral_dir.interop.report import ImportRefused, ImportReport

LARGEST_FILE: Final = 256 * 1024 * 1024
LARGEST_FIELD: Final = 1024 * 1024
LARGEST_ARCHIVE: Final = 512 * 1024 * 1024
MOST_FILES: Final = 500
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Row = dict[str, str]


def read_text(path: Path) -> str:
    """The whole file. Raises ImportRefused where it is too large or not UTF-8."""
    if path.stat().st_size > LARGEST_FILE:
        raise ImportRefused(say("%(file)s is larger than %(number)s MiB: split it", file=path.name,
                                number=LARGEST_FILE // 1024 ** 2))
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImportRefused(say("%(file)s is not UTF-8 (byte %(byte)s): save it as UTF-8 and try again", file=path.name,
                                byte=error.start)) from error


def read_json(path: Path) -> Any:
    """The parsed file, not to be changed. Raises ImportRefused."""
    status = path.stat()
    return _parsed(path, status.st_mtime_ns, status.st_size)


def forget_json() -> None:
    """Let go of what `read_json` gave: it is kept, as a file is looked at before it is read."""
    _parsed.cache_clear()


@lru_cache(maxsize=1)
def _parsed(path: Path, _changed: int, size: int) -> Any:
    try:
        parsed = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ImportRefused(say("%(file)s is not JSON: %(problem)s", file=path.name, problem=str(error))) from error
    if size > LARGEST_FIELD:
        _check_strings(parsed, path.name)
    return parsed


def read_csv(path: Path, report: ImportReport, table: str) -> Iterator[tuple[int, Row]]:
    """(row number, cells by column), cleaned. A ragged row is refused; a file full of them is refused whole."""
    lines = csv.reader(_lines(path), strict=True)
    ragged = number = 0
    try:
        header = [name.strip().casefold() for name in next(lines, [])]
        if len(header) < 2 or len(set(header)) != len(header):
            raise ImportRefused(say("%(file)s has no header of distinct column names", file=path.name))
        for number, cells in enumerate(lines, 1):
            report.count(table).read += 1
            if len(cells) != len(header):
                ragged += 1
                report.refused_row(table, (path.name, number), "", ",".join(cells),
                                   say("%(cells)s cells where the header has %(header)s", cells=len(cells),
                                       header=len(header)))
                continue
            yield number, {column: _clean(cell, column, (path.name, number), report)
                           for column, cell in zip(header, cells, strict=True)}
    except csv.Error as error:
        raise ImportRefused(say("%(file)s, row %(row)s: %(problem)s", file=path.name, row=number + 1,
                                problem=str(error))) from error
    if ragged > 10 and ragged * 5 > number:
        raise ImportRefused(say("%(file)s: %(bad)s of %(all)s rows have another number of cells than the header",
                                file=path.name, bad=ragged, all=number))


def check_columns(path: Path, rows: list[tuple[int, Row]], required: tuple[str, ...]) -> None:
    """Refuse a file whose columns are missing or hold what belongs elsewhere (shifted by one)."""
    if not rows:
        return
    missing = [c for c in required if c not in rows[0][1]]
    if missing:
        raise ImportRefused(say("%(file)s has no column %(columns)s: is it the right file?", file=path.name,
                                columns=", ".join(missing)))
    for column in rows[0][1]:
        values = [row[column] for _, row in rows if row[column]]
        blank = len(rows) - len(values)
        if column in required and blank * 2 > len(rows):
            raise ImportRefused(say("%(file)s: column %(column)s is empty in %(bad)s of %(all)s rows: are the columns "
                                    "shifted?", file=path.name, column=column, bad=blank, all=len(rows)))
        fits = _plausible(column)
        wrong = sum(not fits(value) for value in values)
        if len(values) >= 3 and wrong * 2 > len(values):
            raise ImportRefused(say("%(file)s: column %(column)s does not hold what its name says in %(bad)s of "
                                    "%(all)s rows: are the columns shifted?", file=path.name, column=column, bad=wrong,
                                    all=len(values)))


def unpack(path: Path, into: Path) -> Path:
    """Unpack a ZIP. Raises ImportRefused for paths outside itself, links, too many files or too much in them."""
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ImportRefused(say("%(file)s is not a ZIP file", file=path.name)) from error
    with archive:
        entries = archive.infolist()
        if len(entries) > MOST_FILES or sum(e.file_size for e in entries) > LARGEST_ARCHIVE:
            raise ImportRefused(say("%(file)s unpacks to too many files or too many bytes", file=path.name))
        for entry in entries:
            parts = PurePosixPath(entry.filename.replace("\\", "/"))
            if parts.is_absolute() or ".." in parts.parts or ":" in entry.filename:
                raise ImportRefused(say("%(file)s holds a path outside itself: %(path)s", file=path.name,
                                        path=entry.filename[:80]))
            if stat.S_ISLNK(entry.external_attr >> 16):
                raise ImportRefused(say("%(file)s holds a link: %(path)s", file=path.name, path=entry.filename[:80]))
        try:
            archive.extractall(into)
        except (zipfile.BadZipFile, RuntimeError, OSError) as error:
            raise ImportRefused(say("%(file)s can't be unpacked: %(problem)s", file=path.name,
                                    problem=str(error))) from error
    inner = [p for p in into.iterdir() if not p.name.startswith((".", "__MACOSX"))]
    return inner[0] if len(inner) == 1 and inner[0].is_dir() else into


def _lines(path: Path) -> Iterator[str]:
    """Lines, none of which may be longer than a few fields: a gigabyte without a line break is never read whole."""
    csv.field_size_limit(LARGEST_FIELD)
    if path.stat().st_size > LARGEST_FILE:
        raise ImportRefused(say("%(file)s is larger than %(number)s MiB: split it", file=path.name,
                                number=LARGEST_FILE // 1024 ** 2))
    limit = 4 * LARGEST_FIELD
    with path.open("rb") as file:
        first, offset = True, 0
        while line := file.readline(limit):
            if len(line) >= limit:
                raise ImportRefused(say("%(file)s has a line of more than %(number)s MiB", file=path.name,
                                        number=limit // 1024 ** 2))
            try:
                text = line.decode("utf-8-sig" if first else "utf-8")
            except UnicodeDecodeError as error:
                raise ImportRefused(say("%(file)s is not UTF-8 (byte %(byte)s): save it as UTF-8 and try again",
                                        file=path.name, byte=offset + error.start)) \
                    from error
            if "\x00" in text and first:
                raise ImportRefused(say("%(file)s is not text in UTF-8: save it as UTF-8", file=path.name))
            yield text.replace("\x00", "\x01")
            first, offset = False, offset + len(line)


def _clean(cell: str, column: str, where: tuple[str, int], report: ImportReport) -> str:
    """Without control characters, literal \\n and outer blanks; whatever was more than blanks is reported."""
    text = cell
    if _CONTROL.search(text):
        text = _CONTROL.sub("", text)
        report.repaired(where, column, cell, "control characters removed")
    if "\\n" in text or "\\r" in text:
        text = text.replace("\\r", "").replace("\\n", "\n")
        report.repaired(where, column, cell, "a written \\n became a line break")
    return text.strip()


def _check_strings(value: Any, name: str) -> None:
    stack: list[Any] = [[value]]
    while stack:
        parts = stack.pop()
        for part in parts.values() if isinstance(parts, dict) else parts:
            if isinstance(part, str):
                if len(part) > LARGEST_FIELD:
                    raise ImportRefused(say("%(file)s has a text of more than %(number)s MiB in one field", file=name,
                                            number=LARGEST_FIELD // 1024 ** 2))
            elif isinstance(part, (dict, list)):
                stack.append(part)


def _plausible(column: str) -> Any:
    if column == "id" or column.endswith("_id"):
        return lambda v: len(v) <= 100 and not any(c.isspace() for c in v)
    if column in ("latitude", "longitude"):
        return _is_number
    if column == "weekday":
        return lambda v: v[:3].casefold() in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    if column in ("email", "assurer_email"):
        return lambda v: "@" in v
    if column in ("opens_at", "closes_at", "number"):
        return lambda v: any(c.isdigit() for c in v)
    if column in ("status",):
        return lambda v: len(v) <= 30
    return lambda v: True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
