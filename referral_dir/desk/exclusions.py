"""Conflict of interest: people and organizations that must never see a case. For them it does not exist."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from referral_dir.desk import audit, ending
from referral_dir.desk.cases import case_key, own_case
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffAction, Party, Reason
from referral_dir.store import case_queries, crypto, exclusion_queries, tenancy
from referral_dir.store.cases import Case, CaseExclusion
from referral_dir.store.directory import Organization

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")
LONGEST_NAME: Final = 254


@dataclass(frozen=True, slots=True)
class Named:
    """Someone who must never see the case, as they were named."""

    exclusion_id: UUID
    name: str
    is_organization: bool


def named(session: "Session", actor: Actor, case: Case) -> tuple[Named, ...]:
    """Who must never see the case. For those only who may read the case itself."""
    require(actor, "case:read")
    rows = exclusion_queries.exclusions_of(session, case.id)
    key = case_key(session, case) if rows else b""
    return tuple(Named(row.id, crypto.unseal(key, row.named, row.id, "named").decode(), row.organization_id is not None)
                 for row in rows)


def exclude_person(session: "Session", actor: Actor, case_id: UUID, email: str, now: datetime) -> None:
    """From now on the case does not exist for whoever signs in with this address, now or later. Raises Invalid.

    The answer is the same whether someone has this address or not.
    """
    case = _own(session, actor, case_id)
    address = email.strip()
    if len(address) > LONGEST_NAME or not address.isprintable() or not _EMAIL.fullmatch(address):
        raise Invalid({"exclude_email": say("write an e-mail address, like name@example.org")})
    keys = tenancy.person_keys(session.info["keys"], address)
    if not set(keys).isdisjoint(tenancy.keys_of(session, actor.person_id)):
        raise Invalid({"exclude_email": say("this is your own address: ask a colleague to take the case first")})
    if any(row.person_key in keys for row in exclusion_queries.exclusions_of(session, case.id)):
        raise Invalid({"exclude_email": say("this address is on the list already")})
    _add(session, case, address, now, person_key=keys[0])
    _audit(session, actor, case, now, "person", "added")


def exclude_organization(session: "Session", actor: Actor, case_id: UUID, name: str, now: datetime) -> None:
    """From now on the case does not exist for this organization; what is open there ends unseen. Raises Invalid."""
    case = _own(session, actor, case_id)
    organization = _called(session, name)
    if organization.id == case.organization_id:
        raise Invalid({"exclude_organization": say("this is your own organization: name the people in it instead")})
    if organization.id in exclusion_queries.excluded_organizations(session, case.id):
        raise Invalid({"exclude_organization": say("this organization is on the list already")})
    _add(session, case, organization.name, now, organization_id=organization.id)
    for handoff in case_queries.open_handoffs(session, case_id=case.id):
        if handoff.recipient_organization_id == organization.id:
            # Nobody there is told, as `ending.cancel` would: the case no longer exists for them.
            ending.move(session, actor, handoff, HandoffAction.CANCEL, Party.REQUESTER, now,
                        Reason.CONFLICT_OF_INTEREST)
    _audit(session, actor, case, now, "organization", "added")


def remove(session: "Session", actor: Actor, case_id: UUID, exclusion_id: UUID, now: datetime) -> None:
    """It was named by mistake. Requests that were ended stay ended. Raises NotFound."""
    case = _own(session, actor, case_id)
    row = exclusion_queries.find_exclusion(session, actor, exclusion_id)
    if row is None or row.case_id != case.id:
        raise NotFound(say("no such entry"))
    kind = "organization" if row.organization_id else "person"
    exclusion_queries.remove_exclusion(session, row.id)
    _audit(session, actor, case, now, kind, "removed")


def _own(session: "Session", actor: Actor, case_id: UUID) -> Case:
    require(actor, "case:exclude")
    return own_case(session, actor, case_id)


def _called(session: "Session", name: str) -> Organization:
    wanted = name.strip()
    if not wanted or len(wanted) > LONGEST_NAME:
        raise Invalid({"exclude_organization": say("write the organization's name")})
    found = exclusion_queries.organizations_called(session, wanted, 2)
    if not found:
        raise Invalid({"exclude_organization": say("no organization is called that: check the spelling")})
    if len(found) > 1:
        raise Invalid({"exclude_organization": say(
            "several organizations have this in their name: write the whole name")})
    return found[0]


def _add(session: "Session", case: Case, text: str, now: datetime, *, organization_id: UUID | None = None,
         person_key: str | None = None) -> None:
    case_queries.lock_consents_of(session, case.id)
    row_id = uuid4()
    session.add(CaseExclusion(
        id=row_id, case_id=case.id, organization_id=organization_id, person_key=person_key, created=now,
        named=crypto.seal(case_key(session, case), text.encode(), row_id, "named")))
    session.flush()


def _audit(session: "Session", actor: Actor, case: Case, now: datetime, kind: str, done: str) -> None:
    audit.record(session, actor, "case:exclude", now, subject=f"case:{case.id}", purpose="safety",
                 details={"kind": kind, "done": done})
