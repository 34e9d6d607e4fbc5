"""Searching one commit of a text index, the same for every kind: what to answer, spelling and suggestions."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final, Generic, TypeVar

from rapidfuzz import process
from rapidfuzz.distance import OSA

from referral_dir.index.documents import MAXIMUM_CHARACTERS, QueryWord, is_readable, query_words, tree_words
from referral_dir.index.text import TextHits, TextQuery
from referral_dir.index.words import fold

SHORTEST_CORRECTED: Final = 4
# Of each length. Beyond this many nobody looks, and each costs a look at how frequent it is.
MAXIMUM_NEAR: Final = 50

W = TypeVar("W")


class Snapshot(ABC, Generic[W]):
    """One commit of the index, to search in; what it caches is thrown away with it. W is an asked word with all that
    its kind of index needs to find it."""

    def __init__(self) -> None:
        self._vocabularies: dict[bool, dict[int, dict[str, str]]] = {}

    @abstractmethod
    def stored(self, key: str) -> Mapping[str, Any] | None:
        """What is stored under the key; None where nothing is."""

    @abstractmethod
    def _look_up(self, word: QueryWord, public_only: bool) -> W:
        """The word's forms, and the endings of its prefix, with their weights."""

    @abstractmethod
    def _answers(self, word: W) -> bool:
        """Whether some service holds the word now."""

    @abstractmethod
    def _hold_all(self, found: list[W], query: TextQuery) -> bool:
        """Whether some service holds all these words."""

    @abstractmethod
    def _find(self, found: list[W], words: tuple[QueryWord, ...], query: TextQuery) -> TextHits:
        """Services that hold every word; where there are none, those that hold most words first."""

    @abstractmethod
    def _terms(self, field: str, prefix: str) -> Iterable[tuple[str, str, int]]:
        """What begins so in a field: the form or folded word, what is kept with it (of a word, how it is written) and
        in how many documents it is. Removed ones may count until they are merged away."""

    @abstractmethod
    def _is_held(self, form: str, public_only: bool) -> bool:
        """Whether some service holds the form now."""

    def search(self, query: TextQuery) -> TextHits:
        """See text.TextIndex."""
        words, cut = query_words(query.text)
        if not words:
            return TextHits(cut=cut)
        found = [self._look_up(word, query.public_only) for word in words]
        hits = self._find(found, tuple(words), query)
        better = None if hits.every_word else self._correction(query, words, found)
        return replace(hits, did_you_mean=better, cut=cut) if better or cut else hits

    def suggest(self, prefix: str, public_only: bool, limit: int) -> list[str]:
        """See text.TextIndex."""
        folded = fold(prefix.strip())[:64]
        if len(folded) < 2:
            return []
        begun, frequencies = self._spellings(public_only, folded), self._frequencies(public_only, folded)
        order = sorted(begun, key=lambda word: (-frequencies[word], word))
        living = (word for word in order if self._is_held(word, public_only))
        return [begun[word] for word in islice(living, limit)]

    def _frequencies(self, public_only: bool, prefix: str) -> Counter[str]:
        """The forms that begin so."""
        found: Counter[str] = Counter()
        for field in self._fields(public_only):
            for form, _, frequency in self._terms(field, prefix):
                found[form] += frequency
        return found

    def _frequency(self, form: str, public_only: bool) -> int:
        """In how many documents the form is."""
        return self._frequencies(public_only, form)[form]

    def _fields(self, public_only: bool) -> tuple[str, ...]:
        """The fields to read."""
        return scopes(public_only)

    # Spelling

    def _correction(self, query: TextQuery, words: list[QueryWord], found: list[W]) -> str | None:
        """The text with its unknown words replaced by near ones, if that finds services that hold every word."""
        text = query.text[:MAXIMUM_CHARACTERS]
        corrected = list(found)
        for place, word in reversed(list(enumerate(words))):
            if word.typed.unspaced or self._answers(found[place]):
                continue
            near = self.near_words(word.typed.text, query.public_only, 1)
            if not near:
                return None
            text = text[:word.typed.start] + near[0] + text[word.typed.end:]
            (replaced, *_), _ = query_words(near[0] + " ")
            corrected[place] = self._look_up(replaced, query.public_only)
        if corrected == found or not self._hold_all(corrected, query):
            return None
        return "".join(c for c in text if c.isprintable())

    def near_words(self, word: str, public_only: bool, limit: int) -> list[str]:
        """Words that some service holds now, the nearest first; of equally near ones those that begin alike, and of
        these the most frequent."""
        word = fold(word)
        if len(word) < SHORTEST_CORRECTED:
            return []
        distance = 1 if len(word) < 6 else 2
        vocabulary = self._vocabulary(public_only)
        near = sorted(
            (far, word[0] != other[0], -self._frequency(other, public_only), other, vocabulary[length][other])
            for length in range(len(word) - distance, len(word) + distance + 1) if length in vocabulary
            for other, far, _ in process.extract(
                word, vocabulary[length].keys(), scorer=OSA.distance, score_cutoff=distance, limit=MAXIMUM_NEAR))
        return list(islice((shown for *_, other, shown in near if self._is_held(other, public_only)), limit))

    def _vocabulary(self, public_only: bool) -> dict[int, dict[str, str]]:
        """Every readable word, folded, with its most frequent spelling; by length, as only those of nearly the same
        can be near."""
        if public_only not in self._vocabularies:
            by_length: dict[int, dict[str, str]] = {}
            for folded, shown in self._spellings(public_only, "").items():
                by_length.setdefault(len(folded), {})[folded] = shown
            self._vocabularies[public_only] = by_length
        return self._vocabularies[public_only]

    def _spellings(self, public_only: bool, prefix: str) -> dict[str, str]:
        """The readable words that begin so, folded, with their most frequent spelling."""
        found = {folded: (0, shown) for folded, shown in tree_words() if folded.startswith(prefix)}
        for field in self._fields(public_only):
            for folded, shown, frequency in self._terms(f"{field}_words", prefix):
                found[folded] = max(found.get(folded, (0, "")), (frequency, shown))
        return {folded: shown for folded, (_, shown) in found.items()}


def endings(forms: Iterable[str]) -> list[str]:
    """Of forms that begin alike, the words that a beginning stands for."""
    return [form for form in forms if is_readable(form)]


def scopes(public_only: bool) -> tuple[str, ...]:
    """The fields to read: the public ones know nothing of confidential services."""
    return ("public",) if public_only else ("public", "hidden")
