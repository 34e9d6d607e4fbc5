"""Where: who may be offered at a place at all, and how near it is."""

from collections.abc import Sequence
from functools import lru_cache

from referral_dir.domain.distance import haversine_km
from referral_dir.domain.need import Area, Candidate, Criterion, Need, ServedArea, Verdict
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Place

HALF_DISTANCE_KM = 15.0
REMOTE_NEARNESS = 0.5
PLACE_UNKNOWN_NEARNESS = 0.1


def area_key(country: str, admin1: str | None) -> str:
    """One text for a country, or for one area of it."""
    return f"{country}/{(admin1 or '').strip().casefold()}"


def covers(area: ServedArea, place: Place) -> bool:
    """Whether the place lies in the area."""
    if area.radius_km is not None and area.latitude is not None and area.longitude is not None:
        return haversine_km(place.latitude, place.longitude, area.latitude, area.longitude) <= area.radius_km
    if not area.country or not place.country:
        return False
    return area_key(area.country, area.admin1) in (area_key(place.country, None),
                                                   area_key(place.country, place.admin1))


def is_everywhere(candidate: Candidate, place: Place) -> bool:
    """Served wherever it is: the place lies in one of its areas, or it works by phone and names none."""
    if candidate.areas:
        return any(covers(area, place) for area in candidate.areas)
    return candidate.remote


def distance_km(need: Need, candidate: Candidate) -> float | None:
    """To its nearest point, to 0.1 km; None where no point is known."""
    return _nearest_km(need.place.latitude, need.place.longitude, candidate.points) if candidate.points else None


def nearest_point(place: Place, points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Of one or more points (degrees) the one nearest to the place."""
    return points[0] if len(points) == 1 else min(
        points, key=lambda point: haversine_km(place.latitude, place.longitude, *point))


@lru_cache(maxsize=1024)
def _nearest_km(latitude: float, longitude: float, points: tuple[tuple[float, float], ...]) -> float:
    """Kept, as several rules ask for it."""
    return round(min([haversine_km(latitude, longitude, *point) for point in points]) * 10) / 10


def is_in_reach(need: Need, candidate: Candidate, distance: float | None) -> bool:
    """A hard rule: near enough to be at least a near miss, served here anyway, or of unknown place in this country."""
    if (distance is not None and distance <= need.reach_km) or is_everywhere(candidate, need.place):
        return True
    unplaced = not candidate.points and not candidate.areas and not candidate.remote
    return unplaced and candidate.country is not None and candidate.country == need.place.country


def is_avoided(areas: tuple[Area, ...], candidate: Candidate) -> bool:
    """A hard rule: one of its points (its zone's, for a confidential service) lies in an area to avoid."""
    return any(haversine_km(lat, lon, area.latitude, area.longitude) <= area.radius_km
               for area in areas for lat, lon in candidate.points)


def place_criterion(need: Need, candidate: Candidate, distance: float | None) -> Criterion:
    """How far, or how else."""
    nearness = 0.0 if distance is None else 1 / (1 + distance / HALF_DISTANCE_KM)
    if distance is not None and distance <= need.radius_km:
        if candidate.confidential:
            return Criterion("distance", Verdict.MET, say("Confidential address, zone %(zone)s",
                                                                    zone=candidate.zone), nearness)
        far, exact = f"{distance:g}", candidate.place_precision == "exact"
        said = say("%(distance)s km from %(place)s", distance=far, place=need.place.name) if exact else \
            say("about %(distance)s km from %(place)s", distance=far, place=need.place.name)
        return Criterion("distance", Verdict.MET, said, nearness)
    if is_everywhere(candidate, need.place):
        how = say("Works by phone or online") if candidate.remote else say("Covers %(place)s", place=need.place.name)
        return Criterion("distance", Verdict.MET, how, max(REMOTE_NEARNESS, nearness))
    if distance is None:
        return Criterion("distance", Verdict.UNKNOWN, say("Its place is not known: ask where it is"),
                         PLACE_UNKNOWN_NEARNESS)
    return Criterion("distance", Verdict.UNMET,
                     say("%(distance)s km away, beyond the %(asked)s km asked for", distance=f"{distance:g}",
                         asked=f"{need.radius_km:g}"), nearness)
