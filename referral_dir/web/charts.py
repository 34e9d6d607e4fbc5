"""The geometry of charts: numbers become places on a drawing. Words and colours are the templates' business.

Pages written from right to left are drawn from right to left: `rtl` mirrors what has a direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 320
# Beside the axis of a chart that stands: room for its numbers. Below it: for the names.
AXIS: Final = 34
FOOT: Final = 20
HIGH: Final = 120
ROW: Final = 40
THICK: Final = 14


@dataclass(frozen=True, slots=True)
class Rect:
    """A bar or a part of one; `series` is which of several numbers it stands for, from 1."""

    x: float
    y: float
    width: float
    height: float
    series: int = 1


@dataclass(frozen=True, slots=True)
class Text:
    """Something written: where its baseline is, and towards where it goes from there (SVG's text-anchor)."""

    x: float
    y: float
    text: object
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of `height` units by WIDTH. `rules` are the heights of thin lines across; `path` is a line through
    `dots`, with a gap where a number is missing."""

    height: float
    rects: tuple[Rect, ...] = ()
    texts: tuple[Text, ...] = ()
    rules: tuple[float, ...] = ()
    path: str = ""
    dots: tuple[tuple[float, float], ...] = ()


def bars(rows: Sequence[tuple[object, float | None, object]], *, rtl: bool = False) -> Chart:
    """A lying bar for each (name, number, number as written). None draws no bar: the words say why."""
    return stacked([(name, [number], written) for name, number, written in rows], rtl=rtl)


def stacked(rows: Sequence[tuple[object, Sequence[float | None], object]], *, rtl: bool = False) -> Chart:
    """A lying bar of several parts for each (name, numbers, numbers as written)."""
    most = max((sum(n or 0 for n in numbers) for _, numbers, _ in rows), default=0) or 1
    rects, texts = [], []
    for row, (name, numbers, written) in enumerate(rows):
        top, along = row * ROW, 0.0
        # Words in place of a number stand where the bar would be: beside a long name there is no room.
        missing = all(number is None for number in numbers)
        texts += [Text(_mirrored(0, rtl), top + 16, name),
                  Text(_mirrored(0, rtl), top + 34, written) if missing else
                  Text(_mirrored(WIDTH, rtl), top + 16, written, "end")]
        for series, number in enumerate(numbers, 1):
            length = round((number or 0) / most * WIDTH, 1)
            if length:
                rects.append(Rect(_mirrored(along + length, rtl) if rtl else along, top + 22, length, THICK, series))
            along = round(along + length, 1)
    return Chart(len(rows) * ROW, tuple(rects), tuple(texts))


def columns(bins: Sequence[tuple[object, float | None]], *, rtl: bool = False) -> Chart:
    """A histogram: a standing column for each (name, number), side by side."""
    top = round_top(max((n or 0 for _, n in bins), default=0))
    rules, texts = _scale(top, rtl)
    wide, rects = (WIDTH - AXIS) / max(len(bins), 1), []
    for number, (name, value) in enumerate(bins):
        left, high = AXIS + number * wide, (value or 0) / top * HIGH
        texts.append(Text(round(_mirrored(left + wide / 2, rtl), 1), HIGH + FOOT - 4, name, "middle"))
        if high:
            x = _mirrored(left + wide - 1, rtl) if rtl else left + 1
            rects.append(Rect(round(x, 1), round(HIGH - high + 6, 1), round(wide - 2, 1), round(high, 1)))
    return Chart(HIGH + FOOT, tuple(rects), tuple(texts), rules)


def line(days: Sequence[tuple[object, float | None]], *, top: float | None = None, rtl: bool = False) -> Chart:
    """A line through (name, number) at even distances, like how full we were on each day. None leaves a gap."""
    top = round_top(max((n or 0 for _, n in days), default=0)) if top is None else top
    rules, texts = _scale(top, rtl)
    wide, path, dots, drawing = (WIDTH - AXIS) / max(len(days), 1), "", [], False
    for number, (name, value) in enumerate(days):
        x = round(_mirrored(AXIS + (number + 0.5) * wide, rtl), 1)
        texts.append(Text(x, HIGH + FOOT - 4, name, "middle"))
        if value is None:
            drawing = False
            continue
        y = round(HIGH - min(value, top) / top * HIGH + 6, 1)
        path += f"{'L' if drawing else 'M'}{x} {y}"
        dots.append((x, y))
        drawing = True
    return Chart(HIGH + FOOT, (), tuple(texts), rules, path, tuple(dots))


def round_top(most: float) -> float:
    """The least of 1, 2, 4, 5, 10, 20, 40, 50 … that is not below the largest number: what an axis ends with."""
    step = 1
    while True:
        for top in (1, 2, 4, 5):
            if most <= top * step:
                return top * step
        step *= 10


def _scale(top: float, rtl: bool) -> tuple[tuple[float, ...], list[Text]]:
    """Lines across at nothing, half and all, and their numbers."""
    halves = (0.0, top / 2, top)
    heights = tuple(round(HIGH - n / top * HIGH + 6, 1) for n in halves)
    return heights, [Text(_mirrored(AXIS - 6, rtl), y + 4, f"{n:g}", "end")
                     for n, y in zip(halves, heights, strict=True)]


def _mirrored(x: float, rtl: bool) -> float:
    return round(WIDTH - x, 1) if rtl else x
