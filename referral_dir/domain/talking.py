"""What the two sides of a handoff ask each other with one tap, each answer with one more: nothing to type, nothing to
translate, nothing that identifies."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffState, Party

_YES_NO: Final = MappingProxyType({"yes": say("Yes"), "no": say("No"), "unknown": say("We don't know yet")})
QUESTIONS: Final[Mapping[str, str]] = MappingProxyType({
    "people": say("How many people are they?"),
    "children": say("Are children with them?"),
    "stairs": say("Can they climb stairs?"),
    "medication": say("Do they need medicine within a day?"),
    "arrival": say("When could they be here?"),
    "interpreter": say("Do you have an interpreter for them?"),
    "meeting": say("Where do we meet?"),
})
# What each side may ask by a tap.
ASKED_BY: Final[Mapping[Party, tuple[str, ...]]] = MappingProxyType({
    Party.RECIPIENT: ("people", "children", "stairs", "medication", "arrival", "interpreter"),
    Party.REQUESTER: ("meeting",)})
# An answer that says something of the person: only as far as they agreed, and not before a yes unless they did.
SAYS_FIELD: Final[Mapping[str, str]] = MappingProxyType({"medication": "health"})
NOT_YET: Final = "after"

ANSWERS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({
    "people": MappingProxyType({
        "1": say("One"), "2": say("Two"), "3": say("Three"), "4": say("Four"), "5": say("Five or more"),
        "unknown": say("We don't know yet")}),
    "children": MappingProxyType({
        "no": say("No"), "small": say("Yes, small ones"), "older": say("Yes, older ones"),
        "both": say("Yes, small and older ones"), "unknown": say("We don't know yet")}),
    "stairs": _YES_NO, "interpreter": _YES_NO,
    "medication": MappingProxyType({**_YES_NO, NOT_YET: say("We tell you after you accept, and if the person agrees")}),
    "meeting": MappingProxyType({"unknown": say("We write it here soon"), "call": say("Ring us: we tell you")}),
    "arrival": MappingProxyType({
        "hour": say("Within an hour"), "three": say("Within three hours"), "today": say("Later today"),
        "tomorrow": say("Tomorrow"), "unknown": say("We don't know yet")}),
})
# Why a proposed time does not suit.
OTHER_TIME: Final[Mapping[str, str]] = MappingProxyType({
    "earlier": say("Earlier, please"), "later": say("Later, please"), "other_day": say("Another day, please"),
})
TIME_STATES: Final[Mapping[str, str]] = MappingProxyType({
    "proposed": say("proposed"), "accepted": say("agreed"), "declined": say("not chosen"), "replaced": say("replaced"),
})
# A provider puts a request on hold for so long; at most until it must be answered anyway.
HOLD_FOR: Final[Mapping[str, timedelta]] = MappingProxyType({
    "1": timedelta(hours=1), "3": timedelta(hours=3), "12": timedelta(hours=12), "24": timedelta(hours=24),
})
MOST_PROPOSED: Final = 3
FURTHEST: Final = timedelta(days=60)
TALKING: Final = frozenset({HandoffState.REQUESTED, HandoffState.ON_HOLD, HandoffState.ACCEPTED,
                            HandoffState.IN_PROGRESS})
BEFORE_A_YES: Final = frozenset({HandoffState.REQUESTED, HandoffState.ON_HOLD})


def answers_to(code: str, *, agreed: Collection[str]) -> Mapping[str, str]:
    """The ready answers to a question: where one would say what the person did not agree to share, only that."""
    field, found = SAYS_FIELD.get(code), ANSWERS.get(code, {})
    if field is None:
        return found
    return {value: text for value, text in found.items() if (value == NOT_YET) != (field in agreed)}


def other(party: Party) -> Party:
    """The other side."""
    return Party.RECIPIENT if party is Party.REQUESTER else Party.REQUESTER


def local_time(day: str, clock: str, zone: ZoneInfo, now: datetime) -> datetime:
    """A date and a time of day on the service's own clock. Raises Invalid where that moment is none, or no use.

    Of an hour that comes twice, as clocks go back, the first one is meant: nobody waits in vain.
    """
    try:
        naive = datetime.fromisoformat(f"{day.strip()}T{clock.strip()}").replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        raise Invalid({"day": say("Write a day and a time, like 2026-11-25 and 18:30.")}) from None
    moment = naive.replace(tzinfo=zone)
    if moment.astimezone(ZoneInfo("UTC")).astimezone(zone).replace(tzinfo=None) != naive:
        raise Invalid({"clock": say("The clocks go forward then: there is no such time on that day.")})
    if not now < moment <= now + FURTHEST:
        raise Invalid({"day": say("Choose a time from now on, within two months.")})
    return moment
