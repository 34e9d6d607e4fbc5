"""Handoffs: an officer asks, a provider answers, both see it through.

Each function is one transaction's work. Locks are taken in one order: consent, handoff, capacity.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from referral_dir.desk import audit, budgets, consents, ending, grounds, notify
from referral_dir.desk.cases import (
    identifying_fields,
    need_of,
    open_meeting_point,
    own_case,
    purpose_of_reading,
    seal_meeting_point,
    summary,
)
from referral_dir.desk.grounds import Grounds
from referral_dir.domain import availability
from referral_dir.domain import handoff as rules
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NoCapacity, NotFound, WrongState
from referral_dir.domain.interpreting import choose_interpreters, is_safe
from referral_dir.domain.need import Need
from referral_dir.domain.reference import short
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffAction, HandoffState, Party, Priority, Reason
from referral_dir.store import candidates, case_queries, records, tenancy, threads
from referral_dir.store.cases import BreakGlass, Case, Consent, Handoff, HandoffEvent, Hold
from referral_dir.store.directory import Organization, Service, ServiceCapacity

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MAXIMUM_MEETING_POINT = 1000


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of an inbox or outbox."""

    handoff: Handoff
    service: str
    organization: str
    reference: str
    held_until: datetime | None


@dataclass(frozen=True, slots=True)
class View:
    """One handoff as one of its parties may see it now.

    `about` never identifies; `identifying` holds what an active consent names, for the recipient, under way;
    `vital` what it may see beyond that for an hour, as a life is at stake.
    """

    handoff: Handoff
    service: Service
    organization: str
    requester: str
    reference: str
    about: Mapping[str, Any]
    identifying: Mapping[str, str]
    vital: Mapping[str, str]
    consent: Consent | None
    break_glass: BreakGlass | None
    interpreter: Service | None
    interpreter_phones: Sequence[tuple[str, str | None]]
    meeting_point: str
    hold: Hold | None
    events: Sequence[HandoffEvent]
    actions: tuple[HandoffAction, ...]


def choose(session: "Session", actor: Actor, case_id: UUID, service_id: UUID, now: datetime) -> Handoff:
    """Keep which service is going to be asked, as a draft: it is gone on with later, or on another device.

    Nobody at the service learns of it. A request that is open there already is answered with itself.
    Raises NotFound, Invalid.
    """
    require(actor, "handoff:request")
    case, service = _askable(session, actor, case_id, service_id)
    return _opened(session, case, service) or _drafted(session, actor, case, service, now)


def request(session: "Session", actor: Actor, case_id: UUID, service_id: UUID, now: datetime, *,
            interpreter_service_id: UUID | None = None) -> Handoff:
    """Ask a service to take a case: consent is checked, a place is held where the service allows it.

    Where no consent stands, broken glass for this organization does for as long as it lasts. What was chosen before is
    the draft that is sent now.

    Raises NotFound, ConsentMissing, NoCapacity, WrongState (asked already), Invalid.
    """
    require(actor, "handoff:request")
    case, service = _askable(session, actor, case_id, service_id)
    standing = grounds.to_request(session, case.id, service.organization_id, now)
    handoff = _opened(session, case, service)
    if handoff is not None and handoff.state != HandoffState.DRAFT:
        raise WrongState(say("this service has been asked for this case already: see its handoff"))
    _check_interpreter(session, need_of(session, case), interpreter_service_id, now)
    handoff = handoff or _drafted(session, actor, case, service, now)
    priority = Priority(case.priority)
    ending.move(session, actor, handoff, HandoffAction.REQUEST, Party.REQUESTER, now, requested=now,
                answer_by=min(now + rules.ANSWER_WITHIN[priority], standing.until), consent_id=standing.consent_id,
                needs=asked_of(session, case, service.id), priority=priority, requested_by_id=actor.person_id,
                interpreter_service_id=interpreter_service_id)
    hold_places(session, handoff, service, case.household, now)
    notify.tell_organization(session, "handoff_waiting", handoff, service.organization_id, now)
    return handoff


