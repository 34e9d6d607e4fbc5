"""Zones: the coarse place under which a hidden service is found. A person chooses one; these are the warnings."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from referral_dir.domain.distance import haversine_km
from referral_dir.domain.needs import label
from referral_dir.domain.vocabulary import Place

# What lies this near belongs to the zone, for whoever looks for it.
REACH_KM: Final = 30.0
SMALL_TOWN: Final = 5_000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another service that meets one of the needs, at its point or its zone's (degrees, WGS 84)."""

    service_id: UUID
    need: str
    latitude: float
    longitude: float


def warnings(zone: Place, needs: Collection[str], neighbours: Iterable[Neighbour]) -> tuple[str, ...]:
    """Why this zone hides little: it is small, or it and a need together point at this one service."""
    found = [f"{zone.name} is a small place: a stranger could look at every house."] \
        if zone.population < SMALL_TOWN else []
    others = _near(zone, neighbours)
    alone = [label(need) for need in sorted(needs) if not others.get(need)]
    if alone:
        found.append(f"Nobody else near {zone.name} is listed for {', '.join(f'“{need}”' for need in alone)}: whoever "
                     "knows the zone and the need knows that it is this service.")
    return tuple(found)


def _near(zone: Place, neighbours: Iterable[Neighbour]) -> Mapping[str, set[UUID]]:
    met: dict[str, set[UUID]] = {}
    for each in neighbours:
        if haversine_km(zone.latitude, zone.longitude, each.latitude, each.longitude) <= REACH_KM:
            met.setdefault(each.need, set()).add(each.service_id)
    return met
