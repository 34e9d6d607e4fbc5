"""What every end of a handoff shares: the state moves, the places go back, unsent messages are cancelled."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from referral_dir.desk import audit, notify
from referral_dir.domain import handoff as rules
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import WrongState
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffAction, HandoffState, Party, Reason
from referral_dir.store import case_queries, records
from referral_dir.store.cases import Handoff, HandoffEvent

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def move(session: "Session", actor: Actor | None, handoff: Handoff, action: HandoffAction, party: Party,
         now: datetime, reason: Reason | None = None, **values: Any) -> HandoffState:
    """One step of the table, by an update that names the old state. Raises WrongState if someone was first."""
    before = HandoffState(handoff.state)
    after = rules.advance(before, action, party, reason)
    if reason is not None:
        values |= {"reason": reason, "reason_party": party}
    if after in rules.ENDED:
        values |= {"ended": now, "meeting_point": None}
    if not case_queries.move_handoff(session, handoff.id, before, state=after, **values):
        raise WrongState(say("someone was first: reload to see what happened"))
    session.refresh(handoff)
    session.add(HandoffEvent(handoff_id=handoff.id, at=now, by_id=actor.person_id if actor else None, party=party,
                             action=action, from_state=before, to_state=after, reason=reason))
    audit.record(session, actor, f"handoff:{action}", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"from": before, "to": after, **({"reason": reason} if reason else {})})
    if after in rules.ENDED and after is not HandoffState.COMPLETED:
        release(session, handoff)
        notify.cancel(session, handoff.id)
    return after


def cancel(session: "Session", actor: Actor | None, handoff: Handoff, reason: Reason, party: Party,
           now: datetime) -> None:
    """Cancel an open handoff. Who was already expecting the person is told that something has changed."""
    expected = HandoffState(handoff.state) in rules.UNDER_WAY
    move(session, actor, handoff, HandoffAction.CANCEL, party, now, reason)
    if expected and party is not Party.RECIPIENT:
        notify.tell_organization(session, "handoff_ended", handoff, handoff.recipient_organization_id, now)


def release(session: "Session", handoff: Handoff) -> None:
    """Give the places of this handoff back, once."""
    hold = case_queries.live_hold(session, handoff.id)
    if hold is not None and case_queries.move_hold(session, hold.id, hold.state, "released"):
        case_queries.return_places(session, hold.capacity_id, hold.quantity)
        records.service_changed(session, handoff.service_id)