def asked_of(session: "Session", case: Case, service_id: UUID) -> list[str]:
    """Which needs of the case the service is asked for: those that it says it meets, all where it says nothing.

    Another may be asked for the rest: only requests for the same need end when one of them is accepted.
    """
    need = need_of(session, case)
    offered = [row.needs for row in candidates.load_candidates(session, [service_id])]
    return [code for code in case.needs if any(need.needs[code] & each for each in offered)] or list(case.needs)


def takes_requests(session: "Session", service_id: UUID) -> bool:
    """Whether the service can be asked through the directory."""
    service = session.get(Service, service_id)
    return service is not None and service.accepts_handoffs


def _askable(session: "Session", actor: Actor, case_id: UUID, service_id: UUID) -> tuple[Case, Service]:
    """The case and the service, if it may be asked for it. Raises NotFound, Invalid."""
    case = own_case(session, actor, case_id)
    service = session.get(Service, service_id)
    if case.closed is not None or service is None or service.status != "active":
        raise NotFound(say("no such case or service"))
    if not service.accepts_handoffs:
        raise Invalid({"service": say("this service takes no requests through the directory: phone it")})
    need = need_of(session, case)
    if not all(is_safe(need, found) for found in candidates.load_candidates(session, [service.id])):
        raise NotFound(say("no such case or service"))
    return case, service


def _opened(session: "Session", case: Case, service: Service) -> Handoff | None:
    """What is open between the two, locked; a draft counts."""
    return next((h for h in case_queries.open_handoffs(session, case_id=case.id) if h.service_id == service.id), None)


def _drafted(session: "Session", actor: Actor, case: Case, service: Service, now: datetime) -> Handoff:
    handoff = Handoff(
        case_id=case.id, service_id=service.id, requester_organization_id=actor.organization_id,
        recipient_organization_id=service.organization_id, needs=asked_of(session, case, service.id),
        priority=Priority(case.priority),
        state=HandoffState.DRAFT, requested_by_id=actor.person_id, created=now)
    session.add(handoff)
    session.flush()
    audit.record(session, actor, "handoff:choose", now, subject=f"handoff:{handoff.id}", purpose="referral")
    return handoff


def accept(session: "Session", actor: Actor, handoff_id: UUID, now: datetime, *, meeting_point: str = "") -> Handoff:
    """The provider takes the case: the hold becomes occupancy, other requests for the same need end.

    Raises NotFound, ConsentMissing, WrongState, NoCapacity, Invalid.
    """
    handoff, case = received(session, actor, handoff_id)
    _check_length(meeting_point)
    grounds.require(session, handoff, now)
    # The others were sent to other organizations, which the actor may know nothing of.
    with tenancy.elevated(session, "accepted_elsewhere"):
        others = case_queries.open_handoffs(session, case_id=case.id)
    sealed = seal_meeting_point(session, case, handoff.id, meeting_point.strip())
    ending.move(session, actor, handoff, HandoffAction.ACCEPT, Party.RECIPIENT, now, answered=now,
                meeting_point=sealed)
    _occupy(session, handoff, case.household)
    with tenancy.elevated(session, "accepted_elsewhere"):
        for other in others:
            if other.id != handoff.id and set(other.needs) & set(handoff.needs) and \
                    HandoffState(other.state) not in rules.UNDER_WAY:
                ending.cancel(session, None, other, Reason.ACCEPTED_ELSEWHERE, Party.SYSTEM, now)
    notify.tell_requester(session, "handoff_answered", handoff, now)
    return handoff


def _check_length(meeting_point: str) -> None:
    if len(meeting_point) > MAXIMUM_MEETING_POINT:
        raise Invalid({"meeting_point": say("at most %(number)s characters", number=MAXIMUM_MEETING_POINT)})


def set_meeting_point(session: "Session", actor: Actor, handoff_id: UUID, text: str, now: datetime) -> bool:
    """The provider says where to meet after it has accepted, or says it anew; an empty text takes it away.

    On the same grounds as accepting; the officer is told that there is word, never where. Returns whether anything is
    different. Raises NotFound, ConsentMissing, WrongState, Invalid.
    """
    handoff, case = received(session, actor, handoff_id)
    _check_length(text)
    grounds.require(session, handoff, now)
    state = HandoffState(handoff.state)
    if state not in rules.UNDER_WAY:
        raise WrongState(say("where to meet can be said once it is accepted, until it ends"))
    if text.strip() == open_meeting_point(session, case, handoff):
        return False
    sealed = seal_meeting_point(session, case, handoff.id, text.strip())
    if not case_queries.move_handoff(session, handoff.id, state, state=state, meeting_point=sealed):
        raise WrongState(say("someone was first: reload to see what happened"))
    session.refresh(handoff)
    audit.record(session, actor, "handoff:meeting_point", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"said": sealed is not None})
    notify.tell_requester(session, "meeting_point", handoff, now)
    return True


