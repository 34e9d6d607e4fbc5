"""May these fields go to this organization, for this purpose, at this time? What the record holds: consent_record."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final
from uuid import UUID

from referral_dir.domain.errors import ConsentMissing, WrongState
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import ConsentState as State

PURPOSE_REFERRAL: Final = "referral"

# The identifying fields of a case: encrypted, optional, and shown only under a consent that names them.
IDENTIFYING_FIELDS: Final[Mapping[str, str]] = MappingProxyType({
    "name": say("Name to call them by"),
    "date_of_birth": say("Date of birth"),
    "nationality": say("Nationality"),
    "phone": say("Safe phone number"),
    "health": say("Urgent health needs"),
    "background": say("What happened, in their words"),
})
TRANSITIONS: Final[Mapping[State, frozenset[State]]] = MappingProxyType({
    State.DRAFT: frozenset({State.EXPLAINED, State.SUPERSEDED}),
    State.EXPLAINED: frozenset({State.GIVEN, State.REFUSED, State.SUPERSEDED}),
    State.GIVEN: frozenset({State.ACTIVE}),
    State.ACTIVE: frozenset({State.EXPIRED, State.WITHDRAWN, State.SUPERSEDED}),
})
# What each step writes. Purpose, recipient, fields and end are in none: widening them takes a new record.
WRITES: Final[Mapping[State, frozenset[str]]] = MappingProxyType({
    State.EXPLAINED: frozenset({
        "state", "explained", "explained_by_id", "explained_in", "interpreter", "interpreter_reference", "notice_id",
        "notice_version", "notice_language", "notice_sha256", "notice_format", "capacity", "guardian",
        "guardian_suspected"}),
    State.GIVEN: frozenset({"state", "given", "valid_from", "method", "evidence_sha256", "witness", "assent"}),
    State.REFUSED: frozenset({"state", "ended"}),
    State.ACTIVE: frozenset({"state"}),
    State.EXPIRED: frozenset({"state", "ended"}),
    State.WITHDRAWN: frozenset({"state", "ended", "withdrawn_by", "withdrawal_method"}),
    State.SUPERSEDED: frozenset({"state", "ended"}),
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
    valid_from: datetime | None = None


def advance(state: State, to: State) -> State:
    """The new state, or WrongState."""
    if to not in TRANSITIONS.get(state, frozenset()):
        raise WrongState(say("a consent that is %(state)s cannot become %(to)s: start a new record",
                             state=state, to=to))
    return to


def is_active(consent: Consent, now: datetime) -> bool:
    """Whether anything may be shared under the record now."""
    return consent.state is State.ACTIVE and _has_begun(consent, now) and now < consent.expires


def require_active(consent: Consent | None, organization_id: UUID, purpose: str, now: datetime) -> Consent:
    """The consent, if it lets this organization learn of the case now. Raises ConsentMissing."""
    if consent is None:
        raise ConsentMissing(say("no consent is recorded for this organization: explain it and record the answer"))
    if consent.state is not State.ACTIVE:
        raise ConsentMissing(say("the consent is %(state)s: nothing may be shared under it", state=consent.state))
    if now >= consent.expires:
        raise ConsentMissing(say("the consent has run out: ask again and make a new record"))
    if not _has_begun(consent, now):
        raise ConsentMissing(say("the consent begins later: nothing may be shared before that day"))
    if consent.recipient_organization_id != organization_id or consent.purpose != purpose:
        raise ConsentMissing(say("the consent names another organization or purpose"))
    return consent


def disclosable(consent: Consent | None, organization_id: UUID, purpose: str, now: datetime,
                available: Collection[str]) -> tuple[str, ...]:
    """Those of the available fields that the consent names, in the order of IDENTIFYING_FIELDS.

    Raises ConsentMissing where no active consent for this organization and purpose stands.
    """
    active = require_active(consent, organization_id, purpose, now)
    return tuple(f for f in IDENTIFYING_FIELDS if f in active.fields and f in available)


def _has_begun(consent: Consent, now: datetime) -> bool:
    begins = consent.valid_from or consent.given
    return consent.given is not None and begins is not None and consent.given <= now and begins <= now
