"""Searching one commit of the Whoosh index: postings and ranking."""

import math
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from whoosh.reading import TermNotFound

from referral_dir.index.common_search import Snapshot, endings, scopes
from referral_dir.index.documents import BEGUN, QueryWord
from referral_dir.index.text import TextHit, TextHits, TextQuery


class WhooshSnapshot(Snapshot[dict[int, float]]):
    """See common_search.Snapshot. A looked-up word is the score of each document that answers it."""

    def __init__(self, reader: Any) -> None:
        super().__init__()
        self._reader = reader
        self._ids: dict[int, UUID] = {}

    def stored(self, key: str) -> Mapping[str, Any] | None:
        """What is stored under the key; None where nothing is."""
        try:
            return self._document(self._reader.first_id("key", key))
        except (KeyError, TermNotFound):
            return None

    def _document(self, number: int) -> dict[str, Any]:
        stored: dict[str, Any] = self._reader.stored_fields(number)["stored"]
        return stored

    def _id(self, number: int) -> UUID:
        if number not in self._ids:
            self._ids[number] = UUID(self._document(number)["id"])
        return self._ids[number]

    def _answers(self, word: dict[int, float]) -> bool:
        return bool(word)

    def _hold_all(self, found: list[dict[int, float]], query: TextQuery) -> bool:
        return self._order(found, query)[1]

    def _find(self, found: list[dict[int, float]], words: tuple[QueryWord, ...], query: TextQuery) -> TextHits:
        order, every_word = self._order(found, query)
        ids = tuple(self._id(number) for number, _ in order)
        hits = tuple(self._hit(number, score, words)
                     for number, score in order[query.offset:query.offset + query.limit])
        return TextHits(hits, len(ids), every_word=every_word, find_ids=lambda: ids)

    def _hit(self, number: int, score: float, words: tuple[QueryWord, ...]) -> TextHit:
        stored = self._document(number)
        return TextHit(self._id(number), score, words, lambda: stored)

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

    def _look_up(self, word: QueryWord, public_only: bool) -> dict[int, float]:
        """Documents that answer the word, by rarity of the word and by where it stands in them."""
        forms = dict(word.forms)
        if word.prefix:
            for form in endings(self._frequencies(public_only, word.prefix)):
                forms.setdefault(form, BEGUN)
        best: dict[int, float] = {}
        for form, fit in forms.items():
            for number, weight in self._postings(form, public_only):
                best[number] = max(best.get(number, 0.0), fit * weight)
        rarity = math.log(1 + self._documents(public_only) / (1 + len(best)))
        return {number: weight * rarity for number, weight in best.items()}

    def _postings(self, form: str, public_only: bool) -> Iterator[tuple[int, float]]:
        for field in scopes(public_only):
            try:
                matcher = self._reader.postings(field, form)
            except TermNotFound:
                continue
            while matcher.is_active():
                yield matcher.id(), matcher.weight()
                matcher.next()

    def _documents(self, public_only: bool) -> int:
        return sum(self._reader.doc_frequency("scope", scope) for scope in scopes(public_only))

    def _is_held(self, form: str, public_only: bool) -> bool:
        return any(self._postings(form, public_only))

    def _terms(self, field: str, prefix: str) -> Iterator[tuple[str, str, int]]:
        for term, info in self._reader.iter_prefix(field, prefix):
            form, _, rest = (term[1] if isinstance(term, tuple) else term).decode().partition("\t")
            yield form, rest, info.doc_frequency()
