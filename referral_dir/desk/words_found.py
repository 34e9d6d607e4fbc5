"""What a search by words brings up, best first: what holds the words, and what meets the need that they name."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from referral_dir.domain.need import Candidate
from referral_dir.domain.needs import label, needs
from referral_dir.index.asked import Asked, Meaning, agreed, meaning, met, told_of
from referral_dir.index.documents import QueryWord, query_words
from referral_dir.index.feed import search_text
from referral_dir.index.phrases import is_known
from referral_dir.index.text import TextHit, TextHits, TextIndex, TextQuery
from referral_dir.index.words import fold, text_forms

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from referral_dir.store.feed import Position

MOST: Final = 10_000
# Whose name holds all words is among the first hits: only these names are read.
NAMES_READ: Final = 200
# How many services are looked up by a need that was named, for each need.
BY_NEED: Final = 100
# What counts how much for the order: 1 is the best text score among the hits.
SOME_WORDS: Final = 0.4
NEED_WORDS: Final = 0.5
TOPIC: Final = 0.6
NEED: Final = 1.0
NAME: Final = 2.0
SAYS: Final = 0.5
# Of so many of the best it is read what they say of themselves.
READ: Final = 200
# A service that does one thing does it rather than mentions it: each further need takes this much away.
BESIDES: Final = 0.05


@dataclass(frozen=True, slots=True)
class _Meant:
    """What words of ours find. `shares`: how good each hit is, of 1 for the best."""

    by_id: Mapping[UUID, TextHit]
    shares: Mapping[UUID, float]


_FOUND: Final["WeakKeyDictionary[TextIndex, tuple[Position | None, dict[tuple[tuple[str, ...], bool], _Meant]]]"] = (
    WeakKeyDictionary())


@dataclass(frozen=True, slots=True)
class WordsFound:
    """Hits of the text index, still to be read from the store. `worth` is the hit's part of the order from 0 to 1."""

    hits: TextHits
    by_id: Mapping[UUID, TextHit]
    worth: Mapping[UUID, float]
    meant: Meaning
    text: str

    def ordered(self, rows: Iterable[Candidate]) -> list[Candidate]:
        """Best first: named by all the words, then what holds the words and meets the needs that they name. What only
        came up for a need is left out if the service does not meet it any more."""
        words, _ = query_words(self.text)
        # "doctor" asks for one; "doctor moth" may be what somebody is called.
        says_more = self.hits.every_word and len(words) > self.meant.named
        first = {hit.service_id for hit in self.hits.hits[:NAMES_READ]} if says_more else set()
        held = frozenset(hit.service_id for hit in self.hits.hits)
        ranked = []
        for row in rows:
            offered = row.confirmed_needs | row.suggested_needs
            fit = met(self.meant.asked, offered)
            if not fit and row.service_id not in held:
                continue
            by_name = row.service_id in first and _names(row, words)
            worth = self.worth[row.service_id] + NEED * fit / (1 + BESIDES * (len(offered) - 1)) + NAME * by_name
            ranked.append((-round(worth, 6), row.service_id, row))
        ranked.sort(key=lambda each: each[:2])
        best = [(round(worth - SAYS * self._says(row.service_id), 6), service_id, row)
                for worth, service_id, row in ranked[:READ]]
        return [row for *_, row in sorted(best, key=lambda each: each[:2]) + ranked[READ:]]

    def _says(self, service_id: UUID) -> float:
        """How far what a service says of itself is about what is asked."""
        texts = self.by_id[service_id].stored()["texts"]
        return agreed(self.meant.asked, told_of(texts["name"], texts["description"]))


