"""What a search by words is about: the needs that its phrases name, in any of the languages of data/phrases.json.

A text index finds words. "emergency room open at night" stands, word by word, in what a homeless shelter says of its
rooms, and in nothing that a hospital says; that its first two words name a need is known here.
"""

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

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
# How clear single words must be about a need, and how much clearer than about the next, where no phrase names one.
CLEAR_VOTE: Final = 3.0
CLEARLY_MORE: Final = 1.6
# What a service counts that is known for the need's parent only.
PARENT: Final = 0.5
# What a word counts that says in what state somebody is ("no money", "homeless"), beside one that says what they need.
CIRCUMSTANCE: Final = 0.4
SHORTEST_GUESS: Final = 4
# A word of so many letters that differs by one from a phrase's is the same word, misspelled or inflected.
LONG: Final = 8
# Endings of Ukrainian and Russian nouns, adjectives and verbs, cut off where three letters stay: a rough stem, but the
# same for the phrase and for what is typed.
_CYRILLIC_ENDING: Final = re.compile(
    "(?<=.{3})(?:ування|увати|ання|ення|ости|ості|істю|ого|ому|ими|ыми|ами|ями|ий|ый|ій|ой|ою|ею|ої|ах|ях|их|ых|ім|им|"
    "ым|ом|ем|ів|ив|ав|ов|ев|ей|ую|юю|ає|ит|ят|ают|уют|ют|ут|ти|ть|ли|ла|ло|ся|сь|а|у|и|і|ы|о|е|є|ю|я|й|ь|ї)+$")
# Arabic writes "and", "for", "with" and "my", "her", "their" as one word with the noun.
_ARABIC_BEFORE: Final = re.compile("^(?:[وف]?(?:[بك]?ال|لل)(?=.{3})|[وف]?[بلك](?=.{4})|[وف](?=.{4}))")
_ARABIC_AFTER: Final = re.compile("(?<=.{3})(?:ت?(?:هم|هن|كم|نا|ها|ني|ه|ي|ك)|ان|ات|ون|ين|يه)$")
_FRENCH: Final = FrenchStemmer()
_SPANISH: Final = SpanishStemmer()


@dataclass(frozen=True, slots=True)
class Asked:
    """Needs that the same words name, any of which will do, and how many of the query's words name them. `topics` are
    the words in which a directory speaks of just this; `weight` is how much it counts beside what else is asked."""

    needs: frozenset[str]
    words: int
    weight: float
    topics: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Phrase:
    need: str
    words: tuple[frozenset[str], ...]
    topic: str


def asked_needs(text: str, unknown: Collection[str] = ()) -> tuple[Asked, ...]:
    """The needs that the text's phrases name. Of two phrases the longer counts, if it holds all words of the other.

    A word among the `unknown` (folded), or a long one, is read as the nearest one that some phrase holds.
    """
    typed = _spaced(text)
    forms = [_forms(token, guess=fold(token.text) in unknown) for token in typed]
    telling = {n for n, token in enumerate(typed) if fold(token.text) not in GLUE}
    named: dict[frozenset[int], set[_Phrase]] = defaultdict(set)
    for phrase in _candidates(forms):
        places = _places(phrase.words, forms) & telling
        if places and not (len(phrase.words) == 1 and all(fold(typed[n].text) in FOR_WHOM for n in places)):
            named[places].add(phrase)
    longest = {words: phrases for words, phrases in named.items() if not any(words < other for other in named)}
    states = [_places(phrase.words, forms) for phrase in _candidates(forms, circumstances=True)]
    return tuple(
        Asked(frozenset(phrase.need for phrase in phrases), len(words),
              CIRCUMSTANCE if any(words <= state for state in states) else len(words),
              frozenset(phrase.topic for phrase in phrases if phrase.topic))
        for words, phrases in longest.items())


