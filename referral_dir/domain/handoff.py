"""The transition table of a handoff: who may move what to where, and why they must say."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from referral_dir.domain.errors import Forbidden, Invalid, WrongState
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffAction as Act
from referral_dir.domain.vocabulary import HandoffState as State
from referral_dir.domain.vocabulary import Party, Priority, Reason

_REQUESTER = frozenset({Party.REQUESTER})
_RECIPIENT = frozenset({Party.RECIPIENT})
_ANYONE = frozenset({Party.REQUESTER, Party.RECIPIENT, Party.PERSON, Party.SYSTEM})
_SYSTEM = frozenset({Party.SYSTEM})

TRANSITIONS: Final[Mapping[tuple[State, Act], tuple[State, frozenset[Party]]]] = MappingProxyType({
    (State.DRAFT, Act.REQUEST): (State.REQUESTED, _REQUESTER),
    (State.DRAFT, Act.CANCEL): (State.CANCELLED, _REQUESTER | {Party.PERSON, Party.SYSTEM}),
    (State.REQUESTED, Act.ACCEPT): (State.ACCEPTED, _RECIPIENT),
    (State.REQUESTED, Act.REJECT): (State.REJECTED, _RECIPIENT),
    (State.REQUESTED, Act.HOLD): (State.ON_HOLD, _RECIPIENT),
    (State.REQUESTED, Act.CANCEL): (State.CANCELLED, _ANYONE),
    (State.REQUESTED, Act.EXPIRE): (State.CANCELLED, _SYSTEM),
    (State.ON_HOLD, Act.ACCEPT): (State.ACCEPTED, _RECIPIENT),
    (State.ON_HOLD, Act.REJECT): (State.REJECTED, _RECIPIENT),
    (State.ON_HOLD, Act.CANCEL): (State.CANCELLED, _ANYONE),
    (State.ON_HOLD, Act.EXPIRE): (State.CANCELLED, _SYSTEM),
    (State.ACCEPTED, Act.START): (State.IN_PROGRESS, _RECIPIENT),
    (State.ACCEPTED, Act.FAIL): (State.FAILED, _RECIPIENT),
    (State.ACCEPTED, Act.CANCEL): (State.CANCELLED, _ANYONE),
    (State.IN_PROGRESS, Act.COMPLETE): (State.COMPLETED, _RECIPIENT),
    (State.IN_PROGRESS, Act.FAIL): (State.FAILED, _RECIPIENT),
    (State.IN_PROGRESS, Act.CANCEL): (State.CANCELLED, _ANYONE),
})
ENDED: Final = frozenset({State.REJECTED, State.COMPLETED, State.FAILED, State.CANCELLED})
OPEN: Final = frozenset(State) - ENDED
# While these last, a provider sees what an active consent names, and a requester sees the meeting point.
UNDER_WAY: Final = frozenset({State.ACCEPTED, State.IN_PROGRESS})

REASONS: Final[Mapping[Act, frozenset[Reason]]] = MappingProxyType({
    Act.REJECT: frozenset({
        Reason.FULL, Reason.NOT_ELIGIBLE, Reason.LANGUAGE, Reason.UNSAFE_HERE, Reason.NEED_NOT_MET,
        Reason.CONFLICT_OF_INTEREST, Reason.OTHER,
    }),
    Act.HOLD: frozenset({Reason.WAITING_FOR_PLACE, Reason.MORE_INFORMATION, Reason.OTHER}),
    Act.FAIL: frozenset({Reason.DID_NOT_ARRIVE, Reason.NOT_ELIGIBLE, Reason.UNSAFE_HERE, Reason.NEED_NOT_MET,
                         Reason.OTHER}),
    Act.CANCEL: frozenset({
        Reason.NO_LONGER_NEEDED, Reason.CHOSE_ANOTHER, Reason.UNSAFE_HERE, Reason.CONSENT_WITHDRAWN,
        Reason.CONSENT_EXPIRED, Reason.ACCEPTED_ELSEWHERE, Reason.FULL, Reason.CONFLICT_OF_INTEREST, Reason.OTHER,
    }),
    Act.EXPIRE: frozenset({Reason.NO_RESPONSE, Reason.CONSENT_EXPIRED}),
})
# Only a rule or the person gives these; nobody picks them from a list.
AUTOMATIC: Final = frozenset({Reason.CONSENT_WITHDRAWN, Reason.CONSENT_EXPIRED, Reason.ACCEPTED_ELSEWHERE,
                              Reason.NO_RESPONSE})

ANSWER_WITHIN: Final[Mapping[Priority, timedelta]] = MappingProxyType({
    Priority.IMMEDIATE: timedelta(hours=2),
    Priority.EMERGENCY: timedelta(hours=24),
    Priority.URGENT: timedelta(hours=72),
    Priority.NORMAL: timedelta(days=14),
})

# What somebody needs before the night is over, by the beginning of its code.
TONIGHT: Final = ("shelter", "medical.emergency", "mental_health.crisis", "interpretation")


def usual_priority(needs: Iterable[str]) -> Priority:
    """How soon an answer is needed where nobody has said it: a bed, a doctor, a crisis and a voice can't wait."""
    return Priority.IMMEDIATE if any(code.startswith(TONIGHT) for code in needs) else Priority.URGENT


def advance(state: State, action: Act, party: Party, reason: Reason | None = None) -> State:
    """The state after `action` by `party`.

    Raises WrongState when the action does not start from this state, Forbidden when it is not this party's,
    Invalid when a reason is missing, superfluous or not one of the action's.
    """
    if (state, action) not in TRANSITIONS:
        raise WrongState(say("a handoff that is %(state)s cannot %(action)s: reload to see what happened meanwhile",
                             state=state, action=action))
    target, parties = TRANSITIONS[state, action]
    if party not in parties:
        raise Forbidden(say("%(action)s is not the %(party)s's to do", action=action, party=party))
    _check_reason(action, reason)
    return target


def _check_reason(action: Act, reason: Reason | None) -> None:
    choices = REASONS.get(action)
    if choices is None and reason is not None:
        raise Invalid({"reason": say("%(action)s takes no reason", action=action)})
    if choices is not None and reason not in choices:
        raise Invalid({"reason": say("choose one of: %(choices)s", choices=", ".join(sorted(choices)))})


def choices(action: Act) -> tuple[Reason, ...]:
    """The reasons that a person may pick for this action, in the order of the vocabulary."""
    return tuple(r for r in Reason if r in REASONS.get(action, frozenset()) - AUTOMATIC)


def actions_for(state: State, party: Party) -> tuple[Act, ...]:
    """What this party can do now."""
    return tuple(act for (at, act), (_, parties) in TRANSITIONS.items() if at is state and party in parties)