def find_words(session: "Session", index: TextIndex, text: str, *, public: bool) -> WordsFound:
    """What the words find and mean.

    1. Services that hold every word, or else some. 2. Where no service holds every word and the corrected words say
    more of a need than the typed ones, those that hold the corrected words: `hits.did_you_mean` says which. 3. Services
    that meet the need that the words name without using them.
    """
    hits = search_text(session, index, TextQuery(text, public_only=public, limit=MOST))
    meant = meaning(text)
    corrected = meaning(hits.did_you_mean) if hits.did_you_mean else Meaning()
    if hits.did_you_mean and (not meant.named or corrected.named > meant.named):
        better = search_text(session, index, TextQuery(hits.did_you_mean, public_only=public, limit=MOST))
        text, hits, meant = hits.did_you_mean, replace(better, did_you_mean=hits.did_you_mean), corrected
    if not hits.every_word and (unknown := _unknown(session, index, text, public)):
        meant = meaning(text, unknown)
    whole = 1.0 if hits.every_word else SOME_WORDS
    by_id = {hit.service_id: hit for hit in hits.hits}
    worth = _shares(hits, whole)
    for found, share in _by_needs(session, index, meant.asked, public):
        for service_id, own in found.shares.items():
            worth[service_id] = worth.get(service_id, 0.0) + share * own
        for service_id, hit in found.by_id.items():
            by_id.setdefault(service_id, hit)
    return WordsFound(hits, by_id, worth, meant, text)


def _by_needs(session: "Session", index: TextIndex, asked: Sequence[Asked],
              public: bool) -> Iterator[tuple[_Meant, float]]:
    """What the needs' own words find, and what the words do in which a directory speaks of just what is asked; each
    with its part of the order."""
    yield _by_words(session, index, tuple(sorted(_words_of(each.need) for each in asked)), public), NEED_WORDS
    total = sum(each.weight for each in asked)
    for each in asked:
        yield _by_words(session, index, tuple(sorted(each.topics)), public), TOPIC * each.weight / total


def _by_words(session: "Session", index: TextIndex, texts: tuple[str, ...], public: bool) -> _Meant:
    """What our own words find, each service by the text that finds it best. It is the same for everybody until the
    index moves on, and so kept till then."""
    position, found = _FOUND.get(index, (None, {}))
    if position is None or position != index.position():
        position, found = index.position(), {}
        _FOUND[index] = position, found
    if (texts, public) not in found:
        by_id: dict[UUID, TextHit] = {}
        shares: dict[UUID, float] = {}
        if len(texts) == 1:
            hits = search_text(session, index, TextQuery(texts[0], public_only=public, limit=BY_NEED))
            by_id, shares = {hit.service_id: hit for hit in hits.hits}, _shares(hits, 1.0)
        else:
            for each in (_by_words(session, index, (text,), public) for text in texts):
                by_id = {**each.by_id, **by_id}
                shares |= {key: max(share, shares.get(key, 0.0)) for key, share in each.shares.items()}
        found[texts, public] = _Meant(by_id, shares)
    return found[texts, public]


def _unknown(session: "Session", index: TextIndex, text: str, public: bool) -> set[str]:
    """The words that no service and no phrase holds, folded: they may be misspelled. The space tells that a word has
    ended."""
    words, _ = query_words(text)
    typed = {word.typed.text for word in words}
    strange = [each for each in typed if not is_known(each)]
    return {fold(each) for each in strange
            if not search_text(session, index, TextQuery(each + " ", public_only=public, limit=1)).total}


def _names(row: Candidate, words: Sequence[QueryWord]) -> bool:
    """Whether the words all stand in the service's name and its organization's."""
    named = text_forms(f"{row.name} {row.organization}")
    return all(not named.isdisjoint(word.forms) for word in words)


def _words_of(code: str) -> str:
    """The need's names in English: the more of them a service uses itself, the more it is about that."""
    return " ".join((label(code), *needs()[code].synonyms["en"]))


def _shares(hits: TextHits, whole: float) -> dict[UUID, float]:
    best = max((hit.score for hit in hits.hits), default=1.0) or 1.0
    return {hit.service_id: whole * hit.score / best for hit in hits.hits}
