"""What every kept text index does: one writer at a time, readers that follow, and a way on when the disk fails.

A kind (Whoosh, tantivy) opens its files, writes one commit and searches it.
"""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from whoosh.util.filelock import FileLock, try_for

from referral_dir.index.common_search import Snapshot
from referral_dir.index.documents import digest, document_forms, document_words, needs_digest
from referral_dir.index.text import IndexDamaged, TextHits, TextQuery
from referral_dir.store.feed import Position, TextRow

log = logging.getLogger(__name__)

FORMAT: Final = 2
LOCK_SECONDS: Final = 30.0
# Each one fails only because another process has written meanwhile; who then still reads old files waits for the lock.
OPENINGS: Final = 10
HEAD: Final = "head"
LOCK: Final = "apply.lock"


@dataclass(frozen=True, slots=True)
class Entry:
    """A document to write. Forms and words go to the fields of the scope, "public" or "hidden"; without a scope there
    is only what is stored."""

    key: str
    stored: Mapping[str, Any]
    scope: str = ""
    forms: Mapping[str, float] = field(default_factory=dict)
    words: Collection[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One commit. The documents of `gone` and those that the entries replace go; with `whole` all others do as well.
    After `purge` no word of what went may be left in the files."""

    entries: Iterable[Entry]
    replaced: Collection[str]
    gone: Collection[str]
    whole: bool
    purge: bool


class KeptTextIndex(ABC):
    """See text.TextIndex. One lock per process guards it; one lock file lets a single process write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._snapshot: Snapshot[Any] | None = None
        self._seen: object = None
        self._position: Position | None = None
        self._bad: object = None
        self._in_memory = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / LOCK).touch()
        except OSError as error:
            self._use_memory(error)

    @abstractmethod
    def _newest_commit(self) -> object:
        """What tells one commit on disk from another, also after a rebuild; None where there is none."""

    @abstractmethod
    def _read(self) -> Snapshot[Any]:
        """The newest commit on disk."""

    @abstractmethod
    def _commit(self, change: Change) -> Snapshot[Any]:
        """Write the change, to memory if `_in_memory`. Without a snapshot the folder is empty."""

    def position(self) -> Position | None:
        """See text.TextIndex."""
        return self._position

    def reopen(self) -> None:
        """See text.TextIndex."""
        with self._lock:
            for _ in range(OPENINGS):
                found = None if self._in_memory else self._newest_commit()
                if self._in_memory or found in (self._seen, self._bad):
                    return
                if found is None:
                    self._forget()
                    return
                try:
                    self._use(self._read(), found)
                    return
                # A damaged file shows as any of a dozen errors, from struct to pickle; all mean: build it anew.
                except BaseException as error:
                    # Unless another process replaced the files while they were being opened.
                    if not isinstance(error, Exception) or self._newest_commit() == found:
                        self._give_up(error, found)
                        return

    def apply(self, upserts: Iterable[TextRow], deletions: Collection[UUID], position: Position, *,
              seen: Position | None, whole: bool) -> bool:
        """See text.TextIndex. On a full or read-only disk the index goes on in memory."""
        with self._lock:
            try:
                with self._writing() as locked:
                    if not locked:
                        log.warning("another process has been writing the text index for %g s", LOCK_SECONDS)
                        return False
                    self.reopen()
                    if self._is_due(position, seen, whole=whole):
                        self._write(list(upserts), deletions, position, whole=whole)
            except OSError as error:
                if self._in_memory:
                    raise
                self._use_memory(error)
            # As in `reopen`. A fresh index that can't be written is no damage, but a mistake of ours.
            except BaseException as error:
                if whole:
                    raise
                self._give_up(error, self._seen)
            return True

    def search(self, query: TextQuery) -> TextHits:
        """See text.TextIndex."""
        with self._lock:
            if self._snapshot is None:
                raise IndexDamaged("the text index has not been built")
            try:
                return self._snapshot.search(query)
            # As in `reopen`: damage that shows only when a word's block is read.
            except BaseException as error:
                self._give_up(error, self._seen)
                # Not "from error": its message may hold what was searched for, and end in a log.
                raise IndexDamaged("the text index is damaged") from None

    def suggest(self, prefix: str, *, public_only: bool, limit: int = 8) -> list[str]:
        """See text.TextIndex."""
        with self._lock:
            return self._snapshot.suggest(prefix, public_only, limit) if self._snapshot else []

    def near(self, word: str, *, public_only: bool, limit: int = 10) -> list[str]:
        """See text.TextIndex."""
        with self._lock:
            return self._snapshot.near_words(word, public_only, limit) if self._snapshot else []

    # Writing

    def _is_due(self, position: Position, seen: Position | None, *, whole: bool) -> bool:
        if whole or self._position is None or seen is None:
            return whole and self._position == seen
        return seen.sequence <= self._position.sequence < position.sequence

    def _write(self, upserts: list[TextRow], deletions: Collection[UUID], position: Position, *,
               whole: bool) -> None:
        if self._snapshot is None and not self._in_memory:
            self._clear_folder()
        marked = [(row, digest(row)) for row in upserts]
        changed = [(row, mark) for row, mark in marked if whole or mark != self._stored(row.service_id).get("digest")]
        gone = [str(service_id) for service_id in deletions if self._stored(service_id)]
        if not (changed or gone or whole):
            # Most changes are of capacity. The number on disk may stay behind: what it lacks is read again, and
            # found to be indexed already.
            self._position = position
            return
        # A service that became confidential must leave no word of its public past in the files.
        purge = not whole and any(row.confidential and self._stored(row.service_id).get("public") for row, _ in changed)
        entries = chain((_entry(row, mark) for row, mark in changed), [_head(position)])
        replaced = [*(str(row.service_id) for row, _ in changed), HEAD]
        snapshot = self._commit(Change(entries, replaced, gone, whole, purge))
        self._use(snapshot, None if self._in_memory else self._newest_commit())

    def _clear_folder(self) -> None:
        """Leave no file of a damaged, older or foreign index: nothing would ever take words out of it."""
        for path in self._folder.iterdir():
            if path.is_file() and path.name != LOCK:
                path.unlink()

    @contextmanager
    def _writing(self) -> Iterator[bool]:
        if self._in_memory:
            yield True
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(str(self._folder / LOCK))
        locked = try_for(lock.acquire, timeout=LOCK_SECONDS, delay=0.02)
        try:
            yield locked
        finally:
            if locked:
                lock.release()

    def _give_up(self, error: BaseException, found: object) -> None:
        # A panic in tantivy is an error like others, but Python can't import its class.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise error
        log.warning("the text index can't be read and will be rebuilt: %s", type(error).__name__)
        self._forget()
        self._bad = found

    def _use_memory(self, error: OSError) -> None:
        log.warning("the text index can't be kept on disk and stays in memory: %s", error.strerror)
        self._in_memory = True
        self._forget()

    # Reading

    def _use(self, snapshot: Snapshot[Any], found: object) -> None:
        head = snapshot.stored(HEAD)
        if head is None or head["version"] != _version():
            raise ValueError("the index was made by another version")
        service_id, at = head["service_id"], head["at"]
        self._snapshot, self._seen = snapshot, found
        self._position = Position(head["sequence"], UUID(service_id) if service_id else None,
                                  datetime.fromisoformat(at) if at else None)

    def _forget(self) -> None:
        self._snapshot = self._seen = self._position = None

    def _stored(self, service_id: UUID) -> Mapping[str, Any]:
        return (self._snapshot and self._snapshot.stored(str(service_id))) or {}


def _entry(row: TextRow, mark: str) -> Entry:
    stored = {
        "id": str(row.service_id), "digest": mark, "public": not row.confidential,
        "needs": sorted(row.confirmed_needs | row.suggested_needs),
        "texts": {"name": row.name, "organization": row.organization, "description": row.description},
    }
    scope = "hidden" if row.confidential else "public"
    return Entry(str(row.service_id), stored, scope, document_forms(row), document_words(row))


def _head(position: Position) -> Entry:
    """The document that says how far the index is: written in the same commit as what it speaks of."""
    return Entry(HEAD, {
        "version": _version(), "sequence": position.sequence,
        "service_id": str(position.service_id) if position.service_id else None,
        "at": position.at.isoformat() if position.at else None,
    })


def _version() -> str:
    return f"{FORMAT} {needs_digest()}"
