"""Pictures of a deployment's own tile server, laid beneath a map: which, and where on it.

Tiles are squares of the web's Mercator projection. On a map of a town or a region they fit ours within a unit or two;
on a larger one, or near a pole, they would not, and are left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from referral_dir.desk.outlines import Frame

LARGEST_KM: Final = 150.0
LARGEST_LATITUDE: Final = 70.0
DEEPEST: Final = 17
# Kilometres along the equator that one of a tile's 256 points is at depth 0.
POINT_KM: Final = 156.543
# A unit of a map is about this many points of a screen.
POINTS: Final = 1.5


@dataclass(frozen=True, slots=True)
class Tile:
    """A picture's address and where it lies, in the map's units."""

    address: str
    x: float
    y: float
    width: float
    height: float


def tiles(frame: Frame, template: str) -> tuple[Tile, ...]:
    """The tiles that cover the frame; `template` is an address with {z}, {x} and {y}. None where they would not fit."""
    if not template or frame.reach_km > LARGEST_KM or abs(frame.latitude) > LARGEST_LATITUDE:
        return ()
    depth = round(math.log2(POINT_KM * math.cos(math.radians(frame.latitude)) * POINTS / frame.unit_km))
    depth = max(0, min(DEEPEST, depth))
    return tuple(_laid(frame, template, depth, x, y) for x, y in _covering(frame, depth))


def _covering(frame: Frame, depth: int) -> Iterator[tuple[int, int]]:
    north = math.degrees(frame.height / 2 * frame.unit_km / 6371)
    east = math.degrees(frame.width / 2 * frame.unit_km / 6371) / math.cos(
        math.radians(min(abs(frame.latitude) + north, 89)))
    left, top = _at(frame.latitude + north, frame.longitude - east, depth)
    right, bottom = _at(frame.latitude - north, frame.longitude + east, depth)
    yield from ((x, y) for y in range(max(0, int(top)), min(2 ** depth - 1, int(bottom)) + 1)
                for x in range(math.floor(left), math.floor(right) + 1))


def _at(latitude: float, longitude: float, depth: int) -> tuple[float, float]:
    """The place in tiles from the north-west corner of the world."""
    y = math.asinh(math.tan(math.radians(latitude)))
    return (longitude + 180) / 360 * 2 ** depth, (1 - y / math.pi) / 2 * 2 ** depth


def _laid(frame: Frame, template: str, depth: int, x: int, y: int) -> Tile:
    corners = np.array([(math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (y + dy) / 2 ** depth)))),
                         (x + dx) / 2 ** depth * 360 - 180) for dy in (0, 1) for dx in (0, 1)])
    nw, ne, sw, se = frame.project(corners).tolist()
    left, top = (nw[0] + sw[0]) / 2, (nw[1] + ne[1]) / 2
    address = template.replace("{z}", str(depth)).replace("{x}", str(x % 2 ** depth)).replace("{y}", str(y))
    return Tile(address, round(left, 1), round(top, 1), round((ne[0] + se[0]) / 2 - left + 0.3, 1),
                round((sw[1] + se[1]) / 2 - top + 0.3, 1))
