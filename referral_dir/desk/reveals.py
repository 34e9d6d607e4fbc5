"""Where a hidden service is: its keeper or provider writes it down, and its provider shows it to one named person,
for one accepted handoff, for a short time. Each view is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir.desk import audit, budgets
from referral_dir.domain import consent
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import ConsentMissing, Invalid, NotFound, WrongState
from referral_dir.domain.handoff import UNDER_WAY
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import HandoffState, Role
from referral_dir.store import (
    audit_queries,
    case_queries,
    hiding,
    listing_queries,
    records,
    reveal_queries,
    secret_queries,
)
from referral_dir.store.cases import AddressReveal, Handoff
from referral_dir.store.directory import Organization, Service
from referral_dir.store.people import Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DEFAULT_HOURS: Final = 2
MOST_HOURS: Final = 24
# What is asked for and shown, with its label.
LINES: Final = {"name": say("Name of the house"), "address_1": say("Street and number"),
                "address_2": say("More of the address"),
                "city": say("Town"), "state_province": say("State or province"), "postal_code": say("Postcode"),
                "phones": say("Telephones of the house"), "contacts": say("Who is there"),
                "directions": say("How to find the door")}
LISTS: Final = ("phones", "contacts")
LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """A hidden service with what is sealed of it, for its keeper or provider."""

    service: Service
    address: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Offer:
    """A handoff for which the provider may show an address: to whom, and what was shown before.

    `changed` is which other organization wrote the address last, and when.
    """

    handoff: Handoff
    service: Service
    written_down: bool
    officers: Sequence[Person]
    # Of the organization that asked, to ring before it is shown; none where none is known.
    phones: Sequence[tuple[str, str | None]]
    reveals: Sequence[tuple[AddressReveal, str]]
    changed: tuple[str, datetime] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What an officer sees: the address while it is shown, else nothing."""

    handoff: Handoff
    service: Service
    until: datetime | None
    address: Mapping[str, str] = field(repr=False)


def read_address(session: "Session", actor: Actor, service_id: UUID, now: datetime) -> Kept:
    """What is sealed of a hidden service that the actor's organization keeps or provides. Raises NotFound, TooOften."""
    service = _kept(session, actor, service_id)
    budgets.spend(session, actor, "address:keep", now)
    address, _ = secret_queries.open_place(session, service.id)
    audit.record(session, actor, "address:read", now, subject=f"service:{service.id}", details={"as": "keeper"})
    return Kept(service, _lines(address or {}))


def keep_address(session: "Session", actor: Actor, service_id: UUID, values: Mapping[str, str], now: datetime) -> None:
    """Seal this address instead of what was sealed. An empty one removes it. Raises NotFound, Invalid.

    Coordinates are not asked for: nothing needs them, and those of an older address would be wrong. Other texts of the
    service that repeat the new address lose it; have `listings.forget_places` run after the commit.
    """
    service = _kept(session, actor, service_id)
    errors: dict[str, str] = {line: say("at most %(number)s characters", number=LONGEST)
                              for line in LINES if len(values.get(line, "")) > LONGEST}
    if errors:
        raise Invalid(errors)
    given: dict[str, Any] = {line: values[line].strip() for line in LINES if values.get(line, "").strip()}
    for line in LISTS:
        if line in given:
            given[line] = [part.strip() for part in given[line].split("\n") if part.strip()]
    ended = reveal_queries.end_of_service(session, service.id, now)
    secret_queries.seal_place(session, service.id, {**given, "kept_here": True} if given else None, None)
    withheld = hiding.withhold(session, service.id)
    records.service_changed(session, service.id)
    audit.record(session, actor, "address:keep", now, subject=f"service:{service.id}",
                 details={"lines": sorted(given), "withheld": withheld, "reveals_ended": ended})


def offer(session: "Session", actor: Actor, handoff_id: UUID) -> Offer:
    """To whom the provider may show the address for this handoff, and to whom it was shown. Raises NotFound."""
    handoff, service = _received(session, actor, handoff_id)
    return Offer(handoff, service, secret_queries.open_place(session, service.id)[0] is not None,
                 reveal_queries.officers_of(session, handoff.requester_organization_id),
                 reveal_queries.phones_of_organization(session, handoff.requester_organization_id),
                 reveal_queries.reveals_of(session, handoff.id), _changed_elsewhere(session, actor, service.id))


def _changed_elsewhere(session: "Session", actor: Actor, service_id: UUID) -> tuple[str, datetime] | None:
    """Whoever keeps the record may have written an address down that is not the house: its provider is told who did."""
    act = audit_queries.last_act(session, f"service:{service_id}", "address:keep")
    if act is None or act.organization_id in (None, actor.organization_id):
        return None
    home = session.get(Organization, act.organization_id)
    return home.name if home else "", act.at


