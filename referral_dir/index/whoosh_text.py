"""The embedded text index: Whoosh on disk, or in memory where the folder can't be written.

Whoosh keeps the terms, weights and documents, commits them atomically and finds a word's documents. How words are
made and how hits are ranked is ours. What public pages may see is indexed in fields of its own, so that words and
counts of confidential services can't reach them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from whoosh import fields, formats
from whoosh.filedb.filestore import FileStorage, RamStorage
from whoosh.writing import CLEAR

from referral_dir.index.common_text import Change, Entry, KeptTextIndex
from referral_dir.index.whoosh_search import WhooshSnapshot

MEMORY_MB: Final = 256


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


class WhooshTextIndex(KeptTextIndex):
    """See text.TextIndex."""

    def __init__(self, folder: Path) -> None:
        self._index: Any = None
        super().__init__(folder)

    def _newest_commit(self) -> object:
        while True:
            try:
                contents = [(path.stat().st_mtime_ns, path.stat().st_ino, path.name)
                            for path in self._folder.glob("_MAIN_*.toc")]
            except FileNotFoundError:  # another process has just put a newer one in its place
                continue
            return max(contents, default=None)

    def _read(self) -> WhooshSnapshot:
        self._index = FileStorage(str(self._folder)).open_index(schema=_schema())
        return WhooshSnapshot(self._index.reader())

    def _commit(self, change: Change) -> WhooshSnapshot:
        if self._snapshot is None:
            storage = _Memory() if self._in_memory else FileStorage(str(self._folder))
            self._index = storage.create_index(_schema())
        writer = self._index.writer(limitmb=MEMORY_MB)
        try:
            for key in () if change.whole else (*change.gone, *change.replaced):
                writer.delete_by_term("key", key)
            for entry in change.entries:
                writer.add_document(**_document(entry))
        except BaseException:
            writer.cancel()
            raise
        # CLEAR: what was there is read until the new segments count, and is gone then.
        writer.commit(mergetype=CLEAR if change.whole else None, optimize=change.purge)
        return WhooshSnapshot(self._index.reader())


def _document(entry: Entry) -> dict[str, Any]:
    if not entry.scope:
        return {"key": entry.key, "stored": entry.stored}
    return {
        "key": entry.key, "stored": entry.stored, "scope": entry.scope, entry.scope: entry.forms,
        f"{entry.scope}_words": {f"{folded}\t{shown}": 1.0 for folded, shown in entry.words},
    }