def answer(session: "Session", actor: Actor, handoff_id: UUID, action: HandoffAction, now: datetime, *,
           reason: Reason | None = None, hold_until: datetime | None = None) -> Handoff:
    """The provider rejects, holds, starts (the person has arrived), completes or fails the handoff.

    What is on hold must be answered by `hold_until`, at the latest when its priority asks for it.
    """
    if action not in (HandoffAction.REJECT, HandoffAction.HOLD, HandoffAction.START, HandoffAction.COMPLETE,
                      HandoffAction.FAIL):
        raise Invalid({"action": say("not one of a provider's answers")})
    handoff, case = received(session, actor, handoff_id)
    # What began without consent can still be brought to its end: neither step shows anything.
    if action is HandoffAction.HOLD or (handoff.consent_id and action in (HandoffAction.START, HandoffAction.COMPLETE)):
        grounds.require(session, handoff, now)
    values: dict[str, Any] = {}
    if action is HandoffAction.HOLD:
        latest = now + rules.ANSWER_WITHIN[Priority(case.priority)]
        values["answer_by"] = min(latest, hold_until) if hold_until else latest
    if action in (HandoffAction.REJECT, HandoffAction.HOLD):
        values["answered"] = now
    ending.move(session, actor, handoff, action, Party.RECIPIENT, now, reason, **values)
    notify.tell_requester(session, "handoff_answered", handoff, now)
    return handoff


def cancel(session: "Session", actor: Actor, handoff_id: UUID, reason: Reason | None, now: datetime) -> Handoff:
    """Either party ends an open handoff. Raises NotFound, WrongState, Invalid."""
    require(actor, "handoff:cancel")
    party = Party.REQUESTER
    handoff = case_queries.handoff_of_requester(session, handoff_id, actor)
    if handoff is None:
        party = Party.RECIPIENT
        handoff = case_queries.handoff_of_recipient(session, handoff_id, actor)
    if handoff is None:
        raise NotFound(say("no such handoff"))
    if reason is None or reason in rules.AUTOMATIC:
        raise Invalid({"reason": say("choose a reason from the list")})
    _lock(session, handoff)
    ending.cancel(session, actor, handoff, reason, party, now)
    if party is Party.RECIPIENT:
        notify.tell_requester(session, "handoff_answered", handoff, now)
    return handoff


def incoming(session: "Session", actor: Actor) -> Sequence[Listed]:
    """What was sent to the actor's organization, soonest answer first."""
    require(actor, "handoff:receive")
    return _list(session, case_queries.handoffs_to(session, actor), other="requester")


def outgoing(session: "Session", actor: Actor) -> Sequence[Listed]:
    """What the actor's organization asked for, newest first."""
    require(actor, "handoff:read")
    return _list(session, case_queries.handoffs_from(session, actor), other="recipient")


def read_incoming(session: "Session", actor: Actor, handoff_id: UUID, now: datetime) -> View:
    """What the provider may see: before acceptance nothing that identifies; after it what the consent names.

    The grounds are checked in this very transaction, and each disclosure is written down in it.
    """
    handoff, case = received(session, actor, handoff_id, action="handoff:receive")
    budgets.spend(session, actor, "handoff:receive", now)
    threads.opened(session, handoff.id, now)
    found = grounds.of_handoff(session, handoff, now)
    if case_queries.handoff_of_recipient(session, handoff_id, actor) is None:
        raise NotFound(say("no such handoff"))  # they were named meanwhile as someone who must never see the case
    state = HandoffState(handoff.state)
    about: Mapping[str, Any] = {}
    actions: tuple[HandoffAction, ...] = ()
    shown = grounds.Shown({}, {})
    if state in rules.OPEN and found.any:
        about, actions = summary(case), rules.actions_for(state, Party.RECIPIENT)
        if state in rules.UNDER_WAY:
            shown = grounds.disclose(session, actor, handoff, found, identifying_fields(session, case), now)
    elif state in rules.UNDER_WAY and handoff.consent_id is None:
        actions = rules.actions_for(state, Party.RECIPIENT)
    audit.record(session, actor, "handoff:receive", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"fields": sorted({*shown.by_consent, *shown.vital})})
    return _view(session, handoff, case, about=about, shown=shown, found=found, actions=actions)


