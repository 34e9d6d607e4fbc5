"""Draws docs/match-by-size.svg and docs/text-by-size.svg: time against size, both on logarithmic scales."""

import json
import math
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"
MEASURED: Final = DOCS / "benchmarks.json"
SIZES: Final[Mapping[str, tuple[int, ...]]] = {
    "match": (10_000, 100_000, 1_000_000), "text": (1_000, 10_000, 100_000)}
TITLES: Final = {"match": "Matching: the best 20 services for a need",
                 "text": "Searching by words: the first 20 of all"}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 440, 70, 170, 50, 50
# Told apart without colour, too: each line has its name at its end.
COLOURS: Final = ("#0b5", "#06c", "#69c", "#c50", "#c9a", "#777")


def draw(run: Callable[[str, int], dict[str, Any]], say: Callable[[str], None]) -> None:
    """Measure the sizes that docs/benchmarks.json does not hold yet (without it: all, in about an hour), and draw."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}
    for kind, sizes in SIZES.items():
        for size in sizes:
            if str(size) not in measured.setdefault(kind, {}):
                measured[kind][str(size)] = run(kind, size)
                MEASURED.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    for kind in SIZES:
        lines: dict[str, list[tuple[int, float, float]]] = {}
        for size in SIZES[kind]:
            for engine, figures in measured[kind][str(size)]["engines"].items():
                lines.setdefault(engine, []).append((size, figures["p50_ms"], figures["p99_ms"]))
        path = DOCS / f"{kind}-by-size.svg"
        path.write_text(picture(TITLES[kind], lines), encoding="utf-8")
        say(f"wrote docs/{path.name}")


def picture(title: str, lines: Mapping[str, list[tuple[int, float, float]]]) -> str:
    """An SVG of lines of (size, median ms, p99 ms) by engine: the median drawn through, the p99 dashed."""
    sizes = [size for points in lines.values() for size, *_ in points]
    times = [ms for points in lines.values() for _, *both in points for ms in both]
    x_low, x_high = math.log10(min(sizes)), math.log10(max(sizes))
    y_low, y_high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))

    def at(size: float, ms: float) -> str:
        across = (math.log10(size) - x_low) / max(1e-9, x_high - x_low)
        up = (math.log10(ms) - y_low) / max(1, y_high - y_low)
        return f"{LEFT + across * (WIDTH - LEFT - RIGHT):.1f},{HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM):.1f}"

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
             f'font-size="13" role="img"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>'
             f'<text x="{LEFT}" y="24" font-size="16">{escape(title)}</text>'
             f'<text x="{LEFT}" y="40" fill="#555">milliseconds a question; median, and p99 dashed</text>']
    for power in range(y_low, y_high + 1):
        x, y = at(min(sizes), 10.0**power).split(",")
        parts.append(f'<path d="M{x},{y}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                     f'<text x="{LEFT - 8}" y="{float(y) + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for size in sorted(set(sizes)):
        x = at(size, 1.0).split(",")[0]
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{size:,}</text>')
    names = []
    for number, (engine, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        for column, dash in ((1, ""), (2, ' stroke-dasharray="4 4" opacity="0.6"')):
            track = " ".join(at(point[0], float(point[column])) for point in points)
            parts.append(f'<polyline points="{track}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        names.append((float(at(points[-1][0], points[-1][1]).split(",")[1]), engine, colour))
    last = TOP - 20.0
    for height, engine, colour in sorted(names):
        # Names of lines that end together stand one below the other.
        last = max(height, last + 15)
        parts.append(f'<text x="{WIDTH - RIGHT + 8}" y="{last + 4:.1f}" fill="{colour}">{escape(engine)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
