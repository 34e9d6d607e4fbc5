"""The head of the audit chain as a text that is signed, and the check of a chain against it.

Each entry's hash covers its content and the hash before it (a hash chain, as in RFC 6962 without the tree). A chain
alone can be rewritten whole by whoever holds the database; a signed head that was kept elsewhere can't.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from referral_dir.domain.saying import say

FIRST_HASH: Final = "0" * 64
_FIRST_LINE: Final = "referral-dir audit head 1"


@dataclass(frozen=True, slots=True)
class Head:
    """The number and hash of the last entry at a moment (aware)."""

    sequence: int
    hash: str
    at: datetime

    def text(self) -> bytes:
        """The canonical text that is signed."""
        lines = (_FIRST_LINE, str(self.sequence), self.hash, self.at.astimezone(UTC).isoformat())
        return "\n".join(lines).encode()


@dataclass(frozen=True, slots=True)
class Verification:
    """`entries` were checked, the last one has the hash `head`. `broken_at` is the number of the first entry that does
    not fit, and `why` says how; both None where the chain is whole."""

    entries: int
    head: str
    broken_at: int | None
    why: str | None = None


def entry_hash(row: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of all fields but the hash itself (RFC 8785 in spirit: sorted keys)."""
    fields = {
        key: value.astimezone(UTC).isoformat() if isinstance(value, datetime)
        else str(value) if isinstance(value, UUID) else value
        for key, value in row.items() if key != "hash"
    }
    canonical = json.dumps(fields, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def check_chain(rows: Iterable[Mapping[str, Any]], head: Head | None = None,
                cut_at: Head | None = None) -> Verification:
    """Walk the chain, oldest entry first: numbers without gaps, each hash right, and the entry that the head names as
    the head has it. `cut_at` is the signed head up to which the chain was cut when its time had come.

    Without a head, a truncated tail and a chain that was rewritten whole can't be seen.
    """
    expected, previous = (cut_at.sequence + 1, cut_at.hash) if cut_at else (1, FIRST_HASH)
    for row in rows:
        why = _misfit(row, expected, previous, head)
        if why:
            return Verification(expected - 1, previous, expected, why)
        expected, previous = expected + 1, row["hash"]
    if head is not None and head.sequence >= expected:
        return Verification(expected - 1, previous, expected,
                            say("entries up to %(number)s are missing", number=head.sequence))
    return Verification(expected - 1, previous, None)


def _misfit(row: Mapping[str, Any], expected: int, previous: str, head: Head | None) -> str | None:
    if row["sequence"] != expected:
        return say("entry %(number)s is missing", number=expected)
    if row["previous_hash"] != previous:
        return say("it does not follow the entry before")
    if row["hash"] != entry_hash(row):
        return say("its content was changed")
    if head is not None and head.sequence == expected and head.hash != row["hash"]:
        return say("the chain was written anew: the seal that was kept elsewhere names another entry")
    return None
