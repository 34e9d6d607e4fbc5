"""What an answer says of a service in a few words: can it now, how far, who speaks, until when. Each is a tag; a page
has a hundred of them, so they are made here and not in templates."""

from typing import NamedTuple

from flask import Flask

from referral_dir.domain.availability import Capacity, CapacityState, age_text, count_text
from referral_dir.domain.interpreting import Via
from referral_dir.domain.matching import Match
from referral_dir.domain.need import Candidate, Need
from referral_dir.domain.opening import Opening, OpenState
from referral_dir.domain.saying import say
from referral_dir.web.auth import now
from referral_dir.web.page_words import name_of_language, opening_text


class Fact(NamedTuple):
    """The text of a tag, and its kind as `tag` in templates/components/pieces.html has it."""

    text: str
    kind: str = ""


def free(capacity: Capacity | None, state: CapacityState) -> Fact:
    """How much is free, since when."""
    if capacity is None or state is CapacityState.UNKNOWN:
        return Fact(say("Free places not known: ask"))
    age = age_text(capacity.updated, now())
    if state is CapacityState.FULL:
        return Fact(say("Full · %(age)s", age=age), "bad")
    count = count_text(capacity.available, capacity.unit)
    if state is CapacityState.AVAILABLE:
        return Fact(say("%(count)s free · %(age)s", count=count, age=age), "good")
    return Fact(say("%(count)s · %(age)s, unconfirmed", count=count, age=age), "warn")


def where(candidate: Candidate, distance_km: float | None) -> Fact | None:
    """Where it is, as far as it may be known."""
    if candidate.confidential:
        return Fact(say("Hidden address, zone %(zone)s", zone=candidate.zone))
    if distance_km is not None:
        return Fact(say("%(distance)s km", distance=f"{distance_km:g}"))
    if candidate.remote:
        return Fact(say("By phone or online"))
    return None if candidate.points else Fact(say("Place not known"))


def spoken(match: Match, need: Need) -> Fact | None:
    """Who speaks."""
    found = match.language
    if found.code and found.via is not Via.UNKNOWN:
        language = name_of_language(found.code)
        if found.via is Via.DIRECT:
            return Fact(say("Speaks %(language)s", language=language), "good")
        if found.interpreter is None:
            return Fact(say("%(language)s through its interpreters", language=language), "warn")
        return Fact(say("%(language)s through %(interpreter)s", language=language, interpreter=found.interpreter.name),
                    "warn")
    return Fact(say("Language: ask"), "warn") if need.languages else None


def hours(found: Opening) -> Fact:
    """Until when, or from when."""
    return Fact(opening_text(found), "good" if found.state is OpenState.OPEN else "")


def facts(match: Match, need: Need) -> list[Fact]:
    """All of them, what counts most at night first."""
    candidate = match.candidate
    every = (free(candidate.capacity, match.capacity_state), where(candidate, match.distance_km), spoken(match, need),
             hours(match.opening))
    return [fact for fact in every if fact is not None]


def install(app: Flask) -> None:
    """Make them known to the templates."""
    app.jinja_env.globals.update(facts=facts, free_fact=free, where_fact=where, spoken_fact=spoken, hours_fact=hours)
