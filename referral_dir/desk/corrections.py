"""Somebody says that something of a service is wrong: it is sent, waits for the service's keepers, and is settled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from referral_dir.desk import audit, limits
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, TooOften, WrongState
from referral_dir.domain.listing import tidy
from referral_dir.domain.saying import Said, say
from referral_dir.store import listing_queries, upkeep_queries
from referral_dir.store.directory import Service
from referral_dir.store.upkeep import Correction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LONGEST: Final = 500
SHOWN: Final = 100
ABOUT: Final[Mapping[str, Said]] = MappingProxyType({
    "closed": say("It is closed or has moved away"), "phone": say("The telephone number"),
    "hours": say("The opening hours"), "address": say("The address"), "languages": say("The languages"),
    "needs": say("What it helps with"), "eligibility": say("Whom it is for"), "web": say("The web or e-mail address"),
    "double": say("It is listed twice"), "other": say("Something else")})
REASONS: Final[Mapping[str, Said]] = MappingProxyType({
    "right": say("It is right as it is"), "unclear": say("It is not clear what is meant"),
    "elsewhere": say("It is about another service"), "spam": say("It is not meant seriously"),
    "personal": say("It is about a person: its words are deleted at once")})
# Whose words are of no use, or should not be here: they go at once.
_DELETED_AT_ONCE: Final = frozenset({"spam", "personal"})
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
# From one network in an hour; of one service in a day; from all of the public in an hour; by one of us in an hour.
FROM_NETWORK, OF_SERVICE, FROM_PUBLIC, FROM_STAFF = 5, 20, 200, 30


@dataclass(frozen=True, slots=True)
class Sent:
    """A correction that waits. `from_staff`: somebody who was signed in sent it; nobody else is ever known."""

    correction_id: UUID
    service_id: UUID
    service: str
    about: Said
    text: str
    created: datetime
    from_staff: bool


def service_to_correct(session: "Session", actor: Actor | None, service_id: UUID) -> str:
    """The service's name, where whoever asks may know of it. Raises NotFound: for the public, a hidden service or a
    closed one is as one that never was."""
    if actor is not None:
        require(actor, "correction:send")
    service = session.get(Service, service_id)
    if service is None or (actor is None and (service.confidential or service.status != "active")):
        raise NotFound("no such service")
    return service.name


def send(session: "Session", actor: Actor | None, service_id: UUID, about: str, text: str, now: datetime, *,
         network: str = "", trap: str = "") -> None:
    """Keep it for the service's keepers. Nothing of a visitor is kept but the words, and these sealed.

    `trap` is a field that no person sees: what fills it in is thanked and forgotten.
    Raises NotFound, Invalid, TooOften.
    """
    service_to_correct(session, actor, service_id)
    words = tidy(text)
    errors: dict[str, str] = {}
    if about not in ABOUT:
        errors["about"] = say("choose what it is about")
    if not words or len(words) > LONGEST:
        errors["text"] = say("write what is wrong and what is right, in at most %(number)s letters", number=LONGEST)
    if errors:
        raise Invalid(errors)
    if trap:
        return
    _slow_down(session, actor, service_id, network, now)
    row_id = uuid4()
    session.add(Correction(id=row_id, service_id=service_id, about=about, created=now, state=upkeep_queries.OPEN,
                           body=session.info["keys"].seal(words.encode(), row_id, "body"),
                           person_id=actor.person_id if actor else None))
    if actor is not None:
        audit.record(session, actor, "correction:send", now, subject=f"service:{service_id}", details={"about": about})


def _slow_down(session: "Session", actor: Actor | None, service_id: UUID, network: str, now: datetime) -> None:
    tries = [("correction:staff", str(actor.person_id), FROM_STAFF, HOUR)] if actor else [
        ("correction:network", network, FROM_NETWORK, HOUR), ("correction:service", str(service_id), OF_SERVICE, DAY),
        ("correction:public", "all", FROM_PUBLIC, HOUR)]
    for kind, subject, limit, window in tries:
        if limits.exceeded(session, kind, subject, now, window=window, limit=limit):
            raise TooOften(say("So many corrections were sent lately that no more are taken now. Try again later."))
    for kind, subject, _, window in tries:
        limits.count(session, kind, subject, now, window=window)


def waiting(session: "Session", actor: Actor) -> Sequence[Sent]:
    """What waits for the actor's organization, oldest first."""
    require(actor, "correction:decide")
    return [_sent(session, row, service) for row, service in
            upkeep_queries.corrections_kept(session, actor.organization_id, SHOWN)]


def _sent(session: "Session", row: Correction, service: Service) -> Sent:
    text = session.info["keys"].open(row.body, row.id, "body").decode() if row.body else ""
    return Sent(row.id, row.service_id, service.name, ABOUT.get(row.about, ABOUT["other"]), text, row.created,
                row.person_id is not None)


def to_settle(session: "Session", actor: Actor, service_id: UUID, correction_id: UUID | None) -> Sent | None:
    """The correction that the editor of this service was opened for, if it still waits."""
    if correction_id is None:
        return None
    row = upkeep_queries.correction_kept(session, correction_id, actor.organization_id)
    if row is None or row.service_id != service_id or row.state != upkeep_queries.OPEN:
        return None
    return _sent(session, row, session.get_one(Service, service_id))


def accept(session: "Session", actor: Actor, correction_id: UUID, now: datetime) -> None:
    """It is right, and has been put right. Raises NotFound, WrongState."""
    _decide(session, actor, correction_id, "accepted", None, now)


def reject(session: "Session", actor: Actor, correction_id: UUID, reason: str, now: datetime) -> None:
    """Nothing is changed for it, and why. Raises NotFound, Invalid, WrongState."""
    _decide(session, actor, correction_id, "rejected", reason, now)


def _decide(session: "Session", actor: Actor, correction_id: UUID, state: str, reason: str | None,
            now: datetime) -> None:
    require(actor, "correction:decide")
    row = upkeep_queries.correction_kept(session, correction_id, actor.organization_id)
    if row is None:
        raise NotFound("no such correction")
    if state == "rejected" and reason not in REASONS:
        raise Invalid({"reason": say("choose a reason")})
    values: dict[str, object] = {"state": state, "reason": reason, "decided": now, "decided_by_id": actor.person_id}
    if reason in _DELETED_AT_ONCE:
        values["body"] = b""
    if not upkeep_queries.decide(session, correction_id, **values):
        raise WrongState(say("somebody has settled this already"))
    audit.record(session, actor, "correction:decide", now, subject=f"service:{row.service_id}",
                 details={"state": state, "reason": reason or ""})


def keeps(session: "Session", actor: Actor, service_id: UUID) -> bool:
    """Whether the actor may change the service themselves: then there is nobody to tell."""
    return listing_queries.service_kept(session, service_id, actor.organization_id, own_only=False) is not None
