"""Places as whole numbers, sorted so that a radius is a few stretches of rows.

A row's key is its band of latitude, then its longitude. Rows in key order are cells of one band beside each other: a
circle is at most two stretches per band (two where it crosses the date line), found by one binary search.
"""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from referral_dir.domain.distance import EARTH_RADIUS_KM, STEPS_PER_DEGREE

BAND: Final = 2_500_000  # a quarter of a degree, 28 km
NOWHERE: Final = 1 << 62
_SHIFT: Final = 33
_LATITUDE_0: Final = 90 * STEPS_PER_DEGREE
LONGITUDE_0: Final = 180 * STEPS_PER_DEGREE
_RADIANS: Final = math.pi / 180 / STEPS_PER_DEGREE
LONGITUDE_MASK: Final = (1 << _SHIFT) - 1
# Two steps: what rounding to the grid may add.
_SLACK_DEGREES: Final = 2e-7


def steps(degrees: Any) -> NDArray[np.int64]:
    """Degrees in steps of 1e-7."""
    return np.rint(np.asarray(degrees, dtype=np.float64) * STEPS_PER_DEGREE).astype(np.int64)


def keys(latitude: NDArray[np.int64], longitude: NDArray[np.int64]) -> NDArray[np.int64]:
    """The keys of points in steps."""
    return ((latitude + _LATITUDE_0) // BAND << _SHIFT) | (longitude + LONGITUDE_0)


def longitudes(key: NDArray[np.int64]) -> NDArray[np.int64]:
    """The longitudes in steps that the keys hold."""
    return (key & LONGITUDE_MASK) - LONGITUDE_0


def longitude(key: int) -> int:
    """As `longitudes`, of one key."""
    return (key & LONGITUDE_MASK) - LONGITUDE_0


def stretches(latitude: float, longitude: float, radius_km: float) -> tuple[list[int], list[int]]:
    """First keys and keys past the last ones, for every point within the radius and some more.

    The longitudes of a circle reach asin(sin r / cos latitude) to either side, all round where it holds a pole
    (J. P. Snyder, Map Projections, 1987, eq. 5-3).
    """
    angle = min(radius_km / EARTH_RADIUS_KM, math.pi)
    reach = math.degrees(angle) * (1 + 1e-9) + _SLACK_DEGREES
    south, north = max(-90.0, latitude - reach), min(90.0, latitude + reach)
    wide = 180.0
    if north < 90 and south > -90:
        ratio = min(1.0, math.sin(math.radians(reach)) / math.cos(math.radians(latitude)))
        wide = math.degrees(math.asin(ratio)) * (1 + 1e-9) + _SLACK_DEGREES
    west, east = longitude - wide, longitude + wide
    spans = [(max(-180.0, west), min(180.0, east))]
    if wide >= 180:
        spans = [(-180.0, 180.0)]
    elif west < -180:
        spans.append((west + 360, 180.0))
    elif east > 180:
        spans.append((-180.0, east - 360))
    first = (math.floor(south * STEPS_PER_DEGREE) + _LATITUDE_0) // BAND
    last = (math.ceil(north * STEPS_PER_DEGREE) + _LATITUDE_0) // BAND
    lows, ends = [], []
    for west, east in spans:
        start = math.floor(west * STEPS_PER_DEGREE) + LONGITUDE_0
        end = math.ceil(east * STEPS_PER_DEGREE) + LONGITUDE_0 + 1
        for band in range(first, last + 1):
            lows.append((band << _SHIFT) + start)
            ends.append((band << _SHIFT) + end)
    return lows, ends


def kilometres(latitude: float, longitude: float, latitudes: NDArray[Any],
               longitudes_: NDArray[Any]) -> NDArray[np.float64]:
    """Great-circle distances from a point (degrees) to many (steps): `domain.distance.haversine_km` over arrays."""
    here = math.radians(latitude)
    lat = latitudes * _RADIANS
    north, east = np.sin((lat - here) / 2), np.sin((longitudes_ * _RADIANS - math.radians(longitude)) / 2)
    half = north * north + math.cos(here) * np.cos(lat) * (east * east)
    found: NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.minimum(1.0, np.sqrt(half)))
    return found
