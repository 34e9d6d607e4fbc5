"""Every form of every service, and the answers to word searches by looking at all of them."""

import math
import time
from array import array
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from referral_dir.index.documents import BEGUN, STEMMED, QueryWord, document_forms, is_readable
from referral_dir.index.tantivy_search import BEGUN_LEVELS, LEVELS, plain
from referral_dir.index.words import STEM, stem
from referral_dir.store.feed import TextRow

SHOWN: Final = 20
# Scores are sums of 32-bit floats in the index and of 64-bit ones here.
NEAR: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Found:
    """How many services hold every word, and the ids of the best SHOWN, best first."""

    total: int
    ids: list[UUID]


@dataclass(frozen=True, slots=True)
class Corpus:
    """The forms of all services one after the other, as numbers in `vocabulary`, with their weights; service n has
    those from borders[n] to borders[n + 1]. `by_stem` has the numbers of the words that share a stem, `ids` are those
    of the services."""

    numbers: dict[str, int]
    vocabulary: list[str]
    by_stem: dict[str, list[int]]
    forms: NDArray[np.int32]
    weights: NDArray[np.float32]
    borders: NDArray[np.int64]
    ids: list[UUID]
    analysis_s: float

    def __len__(self) -> int:
        return len(self.ids)

    def documents(self) -> Iterator[list[str]]:
        """The forms of each service; a form has no spaces in it."""
        for start, end in zip(self.borders[:-1].tolist(), self.borders[1:].tolist(), strict=True):
            yield [self.vocabulary[n] for n in self.forms[start:end].tolist()]

    def answer(self, words: Sequence[QueryWord]) -> dict[UUID, float]:
        """The services that hold a form of every word, each with its score by the rule of the product.

        That is for each word its rarity, times the best of: the weights of words with its stem, by how well they
        answer it; and the weights of words that begin like it, if it may be going on.
        """
        held = np.ones(len(self), dtype=bool)
        scores = np.zeros(len(self))
        for word in words:
            fits, plainly, begun = self._fits(word), self._plainly(word), self._begun(word)
            at = np.flatnonzero((plainly | begun | (fits > 0))[self.forms])
            services, forms = np.searchsorted(self.borders, at, side="right") - 1, self.forms[at]
            held &= np.bincount(services[(plainly | begun)[forms]], minlength=len(self)) > 0
            weights = self.weights[at].astype(np.float64)
            coarse = _BEGUN[np.searchsorted(_BEGUN, weights, side="right") - 1]
            best = np.zeros(len(self))
            np.maximum.at(best, services, np.maximum(fits[forms] * weights, BEGUN * begun[forms] * coarse))
            counts = np.bincount(forms, minlength=len(self.vocabulary))
            holding = max(int(counts[family].sum()) for family in self._families(word)) or len(self) / 10
            scores += best * math.log(1 + len(self) / (1 + holding))
        return {self.ids[n]: float(scores[n]) for n in np.flatnonzero(held).tolist()}

    def _plainly(self, word: QueryWord) -> NDArray[np.bool_]:
        """Which forms of the vocabulary are forms of the word."""
        chosen = np.zeros(len(self.vocabulary), dtype=bool)
        chosen[[self.numbers[plain(form)] for form in word.forms if plain(form) in self.numbers]] = True
        return chosen

    def _begun(self, word: QueryWord) -> NDArray[np.bool_]:
        """Which words of the vocabulary begin like it, if it may be going on."""
        chosen = np.zeros(len(self.vocabulary), dtype=bool)
        if word.prefix:
            chosen[[n for n, form in enumerate(self.vocabulary) if form.startswith(word.prefix)]] = True
        return chosen

    def _families(self, word: QueryWord) -> list[list[int]]:
        """For each stem of the word the words of the vocabulary that share it; a pair of letters is its own stem."""
        return [self.by_stem.get(plain(form), []) for form in word.forms if not is_readable(form)]

    def _fits(self, word: QueryWord) -> NDArray[np.float64]:
        """How well each word of the vocabulary answers the word by its stem."""
        own = {plain(form): fit for form, fit in word.forms.items()}
        fits = np.zeros(len(self.vocabulary))
        for number in chain.from_iterable(self._families(word)):
            fits[number] = own.get(self.vocabulary[number], STEMMED)
        return fits


_BEGUN: Final = np.array(BEGUN_LEVELS)


def analysed(rows: Sequence[TextRow]) -> Corpus:
    """The corpus, by the product's own analysis and weights."""
    started = time.perf_counter()
    numbers: dict[str, int] = {}
    forms, weights, borders = array("i"), array("f"), array("q", [0])
    for row in rows:
        for form, weight in document_forms(row).items():
            forms.append(numbers.setdefault(plain(form), len(numbers)))
            weights.append(LEVELS[bisect(LEVELS, weight) - 1])
        borders.append(len(forms))
    taken = time.perf_counter() - started
    by_stem: dict[str, list[int]] = {}
    for form, number in numbers.items():
        if form[0] != STEM:
            by_stem.setdefault(STEM + stem(form) if is_readable(form) else form, []).append(number)
    return Corpus(numbers, list(numbers), by_stem, np.array(forms, dtype=np.int32),
                  np.array(weights, dtype=np.float32), np.array(borders, dtype=np.int64),
                  [row.service_id for row in rows], taken)


def is_right(found: Found, truth: dict[UUID, float], *, ordered: bool) -> bool:
    """Whether it is the right number of services and right services, and in the order of their scores if that is
    asked; among equal ones any order is right."""
    shown = [truth.get(service_id, -1.0) for service_id in found.ids]
    if found.total != len(truth) or len(set(found.ids)) != min(SHOWN, len(truth)) or -1.0 in shown:
        return False
    best = sorted(truth.values(), reverse=True)[:SHOWN]
    return not ordered or all(abs(a - b) < NEAR for a, b in zip(shown, best, strict=True))
