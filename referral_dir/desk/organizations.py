"""What an administrator does about organizations: list, add, correct, take out of use, give services to keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir.desk import audit, people
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Role
from referral_dir.store import audit_queries, organization_queries, people_queries, records
from referral_dir.store.directory import Organization, Service
from referral_dir.store.organization_queries import Counted
from referral_dir.store.people import Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

PAGE: Final = 50
FOUND: Final = 20
SHOWN: Final = 200
SECOND_WITHIN: Final = timedelta(days=7)
# In the trail: for which keeper somebody asked, of a service that takes two to give.
ASKS: Final = "asks_keeper"
LONGEST: Final = {"name": 200, "description": 2000, "email": 254, "website": 500}


@dataclass(frozen=True, slots=True)
class Whole:
    """One organization with its people and services; `found` are services that it could keep."""

    organization: Organization
    people: Sequence[Person]
    services: Sequence[Service]
    keeps: bool
    found: Sequence[Service]


def listing(session: "Session", actor: Actor, words: str = "", *, all_of_them: bool = False,
            page: int = 1) -> tuple[list[Counted], int]:
    """A page of the organizations that have people here, or of all; and how many there are."""
    require(actor, "organization:read")
    words = words.strip()[:100]
    return organization_queries.counted(session, words, members_only=not all_of_them and not words, limit=PAGE,
                                        offset=PAGE * (max(1, page) - 1))


def names(session: "Session", actor: Actor) -> dict[str, str]:
    """Those that can keep services, by id."""
    require(actor, "organization:read")
    return {str(row_id): name for row_id, name in organization_queries.keepers(session)}


def one(session: "Session", actor: Actor, organization_id: UUID, words: str = "") -> Whole:
    """One organization. Raises NotFound."""
    require(actor, "organization:read")
    row = _loaded(session, organization_id)
    found = organization_queries.services_called(session, words.strip()[:100], FOUND) if words.strip() else ()
    return Whole(row, organization_queries.people_of(session, row.id),
                 organization_queries.services_of(session, row.id, SHOWN),
                 any(row_id == row.id for row_id, _ in organization_queries.keepers(session)),
                 [service for service in found if service.kept_by_id != row.id])


def add(session: "Session", actor: Actor, texts: dict[str, str], now: datetime) -> Organization:
    """A new organization, not in the directory until it gives a service. Raises Invalid."""
    require(actor, "organization:change")
    values = _checked(texts)
    if people_queries.organization_by_name(session, values["name"]):
        raise Invalid({"name": say("There is an organization of this name already.")})
    row = Organization(**values, in_directory=False)
    session.add(row)
    session.flush()
    audit.record(session, actor, "organization:change", now, subject=f"organization:{row.id}",
                 details={"change": "added"})
    return row


def change(session: "Session", actor: Actor, organization_id: UUID, texts: dict[str, str], now: datetime) -> None:
    """Correct what it is called and how it is reached. Raises Invalid, NotFound."""
    require(actor, "organization:change")
    row, values = _loaded(session, organization_id), _checked(texts)
    other = people_queries.organization_by_name(session, values["name"])
    if other is not None and other.id != row.id:
        raise Invalid({"name": say("There is an organization of this name already.")})
    changed = sorted(field for field, value in values.items() if getattr(row, field) != value)
    for field in changed:
        setattr(row, field, values[field])
    if "name" in changed:  # services are found by the name of who gives them
        records.services_changed(session, [s.id for s in organization_queries.services_of(session, row.id, 100_000)])
    audit.record(session, actor, "organization:change", now, subject=f"organization:{row.id}",
                 details={"fields": changed})


def close(session: "Session", actor: Actor, organization_id: UUID, now: datetime) -> None:
    """Take it out of use: its people are locked and their sessions end, its services are not offered any more, and what
    it kept waits for another keeper. Nothing is erased. Raises Invalid for one's own, NotFound."""
    require(actor, "organization:change")
    row = _loaded(session, organization_id)
    if row.id == actor.organization_id:
        raise Invalid({"close": say("This is your own organization: an administrator of another one must do it.")})
    for person in organization_queries.people_of(session, row.id):
        if person.active:
            people.set_active(session, actor, person.id, False, now)
    for service in organization_queries.services_of(session, row.id, 100_000):
        if service.organization_id == row.id and service.status == "active":
            service.status, service.revision = "inactive", service.revision + 1
            records.service_changed(session, service.id)
        if service.kept_by_id == row.id:
            service.kept_by_id = None
    audit.record(session, actor, "organization:change", now, subject=f"organization:{row.id}",
                 details={"change": "closed"})


