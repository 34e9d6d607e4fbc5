"""What the officer's and the provider's side of a handoff say to each other: questions, answers, times of arrival.

Until the provider has accepted, nothing in it may identify the person: what both sides may ask is a tap, and what is
typed is looked at before it is kept (domain/screening.py). It is sealed under the case's key and ends with the case;
for the provider it ends with the consent: whoever reads or writes asks for the grounds in the same transaction.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from referral_dir.desk import audit, budgets, cases, grounds, notify, roster
from referral_dir.domain import screening, talking
from referral_dir.domain.access import Actor, require
from referral_dir.domain.consent import IDENTIFYING_FIELDS
from referral_dir.domain.duty import Duty
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.handoff import ENDED
from referral_dir.domain.saying import say
from referral_dir.domain.talking import ANSWERS, BEFORE_A_YES, OTHER_TIME, QUESTIONS, TALKING
from referral_dir.domain.vocabulary import HandoffState, Party
from referral_dir.store import case_queries, crypto
from referral_dir.store import threads as queries
from referral_dir.store.cases import Case, Handoff
from referral_dir.store.directory import Service
from referral_dir.store.threads import HandoffMessage, HandoffTime

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Message:
    """One message, opened: a `question` by its code, what it `answers` by that code, or words.

    `text` is what to show; where it is no one's own words, it is said in the reader's language.
    """

    at: datetime
    party: Party
    mine: bool
    text: str = field(repr=False)
    question: str | None = None
    answers: str | None = None

    @property
    def in_words(self) -> bool:
        """Whether somebody typed it."""
        return self.question is None and self.answers is None


@dataclass(frozen=True, slots=True)
class Proposed:
    """One time of arrival, on the service's clock."""

    id: UUID
    at: datetime
    starts: datetime
    timezone: str
    state: str
    wish: str | None


@dataclass(frozen=True, slots=True)
class Thread:
    """All that was said and agreed about one handoff, as one side of it may read it now.

    `unanswered` are the codes of questions that this side was asked and has not answered yet.
    """

    handoff_id: UUID
    reference: str
    service: str
    party: Party
    messages: Sequence[Message]
    times: Sequence[Proposed]
    unanswered: Sequence[str]
    # The ready answers to each of these, as far as the person agreed that they are given.
    answers: Mapping[str, Mapping[str, str]]
    # What this side may ask by a tap.
    askable: Sequence[str]
    # Of the service's clock, on which times are proposed; and today there.
    zone_name: str
    today: str
    open: bool
    before_a_yes: bool
    duty: Duty | None

    @property
    def arrival(self) -> "Proposed | None":
        """The time on which both agreed."""
        return next((time for time in self.times if time.state == "accepted"), None)

    @property
    def our_turn(self) -> bool:
        """Whether the other side asked or wrote something last, or proposed a time to us."""
        proposed = self.party is Party.REQUESTER and any(time.state == "proposed" for time in self.times)
        return self.open and bool(self.unanswered or proposed or (self.messages and not self.messages[-1].mine
                                                                  and self.messages[-1].in_words))

    @property
    def asked_where(self) -> bool:
        """Whether the officer has asked where to meet."""
        return any(message.question == "meeting" for message in self.messages)

    @property
    def waiting(self) -> Sequence[Proposed]:
        """Times that wait for the officer's answer."""
        return [time for time in self.times if time.state == "proposed"]


def look(session: "Session", actor: Actor, handoff_id: UUID, now: datetime) -> Thread:
    """The thread on a page of its own: as sensitive as the handoff itself, and written down like it. Raises NotFound,
    ConsentMissing, PurposeNeeded where a colleague asked for the handoff, TooOften."""
    handoff, case, party = _as_party(session, actor, handoff_id, "thread:read")
    purpose = "referral" if party is Party.RECIPIENT else cases.purpose_of_reading(
        session, actor, case, now, asked_by=handoff.requested_by_id)
    budgets.spend(session, actor, "thread:read", now)
    audit.record(session, actor, "thread:read", now, subject=f"handoff:{handoff.id}", purpose=purpose)
    return read(session, actor, handoff_id, now)


