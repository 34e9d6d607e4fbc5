"""A map of an answer, drawn here: shapes and words, which `templates/components/map.html` writes as SVG.

Everything on it is a function of what the list says already. A confidential service is drawn as its zone, a circle of
one size for all about the town that a person chose; two in one zone are one circle. It has no pin.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from referral_dir import geo
from referral_dir.desk.map_words import entry_text, numbers_text
from referral_dir.desk.outlines import Frame, Outlines, outlines
from referral_dir.domain.distance import haversine_km
from referral_dir.domain.reach import nearest_point
from referral_dir.domain.saying import Said, say, say_many

if TYPE_CHECKING:
    from referral_dir.desk.find import MatchAnswer

WIDTH, HEIGHT = 360, 320
# How far a zone's circle reaches: a sign that says "about here", the same for every zone, and never a border.
ZONE_KM: Final = 10.0
SMALLEST_KM: Final = 2.0
# From what is farthest to the frame, in the map's units: room for its pin.
EDGE: Final = 34
TOWNS: Final = 6
STEPS: Final = tuple(n * 10 ** k for k in range(4) for n in (1, 2, 5))


@dataclass(frozen=True, slots=True)
class Mark:
    """What a map is asked to show: the number in the list, the name, and where: a point, or a zone's middle (degrees,
    WGS 84), or nothing. `rough` is a point that stands for a town."""

    number: int
    name: str
    point: tuple[float, float] | None = None
    zone: str | None = None
    rough: bool = False
    distance_km: float | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """Where something is written: its middle and its size, in the map's units."""

    x: float
    y: float
    width: float
    height: float
    text: str = ""

    def meets(self, other: "Box") -> bool:
        """Whether the two overlap."""
        return (abs(self.x - other.x) * 2 < self.width + other.width
                and abs(self.y - other.y) * 2 < self.height + other.height)


@dataclass(frozen=True, slots=True)
class Ring:
    """Everything at one distance, and where that is written."""

    radius: float
    label: Box | None
    km: int


@dataclass(frozen=True, slots=True)
class Pin:
    """One or more services at a point; `label` is the flag above it."""

    x: float
    y: float
    numbers: tuple[int, ...]
    label: Box
    rough: bool


@dataclass(frozen=True, slots=True)
class Zone:
    """The services that are hidden in a zone; `label` is on or beside its circle."""

    x: float
    y: float
    radius: float
    name: str
    numbers: tuple[int, ...]
    label: Box


