"""The text index for large directories: tantivy on disk, or in memory where the folder can't be written."""

import errno
import json
import zlib
from bisect import bisect
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final
from uuid import UUID

from tantivy import Document, Index, IndexWriter, Schema, SchemaBuilder

from referral_dir.index.common_text import Change, Entry, KeptTextIndex
from referral_dir.index.tantivy_search import BEGUN_LEVELS, HARD_SPACE, LEVELS, MARKS, TantivySnapshot, plain
from referral_dir.index.words import GRAM, STEM, stem

# Only as much is used as the new texts need. With room for all of them they become one segment, and a search looks
# each term up once.
HEAP_BYTES: Final = 1_000_000_000
HALF: Final = 64


def _schema() -> Schema:
    builder = SchemaBuilder()
    for field in ("key", "scope"):
        builder.add_text_field(field, stored=True, tokenizer_name="raw", index_option="basic")
    for field in ("public", "all", "public_words", "all_words"):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="basic")
    for field in ("high", "low"):
        builder.add_unsigned_field(field, stored=True, fast=True)
    for field in ("stored", "forms", "words"):
        builder.add_bytes_field(field, stored=True)
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
        # tantivy can't be told to merge. Documents taken out and put in again need no analysis.
        kept = _snapshot(index).documents_without([*change.gone, *change.replaced])
        writer.delete_all_documents()
        for document in kept:
            _index(document)
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
        # A stem needs no terms: its words lead to it.
        document.add_bytes("forms", _packed(MARKS[bisect(LEVELS, weight) - 1] + plain(form)
                                            for form, weight in entry.forms.items() if form[0] != STEM))
        document.add_bytes("words", _packed(plain(f"{folded}|{shown}") for folded, shown in entry.words))
        _index(document)
    return document


def _index(document: Document) -> None:
    """Make a document findable by what is stored of it: by staff, and in public if it is."""
    scope = document.get_first("scope")
    if scope:
        terms = " ".join(map(_terms, _unpacked(document, "forms")))
        words = " ".join(_unpacked(document, "words"))
        for audience in ("all", "public") if scope == "public" else ("all",):
            document.add_text(audience, terms)
            document.add_text(f"{audience}_words", words)


def _unpacked(document: Document, field: str) -> list[str]:
    text = zlib.decompress(bytes(document.get_first(field) or b"")).decode()
    return text.split(" ") if text else []


def _packed(terms: Iterable[str]) -> bytes:
    # Level 1: tantivy compresses blocks of documents once more, and this is done for each while importing.
    return zlib.compress(" ".join(terms).encode(), 1)


@lru_cache(maxsize=100_000)
def _terms(marked: str) -> str:
    """The terms of a form and its weight, see tantivy_search."""
    mark, form = marked[0], marked[1:]
    if form[0] == GRAM:
        return f"{form}|{form}|{mark}"
    begun = MARKS[bisect(BEGUN_LEVELS, LEVELS[MARKS.index(mark)]) - 1]
    return f"{STEM}{plain(stem(form.replace(HARD_SPACE, ' ')))}|{form}|{mark} {begun}{form}"
