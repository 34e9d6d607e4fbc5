"""What a search by words is about: the needs that its phrases name, in any of the languages of data/phrases.json.

A text index finds words. "emergency room open at night" stands, word by word, in what a homeless shelter says of its
rooms, and in nothing that a hospital says; that its first two words name a need is known here.
"""

import json
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from rapidfuzz import process
from rapidfuzz.distance import OSA
from whoosh.lang.snowball.french import FrenchStemmer
from whoosh.lang.snowball.spanish import SpanishStemmer

from referral_dir.domain.needs import DATA, expand, needs
from referral_dir.index.documents import is_readable
from referral_dir.index.words import FILLERS, GLUE, Token, fold, stem, tokens, word_forms

# Their synonyms ("children") say for whom something is asked, not what: only the phrases of phrases.json count.
VAGUE: Final = frozenset({"family", "return"})
# Alone they say for whom something is asked, and look like other words: "refugiado" like "refugio".
FOR_WHOM: Final = frozenset(fold(word) for word in (
    "refugee", "refugees", "refugiado", "refugiada", "refugiados", "refugiadas", "réfugié", "réfugiée", "réfugiés",
    "réfugiées", "لاجئ", "لاجئة", "لاجئين", "للاجئين", "اللاجئين", "біженець", "біженців", "біженцям", "беженец",
    "беженцев", "беженцам"))
LANGUAGES: Final = ("en", "es", "fr", "ar", "uk", "ru")
# What a service counts that is known for the need's parent only.
PARENT: Final = 0.5
SHORTEST_GUESS: Final = 4
# Endings of Ukrainian and Russian nouns, adjectives and verbs, cut off where three letters stay: a rough stem, but the
# same for the phrase and for what is typed.
_CYRILLIC_ENDING: Final = re.compile(
    "(?<=.{3})(?:ування|увати|ання|ення|ости|ості|істю|ого|ому|ими|ыми|ами|ями|ий|ый|ій|ой|ою|ею|ої|ах|ях|их|ых|ім|им|"
    "ым|ом|ем|ів|ов|ев|ей|ую|юю|ає|ит|ят|ают|уют|ют|ут|ти|ть|ли|ла|ло|ся|сь|а|у|и|і|ы|о|е|є|ю|я|й|ь|ї)+$")
_FRENCH: Final = FrenchStemmer()
_SPANISH: Final = SpanishStemmer()


@dataclass(frozen=True, slots=True)
class Asked:
    """Needs that the same words name, any of which will do, and how many of the query's words name them."""

    needs: frozenset[str]
    words: int


@dataclass(frozen=True, slots=True)
class _Phrase:
    need: str
    words: tuple[frozenset[str], ...]


def asked_needs(text: str, unknown: Collection[str] = ()) -> tuple[Asked, ...]:
    """The needs that the text's phrases name. Of two phrases the longer counts, if it holds all words of the other.

    A word among the `unknown` (folded) is read as the nearest one that some phrase holds.
    """
    typed = _telling(text)
    forms = [_forms(token, guess=fold(token.text) in unknown) for token in typed]
    named: dict[frozenset[int], set[str]] = defaultdict(set)
    for phrase in _candidates(forms):
        places = [{n for n, own in enumerate(forms) if own & word} for word in phrase.words]
        if all(places) and not (len(places) == 1 and all(fold(typed[n].text) in FOR_WHOM for n in places[0])):
            named[frozenset().union(*places)].add(phrase.need)
    longest = {words: codes for words, codes in named.items() if not any(words < other for other in named)}
    return tuple(Asked(frozenset(codes), len(words)) for words, codes in longest.items())


def met(asked: Collection[Asked], offered: Collection[str]) -> float:
    """From 0 to 1: how much of what is asked these needs of a service meet; phrases of more words count for more."""
    total = sum(each.words for each in asked)
    credited = sum(each.words * max(_credit(code, offered) for code in each.needs) for each in asked)
    return credited / total if total else 0.0


def _credit(code: str, offered: Collection[str]) -> float:
    if not expand(code).isdisjoint(offered):
        return 1.0
    return PARENT if any(code.startswith(own + ".") for own in offered) else 0.0


def _forms(token: Token, *, guess: bool) -> frozenset[str]:
    own = _typed_forms(token.text)
    if not guess or not own.isdisjoint(_by_form()):
        return own
    near = _nearest(fold(token.text))
    return _typed_forms(near) if near else own


def _typed_forms(word: str) -> frozenset[str]:
    """A typed word may be of any language."""
    return frozenset().union(*(_phrase_forms(word, language) for language in LANGUAGES))


@lru_cache(maxsize=50_000)
def _phrase_forms(word: str, language: str) -> frozenset[str]:
    """A word and its stem in the language, which meets only stems of the same one: "tos" is no form of "to"."""
    whole = {form for form in word_forms(word) if is_readable(form)}
    return frozenset(whole | {f"{language}:{each}" for form in whole for each in _stems(form, language)})


def _stems(folded: str, language: str) -> set[str]:
    if language in ("uk", "ru"):
        return {stem(folded), _CYRILLIC_ENDING.sub("", folded)}
    if language in ("es", "fr"):
        return {str((_SPANISH if language == "es" else _FRENCH).stem(folded))}
    return {stem(folded)}


def _nearest(word: str) -> str | None:
    if len(word) < SHORTEST_GUESS:
        return None
    furthest = 1 if len(word) < 7 else 2
    near = process.extract(word, _vocabulary(), scorer=OSA.distance, score_cutoff=furthest, limit=20)
    ranked = sorted((far, word[0] != other[0], other) for other, far, _ in near)
    return ranked[0][2] if ranked else None


def _candidates(forms: list[frozenset[str]]) -> list[_Phrase]:
    found = {id(phrase): phrase for own in forms for form in own for phrase in _by_form().get(form, ())}
    return list(found.values())


@cache
def _by_form() -> Mapping[str, list[_Phrase]]:
    """Phrases by each form of each of their words."""
    found: dict[str, list[_Phrase]] = defaultdict(list)
    for phrase in _phrases():
        for form in frozenset().union(*phrase.words):
            found[form].append(phrase)
    return dict(found)


@cache
def _vocabulary() -> list[str]:
    """The words of all phrases, folded, that are long enough to be guessed."""
    every = {fold(token.text) for text, *_ in _texts() for token in tokens(text)}
    return sorted(word for word in every if len(word) >= SHORTEST_GUESS)


@cache
def _phrases() -> tuple[_Phrase, ...]:
    found: dict[_Phrase, None] = {}
    for text, need, language in _texts():
        telling = _telling(text)
        if any(fold(token.text) not in FILLERS for token in telling):
            found[_Phrase(need, tuple(_phrase_forms(token.text, language) for token in telling))] = None
    return tuple(found)


def _telling(text: str) -> list[Token]:
    """The words that make a phrase what it is. What is left of some others looks like them: "tos" like "to"."""
    return [token for token in tokens(text) if not token.unspaced and fold(token.text) not in GLUE]


@cache
def _texts() -> tuple[tuple[str, str, str], ...]:
    """All phrases with the need that they name and their language: those of phrases.json, and labels and synonyms of
    needs.json."""
    read = json.loads((DATA / "phrases.json").read_text(encoding="utf-8"))["phrases"]
    found = [(text, code, language) for code, languages in read.items()
             for language, texts in languages.items() for text in texts]
    for code, term in needs().items():
        if code in VAGUE:
            continue
        found += [(text, code, language) for language, text in {"en": term.label, **term.labels}.items()]
        found += [(text, code, language) for language, texts in term.synonyms.items() for text in texts]
    return tuple(found)