@dataclass(frozen=True, slots=True)
class Town:
    """A town's dot and its name."""

    x: float
    y: float
    label: Box


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the map in words."""

    number: int
    name: str
    text: Said


@dataclass(frozen=True, slots=True)
class Map:
    """Shapes in units of a frame, in the order in which they are drawn, and the same in words."""

    frame: Frame
    outlines: Outlines
    rings: tuple[Ring, ...]
    zones: tuple[Zone, ...]
    towns: tuple[Town, ...]
    pins: tuple[Pin, ...]
    entries: tuple[Entry, ...]
    title: Said
    told: tuple[Said, ...]

    @property
    def here(self) -> tuple[float, float]:
        """Where the person is."""
        return self.frame.width / 2, self.frame.height / 2


def for_answer(answer: "MatchAnswer") -> Map | None:
    """The map of the matches, numbered in their order; None where none of them has a place that can be shown."""
    place = answer.need.place
    marks = []
    for number, match in enumerate(answer.matches, 1):
        c = match.candidate
        near = nearest_point(place, c.points) if c.points else None
        marks.append(Mark(number, c.name, near, (c.zone or "") if c.confidential else None,
                          c.place_precision == "town", None if c.confidential else match.distance_km))
    return draw((place.latitude, place.longitude), answer.need.radius_km, marks, place.name)


def draw(middle: tuple[float, float], radius_km: float, marks: Sequence[Mark], name: str,
         size: tuple[int, int] = (WIDTH, HEIGHT)) -> Map | None:
    """A map about the middle (degrees, WGS 84) of the marks within the radius; None where there is none of them."""
    far = {m.number: haversine_km(*middle, *m.point) for m in marks if m.point}
    here = [m for m in marks if far.get(m.number, math.inf) <= max(radius_km, SMALLEST_KM) * 1.01]
    if not here:
        return None
    shown = max(SMALLEST_KM, *(far[m.number] + (ZONE_KM if m.zone is not None else 0) for m in here))
    frame = Frame(*middle, *size, unit_km=shown / (min(size) / 2 - EDGE))
    taken = [Box(size[0] / 2, size[1] / 2, 18, 18)]
    pins = _pins(frame, [m for m in here if m.zone is None], taken)
    zones = _zones(frame, [m for m in here if m.zone is not None], taken)
    rings = _rings(frame, shown, taken)
    entries = tuple(Entry(m.number, m.name, entry_text(middle, m.point if m in here else None, m.zone, m.distance_km))
                    for m in marks)
    return Map(frame, outlines(frame), rings, zones, _towns(frame, taken), pins, entries,
               say("Map of what can be asked near %(place)s", place=name), _told(rings, pins, zones, len(marks), here))


def _pins(frame: Frame, marks: Sequence[Mark], taken: list[Box]) -> tuple[Pin, ...]:
    """Pins; those whose flags would cover each other are one, at the place of the first."""
    pins: list[Pin] = []
    for mark, (x, y) in zip(marks, frame.points(m.point for m in marks if m.point), strict=True):
        pin = Pin(x, y, (mark.number,), _tag((mark.number,), x, y - 18), mark.rough)
        # The larger flag of two may cover a third.
        while first := next((other for other in pins if other.label.meets(pin.label)), None):
            pins.remove(first)
            numbers = tuple(sorted((*first.numbers, *pin.numbers)))
            pin = Pin(first.x, first.y, numbers, _tag(numbers, first.x, first.y - 18), first.rough and pin.rough)
        pins.append(pin)
    taken += [replace(p.label, y=p.y - 12, height=p.label.height + 12) for p in pins]
    return tuple(sorted(pins, key=lambda pin: pin.numbers))


def _zones(frame: Frame, marks: Sequence[Mark], taken: list[Box]) -> tuple[Zone, ...]:
    """One circle for each zone, with the numbers of all that is hidden there on its edge."""
    groups: dict[tuple[str, tuple[float, float] | None], list[int]] = {}
    for mark in marks:
        groups.setdefault((mark.zone or "", mark.point), []).append(mark.number)
    zones, radius = [], ZONE_KM / frame.unit_km
    for (name, point), numbers in groups.items():
        [(x, y)] = frame.points([point]) if point else [(0.0, 0.0)]
        away = max(radius, 30.0)
        around = [_tag(tuple(numbers), x + away * math.sin(math.radians(a)), y - away * math.cos(math.radians(a)))
                  for a in (0, 180, 45, 315, 90, 270, 135, 225, 20, 340)]
        label = _free(frame, around, taken) or around[0]
        taken.append(label)
        zones.append(Zone(x, y, round(radius, 1), name, tuple(numbers), label))
    return tuple(zones)


def _rings(frame: Frame, shown_km: float, taken: list[Box]) -> tuple[Ring, ...]:
    """Two to four rings at round distances."""
    step = max((s for s in STEPS if s * 2 <= shown_km), default=1)
    rings = []
    for number in range(1, 5):
        radius = number * step / frame.unit_km
        if radius > min(frame.width, frame.height) / 2:
            break
        x, y = frame.width / 2, frame.height / 2
        around = [Box(round(x + radius * dx, 1), round(y + radius * dy, 1), 44, 14)
                  for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0), (0.7, 0.7), (-0.7, 0.7))]
        label = _free(frame, around, taken)
        if label:
            taken.append(label)
        rings.append(Ring(round(radius, 1), label, number * step))
    return tuple(rings)


def _towns(frame: Frame, taken: list[Box]) -> tuple[Town, ...]:
    """The largest towns whose names find room."""
    towns: list[Town] = []
    places = geo.places_within(frame.latitude, frame.longitude, frame.reach_km, 40)
    for place, (x, y) in zip(places, frame.points((p.latitude, p.longitude) for p in places), strict=True):
        if len(towns) == TOWNS or not frame.holds(x, y, 4):
            continue
        width = 6.4 * len(place.name) + 6
        label = _free(frame, [Box(x, round(y + dy, 1), width, 14, place.name) for dy in (11, -10)], taken)
        if label:
            taken += [label, Box(x, y, 6, 6)]
            towns.append(Town(x, y, label))
    return tuple(towns)


def _tag(numbers: tuple[int, ...], x: float, y: float) -> Box:
    text = numbers_text(numbers)
    return Box(round(x, 1), round(y, 1), max(22, 8 * len(text) + 8), 20, text)


def _free(frame: Frame, boxes: Sequence[Box], taken: Sequence[Box]) -> Box | None:
    """The first that lies inside the frame and on nothing else."""
    return next((b for b in boxes if b.width / 2 <= b.x <= frame.width - b.width / 2
                 and b.height / 2 <= b.y <= frame.height - b.height / 2
                 and not any(b.meets(t) for t in taken)), None)


def _told(rings: Sequence[Ring], pins: Sequence[Pin], zones: Sequence[Zone], every: int,
          here: Sequence[Mark]) -> tuple[Said, ...]:
    """What the picture shows, for whoever can't see it."""
    pinned, hidden = sum(len(p.numbers) for p in pins), sum(len(z.numbers) for z in zones)
    told = [say("The cross in the middle is the place that was asked for; north is up."),
            say("The rings are %(step)s km apart.", step=rings[0].km) if rings else None,
            say_many("%(number)s service has a numbered pin.", "%(number)s services have numbered pins.", pinned)
            if pinned else None,
            say_many("%(number)s service is hidden: the striped circle is the town that it is found under, not its "
                     "border.", "%(number)s services are hidden: a striped circle is the town that they are found "
                     "under, not its border.", hidden) if hidden else None,
            say_many("%(number)s more is in the list, but has no place on this map.",
                     "%(number)s more are in the list, but have no place on this map.", every - len(here))
            if every > len(here) else None]
    return tuple(sentence for sentence in told if sentence)
