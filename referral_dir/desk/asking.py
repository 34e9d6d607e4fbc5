"""Before and after a request: what exactly would leave, whom to ask next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from referral_dir.desk import cases, consents, find, handoffs, interpreters
from referral_dir.desk.cases import CaseFile
from referral_dir.desk.find import Indexes, ServiceView
from referral_dir.domain.access import Actor, require
from referral_dir.domain.consent import PURPOSE_REFERRAL, is_active
from referral_dir.domain.consent_record import Terms
from referral_dir.domain.errors import TooOften
from referral_dir.domain.handoff import ANSWER_WITHIN
from referral_dir.domain.matching import Match
from referral_dir.domain.need import Candidate
from referral_dir.domain.vocabulary import HandoffState, Priority
from referral_dir.store import break_glass_queries, candidates, case_queries
from referral_dir.store.cases import BreakGlass, Case, Consent, Handoff

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

NEXT = 3


@dataclass(frozen=True, slots=True)
class Check:
    """All that would leave with a request, and to whom: nothing more is shown to anybody.

    `before` is seen at once and identifies nobody; `after` is what they agreed to, seen once it has accepted. A field
    that was agreed and is not written down is there, empty. No ground: it can't be sent yet.
    """

    file: CaseFile
    view: ServiceView
    before: Mapping[str, Any]
    after: Mapping[str, str]
    consent: Consent | None
    vital: BreakGlass | None
    answer_within: timedelta
    interpreter: Candidate | None
    also_asked: Sequence[str]
    sent: Handoff | None

    @property
    def ready(self) -> bool:
        """Whether anything stands on which it can be sent."""
        return self.consent is not None or self.vital is not None


def prepare(session: "Session", actor: Actor, case_id: UUID, service_id: UUID, terms: Terms,
            written: Mapping[str, str], now: datetime) -> Consent:
    """Draft what would be shared with the service's organization. What was written down on the spot is kept with the
    case, and is among it; the service is kept as chosen, where it takes requests. Raises NotFound, Invalid."""
    row = consents.draft(session, actor, case_id, service_id,
                         replace(terms, fields={*terms.fields, *written}), now)
    if written:
        cases.set_identifying(session, actor, case_id, written, now)
    if handoffs.takes_requests(session, service_id):
        handoffs.choose(session, actor, case_id, service_id, now)
    return row


def check(session: "Session", indexes: Indexes, actor: Actor, case_id: UUID, service_id: UUID, now: datetime) -> Check:
    """What a request would show, read as it will be read when it is sent. Raises NotFound, PurposeNeeded, TooOften."""
    require(actor, "handoff:check")
    file = cases.read_case(session, actor, case_id, now)
    view = find.read_service(session, actor, service_id, now)
    to = view.service.organization_id
    standing = next((k for k in file.consents if k.recipient_organization_id == to and k.purpose == PURPOSE_REFERRAL
                     and is_active(case_queries.as_consent(k), now)), None)
    vital = None if standing else break_glass_queries.lock_active(session, case_id, to, now)
    agreed = standing.fields if standing else vital.fields if vital else []
    open_now = [h for h in file.handoffs if h.ended is None]
    names = case_queries.handoff_names(session, open_now)
    sent = [h for h in open_now if h.state != HandoffState.DRAFT]
    asked = set(handoffs.asked_of(session, file.case, service_id))
    return Check(
        file, view, cases.summary(file.case), {field: file.identifying.get(field, "") for field in agreed},
        standing, vital, ANSWER_WITHIN[Priority(file.case.priority)],
        interpreters.interpreter_for(session, indexes, cases.need_of(session, file.case), service_id, now),
        [names.services[h.service_id] for h in sent if h.service_id != service_id and set(h.needs) & asked],
        next((h for h in sent if h.service_id == service_id), None))


def next_services(session: "Session", indexes: Indexes, actor: Actor, case: Case, now: datetime) -> tuple[Match, ...]:
    """Whom to ask next, best first: who said no, and who is being asked already, is left out."""
    if case.closed is not None:
        return ()
    need = cases.need_of(session, case)
    try:
        with session.begin_nested():
            found = find.match_services(session, indexes, actor, need, now).matches
    except TooOften:
        return ()
    asked = {h.service_id for h in case_queries.handoffs_of_case(session, case.id) if h.ended is None}
    return tuple(m for m in found if m.candidate.accepts_handoffs
                 and m.candidate.service_id not in asked | need.declined.keys())[:NEXT]


def phones(session: "Session", service_id: UUID) -> Sequence[tuple[str, str | None]]:
    """The numbers of a service, to call it where waiting is no good."""
    return candidates.phones_of(session, [service_id]).get(service_id, ())
