"""Builds data/outlines.xz: land and borders of the world, cut into cells. A maintainer runs it, nobody else.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python data/build_outlines.py package/

Two levels: "near" from Natural Earth 1:10m for maps of a town or a region, "far" from 1:50m for half a continent.

TopoJSON holds arcs that neighbours share, each as whole-number steps from one point to the next. Here they are put
together into rings, thinned out, and cut into cells of some degrees by halving again and again: a map reads a few
small cells, none of which lies across the date line or around a pole. Long straight parts get points in between, so
that they bend as they should in any projection. The file, once unpacked: one line of JSON (levels, and for each cell
where its numbers begin, the lengths of its rings and of its lines), then little-endian 16-bit steps, all x, then all y.
"""

import json
import lzma
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import hypot
from pathlib import Path

HERE = Path(__file__).resolve().parent
Point = tuple[int, int]
Line = list[Point]


@dataclass(frozen=True)
class Level:
    """A scale: how wide a cell is, how fine the numbers are, what may be left out."""

    name: str
    land: str
    countries: str
    cell: int  # degrees
    grain: int  # whole numbers per degree
    tolerance: float  # degrees
    longest: float  # degrees: a longer straight part gets points in between


LEVELS = (Level("near", "land-10m", "countries-10m", 5, 500, 0.003, 0.25),
          Level("far", "land-50m", "countries-50m", 15, 200, 0.03, 1.0))


def main(folder: str) -> None:
    header, body = {}, array("h")
    for level in LEVELS:
        rings = [ring for ring in land(Path(folder), level) if len(ring) > 3]
        cells: dict[tuple[int, int], tuple[list[Line], list[Line]]] = {}
        cut(rings, 0, 360 // level.cell, 0, 180 // level.cell, level, cells)
        for line in borders(Path(folder), level):
            for cell, piece in pieces(line, level):
                cells.setdefault(cell, ([], []))[1].append(piece)
        header[level.name] = {"cell": level.cell, "grain": level.grain,
                              "cells": {f"{x},{y}": store(body, x, y, level, *cells[x, y]) for x, y in sorted(cells)}}
        print(level.name, len(cells), "cells")
    if sys.byteorder == "big":
        body.byteswap()
    data = json.dumps(header, separators=(",", ":")).encode() + b"\n" + body.tobytes()
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "lp": 1, "pb": 1}]
    (HERE / "outlines.xz").write_bytes(lzma.compress(data, filters=filters))


def store(body: array, x: int, y: int, level: Level, rings: list[Line], lines: list[Line]) -> list:
    """Append a cell's numbers, counted from its corner; returns where they begin, and the lengths."""
    begin, size = len(body), level.cell * level.grain
    for part in (*rings, *lines):
        for axis, corner in ((0, x * size), (1, y * size)):
            before = corner
            for point in part:
                body.append(point[axis] - before)
                before = point[axis]
    return [begin, [len(r) for r in rings], [len(line) for line in lines]]


def read(path: Path, level: Level) -> tuple[dict, list[Line]]:
    """The file's objects, and its arcs in our numbers: from 180° W and 90° S, `grain` to the degree."""
    topology = json.loads(path.read_text(encoding="utf-8"))
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for steps in topology["arcs"]:
        x = y = 0
        arc = []
        for dx, dy in steps:
            x, y = x + dx, y + dy
            arc.append((round((x * sx + tx + 180) * level.grain), round((y * sy + ty + 90) * level.grain)))
        arcs.append(thin(arc, level.tolerance * level.grain))
    return topology["objects"], arcs


def land(folder: Path, level: Level) -> Iterator[Line]:
    """Every ring of the land: islands and continents, and seas within them the other way round."""
    objects, arcs = read(folder / f"{level.land}.json", level)
    for shape in objects["land"]["geometries"]:
        for polygon in shape["arcs"]:
            for numbers in polygon:
                yield from unwrapped(dense(unrolled(stitch(numbers, arcs), level), level, closed=True), level)


def unrolled(ring: Line, level: Level) -> Line:
    """A ring that crosses the date line goes on beyond it; one around the pole is closed through the pole."""
    around = 360 * level.grain
    turn, last, line = 0, ring[0][0], []
    for x, y in [*ring, ring[0]]:
        turn += round((last - x) / around)
        last = x
        line.append((x + turn * around, y))
    return line[:-1] if not turn else [*line, (line[-1][0], 0), (line[0][0], 0)]


