"""Places as people write them: while typing, where several have one name, and where somebody usually asks from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from referral_dir import geo
from referral_dir.domain.access import Actor, require
from referral_dir.domain.vocabulary import Place
from referral_dir.store import people_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# A position is asked for this finely: 0.01 degrees are about 1 km, enough to find what is near.
DECIMALS: Final = 2


def suggestions(session: "Session", actor: Actor, text: str) -> list[str]:
    """What may be meant while somebody types; of the country that they usually ask from first."""
    require(actor, "service:find")
    usual = usual_place(session, actor)
    country = usual.rpartition(", ")[2] if usual else ""
    return [_written(p) for p in geo.suggest_places(text, prefer_country=geo.country_code(country))]


def choices(text: str) -> Sequence[str]:
    """The places that have this name, or nearly; empty where one place is meant, or none is known."""
    try:
        geo.resolve_place(text)
    except geo.AmbiguousPlace as error:
        return [_written(p) for p in error.choices]
    except geo.UnknownPlace as error:
        return [_written(p) for p in error.suggestions]
    return []


def written(place: Place) -> str:
    """The town of a place, so that it is found again when it is asked for in these words."""
    return _written(geo.nearest_place(place.latitude, place.longitude) if not place.population else place)


def usual_place(session: "Session", actor: Actor) -> str:
    """Where the actor usually asks from; empty where nothing is kept."""
    return people_queries.usual_place(session, actor.person_id) or ""


def keep_usual_place(session: "Session", actor: Actor, place: Place | None) -> None:
    """The next question begins with this town; None forgets it. Never a position: only the town's name is kept."""
    require(actor, "service:find")
    people_queries.set_usual_place(session, actor.person_id, written(place) if place else None)


def _written(place: Place) -> str:
    """Its label; its coordinates where a larger place has the same label."""
    label = geo.place_label(place)
    try:
        if geo.resolve_place(label) == place:
            return label
    except geo.PlaceError:
        pass
    return f"{place.latitude}, {place.longitude}"
