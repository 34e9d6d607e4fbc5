"""What a person asks for in their own words: a few wishes, each for several needs of the tree."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from referral_dir.domain.needs import expand
from referral_dir.domain.saying import Said, say


class Wish(StrEnum):
    """The tiles of the public page, in their order."""

    ESCAPE = "escape"
    SLEEP = "sleep"
    DOCTOR = "doctor"
    LAWYER = "lawyer"
    FOOD = "food"
    SPEAK = "speak"
    TALK = "talk"


WORDS: Final[Mapping[Wish, Said]] = MappingProxyType({
    Wish.ESCAPE: say("To get out of danger now"), Wish.SLEEP: say("A safe place to sleep"),
    Wish.DOCTOR: say("A doctor"), Wish.LAWYER: say("A lawyer"), Wish.FOOD: say("Food or clothes"),
    Wish.SPEAK: say("Someone who speaks my language"), Wish.TALK: say("Someone to talk to"),
})
_NEEDS: Final[Mapping[Wish, tuple[str, ...]]] = MappingProxyType({
    Wish.ESCAPE: ("safety", "shelter.emergency", "shelter.safe_house"), Wish.SLEEP: ("shelter",),
    Wish.DOCTOR: ("medical",), Wish.LAWYER: ("legal",), Wish.FOOD: ("basic",), Wish.SPEAK: ("interpretation",),
    Wish.TALK: ("mental_health", "case_management"),
})
# Of what meets a wish, that which takes somebody in now; everything else can be arranged later.
_AT_ONCE: Final[Mapping[Wish, tuple[str, ...]]] = MappingProxyType({
    Wish.ESCAPE: ("shelter.emergency", "shelter.safe_house"), Wish.SLEEP: ("shelter.emergency", "shelter.safe_house"),
    Wish.DOCTOR: ("medical.emergency",), Wish.TALK: ("mental_health.crisis",)})


def at_once(wish: Wish) -> frozenset[str]:
    """The needs that stand first for the wish, because they are met now; none where all are alike."""
    return frozenset().union(*(expand(code) for code in _AT_ONCE.get(wish, ())))


def needs_of(wish: Wish) -> frozenset[str]:
    """The needs that meet the wish."""
    return frozenset().union(*(expand(code) for code in _NEEDS[wish]))
