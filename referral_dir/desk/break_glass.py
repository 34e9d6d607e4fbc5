"""Break glass: a life is at stake and consent can't be had. Who, why, the fewest fields, one hour, then a review."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from referral_dir.desk import audit, budgets, notify
from referral_dir.desk.cases import case_key, need_of, own_case
from referral_dir.domain import break_glass as rules
from referral_dir.domain.access import Actor, require
from referral_dir.domain.break_glass import Claim
from referral_dir.domain.errors import Forbidden, Invalid, NotFound, WrongState
from referral_dir.domain.interpreting import is_safe
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.store import break_glass_queries, candidates, crypto
from referral_dir.store.cases import BreakGlass, Case
from referral_dir.store.directory import Organization, Service
from referral_dir.store.people import Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PURPOSE = "vital_interests"


@dataclass(frozen=True, slots=True)
class Report:
    """One as its reviewer sees it: reasons and names of fields, never a value.

    `explanation` is for a supervisor of the case's own organization; an overseer never sees words of a case.
    """

    row: BreakGlass
    by: str
    organization: str
    recipient: str
    explanation: str
    overdue: bool


def grant(session: "Session", actor: Actor, case_id: UUID, service_id: UUID, claim: Claim, now: datetime) -> BreakGlass:
    """Let the organization of this one service see the fields for an hour, once it has accepted.

    The officer must hold the privilege, and it must not be suspended. Someone who has said no to this organization
    is not overruled. Supervisors and overseers are told in the same transaction.
    Raises Forbidden, NotFound, WrongState, Invalid.
    """
    require(actor, "case:break_glass")
    person = _privileged(session, actor, now)
    case, service = _chosen(session, actor, case_id, service_id)
    rules.check(claim)
    budgets.spend(session, actor, "case:break_glass", now)
    if break_glass_queries.last_answer(session, case.id, service.organization_id) in rules.A_NO:
        raise WrongState(say("the person has said no to this organization: that stands; call the emergency services"))
    row_id = uuid4()
    row = BreakGlass(
        id=row_id, case_id=case.id, recipient_organization_id=service.organization_id, person_id=person.id,
        reason=claim.reason, imminence=claim.imminence, why_no_consent=claim.why_no_consent,
        explanation=crypto.seal(case_key(session, case), claim.explanation.strip().encode(), row_id, "explanation"),
        fields=[f for f in rules.FIELDS if f in claim.fields], granted=now, expires=now + rules.DURATION,
        review_by=now + rules.REVIEW_WITHIN)
    session.add(row)
    session.flush()
    audit.record(session, actor, "break_glass:grant", now, subject=f"break_glass:{row.id}", purpose=PURPOSE,
                 details={"case": str(case.id), "recipient": str(service.organization_id), "fields": row.fields,
                          "reason": row.reason, "imminence": row.imminence, "why_no_consent": row.why_no_consent})
    for reviewer in break_glass_queries.reviewers(session, case.id, actor.organization_id, actor.person_id):
        notify.tell_person(session, "break_glass", reviewer, now, path=f"/vital/review/{row.id}")
    return row


def may_break(session: "Session", actor: Actor, now: datetime) -> bool:
    """Whether the actor holds the privilege and no overdue review suspends it."""
    try:
        _privileged(session, actor, now)
    except Forbidden:
        return False
    return True


def prepare(session: "Session", actor: Actor, case_id: UUID, service_id: UUID, now: datetime) -> tuple[Case, Service]:
    """The case and the service that the officer chose, for the form. It offers no other service."""
    require(actor, "case:break_glass")
    _privileged(session, actor, now)
    return _chosen(session, actor, case_id, service_id)


def of_case(session: "Session", actor: Actor, case_id: UUID) -> Sequence[tuple[BreakGlass, str]]:
    """What was shown of the actor's own case without consent, and to whom."""
    own_case(session, actor, case_id)
    return [(row, session.get_one(Organization, row.recipient_organization_id).name)
            for row in break_glass_queries.of_case(session, case_id)]


def waiting(session: "Session", actor: Actor, now: datetime) -> list[Report]:
    """What waits for the actor's review: a supervisor's own organization, an overseer's everywhere."""
    require(actor, "break_glass:review")
    rows = break_glass_queries.to_review(session, actor)
    return [_report(session, row, by, home, now) for row, by, home in rows]


def read(session: "Session", actor: Actor, break_glass_id: UUID, now: datetime) -> Report:
    """One of them. Reading is audited. Raises NotFound: also for whoever did it."""
    row, by, home = _reviewable(session, actor, break_glass_id)
    words = ""
    if actor.role is not Role.OVERSEER and row.explanation:  # empty once the case's key was destroyed
        case = own_case(session, actor, row.case_id)
        words = crypto.unseal(case_key(session, case), row.explanation, row.id, "explanation").decode()
    audit.record(session, actor, "break_glass:read", now, subject=f"break_glass:{row.id}", purpose=PURPOSE)
    return _report(session, row, by, home, now, words)


def review(session: "Session", actor: Actor, break_glass_id: UUID, verdict: str, now: datetime) -> BreakGlass:
    """Say whether it was justified. A no ends what still lasts. Raises NotFound, Invalid, WrongState."""
    row, _, _ = _reviewable(session, actor, break_glass_id)
    if verdict not in rules.VERDICTS:
        raise Invalid({"verdict": say("choose one")})
    if not break_glass_queries.mark_reviewed(session, row.id, reviewed=now, reviewed_by_id=actor.person_id,
                                             verdict=verdict):
        raise WrongState(say("this was reviewed already"))
    session.refresh(row)
    audit.record(session, actor, "break_glass:review", now, subject=f"break_glass:{row.id}", purpose=PURPOSE,
                 details={"verdict": verdict})
    return row


def _privileged(session: "Session", actor: Actor, now: datetime) -> Person:
    person = break_glass_queries.person_with_privilege(session, actor.person_id)
    if person is None:
        raise Forbidden(say("this takes a named privilege: ask a vital interests officer"))
    if any(rules.is_overdue(row.review_by, row.reviewed, now)
           for row in break_glass_queries.of_person(session, person.id)):
        raise Forbidden(say("suspended until an overdue review has been made"))
    return person


def _chosen(session: "Session", actor: Actor, case_id: UUID, service_id: UUID) -> tuple[Case, Service]:
    case = own_case(session, actor, case_id)
    service = session.get(Service, service_id)
    if case.closed is not None or service is None or service.status != "active" or not service.accepts_handoffs:
        raise NotFound(say("no such case or service"))
    need = need_of(session, case)
    if not all(is_safe(need, found) for found in candidates.load_candidates(session, [service.id])):
        raise NotFound(say("no such case or service"))
    return case, service


def _reviewable(session: "Session", actor: Actor, break_glass_id: UUID) -> tuple[BreakGlass, str, str]:
    require(actor, "break_glass:review")
    found = break_glass_queries.find_to_review(session, break_glass_id, actor)
    if found is None:
        raise NotFound(say("nothing here is yours to review"))
    return found


def _report(session: "Session", row: BreakGlass, by: str, home: str, now: datetime, words: str = "") -> Report:
    return Report(row, by, home, session.get_one(Organization, row.recipient_organization_id).name, words,
                  rules.is_overdue(row.review_by, row.reviewed, now))
