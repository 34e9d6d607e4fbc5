"""PostgreSQL's full text search as a peer: a tsvector with GIN, ts_rank, and pg_trgm for words that are misspelt."""

import time
from collections import Counter

from benchmarks.postgres_peers import Server
from benchmarks.text_truth import SHOWN, Corpus, Found
from referral_dir.index.documents import QueryWord, is_readable, query_words
from referral_dir.index.tantivy_search import plain
from referral_dir.index.words import fold

FIND = ("SELECT id, count(*) OVER () FROM services WHERE forms @@ %(asked)s::tsquery "
        "ORDER BY ts_rank(forms, %(asked)s::tsquery) DESC LIMIT %(shown)s")
NEAR = ("SELECT word FROM words WHERE word %% %(word)s "
        "ORDER BY similarity(word, %(word)s) DESC, uses DESC LIMIT %(limit)s")


class PostgresFts:
    """See text_peers.TextEngine. The forms are given as they are, for no configuration of PostgreSQL's makes them."""

    name = "postgres_fts"

    def __init__(self, server: Server, corpus: Corpus) -> None:
        self._db = server.connect()
        started = time.perf_counter()
        self._load(corpus)
        self.build_s = corpus.analysis_s + time.perf_counter() - started
        both = "SELECT pg_total_relation_size('services') + pg_total_relation_size('words')"
        size = self._db.execute(both).fetchone()
        self.bytes_per_service = (size[0] if size else 0) / len(corpus)

    def _load(self, corpus: Corpus) -> None:
        self._db.execute("CREATE EXTENSION pg_trgm")
        self._db.execute("CREATE TABLE services (id uuid, forms tsvector)")
        # Uncompressed: ts_rank reads the whole of it for every service that is found.
        self._db.execute("ALTER TABLE services ALTER forms SET STORAGE EXTERNAL")
        uses: Counter[str] = Counter()
        with self._db.cursor().copy("COPY services FROM STDIN") as copy:
            for service_id, forms in zip(corpus.ids, corpus.documents(), strict=True):
                uses.update(form for form in forms if is_readable(form))
                copy.write_row((service_id, " ".join(f"{_quoted(form)}:1" for form in forms)))
        self._db.execute("CREATE TABLE words (word text, uses integer)")
        with self._db.cursor().copy("COPY words FROM STDIN") as copy:
            for item in uses.items():
                copy.write_row(item)
        for statement in ("CREATE INDEX ON services USING gin (forms)",
                          "CREATE INDEX ON words USING gin (word gin_trgm_ops)", "VACUUM ANALYZE services",
                          "VACUUM ANALYZE words", "SET jit = off"):
            self._db.execute(statement)

    def ask(self, text: str) -> Found:
        """See TextEngine."""
        asked = " & ".join(_word(word) for word in query_words(text)[0])
        rows = self._db.execute(FIND, {"asked": asked, "shown": SHOWN}).fetchall()
        return Found(rows[0][1] if rows else 0, [service_id for service_id, _ in rows])

    def near(self, word: str, limit: int) -> list[str]:
        """The words most like this one by their groups of three letters."""
        return [found for found, in self._db.execute(NEAR, {"word": fold(word), "limit": limit})]

    def close(self) -> None:
        """See TextEngine."""
        self._db.close()


def _word(word: QueryWord) -> str:
    terms = [_quoted(plain(form)) for form in word.forms] + ([f"{_quoted(word.prefix)}:*"] if word.prefix else [])
    return "(" + " | ".join(terms) + ")"


def _quoted(form: str) -> str:
    return "'" + form.replace("\\", "\\\\").replace("'", "''") + "'"
