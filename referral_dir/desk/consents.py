"""Consent, step by step: what would be shared with whom, the notice explained, the answer, and its end.

The rules decide here, whatever a form said. A record is never changed: what is wider takes a new one.
"""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from referral_dir.desk import audit, ending, notify
from referral_dir.desk.cases import child_along
from referral_dir.domain import consent as rules
from referral_dir.domain import consent_record as record
from referral_dir.domain import receipt
from referral_dir.domain.access import Actor, require
from referral_dir.domain.consent_record import Answer, Explanation, Terms, Withdrawal
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.handoff import ENDED
from referral_dir.domain.notices import notice
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import ConsentMethod, ConsentState, HandoffState, Party, Reason
from referral_dir.store import break_glass_queries, case_queries, consent_queries, exclusion_queries, tenancy
from referral_dir.store.cases import Case, Consent, ConsentEvent, ConsentNotice
from referral_dir.store.directory import Organization, Service

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def draft(session: "Session", actor: Actor, case_id: UUID, service_id: UUID, terms: Terms, now: datetime) -> Consent:
    """Begin a record for one case and the organization that runs the service. Raises NotFound, Invalid."""
    require(actor, "consent:record")
    case = case_queries.find_case(session, case_id, actor)
    service = session.get(Service, service_id)
    if case is None or case.closed is not None or service is None or service.status != "active":
        raise NotFound(say("no such case or service"))
    if service.organization_id in exclusion_queries.excluded_organizations(session, case.id):
        raise Invalid({"service": say("its organization must never see this case: choose another")})
    record.check_terms(terms, now)
    expires = record.expiry(now, terms.days)
    row = Consent(
        case_id=case.id, recipient_organization_id=service.organization_id, purpose=rules.PURPOSE_REFERRAL,
        fields=sorted(set(terms.fields)), state=ConsentState.DRAFT, created=now, expires=expires,
        valid_from=terms.valid_from, review=record.review_date(terms.valid_from or now, terms.review_days, expires),
        onward_sharing=terms.onward_sharing, legal_basis=terms.legal_basis)
    session.add(row)
    session.flush()
    _note(session, actor, row, ConsentState.DRAFT, now)
    return row


def explain(session: "Session", actor: Actor, consent_id: UUID, said: Explanation, now: datetime) -> Consent:
    """The notice was put to the person, and to who decides with them; the exact text is kept by its hash."""
    row = _own(session, actor, consent_id)
    case = session.get_one(Case, row.case_id)
    record.check_explanation(said, case.age_band, case.languages, child_along=child_along(case))
    text = notice(said.language)
    case_queries.keep_notice(session, ConsentNotice(sha256=text.sha256, notice_id=text.id, version=text.version,
                                                    language=text.language, text=text.text))
    guarded = record.needs_guardian(said.capacity, case.age_band, child_along=child_along(case))
    professional = said.interpreter in record.PROFESSIONAL
    _move(session, actor, row, ConsentState.EXPLAINED, now, explained=now, explained_by_id=actor.person_id,
          explained_in=said.language, notice_format=said.format, interpreter=said.interpreter,
          interpreter_reference=said.interpreter_reference.strip() if professional else None,
          notice_id=text.id, notice_version=text.version, notice_language=text.language, notice_sha256=text.sha256,
          capacity=said.capacity, guardian=said.guardian if guarded else None,
          guardian_suspected=bool(guarded and said.guardian_suspected))
    return row