def keep(session: "Session", actor: Actor, organization_id: UUID, service_id: UUID, now: datetime) -> bool:
    """From now on this organization's caseworkers keep the service. Raises Invalid, NotFound, WrongState.

    Whoever keeps a hidden service can read its address: it is given only when a second administrator does the same
    within a week. Returns whether it is given.
    """
    require(actor, "organization:change")
    row, service = _loaded(session, organization_id), _service(session, service_id)
    if not any(row_id == row.id for row_id, _ in organization_queries.keepers(session)):
        raise Invalid({"service": say("Nobody here is a caseworker: invite one first.")})
    if service.confidential and service.organization_id != row.id \
            and not _asked_by_another(session, actor, service, row.id, now):
        audit.record(session, actor, "organization:change", now, subject=f"service:{service.id}",
                     details={ASKS: str(row.id)})
        return False
    _give(session, actor, service, row.id, now)
    return True


def _asked_by_another(session: "Session", actor: Actor, service: Service, keeper: UUID, now: datetime) -> bool:
    """Whether another administrator, who still is one, asked for this keeper since the service was last given."""
    for act in audit_queries.acts_on(session, f"service:{service.id}", "organization:change", now - SECOND_WITHIN):
        if "kept_by" in act.details:
            return False
        other = session.get(Person, act.actor_id) if act.actor_id != actor.person_id else None
        if act.details.get(ASKS) == str(keeper) and other and other.active and other.role == Role.ADMINISTRATOR:
            return True
    return False


def unkeep(session: "Session", actor: Actor, organization_id: UUID, service_id: UUID, now: datetime) -> None:
    """Nobody keeps the service any more. Raises NotFound, WrongState."""
    require(actor, "organization:change")
    row, service = _loaded(session, organization_id), _service(session, service_id)
    if service.kept_by_id != row.id:
        raise WrongState(say("this organization does not keep the service any more"))
    _give(session, actor, service, None, now)


def _give(session: "Session", actor: Actor, service: Service, keeper: UUID | None, now: datetime) -> None:
    if not organization_queries.keep(session, service.id, keeper, service.kept_by_id):
        raise WrongState(say("somebody else gave this service to another keeper a moment ago"))
    audit.record(session, actor, "organization:change", now, subject=f"service:{service.id}",
                 details={"kept_by": str(keeper) if keeper else None})


def _loaded(session: "Session", organization_id: UUID) -> Organization:
    row = session.get(Organization, organization_id)
    if row is None:
        raise NotFound("no such organization")
    return row


def _service(session: "Session", service_id: UUID) -> Service:
    row = session.get(Service, service_id)
    if row is None:
        raise NotFound("no such service")
    return row


def _checked(texts: dict[str, str]) -> dict[str, str]:
    """The fields as they are kept. Raises Invalid."""
    values = {field: " ".join(texts.get(field, "").split()) for field in LONGEST}
    errors: dict[str, str] = {field: say("At most %(number)s characters.", number=longest)
                              for field, longest in LONGEST.items() if len(values[field]) > longest}
    if not values["name"]:
        errors["name"] = say("Write the name of the organization.")
    if values["email"] and "@" not in values["email"]:
        errors["email"] = say("Write a whole e-mail address, or leave it empty.")
    if values["website"] and not values["website"].startswith("https://"):
        errors["website"] = say("Write an address that begins with https://, or leave it empty.")
    if errors:
        raise Invalid(errors)
    return values
