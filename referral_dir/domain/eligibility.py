"""Who: age, household, and the coded rules of whom a service takes."""

import math
from collections.abc import Mapping
from typing import Final

from referral_dir.domain.need import Candidate, Criterion, Need, Verdict
from referral_dir.domain.saying import Said, say, say_list

# Who comes together, as a rule of a service names it.
HOUSEHOLDS: Final = ("family", "alone")
# At least as old as anybody: a range up to it has no end.
OLDEST: Final = 110
# What people read for the codes that programs read; a code of a source's own stays as it is.
_WORDS: Final[Mapping[str, Said]] = {
    "female": say("women and girls"), "male": say("men and boys"), "trans": say("trans people"),
    "non_binary": say("non-binary people"), "wheelchair": say("by wheelchair"), "step_free": say("without steps"),
    "hearing": say("for deaf people"), "sight": say("for blind people"), "Gender": say("For whom"),
    "Household": say("Who comes"), "family": say("families"), "alone": say("people alone"),
    "Nationality": say("Nationality"), "Status": say("Residence status"), "Community": say("Community"),
}


def eligibility(need: Need, candidate: Candidate) -> list[Criterion]:
    """A criterion for everything that was asked of the person and that the service speaks of."""
    found = [_age(need, candidate), _household(need, candidate)]
    asked = (("household", household(need)), ("gender", need.gender), ("nationality", need.nationality),
             ("status", need.status))
    found += [_coded(candidate, criterion, code) for criterion, code in asked if code]
    found += [_accessible(candidate, code) for code in need.accessibility]
    known = [criterion for criterion in found if criterion is not None]
    if candidate.eligibility_text and not candidate.eligibility and not known:
        known.append(Criterion("eligibility", Verdict.UNKNOWN,
                               say("Says: %(text)s", text=candidate.eligibility_text[:120])))
    return known


def _age(need: Need, candidate: Candidate) -> Criterion | None:
    """The person's age is a range, a single year or a band: one that lies partly outside is to be asked."""
    if need.ages is None or (candidate.minimum_age is None and candidate.maximum_age is None):
        return None
    low, high = candidate.minimum_age or 0, candidate.maximum_age if candidate.maximum_age is not None else math.inf
    youngest, oldest = need.ages
    span, asked = _years(low, high), f"{youngest}" if youngest == oldest else _years(youngest, oldest)
    # Whole years: someone of 17 is under a maximum of 17 until the next birthday.
    inside = low <= youngest and oldest < high + 1
    outside = oldest < low or youngest >= high + 1
    verdict = Verdict.MET if inside else Verdict.UNMET if outside else Verdict.UNKNOWN
    return Criterion("age", verdict, say("For ages %(span)s; asked %(asked)s", span=span, asked=asked))


def household(need: Need) -> str:
    """The code of who comes together, for services that take families only, or people alone only."""
    return "family" if need.household > 1 else "alone"


def _household(need: Need, candidate: Candidate) -> Criterion | None:
    if candidate.maximum_household is None or need.household <= 1:
        return None
    fits = need.household <= candidate.maximum_household
    return Criterion("household", Verdict.MET if fits else Verdict.UNMET,
                     say("Takes households of up to %(most)s; asked %(asked)s", most=candidate.maximum_household,
                         asked=need.household))


def _coded(candidate: Candidate, criterion: str, code: str) -> Criterion | None:
    """A service that lists whom it serves serves only those; one that lists whom it excludes, everyone else."""
    rules = [r for r in candidate.eligibility if r.criterion == criterion]
    if not rules or code == "unknown":
        return None
    excluded = any(r.code == code for r in rules if r.effect == "excludes")
    served = [r.code for r in rules if r.effect == "serves"]
    if excluded or (served and code not in served):
        said = say("%(criterion)s: serves %(served)s; asked %(asked)s", criterion=_word(criterion.capitalize()),
                   served=say_list(_word(each) for each in sorted(served)), asked=_word(code)) if served else \
            say("%(criterion)s: does not take %(code)s; asked %(asked)s", criterion=_word(criterion.capitalize()),
                code=_word(code), asked=_word(code))
        return Criterion(criterion, Verdict.UNMET, said)
    return Criterion(criterion, Verdict.MET, say("%(criterion)s: takes %(code)s",
                                                 criterion=_word(criterion.capitalize()), code=_word(code)))


def _accessible(candidate: Candidate, code: str) -> Criterion:
    rules = {r.effect for r in candidate.eligibility if r.criterion == "accessibility" and r.code == code}
    if "excludes" in rules:
        return Criterion("accessibility", Verdict.UNMET, say("Not accessible: %(how)s", how=_word(code)))
    if "serves" in rules:
        return Criterion("accessibility", Verdict.MET, say("Accessible: %(how)s", how=_word(code)))
    return Criterion("accessibility", Verdict.UNKNOWN, say("Ask about access: %(how)s", how=_word(code)))


def _years(youngest: float, oldest: float) -> Said:
    if oldest >= OLDEST:
        return say("%(age)s and older", age=f"{youngest:g}")
    return say("%(youngest)s to %(oldest)s", youngest=f"{youngest:g}", oldest=f"{oldest:g}")


def _word(code: str) -> str:
    """The code for programs, words for people."""
    words = _WORDS.get(code)
    return code if words is None else Said(code, words.kind, words.source)
