"""Search by words: the TextIndex protocol, what it answers, and the chooser."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

from referral_dir.index.documents import QueryWord, named_needs
from referral_dir.index.words import GRAM, STEM, cluster_spans, fold, tokens, word_forms
from referral_dir.store.feed import Position, TextRow

EXCERPT: Final = 240
_CONTEXT: Final = 60

Segments = tuple[tuple[str, bool], ...]


class IndexDamaged(Exception):
    """The stored index can't be read. It has been given up: catch up from the store and ask again."""


@dataclass(frozen=True, slots=True)
class TextQuery:
    """What a person typed, never query syntax. `only` keeps to these services; `public_only` leaves confidential
    ones out of hits, counts, suggestions and order. `limit` hits after `offset` are given with their texts."""

    text: str
    public_only: bool = False
    only: Collection[UUID] | None = None
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class TextHit:
    """A found service. What is stored of it is read when it is asked for: of many hits only a page is shown."""

    service_id: UUID
    score: float
    words: tuple[QueryWord, ...]
    stored: Callable[[], Mapping[str, Any]] = field(repr=False, compare=False)

    @property
    def highlighted(self) -> Mapping[str, Segments]:
        """Name, organization and an excerpt of the description as (text, is a hit) segments, still to be escaped."""
        forms = frozenset().union(*(word.forms for word in self.words))
        prefix = next((word.prefix for word in self.words if word.prefix), None)
        marked = {name: highlight(text, forms, prefix) for name, text in self.stored()["texts"].items()}
        return {name: excerpt(segments) if name == "description" else segments
                for name, segments in marked.items()}

    @property
    def needs(self) -> tuple[str, ...]:
        """The needs of the service that the words name."""
        return named_needs(self.words, self.stored()["needs"])


@dataclass(frozen=True, slots=True)
class TextHits:
    """The hits asked for, and how many services were found.

    `every_word` is False where nothing held every word and services with some of them are given instead.
    `cut` is True where the text was longer than what is searched for.
    """

    hits: tuple[TextHit, ...] = ()
    total: int = 0
    did_you_mean: str | None = None
    every_word: bool = True
    cut: bool = False
    find_ids: Callable[[], tuple[UUID, ...]] = field(default=tuple, repr=False, compare=False)

    @property
    def ids(self) -> tuple[UUID, ...]:
        """All ids in their order: for filters and facets, which need the store's rows."""
        return self.find_ids()


class TextIndex(Protocol):
    """Full text of active services; can be thrown away and rebuilt from the store at any time."""

    def position(self) -> Position | None:
        """Where in the change log the index stands; None before it was built."""

    def reopen(self) -> None:
        """See what another process wrote meanwhile."""

    def apply(self, upserts: Iterable[TextRow], deletions: Collection[UUID], position: Position, *,
              seen: Position | None, whole: bool) -> bool:
        """Take in what changed from `seen` to `position`, or with `whole` replace everything.

        Nothing happens if another thread or process was first, and the rows no longer follow on what is indexed.
        False: another process has been writing for so long that there is no sense in waiting.
        """

    def search(self, query: TextQuery) -> TextHits:
        """The services that the words name, best first. Raises IndexDamaged."""

    def suggest(self, prefix: str, *, public_only: bool, limit: int = 8) -> list[str]:
        """Words of the directory that begin like this, the most frequent first."""

    def near(self, word: str, *, public_only: bool, limit: int = 10) -> list[str]:
        """Words of the directory that may have been meant by one that is in none of its services, nearest first."""


def open_text_index(instance: Path, kind: str) -> TextIndex:
    """The text index of this kind, kept under the instance folder. Raises ValueError for a kind that is unknown
    or not installed."""
    if kind == "whoosh":
        from referral_dir.index.whoosh_text import WhooshTextIndex

        return WhooshTextIndex(instance / "text-index")
    if kind == "tantivy":
        try:
            from referral_dir.index.tantivy_text import TantivyTextIndex
        except ModuleNotFoundError as error:
            if error.name != "tantivy":
                raise
            raise ValueError("the text index 'tantivy' must be installed: pip install referral-dir[large]") from None
        return TantivyTextIndex(instance / "text-index")
    raise ValueError(f"there is no text index of the kind {kind!r}: choose 'whoosh' or 'tantivy'")


def count_facets(values: Iterable[Mapping[str, Collection[str]]]) -> dict[str, list[tuple[str, int]]]:
    """Per facet its values with the number of services that have them, the most frequent first.

    `values` holds for each found service its values by facet, from the store's rows as they are now.
    """
    counts: dict[str, Counter[str]] = {}
    for service in values:
        for facet, own in service.items():
            counts.setdefault(facet, Counter()).update(set(own))
    return {facet: sorted(counter.items(), key=lambda item: (-item[1], item[0]))
            for facet, counter in counts.items()}


def highlight(text: str, forms: Collection[str], prefix: str | None = None) -> Segments:
    """The text in segments, those marked that hold one of `forms` or begin with the folded `prefix`."""
    segments: list[tuple[str, bool]] = []
    at = 0
    for start, end in _hits(text, forms, prefix):
        if start > at:
            segments.append((text[at:start], False))
        segments.append((text[start:end], True))
        at = end
    if at < len(text):
        segments.append((text[at:], False))
    return tuple(segments)


def excerpt(segments: Segments) -> Segments:
    """At most about EXCERPT characters around the first hit; what is left out shows as "…"."""
    text = "".join(part for part, _ in segments)
    if len(text) <= EXCERPT:
        return segments
    lengths = [len(part) for part, _ in segments]
    first = next((sum(lengths[:n]) for n, (_, hit) in enumerate(segments) if hit), 0)
    start = _word_start(text, max(0, min(first - _CONTEXT, len(text) - EXCERPT)))
    end = min(len(text), start + EXCERPT)
    cut: list[tuple[str, bool]] = [("…", False)] if start else []
    at = 0
    for part, hit in segments:
        piece = part[max(0, start - at):max(0, end - at)]
        if piece:
            cut.append((piece, hit))
        at += len(part)
    return tuple([*cut, ("…", False)] if end < len(text) else cut)


def _word_start(text: str, at: int) -> int:
    space = re.compile(r"\s").search(text, at, at + 30) if at else None
    return space.end() if space else at


def _hits(text: str, forms: Collection[str], prefix: str | None) -> Iterable[tuple[int, int]]:
    for token in tokens(text):
        if not token.unspaced:
            own = word_forms(token.text)
            if not own.isdisjoint(forms) or (prefix and any(f.startswith(prefix) for f in own if f[0] != STEM)):
                yield token.start, token.end
            continue
        yield from _gram_hits(token.start, token.text, forms)


def _gram_hits(start: int, run: str, forms: Collection[str]) -> Iterable[tuple[int, int]]:
    """Stretches of an unspaced run whose neighbouring letters were asked for, each stretch once."""
    letters = cluster_spans(run)
    single = len(letters) == 1
    pairs = [(a, b) for (a, _), (_, b) in (zip(letters, letters, strict=True) if single else pairwise(letters))]
    begin = end = -1
    for a, b in pairs:
        if GRAM + fold(run[a:b]) not in forms:
            continue
        if a > end and end >= 0:
            yield start + begin, start + end
        begin = a if a > end or end < 0 else begin
        end = b
    if end >= 0:
        yield start + begin, start + end
