"""On what ground an organization may learn of a case now: an active consent, or broken glass while its hour lasts.

Each is locked where it is read, so that nobody withdraws or overrules it before the disclosure has committed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from referral_dir.desk import audit
from referral_dir.domain import break_glass as vital
from referral_dir.domain import consent as rules
from referral_dir.domain.access import Actor
from referral_dir.domain.consent import PURPOSE_REFERRAL
from referral_dir.store import break_glass_queries, case_queries
from referral_dir.store.cases import BreakGlass, Consent, Disclosure, Handoff

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Grounds:
    """What stands for a handoff now. `consent` is its record in whatever state, `consented` whether that holds."""

    consent: Consent | None
    break_glass: BreakGlass | None
    consented: bool = False

    @property
    def any(self) -> bool:
        """Whether the recipient may know of the case at all."""
        return self.consented or self.break_glass is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """On what a new request stands, and until when."""

    consent_id: UUID | None
    until: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """The values that are shown, by ground. No field stands in both."""

    by_consent: Mapping[str, str]
    vital: Mapping[str, str]


def of_handoff(session: "Session", handoff: Handoff, now: datetime) -> Grounds:
    """Both grounds, locked: consent first."""
    row = case_queries.lock_consent(session, handoff.consent_id) if handoff.consent_id else None
    consented = (row is not None and row.recipient_organization_id == handoff.recipient_organization_id
                 and row.case_id == handoff.case_id and rules.is_active(case_queries.as_consent(row), now))
    broken = broken_glass(session, handoff.case_id, handoff.recipient_organization_id, now)
    return Grounds(row, broken, consented)


def broken_glass(session: "Session", case_id: UUID, organization_id: UUID, now: datetime) -> BreakGlass | None:
    """What lasts for this organization, locked. A no that the person has said since ends it: they can decide again."""
    row = break_glass_queries.lock_active(session, case_id, organization_id, now)
    if row is not None and break_glass_queries.last_answer(session, case_id, organization_id) in vital.A_NO:
        return None
    return row


def require(session: "Session", handoff: Handoff, now: datetime) -> None:
    """Raise ConsentMissing unless a ground stands for this handoff."""
    found = of_handoff(session, handoff, now)
    if not found.any:
        rules.require_active(case_queries.as_consent(found.consent) if found.consent else None,
                             handoff.recipient_organization_id, PURPOSE_REFERRAL, now)


def to_request(session: "Session", case_id: UUID, organization_id: UUID, now: datetime) -> Standing:
    """On what this organization may be asked. Raises ConsentMissing, with the reason of the newest record."""
    rows = case_queries.lock_consents_for(session, case_id, organization_id, PURPOSE_REFERRAL)
    for row in rows:
        if rules.is_active(case_queries.as_consent(row), now):
            return Standing(row.id, row.expires)
    broken = broken_glass(session, case_id, organization_id, now)
    if broken is not None:
        return Standing(None, broken.expires)
    latest = max(rows, key=lambda row: row.created, default=None)
    active = rules.require_active(case_queries.as_consent(latest) if latest else None, organization_id,
                                  PURPOSE_REFERRAL, now)
    raise AssertionError(f"a consent for {active.purpose} is active and was not found")


def disclose(session: "Session", actor: Actor, handoff: Handoff, found: Grounds, values: Mapping[str, str],
             now: datetime) -> Shown:
    """What may be shown of these values to the actor's organization; each ground's disclosure is written down."""
    consented: tuple[str, ...] = ()
    if found.consented and found.consent is not None:
        consented = rules.disclosable(case_queries.as_consent(found.consent), actor.organization_id,
                                      PURPOSE_REFERRAL, now, values)
        _note(session, actor, handoff, consented, now, consent_id=found.consent.id)
    vitals: tuple[str, ...] = ()
    if found.break_glass is not None:
        allowed = vital.disclosable(break_glass_queries.as_rule(found.break_glass), actor.organization_id, now, values)
        vitals = tuple(field for field in allowed if field not in consented)
        _note(session, actor, handoff, vitals, now, break_glass_id=found.break_glass.id)
    return Shown({f: values[f] for f in consented}, {f: values[f] for f in vitals})


def _note(session: "Session", actor: Actor, handoff: Handoff, fields: tuple[str, ...], now: datetime, *,
          consent_id: UUID | None = None, break_glass_id: UUID | None = None) -> None:
    if fields:
        session.add(Disclosure(case_id=handoff.case_id, handoff_id=handoff.id, consent_id=consent_id,
                               break_glass_id=break_glass_id, organization_id=actor.organization_id,
                               person_id=actor.person_id, fields=list(fields), at=now))
    if fields and break_glass_id is not None:
        audit.record(session, actor, "break_glass:disclose", now, subject=f"break_glass:{break_glass_id}",
                     purpose="vital_interests", details={"fields": list(fields)})
