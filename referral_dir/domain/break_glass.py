"""Vital interests where consent can't be had: the fewest fields, to one organization, for one hour, then reviewed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import ConsentState

# The only fields that a life can hang on. What happened to the person is never among them.
FIELDS: Final = ("name", "phone", "health")
DURATION: Final = timedelta(hours=1)
REVIEW_WITHIN: Final = timedelta(hours=24)
MAXIMUM_EXPLANATION: Final = 1000
# States of a consent record in which the person has said no: it is not overruled.
A_NO: Final = frozenset({ConsentState.REFUSED, ConsentState.WITHDRAWN})

REASONS: Final[Mapping[str, str]] = MappingProxyType({
    "medical_emergency": say("An illness or injury that threatens their life"),
    "suicide_risk": say("They may take their own life"),
    "immediate_violence": say("Someone is about to hurt or take them"),
    "child_in_danger": say("A child's life or health is in danger"),
})
IMMINENCE: Final[Mapping[str, str]] = MappingProxyType({
    "now": say("It is happening now"),
    "within_the_hour": say("Within the hour"),
    "before_consent": say("Within hours, before consent can be had"),
})
WHY_NO_CONSENT: Final[Mapping[str, str]] = MappingProxyType({
    "unconscious": say("They are unconscious"),
    "cannot_decide": say("They can't take a decision at the moment"),
    "no_language_in_time": say("Nobody can explain it in their language in time"),
    "not_reachable": say("They can't be reached"),
    "no_guardian_in_time": say("A child, and no unsuspected guardian or authority answers in time"),
})
VERDICTS: Final[Mapping[str, str]] = MappingProxyType({
    "justified": say("It was justified"),
    "not_justified": say("It was not justified"),
})


@dataclass(frozen=True, slots=True)
class Claim:
    """What an officer says when they break the glass."""

    reason: str
    imminence: str
    why_no_consent: str
    explanation: str
    fields: Collection[str]


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """What the rule needs to know of one."""

    recipient_organization_id: UUID
    fields: frozenset[str]
    granted: datetime
    expires: datetime
    verdict: str | None = None


def check(claim: Claim) -> None:
    """Raise Invalid unless every question is answered and no more than the allowed fields are asked for."""
    errors: dict[str, str] = {}
    for field, value, choices in (("reason", claim.reason, REASONS), ("imminence", claim.imminence, IMMINENCE),
                                  ("why_no_consent", claim.why_no_consent, WHY_NO_CONSENT)):
        if value not in choices:
            errors[field] = say("choose one")
    if not claim.explanation.strip():
        errors["explanation"] = say("say in a sentence what you see; the reviewer needs it")
    elif len(claim.explanation) > MAXIMUM_EXPLANATION:
        errors["explanation"] = say("at most %(number)s characters", number=MAXIMUM_EXPLANATION)
    if not claim.fields:
        errors["fields"] = say("choose at least one field")
    elif not set(claim.fields) <= set(FIELDS):
        errors["fields"] = say("only what their life depends on may be shown")
    if errors:
        raise Invalid(errors)


def is_active(found: BreakGlass, organization_id: UUID, now: datetime) -> bool:
    """Whether this organization may see anything under it now. A review that says no ends it at once."""
    return (found.recipient_organization_id == organization_id and found.granted <= now < found.expires
            and found.verdict != "not_justified")


def disclosable(found: BreakGlass, organization_id: UUID, now: datetime, available: Collection[str]) -> tuple[str, ...]:
    """Those of the available fields that may be shown now; none where it is not active."""
    if not is_active(found, organization_id, now):
        return ()
    return tuple(f for f in FIELDS if f in found.fields and f in available)


def is_overdue(review_by: datetime, reviewed: datetime | None, now: datetime) -> bool:
    """Whether the review should have been there. While one is, whoever broke the glass may not do it again."""
    return reviewed is None and now >= review_by
