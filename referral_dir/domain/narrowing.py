"""What an answer can be narrowed to, without asking anew: what is open, free, spoken, or done by phone."""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from referral_dir.domain.availability import CapacityState
from referral_dir.domain.interpreting import Via
from referral_dir.domain.matching import Match
from referral_dir.domain.opening import OpenState


class Only(StrEnum):
    """Show only what …"""

    OPEN = "open"
    FREE = "free"
    SPEAKS = "speaks"
    PHONE = "phone"


def passes(match: Match, only: Collection[Only]) -> bool:
    """Whether the match is all of these."""
    return all(_is(match, each) for each in only)


def counts(matches: Iterable[Match], only: Collection[Only]) -> Mapping[Only, int]:
    """For each way to narrow: how many would be left of what passes the others. `index/narrowing.py` tells the same
    where nothing is narrowed yet."""
    matches = tuple(matches)
    return {each: sum(passes(m, {*only, each}) for m in matches) for each in Only}


def _is(match: Match, only: Only) -> bool:
    match only:
        case Only.OPEN:
            return match.opening.state is OpenState.OPEN
        case Only.FREE:
            return match.capacity_state is CapacityState.AVAILABLE
        case Only.SPEAKS:
            return match.language.via is Via.DIRECT
        case Only.PHONE:
            return match.candidate.remote