def hinted_needs(text: str) -> tuple[Asked, ...]:
    """The need that the single words of a text speak of most, where it names none: "his brother disappeared" is in no
    phrase, but phrases with these words are nearly all of one need. Nothing where they speak of several."""
    votes: dict[str, float] = defaultdict(float)
    heard = 0
    for token in _telling(text):
        forms = [form for form in _forms(token, guess=False) if form in _votes()]
        if fold(token.text) in FILLERS or not forms:
            continue
        heard += 1
        for need, vote in _votes()[max(forms, key=lambda form: (sum(_votes()[form].values()), form))].items():
            votes[need] += vote
    best = sorted(votes.items(), key=lambda each: (-each[1], each[0]))
    (first, most), (_, next_most) = [*best, ("", 0.0), ("", 0.0)][:2]
    if most < CLEAR_VOTE or most < CLEARLY_MORE * next_most:
        return ()
    return (Asked(frozenset({first}), heard, heard),)


def met(asked: Collection[Asked], offered: Collection[str]) -> float:
    """From 0 to 1: how much of what is asked these needs of a service meet; phrases of more words count for more."""
    total = sum(each.weight for each in asked)
    credited = sum(each.weight * max(_credit(code, offered) for code in each.needs) for each in asked)
    return credited / total if total else 0.0


def is_known(word: str) -> bool:
    """Whether some phrase holds the word."""
    return any(form in _votes() for form in _typed_forms(word))


def _places(words: tuple[frozenset[str], ...], forms: list[frozenset[str]]) -> frozenset[int]:
    """Where the words stand among what is typed; nowhere if one is missing."""
    places = [{n for n, own in enumerate(forms) if own & word} for word in words]
    return frozenset().union(*places) if all(places) else frozenset()


def _credit(code: str, offered: Collection[str]) -> float:
    if not expand(code).isdisjoint(offered):
        return 1.0
    return PARENT if any(code.startswith(own + ".") for own in offered) else 0.0


def _forms(token: Token, *, guess: bool) -> frozenset[str]:
    if fold(token.text) in GLUE:
        return _glue_form(token)
    own = _typed_forms(token.text)
    word = fold(token.text)
    if any(form in _votes() for form in own) or not (guess or len(word) >= LONG):
        return own
    near = _nearest(word, furthest=1 if len(word) < 7 or not guess else 2)
    return _typed_forms(near) if near else own


def _typed_forms(word: str) -> frozenset[str]:
    """A typed word may be of any language."""
    return frozenset().union(*(_phrase_forms(word, language) for language in LANGUAGES))


def _glue_form(token: Token) -> frozenset[str]:
    """A form that meets only the very same word: what is left of some others looks like it, "tos" like "to"."""
    return frozenset({"=" + fold(token.text)})


@lru_cache(maxsize=50_000)
def _phrase_forms(word: str, language: str) -> frozenset[str]:
    """A word and its stem in the language, which meets only stems of the same one: "tos" is no form of "to"."""
    whole = {form for form in word_forms(word) if is_readable(form)}
    return frozenset(whole | {f"{language}:{each}" for form in whole for each in _stems(form, language)})


def _stems(folded: str, language: str) -> set[str]:
    if language in ("uk", "ru"):
        bare = _CYRILLIC_ENDING.sub("", folded)
        # "аптека", "в аптеці"
        return {stem(folded), bare[:-1] + "к" if bare.endswith("ц") else bare}
    if language == "ar":
        return {stem(folded), _ARABIC_AFTER.sub("", _ARABIC_BEFORE.sub("", folded))}
    if language in ("es", "fr"):
        return {str((_SPANISH if language == "es" else _FRENCH).stem(folded))}
    return {stem(folded)}


@lru_cache(maxsize=10_000)
def _nearest(word: str, furthest: int) -> str | None:
    if len(word) < SHORTEST_GUESS:
        return None
    alike = [other for length in range(len(word) - furthest, len(word) + furthest + 1)
             for other in _vocabulary().get(length, ())]
    near = process.extract(word, alike, scorer=OSA.distance, score_cutoff=furthest, limit=20)
    ranked = sorted((far, word[0] != other[0], other) for other, far, _ in near)
    return ranked[0][2] if ranked else None