def give(session: "Session", actor: Actor, consent_id: UUID, answer: Answer, now: datetime) -> Consent:
    """The person said yes. The record is active at once, holds from when it was said to, and ends as it was said to.

    An older record for the same recipient and purpose is superseded: two truths about one consent are none.
    """
    seen = _own(session, actor, consent_id, lock=False)
    # All that may change are locked together, in the order of their ids: two answers at once do not wait in a ring.
    locked = case_queries.lock_consents_for(session, seen.case_id, seen.recipient_organization_id, seen.purpose)
    row = next(other for other in locked if other.id == consent_id)
    case = session.get_one(Case, row.case_id)
    guarded = record.needs_guardian(row.capacity, case.age_band, child_along=child_along(case))
    if row.state == ConsentState.EXPLAINED:
        record.check_answer(answer, guarded)
        if case.closed is not None or row.expires <= now:
            raise WrongState(say("the case is closed, or this record's end has passed: start a new one"))
    digital = answer.method == ConsentMethod.DIGITAL
    _move(session, actor, row, ConsentState.GIVEN, now, given=now, valid_from=max(row.valid_from or now, now),
          method=answer.method, assent=answer.assent if guarded else None,
          witness=answer.witness if answer.method == ConsentMethod.WITNESSED_ORAL else None,
          evidence_sha256=_on_screen(row, now) if digital else answer.evidence_sha256 or None)
    _supersede(session, actor, [other for other in locked if other.state == ConsentState.ACTIVE], now)
    _move(session, actor, row, ConsentState.ACTIVE, now)
    for handoff in case_queries.open_handoffs(session, case_id=row.case_id):
        if handoff.recipient_organization_id == row.recipient_organization_id:
            case_queries.move_handoff(session, handoff.id, handoff.state, consent_id=row.id)
    return row


def refuse(session: "Session", actor: Actor, consent_id: UUID, *, now: datetime) -> Consent:
    """The person said no. The service stays one of their choices; what was not sent yet is not sent."""
    row = _own(session, actor, consent_id)
    _wait_for_vital_reads(session, row, now)
    _move(session, actor, row, ConsentState.REFUSED, now, ended=now)
    for handoff in case_queries.open_handoffs(session, case_id=row.case_id):
        if handoff.recipient_organization_id == row.recipient_organization_id and handoff.state == HandoffState.DRAFT:
            ending.cancel(session, actor, handoff, Reason.CHOSE_ANOTHER, Party.PERSON, now)
    return row


def on_screen(session: "Session", actor: Actor, consent_id: UUID, said: Explanation, answer: Answer | None,
              now: datetime) -> Consent:
    """The person read the notice on this screen and pressed an answer, and the officer says that it was them.

    What was shown and what was pressed are written down together. No answer: they pressed no.
    """
    row = _own(session, actor, consent_id)
    if row.state == ConsentState.DRAFT:
        explain(session, actor, consent_id, said, now)
    if answer is None:
        return refuse(session, actor, consent_id, now=now)
    return give(session, actor, consent_id, answer, now)


def withdraw(session: "Session", actor: Actor, consent_id: UUID, said: Withdrawal, now: datetime) -> Consent:
    """The person takes it back, also by word of mouth: one step, at once, without a reason.

    Access ends with the next read, unsent messages are cancelled, holds are released, all in this transaction.
    """
    require(actor, "consent:withdraw")
    row = _own(session, actor, consent_id)
    record.check_withdrawal(said)
    _wait_for_vital_reads(session, row, now)
    _move(session, actor, row, ConsentState.WITHDRAWN, now, ended=now, withdrawn_by=said.by,
          withdrawal_method=said.method)
    end_handoffs(session, actor, row.id, Reason.CONSENT_WITHDRAWN, Party.PERSON, now)
    return row


def standing(session: "Session", actor: Actor, case_id: UUID, organization_id: UUID, now: datetime) -> Consent | None:
    """The record under which this organization may be asked for the case now, if there is one."""
    require(actor, "consent:record")
    if case_queries.find_case(session, case_id, actor) is None:
        raise NotFound(say("no such case or service"))
    return next((row for row in case_queries.consents_of(session, case_id)
                 if row.recipient_organization_id == organization_id and row.purpose == rules.PURPOSE_REFERRAL
                 and rules.is_active(case_queries.as_consent(row), now)), None)