def read(session: "Session", actor: Actor, handoff_id: UUID, now: datetime) -> Thread:
    """The thread of a handoff that the actor is a party to, beside the handoff itself, whose reading is written down
    already. Raises NotFound, ConsentMissing."""
    handoff, case, party = _as_party(session, actor, handoff_id, "thread:read")
    state = HandoffState(handoff.state)
    may_read = party is Party.REQUESTER or (state in TALKING and grounds.of_handoff(session, handoff, now).any)
    if party is Party.RECIPIENT:
        _as_party(session, actor, handoff_id, "thread:read")  # they may have been named meanwhile
    said = _opened(session, case, handoff, party) if may_read else []
    times = [proposed(row) for row in queries.times_of(session, [handoff.id])] if may_read else []
    service = session.get_one(Service, handoff.service_id)
    zone = zone_of(service)
    waiting = [code for code in _unanswered(said) if code != "meeting" or not handoff.meeting_point]
    return Thread(
        handoff.id, case.reference, service.name, party, said, times, waiting,
        {code: _answers(session, handoff, code, now) for code in waiting},
        _askable(party, state), zone.key,
        now.astimezone(zone).date().isoformat(), may_read and state in TALKING, state in BEFORE_A_YES,
        roster.seen_from_outside(session, handoff.recipient_organization_id, now)
        if party is Party.REQUESTER and state not in ENDED else None)


def ask(session: "Session", actor: Actor, handoff_id: UUID, code: str, now: datetime) -> None:
    """Ask by a tap. Raises NotFound, WrongState, ConsentMissing, Invalid."""
    handoff, case, party = _to_write(session, actor, handoff_id, now)
    if code not in _askable(party, HandoffState(handoff.state)):
        raise Invalid({"question": say("Choose a question from the list.")})
    _keep(session, actor, handoff, case, party, {"question": code}, now)


def answer(session: "Session", actor: Actor, handoff_id: UUID, code: str, value: str, now: datetime) -> None:
    """Answer a question that the other side asked. Raises NotFound, WrongState, ConsentMissing, Invalid."""
    handoff, case, party = _to_write(session, actor, handoff_id, now)
    if value not in _answers(session, handoff, code, now):
        raise Invalid({"answer": say("Choose an answer from the list.")})
    if code not in _unanswered(_opened(session, case, handoff, party)):
        raise WrongState(say("This has been answered meanwhile: read it again."))
    _keep(session, actor, handoff, case, party, {"answers": code, "value": value}, now)


def write(session: "Session", actor: Actor, handoff_id: UUID, text: str, now: datetime) -> None:
    """Write in words. Raises NotFound, WrongState, ConsentMissing, Invalid with why it can't be sent like this."""
    handoff, case, party = _to_write(session, actor, handoff_id, now)
    text = text.strip()
    if not text or len(text) > screening.LONGEST:
        raise Invalid({"text": say("Write from 1 to %(most)s characters.", most=screening.LONGEST)})
    problem = _refused(session, case, handoff, party, text, now)
    if problem is not None:
        raise Invalid({"text": problem})
    _keep(session, actor, handoff, case, party, {"text": text}, now)


def propose(session: "Session", actor: Actor, handoff_id: UUID, when: Sequence[tuple[str, str]],
            now: datetime) -> None:
    """The provider proposes up to three times, each a day and a time of day on the service's clock.

    What was proposed or agreed before is replaced. Raises NotFound, WrongState, ConsentMissing, Invalid.
    """
    require(actor, "time:propose")
    handoff, _, _ = _to_write(session, actor, handoff_id, now, only=Party.RECIPIENT)
    given = [(day, clock) for day, clock in when if day.strip() or clock.strip()][:talking.MOST_PROPOSED]
    if not given:
        raise Invalid({"day": say("Write a day and a time, like 2026-11-25 and 18:30.")})
    zone = zone_of(session.get_one(Service, handoff.service_id))
    moments = {talking.local_time(day, clock, zone, now) for day, clock in given}
    queries.move_times(session, handoff.id, ("proposed", "accepted"), state="replaced")
    session.add_all(HandoffTime(handoff_id=handoff.id, at=now, by_id=actor.person_id, starts=moment,
                                timezone=zone.key, state="proposed") for moment in sorted(moments))
    session.flush()
    audit.record(session, actor, "time:propose", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"times": len(moments)})
    notify.tell_requester(session, "time_proposed", handoff, now)


