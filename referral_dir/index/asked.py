"""What a search by words is about: the needs that its phrases and words tell of, in any language of data/phrases.json.

A text index finds words. "emergency room open at night" stands, word by word, in what a homeless shelter says of its
rooms, and in nothing that a hospital says; that its first two words name a need is known here. And that somebody
speaks of wages, a boss and weeks tells of a need that none of the three names.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from referral_dir.domain.needs import expand
from referral_dir.index.phrases import FOR_WHOM, Phrase, candidates, phrases, places, spaced, told_words, typed_forms
from referral_dir.index.words import FILLERS, GLUE, fold

# What a service counts that is known for the need's parent only.
PARENT: Final = 0.5
# What a word counts that says in what state somebody is ("no money", "homeless"), beside one that says what they need.
CIRCUMSTANCE: Final = 0.4
# What each word of a phrase adds to what it tells by itself.
PHRASE: Final = 0.5
# How sure of a need one is who heard nothing but a word of its own: the less, the surer.
DOUBT: Final = 0.3
# A word can speak against a need only so much: people say more than what they need.
AGAINST: Final = -1.0
# How many needs, and how probable ones, are looked for.
MOST_NEEDS: Final = 4
LEAST_PROBABLE: Final = 0.08


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
    typed = [fold(token.text) for token in spaced(text)]
    forms = [typed_forms(token, guess=word in unknown) for token, word in zip(spaced(text), typed, strict=True)]
    named = _longest(typed, forms)
    states = [places(phrase.words, forms) for phrase in candidates(forms, circumstances=True)]
    told: dict[str, float] = defaultdict(float)
    heard = bool(named)
    for n, word in enumerate(typed):
        evidence = {} if word in FILLERS or word in GLUE else _evidence(forms[n])
        heard |= bool(evidence)
        for need, logarithm in evidence.items():
            told[need] += logarithm
    topics: dict[str, set[str]] = defaultdict(set)
    for words, found in named.items():
        for need in {phrase.need for phrase in found}:
            told[need] += PHRASE * (CIRCUMSTANCE if any(words <= state for state in states) else 1.0) * len(words)
        for phrase in found:
            topics[phrase.need] |= {phrase.topic} - {""}
    asked = [Asked(need, share, frozenset(topics[need])) for need, share in _probable(told)] if heard else []
    return Meaning(tuple(asked), len(frozenset().union(*named)))


def met(asked: Collection[Asked], offered: Collection[str]) -> float:
    """From 0 to 1: how much of what is asked these needs of a service meet."""
    total = sum(each.weight for each in asked)
    return sum(each.weight * _credit(each.need, offered) for each in asked) / total if total else 0.0


def _longest(typed: Sequence[str], forms: list[frozenset[str]]) -> dict[frozenset[int], set[Phrase]]:
    """The phrases by where they stand among what is typed."""
    telling = {n for n, word in enumerate(typed) if word not in GLUE}
    named: dict[frozenset[int], set[Phrase]] = defaultdict(set)
    for phrase in candidates(forms):
        found = places(phrase.words, forms) & telling
        if found and not (len(phrase.words) == 1 and all(typed[n] in FOR_WHOM for n in found)):
            named[found].add(phrase)
    return {words: found for words, found in named.items() if not any(words < other for other in named)}


def _probable(told: Mapping[str, float]) -> list[tuple[str, float]]:
    """What the evidence makes of all needs, as probabilities; the few that matter."""
    most = max(told.values(), default=0.0)
    odds = {need: math.exp(told.get(need, 0.0) - most) for need in _spoken()}
    total = sum(odds.values())
    best = sorted(odds, key=lambda need: (-odds[need], need))[:MOST_NEEDS]
    return [(need, odds[need] / total) for need in best if odds[need] / total > LEAST_PROBABLE]


def _credit(code: str, offered: Collection[str]) -> float:
    if not expand(code).isdisjoint(offered):
        return 1.0
    return PARENT if any(code.startswith(own + ".") for own in offered) else 0.0


def _evidence(forms: Collection[str]) -> Mapping[str, float]:
    """What a word tells of each need, by its form that is used most: the logarithm of how much more often than by
    chance somebody has the need who says it."""
    held = [form for form in forms if form in _uses()]
    return _told(max(held, key=lambda form: (sum(_uses()[form].values()), form))) if held else {}


@cache
def _told(form: str) -> Mapping[str, float]:
    size = _spoken()
    average = sum(size.values()) / len(size)
    # Roots: that a need is spoken of in many words, or a word is in many phrases, says little of how often.
    counts = {need: math.sqrt(used / math.sqrt(size[need] / average)) for need, used in _uses()[form].items()}
    total = sum(counts.values()) + DOUBT
    return {need: max(AGAINST, math.log((counts.get(need, 0.0) * len(size) + DOUBT) / total)) for need in size}


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
