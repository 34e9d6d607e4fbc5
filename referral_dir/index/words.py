"""From text in any script to the forms that are compared: folded words, English stems, and n-grams.

A form is a plain string. Words are themselves; stems begin with STEM and n-grams of unspaced scripts with GRAM,
so that neither is ever taken for a word that somebody could read.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from whoosh.lang.porter import stem as porter_stem
from whoosh.lang.snowball.russian import RussianStemmer
from whoosh.lang.stopwords import stoplists

STEM: Final = "~"
GRAM: Final = "#"
LONGEST_WORD: Final = 64
_APOSTROPHES: Final = "'’ʼ`´"
_JOINS: Final = str.maketrans(dict.fromkeys("\u0640"))
# Letters that Unicode does not decompose, and Arabic and Cyrillic letters that people write for one another.
_LETTERS: Final = str.maketrans({
    "ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d",
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "ک": "ك",
    "ە": "ه", "ۀ": "ه", "ё": "е", "ґ": "г",
})
# Scripts whose diacritics are accents or vocalisation and may be left away. Elsewhere a mark is part of the letter.
_UNMARKED: Final = re.compile("[A-Za-z\u0370-\u03ff\u0590-\u05ff\u0600-\u06ff]")
# Thai, Lao, Burmese, Khmer; kana, Han (with its extensions) and Hangul.
_UNSPACED_RANGES: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003134f"
)


_RUSSIAN: Final = RussianStemmer()
# After L. S. Larkey, L. Ballesteros, M. E. Connell, "Light Stemming for Arabic Information Retrieval" (light10),
# on folded letters; three letters always stay.
_ARABIC_PREFIX: Final = re.compile("^(?:وال|بال|كال|فال|ال|لل)(?=.{3})")
_ARABIC_SUFFIX: Final = re.compile("(?<=.{3})(?:ها|ان|ات|ون|ين|يه|ه|ي)$")


def _marks() -> str:
    """Combining marks and invisible joiners, as the inside of a regular expression's class."""
    ranges: list[tuple[int, int]] = []
    for code in range(0x300, 0x1F000):
        if unicodedata.category(chr(code)) in ("Mn", "Mc", "Me") or code in (0x200C, 0x200D, 0x2060, 0xFEFF):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1] = ranges[-1][0], code
            else:
                ranges.append((code, code))
    return "\u00ad" + "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


_MARKS: Final = _marks()
_TOKEN: Final = re.compile(rf"[^\W_](?:[^\W_]|[{_MARKS}]|[{_APOSTROPHES}](?=[^\W_]))*")
_UNSPACED: Final = re.compile(f"[{_UNSPACED_RANGES}]")
_RUN: Final = re.compile(f"(?:[{_UNSPACED_RANGES}][{_MARKS}]*)+")
# A letter with its marks; a Khmer or Burmese sign that stacks the next letter keeps it.
_CLUSTER: Final = re.compile(f"[{_UNSPACED_RANGES}](?:[{_MARKS}]|(?<=[\u17d2\u1039])[{_UNSPACED_RANGES}])*")


@lru_cache(maxsize=50_000)
def fold(text: str) -> str:
    """NFKC, lower case, without accents, vocalisation or invisible signs; Arabic letter forms made one."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_JOINS)
    kept: list[str] = []
    base = ""
    for char in unicodedata.normalize("NFD", text.translate(_LETTERS)):
        category = unicodedata.category(char)
        if category == "Cf" or char in _APOSTROPHES:
            continue
        if category == "Mn":
            if not _UNMARKED.match(base):
                kept.append(char)
            continue
        base = char
        kept.append(str(unicodedata.digit(char)) if category == "Nd" else char)
    return unicodedata.normalize("NFC", "".join(kept)).translate(_LETTERS)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text and where it stands: a whole word, or one run of an unspaced script."""

    start: int
    end: int
    text: str
    unspaced: bool


def tokens(text: str) -> Iterator[Token]:
    """The words of a text in their order. A word that mixes scripts with and without spaces is cut between them."""
    for found in _TOKEN.finditer(text):
        word = found.group()
        if not _UNSPACED.search(word):
            # A longer "word" is not one: its beginning is enough, and keeps what is cached small.
            yield Token(found.start(), found.end(), word[:LONGEST_WORD], False)
            continue
        at = 0
        for run in _RUN.finditer(word):
            if word[at:run.start()].strip(_APOSTROPHES):
                yield Token(found.start() + at, found.start() + run.start(), word[at:run.start()], False)
            yield Token(found.start() + run.start(), found.start() + run.end(), run.group(), True)
            at = run.end()
        if word[at:].strip(_APOSTROPHES):
            yield Token(found.start() + at, found.end(), word[at:], False)


