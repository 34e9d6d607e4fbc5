"""Searching one commit of the tantivy index: tantivy finds, scores and orders.

There are two kinds of terms. "~stem|word|c" lists the documents that hold the word with the weight that the letter
stands for: all that share a stem stand together, and a document in few of the lists. "cword" lists them once more for
searches by how a word begins, with coarser weights, as each costs such a search a list.

A term scores a constant and not by BM25, which reckons with the number and the length of all documents: public pages
would show by it how many confidential services there are. For the same reason the public fields hold public services
alone; those of staff hold all.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from tantivy import DocAddress, Document, Occur, Query, Schema, Searcher

from referral_dir.index.common_search import Snapshot
from referral_dir.index.documents import (
    ALTERNATE_NAME,
    BEGUN,
    CONFIRMED_NEED,
    DESCRIPTION,
    NAME,
    ORGANIZATION,
    PLACE,
    SUGGESTED_NEED,
    QueryWord,
    is_readable,
)
from referral_dir.index.text import TextHit, TextHits, TextQuery

HARD_SPACE: Final = "\u00a0"
# Weights are rounded down to these: each that a word has costs a search one list of documents more. Name's own lie
# close together, by which a short name comes before a long one.
LEVELS: Final = (DESCRIPTION, SUGGESTED_NEED, PLACE, CONFIRMED_NEED, ORGANIZATION, ALTERNATE_NAME, NAME,
                 NAME + 0.2, NAME + 0.3, NAME + 0.5, NAME + 1.0)
BEGUN_LEVELS: Final = (DESCRIPTION, ORGANIZATION, NAME)
MARKS: Final = "abcdefghijk"
_WEIGHTS: Final = dict(zip(MARKS, LEVELS, strict=True))
_BEGUN_WEIGHTS: Final = tuple(zip(MARKS, BEGUN_LEVELS, strict=False))


@dataclass(frozen=True, slots=True)
class Terms:
    """What answers an asked word: queries for the documents of one weight, each with the score that it gives."""

    scored: list[tuple[Query, float]]

    @property
    def highest(self) -> float:
        """The most that the word can add to a score."""
        return max((score for _, score in self.scored), default=0.0)


class TantivySnapshot(Snapshot[Terms]):
    """See common_search.Snapshot."""

    def __init__(self, searcher: Searcher, schema: Schema) -> None:
        super().__init__()
        self._searcher = searcher
        self._schema = schema
        public, hidden = (searcher.doc_freq("scope", scope) for scope in ("public", "hidden"))
        self._documents = {True: public, False: public + hidden}

    def stored(self, key: str) -> Mapping[str, Any] | None:
        """What is stored under the key; None where nothing is."""
        hits = self._searcher.search(Query.term_query(self._schema, "key", key), 1, count=False).hits
        return _stored(self._searcher, hits[0][1]) if hits else None

    def documents_without(self, keys: Iterable[str]) -> Iterator[Document]:
        """All other documents with what is stored of them."""
        gone = Query.term_set_query(self._schema, "key", list(keys))
        kept = Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, gone)])
        return (self._searcher.doc(address) for address in self._all(kept))

    def _fields(self, public_only: bool) -> tuple[str, ...]:
        return ("public" if public_only else "all",)

    def _terms(self, field: str, prefix: str) -> Iterator[tuple[str, str, int]]:
        for mark in ("",) if field.endswith("_words") else MARKS[:len(BEGUN_LEVELS)]:
            for term, frequency in self._searcher.terms_with_prefix(field, mark + plain(prefix)):
                form, _, rest = term[len(mark):].replace(HARD_SPACE, " ").partition("|")
                yield form, rest, frequency

    def _frequency(self, form: str, public_only: bool) -> int:
        (field,) = self._fields(public_only)
        return sum(self._searcher.doc_freq(field, mark + plain(form)) for mark, _ in _BEGUN_WEIGHTS)

    def _look_up(self, word: QueryWord, public_only: bool) -> Terms:
        (field,) = self._fields(public_only)
        found: list[tuple[Query, float]] = []
        holding = 0
        for form, fit in word.forms.items():
            if is_readable(form):  # its stem is among the forms too, and leads to it
                continue
            terms = self._searcher.terms_with_prefix(field, f"{plain(form)}|")
            for term, _ in terms:
                _, own, mark = term.replace(HARD_SPACE, " ").split("|")
                found.append((self._term(field, term), word.forms.get(own, fit) * _WEIGHTS[mark]))
            holding = max(holding, sum(number for _, number in terms))
        if word.prefix:
            found += self._begun(field, word.prefix)
        documents = self._documents[public_only]
        # How many hold a beginning would have to be counted. It says less than a rare word, and more than a common one.
        rarity = math.log(1 + documents / (1 + (holding or documents / 10)))
        return Terms([(query, score * rarity) for query, score in found])

    def _begun(self, field: str, prefix: str) -> list[tuple[Query, float]]:
        """For each weight the documents that hold a word that begins so. tantivy has no quicker way to say it."""
        beginning = partial(Query.fuzzy_term_query, self._schema, field, distance=0, prefix=True)
        return [(beginning(mark + plain(prefix)), BEGUN * weight) for mark, weight in _BEGUN_WEIGHTS]

    def _term(self, field: str, term: str) -> Query:
        return Query.term_query(self._schema, field, term, "basic")

    def _answers(self, word: Terms) -> bool:
        return self._finds(self._query(word))

    def _hold_all(self, found: list[Terms], query: TextQuery) -> bool:
        return self._finds(self._combined(found, query, every_word=True))

    def _is_held(self, form: str, public_only: bool) -> bool:
        (field,) = self._fields(public_only)
        return self._answers(Terms([(self._term(field, mark + plain(form)), 1.0) for mark, _ in _BEGUN_WEIGHTS]))

    def _find(self, found: list[Terms], words: tuple[QueryWord, ...], query: TextQuery) -> TextHits:
        wanted = query.offset + query.limit
        combined = self._combined(found, query, every_word=True)
        total, best = self._best(combined, wanted)
        every_word = total > 0
        if not every_word and len(found) > 1:
            combined = self._combined(found, query, every_word=False)
            total, best = self._best(combined, wanted)
        step = math.inf if every_word else _step(found)
        ids = self._ids([address for _, address in best])
        hits = tuple([TextHit(service_id, score % step, words, partial(_stored, self._searcher, address))
                      for service_id, (score, address) in zip(ids, best, strict=True)])
        return TextHits(hits[query.offset:wanted], total, every_word=every_word,
                        find_ids=(lambda: ids) if len(ids) == total else _once(partial(self._all_ids, combined)))

    def _combined(self, found: list[Terms], query: TextQuery, *, every_word: bool) -> Query:
        """Services that hold all the words, or some of them: then one more word counts more than any weights."""
        if every_word:
            clauses = [(Occur.Must, self._query(terms)) for terms in found]
        else:
            step = _step(found)
            some = Query.boolean_query([(Occur.Should, self._query(terms, step)) for terms in found])
            clauses = [(Occur.Must, some)]
        if query.only is not None:
            only = Query.term_set_query(self._schema, "key", [str(service_id) for service_id in query.only])
            clauses.append((Occur.Must, Query.const_score_query(only, 0.0)))
        return clauses[0][1] if len(clauses) == 1 else Query.boolean_query(clauses)

    def _query(self, terms: Terms, more: float = 0.0) -> Query:
        """Documents that hold one of the terms, by the best of those that they hold, and `more`."""
        clauses = [Query.const_score_query(query, score + more) for query, score in terms.scored]
        return clauses[0] if len(clauses) == 1 else Query.disjunction_max_query(clauses)

    def _finds(self, query: Query) -> bool:
        return bool(self._searcher.search(query, 1, count=False).hits)

    def _best(self, query: Query, limit: int) -> tuple[int, list[tuple[float, DocAddress]]]:
        """How many documents there are, and the best of them."""
        # tantivy's own types do not name `count`, and it panics at a limit of 0.
        result: Any = self._searcher.search(query, max(1, limit))
        return result.count, result.hits

    def _all(self, query: Query) -> list[DocAddress]:
        _, hits = self._best(query, self._searcher.num_docs)
        return [address for _, address in hits]

    def _all_ids(self, query: Query) -> tuple[UUID, ...]:
        return self._ids(self._all(query))

    def _ids(self, addresses: list[DocAddress]) -> tuple[UUID, ...]:
        high, low = (self._searcher.fast_field_values(half, addresses) for half in ("high", "low"))
        return tuple(UUID(int=int(h or 0) << 64 | int(lo or 0)) for h, lo in zip(high, low, strict=True))


def _once(find: Callable[[], tuple[UUID, ...]]) -> Callable[[], tuple[UUID, ...]]:
    """functools.cache takes as long as a search of a rare word."""
    found: list[tuple[UUID, ...]] = []

    def read() -> tuple[UUID, ...]:
        if not found:
            found.append(find())
        return found[0]

    return read


def plain(form: str) -> str:
    """Terms are told apart by spaces, but a few letters of Arabic are folded to a phrase."""
    return form.replace(" ", HARD_SPACE)


def _stored(searcher: Searcher, address: DocAddress) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(searcher.doc(address).get_first("stored") or b"")
    return found


def _step(found: list[Terms]) -> float:
    """More than all words can add together by their weights."""
    return 1.0 + sum(terms.highest for terms in found)
