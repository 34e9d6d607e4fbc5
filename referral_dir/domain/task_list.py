"""From a chosen service to a sent request: which step comes next, and whose turn it is in a case.

Every step is a record on the server, so whoever opens the case, on whatever device, is told the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from referral_dir.domain.consent import Consent, is_active
from referral_dir.domain.handoff import UNDER_WAY
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import ConsentState, HandoffState, Priority, Reason


class Step(StrEnum):
    """What must be done next, before a request can be sent to the chosen service."""

    SHARE = "share"
    EXPLAIN = "explain"
    ANSWER = "answer"
    LATER = "later"
    CHECK = "check"


class Turn(StrEnum):
    """Who has to do something in a case."""

    OURS = "ours"
    THEIRS = "theirs"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Line:
    """One handoff of a case, as the list of cases needs it."""

    state: HandoffState
    reason: Reason | None
    answer_by: datetime | None
    created: datetime
    # The service asked or wrote something last.
    wrote: bool = False


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whose turn it is, what they have to do, and until when."""

    turn: Turn
    text: str
    until: datetime | None = None


ORDER: Final = (Turn.OURS, Turn.THEIRS, Turn.NOBODY)
STEPS: Final = {
    Step.SHARE: say("Say what may be shared"), Step.EXPLAIN: say("Explain it in their language"),
    Step.ANSWER: say("Record their answer"), Step.LATER: say("Their yes begins on a later day"),
    Step.CHECK: say("Check the answers and send the request"),
}


def next_step(newest: Consent | None, now: datetime, *, standing: bool) -> Step:
    """The step after which a request can be sent. `newest` is the newest record for the chosen service's organization;
    `standing`: an older record, or broken glass, lets it be asked now."""
    if standing:
        return Step.CHECK
    if newest is not None and newest.state is ConsentState.DRAFT:
        return Step.EXPLAIN
    if newest is not None and newest.state is ConsentState.EXPLAINED:
        return Step.ANSWER
    if newest is not None and newest.state is ConsentState.ACTIVE and now < newest.expires:
        return Step.CHECK if is_active(newest, now) else Step.LATER
    return Step.SHARE


def outlook(lines: Sequence[Line], step: Step | None) -> Outlook:
    """Whose turn it is in a case with these handoffs; `step` is that of a service that was chosen and not asked yet."""
    states = {line.state for line in lines}
    if any(line.wrote for line in lines):
        return Outlook(Turn.OURS, say("The service asks something: read and answer"),
                       min((line.answer_by for line in lines if line.wrote and line.answer_by), default=None))
    if HandoffState.ACCEPTED in states:
        return Outlook(Turn.OURS, say("Bring the person: they are expected"))
    if states & UNDER_WAY:
        return Outlook(Turn.NOBODY, say("The person has arrived"))
    waiting = [line.answer_by for line in lines if line.state in (HandoffState.REQUESTED, HandoffState.ON_HOLD)]
    if waiting:
        return Outlook(Turn.THEIRS, say("Waiting for the service's answer"), min(filter(None, waiting), default=None))
    if step is not None:
        return Outlook(Turn.OURS, STEPS[step])
    if HandoffState.COMPLETED in states:
        return Outlook(Turn.OURS, say("Done: close the case, or ask for more"))
    return Outlook(Turn.OURS, _after(max(lines, key=lambda line: line.created, default=None)))


def _after(last: Line | None) -> str:
    if last is None or last.reason is Reason.CHOSE_ANOTHER:
        return say("Choose a service")
    if last.state is HandoffState.REJECTED:
        return say("The service said no: ask the next one")
    if last.reason is Reason.NO_RESPONSE:
        return say("Nobody answered: ask the next one")
    return say("The request has ended: ask the next one")


def urgency(found: Outlook, priority: str, opened: datetime) -> tuple[int, int, datetime]:
    """The order of the list: our turn first, then by how soon an answer is needed, then by what ends first."""
    return ORDER.index(found.turn), list(Priority).index(Priority(priority)), found.until or opened
