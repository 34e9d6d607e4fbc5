"""What a search by words brings up, best first: what holds the words, and what meets the need that they name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from uuid import UUID
from weakref import WeakKeyDictionary

from referral_dir.domain.need import Candidate
from referral_dir.domain.needs import label, needs
from referral_dir.index.asked import Asked, asked_needs, met
from referral_dir.index.documents import QueryWord, query_words
from referral_dir.index.feed import search_text
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
SOME_WORDS: Final = 0.6
NEED_WORDS: Final = 0.5
NEED: Final = 1.0
NAME: Final = 2.0
# A service that does one thing does it rather than mentions it: each further need takes this much away.
BESIDES: Final = 0.05

_FOUND: "WeakKeyDictionary[TextIndex, tuple[Position | None, dict[tuple[str, bool], TextHits]]]" = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class WordsFound:
    """Hits of the text index, still to be read from the store. `worth` is the hit's part of the order from 0 to 1."""

    hits: TextHits
    by_id: Mapping[UUID, TextHit]
    worth: Mapping[UUID, float]
    asked: tuple[Asked, ...]
    text: str

    def ordered(self, rows: Iterable[Candidate]) -> list[Candidate]:
        """Best first: named by all the words, then what holds the words and meets the needs that they name. What only
        came up for a need is left out if the service does not meet it any more."""
        words, _ = query_words(self.text)
        # "doctor" asks for one; "doctor moth" may be what somebody is called.
        says_more = self.hits.every_word and len(words) > _named(self.asked)
        first = {hit.service_id for hit in self.hits.hits[:NAMES_READ]} if says_more else set()
        held = frozenset(hit.service_id for hit in self.hits.hits)
        ranked = []
        for row in rows:
            offered = row.confirmed_needs | row.suggested_needs
            fit = met(self.asked, offered)
            if not fit and row.service_id not in held:
                continue
            by_name = row.service_id in first and _names(row, words)
            worth = self.worth[row.service_id] + NEED * fit / (1 + BESIDES * (len(offered) - 1)) + NAME * by_name
            ranked.append((-round(worth, 6), row.service_id, row))
        return [row for *_, row in sorted(ranked, key=lambda each: each[:2])]


def find_words(session: "Session", index: TextIndex, text: str, *, public: bool) -> WordsFound:
    """What the words find and mean.

    1. Services that hold every word, or else some. 2. Where no service holds every word and the corrected words say
    more of a need than the typed ones, those that hold the corrected words: `hits.did_you_mean` says which. 3. Services
    that meet the need that the words name without using them.
    """
    hits = search_text(session, index, TextQuery(text, public_only=public, limit=MOST))
    asked = asked_needs(text)
    meant = asked_needs(hits.did_you_mean) if hits.did_you_mean else ()
    if hits.did_you_mean and (not asked or _named(meant) > _named(asked)):
        better = search_text(session, index, TextQuery(hits.did_you_mean, public_only=public, limit=MOST))
        text, hits, asked = hits.did_you_mean, replace(better, did_you_mean=hits.did_you_mean), meant
    if not asked and not hits.every_word:
        asked = asked_needs(text, _unknown(session, index, text, public))
    whole = 1.0 if hits.every_word else SOME_WORDS
    by_id = {hit.service_id: hit for hit in hits.hits}
    worth = _shares(hits, whole)
    by_need: dict[UUID, float] = {}
    for code in sorted({code for each in asked for code in each.needs}):
        more = _by_need(session, index, code, public)
        for service_id, share in _shares(more, NEED_WORDS).items():
            by_need[service_id] = max(share, by_need.get(service_id, 0.0))
        by_id = {**{hit.service_id: hit for hit in more.hits}, **by_id}
    worth = {service_id: worth.get(service_id, 0.0) + by_need.get(service_id, 0.0) for service_id in by_id}
    return WordsFound(hits, by_id, worth, asked, text)


def _by_need(session: "Session", index: TextIndex, code: str, public: bool) -> TextHits:
    """What the need's own words find. It is the same for everybody until the index moves on, and so kept till then."""
    position, found = _FOUND.get(index, (None, {}))
    if position is None or position != index.position():
        position, found = index.position(), {}
        _FOUND[index] = position, found
    if (code, public) not in found:
        found[code, public] = search_text(session, index, TextQuery(_words_of(code), public_only=public, limit=BY_NEED))
    return found[code, public]


def _named(asked: Iterable[Asked]) -> int:
    return sum(each.words for each in asked)


def _unknown(session: "Session", index: TextIndex, text: str, public: bool) -> set[str]:
    """The words that no service holds, folded: they may be misspelled. The space tells that a word has ended."""
    words, _ = query_words(text)
    typed = {word.typed.text for word in words}
    return {fold(each) for each in typed
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
