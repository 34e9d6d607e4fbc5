"""What is indexed of a service, and what is asked of a query: forms with weights, the same for any text index."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from functools import cache
from typing import Final

from referral_dir.domain.needs import needs
from referral_dir.index.words import FILLERS, GRAM, STEM, Token, fold, grams, surfaces, text_forms, tokens, word_forms
from referral_dir.store.feed import TextRow

# How much a form counts by where it stands; a form that stands in several places counts a little more.
NAME: Final = 4.0
ORGANIZATION: Final = 2.5
ALTERNATE_NAME: Final = 3.0
CONFIRMED_NEED: Final = 2.0
SUGGESTED_NEED: Final = 1.2
PLACE: Final = 1.5
# A description begins with what a service is; further on stands what it knows of, asks for or works with.
BEGINNING: Final = 1.5
DESCRIPTION: Final = 0.8
ALSO: Final = 0.25
# How much a match counts by how near it is to what was typed.
EXACT: Final = 1.0
STEMMED: Final = 0.8
BEGUN: Final = 0.6

# About two sentences.
BEGINNING_CHARACTERS: Final = 200
MAXIMUM_CHARACTERS: Final = 2000
MAXIMUM_WORDS: Final = 32
# Two letters begin too many words to be a wish.
SHORTEST_PREFIX: Final = 3


@dataclass(frozen=True, slots=True)
class QueryWord:
    """One asked word: the forms that answer it with how well they do, and the folded beginning of a word that may
    still be going on."""

    typed: Token
    forms: Mapping[str, float]
    prefix: str | None = None


def document_forms(row: TextRow) -> dict[str, float]:
    """Every form of a service with its weight."""
    sources = [
        (NAME + 1 / (1 + len(row.name.split())), text_forms(row.name)),
        (ALTERNATE_NAME, text_forms(row.alternate_name)),
        (ORGANIZATION, text_forms(row.organization)),
        (BEGINNING, text_forms(_beginning(row.description))),
        (DESCRIPTION, text_forms(row.description)),
        *((PLACE, text_forms(place)) for place in row.places),
        *((CONFIRMED_NEED, need_forms(code)) for code in row.confirmed_needs),
        *((SUGGESTED_NEED, need_forms(code)) for code in row.suggested_needs),
    ]
    weights: dict[str, float] = {}
    for weight, forms in sources:
        for form in forms:
            had = weights.get(form, 0.0)
            # Spelled out: an import of a hundred thousand services comes by here some thirty million times.
            weights[form] = had + ALSO * weight if had > weight else weight + ALSO * had
    return weights


def _beginning(description: str) -> str:
    """Its first whole words."""
    return description if len(description) <= BEGINNING_CHARACTERS else \
        description[:BEGINNING_CHARACTERS].rpartition(" ")[0]


def document_words(row: TextRow) -> set[tuple[str, str]]:
    """The readable words of a service's own texts, folded and as written."""
    texts = (row.name, row.alternate_name, row.organization, row.description, *row.places)
    return set().union(*(surfaces(text) for text in texts))


def digest(row: TextRow) -> str:
    """Changes when anything that is indexed of the service does."""
    service_id, hidden, *texts, confirmed, suggested, places = astuple(row)
    plain = [str(service_id), hidden, *texts, sorted(confirmed), sorted(suggested), places]
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


@cache
def need_forms(code: str) -> frozenset[str]:
    """The forms of a need's labels and synonyms in all languages, and of those above it in the tree."""
    return frozenset().union(*(text_forms(text) for text in _need_texts(code)))


@cache
def needs_digest() -> str:
    """Changes when the tree's words do: then every service must be indexed anew."""
    words = {code: sorted(_need_texts(code)) for code in needs()}
    return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()


def named_needs(words: Iterable[QueryWord], codes: Iterable[str]) -> tuple[str, ...]:
    """Those of the codes that one of the words names."""
    asked = frozenset().union(*(word.forms for word in words))
    return tuple(sorted(code for code in codes if not asked.isdisjoint(need_forms(code))))


def query_words(text: str) -> tuple[list[QueryWord], bool]:
    """The words to search for, each once, and whether the text held more than is searched for.

    Words that only hold a sentence together are left out unless there are no others.
    """
    cut = len(text) > MAXIMUM_CHARACTERS
    text = text[:MAXIMUM_CHARACTERS]
    typed = list(tokens(text))
    telling = [token for token in typed if fold(token.text) not in FILLERS] or typed
    words: dict[frozenset[str], QueryWord] = {}
    for token in telling:
        for word in _words(token, unfinished=token is typed[-1] and token.end == len(text)):
            words.setdefault(frozenset(word.forms), word)
    kept = list(words.values())
    return kept[:MAXIMUM_WORDS], cut or len(kept) > MAXIMUM_WORDS


def _words(token: Token, *, unfinished: bool) -> list[QueryWord]:
    if token.unspaced:
        return [QueryWord(token, {gram: EXACT}) for gram in grams(token.text)]
    folded = fold(token.text)
    forms = {form: STEMMED if form[0] == STEM else EXACT for form in word_forms(token.text)}
    if not forms:
        return []
    return [QueryWord(token, forms, folded if unfinished and len(folded) >= SHORTEST_PREFIX else None)]


@cache
def tree_words() -> frozenset[tuple[str, str]]:
    """The readable words of all needs' labels and synonyms, folded and as written."""
    return frozenset().union(*(surfaces(text) for code in needs() for text in _need_texts(code)))


def _need_texts(code: str) -> frozenset[str]:
    """Labels and synonyms of the code and of its parents. A code that the tree no longer has says nothing."""
    parts = code.split(".")
    lineage = [needs().get(".".join(parts[:n])) for n in range(1, len(parts) + 1)]
    return frozenset(
        text for term in lineage if term is not None
        for text in (term.label, *term.labels.values(), *(s for group in term.synonyms.values() for s in group)))


def is_readable(form: str) -> bool:
    """Whether a form is a word, not a stem or an n-gram."""
    return form[0] not in (STEM, GRAM)
