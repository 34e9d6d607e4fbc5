"""Invented services in words of five languages, and what people would type to find them. Equal seeds, equal texts.

A language has a few real words (of the consent notices and of the needs' labels) at its head, and behind them words
made of its own letter sequences that nobody ever wrote. They are used as words are: the nth about 1/n as often.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.world import CODES, service_id
from referral_dir import geo
from referral_dir.domain.needs import DATA, needs
from referral_dir.index.words import FILLERS, fold, tokens
from referral_dir.store.feed import TextRow

SHARES: Final = {"en": 0.40, "es": 0.20, "fr": 0.15, "ar": 0.12, "uk": 0.13}
WORDS_PER_LANGUAGE: Final = 20_000
LETTERS_TO_TYPO: Final = 5
# A service whose place is hidden: told to staff by its zone.
CONFIDENTIAL: Final = 0.05
_ENDS: Final = "^$"


def make_rows(count: int, seed: int = 1) -> list[TextRow]:
    """`count` services as the text index sees them, with ids in no order."""
    rng = np.random.default_rng(seed)
    by_language = dict(zip(SHARES, np.array_split(np.arange(count), _borders(count)), strict=True))
    towns, people = _towns()
    places = iter(rng.choice(len(towns), count, p=people).tolist())
    rows: list[TextRow] = []
    for language, numbers in by_language.items():
        writer = _Writer(language, rng, len(numbers))
        for number in numbers.tolist():
            hidden = rng.random() < CONFIDENTIAL
            confirmed, suggested = _needs(rng)
            town = towns[next(places)]
            rows.append(TextRow(
                service_id=service_id(number), confidential=hidden, name=writer.name(),
                alternate_name=writer.name() if not hidden and rng.random() < 0.2 else "",
                organization=writer.organization(), description=writer.description(), confirmed_needs=confirmed,
                suggested_needs=suggested, places=town[-1:] if hidden else town))
    return rows


def make_queries(rows: Sequence[TextRow], count: int, seed: int = 2) -> list[str]:
    """What people type: a need in any of the languages, a need and a town, words of a name or a description. All of
    it holds of one service, so that something is found; two in five break off in the last word."""
    chance = random.Random(seed)
    queries: list[str] = []
    while len(queries) < count:
        row = chance.choice(rows)
        need = needs()[chance.choice(sorted(row.confirmed_needs | row.suggested_needs))]
        labels = [need.label, *need.labels.values(), *(text for group in need.synonyms.values() for text in group)]
        wish, town = _telling(chance.choice(labels))[:3], _telling(row.places[0])
        words = _telling(chance.choice((row.name, row.description)))
        asked = chance.choice((wish, [*wish, *town], words[:2], chance.sample(words, min(len(words), 2)), words[-1:]))
        if asked:
            queries.append(_broken_off(asked, chance) if chance.random() < 0.4 else " ".join(asked) + " ")
    return queries


def _broken_off(words: list[str], chance: random.Random) -> str:
    """The last word as far as it has been typed, three letters or more."""
    *before, last = words
    return " ".join([*before, last[:chance.randint(3, max(3, len(last) - 1))]])


@dataclass(frozen=True, slots=True)
class Typo:
    """A word with one letter wrong, and the word that was meant."""

    typed: str
    meant: str


def make_typos(rows: Sequence[TextRow], count: int, seed: int = 3) -> list[Typo]:
    """One-letter slips in words of five letters or more, each word as often as it stands in the services' texts."""
    chance = random.Random(seed)
    found: list[Typo] = []
    while len(found) < count:
        row = chance.choice(rows)
        words = _telling(" ".join((row.name, row.organization, row.description, *row.places)))
        word = chance.choice(words or [""]).lower()
        if len(fold(word)) < LETTERS_TO_TYPO or not word.isalpha():
            continue
        typed = _slip(word, chance)
        if fold(typed) != fold(word):
            found.append(Typo(typed, word))
    return found


def _slip(word: str, chance: random.Random) -> str:
    """Insert, leave out, change or swap a letter; new letters are of the word's own script."""
    at = chance.randrange(len(word))
    letter = chance.choice(_alphabet(word))
    swapped = word[:at] + word[at + 1:at + 2] + word[at] + word[at + 2:]
    return chance.choice((word[:at] + letter + word[at:], word[:at] + word[at + 1:],
                          word[:at] + letter + word[at + 1:], swapped))


