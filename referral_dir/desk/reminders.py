"""Keepers are sent word of numbers that nobody has confirmed: a link that can confirm or set them, and nothing else.

docs/decisions/keeping-numbers-true.md says what the link may and may not do, and why.
"""

import secrets
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from referral_dir.desk import accounts, audit, availability, limits, notify
from referral_dir.domain import keeping
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.store import listing_queries, outbox, reminder_queries
from referral_dir.store.listing_queries import KeptCapacity
from referral_dir.store.people import Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

KIND: Final = "capacity_reminder"
VALID: Final = timedelta(hours=36)
# A little less than a day, so that a mail does not come later every day.
ONE_EACH: Final = timedelta(hours=23)
# What fits on a phone. The rest stands on the board.
MOST: Final = 20
WINDOW: Final = timedelta(hours=1)
SENT_FROM_ONE_PLACE: Final = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """One number that a link asks about. Without a name where the service's address is hidden."""

    capacity_id: UUID
    service: str
    unit: str
    available: int
    maximum: int | None
    updated: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """What was written for a number, and what the page showed before."""

    seen: int
    available: int


def prepare(session: "Session", now: datetime) -> int:
    """Queue a mail, at most one a day, to each keeper of a number that needs a word; returns how many."""
    made = 0
    due: dict[tuple[UUID, bool], Sequence[KeptCapacity]] = {}
    for person in reminder_queries.to_remind(session, now - ONE_EACH):
        key = (person.organization_id, person.role == Role.PROVIDER)
        if key not in due:
            due[key] = _due(session, *key, now)
        made += bool(due[key]) and _send(session, person, due[key], now)
    return made


def asked(session: "Session", token: str, now: datetime) -> Sequence[Asked] | None:
    """What the link asks about; None where it does not work any more."""
    found = reminder_queries.open_link(session, _digest(token), now)
    return _asked(session, found[1], found[0].capacities) if found else None


def may_try(session: "Session", address: str | None, now: datetime) -> bool:
    """Count a try from this place; whether there were not too many. In a transaction of its own, so that what is
    refused counts too."""
    return limits.count(session, "numbers.place", limits.network(address), now, window=WINDOW) <= SENT_FROM_ONE_PLACE


def answer(session: "Session", token: str, given: Mapping[UUID, Given], now: datetime) -> int:
    """Set or confirm the numbers that were given, as the person whose link it is; it is used up. Returns how many.

    All of them, or none. Raises Invalid: `link` where it does not work any more, else the field of each number that
    can't be taken.
    """
    found = reminder_queries.open_link(session, _digest(token), now)
    if found is None or not reminder_queries.use_link(session, found[0].id, now):
        raise Invalid({"link": say("This link does not work any more.")})
    link, person = found
    allowed = {row.capacity_id for row in _asked(session, person, link.capacities)}
    _set(session, person, {key: given[key] for key in sorted(given) if key in allowed}, now)
    return len(allowed & given.keys())


def _set(session: "Session", person: Person, given: Mapping[UUID, Given], now: datetime) -> None:
    if not given:
        raise Invalid({"numbers": say("Write at least one number, or sign in.")})
    errors: dict[str, str] = {}
    for capacity_id, wanted in given.items():
        try:
            availability.set_available(session, accounts.actor_of(person), capacity_id, wanted.available, now,
                                       seen=wanted.seen, cause=availability.BY_LINK)
        except Invalid as error:
            errors[f"available-{capacity_id}"] = error.errors["available"]
    if errors:
        raise Invalid(errors)


def void(session: "Session", person_id: UUID, now: datetime, *, but: UUID | None = None) -> None:
    """What this person was sent opens nothing any more, and what was not sent never will be."""
    reminder_queries.void_links(session, person_id, now, but=but)
    outbox.cancel_messages_to(session, person_id, KIND)


def _due(session: "Session", organization_id: UUID, own_only: bool, now: datetime) -> Sequence[KeptCapacity]:
    rows = listing_queries.capacities_kept(session, organization_id, own_only=own_only,
                                           said_between=(now - keeping.WORTH_A_MAIL, now))
    due = [row for row in rows if keeping.worth_a_mail(row.unit, row.capacity.updated, now)]
    return sorted(due, key=lambda row: (keeping.stale_at(row.unit, row.capacity.updated), row.capacity.id))


def _send(session: "Session", person: Person, due: Sequence[KeptCapacity], now: datetime) -> bool:
    link_id, token = uuid4(), secrets.token_urlsafe(32)
    ids = [str(row.capacity.id) for row in due[:MOST]]
    if not reminder_queries.add_link(
            session, id=link_id, person_id=person.id, token_hash=_digest(token), capacities=ids, day=now.date(),
            created=now, expires=now + VALID):
        return False
    void(session, person.id, now, but=link_id)
    # Where every one of them is hidden and can't be told from another, the link would ask about nothing: sign in.
    path = f"/numbers/{token}" if _asked(session, person, ids) else "/"
    notify.tell_person(session, KIND, person.id, now, path=path, number=len(due))
    audit.record(session, None, "capacity:remind", now, subject=f"person:{person.id}", details={"numbers": len(due)})
    return True


def _asked(session: "Session", person: Person, ids: Collection[str]) -> Sequence[Asked]:
    """Those of the numbers that the person still keeps and that may stand on a page which anyone with the mail opens.

    A service whose address is hidden is not named there; where several could be meant it is left out altogether.
    """
    kept = listing_queries.capacities_kept(session, person.organization_id, own_only=person.role == Role.PROVIDER)
    hidden = Counter(row.unit for row in kept if row.confidential)
    order = {text: number for number, text in enumerate(ids)}
    rows = [row for row in kept if str(row.capacity.id) in order and not (row.confidential and hidden[row.unit] > 1)]
    rows.sort(key=lambda row: order[str(row.capacity.id)])
    return [Asked(row.capacity.id, say("Your service with a hidden address") if row.confidential else row.service,
                  row.unit, row.capacity.available, row.capacity.maximum, row.capacity.updated) for row in rows]


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
