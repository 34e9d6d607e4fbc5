"""Searching one commit of the tantivy index: tantivy finds, scores and orders.

A term is a form, "|" and the form's weight in its document, so that the weights of a form can be read off the terms
that begin with it. Each scores a constant and not by BM25, which reckons with the number and the length of all
documents: public pages would show by it how many confidential services there are.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final
from uuid import UUID

from tantivy import DocAddress, Document, Occur, Query, Schema, Searcher

from referral_dir.index.common_search import Snapshot, endings, scopes
from referral_dir.index.documents import BEGUN, QueryWord
from referral_dir.index.text import TextHit, TextHits, TextQuery

HARD_SPACE: Final = "\u00a0"


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms that answer an asked word, as (field, term, score)."""

    scored: list[tuple[str, str, float]]

    @property
    def highest(self) -> float:
        """The most that the word can add to a score."""
        return max((score for *_, score in self.scored), default=0.0)


class TantivySnapshot(Snapshot[Terms]):
    """See common_search.Snapshot."""

    def __init__(self, searcher: Searcher, schema: Schema) -> None:
        super().__init__()
        self._searcher = searcher
        self._schema = schema

    def stored(self, key: str) -> Mapping[str, Any] | None:
        """What is stored under the key; None where nothing is."""
        hits = self._searcher.search(Query.term_query(self._schema, "key", key), 1, count=False).hits
        return _stored(self._searcher, hits[0][1]) if hits else None

    def documents_without(self, keys: Iterable[str]) -> Iterator[Document]:
        """All other documents, as they were written."""
        gone = Query.term_set_query(self._schema, "key", list(keys))
        kept = Query.boolean_query([(Occur.Must, Query.all_query()), (Occur.MustNot, gone)])
        return (self._searcher.doc(address) for address in self._all(kept))

    def _terms(self, field: str, prefix: str) -> Iterator[tuple[str, str, int]]:
        for term, frequency in self._searcher.terms_with_prefix(field, prefix.replace(" ", HARD_SPACE)):
            form, _, rest = term.replace(HARD_SPACE, " ").partition("|")
            yield form, rest, frequency

    def _look_up(self, word: QueryWord, public_only: bool) -> Terms:
        fields = scopes(public_only)
        found = [(fit, field, term) for form, fit in word.forms.items() for field in fields
                 for term in self._terms(field, f"{form}|")]
        if word.prefix:
            begun = [(field, term) for field in fields for term in self._terms(field, word.prefix)]
            kept = frozenset(endings(_frequencies(term for _, term in begun))) - word.forms.keys()
            found += [(BEGUN, field, term) for field, term in begun if term[0] in kept]
        documents = sum(self._searcher.doc_freq("scope", scope) for scope in fields)
        # Nearly all that hold the word hold its most frequent form.
        holding = max(_frequencies(term for *_, term in found).values(), default=0)
        rarity = math.log(1 + documents / (1 + holding))
        return Terms([(field, joined(form, weight), fit * float(weight) * rarity)
                      for fit, field, (form, weight, _) in found])

    def _answers(self, word: Terms) -> bool:
        return self._finds(self._query(word))

    def _hold_all(self, found: list[Terms], query: TextQuery) -> bool:
        return self._finds(self._combined(found, query, every_word=True))

    def _is_held(self, form: str, public_only: bool) -> bool:
        return self._answers(Terms([(field, joined(form, weight), 1.0) for field in scopes(public_only)
                                    for _, weight, _ in self._terms(field, f"{form}|")]))

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
        hits = tuple(TextHit(service_id, round(score % step, 4), words, partial(_stored, self._searcher, address))
                     for service_id, (score, address) in zip(ids, best, strict=True))
        return TextHits(hits[query.offset:wanted], total, every_word=every_word,
                        find_ids=(lambda: ids) if len(ids) == total else cache(partial(self._all_ids, combined)))

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
        clauses = [
            Query.const_score_query(Query.term_query(self._schema, field, term, "basic"), score + more)
            for field, term, score in terms.scored]
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


def joined(form: str, rest: object) -> str:
    """A term. Terms are told apart by spaces, but a few letters of Arabic are folded to a phrase."""
    return f"{form}|{rest}".replace(" ", HARD_SPACE)


def _stored(searcher: Searcher, address: DocAddress) -> Mapping[str, Any]:
    found: dict[str, Any] = json.loads(searcher.doc(address).get_first("stored") or b"")
    return found


def _frequencies(terms: Iterable[tuple[str, str, int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for form, _, frequency in terms:
        found[form] += frequency
    return found


def _step(found: list[Terms]) -> float:
    """More than all words can add together by their weights."""
    return 1.0 + sum(terms.highest for terms in found)