def _alphabet(word: str) -> str:
    if "\u0600" <= word[0] <= "\u06ff":
        return "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
    return "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя" if "\u0400" <= word[0] <= "\u04ff" else "abcdefghijklmnopqrstuvwxyz"


def _telling(text: str) -> list[str]:
    return [token.text for token in tokens(text) if fold(token.text) not in FILLERS]


class _Writer:
    """Draws words of one language: enough for `services` at once, then one after the other."""

    def __init__(self, language: str, rng: np.random.Generator, services: int) -> None:
        words, weights = _vocabulary(language)
        self._kinds = [words[n] for n in range(40, 400)]
        self._words, self._rng = words, rng
        self._lengths = np.clip(rng.lognormal(3.2, 0.6, services), 6, 120).astype(int).tolist()
        drawn = rng.choice(len(words), sum(self._lengths) + services, p=weights)
        self._drawn: list[int] = drawn.tolist()
        # Names prefer what is rare: that is what makes them names.
        self._proper: list[int] = rng.integers(400, len(words), services * 5).tolist()
        self._organizations = [self.name() for _ in range(max(1, services // 3))]

    def name(self) -> str:
        """A common word or two and a rare one."""
        kinds = [self._kinds[int(n)] for n in self._rng.zipf(1.2, 2) % len(self._kinds)]
        own = self._words[self._proper[int(self._rng.integers(len(self._proper)))]]
        return " ".join([*kinds[:int(self._rng.integers(1, 3))], own]).title()

    def organization(self) -> str:
        """One of the organizations; few have many services."""
        return self._organizations[int(self._rng.zipf(1.5)) % len(self._organizations)]

    def description(self) -> str:
        """About 25 words, as often as the language has them."""
        length = self._lengths.pop()
        words, self._drawn[-length:] = [self._words[n] for n in self._drawn[-length:]], []
        return " ".join(words).capitalize() + "."


def _vocabulary(language: str) -> tuple[list[str], NDArray[np.float64]]:
    """The words of a language, the most frequent first, and how often each is used (Zipf and Mandelbrot)."""
    real = [word for word, _ in Counter(_real_words(language)).most_common()]
    words = list(dict.fromkeys([*real, *_invented(real, WORDS_PER_LANGUAGE - len(real), seed=language)]))
    weights = 1 / (np.arange(len(words)) + 2.7) ** 1.05
    return words, weights / weights.sum()


def _real_words(language: str) -> list[str]:
    notice = (DATA / "notices" / f"referral-1.{language}.txt").read_text(encoding="utf-8").split("\n\n", 1)[1]
    labels = [term.label if language == "en" else term.labels[language] for term in needs().values()]
    synonyms = [text for term in needs().values() for text in term.synonyms.get(language, ())]
    return [token.text.lower() for token in tokens(" ".join([notice, *labels, *synonyms])) if token.text.isalpha()]


def _invented(real: Sequence[str], count: int, *, seed: str) -> list[str]:
    """Words that follow the real ones' letters, each letter by the two before it."""
    chance = random.Random(seed)
    following: dict[str, list[str]] = defaultdict(list)
    for word in real:
        for at, letter in enumerate(f"{word}$"):
            following[f"^^{word}"[at:at + 2]].append(letter)
    found: dict[str, None] = {}
    known = set(real)
    while len(found) < count:
        word = ""
        while (letter := chance.choice(following[f"^^{word}"[-2:]])) != "$" and len(word) < 14:
            word += letter
        if len(word) >= LETTERS_TO_TYPO and word not in known:
            found[word] = None
    return list(found)


def _needs(rng: np.random.Generator) -> tuple[frozenset[str], frozenset[str]]:
    """One to four needs, six in seven of them confirmed."""
    own = {CODES[int(n) % len(CODES)] for n in rng.zipf(1.3, int(rng.integers(1, 5)))}
    confirmed = frozenset(code for code in own if rng.random() < 0.85)
    return confirmed, frozenset(own) - confirmed


def _towns() -> tuple[list[tuple[str, ...]], NDArray[np.float64]]:
    """Real towns with their areas, and how likely each is: by its people."""
    rows = [row for row in geo._gazetteer().rows if row[7] and row[0]]
    people = np.array([float(row[7]) for row in rows])
    return [tuple(dict.fromkeys(name for name in (row[0], row[2]) if name)) for row in rows], people / people.sum()


def _borders(count: int) -> list[int]:
    return [round(count * share) for share in accumulate(list(SHARES.values())[:-1])]