def _candidates(forms: list[frozenset[str]], *, circumstances: bool = False) -> list[_Phrase]:
    by_form = _by_form()[circumstances]
    found = {id(phrase): phrase for own in forms for form in own for phrase in by_form.get(form, ())}
    return list(found.values())


@cache
def _by_form() -> tuple[Mapping[str, list[_Phrase]], Mapping[str, list[_Phrase]]]:
    """Phrases that name a need, and those that say in what state somebody is, by each form of the word of theirs that
    is in the fewest phrases: that one must have been typed."""
    return _by_rarest(_phrases()), _by_rarest(_circumstances())


def _by_rarest(phrases: Collection[_Phrase]) -> Mapping[str, list[_Phrase]]:
    held = Counter(form for phrase in phrases for word in phrase.words for form in word)
    found: dict[str, list[_Phrase]] = defaultdict(list)
    for phrase in phrases:
        for form in min(phrase.words, key=lambda word: sum(held[form] for form in word)):
            found[form].append(phrase)
    return dict(found)


@cache
def _votes() -> Mapping[str, Mapping[str, float]]:
    """For each form the needs of the phrases that hold it: more, the fewer phrases and the fewer needs there are."""
    held: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for phrase in _phrases():
        for form in frozenset().union(*phrase.words):
            if not form.startswith("="):
                held[form][phrase.need] += 1 / len(phrase.words)
    rarity = {form: math.log(1 + len(_phrases()) / (10 + sum(own.values()))) for form, own in held.items()}
    return {form: {need: rarity[form] * count / max(1.0, sum(own.values())) for need, count in own.items()}
            for form, own in held.items()}


@cache
def _vocabulary() -> Mapping[int, list[str]]:
    """The words of all phrases, folded, that are long enough to be guessed, by their length."""
    by_length: dict[int, list[str]] = defaultdict(list)
    for word in sorted({fold(token.text) for text, *_ in _texts() for token in tokens(text)}):
        if len(word) >= SHORTEST_GUESS:
            by_length[len(word)].append(word)
    return dict(by_length)


@cache
def _phrases() -> tuple[_Phrase, ...]:
    found: dict[_Phrase, None] = {}
    for text, need, language, topic in _texts():
        if any(fold(token.text) not in FILLERS for token in _telling(text)):
            found[_Phrase(need, _words(text, language), topic)] = None
    return tuple(found)


@cache
def _circumstances() -> tuple[_Phrase, ...]:
    return tuple(_Phrase("", _words(text, language), "")
                 for language, texts in _read()["circumstances"].items() for text in texts)


def _words(text: str, language: str) -> tuple[frozenset[str], ...]:
    """The forms of a phrase's words. Those that only hold it together may be missing, unless it has just one other:
    "ride to" is not "ride"."""
    telling = _telling(text)
    kept = telling if len(telling) > 1 else _spaced(text)
    return tuple(_glue_form(token) if fold(token.text) in GLUE else _phrase_forms(token.text, language)
                 for token in kept)


def _telling(text: str) -> list[Token]:
    """The words that make a phrase what it is."""
    return [token for token in _spaced(text) if fold(token.text) not in GLUE]


def _spaced(text: str) -> list[Token]:
    return [token for token in tokens(text) if not token.unspaced]


@cache
def _read() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DATA / "phrases.json").read_text(encoding="utf-8"))
    return read


@cache
def _texts() -> tuple[tuple[str, str, str, str], ...]:
    """All phrases with the need that they name, their language and their topic: those of phrases.json, and labels and
    synonyms of needs.json."""
    found = [(text, code, language, "") for code, languages in _read()["phrases"].items()
             for language, texts in languages.items() for text in texts]
    found += [(text, code, language, topic["find"]) for topic in _read()["topics"] for code in topic["needs"]
              for language, texts in topic["phrases"].items() for text in texts]
    for code, term in needs().items():
        if code in VAGUE:
            continue
        found += [(text, code, language, "") for language, text in {"en": term.label, **term.labels}.items()]
        found += [(text, code, language, "") for language, texts in term.synonyms.items() for text in texts]
    return tuple(found)
