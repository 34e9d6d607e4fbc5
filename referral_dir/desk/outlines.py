"""Land and borders of the world, as paths in a map's own units: projected, clipped to its frame, thinned out.

The projection is the azimuthal equidistant one (J. P. Snyder, Map Projections: A Working Manual, 1987, p. 191): from
the middle every distance and direction is true, at any latitude and across the date line, so that a ring of a distance
is a circle.
"""

import json
import lzma
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from referral_dir.domain.distance import EARTH_RADIUS_KM
from referral_dir.domain.needs import DATA

Points = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
# Of shapely's lines or polygons.
Shapes = npt.NDArray[np.object_]
# From this many km from the middle to the edge on, the coarser outlines are fine enough.
FAR_KM: Final = 500.0
# In the map's units: what is nearer to the line through its neighbours, and what is smaller, is left out.
TOLERANCE: Final = 0.8
SMALLEST: Final = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """A map's frame: its middle in degrees (WGS 84), its size in its own units, and how many km a unit is."""

    latitude: float
    longitude: float
    width: int
    height: int
    unit_km: float

    @property
    def reach_km(self) -> float:
        """From the middle to a corner."""
        return math.hypot(self.width, self.height) / 2 * self.unit_km

    def project(self, degrees: Points) -> Points:
        """Rows of (latitude, longitude) as rows of (x, y), y downwards."""
        lat, lon = np.radians(degrees[:, 0]), np.radians(degrees[:, 1] - self.longitude)
        lat0 = math.radians(self.latitude)
        east = np.cos(lat) * np.sin(lon)
        north = math.cos(lat0) * np.sin(lat) - math.sin(lat0) * np.cos(lat) * np.cos(lon)
        ahead = math.sin(lat0) * np.sin(lat) + math.cos(lat0) * np.cos(lat) * np.cos(lon)
        sine = np.hypot(east, north)
        angle = np.arctan2(sine, ahead)
        stretch = np.where(sine < 1e-12, 1.0, angle / np.maximum(sine, 1e-12)) * EARTH_RADIUS_KM / self.unit_km
        return np.stack([self.width / 2 + east * stretch, self.height / 2 - north * stretch], axis=1)

    def points(self, degrees: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
        """(latitude, longitude) as (x, y), to a tenth of a unit."""
        projected = self.project(np.array(list(degrees), dtype=np.float64).reshape(-1, 2))
        return [(x, y) for x, y in projected.round(1).tolist()]

    def holds(self, x: float, y: float, margin: float = 0.0) -> bool:
        """Whether the point lies inside, this far from the edge."""
        return margin <= x <= self.width - margin and margin <= y <= self.height - margin


@dataclass(frozen=True, slots=True)
class Outlines:
    """Paths as SVG writes them: the land as areas, its coast and the borders as lines."""

    land: str
    coast: str
    borders: str


@dataclass(frozen=True, slots=True)
class _Cell:
    """Rows of (latitude, longitude), line after line, with the number of each row's line; for each line the number of
    its ring (-1 for a border) and whether it is a coast, not the cell's own side. Rings come before borders."""

    points: Points
    line: Numbers
    ring: Numbers
    coast: npt.NDArray[np.bool_]


class _Run(NamedTuple):
    """A line of (x, y) in whole steps from the cell's corner; the number of its ring, -1 for a border."""

    points: list[tuple[int, int]]
    ring: int
    coast: bool


def outlines(frame: Frame) -> Outlines:
    """What the frame shows of the world. Lakes are rings within rings, drawn the other way round."""
    level = "far" if frame.reach_km > FAR_KM else "near"
    world = _joined([_cell(level, column, row) for column, row in _cells(level, frame)])
    lines, number = _in_sight(world, frame)
    ring = world.ring[number]
    return Outlines(_areas(lines[ring >= 0], ring[ring >= 0], frame), _lines(lines[world.coast[number]], frame),
                    _lines(lines[ring < 0], frame))


def _joined(cells: Sequence[_Cell]) -> _Cell:
    """Several cells as one: the lines of each are numbered on, and so are its rings, of which there are no more."""
    before = np.cumsum([0, *(len(cell.ring) for cell in cells[:-1])])
    return _Cell(
        np.concatenate([cell.points for cell in cells]),
        np.concatenate([cell.line + n for cell, n in zip(cells, before, strict=True)]),
        np.concatenate([np.where(cell.ring < 0, -1, cell.ring + n) for cell, n in zip(cells, before, strict=True)]),
        np.concatenate([cell.coast for cell in cells]))


@cache
def _file() -> tuple[Mapping[str, Any], npt.NDArray[np.int16]]:
    header, _, body = lzma.decompress((DATA / "outlines.xz").read_bytes()).partition(b"\n")
    return json.loads(header), np.frombuffer(body, dtype="<i2")


# A few countries, at 8 KB each.
@lru_cache(maxsize=512)
def _cell(level: str, column: int, row: int) -> _Cell:
    header, numbers = _file()
    about = header[level]
    begin, rings, lines = about["cells"].get(f"{column},{row}", (0, (), ()))
    steps = numbers[begin:begin + 2 * (sum(rings) + sum(lines))].tolist()
    runs: list[_Run] = []
    begin = 0
    for number, length in enumerate((*rings, *lines)):
        whole = list(zip(accumulate(steps[begin:begin + length]),
                         accumulate(steps[begin + length:begin + 2 * length]), strict=True))
        begin += 2 * length
        runs += (_runs(whole, about["cell"] * about["grain"], number) if number < len(rings) else
                 [_Run(whole, -1, coast=False)])
    points = np.array([point for run in runs for point in run.points], dtype=np.float64).reshape(-1, 2)[:, ::-1]
    corner = row * about["cell"] - 90, column * about["cell"] - 180
    return _Cell(points / about["grain"] + corner, np.repeat(np.arange(len(runs)), [len(run.points) for run in runs]),
                 np.array([run.ring for run in runs], dtype=np.int64),
                 np.array([run.coast for run in runs], dtype=np.bool_))


def _runs(ring: list[tuple[int, int]], size: int, number: int) -> list[_Run]:
    """A closed ring as lines, each of coast or of the cell's sides, from the end of one to the end of the next."""
    side = [(x == then_x and x in (0, size)) or (y == then_y and y in (0, size))
            for (x, y), (then_x, then_y) in zip(ring, [*ring[1:], ring[0]], strict=True)]
    turns = [n for n in range(len(ring)) if side[n] != side[n - 1]]
    if not turns:
        # In two, from the first point to the one farthest from it: thinned out as one line it would shrink to a point.
        turns = [0, max(range(1, len(ring)), key=lambda n: math.dist(ring[0], ring[n]))]
    first = turns[0]
    around = ring[first:] + ring[:first + 1]
    return [_Run(around[a - first:b - first + 1], number, coast=not side[a])
            for a, b in pairwise([*turns, first + len(ring)])]


def _cells(level: str, frame: Frame) -> Iterator[tuple[int, int]]:
    """The cells that the frame may show a part of. A side of a cell is never longer than a degree."""
    size = _file()[0][level]["cell"]
    reach = math.degrees(frame.reach_km / EARTH_RADIUS_KM) + 0.5
    low, high = frame.latitude - reach, frame.latitude + reach
    if low <= -90 or high >= 90:
        across = 180.0
    else:
        across = math.degrees(math.asin(min(1.0, math.sin(math.radians(min(reach, 90.0)))
                                            / math.cos(math.radians(frame.latitude))))) + 0.5
    rows = range(int((max(low, -90) + 90) // size), min(int((min(high, 90) + 90) // size), 180 // size - 1) + 1)
    first = math.floor((frame.longitude - across + 180) / size)
    last = math.floor((frame.longitude + across + 180) / size)
    columns = sorted({n % (360 // size) for n in range(first, min(last, first + 360 // size) + 1)})
    yield from ((column, row) for row in rows for column in columns)


def _in_sight(cell: _Cell, frame: Frame) -> tuple[Shapes, Numbers]:
    """The lines of a cell, projected and thinned out (Douglas and Peucker), with their numbers; without rings that lie
    beside the frame or are too small to be seen."""
    if not len(cell.points):
        return np.empty(0, dtype=object), cell.line
    points, whole = frame.project(cell.points), cell.ring[cell.line]
    begins = np.flatnonzero(np.diff(whole, prepend=-2))
    low, high = np.minimum.reduceat(points, begins), np.maximum.reduceat(points, begins)
    seen = ((high >= 0) & (low <= (frame.width, frame.height))).all(axis=1) & ((high - low).max(axis=1) >= SMALLEST)
    kept = np.repeat(seen, np.diff(begins, append=len(points)))
    numbers, line = np.unique(cell.line[kept], return_inverse=True)
    lines = shapely.linestrings(points[kept], indices=line)
    return shapely.simplify(lines, TOLERANCE, preserve_topology=False), numbers


def _areas(lines: Shapes, ring: Numbers, frame: Frame) -> str:
    """What of the rings, whose lines follow each other, lies inside the frame: all clipped at once, one side of the
    frame after the other (Sutherland and Hodgman), which keeps the way round that tells a lake from land."""
    points, line = shapely.get_coordinates(lines, return_index=True)
    part = ring[line]
    for axis, limit, sign in ((0, 0, 1), (0, frame.width, -1), (1, 0, 1), (1, frame.height, -1)):
        depth = (points[:, axis] - limit) * sign
        inside = depth >= 0
        if inside.all():
            continue
        following, begins = np.arange(1, len(part) + 1), np.flatnonzero(np.diff(part, prepend=-1))
        following[np.append(begins[1:], len(part)) - 1] = begins
        crosses = inside != inside[following]
        share = np.divide(depth, depth - depth[following], out=np.zeros_like(depth), where=crosses)
        crossing = points + (points[following] - points) * share[:, None]
        kept = np.stack([inside, crosses], axis=1).reshape(-1)
        points, part = np.stack([points, crossing], axis=1).reshape(-1, 2)[kept], np.repeat(part, 2)[kept]
        if not len(part):
            return ""
    return _path(points, part, "z")


def _lines(lines: Shapes, frame: Frame) -> str:
    """What of the lines lies inside the frame."""
    inside = shapely.get_parts(shapely.clip_by_rect(lines, 0, 0, frame.width, frame.height))
    return _path(*shapely.get_coordinates(inside, return_index=True))


def _path(points: Points, part: Numbers, end: str = "") -> str:
    """In whole units, like M10 20l5-3 2 8: the first point of each part, then the steps, and z where it is closed."""
    if not len(part):
        return ""
    whole = np.rint(points).astype(np.int64)
    kept = np.ones(len(part), dtype=np.bool_)
    kept[1:] = (whole[1:] != whole[:-1]).any(axis=1) | (part[1:] != part[:-1])
    whole, part = whole[kept], part[kept]
    begins, steps = np.flatnonzero(np.diff(part, prepend=-1)).tolist(), np.diff(whole, axis=0).tolist()
    return "".join(
        f"M{x} {y}l{_numbers(steps[begin:last - 1])}{end}"
        for (x, y), begin, last in zip(whole[begins].tolist(), begins, [*begins[1:], len(part)], strict=True)
        if last - begin > (2 if end else 1))


def _numbers(steps: Iterable[Sequence[int]]) -> str:
    return " ".join([f"{x} {y}" for x, y in steps]).replace(" -", "-")
