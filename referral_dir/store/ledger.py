"""What must stay ended though an older backup is restored: erasures and withdrawals, in a file outside the database.

A line is written and synced as the last thing before its transaction commits. If the commit then fails, the line says
more than the database: the next start does the withdrawal or erasure after all, which is the safe side to err on.
Each line holds the hash of the line before it, and the end of the audit trail in its own transaction: a database that
does not have that very entry is older than the line, and what the ledger holds is done again (desk/retention.py).
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from referral_dir.store.db import before_commit
from referral_dir.store.records import AuditEntry, lock_logs

WITHDRAWN: Final = "withdrawn"
SUPERSEDED: Final = "superseded"
FORGOTTEN: Final = "forgotten"
UNSEALED: Final = "key_destroyed"
ERASED: Final = "erased"
REPLAYED: Final = "replayed"
FIRST_HASH: Final = "0" * 64
# More than the longest line and one that was cut short.
TAIL: Final = 4096


class LedgerBroken(Exception):
    """A line of the ledger was changed, removed or can't be read."""


@dataclass(frozen=True, slots=True)
class Line:
    """One erasure or withdrawal. `record` is the consent's id, or the forgotten field's; nothing is personal."""

    number: int
    kind: str
    case: str | None
    record: str | None
    at: str
    audit_sequence: int
    audit_hash: str
    previous: str
    hash: str


def note(session: Session, kind: str, at: datetime, *, case_id: UUID | None = None,
         record_id: UUID | None = None) -> None:
    """Have this written into the ledger just before the transaction commits."""
    session.info.setdefault("ledger_lines", []).append(
        {"kind": kind, "case": str(case_id) if case_id else None, "record": str(record_id) if record_id else None,
         "at": at.isoformat()})


def prepare(path: Path) -> None:
    """Find out at the start, not at the first withdrawal, that the ledger can't be written. Raises LedgerBroken."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerBroken(f"REFERRAL_DIR_LEDGER: {path.parent} can't be made: {error.strerror}") from error
    if not os.access(path if path.exists() else path.parent, os.W_OK) or path.is_dir():
        raise LedgerBroken(f"REFERRAL_DIR_LEDGER: {path} can't be written")


def read_lines(path: Path) -> Sequence[Line]:
    """The whole ledger, checked. A last line without its end was never synced, so its act never committed: left out.

    Raises LedgerBroken.
    """
    if not path.exists():
        return []
    lines: list[Line] = []
    previous = FIRST_HASH
    for number, text in enumerate(_whole(path.read_bytes()).splitlines(), 1):
        try:
            line = Line(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise LedgerBroken(f"line {number} of the ledger {path} can't be read") from error
        if line.number != number or line.previous != previous or line.hash != _hash(asdict(line)):
            raise LedgerBroken(f"line {number} of the ledger {path} is not as it was written: "
                               "find out who changed it, and put the true file back from its copy")
        lines.append(line)
        previous = line.hash
    return lines


def agrees(session: Session, path: Path) -> bool:
    """Whether this database has the act that the ledger knows last, or there is none."""
    lines = read_lines(path)
    if not lines:
        return True
    found = session.scalar(select(AuditEntry.hash).where(AuditEntry.sequence == lines[-1].audit_sequence))
    return found == lines[-1].audit_hash


@before_commit
def _write_ledger(session: Session) -> None:
    queued: list[dict[str, Any]] = session.info.pop("ledger_lines", [])
    path: Path | None = session.info.get("ledger")
    if not queued or path is None:
        return
    # One writer at a time, and the audit entries of this transaction are written: records.py registered before us.
    lock_logs(session)
    head = session.execute(select(AuditEntry.sequence, AuditEntry.hash)
                           .order_by(AuditEntry.sequence.desc()).limit(1)).first()
    end = {"audit_sequence": head.sequence if head else 0, "audit_hash": head.hash if head else FIRST_HASH}
    _append(path, [line | end for line in queued])


def _append(path: Path, queued: Sequence[dict[str, Any]]) -> None:
    number, previous, end = _last(path)
    text = b""
    for fields in queued:
        number += 1
        line = {"number": number, **fields, "previous": previous}
        line["hash"] = previous = _hash(line)
        text += json.dumps(line, sort_keys=True).encode() + b"\n"
    new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # A torn last line is overwritten; see read_lines.
        os.lseek(handle, end, os.SEEK_SET)
        os.write(handle, text)
        os.ftruncate(handle, os.lseek(handle, 0, os.SEEK_CUR))
        os.fsync(handle)
    finally:
        os.close(handle)
    if new and os.name != "nt":
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _last(path: Path) -> tuple[int, str, int]:
    """Number and hash of the last whole line, and where it ends. The whole chain is checked at every start."""
    if not path.exists():
        return 0, FIRST_HASH, 0
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        begin = file.seek(max(0, size - TAIL))
        tail = _whole(file.read())
    if not tail:
        if size > TAIL:
            raise LedgerBroken(f"the end of the ledger {path} can't be read")
        return 0, FIRST_HASH, 0
    try:
        line = json.loads(tail.splitlines()[-1])
        return line["number"], line["hash"], begin + len(tail)
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerBroken(f"the end of the ledger {path} can't be read") from error


def _whole(content: bytes) -> bytes:
    return content[:content.rfind(b"\n") + 1]


def _hash(line: dict[str, Any]) -> str:
    fields = {key: value for key, value in line.items() if key != "hash"}
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
