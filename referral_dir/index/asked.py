"""What a search by words is about: the needs that its phrases and words tell of, in any language of data/phrases.json.

A text index finds words. "emergency room open at night" stands, word by word, in what a homeless shelter says of its
rooms, and in nothing that a hospital says; that its first two words name a need is known here. And that somebody
speaks of wages, a boss and weeks tells of a need that none of the three names.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.needs import expand
from referral_dir.index.phrases import (
    FOR_WHOM,
    Phrase,
    candidates,
    phrases,
    places,
    spaced,
    told_words,
    typed_forms,
    word_of_any,
)
from referral_dir.index.words import FILLERS, GLUE, fold

# What a service counts that is known for the need's parent only.
PARENT: Final = 0.5
# What a word counts that says in what state somebody is ("no money", "homeless"), beside one that says what they need.
CIRCUMSTANCE: Final = 0.4
# What the evidence for a need must come to before anything counts as a state beside it: one good word says more.
CLEAR: Final = 2.0
# What each word of a phrase adds to what it tells by itself.
PHRASE: Final = 0.5
# How sure of a need one is who heard nothing but a word of its own: the less, the surer.
DOUBT: Final = 0.3
# A word can speak against a need only so much: people say more than what they need.
AGAINST: Final = -1.0
# How many needs, and how probable ones, are looked for.
MOST_NEEDS: Final = 4
LEAST_PROBABLE: Final = 0.08
# Words of one sentence are no independent witnesses: each counts for so much less, or one that is misread ("school" of
# a boy who wants to die) would outvote all others.
TOGETHER: Final = 2.5
# What a service says of itself is long, and its words are no independent witnesses: each counts for so much less.
WITNESSES: Final = 3.0
# About four sentences.
READ_CHARACTERS: Final = 400

Told = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """A need that may be what is asked for, and how probably it is. `topics` are the words in which a directory speaks
    of just this."""

    need: str
    weight: float
    topics: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Meaning:
    """The needs that a text is about, the most probable first, and how many of its words name one."""

    asked: tuple[Asked, ...] = ()
    named: int = 0


def meaning(text: str, unknown: Collection[str] = ()) -> Meaning:
    """What the text's words and phrases tell of. Of two phrases the longer counts, if it holds all words of the other.

    A word among the `unknown` (folded), or a long one, is read as the nearest one that is known.
    """
    tokens = list(spaced(text))
    typed = [fold(token.text) for token in tokens]
    forms = [typed_forms(token, guess=word in unknown) for token, word in zip(tokens, typed, strict=True)]
    evidence = {n: _evidence(forms[n]) for n, word in enumerate(typed) if not (word in FILLERS or word in GLUE)}
    heard = {n: each for n, each in evidence.items() if each is not None}
    named = _longest(typed, forms)
    if not (heard or named):
        return Meaning()
    states = _states(forms, heard)
    told = _named(named, states)
    for n, each in heard.items():
        told += each * (CIRCUMSTANCE if n in states else 1.0)
    topics: dict[str, set[str]] = defaultdict(set)
    for phrase in frozenset().union(*named.values()):
        topics[phrase.need] |= {phrase.topic} - {""}
    shares = _shares(told / TOGETHER)
    best = sorted(zip(shares, _codes(), strict=True), key=lambda each: (-each[0], each[1]))[:MOST_NEEDS]
    least = min(LEAST_PROBABLE, best[0][0])
    asked = [Asked(need, float(share), frozenset(topics[need])) for share, need in best if share >= least]
    return Meaning(tuple(asked), len(frozenset().union(*named)))


def told_of(name: str, description: str) -> Mapping[str, float]:
    """What a service says of itself, as the probabilities of the needs that it may be there for."""
    return _told_of(name, description[:READ_CHARACTERS])


@lru_cache(maxsize=20_000)
def _told_of(name: str, beginning: str) -> Mapping[str, float]:
    words = {fold(token.text): token.text for token in spaced(f"{name} {beginning}")}
    evidence = [_evidence(word_of_any(text)) for word, text in words.items() if not (word in FILLERS or word in GLUE)]
    heard = [each for each in evidence if each is not None]
    if not heard:
        return {}
    shares = _shares(np.sum(heard, axis=0) / WITNESSES)
    return {need: float(share) for need, share in zip(_codes(), shares, strict=True) if share > LEAST_PROBABLE / 8}


def met(asked: Collection[Asked], offered: Collection[str]) -> float:
    """From 0 to 1: how much of what is asked these needs of a service meet."""
    total = sum(each.weight for each in asked)
    return sum(each.weight * _credit(each.need, offered) for each in asked) / total if total else 0.0


def agreed(asked: Collection[Asked], told: Mapping[str, float]) -> float:
    """From 0 to 1: how probably a service that tells this of itself is there for what is asked."""
    total = sum(each.weight for each in asked)
    meant = sum(each.weight * sum(told.get(code, 0.0) for code in expand(each.need)) for each in asked)
    return meant / total if total else 0.0


def _longest(typed: Sequence[str], forms: list[frozenset[str]]) -> dict[frozenset[int], set[Phrase]]:
    """The phrases by where they stand among what is typed."""
    telling = {n for n, word in enumerate(typed) if word not in GLUE}
    named: dict[frozenset[int], set[Phrase]] = defaultdict(set)
    for phrase in candidates(forms):
        found = places(phrase.words, forms) & telling
        if found and not (len(phrase.words) == 1 and all(typed[n] in FOR_WHOM for n in found)):
            named[found].add(phrase)
    return {words: found for words, found in named.items() if not any(words < other for other in named)}


def _states(forms: list[frozenset[str]], heard: Mapping[int, Told]) -> frozenset[int]:
    """Where words stand that say in what state somebody is. If the others name no need clearly, it is what they ask
    about: nowhere."""
    found = frozenset().union(*(places(phrase.words, forms) for phrase in candidates(forms, circumstances=True)))
    others = [told for n, told in heard.items() if n not in found]
    return found if others and float(np.sum(others, axis=0).max()) >= CLEAR else frozenset()


def _named(named: Mapping[frozenset[int], set[Phrase]], states: frozenset[int]) -> Told:
    """What phrases tell beyond their words."""
    told = np.zeros(len(_codes()))
    for words, found in named.items():
        weight = PHRASE * len(words) * (CIRCUMSTANCE if words <= states else 1.0)
        told[[_codes()[need] for need in {phrase.need for phrase in found}]] += weight
    return told


def _shares(told: Told) -> Told:
    """What the evidence makes of all needs, as probabilities."""
    odds = np.exp(told - told.max())
    shares: Told = odds / odds.sum()
    return shares


def _credit(code: str, offered: Collection[str]) -> float:
    if not expand(code).isdisjoint(offered):
        return 1.0
    return PARENT if any(code.startswith(own + ".") for own in offered) else 0.0


@lru_cache(maxsize=50_000)
def _evidence(forms: frozenset[str]) -> Told | None:
    """What a word tells of each need, by its form that is used most: the logarithm of how much more often than by
    chance somebody has the need who says it."""
    held = [form for form in forms if form in _uses()]
    return _told(max(held, key=lambda form: (sum(_uses()[form].values()), form))) if held else None


def _told(form: str) -> Told:
    average = sum(_spoken().values()) / len(_spoken())
    # Roots: that a need is spoken of in many words, or a word is in many phrases, says little of how often.
    counts = np.array([math.sqrt(_uses()[form].get(need, 0.0) / math.sqrt(size / average))
                       for need, size in _spoken().items()])
    chance = (counts * len(counts) + DOUBT) / (counts.sum() + DOUBT)
    told: Told = np.maximum(AGAINST, np.log(chance))
    return told


@cache
def _codes() -> Mapping[str, int]:
    """The needs that people are known to speak of, and where each stands among the evidence."""
    return {need: n for n, need in enumerate(_spoken())}


@cache
def _uses() -> Mapping[str, Mapping[str, float]]:
    """By form how much it is used in phrases and words of each need; in long phrases a word counts less."""
    held: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for phrase in phrases():
        telling = [word for word in phrase.words if not all(form.startswith("=") for form in word)]
        for form in (form for word in telling for form in word if not form.startswith("=")):
            held[form][phrase.need] += 1 / math.sqrt(len(telling))
    for need, forms in told_words().items():
        for form in forms:
            held[form][need] += 1
    return held


@cache
def _spoken() -> Mapping[str, float]:
    """By need how much is known of how people speak of it."""
    size: dict[str, float] = defaultdict(float)
    for phrase in phrases():
        size[phrase.need] += 1
    for need, forms in told_words().items():
        # A word has some six forms.
        size[need] += len(forms) / 6
    return size
