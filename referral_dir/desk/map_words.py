"""What a map shows, in words: directions and distances."""

import math
from collections.abc import Sequence
from typing import Final

from referral_dir.domain.distance import haversine_km
from referral_dir.domain.saying import Said, say

# Clockwise from the north.
TOWARDS: Final = (
    lambda km: say("%(km)s km to the north", km=km), lambda km: say("%(km)s km to the north-east", km=km),
    lambda km: say("%(km)s km to the east", km=km), lambda km: say("%(km)s km to the south-east", km=km),
    lambda km: say("%(km)s km to the south", km=km), lambda km: say("%(km)s km to the south-west", km=km),
    lambda km: say("%(km)s km to the west", km=km), lambda km: say("%(km)s km to the north-west", km=km))
LONGEST: Final = 7


def entry_text(middle: tuple[float, float], point: tuple[float, float] | None, zone: str | None,
               distance_km: float | None) -> Said:
    """Where one service is: towards where and how far, or somewhere in its zone, and nothing finer."""
    if zone is not None:
        return say("Hidden: somewhere in or around %(zone)s", zone=zone) if zone else say("Hidden")
    if point is None:
        return say("Not on the map: asked by phone, or too far away")
    km = round(haversine_km(*middle, *point), 1) if distance_km is None else distance_km
    return say("Less than 1 km away") if km < 1 else TOWARDS[_eighth(middle, point)](f"{km:g}")


def _eighth(middle: tuple[float, float], point: tuple[float, float]) -> int:
    """Which of the eight directions the shortest way begins in."""
    lat1, lat2, turn = math.radians(middle[0]), math.radians(point[0]), math.radians(point[1] - middle[1])
    east = math.sin(turn) * math.cos(lat2)
    north = math.cos(lat1) * math.sin(lat2) - math.sin(lat1) * math.cos(lat2) * math.cos(turn)
    return round(math.degrees(math.atan2(east, north)) / 45) % 8


def numbers_text(numbers: Sequence[int]) -> str:
    """Like 4, or 1–3, 7; where that is too long, the first and how many more, like 1 +4."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    text = ", ".join(f"{a}" if a == b else f"{a}, {b}" if b == a + 1 else f"{a}–{b}" for a, b in runs)
    return text if len(text) <= LONGEST else f"{min(numbers)} +{len(numbers) - 1}"
