"""The demo's last month: invented requests, made by the workflows that people use, each step at a moment of its own.

Nothing is written past the workflows: what an overseer's figures count of them is counted as of any other request.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir.desk import accounts, availability, cases, consents, handoffs
from referral_dir.domain.access import Actor
from referral_dir.domain.consent_record import Answer, Explanation, Terms
from referral_dir.domain.vocabulary import HandoffAction, Place, Reason
from referral_dir.store import listing_queries, organization_queries, people_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

OFFICER: Final = "officer@demo.example"
PROVIDER: Final = "lawyer@demo.example"
# Minutes until the service put it on hold, took it, saw the person arrive, and was done.
_TAKEN: Final = ((9, 30, 95, 2900), (14, 45, 150, 4300), (22, 20, 60, 1500), (35, 70, 200, 7200),
                 (48, 25, 110, 2600), (55, 90, 180, 5100), (70, 40, 75, 3900), (85, 60, 240, 8600),
                 (110, 15, 130, 2100), (150, 120, 90, 4700), (190, 35, 300, 6100), (260, 50, 160, 3300))
_DECLINED: Final = (Reason.NEED_NOT_MET,) * 7 + (Reason.LANGUAGE,) * 6
_MIAMI: Final = Place("Miami", "US", 25.7743, -80.1937, "Florida", "America/New_York")
_EXPLAINED: Final = Explanation("fr", "professional_remote", "adult", interpreter_reference="Agency 0000 invented")


@dataclass(frozen=True, slots=True)
class Cast:
    """Who asks, who answers, for which service, and which number of it is kept."""

    officer: Actor
    provider: Actor
    service_id: UUID
    capacity_id: UUID | None
    available: int


@dataclass(frozen=True, slots=True)
class Told:
    """One request: when it was made; then minutes between the steps, or why it was declined."""

    at: datetime
    minutes: tuple[int, ...]
    declined: Reason | None = None


def cast(session: "Session") -> Cast | None:
    """The demo's officer, and its lawyer with a service to ask; None where one of them is gone."""
    people = [people_queries.person_by_email(session, email) for email in (OFFICER, PROVIDER)]
    if people[0] is None or people[1] is None:
        return None
    officer, provider = (accounts.actor_of(person) for person in people if person is not None)
    services = [s for s in organization_queries.services_of(session, provider.organization_id, 10)
                if s.accepts_handoffs and s.organization_id == provider.organization_id]
    if not services:
        return None
    service = services[-1]
    numbers = [row.capacity for row in listing_queries.capacities_kept(session, provider.organization_id, own_only=True)
               if row.capacity.service_id == service.id]
    number = numbers[0] if numbers else None
    return Cast(officer, provider, service.id, number.id if number else None, number.available if number else 0)


def is_new(session: "Session", cast: Cast) -> bool:
    """Whether the officer has had no case yet."""
    return not cases.my_cases(session, cast.officer) and not cases.my_cases(session, cast.officer, closed=True)


def month(now: datetime) -> Iterator[Told]:
    """What happened in the month before."""
    first = (now.replace(day=1) - timedelta(days=1)).replace(day=2, hour=8, minute=0, second=0, microsecond=0)
    for number, minutes in enumerate(_TAKEN):
        yield Told(first + timedelta(hours=38 * number), minutes)
    for number, reason in enumerate(_DECLINED):
        yield Told(first + timedelta(hours=35 * number + 3), (20 + 13 * number,), reason)


def ask(session: "Session", cast: Cast, told: Told) -> tuple[UUID, UUID]:
    """The officer opens a case, has consent explained and given, and asks; returns case and handoff."""
    at = told.at
    case = cases.open_case(session, cast.officer, cases.NewCase(["legal.labour"], ["es"], _MIAMI), at)
    cases.set_identifying(session, cast.officer, case.id, {"name": "Invented Person"}, at)
    consent = consents.draft(session, cast.officer, case.id, cast.service_id, Terms(("name",)), at)
    consents.explain(session, cast.officer, consent.id, _EXPLAINED, at)
    consents.give(session, cast.officer, consent.id, Answer("witnessed_oral", "second_officer"), at)
    return case.id, handoffs.request(session, cast.officer, case.id, cast.service_id, at).id


def answer(session: "Session", cast: Cast, told: Told, handoff_id: UUID) -> datetime:
    """The provider does what is told, step by step, and says again how much is free; returns when it was over."""
    at = told.at + timedelta(minutes=told.minutes[0])
    if told.declined:
        handoffs.answer(session, cast.provider, handoff_id, HandoffAction.REJECT, at, reason=told.declined)
        return at
    handoffs.answer(session, cast.provider, handoff_id, HandoffAction.HOLD, at, reason=Reason.MORE_INFORMATION)
    at += timedelta(minutes=told.minutes[1])
    handoffs.accept(session, cast.provider, handoff_id, at)
    for action, minutes in zip((HandoffAction.START, HandoffAction.COMPLETE), told.minutes[2:], strict=True):
        at += timedelta(minutes=minutes)
        handoffs.answer(session, cast.provider, handoff_id, action, at)
    return at


def close(session: "Session", cast: Cast, case_id: UUID, at: datetime) -> None:
    """The officer closes the case."""
    cases.close_case(session, cast.officer, case_id, at)


def free_again(session: "Session", cast: Cast, now: datetime) -> None:
    """The provider says that as much is free as before."""
    if cast.capacity_id is not None:
        availability.set_available(session, cast.provider, cast.capacity_id, cast.available, now)
