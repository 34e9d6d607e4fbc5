"""A provider's last tap on a request, taken back: a decline, or "has arrived"; for a short time, while nothing
followed.

An acceptance is never taken back like this: it has shown what the person agreed to. It can be ended, with a reason.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir.desk import audit, grounds, handoffs, notify
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import NoCapacity, WrongState
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffAction, HandoffState, Party
from referral_dir.store import case_queries, tenancy, threads
from referral_dir.store.cases import Case, Handoff, HandoffEvent
from referral_dir.store.directory import Service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

UNDO_FOR: Final = timedelta(minutes=10)
UNDONE: Final = "undo"
# What can be taken back -> what the handoff forgets with it.
_FORGETS: Final[dict[str, dict[str, Any]]] = {
    HandoffAction.REJECT: {"reason": None, "reason_party": None, "ended": None, "answered": None},
    HandoffAction.START: {}}


def until(session: "Session", handoff: Handoff, now: datetime) -> datetime | None:
    """Until when the last step can be taken back; None where it can't, or something has followed."""
    last = _last(session, handoff)
    if last is None or last.action not in _FORGETS or now >= last.at + UNDO_FOR:
        return None
    case = session.get(Case, handoff.case_id)
    if case is None or case.closed is not None or _followed(session, handoff, last):
        return None
    return last.at + UNDO_FOR


def _last(session: "Session", handoff: Handoff) -> HandoffEvent | None:
    """The step that brought it where it is: the newest one, and of several in one moment the one that ends here."""
    events = case_queries.handoff_events(session, handoff.id)
    newest = max((event.at for event in events), default=None)
    return next((event for event in events if event.at == newest and event.to_state == handoff.state), None)


def _followed(session: "Session", handoff: Handoff, last: HandoffEvent) -> bool:
    """Whether the officer chose another service or wrote since: what they did rests on the answer."""
    # Their other requests went to organizations that the actor may know nothing of.
    with tenancy.elevated(session, "undo"):
        others = case_queries.handoffs_of_case(session, handoff.case_id)
    wrote = any(message.at > last.at for message in threads.messages_of(session, handoff.id))
    return wrote or any(other.id != handoff.id and other.created > last.at for other in others)


def undo(session: "Session", actor: Actor, handoff_id: UUID, now: datetime) -> Handoff:
    """Take the last step back. Raises NotFound, ConsentMissing, WrongState where it is too late for that."""
    handoff, case = handoffs.received(session, actor, handoff_id)
    last = _last(session, handoff)
    if last is None or until(session, handoff, now) is None:
        raise WrongState(say("this can't be undone any more: something has followed, or it was too long ago"))
    if last.action == HandoffAction.REJECT or handoff.consent_id:
        grounds.require(session, handoff, now)
    before = HandoffState(last.from_state)
    if not case_queries.move_handoff(session, handoff.id, handoff.state, state=before, **_FORGETS[last.action]):
        raise WrongState(say("someone was first: reload to see what happened"))
    session.refresh(handoff)
    session.add(HandoffEvent(handoff_id=handoff.id, at=now, by_id=actor.person_id, party=Party.RECIPIENT,
                             action=UNDONE, from_state=last.to_state, to_state=before))
    audit.record(session, actor, "handoff:undo", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"from": last.to_state, "to": before})
    if last.action == HandoffAction.REJECT:
        _hold_again(session, handoff, case, now)
    notify.tell_requester(session, "handoff_answered", handoff, now)
    return handoff


def _hold_again(session: "Session", handoff: Handoff, case: Case, now: datetime) -> None:
    """Set the places aside anew where they are still free; without them it waits as any request does."""
    try:
        handoffs.hold_places(session, handoff, session.get_one(Service, handoff.service_id), case.household, now)
    except NoCapacity:
        return
