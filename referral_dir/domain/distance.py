"""Distances on the sphere, and the grain of coordinates."""

import math
from typing import Final

EARTH_RADIUS_KM: Final = 6371.0088
# Coordinates are compared in steps of 1e-7 degrees (1.1 cm), so that whoever keeps them as whole numbers measures
# what the rules measure.
STEPS_PER_DEGREE: Final = 10_000_000


def grid_point(latitude: float | None, longitude: float | None) -> tuple[float, float] | None:
    """The point (WGS 84 degrees) in whole steps; None where it is not given or not on the globe."""
    if latitude is None or longitude is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None
    steps = round(latitude * STEPS_PER_DEGREE), round(longitude * STEPS_PER_DEGREE)
    return steps[0] / STEPS_PER_DEGREE, steps[1] / STEPS_PER_DEGREE


def haversine_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance on the mean sphere (R. W. Sinnott, 1984); within 0.6 % of the geodesic."""
    a1, a2 = math.radians(lat1), math.radians(lat2)
    half = math.sin((a2 - a1) / 2) ** 2 + math.cos(a1) * math.cos(a2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(half)))