def read_outgoing(session: "Session", actor: Actor, handoff_id: UUID, now: datetime) -> View:
    """A handoff as the organization that asked for it sees it; the meeting point while it is under way.

    Raises NotFound, PurposeNeeded where a colleague asked for it, TooOften.
    """
    require(actor, "handoff:read")
    handoff = case_queries.handoff_of_requester(session, handoff_id, actor)
    if handoff is None:
        raise NotFound(say("no such handoff"))
    case = session.get_one(Case, handoff.case_id)
    purpose = purpose_of_reading(session, actor, case, now, asked_by=handoff.requested_by_id)
    budgets.spend(session, actor, "handoff:read", now)
    row = session.get(Consent, handoff.consent_id) if handoff.consent_id else None
    audit.record(session, actor, "handoff:read", now, subject=f"handoff:{handoff.id}", purpose=purpose)
    actions = rules.actions_for(HandoffState(handoff.state), Party.REQUESTER)
    return _view(session, handoff, case, about=summary(case), shown=grounds.Shown({}, {}), found=Grounds(row, None),
                 actions=actions)


def version(session: "Session", actor: Actor, handoff_id: UUID) -> str:
    """Says only whether anything changed since the last look: a page that is open asks every few seconds.

    It shows nothing of the handoff and is no look at it, so it is not audited. Raises NotFound.
    """
    require(actor, "handoff:read")
    handoff = case_queries.handoff_of_requester(session, handoff_id, actor)
    if handoff is None:
        raise NotFound(say("no such handoff"))
    steps = len(case_queries.handoff_events(session, handoff.id))
    said = threads.count_messages(session, [handoff.id]), [row.state for row in threads.times_of(session, [handoff.id])]
    text = f"{handoff.id} {handoff.state} {handoff.answer_by} {handoff.meeting_point!r} {steps} {said}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def expire_due(session: "Session", now: datetime) -> int:
    """What time ends: consents, holds and requests that nobody answered. Returns how many ended."""
    ended = consents.expire_due(session, now)
    for handoff_id in case_queries.unanswered_handoffs(session, now):
        handoff = case_queries.lock_handoff(session, handoff_id)
        if handoff is not None and handoff.state in (HandoffState.REQUESTED, HandoffState.ON_HOLD):
            ending.move(session, None, handoff, HandoffAction.EXPIRE, Party.SYSTEM, now, Reason.NO_RESPONSE)
            notify.tell_requester(session, "handoff_answered", handoff, now)
            ended += 1
    for hold in case_queries.holds_that_ran_out(session, now):
        if case_queries.move_hold(session, hold.id, "held", "released"):
            case_queries.return_places(session, hold.capacity_id, hold.quantity)
            handoff = session.get(Handoff, hold.handoff_id)
            if handoff is not None:
                records.service_changed(session, handoff.service_id)
            ended += 1
    return ended


def _check_interpreter(session: "Session", need: Need, interpreter_id: UUID | None, now: datetime) -> None:
    """An interpreter who is asked for must be safe and free now, and speak a language of the case."""
    if interpreter_id is None:
        return
    if not choose_interpreters(need, candidates.load_candidates(session, [interpreter_id]), now):
        raise Invalid({"interpreter": say(
            "this interpreter can't be had any more: look for another, or ask without one")})


def received(session: "Session", actor: Actor, handoff_id: UUID,
              action: str = "handoff:answer") -> tuple[Handoff, Case]:
    """The handoff, if it was sent to the actor's organization, and its case."""
    require(actor, action)
    handoff = case_queries.handoff_of_recipient(session, handoff_id, actor)
    if handoff is None:
        raise NotFound(say("no such handoff"))
    if action == "handoff:answer":
        _lock(session, handoff)
    case = session.get(Case, handoff.case_id)
    if case is None:  # erased a moment ago
        raise NotFound(say("no such handoff"))
    return handoff, case


