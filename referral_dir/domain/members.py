"""Who belongs to a group that stays together: each by gender and by the youngest and the oldest that they may be.

A child among grown-ups decides where the group may go and who must agree for it, so it is never lost in "2 people".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from referral_dir.domain.saying import Said, say, say_list
from referral_dir.domain.vocabulary import Gender

ADULT: Final = 18
# What a grown-up without an age counts as, and who is not said to be one, beside somebody whose age is known.
GROWN_UP: Final = (ADULT, 110)
_WORDS: Final[Mapping[tuple[str | None, bool], Said]] = {
    (Gender.FEMALE, False): say("woman"), (Gender.MALE, False): say("man"), (None, False): say("adult"),
    (Gender.FEMALE, True): say("girl"), (Gender.MALE, True): say("boy"), (None, True): say("child")}


@dataclass(frozen=True, slots=True)
class Member:
    """One person of a group. Without ages: a grown-up, or nobody said."""

    gender: str | None = None
    youngest: int | None = None
    oldest: int | None = None

    @property
    def is_child(self) -> bool:
        """Whether they may be under age: who may be a child is treated as one."""
        return self.youngest is not None and self.youngest < ADULT


def read(rows: Iterable[Mapping[str, Any]]) -> tuple[Member, ...]:
    """As a case keeps them."""
    return tuple(Member(row.get("gender"), row.get("youngest"), row.get("oldest")) for row in rows)


def kept(members: Iterable[Member]) -> list[dict[str, Any]]:
    """For a case to keep."""
    return [{"gender": m.gender, "youngest": m.youngest, "oldest": m.oldest} for m in members]


def ages(members: Sequence[Member]) -> tuple[int, int] | None:
    """The youngest and the oldest of all, or None where no age was said."""
    if all(m.youngest is None for m in members):
        return None
    spans = [(m.youngest, m.oldest) if m.youngest is not None and m.oldest is not None else GROWN_UP for m in members]
    return min(low for low, _ in spans), max(high for _, high in spans)


def with_child(members: Iterable[Member]) -> bool:
    """Whether somebody of them is, or may be, under age."""
    return any(m.is_child for m in members)


def banded(members: Iterable[Member], bands: Iterable[tuple[int, int]]) -> list[Member]:
    """The same with each age widened to its band: what may be known before anybody has accepted."""
    spans = tuple(bands)
    return [m if m.youngest is None or m.oldest is None else Member(
        m.gender, *_widened(m.youngest, m.oldest, spans)) for m in members]


def _widened(youngest: int, oldest: int, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """From the beginning of the band of the youngest to the end of that of the oldest."""
    return (next((low for low, high in spans if youngest <= high), youngest),
            next((high for _, high in spans if oldest <= high), oldest))


def in_words(members: Sequence[Member]) -> Said:
    """ "2 × woman, girl of 6"."""
    counted = ((member, len(list(same))) for member, same in groupby(members))
    return say_list(say("%(number)s × %(who)s", number=number, who=_one(member)) if number > 1 else _one(member)
                    for member, number in counted)


def _one(member: Member) -> Said:
    if member == Member():
        return say("person")
    who = _WORDS.get((member.gender, member.is_child)) or _WORDS[None, member.is_child]
    if member.youngest is None or member.oldest is None or (member.youngest, member.oldest) == GROWN_UP:
        return who
    if member.youngest == member.oldest:
        return say("%(who)s of %(age)s", who=who, age=member.youngest)
    return say("%(who)s of %(youngest)s to %(oldest)s", who=who, youngest=member.youngest, oldest=member.oldest)
