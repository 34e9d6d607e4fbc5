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
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from referral_dir.domain.distance import EARTH_RADIUS_KM
from referral_dir.domain.needs import DATA

Points = npt.NDArray[np.float64]
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
    """Rows of (latitude, longitude, whether the side to the next point is the cell's own) of rings, then of borders;
    before which row each but the first begins, and how many of them are rings."""

    points: Points
    begins: tuple[int, ...]
    rings: int


def outlines(frame: Frame) -> Outlines:
    """What the frame shows of the world."""
    level = "far" if frame.reach_km > FAR_KM else "near"
    land, coast, borders = [], [], []
    for column, row in _cells(level, frame):
        cell = _cell(level, column, row)
        parts = np.split(np.column_stack([frame.project(cell.points[:, :2]), cell.points[:, 2]]), cell.begins)
        for ring in parts[:cell.rings]:
            drawn = _whole(_clip(ring, frame))
            if len(drawn) > 2 and np.ptp(drawn[:, :2], axis=0).max() >= SMALLEST:
                area, lines = _thin_ring(drawn)
                land.append(_path(area) + "z")
                coast += [_path(line) for line in lines]
        for line in parts[cell.rings:]:
            borders += [_path(_thin(part)) for part in _inside(line[:, :2], frame)]
    return Outlines("".join(land), "".join(coast), "".join(borders))


@cache
def _file() -> tuple[Mapping[str, Any], npt.NDArray[np.int16]]:
    header, _, body = lzma.decompress((DATA / "outlines.xz").read_bytes()).partition(b"\n")
    return json.loads(header), np.frombuffer(body, dtype="<i2")


@lru_cache(maxsize=64)
def _cell(level: str, column: int, row: int) -> _Cell:
    header, numbers = _file()
    about = header[level]
    begin, rings, lines = about["cells"].get(f"{column},{row}", (0, (), ()))
    size, parts = about["cell"] * about["grain"], []
    for length in (*rings, *lines):
        x, y = (np.cumsum(numbers[begin + n * length:begin + (n + 1) * length], dtype=np.int64) for n in (0, 1))
        begin += 2 * length
        parts.append((x, y))
    corner = column * about["cell"] - 180, row * about["cell"] - 90

    def degrees(x: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> Points:
        return np.stack([y / about["grain"] + corner[1], x / about["grain"] + corner[0]], axis=1)

    closed = [np.column_stack([degrees(x, y), _on_edge(x, size) | _on_edge(y, size)]) for x, y in parts]
    begins = np.cumsum([len(part) for part in closed])[:-1]
    return _Cell(np.concatenate(closed or [np.empty((0, 3))]), tuple(begins.tolist()), len(rings))


def _on_edge(numbers: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.bool_]:
    following = np.roll(numbers, -1)
    same: npt.NDArray[np.bool_] = (numbers == following) & ((numbers == 0) | (numbers == size))
    return same


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


def _clip(ring: Points, frame: Frame) -> Points:
    """The part of a closed ring inside the frame (Sutherland and Hodgman), one side after the other."""
    for axis, limit, sign in ((0, 0, 1), (0, frame.width, -1), (1, 0, 1), (1, frame.height, -1)):
        depth = (ring[:, axis] - limit) * sign
        inside = depth >= 0
        if inside.all():
            continue
        if not inside.any():
            return ring[:0]
        following, depth_next = np.roll(ring, -1, axis=0), np.roll(depth, -1)
        crosses = inside != np.roll(inside, -1)
        part = np.divide(depth, depth - depth_next, out=np.zeros_like(depth), where=crosses)
        crossing = ring + (following - ring) * part[:, None]
        # What leaves goes on along the frame's side, which is no coast.
        crossing[:, 2] = np.where(inside, 1.0, ring[:, 2])
        both = np.stack([ring, crossing], axis=1).reshape(-1, 3)
        ring = both[np.stack([inside, crosses], axis=1).reshape(-1)]
    return ring


def _inside(line: Points, frame: Frame) -> Iterator[Points]:
    """The runs of a line inside the frame (Liang and Barsky, on all its parts at once)."""
    begin, step = line[:-1], np.diff(line, axis=0)
    enter, leave = np.zeros(len(step)), np.ones(len(step))
    for axis, limit in ((0, frame.width), (1, frame.height)):
        for along, room in ((-step[:, axis], begin[:, axis]), (step[:, axis], limit - begin[:, axis])):
            at = np.divide(room, along, out=np.where(room < 0, np.inf, -np.inf), where=along != 0)
            enter = np.where((along < 0) | (along == 0), np.maximum(enter, at), enter)
            leave = np.where(along > 0, np.minimum(leave, at), leave)
    run: list[Points] = []
    for number in np.flatnonzero(enter < leave).tolist():
        first, last = (begin[number] + step[number] * share[number] for share in (enter, leave))
        if run and enter[number] > 0:
            yield _whole(np.array(run))
            run = []
        run = [*(run or [first]), last]
        if leave[number] < 1:
            yield _whole(np.array(run))
            run = []
    if run:
        yield _whole(np.array(run))


def _whole(points: Points) -> Points:
    """In whole units, without points that fall together."""
    rounded = np.round(points)
    if len(rounded) < 2:
        return rounded
    moved = (np.diff(rounded[:, :2], axis=0) != 0).any(axis=1)
    apart: Points = rounded[np.concatenate([moved, [True]])]
    return apart


def _thin_ring(ring: Points) -> tuple[Points, list[Points]]:
    """A closed ring thinned out, and the runs of it that are coast."""
    cut = ring[:, 2] != 0
    if not cut.any():
        middle = int(np.argmax(np.hypot(*(ring[:, :2] - ring[0, :2]).T)))
        closed = np.concatenate([ring[:, :2], ring[:1, :2]])
        whole = np.concatenate([_thin(closed[:middle + 1]), _thin(closed[middle:])[1:]])
        return whole[:-1], [whole]
    ring = np.roll(ring, -int(np.argmax(cut)) - 1, axis=0)
    turns = [0, *(np.flatnonzero(np.diff(ring[:, 2])) + 1).tolist(), len(ring)]
    closed = np.concatenate([ring[:, :2], ring[:1, :2]])
    runs = [(_thin(closed[a:b + 1]), ring[a, 2] != 0) for a, b in pairwise(turns)]
    return np.concatenate([run[:-1] for run, _ in runs]), [run for run, along in runs if not along and len(run) > 1]


def _thin(line: Points) -> Points:
    """Without points within the tolerance of the line through their neighbours (Douglas and Peucker)."""
    keep, waiting = {0, len(line) - 1}, [(0, len(line) - 1)]
    while waiting:
        first, last = waiting.pop()
        if last - first < 2:
            continue
        along, between = line[last] - line[first], line[first + 1:last] - line[first]
        length = math.hypot(*along)
        off = np.abs(along[0] * between[:, 1] - along[1] * between[:, 0]) / length if length else np.hypot(*between.T)
        worst = int(np.argmax(off))
        if off[worst] > TOLERANCE:
            keep.add(first + 1 + worst)
            waiting += [(first, first + 1 + worst), (first + 1 + worst, last)]
    kept: Points = line[sorted(keep)]
    return kept


def _path(points: Points) -> str:
    """Like M10 20l5-3 2 8: the first point, then the steps."""
    whole = points.astype(int)
    steps: Sequence[Sequence[int]] = np.diff(whole, axis=0).tolist()
    numbers = "".join(f"{' ' if n >= 0 else ''}{n}" for step in steps for n in step).lstrip()
    return f"M{whole[0][0]} {whole[0][1]}" + (f"l{numbers}" if numbers else "")
