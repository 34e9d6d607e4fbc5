"""What else searches words: plain Whoosh, bare tantivy and SQLite's FTS5, over the product's own analysed forms.

Each has one field with all forms of a service and ranks by its own BM25. A word is asked for as any of its forms, or
anything readable that begins like it while it is being typed; all words must be there.
"""

import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import tantivy
from tantivy import Occur, Query
from whoosh import fields
from whoosh import query as whoosh_query
from whoosh.analysis import SpaceSeparatedTokenizer
from whoosh.filedb.filestore import FileStorage

from benchmarks.text_truth import SHOWN, Corpus, Found
from referral_dir.index.documents import QueryWord, query_words
from referral_dir.index.tantivy_search import plain

HALVES: Final = ("high", "low")


class TextEngine(Protocol):
    """The best SHOWN services that hold every word of a text, and how many hold them. `build_s` counts the analysis."""

    name: str
    build_s: float
    bytes_per_service: float

    def ask(self, text: str) -> Found:
        """The answer, from the text as it was typed to the services' ids."""

    def close(self) -> None:
        """Stop and remove what was made."""


class _Peer:
    """A folder of its own, and how long it took to fill."""

    def __init__(self, corpus: Corpus) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="referral-bench-")
        self.folder = Path(self._folder.name)
        started = time.perf_counter()
        self.load(corpus)
        self.build_s = corpus.analysis_s + time.perf_counter() - started
        self.bytes_per_service = sum(path.stat().st_size for path in self.folder.rglob("*")) / len(corpus)

    def load(self, corpus: Corpus) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self._folder.cleanup()


class Whoosh(_Peer):
    """The library as its guide sets it up, in memory-mapped files, by its own BM25F."""

    name = "whoosh"

    def load(self, corpus: Corpus) -> None:
        schema = fields.Schema(id=fields.STORED, forms=fields.TEXT(SpaceSeparatedTokenizer(), phrase=False))
        index = FileStorage(str(self.folder)).create_index(schema)
        writer = index.writer(limitmb=256)
        for service_id, forms in zip(corpus.ids, corpus.documents(), strict=True):
            writer.add_document(id=str(service_id), forms=" ".join(forms))
        writer.commit(optimize=True)
        self._searcher = index.searcher()

    def ask(self, text: str) -> Found:
        """See TextEngine."""
        words = [_whoosh_word(word) for word in query_words(text)[0]]
        hits = self._searcher.search(whoosh_query.And(words), limit=SHOWN)
        return Found(len(hits), [UUID(hit["id"]) for hit in hits])


def _whoosh_word(word: QueryWord) -> Any:
    terms = [whoosh_query.Term("forms", plain(form)) for form in word.forms]
    return whoosh_query.Or([*terms, *([whoosh_query.Prefix("forms", word.prefix)] if word.prefix else [])])


class Tantivy(_Peer):
    """tantivy by itself: one frequency field, BM25, everything in one segment."""

    name = "tantivy"

    def load(self, corpus: Corpus) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("forms", tokenizer_name="whitespace", index_option="freq")
        for half in HALVES:
            builder.add_unsigned_field(half, fast=True)
        self._schema = builder.build()
        index = tantivy.Index(self._schema, str(self.folder))
        writer = index.writer(1_000_000_000, 1)
        for service_id, forms in zip(corpus.ids, corpus.documents(), strict=True):
            document = tantivy.Document()
            document.add_unsigned("high", service_id.int >> 64)
            document.add_unsigned("low", service_id.int & ((1 << 64) - 1))
            document.add_text("forms", " ".join(forms))
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        self._searcher = index.searcher()

    def ask(self, text: str) -> Found:
        """See TextEngine."""
        words = [(Occur.Must, self._word(word)) for word in query_words(text)[0]]
        result: Any = self._searcher.search(Query.boolean_query(words), SHOWN)
        addresses = [address for _, address in result.hits]
        high, low = (self._searcher.fast_field_values(half, addresses) for half in HALVES)
        ids = [UUID(int=int(h or 0) << 64 | int(lo or 0)) for h, lo in zip(high, low, strict=True)]
        return Found(result.count, ids)

    def _word(self, word: QueryWord) -> Query:
        terms = [Query.term_query(self._schema, "forms", plain(form), "freq") for form in word.forms]
        if word.prefix:
            terms.append(Query.fuzzy_term_query(self._schema, "forms", word.prefix, distance=0, prefix=True))
        return Query.boolean_query([(Occur.Should, term) for term in terms])


class Fts5(_Peer):
    """SQLite's full-text index without a copy of the texts, with indexes of beginnings, by its own bm25."""

    name = "fts5"

    def load(self, corpus: Corpus) -> None:
        self._db = sqlite3.connect(self.folder / "texts.db")
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "mmap_size=4000000000"):
            self._db.execute(f"PRAGMA {pragma}")
        signs = "".join(sorted({c for form in corpus.vocabulary for c in form if not c.isalnum()}))
        tokenizer = f"unicode61 remove_diacritics 0 tokenchars '{signs}'".replace("'", "''")
        self._db.execute(f"CREATE VIRTUAL TABLE services USING fts5(forms, content='', prefix='3 4 5', "
                         f"tokenize='{tokenizer}')")
        self._db.execute("CREATE TABLE ids (number INTEGER PRIMARY KEY, id BLOB)")
        self._db.executemany("INSERT INTO ids VALUES (?, ?)", enumerate(each.bytes for each in corpus.ids))
        self._db.executemany("INSERT INTO services (rowid, forms) VALUES (?, ?)", (
            (number, " ".join(forms)) for number, forms in enumerate(corpus.documents())))
        self._db.execute("INSERT INTO services (services) VALUES ('optimize')")
        self._db.commit()

    def ask(self, text: str) -> Found:
        """See TextEngine."""
        asked = " AND ".join(_fts5_word(word) for word in query_words(text)[0])
        total = self._db.execute("SELECT count(*) FROM services WHERE services MATCH ?", [asked]).fetchone()[0]
        best = self._db.execute("SELECT id FROM (SELECT rowid AS number FROM services WHERE services MATCH ? "
                                "ORDER BY rank LIMIT ?) JOIN ids USING (number)", [asked, SHOWN])
        return Found(total, [UUID(bytes=service_id) for service_id, in best])

    def close(self) -> None:
        self._db.close()
        super().close()


def _fts5_word(word: QueryWord) -> str:
    terms = [f'"{plain(form)}"' for form in word.forms] + ([f'"{word.prefix}" *'] if word.prefix else [])
    return "(" + " OR ".join(terms) + ")"
