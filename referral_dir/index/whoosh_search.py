"""Searching one state of the Whoosh index: postings, ranking, spelling and suggestions.

A snapshot belongs to one commit. What it caches is thrown away with it.
"""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

from rapidfuzz import process
from rapidfuzz.distance import OSA
from whoosh.reading import TermNotFound

from referral_dir.index.documents import BEGUN, MAXIMUM_CHARACTERS, QueryWord, is_readable, query_words, tree_words
from referral_dir.index.text import TextHit, TextHits, TextQuery
from referral_dir.index.words import fold

MAXIMUM_ENDINGS: Final = 64


class Snapshot:
    """One commit of the index, to search in."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._ids: dict[int, UUID] = {}
        self._words: dict[bool, dict[str, str]] = {}

    def stored(self, key: str) -> dict[str, Any] | None:
        """What is stored under the key; None where nothing is."""
        try:
            return self._document(self._reader.first_id("key", key))
        except (KeyError, TermNotFound):
            return None

    def suggest(self, prefix: str, public_only: bool, limit: int) -> list[str]:
        """See text.TextIndex."""
        folded = fold(prefix.strip())[:64]
        if len(folded) < 2:
            return []
        begun = self._spellings(public_only, folded)
        order = sorted(begun, key=lambda word: (-self._frequency(word, public_only), word))
        # A frequency counts removed services too, until their segment is merged: look whether one is left.
        living = (word for word in order if any(self._postings(word, public_only)))
        return [begun[word] for word in islice(living, limit)]

    def _document(self, number: int) -> dict[str, Any]:
        stored: dict[str, Any] = self._reader.stored_fields(number)["stored"]
        return stored

    def _id(self, number: int) -> UUID:
        if number not in self._ids:
            self._ids[number] = UUID(self._document(number)["id"])
        return self._ids[number]

    def search(self, query: TextQuery) -> TextHits:
        """See text.TextIndex."""
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
        for field in scopes(public_only):
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
        for field in scopes(public_only):
            for text, info in self._terms(field, prefix):
                if is_readable(text):
                    found[text] = found.get(text, 0) + info.doc_frequency()
        return sorted(found, key=lambda text: (-found[text], text))[:MAXIMUM_ENDINGS]

    def _frequency(self, form: str, public_only: bool) -> int:
        return sum(self._reader.doc_frequency(field, form) for field in scopes(public_only))

    def _documents(self, public_only: bool) -> int:
        return sum(self._reader.doc_frequency("scope", scope) for scope in scopes(public_only))

    def _count(self, form: str, public_only: bool) -> int:
        return sum(1 for _ in self._postings(form, public_only))

    def _hit(self, number: int, score: float, words: list[QueryWord]) -> TextHit:
        stored = self._document(number)
        return TextHit(self._id(number), score, stored["texts"], tuple(stored["needs"]), tuple(words))

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
        if public_only not in self._words:
            self._words[public_only] = self._spellings(public_only, "")
        return self._words[public_only]

    def _spellings(self, public_only: bool, prefix: str) -> dict[str, str]:
        """The readable words that begin so, folded, with their most frequent spelling."""
        found = {folded: (0, shown) for folded, shown in tree_words() if folded.startswith(prefix)}
        for field in scopes(public_only):
            for text, info in self._terms(f"{field}_words", prefix):
                folded, _, shown = text.partition("\t")
                found[folded] = max(found.get(folded, (0, "")), (info.doc_frequency(), shown))
        return {folded: shown for folded, (_, shown) in found.items()}

    def _terms(self, field: str, prefix: str) -> Iterator[tuple[str, Any]]:
        for term, info in self._reader.iter_prefix(field, prefix):
            yield (term[1] if isinstance(term, tuple) else term).decode(), info


def scopes(public_only: bool) -> tuple[str, ...]:
    """The fields to read: the public ones know nothing of confidential services."""
    return ("public",) if public_only else ("public", "hidden")
