"""Whose clock a reader goes by: a provider by their service's, an officer by that of the town where they ask from."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from referral_dir import geo
from referral_dir.desk import places
from referral_dir.domain.access import Actor
from referral_dir.domain.vocabulary import Role
from referral_dir.store import clock_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def of_reader(session: "Session", actor: Actor) -> ZoneInfo | None:
    """The zone of the reader's own clock, where it is known: what they set, what their service has, where they work."""
    found = clock_queries.of_organization(session, actor.organization_id)
    if found is None and actor.role in (Role.OFFICER, Role.CASEWORKER):
        found = _of_town(places.usual_place(session, actor)) or _of_last_case(session, actor)
    return _zone(found) if found else None


def _of_town(town: str) -> str | None:
    try:
        return geo.resolve_place(town).timezone if town else None
    except geo.PlaceError:
        return None


def _of_last_case(session: "Session", actor: Actor) -> str | None:
    """Of where the actor's organization last opened a case: the desk that reads is seldom far from it."""
    point = clock_queries.last_case(session, actor)
    return geo.timezone_at(*point) if point else None


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None
