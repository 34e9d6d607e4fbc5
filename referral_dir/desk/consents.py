"""Consent, step by step: what would be shared with whom, the notice explained, the answer, and its end."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from referral_dir.desk import audit, ending
from referral_dir.domain import consent as rules
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.notices import notice
from referral_dir.domain.vocabulary import ConsentMethod, ConsentState, Party, Reason
from referral_dir.store import case_queries, exclusion_queries
from referral_dir.store.cases import Case, Consent, ConsentEvent, ConsentNotice
from referral_dir.store.directory import Organization, Service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def draft(session: "Session", actor: Actor, case_id: UUID, service_id: UUID, fields: Collection[str], days: int,
          now: datetime) -> Consent:
    """Begin a record for one case and the organization that runs the service. Raises NotFound, Invalid."""
    require(actor, "consent:record")
    case = case_queries.find_case(session, case_id, actor)
    service = session.get(Service, service_id)
    if case is None or case.closed is not None or service is None or service.status != "active":
        raise NotFound("no such case or service")
    if service.organization_id in exclusion_queries.excluded_organizations(session, case.id):
        raise Invalid({"service": "its organization must never see this case: choose another"})
    rules.check_terms(fields, days)
    row = Consent(
        case_id=case.id, recipient_organization_id=service.organization_id, purpose=rules.PURPOSE_REFERRAL,
        fields=sorted(set(fields)), state=ConsentState.DRAFT, created=now, expires=now + timedelta(days=days))
    session.add(row)
    session.flush()
    _note(session, actor, row, ConsentState.DRAFT, now)
    return row


def explain(session: "Session", actor: Actor, consent_id: UUID, *, language: str, interpreter: str,
            now: datetime) -> Consent:
    """The notice was read to the person in `language`; the exact text is kept by its hash."""
    row = _own(session, actor, consent_id)
    if interpreter not in rules.INTERPRETERS:
        raise Invalid({"interpreter": "choose who put it into their language; "
                                      "never someone who came with the person"})
    text = notice(language)
    case_queries.keep_notice(session, ConsentNotice(sha256=text.sha256, notice_id=text.id, version=text.version,
                                                    language=text.language, text=text.text))
    _move(session, actor, row, ConsentState.EXPLAINED, now, explained=now, explained_by_id=actor.person_id,
          explained_in=language, interpreter=interpreter, notice_id=text.id, notice_version=text.version,
          notice_language=text.language, notice_sha256=text.sha256)
    return row


def give(session: "Session", actor: Actor, consent_id: UUID, *, method: str, now: datetime) -> Consent:
    """The person said yes. The record is active at once and ends when it was said to end.

    An older record for the same recipient and purpose is superseded: two truths about one consent are none.
    """
    row = _own(session, actor, consent_id)
    if method not in set(ConsentMethod):
        raise Invalid({"method": "choose how they said yes"})
    if row.expires <= now:
        raise WrongState("this record's end has passed before it was given: start a new one")
    older = case_queries.lock_consents_for(session, row.case_id, row.recipient_organization_id, row.purpose)
    _move(session, actor, row, ConsentState.GIVEN, now, given=now, method=method)
    _move(session, actor, row, ConsentState.ACTIVE, now)
    for other in older:
        if other.id != row.id and other.state == ConsentState.ACTIVE:
            for handoff in case_queries.open_handoffs(session, consent_id=other.id):
                case_queries.move_handoff(session, handoff.id, handoff.state, consent_id=row.id)
            _move(session, actor, other, ConsentState.SUPERSEDED, now, ended=now)
    return row


def refuse(session: "Session", actor: Actor, consent_id: UUID, *, now: datetime) -> Consent:
    """The person said no. The service stays one of their choices."""
    row = _own(session, actor, consent_id)
    _move(session, actor, row, ConsentState.REFUSED, now, ended=now)
    return row


def withdraw(session: "Session", actor: Actor, consent_id: UUID, *, how: str, now: datetime) -> Consent:
    """The person takes it back, also by word of mouth: one step, at once.

    Access ends with the next read, unsent messages are cancelled, holds are released, all in this transaction.
    """
    require(actor, "consent:withdraw")
    row = _own(session, actor, consent_id)
    _move(session, actor, row, ConsentState.WITHDRAWN, now, how=how[:40], ended=now)
    end_handoffs(session, actor, row.id, Reason.CONSENT_WITHDRAWN, Party.PERSON, now)
    return row


def expire_due(session: "Session", now: datetime) -> int:
    """End the records whose time has come, and what stands on them. Returns how many."""
    ended = 0
    for consent_id in case_queries.expired_consents(session, now):
        row = case_queries.lock_consent(session, consent_id)
        if row is None or row.state != ConsentState.ACTIVE:
            continue
        _move(session, None, row, ConsentState.EXPIRED, now, ended=now)
        end_handoffs(session, None, row.id, Reason.CONSENT_EXPIRED, Party.SYSTEM, now)
        ended += 1
    return ended


def end_handoffs(session: "Session", actor: Actor | None, consent_id: UUID, reason: Reason, party: Party,
                 now: datetime) -> None:
    """Cancel every open handoff under a consent that no longer stands."""
    for handoff in case_queries.open_handoffs(session, consent_id=consent_id):
        ending.cancel(session, actor, handoff, reason, party, now)


def _own(session: "Session", actor: Actor, consent_id: UUID) -> Consent:
    require(actor, "consent:record")
    row = case_queries.find_consent(session, consent_id, actor, lock=True)
    if row is None:
        raise NotFound("no such consent record")
    return row


def _move(session: "Session", actor: Actor | None, row: Consent, to: ConsentState, now: datetime, *,
          how: str | None = None, **values: object) -> None:
    rules.advance(ConsentState(row.state), to)
    if not case_queries.move_consent(session, row.id, row.state, state=to, **values):
        raise WrongState("someone changed this record a moment ago: reload it")
    session.refresh(row)
    _note(session, actor, row, to, now, how)


def _note(session: "Session", actor: Actor | None, row: Consent, state: ConsentState, now: datetime,
          how: str | None = None) -> None:
    session.add(ConsentEvent(consent_id=row.id, at=now, by_id=actor.person_id if actor else None, state=state,
                             how=how))
    audit.record(session, actor, f"consent:{state}", now, subject=f"consent:{row.id}", purpose=row.purpose,
                 details={"fields": len(row.fields)})


def read(session: "Session", actor: Actor, consent_id: UUID, now: datetime) -> tuple[Consent, Case, str]:
    """The record, its case, and the recipient's name. Raises NotFound."""
    require(actor, "consent:record")
    row = case_queries.find_consent(session, consent_id, actor, lock=False)
    if row is None:
        raise NotFound("no such consent record")
    audit.record(session, actor, "consent:read", now, subject=f"consent:{row.id}", purpose=row.purpose)
    return row, session.get_one(Case, row.case_id), session.get_one(Organization, row.recipient_organization_id).name
