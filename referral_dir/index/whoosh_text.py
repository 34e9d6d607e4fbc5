"""The embedded text index: Whoosh on disk, or in memory where the folder can't be written.

Whoosh keeps the terms, weights and documents, commits them atomically and finds a word's documents. How words are
made and how hits are ranked is ours. What public pages may see is indexed in fields of its own, so that words and
counts of confidential services can't reach them.
"""

import logging
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from whoosh import fields, formats
from whoosh.filedb.filestore import FileStorage, RamStorage
from whoosh.util.filelock import FileLock, try_for

from referral_dir.index.documents import digest, document_forms, document_words, needs_digest
from referral_dir.index.text import IndexDamaged, TextHits, TextQuery
from referral_dir.index.whoosh_search import Snapshot
from referral_dir.store.feed import Position, TextRow

log = logging.getLogger(__name__)

FORMAT: Final = 1
LOCK_SECONDS: Final = 30.0
MEMORY_MB: Final = 256
HEAD: Final = "head"
LOCK: Final = "apply.lock"


class _Forms(fields.FieldType):  # type: ignore[misc]
    """A field whose value is already forms with weights."""

    def __init__(self) -> None:
        # Without the column of lengths that scorable makes, Whoosh looks for its file once per posting.
        super().__init__(formats.Existence(), None, scorable=True, stored=False)

    def index(self, value: dict[str, float], **_options: Any) -> Iterator[tuple[bytes, int, float, bytes]]:
        for form, weight in value.items():
            yield form.encode(), 1, weight, b""


class _Memory(RamStorage):  # type: ignore[misc]
    """Whoosh's own keeps its working files in a fixed folder under /tmp, for all processes and users to meet in."""

    def temp_storage(self, name: str | None = None) -> RamStorage:
        return RamStorage()


def _schema() -> Any:
    return fields.Schema(
        key=fields.ID(unique=True), public=_Forms(), hidden=_Forms(), public_words=_Forms(), hidden_words=_Forms(),
        scope=fields.ID(), stored=fields.STORED())


class WhooshTextIndex:
    """See text.TextIndex. One lock per process guards it; one lock file lets a single process write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._index: Any = None
        self._snapshot: Snapshot | None = None
        self._seen: object = None
        self._position: Position | None = None
        self._bad: object = None
        self._in_memory = False
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / LOCK).touch()
        except OSError as error:
            self._use_memory(error)

    def position(self) -> Position | None:
        """See text.TextIndex."""
        return self._position

    def reopen(self) -> None:
        """See text.TextIndex."""
        with self._lock:
            found = self._newest_file()
            if self._in_memory or found in (self._seen, self._bad):
                return
            if found is None:
                self._forget()
                return
            try:
                self._open(FileStorage(str(self._folder)).open_index(schema=_schema()))
                self._seen = found
            # A damaged file shows as any of a dozen errors, from struct to pickle; all mean: build it anew.
            except Exception as error:
                self._give_up(error, found)

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
            except Exception as error:
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
            except Exception as error:
                self._give_up(error, self._seen)
                # Not "from error": its message may hold what was searched for, and end in a log.
                raise IndexDamaged("the text index is damaged") from None

    def suggest(self, prefix: str, *, public_only: bool, limit: int = 8) -> list[str]:
        """See text.TextIndex."""
        with self._lock:
            return self._snapshot.suggest(prefix, public_only, limit) if self._snapshot else []

    # Writing

    def _is_due(self, position: Position, seen: Position | None, *, whole: bool) -> bool:
        if whole or self._position is None or seen is None:
            return whole and self._position == seen
        return seen.sequence <= self._position.sequence < position.sequence

    def _write(self, upserts: list[TextRow], deletions: Collection[UUID], position: Position, *,
               whole: bool) -> None:
        if whole:
            self._create()
        marked = [(row, digest(row)) for row in upserts]
        changed = [(row, mark) for row, mark in marked if mark != self._stored(row.service_id).get("digest")]
        gone = [service_id for service_id in deletions if self._stored(service_id)]
        if not (changed or gone or whole):
            # Most changes are of capacity. The number on disk may stay behind: what it lacks is read again, and
            # found to be indexed already.
            self._position = position
            return
        # A service that became confidential must leave no word of its public past in the files.
        purge = any(row.confidential and self._stored(row.service_id).get("public") for row, _ in changed)
        writer = self._index.writer(limitmb=MEMORY_MB)
        try:
            for service_id in gone:
                writer.delete_by_term("key", str(service_id))
            for row, mark in changed:
                (writer.add_document if whole else writer.update_document)(**_document(row, mark))
            writer.update_document(key=HEAD, stored=_head(position))
        except BaseException:
            writer.cancel()
            raise
        writer.commit(optimize=whole or purge)
        self._open(self._index)
        self._seen = self._newest_file()

    def _create(self) -> None:
        self._forget()
        storage = _Memory() if self._in_memory else FileStorage(str(self._folder))
        self._index = storage.create_index(_schema())

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

    def _give_up(self, error: Exception, found: object) -> None:
        log.warning("the text index can't be read and will be rebuilt: %s", type(error).__name__)
        self._forget()
        self._bad = found

    def _use_memory(self, error: OSError) -> None:
        log.warning("the text index can't be kept on disk and stays in memory: %s", error.strerror)
        self._in_memory = True
        self._forget()

    # Reading

    def _newest_file(self) -> object:
        """What tells one commit from another, also after a rebuild that counts from the start again."""
        if self._in_memory:
            return None
        contents = [(path.stat().st_mtime_ns, path.stat().st_ino, path.name)
                    for path in self._folder.glob("_MAIN_*.toc")]
        return max(contents, default=None)

    def _open(self, index: Any) -> None:
        snapshot = Snapshot(index.reader())
        head = snapshot.stored(HEAD)
        if head is None or head["version"] != _version():
            raise ValueError("the index was made by another version")
        self._forget()
        self._index, self._snapshot = index, snapshot
        service_id, at = head["service_id"], head["at"]
        self._position = Position(head["sequence"], UUID(service_id) if service_id else None,
                                  datetime.fromisoformat(at) if at else None)

    def _forget(self) -> None:
        self._index = self._snapshot = self._seen = self._position = None

    def _stored(self, service_id: UUID) -> dict[str, Any]:
        return (self._snapshot and self._snapshot.stored(str(service_id))) or {}


def _document(row: TextRow, mark: str) -> dict[str, Any]:
    scope = "hidden" if row.confidential else "public"
    return {
        "key": str(row.service_id), "scope": scope, scope: document_forms(row),
        f"{scope}_words": {f"{folded}\t{shown}": 1.0 for folded, shown in document_words(row)},
        "stored": {
            "id": str(row.service_id), "digest": mark, "public": not row.confidential,
            "needs": sorted(row.confirmed_needs | row.suggested_needs),
            "texts": {"name": row.name, "organization": row.organization, "description": row.description},
        },
    }


def _head(position: Position) -> dict[str, Any]:
    """The document that says how far the index is: written in the same commit as what it speaks of."""
    return {
        "version": _version(), "sequence": position.sequence,
        "service_id": str(position.service_id) if position.service_id else None,
        "at": position.at.isoformat() if position.at else None,
    }


def _version() -> str:
    return f"{FORMAT} {needs_digest()}"
