"""Agreed arrivals as a calendar file. A calendar is copied to clouds and shown on locked screens: it says when, and by
which reference, and nothing else: no need, no person, no service, no place."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from icalendar import Calendar, Event

from referral_dir.desk import audit, threads
from referral_dir.desk.translating import in_language
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import ConsentMissing, NotFound
from referral_dir.domain.handoff import UNDER_WAY
from referral_dir.domain.reference import short
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffState
from referral_dir.store import case_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

TAKES: Final = timedelta(minutes=30)


def of_handoff(session: "Session", actor: Actor, handoff_id: UUID, language: str, now: datetime) -> bytes:
    """The agreed arrival of one accepted handoff. Raises NotFound where there is none."""
    require(actor, "calendar:read")
    found = _event(session, actor, handoff_id, language, now)
    if found is None:
        raise NotFound(say("no time is agreed"))
    return _written(session, actor, [found], now, f"handoff:{handoff_id}")


def upcoming(session: "Session", actor: Actor, language: str, now: datetime) -> bytes:
    """All agreed arrivals of the actor's organization that are still to come."""
    require(actor, "calendar:read")
    mine = case_queries.handoffs_to if actor.role == "provider" else case_queries.handoffs_from
    events = [_event(session, actor, handoff.id, language, now) for handoff in mine(session, actor)
              if HandoffState(handoff.state) in UNDER_WAY]
    return _written(session, actor, [e for e in events if e is not None and e.end > now], now, None)


def _event(session: "Session", actor: Actor, handoff_id: UUID, language: str, now: datetime) -> Event | None:
    try:
        thread = threads.read(session, actor, handoff_id, now)
    except ConsentMissing:
        return None
    arrival = thread.arrival
    if arrival is None or not thread.open or thread.before_a_yes:
        return None
    event = Event.new(uid=str(arrival.id), stamp=now, start=arrival.starts.astimezone(now.tzinfo),
                      end=arrival.starts.astimezone(now.tzinfo) + TAKES,
                      summary=in_language(say("Arrival %(reference)s", reference=short(thread.reference)), language))
    event.add("class", "PRIVATE")
    return event


def _written(session: "Session", actor: Actor, events: Sequence[Event], now: datetime, subject: str | None) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//Referral directory//EN")
    calendar.add("version", "2.0")
    for event in events:
        calendar.add_component(event)
    audit.record(session, actor, "calendar:read", now, subject=subject, purpose="referral",
                 details={"events": len(events)})
    text: bytes = calendar.to_ical()
    return text