def _lock(session: "Session", handoff: Handoff) -> None:
    if handoff.consent_id:
        case_queries.lock_consent(session, handoff.consent_id)
    case_queries.lock_handoff(session, handoff.id)


def _primary_capacity(session: "Session", service_id: UUID) -> tuple[ServiceCapacity, str] | None:
    """The capacity that a handoff takes from: beds where there are any, else the first by unit."""
    rows = case_queries.capacities_of(session, [service_id])
    beds = [pair for pair in rows if availability.unit_kind(pair[1]) == "bed"]
    return next(iter(beds or rows), None)


def hold_places(session: "Session", handoff: Handoff, service: Service, household: int, now: datetime) -> None:
    """Set places aside if the service allows it. A number that is known to be too small refuses the request."""
    found = _primary_capacity(session, service.id)
    if found is None:
        return
    row, unit = found
    capacity = availability.Capacity(unit, row.available, row.maximum, row.updated)
    if availability.state(capacity, household, now) is availability.CapacityState.FULL:
        raise NoCapacity(say("it filled up a moment ago: phone it, or choose another"))
    if not service.hold_minutes:
        return
    quantity = availability.places_needed(unit, household)
    if case_queries.take_places(session, row.id, quantity):
        until = now + timedelta(minutes=service.hold_minutes)
        session.add(Hold(handoff_id=handoff.id, capacity_id=row.id, quantity=quantity, state="held", until=until))
        records.service_changed(session, service.id)


def _occupy(session: "Session", handoff: Handoff, household: int) -> None:
    """Turn the hold into occupancy; without one, take the places now. Raises NoCapacity."""
    hold = case_queries.live_hold(session, handoff.id)
    if hold is not None and case_queries.move_hold(session, hold.id, "held", "occupied"):
        return
    found = _primary_capacity(session, handoff.service_id)
    if found is None:
        return
    row, unit = found
    quantity = availability.places_needed(unit, household)
    if not case_queries.take_places(session, row.id, quantity):
        raise NoCapacity(say("%(places)s needed and fewer are free: set your free places first if that is not right",
                             places=availability.count_text(quantity, unit)))
    session.add(Hold(handoff_id=handoff.id, capacity_id=row.id, quantity=quantity, state="occupied"))
    records.service_changed(session, handoff.service_id)


def _list(session: "Session", handoffs: Sequence[Handoff], *, other: str) -> list[Listed]:
    names = case_queries.handoff_names(session, handoffs)
    return [Listed(h, names.services[h.service_id],
                   names.organizations[h.requester_organization_id if other == "requester"
                                       else h.recipient_organization_id],
                   short(names.references[h.case_id]), names.holds.get(h.id)) for h in handoffs]


def _view(session: "Session", handoff: Handoff, case: Case, *, about: Mapping[str, Any],
          shown: grounds.Shown, found: Grounds, actions: tuple[HandoffAction, ...]) -> View:
    service = session.get_one(Service, handoff.service_id)
    meeting = open_meeting_point(session, case, handoff) if HandoffState(handoff.state) in rules.UNDER_WAY else ""
    interpreter = session.get(Service, handoff.interpreter_service_id) if handoff.interpreter_service_id else None
    return View(
        handoff, service, session.get_one(Organization, handoff.recipient_organization_id).name,
        session.get_one(Organization, handoff.requester_organization_id).name, short(case.reference), about,
        shown.by_consent, shown.vital, found.consent, found.break_glass, interpreter,
        _phones(session, interpreter), meeting, case_queries.live_hold(session, handoff.id),
        case_queries.handoff_events(session, handoff.id), actions)


def _phones(session: "Session", service: Service | None) -> Sequence[tuple[str, str | None]]:
    return candidates.phones_of(session, [service.id]).get(service.id, ()) if service else ()


def organization_names(session: "Session", ids: Sequence[UUID]) -> dict[UUID, str]:
    """What the organizations are called."""
    return {i: session.get_one(Organization, i).name for i in set(ids)}
