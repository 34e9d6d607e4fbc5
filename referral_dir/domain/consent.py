"""May these fields go to this organization, for this purpose, at this time?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from referral_dir.domain.errors import ConsentMissing, Invalid, WrongState
from referral_dir.domain.vocabulary import ConsentState as State

PURPOSE_REFERRAL: Final = "referral"
DEFAULT_DAYS: Final = 14
MAXIMUM_DAYS: Final = 90

# The identifying fields of a case: encrypted, optional, and shown only under a consent that names them.
IDENTIFYING_FIELDS: Final[Mapping[str, str]] = MappingProxyType({
    "name": "Name to call them by",
    "date_of_birth": "Date of birth",
    "nationality": "Nationality",
    "phone": "Safe phone number",
    "health": "Urgent health needs",
    "background": "What happened, in their words",
})
# Who put the notice into the person's language. Never someone who came with them: they may be under control.
INTERPRETERS: Final[Mapping[str, str]] = MappingProxyType({
    "not_needed": "No interpreter was needed",
    "professional_in_person": "A professional interpreter, in person",
    "professional_remote": "A professional interpreter, by phone or video",
    "staff_member": "A member of staff who speaks the language",
})
TRANSITIONS: Final[Mapping[State, frozenset[State]]] = MappingProxyType({
    State.DRAFT: frozenset({State.EXPLAINED, State.SUPERSEDED}),
    State.EXPLAINED: frozenset({State.GIVEN, State.REFUSED, State.SUPERSEDED}),
    State.GIVEN: frozenset({State.ACTIVE}),
    State.ACTIVE: frozenset({State.EXPIRED, State.WITHDRAWN, State.SUPERSEDED}),
})


@dataclass(frozen=True, slots=True)
class Consent:
    """What the rule needs to know of a consent record."""

    state: State
    recipient_organization_id: UUID
    purpose: str
    fields: frozenset[str]
    given: datetime | None
    expires: datetime


def advance(state: State, to: State) -> State:
    """The new state, or WrongState."""
    if to not in TRANSITIONS.get(state, frozenset()):
        raise WrongState(f"a consent that is {state} cannot become {to}: start a new record")
    return to


def is_active(consent: Consent, now: datetime) -> bool:
    """Whether anything may be shared under the record now."""
    return consent.state is State.ACTIVE and consent.given is not None and consent.given <= now < consent.expires


def require_active(consent: Consent | None, organization_id: UUID, purpose: str, now: datetime) -> Consent:
    """The consent, if it lets this organization learn of the case now. Raises ConsentMissing."""
    if consent is None:
        raise ConsentMissing("no consent is recorded for this organization: explain it and record the answer")
    if consent.state is not State.ACTIVE:
        raise ConsentMissing(f"the consent is {consent.state}: nothing may be shared under it")
    if not is_active(consent, now):
        raise ConsentMissing("the consent has run out: ask again and make a new record")
    if consent.recipient_organization_id != organization_id or consent.purpose != purpose:
        raise ConsentMissing("the consent names another organization or purpose")
    return consent


def disclosable(consent: Consent | None, organization_id: UUID, purpose: str, now: datetime,
                available: Collection[str]) -> tuple[str, ...]:
    """Those of the available fields that the consent names, in the order of IDENTIFYING_FIELDS.

    Raises ConsentMissing where no active consent for this organization and purpose stands.
    """
    active = require_active(consent, organization_id, purpose, now)
    return tuple(f for f in IDENTIFYING_FIELDS if f in active.fields and f in available)


def check_terms(fields: Collection[str], days: int) -> None:
    """Raise Invalid unless the fields exist and the period is one that a consent may have."""
    unknown = set(fields) - set(IDENTIFYING_FIELDS)
    if unknown:
        raise Invalid({"fields": "unknown: " + ", ".join(sorted(unknown))})
    if not 1 <= days <= MAXIMUM_DAYS:
        raise Invalid({"days": f"choose from 1 to {MAXIMUM_DAYS} days"})


def expiry(given: datetime, days: int = DEFAULT_DAYS) -> datetime:
    """When a consent given now ends."""
    return given + timedelta(days=days)
