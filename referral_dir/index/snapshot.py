"""The match index on disk, so that a process starts in a blink. A torn, old or foreign file is not trusted.

It holds what the columns hold: a confidential service has its zone's point, and no name or address is in it.
"""

import hashlib
import json
import logging
import os
from contextlib import suppress
from dataclasses import astuple, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.need import ServedArea
from referral_dir.domain.needs import needs
from referral_dir.domain.opening import Schedule
from referral_dir.index.columns import RECORD, SEARCHED, Columns, Tables
from referral_dir.store.feed import Position

log = logging.getLogger(__name__)
MAGIC: Final = b"referral-dir match index\n"
SCHEMA: Final = 5
_KINDS: Final = {"records": RECORD, "by_id": np.dtype("i4")} | {name: SEARCHED[name] for name in SEARCHED.names or ()}
_DATES: Final = frozenset(f.name for f in fields(Schedule) if "date" in str(f.type))


def save(path: Path, columns: Columns, position: Position) -> None:
    """Write the columns whole, or leave what is there. A disk that refuses is logged: the index lives on in memory."""
    arrays = dict(columns.parts())
    if columns.count == columns.sorted:
        arrays["by_id"] = columns.by_id
    header = json.dumps({
        "schema": SCHEMA, "needs": list(needs()), "sorted": columns.count == columns.sorted,
        "sequence": position.sequence, "service_id": str(position.service_id) if position.service_id else None,
        "at": position.at.isoformat() if position.at else None, "tables": _tables_json(columns.tables),
        "arrays": [[name, len(values)] for name, values in arrays.items()]}).encode()
    parts: list[bytes] = [len(header).to_bytes(8, "little"), header, *(values.tobytes() for values in arrays.values())]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    other = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(other, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(MAGIC + digest.digest())
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        other.replace(path)
    except OSError as error:
        log.warning("the match index can't be kept on disk: %s", error.strerror)
        with suppress(OSError):
            other.unlink()


def load(path: Path) -> tuple[Columns, Position] | None:
    """The kept columns; None where there are none that can be trusted."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    start = len(MAGIC) + hashlib.sha256().digest_size
    body = memoryview(content)[start:]
    if content[:len(MAGIC)] != MAGIC or hashlib.sha256(body).digest() != content[len(MAGIC):start]:
        log.warning("the kept match index is damaged and will be rebuilt")
        return None
    length = int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8:8 + length]))
    if header["schema"] != SCHEMA or header["needs"] != list(needs()):
        return None
    at = 8 + length
    arrays: dict[str, NDArray[Any]] = {}
    for name, count in header["arrays"]:
        arrays[name] = np.frombuffer(body, dtype=_KINDS[name], count=count, offset=at)
        at += arrays[name].nbytes
    by_id = arrays.pop("by_id", None)
    columns = Columns(arrays, _tables_from(header["tables"]), by_id, is_sorted=header["sorted"])
    return columns, Position(header["sequence"], UUID(header["service_id"]) if header["service_id"] else None,
                             datetime.fromisoformat(header["at"]) if header["at"] else None)


def forget(path: Path) -> None:
    """Remove the file: it may hold the place of a service that has become confidential."""
    try:
        # Beside it: what a process that died has left half written.
        for each in (path, *path.parent.glob(f"{path.name}.*")):
            each.unlink(missing_ok=True)
    except OSError as error:
        log.error("the kept match index must be removed by hand, it may hold a hidden place: %s", error.strerror)


def _tables_json(tables: Tables) -> dict[str, Any]:
    return {
        "languages": [[sorted(codes), own] for codes, own in tables.languages.values],
        "profiles": tables.profiles.values,
        "areas": [[value[0] if value else "", *(astuple(a) if isinstance(a, ServedArea) else a for a in value[1:])]
                  for value in tables.areas.values],
        "hours": [[[[v.isoformat() if isinstance(v, date) else v for v in astuple(s)] for s in schedules], zone]
                  for schedules, zone in tables.hours.values],
        "units": tables.units.values,
    }


def _tables_from(read: dict[str, Any]) -> Tables:
    tables = Tables()
    for codes, own in read["languages"]:
        tables.languages.number((frozenset(codes), own))
    for until, low, high, household, rules, text, remote in read["profiles"]:
        tables.profiles.number((until, low, high, household, tuple(tuple(rule) for rule in rules), text, remote))
    for kind, *rest in read["areas"]:
        members = tuple(ServedArea(*a) if kind == "areas" else a for a in rest)
        tables.areas.number((kind, *members) if kind else ())
    for schedules, zone in read["hours"]:
        tables.hours.number((tuple(_schedule(values) for values in schedules), zone))
    for unit in read["units"]:
        tables.units.number(unit)
    return tables


def _schedule(values: list[Any]) -> Schedule:
    named: dict[str, Any] = dict(zip((f.name for f in fields(Schedule)), values, strict=True))
    for name in _DATES:
        named[name] = date.fromisoformat(named[name]) if named[name] else None
    return Schedule(**named)
