"""Suggests needs for a service that has none, from its name, description and source categories.

A phrase of data/needs.json counts where it stands as whole words and not inside one of the need's `not_hints`.
The name and the categories say what a service is, so there its label and English synonyms count too; a
description also tells what others do, so there only the longer hints count, and not in a sentence that refers
the reader to someone else.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from referral_dir.domain.needs import needs

ELSEWHERE: Final = re.compile(
    r"\b(?:refer(?:s|ral|rals|red)? (?:to|for)|does not (?:provide|offer)|not provided?|unable to|"
    r"volunteers? (?:are|is) needed|donat(?:e|ions?) (?:to|are)|does not accept)\b")
_WORD: Final = re.compile(r"\w+")
_SENTENCE: Final = re.compile(r"[.!?;\n]+|\\n")
MAXIMUM_TEXT: Final = 20_000
# In a name these single words say too little or too much.
VAGUE: Final = frozenset({
    "law", "advice", "id", "er", "work", "family", "children", "training", "school", "court", "return", "safety",
    "danger", "essentials", "recovery", "support", "registration", "housing", "benefits", "vouchers", "travel",
    "job", "clinic", "roof", "bed", "crisis", "evidence", "career", "protection", "accommodation", "medical",
    "hospital", "health care", "nurse", "doctor", "education", "birth", "household items", "money", "cash", "bills",
    "information and referral", "advocate", "escape", "alcohol", "witness", "papers", "visa", "trauma",
    "union", "shelter", "citizenship", "water", "overnight", "homeless",
    "refuge",
})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A need, and the words that suggest it."""

    code: str
    evidence: str


def suggest_needs(name: str, description: str, categories: Iterable[str] = ()) -> tuple[Suggestion, ...]:
    """The needs that the texts speak of, in the order of the tree; a parent only where no child was found."""
    # No phrase holds a line break: all sentences are searched at once.
    title = "\n".join([_plain(name), _plain(" ; ".join(categories))])
    body = "\n".join(s for s in _SENTENCE.split(_plain(description[:MAXIMUM_TEXT])) if s and not ELSEWHERE.search(s))
    words_of_title, words_of_body = (frozenset(_WORD.findall(text)) for text in (title, body))
    found: dict[str, str] = {}
    for code, in_title, in_body, against in _patterns():
        hit = _first(in_title, against, title, words_of_title) or _first(in_body, against, body, words_of_body)
        if hit:
            found[code] = hit
    return tuple(Suggestion(code, evidence) for code, evidence in found.items()
                 if not any(other.startswith(code + ".") for other in found))


def _first(phrases: _Phrases, against: _Phrases, text: str, words: frozenset[str]) -> str | None:
    # Nearly all phrases are ruled out by their words, without a search.
    if phrases.pattern is None or phrases.telling.isdisjoint(words):
        return None
    if against.pattern and not against.telling.isdisjoint(words):
        text = against.pattern.sub(" ", text)
    match = phrases.pattern.search(text)
    return match.group(0) if match else None


@dataclass(frozen=True, slots=True)
class _Phrases:
    """What finds one of several phrases; of each phrase one word (its longest), without which it can't be there."""

    pattern: re.Pattern[str] | None
    telling: frozenset[str]


@cache
def _patterns() -> tuple[tuple[str, _Phrases, _Phrases, _Phrases], ...]:
    rows = []
    for term in needs().values():
        hints = [_plain(h) for h in term.hints]
        words = [_plain(w) for w in (term.label, *term.synonyms.get("en", ())) if _plain(w) not in VAGUE]
        in_title = hints + (words if term.hints else [])
        rows.append((term.code, _any(in_title), _any(hints), _any([_plain(n) for n in term.not_hints])))
    return tuple(rows)


def _any(phrases: list[str]) -> _Phrases:
    if not phrases:
        return _Phrases(None, frozenset())
    longest_first = sorted(set(phrases), key=lambda p: (-len(p), p))
    return _Phrases(re.compile(r"(?<!\w)(?:" + "|".join(re.escape(p) for p in longest_first) + r")(?!\w)"),
                    frozenset(max(_WORD.findall(p), key=len) for p in longest_first))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in folded if not unicodedata.combining(c)).replace("’", "'")
