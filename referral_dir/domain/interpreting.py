"""Speaking: the languages of a service, its own interpretation, or an interpreter who is free now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache, reduce

from referral_dir.domain import availability
from referral_dir.domain.availability import CapacityState
from referral_dir.domain.need import Candidate, Criterion, Need, Verdict
from referral_dir.domain.opening import OpenState, opening
from referral_dir.domain.reach import distance_km, is_avoided, is_everywhere
from referral_dir.domain.saying import Said, say, say_language, say_list
from referral_dir.domain.tongues import FIT, Fluency, fluency, speaks

INTERPRETED_FIT = 0.6
LANGUAGE_UNKNOWN_FIT = 0.3
WRITTEN = "interpretation.documents"


class Via(StrEnum):
    """How the person and the service can speak."""

    DIRECT = "direct"
    INTERPRETER = "interpreter"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class LanguageMatch:
    """How they can speak: in `code`, `via` whom."""

    code: str | None
    via: Via
    interpreter: Candidate | None = None


def interprets(need_code: str) -> bool:
    """Whether a service for this need lends its voice (a translator of documents does not)."""
    return need_code == "interpretation" or (need_code.startswith("interpretation.") and need_code != WRITTEN)


def choose_interpreters(need: Need, interpreters: Sequence[Candidate], now: datetime) -> dict[str, Candidate]:
    """For each asked language the interpretation service to use: open, with capacity, near enough or remote."""
    chosen: dict[str, Candidate] = {}
    for code in need.languages:
        fit = [(i, opening(i.schedules, i.timezone, now).state) for i in interpreters
               if speaks(i.languages, code) and can_interpret(need, i, now)]
        ready = [(i, state) for i, state in fit if state is not OpenState.CLOSED]
        if ready:
            chosen[code] = min(ready, key=lambda pair: _order(need, pair[0], pair[1], now))[0]
    return chosen


def can_interpret(need: Need, interpreter: Candidate, now: datetime) -> bool:
    """A confirmed, safe interpreter who is not full and can be there or on the phone.

    Only a person knows whether an interpreter may be lent out: a suggested need is not enough.
    """
    if interpreter.status != "active" or not any(interprets(code) for code in interpreter.confirmed_needs):
        return False
    if availability.ended(interpreter.offered_until, now) or not is_safe(need, interpreter):
        return False
    # An interpreter who has said no to this case for good, a conflict of interest say, is not brought back as a voice.
    declined = need.declined.get(interpreter.service_id)
    if declined is not None and declined.lasts:
        return False
    if availability.state(interpreter.capacity, 1, now) is CapacityState.FULL:
        return False
    distance = distance_km(need, interpreter)
    return is_everywhere(interpreter, need.place) or (distance is not None and distance <= need.radius_km)


def is_safe(need: Need, candidate: Candidate) -> bool:
    """The hard rules on whom and where the person must not meet."""
    if candidate.organization_id in need.excluded_organizations or is_avoided(need.excluded_areas, candidate):
        return False
    return not any(rule.criterion == "community" and rule.effect == "serves"
                   and rule.code in need.excluded_communities for rule in candidate.eligibility)


def _order(need: Need, interpreter: Candidate, state: OpenState, now: datetime) -> tuple[bool, bool, float, str]:
    confirmed = availability.state(interpreter.capacity, 1, now) is CapacityState.AVAILABLE
    distance = 0.0 if is_everywhere(interpreter, need.place) else (distance_km(need, interpreter) or 0.0)
    return (state is not OpenState.OPEN, not confirmed, distance, str(interpreter.service_id))


def language_criterion(need: Need, candidate: Candidate,
                       interpreters: Mapping[str, Candidate]) -> tuple[LanguageMatch, Criterion]:
    """The best way to speak, and its verdict: directly, in a near language, through an interpreter, or unknown."""
    def answer(match: LanguageMatch, verdict: Verdict, detail: str, fit: float) -> tuple[LanguageMatch, Criterion]:
        return match, Criterion("language", verdict, detail, fit)

    found = _spoken(need.languages, candidate.languages)
    if Fluency.DIRECT in found:
        asked, _ = found[Fluency.DIRECT]
        return answer(LanguageMatch(asked, Via.DIRECT), Verdict.MET, say("Speaks %(language)s", language=_named(asked)),
                      FIT[Fluency.DIRECT])
    if Fluency.SAME in found:
        asked, own = found[Fluency.SAME]
        return answer(LanguageMatch(own, Via.DIRECT), Verdict.MET,
                      say("Speaks %(own)s, which speakers of %(asked)s understand", own=_named(own),
                          asked=_named(asked)), FIT[Fluency.SAME])
    if candidate.own_interpretation:
        return answer(LanguageMatch(need.languages[0] if need.languages else None, Via.INTERPRETER), Verdict.MET,
                      say("Has interpretation: %(how)s", how=candidate.own_interpretation), INTERPRETED_FIT)
    for code in need.languages:
        interpreter = interpreters.get(code)
        if interpreter and interpreter.service_id != candidate.service_id:
            return answer(LanguageMatch(code, Via.INTERPRETER, interpreter), Verdict.MET,
                          say("%(language)s through %(interpreter)s", language=_named(code),
                                                       interpreter=interpreter.name), INTERPRETED_FIT)
    if Fluency.ASK in found:
        asked, own = found[Fluency.ASK]
        return answer(LanguageMatch(own, Via.UNKNOWN), Verdict.UNKNOWN,
                      say("Speaks %(own)s: ask whether the person, who speaks %(asked)s, understands it",
                          own=_named(own), asked=_named(asked)), FIT[Fluency.ASK])
    wanted = either(need.languages)
    if not candidate.languages:
        return answer(LanguageMatch(None, Via.UNKNOWN), Verdict.UNKNOWN,
                      say("Ask whether they speak %(language)s", language=wanted), LANGUAGE_UNKNOWN_FIT)
    known = say_list(_named(code) for code in sorted(candidate.languages))
    return answer(LanguageMatch(None, Via.UNKNOWN), Verdict.UNMET,
                  say("%(language)s is not among its languages (%(known)s) and no interpreter was found",
                      language=wanted, known=known), 0.0)


def _named(code: str) -> Said:
    """The code for programs, the language's name for people."""
    return say_language(code, code)


def either(codes: Sequence[str]) -> str:
    """These languages with "or" between them."""
    return reduce(lambda some, code: say("%(some)s or %(other)s", some=some, other=_named(code)), codes[1:],
                  _named(codes[0])) if codes else ""


@lru_cache(maxsize=4096)
def _spoken(languages: tuple[str, ...], offered: frozenset[str]) -> Mapping[Fluency, tuple[str, str]]:
    """Per level the first asked language that is answered so, and the offered one that does."""
    found: dict[Fluency, tuple[str, str]] = {}
    for asked in languages:
        for own in sorted(offered):
            found.setdefault(fluency(own, asked), (asked, own))
    return found