def unwrapped(ring: Line, level: Level) -> Iterator[Line]:
    """The ring as often as a part of it lies within the world's frame: the cells cut off the rest."""
    around = 360 * level.grain
    low, high = min(x for x, _ in ring), max(x for x, _ in ring)
    for turn in (-around, 0, around):
        if low + turn < around and high + turn > 0:
            moved = [(x + turn, y) for x, y in ring]
            for at, sign in ((0, 1), (around, -1)):
                moved = one_side(moved, 0, at, sign) if low + turn < 0 or high + turn > around else moved
            yield moved


def borders(folder: Path, level: Level) -> Iterator[Line]:
    """Every arc that two countries share."""
    objects, arcs = read(folder / f"{level.countries}.json", level)
    users: dict[int, set[int]] = {}
    for country, shape in enumerate(objects["countries"]["geometries"]):
        for number in flat(shape.get("arcs", ())):
            users.setdefault(number if number >= 0 else ~number, set()).add(country)
    for number in sorted(users):
        if len(users[number]) > 1:
            yield dense(arcs[number], level, closed=False)


def flat(arcs: Iterable) -> Iterator[int]:
    """The numbers in nested lists."""
    for each in arcs:
        if isinstance(each, int):
            yield each
        else:
            yield from flat(each)


def stitch(numbers: list[int], arcs: list[Line]) -> Line:
    """The arcs end to end; ~n is arc n backwards. The last point, which is the first, is left out."""
    ring: Line = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        ring += arc[:-1]
    return ring


def dense(line: Line, level: Level, *, closed: bool) -> Line:
    """With points in between where a straight part is long."""
    longest, made = level.longest * level.grain, []
    for a, b in zip(line, line[1:] + line[:1] if closed else line[1:], strict=False):
        steps = int(hypot(b[0] - a[0], b[1] - a[1]) // longest) + 1
        made += [(a[0] + round((b[0] - a[0]) * n / steps), a[1] + round((b[1] - a[1]) * n / steps))
                 for n in range(steps)]
    return made if closed else [*made, line[-1]]


def thin(line: Line, tolerance: float) -> Line:
    """Without the points that lie within the tolerance of the line through their neighbours (Douglas and Peucker)."""
    kept, waiting = {0, len(line) - 1}, [(0, len(line) - 1)]
    while waiting:
        first, last = waiting.pop()
        (ax, ay), (bx, by) = line[first], line[last]
        length = hypot(bx - ax, by - ay)
        worst, where = tolerance, 0
        for n in range(first + 1, last):
            x, y = line[n]
            off = abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / length if length else hypot(x - ax, y - ay)
            if off > worst:
                worst, where = off, n
        if where:
            kept.add(where)
            waiting += [(first, where), (where, last)]
    return [line[n] for n in sorted(kept)]


def cut(rings: list[Line], x0: int, x1: int, y0: int, y1: int, level: Level,
        cells: dict[tuple[int, int], tuple[list[Line], list[Line]]]) -> None:
    """Halve until each part is one cell."""
    if not rings:
        return
    if x1 - x0 == 1 and y1 - y0 == 1:
        cells[x0, y0] = ([dense(ring, level, closed=True) for ring in rings], [])
        return
    axis = 0 if x1 - x0 > 1 else 1
    low, high = ((x0, x1), (y0, y1))[axis]
    middle = (low + high) // 2
    at = middle * level.cell * level.grain
    for sign, box in ((-1, (low, middle)), (1, (middle, high))):
        half = [part for ring in rings if len(part := one_side(ring, axis, at, sign)) > 2]
        cut(half, *(box if axis == 0 else (x0, x1)), *(box if axis == 1 else (y0, y1)), level, cells)


def one_side(ring: Line, axis: int, at: int, sign: int) -> Line:
    """The part of the ring on one side of a line (Sutherland and Hodgman)."""
    kept: Line = []
    for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
        da, db = (a[axis] - at) * sign, (b[axis] - at) * sign
        if da >= 0:
            kept.append(a)
        if da * db < 0:
            other = round(a[1 - axis] + (b[1 - axis] - a[1 - axis]) * da / (da - db))
            kept.append((at, other) if axis == 0 else (other, at))
    return kept if any((p[axis] - at) * sign > 0 for p in kept) else []


def pieces(line: Line, level: Level) -> Iterator[tuple[tuple[int, int], Line]]:
    """The line in parts that each begin in one cell."""
    size = level.cell * level.grain
    where = [(min(x // size, 360 // level.cell - 1), min(y // size, 180 // level.cell - 1)) for x, y in line]
    begin = 0
    for n in range(1, len(line)):
        if where[n] != where[begin] or n == len(line) - 1:
            yield where[begin], line[begin:n + 1]
            begin = n


if __name__ == "__main__":
    main(sys.argv[1])
