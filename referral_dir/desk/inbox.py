"""What came in for a provider, as a list to work through: what waits, who is coming, who is there, what is done.

A line says what is asked, never who it is about: needs, languages, group. They are shown on the same grounds as on the
request's own page, read in the same transaction.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir.desk import audit, grounds, threads
from referral_dir.desk.cases import summary
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import NotFound
from referral_dir.domain.handoff import ENDED
from referral_dir.domain.reference import short
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffState, Party, Priority
from referral_dir.store import case_queries
from referral_dir.store import threads as queries
from referral_dir.store.cases import Case, Handoff
from referral_dir.store.threads import HandoffTime

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

MOST_DONE: Final = 50
WAITING: Final = frozenset({HandoffState.REQUESTED, HandoffState.ON_HOLD})


@dataclass(frozen=True, slots=True)
class Line:
    """One request. `ends` is what comes first: the end of the hold, or when it must be answered."""

    handoff: Handoff
    service: str
    requester: str
    reference: str
    about: Mapping[str, Any]
    held_until: datetime | None
    ends: datetime | None
    # The other side spoke last.
    message: bool
    arrival: threads.Proposed | None
    proposed: bool


@dataclass(frozen=True, slots=True)
class Inbox:
    """The lines by what is to be done, most urgent first; `version` changes when any of it does."""

    waiting: Sequence[Line]
    coming: Sequence[Line]
    here: Sequence[Line]
    done: Sequence[Line]
    version: str


def read(session: "Session", actor: Actor, now: datetime) -> Inbox:
    """The whole inbox of the actor's organization. Audited once, as it shows needs."""
    require(actor, "handoff:receive")
    handoffs = case_queries.handoffs_to(session, actor)
    lines = _lines(session, handoffs, now)
    audit.record(session, actor, "handoff:list", now, purpose="referral", details={"shown": len(lines)})

    def group(*states: HandoffState) -> list[Line]:
        return [line for line in lines if line.handoff.state in states]

    waiting, coming = group(*WAITING), group(HandoffState.ACCEPTED)
    done = sorted(group(*ENDED), key=lambda line: line.handoff.ended or line.handoff.created, reverse=True)
    return Inbox(sorted(waiting, key=_urgency), sorted(coming, key=_arriving), group(HandoffState.IN_PROGRESS),
                 done[:MOST_DONE], _digest(session, handoffs))


def version(session: "Session", actor: Actor) -> str:
    """Changes when something in the inbox does, and says nothing of what. An open page asks for it: not audited."""
    require(actor, "handoff:receive")
    return _digest(session, case_queries.handoffs_to(session, actor))


def version_of(session: "Session", actor: Actor, handoff_id: UUID) -> str:
    """The same of one request, for the page that shows it. Raises NotFound."""
    require(actor, "handoff:receive")
    handoff = case_queries.handoff_of_recipient(session, handoff_id, actor)
    if handoff is None:
        raise NotFound(say("no such handoff"))
    return _digest(session, [handoff])


def _digest(session: "Session", handoffs: Sequence[Handoff]) -> str:
    ids = [handoff.id for handoff in handoffs if handoff.state not in ENDED]
    state = sorted((str(h.id), h.state, str(h.answer_by), repr(h.meeting_point)) for h in handoffs)
    times = [(str(row.id), row.state) for row in queries.times_of(session, ids)]
    text = repr((state, queries.count_messages(session, ids), times))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _lines(session: "Session", handoffs: Sequence[Handoff], now: datetime) -> list[Line]:
    names = case_queries.handoff_names(session, handoffs)
    open_ids = [h.id for h in handoffs if HandoffState(h.state) not in ENDED]
    about = _about(session, [h for h in handoffs if h.id in set(open_ids)], now)
    spoke, times = queries.last_parties(session, open_ids), _times(session, open_ids)
    return [_line(h, names, about.get(h.id, {}), spoke.get(h.id) == Party.REQUESTER, times.get(h.id, ()))
            for h in handoffs]


def _line(handoff: Handoff, names: case_queries.HandoffNames, about: Mapping[str, Any], message: bool,
          times: Sequence[HandoffTime]) -> Line:
    held = names.holds.get(handoff.id)
    waits = HandoffState(handoff.state) in WAITING
    ends = min(filter(None, (held, handoff.answer_by)), default=None) if waits else None
    return Line(handoff, names.services[handoff.service_id], names.organizations[handoff.requester_organization_id],
                short(names.references[handoff.case_id]), about, held if waits else None, ends, message,
                next((threads.proposed(row) for row in times if row.state == "accepted"), None),
                any(row.state == "proposed" for row in times))


def _times(session: "Session", ids: Sequence[UUID]) -> dict[UUID, list[HandoffTime]]:
    found: dict[UUID, list[HandoffTime]] = {}
    for row in queries.times_of(session, ids):
        found.setdefault(row.handoff_id, []).append(row)
    return found


def _about(session: "Session", handoffs: Sequence[Handoff], now: datetime) -> dict[UUID, Mapping[str, Any]]:
    """What is asked, of those for which a ground stands now."""
    shown = queries.consented(session, handoffs, now)
    found: dict[UUID, Mapping[str, Any]] = {}
    for handoff in handoffs:
        if handoff.id in shown or (handoff.consent_id is None and grounds.of_handoff(session, handoff, now).any):
            found[handoff.id] = summary(session.get_one(Case, handoff.case_id))
    return found


def _urgency(line: Line) -> tuple[Any, ...]:
    far = (1, line.handoff.created) if line.ends is None else (0, line.ends)
    return list(Priority).index(Priority(line.handoff.priority)), far


def _arriving(line: Line) -> tuple[Any, ...]:
    return (0, line.arrival.starts) if line.arrival else (1, line.handoff.answered or line.handoff.created)
