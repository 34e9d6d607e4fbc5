"""The embedded text index: Whoosh on disk, or in memory where the folder can't be written.

Whoosh keeps the terms, weights and documents, commits them atomically and finds a word's documents. How words are
made and how hits are ranked is ours. What public pages may see is indexed in fields of its own, so that words and
counts of confidential services can't reach them.
"""

import logging
import math
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from rapidfuzz import process
from rapidfuzz.distance import OSA
from whoosh import fields, formats
from whoosh.filedb.filestore import FileStorage, RamStorage
from whoosh.reading import TermNotFound
from whoosh.util.filelock import FileLock, try_for

from referral_dir.index.documents import (
    BEGUN,
    MAXIMUM_CHARACTERS,
    QueryWord,
    digest,
    document_forms,
    document_words,
    is_readable,
    named_needs,
    needs_digest,
    query_words,
    tree_words,
)
from referral_dir.index.text import IndexDamaged, TextHit, TextHits, TextQuery, excerpt, highlight
from referral_dir.index.words import fold
from referral_dir.store.feed import Position, TextRow

log = logging.getLogger(__name__)

FORMAT: Final = 1
LOCK_SECONDS: Final = 30.0
MEMORY_MB: Final = 256
MAXIMUM_ENDINGS: Final = 64
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
        self._reader: Any = None
        self._seen: object = None
        self._position: Position | None = None
        self._bad: object = None
        self._ids: dict[int, UUID] = {}
        self._words: dict[str, dict[str, str]] = {}
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
              whole: bool) -> None:
        """See text.TextIndex. On a full or read-only disk the index goes on in memory."""
        with self._lock:
            try:
                with self._writing() as locked:
                    if not locked:
                        log.warning("another process has been writing the text index for %g s", LOCK_SECONDS)
                        return
                    self.reopen()
                    if self._is_due(position, whole=whole):
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

    def search(self, query: TextQuery) -> TextHits:
        """See text.TextIndex."""
        with self._lock:
            if self._reader is None:
                raise IndexDamaged("the text index has not been built")
            try:
                return self._search(query)
            # As in `reopen`: damage that shows only when a word's block is read.
            except Exception as error:
                self._give_up(error, self._seen)
                # Not "from error": its message may hold what was searched for, and end in a log.
                raise IndexDamaged("the text index is damaged") from None

    def suggest(self, prefix: str, *, public_only: bool, limit: int = 8) -> list[str]:
        """See text.TextIndex."""
        folded = fold(prefix.strip())[:64]
        with self._lock:
            if len(folded) < 2 or self._reader is None:
                return []
            begun = [word for word in self._vocabulary(public_only) if word.startswith(folded)]
            begun.sort(key=lambda word: (-self._frequency(word, public_only), word))
            # A frequency counts removed services too, until their segment is merged: look whether one is left.
            living = (word for word in begun if any(self._postings(word, public_only)))
            return [self._vocabulary(public_only)[word] for word in islice(living, limit)]

    # Writing

    def _is_due(self, position: Position, *, whole: bool) -> bool:
        if self._position is None:
            return whole
        if whole:
            return self._position != position
        return self._position.sequence < position.sequence

    def _write(self, upserts: list[TextRow], deletions: Collection[UUID], position: Position, *,
               whole: bool) -> None:
        if whole:
            self._create()
        changed = [(row, mark) for row in upserts if (mark := digest(row)) != self._stored(row.service_id, "digest")]
        gone = [service_id for service_id in deletions if self._stored(service_id, "digest")]
        if not (changed or gone or whole):
            # Most changes are of capacity. The number on disk may stay behind: what it lacks is read again, and
            # found to be indexed already.
            self._position = position
            return
        # A service that became confidential must leave no word of its public past in the files.
        purge = any(row.confidential and self._stored(row.service_id, "public") for row, _ in changed)
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
        reader = index.reader()
        head = reader.stored_fields(reader.first_id("key", HEAD))["stored"]
        if head["version"] != _version():
            raise ValueError("the index was made by another version")
        self._forget()
        self._index, self._reader = index, reader
        service_id, at = head["service_id"], head["at"]
        self._position = Position(head["sequence"], UUID(service_id) if service_id else None,
                                  datetime.fromisoformat(at) if at else None)

    def _forget(self) -> None:
        self._index = self._reader = self._seen = self._position = None
        self._ids, self._words = {}, {}

    def _stored(self, service_id: UUID, name: str) -> Any:
        if self._reader is None:
            return None
        try:
            return self._document(self._reader.first_id("key", str(service_id)))[name]
        except (KeyError, TermNotFound):
            return None

    def _document(self, number: int) -> dict[str, Any]:
        stored: dict[str, Any] = self._reader.stored_fields(number)["stored"]
        return stored

    def _id(self, number: int) -> UUID:
        if number not in self._ids:
            self._ids[number] = UUID(self._document(number)["id"])
        return self._ids[number]

    def _search(self, query: TextQuery) -> TextHits:
        words, cut = query_words(query.text)
        if not words:
            return TextHits(cut=cut)
        scores = [self._scores(word, query.public_only) for word in words]
        order, every_word = self._order(scores, query)
        better = None
        if not every_word or not order:
            better = self._correction(query, words, scores)
        page = order[query.offset:query.offset + query.limit]
        return TextHits(
            hits=tuple(self._hit(number, score, words) for number, score in page),
            ids=tuple(self._id(number) for number, _ in order),
            did_you_mean=better, every_word=every_word, cut=cut)

    def _order(self, scores: list[dict[int, float]], query: TextQuery) -> tuple[list[tuple[int, float]], bool]:
        """Documents that hold every word; where there are none, those that hold most words. Best first."""
        matched: dict[int, tuple[int, float]] = {}
        for own in scores:
            for number, score in own.items():
                count, total = matched.get(number, (0, 0.0))
                matched[number] = count + 1, total + score
        if query.only is not None:
            only = frozenset(query.only)
            matched = {number: found for number, found in matched.items() if self._id(number) in only}
        full = {number: found for number, found in matched.items() if found[0] == len(scores)}
        chosen = full or matched
        order = sorted(chosen, key=lambda n: (-chosen[n][0], -round(chosen[n][1], 6), self._id(n)))
        return [(number, round(chosen[number][1], 4)) for number in order], bool(full)

    def _scores(self, word: QueryWord, public_only: bool) -> dict[int, float]:
        """Documents that answer the word, by rarity of the word and by where it stands in them."""
        forms = dict(word.forms)
        if word.prefix:
            for form in self._endings(word.prefix, public_only):
                forms.setdefault(form, BEGUN)
        best: dict[int, float] = {}
        for form, fit in forms.items():
            for number, weight in self._postings(form, public_only):
                best[number] = max(best.get(number, 0.0), fit * weight)
        rarity = math.log(1 + self._documents(public_only) / (1 + len(best)))
        return {number: weight * rarity for number, weight in best.items()}

    def _postings(self, form: str, public_only: bool) -> Iterator[tuple[int, float]]:
        for field in _scopes(public_only):
            try:
                matcher = self._reader.postings(field, form)
            except TermNotFound:
                continue
            while matcher.is_active():
                yield matcher.id(), matcher.weight()
                matcher.next()

    def _endings(self, prefix: str, public_only: bool) -> list[str]:
        """The most frequent words that begin so."""
        found: dict[str, int] = {}
        for field in _scopes(public_only):
            for term, info in self._reader.iter_prefix(field, prefix):
                form = term[1] if isinstance(term, tuple) else term
                text = form.decode()
                if is_readable(text):
                    found[text] = found.get(text, 0) + info.doc_frequency()
        return sorted(found, key=lambda text: (-found[text], text))[:MAXIMUM_ENDINGS]

    def _frequency(self, form: str, public_only: bool) -> int:
        return sum(self._reader.doc_frequency(field, form) for field in _scopes(public_only))

    def _documents(self, public_only: bool) -> int:
        return sum(self._reader.doc_frequency("scope", scope) for scope in _scopes(public_only))

    def _count(self, form: str, public_only: bool) -> int:
        return sum(1 for _ in self._postings(form, public_only))

    def _hit(self, number: int, score: float, words: list[QueryWord]) -> TextHit:
        stored = self._document(number)
        forms = frozenset().union(*(word.forms for word in words))
        prefix = next((word.prefix for word in words if word.prefix), None)
        marked = {name: highlight(text, forms, prefix) for name, text in stored["texts"].items()}
        marked["description"] = excerpt(marked["description"])
        return TextHit(self._id(number), score, marked, named_needs(words, stored["needs"]))

    # Spelling

    def _correction(self, query: TextQuery, words: list[QueryWord], scores: list[dict[int, float]]) -> str | None:
        """The text with its unknown words replaced by near ones, if that finds services that hold every word."""
        text = query.text[:MAXIMUM_CHARACTERS]
        corrected = list(scores)
        for place, word in reversed(list(enumerate(words))):
            if scores[place] or word.typed.unspaced:
                continue
            near = self._nearest(fold(word.typed.text), query.public_only)
            if near is None:
                continue
            text = text[:word.typed.start] + near + text[word.typed.end:]
            (replaced, *_), _ = query_words(near + " ")
            corrected[place] = self._scores(replaced, query.public_only)
        if corrected == scores:
            return None
        order, every_word = self._order(corrected, query)
        return "".join(c for c in text if c.isprintable()) if every_word and order else None

    def _nearest(self, word: str, public_only: bool) -> str | None:
        """The nearest word that some service holds now; among equally near ones the most frequent."""
        if len(word) < 4:
            return None
        vocabulary = self._vocabulary(public_only)
        distance = 1 if len(word) < 6 else 2
        near = process.extract(word, vocabulary.keys(), scorer=OSA.distance, score_cutoff=distance, limit=20)
        ranked = sorted((far, word[0] != other[0], -self._count(other, public_only), other) for other, far, _ in near)
        return next((vocabulary[other] for _, _, count, other in ranked if count), None)

    def _vocabulary(self, public_only: bool) -> dict[str, str]:
        """Every readable word, folded, with its most frequent spelling."""
        key = "public" if public_only else "all"
        if key not in self._words:
            found = {folded: (0, shown) for folded, shown in tree_words()}
            for field in _scopes(public_only):
                for term, info in self._reader.iter_field(f"{field}_words"):
                    folded, _, shown = term.decode().partition("\t")
                    found[folded] = max(found.get(folded, (0, "")), (info.doc_frequency(), shown))
            self._words[key] = {folded: shown for folded, (_, shown) in found.items()}
        return self._words[key]


def _scopes(public_only: bool) -> tuple[str, ...]:
    return ("public",) if public_only else ("public", "hidden")


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
