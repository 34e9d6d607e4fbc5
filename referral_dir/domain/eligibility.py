"""Who: age, household, and the coded rules of whom a service takes."""

import math

from referral_dir.domain.need import Candidate, Criterion, Need, Verdict


def eligibility(need: Need, candidate: Candidate) -> list[Criterion]:
    """A criterion for everything that was asked of the person and that the service speaks of."""
    found = [_age(need, candidate), _household(need, candidate)]
    asked = (("gender", need.gender), ("nationality", need.nationality), ("status", need.status))
    found += [_coded(candidate, criterion, code) for criterion, code in asked if code]
    found += [_accessible(candidate, code) for code in need.accessibility]
    known = [criterion for criterion in found if criterion is not None]
    if candidate.eligibility_text and not candidate.eligibility and not known:
        known.append(Criterion("eligibility", Verdict.UNKNOWN, f"Says: {candidate.eligibility_text[:120]}"))
    return known


def _age(need: Need, candidate: Candidate) -> Criterion | None:
    """The person's age is a range, a single year or a band: one that lies partly outside is to be asked."""
    if need.ages is None or (candidate.minimum_age is None and candidate.maximum_age is None):
        return None
    low, high = candidate.minimum_age or 0, candidate.maximum_age if candidate.maximum_age is not None else math.inf
    youngest, oldest = need.ages
    span = f"{low:g} and older" if math.isinf(high) else f"{low:g} to {high:g}"
    asked = f"{youngest}" if youngest == oldest else f"{youngest} to {oldest}"
    # Whole years: someone of 17 is under a maximum of 17 until the next birthday.
    inside = low <= youngest and oldest < high + 1
    outside = oldest < low or youngest >= high + 1
    verdict = Verdict.MET if inside else Verdict.UNMET if outside else Verdict.UNKNOWN
    return Criterion("age", verdict, f"For ages {span}; asked {asked}")


def _household(need: Need, candidate: Candidate) -> Criterion | None:
    if candidate.maximum_household is None or need.household <= 1:
        return None
    fits = need.household <= candidate.maximum_household
    return Criterion("household", Verdict.MET if fits else Verdict.UNMET,
                     f"Takes households of up to {candidate.maximum_household}; asked {need.household}")


def _coded(candidate: Candidate, criterion: str, code: str) -> Criterion | None:
    """A service that lists whom it serves serves only those; one that lists whom it excludes, everyone else."""
    rules = [r for r in candidate.eligibility if r.criterion == criterion]
    if not rules or code == "unknown":
        return None
    excluded = any(r.code == code for r in rules if r.effect == "excludes")
    served = [r.code for r in rules if r.effect == "serves"]
    if excluded or (served and code not in served):
        who = f"serves {', '.join(sorted(served))}" if served else f"does not take {code}"
        return Criterion(criterion, Verdict.UNMET, f"{criterion.capitalize()}: {who}; asked {code}")
    return Criterion(criterion, Verdict.MET, f"{criterion.capitalize()}: takes {code}")


def _accessible(candidate: Candidate, code: str) -> Criterion:
    rules = {r.effect for r in candidate.eligibility if r.criterion == "accessibility" and r.code == code}
    if "excludes" in rules:
        return Criterion("accessibility", Verdict.UNMET, f"Not accessible: {code}")
    if "serves" in rules:
        return Criterion("accessibility", Verdict.MET, f"Accessible: {code}")
    return Criterion("accessibility", Verdict.UNKNOWN, f"Ask about access: {code}")