def accept_time(session: "Session", actor: Actor, handoff_id: UUID, time_id: UUID, now: datetime) -> None:
    """The officer takes one of the proposed times. Raises NotFound, WrongState, ConsentMissing."""
    require(actor, "time:decide")
    handoff, _, _ = _to_write(session, actor, handoff_id, now, only=Party.REQUESTER)
    chosen = next((row for row in queries.times_of(session, [handoff.id]) if row.id == time_id), None)
    if chosen is None:
        raise NotFound(say("no such time"))
    decided: dict[str, Any] = {"decided": now, "decided_by_id": actor.person_id}
    if chosen.starts <= now or not queries.move_times(session, handoff.id, ("proposed",), only=time_id,
                                                      state="accepted", **decided):
        raise WrongState(say("This time can't be taken any more: see what is proposed now."))
    queries.move_times(session, handoff.id, ("proposed",), state="declined", **decided)
    _decided(session, actor, handoff, "accepted", now)


def ask_another_time(session: "Session", actor: Actor, handoff_id: UUID, wish: str, now: datetime) -> None:
    """None of the proposed times suits, and why. Raises NotFound, WrongState, ConsentMissing, Invalid."""
    require(actor, "time:decide")
    handoff, _, _ = _to_write(session, actor, handoff_id, now, only=Party.REQUESTER)
    if wish not in OTHER_TIME:
        raise Invalid({"wish": say("Choose from the list.")})
    if not queries.move_times(session, handoff.id, ("proposed", "accepted"), state="declined", wish=wish, decided=now,
                              decided_by_id=actor.person_id):
        raise WrongState(say("No time is proposed now: see what happened meanwhile."))
    _decided(session, actor, handoff, "declined", now)


def zone_of(service: Service) -> ZoneInfo:
    """The service's own clock; UTC where it names none."""
    return _zone(service.timezone or "UTC")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def of_person(session: "Session", case: Case, handoff: Handoff, *, confidential: bool) -> dict[str, Any]:
    """For the person's own copy: what was said and agreed about them. What was written in words with a hidden
    service is left out, as it may say where that is."""
    said: list[dict[str, Any]] = []
    for message in _opened(session, case, handoff, Party.REQUESTER):
        text = message.text
        if confidential and message.in_words:
            text = say("(in words; not here, as it may say where a secret place is)")
        said.append({"when": message.at, "by": message.party, "text": text})
    times = [{"when": row.starts, "state": row.state} for row in queries.times_of(session, [handoff.id])]
    return {"messages": said, "arrival_times": times}


def _as_party(session: "Session", actor: Actor, handoff_id: UUID, action: str) -> tuple[Handoff, Case, Party]:
    """The handoff as the actor's side has it. A stranger's is not found."""
    require(actor, action)
    party, handoff = Party.REQUESTER, case_queries.handoff_of_requester(session, handoff_id, actor)
    if handoff is None or actor.role == "provider":
        party, handoff = Party.RECIPIENT, case_queries.handoff_of_recipient(session, handoff_id, actor)
    if handoff is None or (party is Party.RECIPIENT) != (actor.role == "provider"):
        raise NotFound(say("no such handoff"))
    case = session.get(Case, handoff.case_id)
    if case is None:
        raise NotFound(say("no such handoff"))
    return handoff, case, party


def _to_write(session: "Session", actor: Actor, handoff_id: UUID, now: datetime, *,
              only: Party | None = None) -> tuple[Handoff, Case, Party]:
    """The same, locked behind its consent, while it is open and a ground stands for it."""
    handoff, case, party = _as_party(session, actor, handoff_id, "thread:write")
    if only is not None and party is not only:
        raise NotFound(say("no such handoff"))
    if party is Party.REQUESTER:
        # Why a text is refused tells what it was compared with.
        cases.purpose_of_reading(session, actor, case, now, asked_by=handoff.requested_by_id)
    if handoff.consent_id:
        case_queries.lock_consent(session, handoff.consent_id)
    locked = case_queries.lock_handoff(session, handoff.id)
    if locked is None or HandoffState(locked.state) not in TALKING:
        raise WrongState(say("This has ended meanwhile: nothing more can be said about it."))
    grounds.require(session, locked, now)
    return locked, case, party