def reveal(session: "Session", actor: Actor, handoff_id: UUID, person_id: UUID | None, hours: int | None,
           now: datetime) -> AddressReveal:
    """Show the address to one officer who is a party to the handoff, for some hours, instead of what was shown before.

    Raises NotFound, ConsentMissing, WrongState where the handoff is not under way, Invalid.
    """
    handoff, service = _received(session, actor, handoff_id)
    _check_under_way(session, handoff, now)
    errors: dict[str, str] = {}
    hours = DEFAULT_HOURS if hours is None else hours
    if not 1 <= hours <= MOST_HOURS:
        errors["hours"] = say("from 1 to %(number)s hours", number=MOST_HOURS)
    if person_id not in {p.id for p in reveal_queries.officers_of(session, handoff.requester_organization_id)}:
        errors["person_id"] = say("choose one person")
    if secret_queries.open_place(session, service.id)[0] is None:
        errors["address"] = say("no address is written down yet: write it down first, or agree on a meeting point")
    if errors or person_id is None:
        raise Invalid(errors)
    reveal_queries.end(session, handoff.id, now, person_id=person_id)
    row = AddressReveal(handoff_id=handoff.id, service_id=service.id, to_person_id=person_id,
                        granted_by_id=actor.person_id, granted=now, expires=now + timedelta(hours=hours))
    session.add(row)
    session.flush()
    audit.record(session, actor, "address:reveal", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"to": str(person_id), "hours": hours})
    return row


def end(session: "Session", actor: Actor, handoff_id: UUID, reveal_id: UUID, now: datetime) -> None:
    """Stop showing it, at once. Raises NotFound."""
    handoff, _ = _received(session, actor, handoff_id)
    if not reveal_queries.end(session, handoff.id, now, reveal_id=reveal_id):
        raise NotFound("nothing is being shown")
    audit.record(session, actor, "address:reveal", now, subject=f"handoff:{handoff.id}", details={"ended": True})


def read_revealed(session: "Session", actor: Actor, handoff_id: UUID, now: datetime) -> Shown:
    """The address, if its provider shows it to this very person now: the handoff is under way under an active consent,
    the time has not run out and nobody has ended it, all looked at in this transaction. Raises NotFound."""
    require(actor, "address:read")
    handoff = case_queries.handoff_of_requester(session, handoff_id, actor)
    if handoff is None:
        raise NotFound("no such handoff")
    service = session.get_one(Service, handoff.service_id)
    try:
        handoff = _check_under_way(session, handoff, now)
    except (WrongState, ConsentMissing):
        return Shown(handoff, service, None, {})
    row = reveal_queries.running(session, handoff.id, actor.person_id, now)
    address = secret_queries.open_place(session, service.id)[0] if row and service.confidential else None
    if row is None or address is None:
        return Shown(handoff, service, None, {})
    budgets.spend(session, actor, "address:read", now)
    row.viewed = row.viewed or now
    audit.record(session, actor, "address:read", now, subject=f"handoff:{handoff.id}", purpose="referral",
                 details={"as": "party"})
    return Shown(handoff, service, row.expires, _lines(address))


def _kept(session: "Session", actor: Actor, service_id: UUID) -> Service:
    require(actor, "address:keep")
    service = listing_queries.service_kept(session, service_id, actor.organization_id,
                                           own_only=actor.role is Role.PROVIDER)
    if service is None or not service.confidential:
        raise NotFound("no such service")
    return service


def _received(session: "Session", actor: Actor, handoff_id: UUID) -> tuple[Handoff, Service]:
    require(actor, "address:reveal")
    handoff = case_queries.handoff_of_recipient(session, handoff_id, actor)
    service = session.get(Service, handoff.service_id) if handoff else None
    if handoff is None or service is None or not service.confidential:
        raise NotFound("no such handoff")
    return handoff, service


def _check_under_way(session: "Session", handoff: Handoff, now: datetime) -> Handoff:
    """The handoff as it is now, locked after its consent. Raises WrongState, ConsentMissing."""
    row = case_queries.lock_consent(session, handoff.consent_id) if handoff.consent_id else None
    locked = case_queries.lock_handoff(session, handoff.id)
    if locked is None or HandoffState(locked.state) not in UNDER_WAY:
        raise WrongState(say("the address can be shown while the handoff is accepted or under way, and not now"))
    if row is None or not consent.is_active(case_queries.as_consent(row), now):
        raise ConsentMissing(say("the consent for this handoff has ended"))
    return locked


def _lines(address: Mapping[str, Any]) -> dict[str, str]:
    return {line: "\n".join(map(str, value)) if isinstance(value := address.get(line) or "", list) else str(value)
            for line in LINES if address.get(line)}
