"""What comes next in a case, and what waits on whom in all of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from referral_dir.domain import task_list as rules
from referral_dir.domain.access import Actor, require
from referral_dir.domain.consent import PURPOSE_REFERRAL, is_active
from referral_dir.domain.talking import TALKING
from referral_dir.domain.task_list import Line, Outlook, Step
from referral_dir.domain.vocabulary import HandoffState, Party, Reason
from referral_dir.store import break_glass_queries, case_queries, threads
from referral_dir.store.cases import Case, Consent, Handoff

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Task:
    """A service that was chosen and not asked yet: which step comes next, and on which record it stands."""

    handoff: Handoff
    service: str
    organization: str
    consent: Consent | None
    step: Step


@dataclass(frozen=True, slots=True)
class Waiting:
    """One open case in the list: whose turn it is, and for what."""

    case: Case
    outlook: Outlook
    services: Sequence[str]


def of_case(session: "Session", actor: Actor, case: Case, now: datetime) -> list[Task]:
    """What was chosen for the case and not sent yet, newest first."""
    require(actor, "case:read")
    drafts = [h for h in case_queries.handoffs_of_case(session, case.id) if h.state == HandoffState.DRAFT]
    names = case_queries.handoff_names(session, drafts)
    consents = case_queries.consents_of(session, case.id)
    return [Task(h, names.services[h.service_id], names.organizations[h.recipient_organization_id],
                 _newest(consents, h), _step(session, consents, h, now)) for h in drafts]


def waiting(session: "Session", actor: Actor, now: datetime) -> list[Waiting]:
    """The open cases of the actor's organization, what waits on us first, the most urgent on top."""
    require(actor, "case:read")
    cases = case_queries.cases_of(session, actor, closed=False)
    consents = case_queries.consents_of_cases(session, [case.id for case in cases])
    handoffs = case_queries.handoffs_from(session, actor)
    names = case_queries.handoff_names(session, handoffs)
    spoke = threads.last_parties(session, [h.id for h in handoffs if h.state in TALKING])
    wrote = {handoff_id for handoff_id, party in spoke.items() if party == Party.RECIPIENT}
    found = [_waiting(session, case, [h for h in handoffs if h.case_id == case.id],
                      [k for k in consents if k.case_id == case.id], names.services, wrote, now) for case in cases]
    return sorted(found, key=lambda line: rules.urgency(line.outlook, line.case.priority, line.case.created))


def chosen_service(session: "Session", actor: Actor, consent: Consent) -> UUID | None:
    """The service that a record is about: what was chosen of its recipient for the case, a draft first."""
    require(actor, "consent:record")
    rows = [h for h in case_queries.handoffs_of_case(session, consent.case_id)
            if h.recipient_organization_id == consent.recipient_organization_id]
    drafts = [h for h in rows if h.state == HandoffState.DRAFT]
    return next((h.service_id for h in (*drafts, *rows)), None)


def _waiting(session: "Session", case: Case, handoffs: Sequence[Handoff], consents: Sequence[Consent],
             services: Mapping[UUID, str], wrote: Collection[UUID], now: datetime) -> Waiting:
    lines = [Line(HandoffState(h.state), Reason(h.reason) if h.reason else None, h.answer_by, h.created, h.id in wrote)
             for h in handoffs]
    draft = next((h for h in handoffs if h.state == HandoffState.DRAFT), None)
    step = _step(session, consents, draft, now) if draft else None
    open_now = [h for h in handoffs if h.ended is None]
    return Waiting(case, rules.outlook(lines, step), [services[h.service_id] for h in open_now])


def _newest(consents: Sequence[Consent], handoff: Handoff) -> Consent | None:
    return next((k for k in consents if k.recipient_organization_id == handoff.recipient_organization_id
                 and k.purpose == PURPOSE_REFERRAL), None)


def _step(session: "Session", consents: Sequence[Consent], handoff: Handoff, now: datetime) -> Step:
    to, newest = handoff.recipient_organization_id, _newest(consents, handoff)
    standing = any(k.recipient_organization_id == to and is_active(case_queries.as_consent(k), now) for k in consents)
    vital = any(row.recipient_organization_id == to and row.expires > now and row.verdict != "not_justified"
                for row in break_glass_queries.of_case(session, handoff.case_id))
    return rules.next_step(case_queries.as_consent(newest) if newest else None, now, standing=standing or vital)
