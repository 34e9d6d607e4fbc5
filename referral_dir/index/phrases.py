"""How people say that they have a need, in any of the languages of data/phrases.json: its phrases and words, and what
is typed, by forms that can be compared."""

import json
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

from referral_dir.domain.needs import DATA, needs
from referral_dir.index.documents import is_readable
from referral_dir.index.words import FILLERS, GLUE, Token, fold, stem, tokens, word_forms

# Their synonyms ("children") say for whom something is asked, not what: only the phrases of phrases.json count.
VAGUE: Final = frozenset({"family", "return"})
# Alone they say for whom something is asked, and look like other words: "refugiado" like "refugio".
FOR_WHOM: Final = frozenset(fold(word) for word in (
    "refugee", "refugees", "refugiado", "refugiada", "refugiados", "refugiadas", "réfugié", "réfugiée", "réfugiés",
    "réfugiées", "لاجئ", "لاجئة", "لاجئين", "للاجئين", "اللاجئين", "біженець", "біженців", "біженцям", "беженец",
    "беженцев", "беженцам"))
LANGUAGES: Final = ("en", "es", "fr", "ar", "uk", "ru", "ht")
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
class Phrase:
    """Words that name a need, each by its forms. `topic`: the words in which a directory speaks of just this."""

    need: str
    words: tuple[frozenset[str], ...]
    topic: str


def places(words: tuple[frozenset[str], ...], forms: list[frozenset[str]]) -> frozenset[int]:
    """Where the words stand among what is typed; nowhere if one is missing."""
    found = [{n for n, own in enumerate(forms) if own & word} for word in words]
    return frozenset().union(*found) if all(found) else frozenset()


def typed_forms(token: Token, *, guess: bool) -> frozenset[str]:
    """The forms of a typed word. One that is not known is read as the nearest that is, if `guess` or it is long."""
    if fold(token.text) in GLUE:
        return _glue_form(token)
    own = word_of_any(token.text)
    word = fold(token.text)
    if not own.isdisjoint(_known_forms()) or not (guess or len(word) >= LONG):
        return own
    near = _nearest(word, furthest=1 if len(word) < 7 or not guess else 2)
    return word_of_any(near) if near else own


@lru_cache(maxsize=50_000)
def word_of_any(word: str) -> frozenset[str]:
    """A typed word may be of any language."""
    return frozenset().union(*(phrase_forms(word, language) for language in LANGUAGES))


def _glue_form(token: Token) -> frozenset[str]:
    """A form that meets only the very same word: what is left of some others looks like it, "tos" like "to"."""
    return frozenset({"=" + fold(token.text)})


@lru_cache(maxsize=50_000)
def phrase_forms(word: str, language: str) -> frozenset[str]:
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


def candidates(forms: list[frozenset[str]], *, circumstances: bool = False) -> list[Phrase]:
    """Phrases that may be among what is typed: their rarest word is."""
    by_form = _by_form()[circumstances]
    found = {id(phrase): phrase for own in forms for form in own for phrase in by_form.get(form, ())}
    return list(found.values())


@cache
def _by_form() -> tuple[Mapping[str, list[Phrase]], Mapping[str, list[Phrase]]]:
    """Phrases that name a need, and those that say in what state somebody is, by each form of the word of theirs that
    is in the fewest phrases: that one must have been typed."""
    return _by_rarest(phrases()), _by_rarest(_circumstances())


def _by_rarest(phrases: Collection[Phrase]) -> Mapping[str, list[Phrase]]:
    held = Counter(form for phrase in phrases for word in phrase.words for form in word)
    found: dict[str, list[Phrase]] = defaultdict(list)
    for phrase in phrases:
        for form in min(phrase.words, key=lambda word: sum(held[form] for form in word)):
            found[form].append(phrase)
    return dict(found)


@cache
def _vocabulary() -> Mapping[int, list[str]]:
    """All words that are known and long enough to be guessed, folded, by their length."""
    by_length: dict[int, list[str]] = defaultdict(list)
    texts = [text for text, *_ in _texts()] + [text for own in _read()["words"].values() for text in own.values()]
    for word in sorted({fold(token.text) for text in texts for token in tokens(text)}):
        if len(word) >= SHORTEST_GUESS:
            by_length[len(word)].append(word)
    return dict(by_length)


def is_known(word: str) -> bool:
    """Whether it is among the phrases and words."""
    return not word_of_any(word).isdisjoint(_known_forms())


@cache
def _known_forms() -> frozenset[str]:
    return frozenset().union(*(word for phrase in phrases() for word in phrase.words), *told_words().values())


@cache
def told_words() -> Mapping[str, frozenset[str]]:
    """By need the forms of the words that people use who have it."""
    return {need: frozenset().union(*(phrase_forms(token.text, language) for language, text in own.items()
                                      for token in spaced(text) if fold(token.text) not in FILLERS))
            for need, own in _read()["words"].items()}


@cache
def phrases() -> tuple[Phrase, ...]:
    """All that name a need."""
    found: dict[Phrase, None] = {}
    for text, need, language, topic in _texts():
        if any(fold(token.text) not in FILLERS for token in telling(text)):
            found[Phrase(need, _words(text, language), topic)] = None
    return tuple(found)


@cache
def _circumstances() -> tuple[Phrase, ...]:
    return tuple(Phrase("", _words(text, language), "")
                 for language, texts in _read()["circumstances"].items() for text in texts)


def _words(text: str, language: str) -> tuple[frozenset[str], ...]:
    """The forms of a phrase's words. Those that only hold it together may be missing, unless it has just one other:
    "ride to" is not "ride"."""
    holding = telling(text)
    kept = holding if len(holding) > 1 else spaced(text)
    return tuple(_glue_form(token) if fold(token.text) in GLUE else phrase_forms(token.text, language)
                 for token in kept)


def telling(text: str) -> list[Token]:
    """The words that make a phrase what it is."""
    return [token for token in spaced(text) if fold(token.text) not in GLUE]


def spaced(text: str) -> list[Token]:
    """The words of a text, without runs of unspaced scripts."""
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
