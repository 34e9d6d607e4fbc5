"""Which languages answer for which: tags of one language, standards of one another, and those worth asking about."""

import json
from enum import IntEnum
from functools import cache
from typing import Final

from referral_dir.domain.needs import DATA


class Fluency(IntEnum):
    """How well an offered language answers an asked one."""

    NONE = 0
    ASK = 1
    SAME = 2
    DIRECT = 3


def speaks(offered_codes: frozenset[str], asked: str) -> bool:
    """Whether a BCP 47 tag is offered: exactly, or one of the two is the other's broader tag (`ar`, `ar-JO`)."""
    return any(_is_tag_of(code, asked) for code in offered_codes)


@cache
def fluency(offered: str, asked: str) -> Fluency:
    """How the offered tag answers the asked one, by data/languages.json."""
    if _is_tag_of(offered, asked):
        return Fluency.DIRECT
    pair = asked.partition("-")[0], offered.partition("-")[0]
    same, related = near_pairs()
    if pair in same:
        return Fluency.SAME
    return Fluency.ASK if pair in related else Fluency.NONE


Pairs = frozenset[tuple[str, str]]


@cache
def near_pairs() -> tuple[Pairs, Pairs]:
    """Pairs of languages (asked, offered): those that stand for one another, and those worth asking about."""
    read = json.loads((DATA / "languages.json").read_text(encoding="utf-8"))
    same = {(a, b) for a, b in read["same"]} | {(b, a) for a, b in read["same"]}
    return frozenset(same), frozenset((a, b) for a, b in read["related"])


def _is_tag_of(code: str, asked: str) -> bool:
    return code == asked or asked.startswith(code + "-") or code.startswith(asked + "-")


FIT: Final = {Fluency.DIRECT: 1.0, Fluency.SAME: 0.9, Fluency.ASK: 0.4, Fluency.NONE: 0.0}
