"""The tree of needs (data/needs.json): codes, what they are called, and which one is met by which."""

import difflib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from referral_dir.domain.saying import say

DATA: Final = Path(__file__).resolve().parents[2] / "data"


class UnknownNeed(ValueError):
    """A code that the tree does not have; the message names the nearest ones."""


@dataclass(frozen=True, slots=True)
class NeedTerm:
    """One need. `labels` and `synonyms` are by language; `hints` are phrases that suggest it in a description."""

    code: str
    label: str
    description: str
    labels: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]]
    hints: tuple[str, ...]
    not_hints: tuple[str, ...]
    open_eligibility: tuple[int, ...]


@cache
def needs() -> Mapping[str, NeedTerm]:
    """All needs by code, parents before children."""
    read = json.loads((DATA / "needs.json").read_text(encoding="utf-8"))["needs"]
    return MappingProxyType({
        n["code"]: NeedTerm(
            n["code"], n["label"], n["description"], MappingProxyType(n["labels"]),
            MappingProxyType({language: tuple(words) for language, words in n["synonyms"].items()}),
            tuple(n["hints"]), tuple(n["not_hints"]), tuple(n["open_eligibility"]))
        for n in read})


@cache
def expand(code: str) -> frozenset[str]:
    """The code and all its children: a need for a parent is met by any of them. Raises UnknownNeed."""
    check_code(code)
    return frozenset(c for c in needs() if c == code or c.startswith(code + "."))


def meets(offered: Collection[str], asked: str) -> bool:
    """Whether one of the offered needs is the asked one or a child of it."""
    return not expand(asked).isdisjoint(offered)


def check_code(code: str) -> str:
    """The code itself. Raises UnknownNeed with the nearest codes."""
    if code in needs():
        return code
    near = difflib.get_close_matches(code[:60].casefold(), needs(), n=3, cutoff=0.4)
    if near:
        raise UnknownNeed(say("“%(code)s” is not a need: did you mean %(near)s?", code=code[:60],
                              near=", ".join(near)))
    raise UnknownNeed(say("“%(code)s” is not a need: the codes are: %(codes)s", code=code[:60],
                          codes=", ".join(needs())))


def label(code: str, language: str = "en") -> str:
    """What a person reads for the code."""
    term = needs().get(code)
    return code if term is None else term.labels.get(language, term.label)