def _refused(session: "Session", case: Case, handoff: Handoff, party: Party, text: str, now: datetime) -> str | None:
    """Why the text may not be sent; None where it may.

    Only the officer's words are compared with what is sealed: to refuse a provider's guess would confirm it.
    """
    before = HandoffState(handoff.state) in BEFORE_A_YES
    if before:
        problem = screening.pattern_in(text, now.date())
        if problem is not None:
            return problem
    if party is Party.RECIPIENT:
        return None
    consent = grounds.of_handoff(session, handoff, now).consent
    shown = frozenset(consent.fields) if consent is not None and not before else frozenset()
    sealed = {name: value for name, value in cases.identifying_fields(session, case).items() if name not in shown}
    found = screening.value_in(text, sealed)
    if found is None:
        return None
    label = IDENTIFYING_FIELDS[found]
    if before:
        return say("Leave out “%(field)s”: the service sees it after it accepts, as the person agreed.", field=label)
    return say("Leave out “%(field)s”: the person did not agree that the service sees it.", field=label)


def _keep(session: "Session", actor: Actor, handoff: Handoff, case: Case, party: Party, content: Mapping[str, str],
          now: datetime) -> None:
    row_id = uuid4()
    sealed = crypto.seal(cases.case_key(session, case), json.dumps(content).encode(), row_id, "message")
    session.add(HandoffMessage(id=row_id, handoff_id=handoff.id, at=now, by_id=actor.person_id, party=party,
                               sealed=sealed))
    session.flush()
    audit.record(session, actor, "thread:write", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"as": party})
    if party is Party.RECIPIENT:
        notify.tell_requester(session, "question_waits", handoff, now)
    else:
        notify.tell_organization(session, "question_waits", handoff, handoff.recipient_organization_id, now)


def _decided(session: "Session", actor: Actor, handoff: Handoff, how: str, now: datetime) -> None:
    audit.record(session, actor, "time:decide", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"answer": how})
    notify.tell_organization(session, "time_answered", handoff, handoff.recipient_organization_id, now)


def _opened(session: "Session", case: Case, handoff: Handoff, reader: Party) -> list[Message]:
    """All messages, opened; none where the case's key is destroyed."""
    rows = [row for row in queries.messages_of(session, handoff.id) if row.sealed]
    if not rows:
        return []
    try:
        key = cases.case_key(session, case)
    except NotFound:
        return []
    return [_message(json.loads(crypto.unseal(key, row.sealed, row.id, "message")), row, reader) for row in rows]


def _message(content: Mapping[str, str], row: HandoffMessage, reader: Party) -> Message:
    party = Party(row.party)
    if "question" in content:
        code = content["question"]
        return Message(row.at, party, party is reader, QUESTIONS[code], question=code)
    if "answers" in content:
        code = content["answers"]
        text = say("%(question)s %(answer)s", question=QUESTIONS[code], answer=ANSWERS[code][content["value"]])
        return Message(row.at, party, party is reader, text, answers=code)
    return Message(row.at, party, party is reader, content["text"])


def _askable(party: Party, state: HandoffState) -> tuple[str, ...]:
    """What this side may ask by a tap now: where to meet is asked of who has said yes."""
    return () if party is Party.REQUESTER and state in BEFORE_A_YES else talking.ASKED_BY.get(party, ())


def _answers(session: "Session", handoff: Handoff, code: str, now: datetime) -> Mapping[str, str]:
    """The ready answers to a question, as far as the person agreed to share what they say."""
    found = grounds.of_handoff(session, handoff, now) if code in talking.SAYS_FIELD else None
    return talking.answers_to(code, agreed=found.consent.fields if found and found.consent and found.consented else ())


def _unanswered(said: Sequence[Message]) -> list[str]:
    """What the other side asked by a tap after our last answer to it, oldest first."""
    waiting: dict[str, None] = {}
    for message in said:
        if message.answers and message.mine:
            waiting.pop(message.answers, None)
        elif message.question and not message.mine:
            waiting[message.question] = None
    return list(waiting)


def proposed(row: HandoffTime) -> Proposed:
    """The time as it is said: on the service's clock."""
    zone = _zone(row.timezone)
    return Proposed(row.id, row.at, row.starts.astimezone(zone), zone.key, row.state, row.wish)
