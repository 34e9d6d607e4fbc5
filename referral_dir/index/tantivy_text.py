"""The text index for large directories: tantivy on disk, or in memory where the folder can't be written."""

import errno
import json
from bisect import bisect
from pathlib import Path
from typing import Final
from uuid import UUID

from tantivy import Document, Index, IndexWriter, Schema, SchemaBuilder

from referral_dir.index.common_text import Change, Entry, KeptTextIndex
from referral_dir.index.documents import (
    ALTERNATE_NAME,
    CONFIRMED_NEED,
    DESCRIPTION,
    NAME,
    ORGANIZATION,
    PLACE,
    SUGGESTED_NEED,
)
from referral_dir.index.tantivy_search import TantivySnapshot, joined

HEAP_BYTES: Final = 128_000_000
HALF: Final = 64
# Weights are rounded down to these: each that a form has costs a search one list of documents more. Name's own lie
# close together, by which a short name comes before a long one.
LEVELS: Final = (DESCRIPTION, SUGGESTED_NEED, PLACE, CONFIRMED_NEED, ORGANIZATION, ALTERNATE_NAME, NAME,
                 NAME + 0.2, NAME + 0.3, NAME + 0.5, NAME + 1.0)


def _schema() -> Schema:
    builder = SchemaBuilder()
    for field in ("key", "scope"):
        builder.add_text_field(field, stored=True, tokenizer_name="raw", index_option="basic")
    for field in ("public", "hidden", "public_words", "hidden_words"):
        builder.add_text_field(field, stored=True, tokenizer_name="whitespace", index_option="basic")
    for field in ("high", "low"):
        builder.add_unsigned_field(field, stored=True, fast=True)
    builder.add_bytes_field("stored", stored=True)
    return builder.build()


class TantivyTextIndex(KeptTextIndex):
    """See text.TextIndex."""

    def __init__(self, folder: Path) -> None:
        self._memory: Index | None = None
        super().__init__(folder)

    def _newest_commit(self) -> object:
        try:
            meta = (self._folder / "meta.json").stat()
        except OSError:
            return None
        return meta.st_mtime_ns, meta.st_ino

    def _read(self) -> TantivySnapshot:
        return _snapshot(self._open())

    def _commit(self, change: Change) -> TantivySnapshot:
        try:
            index = self._create() if self._snapshot is None else self._open()
            _write(index, change)
        except ValueError as error:
            if not change.whole:
                raise
            # tantivy knows only ValueErrors. What can go wrong with all files anew is the disk.
            raise OSError(errno.EIO, str(error)) from error
        return _snapshot(index)

    def _create(self) -> Index:
        # Equal scores come in the order of the documents. Sorted, that is the order of the ids, and the same anywhere.
        if self._in_memory:
            self._memory = Index(_schema(), sort_by_field="high")
            return self._memory
        return Index(_schema(), str(self._folder), sort_by_field="high")

    def _open(self) -> Index:
        # On disk another Index for each commit: it knows of no search still going on that keeps replaced files alive.
        return self._memory or Index.open(str(self._folder))


def _snapshot(index: Index) -> TantivySnapshot:
    index.reload()
    return TantivySnapshot(index.searcher(), index.schema)


def _write(index: Index, change: Change) -> None:
    writer = index.writer(HEAP_BYTES, 1)
    try:
        _add_and_delete(index, writer, change)
        writer.commit()
    except BaseException:
        writer.rollback()
        raise
    index.reload()
    # The commit itself spared the files that this Index was reading until now.
    writer.garbage_collect_files()
    writer.wait_merging_threads()


def _add_and_delete(index: Index, writer: IndexWriter, change: Change) -> None:
    if change.purge:
        # tantivy can't be told to merge. Documents taken out and put in again as they were need no analysis.
        kept = _snapshot(index).documents_without([*change.gone, *change.replaced])
        writer.delete_all_documents()
        for document in kept:
            writer.add_document(document)
    elif change.whole:
        writer.delete_all_documents()
    else:
        for key in (*change.gone, *change.replaced):
            writer.delete_documents_by_term("key", key)
    for entry in change.entries:
        writer.add_document(_document(entry))


def _document(entry: Entry) -> Document:
    document = Document()
    document.add_text("key", entry.key)
    document.add_bytes("stored", json.dumps(entry.stored).encode())
    if entry.scope:
        number = UUID(entry.key).int
        document.add_unsigned("high", number >> HALF)
        document.add_unsigned("low", number % (1 << HALF))
        document.add_text("scope", entry.scope)
        document.add_text(entry.scope, " ".join(joined(form, _level(weight)) for form, weight in entry.forms.items()))
        document.add_text(f"{entry.scope}_words", " ".join(joined(folded, shown) for folded, shown in entry.words))
    return document


def _level(weight: float) -> float:
    return LEVELS[bisect(LEVELS, weight) - 1]