def relay_withdrawal(session: "Session", actor: Actor, handoff_id: UUID, said: Withdrawal, now: datetime) -> Consent:
    """The person told the provider that they take it back: the same step, as much at once, and the officer is told.

    The provider may not write into the record; this one step of it is done for them. Raises NotFound, WrongState,
    Invalid.
    """
    require(actor, "consent:relay")
    handoff = case_queries.handoff_of_recipient(session, handoff_id, actor)
    if handoff is None or handoff.consent_id is None:
        raise NotFound(say("no such handoff"))
    record.check_withdrawal(said)
    row = case_queries.lock_consent(session, handoff.consent_id)
    fresh = case_queries.lock_handoff(session, handoff.id)
    if row is None or fresh is None or HandoffState(fresh.state) in ENDED:
        raise WrongState(say("This has ended meanwhile: nothing is shared under it any more."))
    with tenancy.elevated(session, "relay_withdrawal"):
        _wait_for_vital_reads(session, row, now)
        _move(session, actor, row, ConsentState.WITHDRAWN, now, ended=now, withdrawn_by=said.by,
              withdrawal_method=said.method)
        end_handoffs(session, actor, row.id, Reason.CONSENT_WITHDRAWN, Party.PERSON, now)
        notify.tell_requester(session, "handoff_ended", fresh, now)
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


def _own(session: "Session", actor: Actor, consent_id: UUID, *, lock: bool = True) -> Consent:
    require(actor, "consent:record")
    row = case_queries.find_consent(session, consent_id, actor, lock=lock)
    if row is None:
        raise NotFound(say("no such consent record"))
    return row


def _wait_for_vital_reads(session: "Session", row: Consent, now: datetime) -> None:
    """A no also ends what broken glass shows: no such read may commit after it."""
    break_glass_queries.lock_active(session, row.case_id, row.recipient_organization_id, now)


def _supersede(session: "Session", actor: Actor, older: list[Consent], now: datetime) -> None:
    for row in older:
        _move(session, actor, row, ConsentState.SUPERSEDED, now, ended=now)


def _on_screen(row: Consent, now: datetime) -> str:
    return record.digest({
        "id": row.id, "case": row.case_id, "recipient": row.recipient_organization_id, "purpose": row.purpose,
        "fields": ",".join(row.fields), "notice": row.notice_sha256, "onward": row.onward_sharing,
        "expires": row.expires.isoformat(), "given": now.isoformat()})


def _move(session: "Session", actor: Actor | None, row: Consent, to: ConsentState, now: datetime,
          **values: object) -> None:
    rules.advance(ConsentState(row.state), to)
    if not case_queries.move_consent(session, row.id, row.state, state=to, **values):
        raise WrongState(say("someone changed this record a moment ago: reload it"))
    session.refresh(row)
    _note(session, actor, row, to, now)


def _note(session: "Session", actor: Actor | None, row: Consent, state: ConsentState, now: datetime) -> None:
    session.add(ConsentEvent(consent_id=row.id, at=now, by_id=actor.person_id if actor else None, state=state,
                             how=row.withdrawal_method))
    audit.record(session, actor, f"consent:{state}", now, subject=f"consent:{row.id}", purpose=row.purpose,
                 details={"fields": len(row.fields)})


def read(session: "Session", actor: Actor, consent_id: UUID, now: datetime) -> tuple[Consent, Case, str]:
    """The record, its case, and the recipient's name. Raises NotFound."""
    row = _own(session, actor, consent_id, lock=False)
    audit.record(session, actor, "consent:read", now, subject=f"consent:{row.id}", purpose=row.purpose)
    return row, session.get_one(Case, row.case_id), session.get_one(Organization, row.recipient_organization_id).name


def by_code(session: "Session", actor: Actor, text: str, now: datetime) -> Consent:
    """The record whose copy bears this code: what someone says on the phone. Raises NotFound."""
    require(actor, "consent:record")
    first = receipt.id_range(text)
    row = consent_queries.consent_between(session, *first, actor) if first else None
    if row is None:
        raise NotFound(say("no copy has this code"))
    audit.record(session, actor, "consent:read", now, subject=f"consent:{row.id}", purpose=row.purpose)
    return row
