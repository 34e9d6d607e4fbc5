"""Distances on the sphere, and the grain of coordinates."""

import math
from typing import Final

EARTH_RADIUS_KM: Final = 6371.0088
# WGS 84: the equator's radius, and how much shorter the axis is.
EQUATOR_KM: Final = 6378.137
FLATTENING: Final = 1 / 298.257223563
# Vincenty's way takes three or four steps but for nearly opposite points, where it may never end.
LARGEST_STEPS: Final = 12
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


def vincenty_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float | None:
    """Distance on the WGS 84 ellipsoid to half a millimetre (T. Vincenty, Survey Review 23, 1975, inverse formula).

    None for points that are nearly opposite on the globe, for which it does not settle.
    """
    axis = EQUATOR_KM * (1 - FLATTENING)
    u1 = math.atan((1 - FLATTENING) * math.tan(math.radians(lat1)))
    u2 = math.atan((1 - FLATTENING) * math.tan(math.radians(lat2)))
    sin1, cos1, sin2, cos2 = math.sin(u1), math.cos(u1), math.sin(u2), math.cos(u2)
    longitude = turn = math.radians((lon2 - lon1 + 180) % 360 - 180)
    for _ in range(LARGEST_STEPS):
        sine, cosine = math.sin(turn), math.cos(turn)
        sigma_sine = math.hypot(cos2 * sine, cos1 * sin2 - sin1 * cos2 * cosine)
        if sigma_sine == 0:
            return 0.0
        sigma_cosine = sin1 * sin2 + cos1 * cos2 * cosine
        sigma = math.atan2(sigma_sine, sigma_cosine)
        alpha = cos1 * cos2 * sine / sigma_sine
        squared = 1 - alpha * alpha
        middle = sigma_cosine - 2 * sin1 * sin2 / squared if squared else 0.0
        c = FLATTENING / 16 * squared * (4 + FLATTENING * (4 - 3 * squared))
        bend = 2 * middle * middle - 1
        before, turn = turn, longitude + (1 - c) * FLATTENING * alpha * (
            sigma + c * sigma_sine * (middle + c * sigma_cosine * bend))
        if abs(turn - before) < 1e-12:
            break
    else:
        return None
    square = squared * (EQUATOR_KM ** 2 - axis ** 2) / axis ** 2
    a = 1 + square / 16384 * (4096 + square * (-768 + square * (320 - 175 * square)))
    b = square / 1024 * (256 + square * (-128 + square * (74 - 47 * square)))
    off = b * sigma_sine * (middle + b / 4 * (sigma_cosine * bend - b / 6 * middle * (
        4 * sigma_sine * sigma_sine - 3) * (4 * middle * middle - 3)))
    return axis * a * (sigma - off)