@lru_cache(maxsize=50_000)
def word_forms(word: str) -> frozenset[str]:
    """The forms of one spaced word: folded as a whole and by the parts around an apostrophe, with their stems.

    "l'hébergement" is found by "hebergement", "women's" by "women" and "womens", "сім'я" by "сімя".
    """
    parts = [part for part in re.split(f"[{_APOSTROPHES}]", word) if len(part) > 2]
    words = {fold(part)[:LONGEST_WORD] for part in (word, *parts)} - {""}
    return frozenset(words | {STEM + stem(each) for each in words})


def stem(folded: str) -> str:
    """A folded word without its ending: English in Latin letters (which also drops the plural -s of Spanish, French
    and Portuguese), Russian in Cyrillic (near enough for Ukrainian), the article and common endings in Arabic."""
    if folded.isascii():
        return str(porter_stem(folded)) if folded.isalpha() else folded
    if "\u0400" <= folded[0] <= "\u04ff":
        return str(_RUSSIAN.stem(folded))
    if "\u0600" <= folded[0] <= "\u06ff":
        bare = _ARABIC_PREFIX.sub("", folded)
        return _ARABIC_SUFFIX.sub("", bare)
    return folded


def grams(run: str) -> tuple[str, ...]:
    """Overlapping pairs of letters (with their marks) of an unspaced run; the single letter of a run of one."""
    letters = clusters(run)
    pairs = [GRAM + fold(a + b) for a, b in pairwise(letters)]
    return tuple(pairs) or tuple(GRAM + fold(letter) for letter in letters)


def clusters(run: str) -> list[str]:
    """The letters of an unspaced run, each with its marks."""
    return _CLUSTER.findall(unicodedata.normalize("NFKC", run))


def cluster_spans(run: str) -> list[tuple[int, int]]:
    """Where each letter of an unspaced run, with its marks, stands."""
    return [found.span() for found in _CLUSTER.finditer(run)]


def text_forms(text: str) -> set[str]:
    """Every form under which a text is indexed."""
    forms: set[str] = set()
    for token in tokens(text):
        if token.unspaced:
            forms.update(grams(token.text))
            forms.update(GRAM + fold(letter) for letter in clusters(token.text))
        else:
            forms |= word_forms(token.text)
    return forms


def surfaces(text: str) -> set[tuple[str, str]]:
    """The readable words of a text, folded and as written in lower case: what may be suggested to a person."""
    found = set()
    for token in tokens(text):
        folded = fold(token.text)
        if not token.unspaced and 3 <= len(folded) <= LONGEST_WORD and not any(c.isdigit() for c in folded):
            found.add((folded, unicodedata.normalize("NFC", token.text.lower())))
    return found


def _folded(words: str) -> frozenset[str]:
    return frozenset(fold(word) for word in words.split())


# Words that hold a phrase together and may be left out of it. Those that turn its sense round are not among them.
_STOPPED: Final = frozenset(fold(word) for language in ("en", "es", "fr") for word in stoplists[language])
_TELLING: Final = _folded("no not without off out myself herself himself themselves sin ni nada pas sans ne plus rien")
_OTHER_GLUE: Final = _folded(
    "в у на до з із зі за про для від о об к с из от по і й та и або или чи في من إلى الى على عن مع أو و يا")
GLUE: Final = (_STOPPED - _TELLING) | _OTHER_GLUE

# Words that a sentence needs and a search does not: these, and those in which people ask for help, say that it must
# be soon and cost little. Not "urgent" nor "affordable": so begin the names of what is offered.
FILLERS: Final = _STOPPED | _OTHER_GLUE | _folded("""
    need needs needed want wants wanted help please find get looking look someone somebody anyone where near nearest
    cant can't dont don't im i'm free would like
    cheap tonight now asap urgently immediately quickly today
    necesito necesita necesitamos quiero quiere busco buscar buscando ayuda ayudar gratis gratuito gratuita alguien
    donde cerca favor puedo puede tengo hay barato barata baratos baratas hoy ahora
    urgentemente
    besoin cherche chercher veux voudrais aide aider gratuit gratuite quelqu'un où près trouver peux puis faut ai
    maintenant vite aujourd'hui
    أنا أريد نحن أحتاج أبحث مساعدة مجاني مجانية أين لي هل كيف هذا هذه رخيص رخيصة الآن فورا اليوم بسرعة
    я мені мене ми нам треба потрібно потрібна потрібен хочу шукаю де допомога допоможіть безкоштовно безкоштовний
    безкоштовна хто як мій моя моє дешево дешевий дешева недорого терміново зараз негайно сьогодні
    мне меня мы нужно нужна нужен ищу где помощь помогите бесплатно бесплатный бесплатная кто как мой
    дешевый срочно сейчас сегодня
    mwen bezwen vle chache ede èd tanpri jwenn ki kote pou yon nan gen gratis jodi kounye""")
