"""Why a service was offered for a need or was not: for every criterion what was asked, what the service says, and
what it did to the rank."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from referral_dir.domain.interpreting import choose_interpreters
from referral_dir.domain.matching import UNKNOWN_COST, WEIGHTS, Match, judge, not_offered, parts
from referral_dir.domain.need import Candidate, Criterion, Need, Verdict


@dataclass(frozen=True, slots=True)
class Line:
    """One criterion: what was asked, what the service says, the verdict, and what it added to the score."""

    criterion: str
    asked: str
    says: str
    verdict: str
    points: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """`outcome` is one sentence; `lines` add up to the score (0 at least). `kept_out` names the hard rule, if one."""

    candidate: Candidate
    outcome: str
    kept_out: str | None
    score: float
    lines: tuple[Line, ...]


def explain(need: Need, candidate: Candidate, interpreters: Sequence[Candidate], now: datetime) -> Explanation:
    """Everything that was weighed, also for a service that is not shown."""
    match = judge(need, candidate, choose_interpreters(need, interpreters, now), now)
    kept_out = not_offered(need, candidate)
    points = parts(match.criteria, candidate.capacity, now)
    lines = [_line(need, candidate, criterion, points) for criterion in match.criteria]
    if not need.languages:
        lines.insert(2, Line("language", "any", _languages(candidate), "met", points["language"]))
    said = candidate.capacity.updated.isoformat(timespec="minutes") if candidate.capacity else "never"
    lines.append(Line("freshness", "said lately", f"said {said}", "", round(points["freshness"], 4)))
    return Explanation(candidate, _outcome(match, kept_out), kept_out, match.score, tuple(lines))


def _outcome(match: Match, kept_out: str | None) -> str:
    if kept_out is not None:
        return f"not offered: {kept_out}"
    if not match.unmet:
        return "a match"
    unmet = ", ".join(c.name for c in match.unmet)
    return f"a near miss: unmet {unmet}" if len(match.unmet) <= 2 else f"not offered: unmet {unmet}"


def _line(need: Need, candidate: Candidate, criterion: Criterion, points: Mapping[str, float]) -> Line:
    name = criterion.name
    added = points.get(name, 0.0) if name in WEIGHTS else 0.0
    if criterion.verdict is Verdict.UNKNOWN:
        added -= UNKNOWN_COST
    asked = _ASKED[name](need) if name in _ASKED else "said anyway"
    return Line(name, asked, criterion.detail, criterion.verdict, round(added, 4))


def _languages(candidate: Candidate) -> str:
    return ", ".join(sorted(candidate.languages)) or "not known"


_ASKED: Final[Mapping[str, Callable[[Need], str]]] = MappingProxyType({
    "needs": lambda need: ", ".join(need.needs),
    "distance": lambda need: f"within {need.radius_km:g} km of {need.place.name}",
    "language": lambda need: " or ".join(need.languages),
    "capacity": lambda need: f"room for {need.household}",
    "declined": lambda need: "not just declined for this case",
    "offered": lambda need: "offered today",
    "open": lambda need: "open now" if need.open_now else f"open by {need.open_by:%a %H:%M}",
    "age": lambda need: "-".join(str(age) for age in dict.fromkeys(need.ages or ())),
    "household": lambda need: f"{need.household} together" if need.household > 1 else "alone",
    "gender": lambda need: str(need.gender),
    "nationality": lambda need: str(need.nationality),
    "status": lambda need: str(need.status),
    "accessibility": lambda need: ", ".join(need.accessibility),
})
