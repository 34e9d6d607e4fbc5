"""A person's copy of all that is held about them: what, with whom it was shared, who looked at it, and until when.

It can be found by the wrong person. So it has no address, no meeting point, no name of a confidential service, and of
staff only their role and organization. Whom the case is kept away from is counted, not named: they must not read it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir.desk import audit, budgets, cases, threads
from referral_dir.desk.languages import language_name
from referral_dir.domain import members
from referral_dir.domain.access import Actor, require
from referral_dir.domain.consent import IDENTIFYING_FIELDS
from referral_dir.domain.needs import label
from referral_dir.domain.retention import RULES, in_words
from referral_dir.domain.saying import say, say_language, say_need
from referral_dir.domain.vocabulary import ConsentState
from referral_dir.store import case_queries, own_copy_queries
from referral_dir.store.cases import Case, Consent, Handoff
from referral_dir.store.records import AuditEntry

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ROLES: Final[Mapping[str, str]] = MappingProxyType({
    "officer": say("officer"), "caseworker": say("caseworker"), "provider": say("provider"),
    "overseer": say("overseer"), "administrator": say("administrator")})
ACTS: Final[Mapping[str, str]] = MappingProxyType({
    "case:create": say("opened the case"),
    "case:read": say("read the case"),
    "case:change": say("changed what is kept about you"),
    "case:close": say("closed the case"),
    "case:own_copy": say("made a copy like this one"),
    "case:exclude": say("changed whom the case is kept from"),
    "case:destroy_key": say("erased what identified you"),
    "break_glass:grant": say("opened something without your consent, in an emergency"),
    "break_glass:disclose": say("was shown something in that emergency"),
    "break_glass:read": say("looked at why, in that emergency"),
    "break_glass:review": say("checked whether that was right"),
    "consent:draft": say("prepared a question to you"),
    "consent:explained": say("explained the question to you"),
    "consent:given": say("wrote down that you said yes"),
    "consent:active": say("wrote down that your yes is valid"),
    "consent:refused": say("wrote down that you said no"),
    "consent:withdrawn": say("wrote down that you took your yes back"),
    "consent:expired": say("ended your yes, as its time was over"),
    "consent:superseded": say("replaced your yes by a newer one"),
    "consent:read": say("read what you had answered"),
    "consent:receipt": say("made a receipt of your answer"),
    "handoff:choose": say("chose a service to ask for you"),
    "thread:write": say("wrote to the other side about the request"),
    "thread:read": say("read what was written about the request"),
    "time:propose": say("proposed when you could come"),
    "time:decide": say("answered when you could come"),
    "calendar:read": say("took the time of arrival into a calendar"),
    "address:read": say("looked at the address that was shown for you"),
    "address:reveal": say("showed an officer the address for you"),
    "handoff:escalate": say("told everyone of the service, as nobody had looked at the request yet"),
    "handoff:request": say("asked a service for help for you"),
    "handoff:read": say("looked at how the request stands"),
    "handoff:receive": say("looked at the request for you"),
    "handoff:accept": say("said that you can come"),
    "handoff:reject": say("said that you can't come there"),
    "handoff:hold": say("said that they need more time"),
    "handoff:start": say("wrote down that you arrived"),
    "handoff:undo": say("took back their last answer"),
    "handoff:complete": say("wrote down that the help is complete"),
    "handoff:fail": say("wrote down that it did not work out"),
    "handoff:cancel": say("ended the request"),
    "handoff:expire": say("ended the request, as nobody answered"),
})




def make(session: "Session", actor: Actor, case_id: UUID, now: datetime) -> dict[str, Any]:
    """The whole copy, in plain values. Making it is audited. Raises NotFound."""
    require(actor, "case:own_copy")
    case = cases.own_case(session, actor, case_id)
    budgets.spend(session, actor, "case:own_copy", now)
    file = cases.open_file(session, case)
    glass = own_copy_queries.broken_glass(session, case.id)
    subjects = [f"case:{case.id}", *(f"consent:{row.id}" for row in file.consents),
                *(f"handoff:{row.id}" for row in file.handoffs), *(f"break_glass:{row.id}" for row in glass)]
    acts = own_copy_queries.acts_on(session, subjects)
    names = own_copy_queries.organization_names(session, [
        case.organization_id, *(row.organization_id for row in acts),
        *(row.recipient_organization_id for row in file.consents),
        *(row.recipient_organization_id for row in file.handoffs),
        *(row.recipient_organization_id for row in glass), *(row.organization_id for row in file.disclosures)])
    roles = own_copy_queries.roles(session, [
        *(row.actor_id for row in acts), *(row.person_id for row in file.disclosures),
        *(row.person_id for row in glass)])
    audit.record(session, actor, "case:own_copy", now, subject=f"case:{case.id}", purpose="own_copy")
    return {
        "made": now,
        "by": names[case.organization_id],
        "case": {"reference": case.reference, "opened": case.created, "closed": case.closed},
        "about_you": {IDENTIFYING_FIELDS[field]: value for field, value in file.identifying.items()}
        | ({say("How to reach you without danger"): file.safe_contact} if file.safe_contact else {}),
        "erased": file.erased,
        "what_you_need": _asked(case),
        "kept_away_from": len(case.excluded_organizations) + len(case.excluded_communities)
        + len(case.excluded_areas) + own_copy_queries.count_exclusions(session, case.id),
        "your_answers": _consents(session, file.consents, names),
        "requests_for_you": _requests(session, file.handoffs, names),
        "shown": [{"when": row.at, "to": _who(roles.get(row.person_id), names.get(row.organization_id)),
                   "what": _labels(row.fields),
                   "because": say("you said yes") if row.consent_id else say("it was an emergency")}
                  for row in file.disclosures],
        "emergencies": [{"when": row.granted, "until": row.expires,
                         "by": _who(roles.get(row.person_id), names[case.organization_id]),
                         "to": names[row.recipient_organization_id], "what": _labels(row.fields),
                         "reason": row.reason, "checked_by_someone_else": row.reviewed} for row in glass],
        "who_looked": [{"when": row.at, "who": _of_staff(row, roles, names),
                        "did": ACTS.get(row.action, row.action.replace(":", ": ").replace("_", " "))}
                       for row in acts],
        "how_long": [
            say("What says who you are: until %(period)s after the case is closed",
                period=in_words(RULES["identifying_fields"].period)),
            say("The rest of this copy: until %(period)s after the case is closed",
                period=in_words(RULES["closed_cases"].period))],
    }


def as_json(copy: Mapping[str, Any]) -> str:
    """The copy for a machine: the same, with times in UTC."""
    return json.dumps(copy, ensure_ascii=False, indent=1, default=datetime.isoformat)


def _asked(case: Case) -> dict[str, Any]:
    found = {
        "needs": [say_need(code, label(code)) for code in case.needs],
        "languages": [say_language(code, language_name(code)) for code in case.languages], "place": case.place_name,
        "age": case.age_band, "gender": case.gender, "people": case.household,
        "members": members.in_words(members.read(case.members)),
        "accessibility": case.accessibility, "answer_needed": case.priority}
    return {name: value for name, value in found.items() if value}


def _consents(session: "Session", rows: Sequence[Consent], names: Mapping[UUID, str]) -> list[dict[str, Any]]:
    # Said yes and valid are of one moment: then in the order of the states.
    steps = sorted(own_copy_queries.consent_events(session, [row.id for row in rows]),
                   key=lambda step: (step.at, list(ConsentState).index(ConsentState(step.state))))
    return [_receipt(row, names) | {
        "steps": [{"when": step.at, "state": step.state} for step in steps if step.consent_id == row.id]}
        for row in rows]


def _receipt(row: Consent, names: Mapping[UUID, str]) -> dict[str, Any]:
    """What the record says, as the person was told it."""
    return {
        "record": str(row.id), "to": names[row.recipient_organization_id], "purpose": row.purpose,
        "what": _labels(row.fields), "state": row.state, "explained": row.explained, "explained_in": row.explained_in,
        "interpreter": row.interpreter, "notice": f"{row.notice_id} {row.notice_version}" if row.notice_id else None,
        "notice_language": row.notice_language, "notice_format": row.notice_format,
        "notice_sha256": row.notice_sha256, "capacity": row.capacity, "guardian": row.guardian, "assent": row.assent,
        "may_be_passed_on": row.onward_sharing, "legal_basis": row.legal_basis, "answer_given_as": row.method,
        "evidence_sha256": row.evidence_sha256, "given": row.given, "valid_from": row.valid_from,
        "valid_until": row.expires, "to_be_asked_again": row.review, "ended": row.ended,
        "taken_back_by": row.withdrawn_by, "taken_back_how": row.withdrawal_method}


def _requests(session: "Session", rows: Sequence[Handoff], names: Mapping[UUID, str]) -> list[dict[str, Any]]:
    services = own_copy_queries.service_names(session, [row.service_id for row in rows])
    return [{"to": names[row.recipient_organization_id],
             "service": services.get(row.service_id, say("a service whose address is kept secret")),
             "for": [say_need(code, label(code)) for code in row.needs], "state": row.state, "asked": row.requested,
             "answered": row.answered, "ended": row.ended, "reason": row.reason,
             "steps": [{"when": e.at, "by": e.party, "state": e.to_state}
                       for e in case_queries.handoff_events(session, row.id)],
             **threads.of_person(session, session.get_one(Case, row.case_id), row,
                                 confidential=row.service_id not in services)} for row in rows]


def _of_staff(entry: AuditEntry, roles: Mapping[UUID, str], names: Mapping[UUID, str]) -> str:
    if entry.actor_id is None or entry.organization_id is None:
        return _who(None, None)
    return _who(roles.get(entry.actor_id), names.get(entry.organization_id))


def _who(role: str | None, organization: str | None) -> str:
    if organization is None:
        return say("the directory, by itself")
    return say("%(role)s at %(organization)s", role=ROLES.get(role or "", say("someone")), organization=organization)


def _labels(fields: list[str]) -> list[str]:
    return [IDENTIFYING_FIELDS.get(field, field) for field in fields]
