"""Maps: within their frame, right everywhere on the globe, and with nothing finer than a zone."""

import gzip
import math
import re
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader

import config
from referral_dir import geo
from referral_dir.desk.map_tiles import tiles
from referral_dir.desk.map_words import entry_text, numbers_text
from referral_dir.desk.maps import ZONE_KM, Map, Mark, draw
from referral_dir.desk.outlines import Frame, outlines

ENVIRONMENT = Environment(loader=FileSystemLoader(config.ROOT / "templates"), autoescape=True, trim_blocks=True,
                          lstrip_blocks=True)
ENVIRONMENT.globals.update(_=lambda text, **values: text % values if values else text, map_tiles=lambda _: ())
latitudes, longitudes = st.floats(-90, 90), st.floats(-180, 180)


def points(path: str) -> list[tuple[int, int]]:
    """Every point of a path like M10 20l5-3 2 8z."""
    found = []
    for part in path.split("M")[1:]:
        numbers = [int(n) for n in re.findall(r"-?\d+", part)]
        x = y = 0
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            x, y = x + dx, y + dy
            found.append((x, y))
    return found


def away(middle: tuple[float, float], km: float, degrees: float) -> tuple[float, float]:
    """The point that is so far in this direction, on the sphere."""
    angle, turn, lat = km / 6371.0088, math.radians(degrees), math.radians(middle[0])
    north = math.asin(math.sin(lat) * math.cos(angle) + math.cos(lat) * math.sin(angle) * math.cos(turn))
    east = math.atan2(math.sin(turn) * math.sin(angle) * math.cos(lat),
                      math.cos(angle) - math.sin(lat) * math.sin(north))
    return math.degrees(north), (middle[1] + math.degrees(east) + 180) % 360 - 180


def drawn(middle: tuple[float, float], radius_km: float, marks: list[Mark]) -> Map:
    made = draw(middle, radius_km, marks, "Here")
    assert made is not None
    return made


@settings(max_examples=30, deadline=None)
@given(latitudes, longitudes, st.floats(1, 3000))
def test_nothing_of_the_outlines_lies_outside_the_frame(latitude: float, longitude: float, km: float) -> None:
    frame = Frame(latitude, longitude, 360, 320, km / 160)
    made = outlines(frame)
    for path in (made.land, made.coast, made.borders):
        assert all(0 <= x <= 360 and 0 <= y <= 320 for x, y in points(path))


@settings(max_examples=60, deadline=None)
@given(latitudes, longitudes, st.floats(0.1, 4000), st.floats(0, 360))
def test_distance_and_direction_from_the_middle_are_true_anywhere(
        latitude: float, longitude: float, km: float, degrees: float) -> None:
    frame = Frame(latitude, longitude, 360, 320, 1.0)
    [(x, y)] = frame.project(np.array([away((latitude, longitude), km, degrees)])).tolist()
    assert math.hypot(x - 180, y - 160) == pytest.approx(km, rel=1e-6, abs=1e-3)
    if abs(latitude) < 89:
        ahead = math.radians(degrees)
        assert (x - 180, 160 - y) == pytest.approx((km * math.sin(ahead), km * math.cos(ahead)), rel=1e-4, abs=2e-3)


@pytest.mark.parametrize(("place", "latitude", "longitude"), [
    ("Suva", -18.14, 178.44), ("Longyearbyen", 78.22, 15.63), ("date line", -16.8, 180.0), ("Miami", 25.77, -80.19)])
def test_land_and_sea_are_where_they_are(place: str, latitude: float, longitude: float) -> None:
    made = outlines(Frame(latitude, longitude, 360, 320, 0.5))
    assert points(made.land), place
    assert points(made.coast), place


def inside(path: str, x: float, y: float) -> bool:
    """Whether a point lies in a filled path, by how often the path winds around it."""
    winding = 0
    for part in path.split("M")[1:]:
        ring = points("M" + part)
        for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
            side = (x2 - x1) * (y - y1) - (x - x1) * (y2 - y1)
            winding += (y1 <= y < y2 and side > 0) - (y2 <= y < y1 and side < 0)
    return winding != 0


@pytest.mark.parametrize(("latitude", "longitude", "land"), [
    (-90, 0, True), (90, 0, False), (39.9, 32.9, True), (66.5, 180, True), (66.5, -179.5, True), (30, -140, False),
    (42, 51, False), (-87, 180, True), (48.9, 2.35, True), (0, 0, False), (6.1, 5.1, True)])
def test_the_middle_is_land_or_sea(latitude: float, longitude: float, land: bool) -> None:
    for km in (100, 1200):
        assert inside(outlines(Frame(latitude, longitude, 360, 320, km / 160)).land, 180.4, 160.4) == land


def many(middle: tuple[float, float], radius_km: float) -> list[Mark]:
    chance = Random(7)
    return [Mark(n, f"Service {n}", away(middle, radius_km * chance.random() ** 2, chance.uniform(0, 360)),
                 "Zone" if n % 6 == 0 else None) for n in range(1, 21)]


def test_each_number_is_on_the_map_once_and_no_flag_covers_another() -> None:
    made = drawn((25.77, -80.19), 50, many((25.77, -80.19), 50))
    numbers = [n for shape in (*made.pins, *made.zones) for n in shape.numbers]
    assert sorted(numbers) == list(range(1, 21))
    for pin in made.pins:
        assert made.frame.holds(pin.x, pin.y)
        assert not any(pin.label.meets(other.label) for other in made.pins if other is not pin)


def test_a_hidden_service_is_its_zone_and_two_in_one_zone_are_one_circle() -> None:
    zone = (25.77, -80.19)
    made = drawn((25.9, -80.2), 50, [Mark(1, "Open house", (25.8, -80.3)), Mark(2, "Hidden", zone, "Miami"),
                                     Mark(3, "Hidden too", zone, "Miami")])
    assert [p.numbers for p in made.pins] == [(1,)]
    [circle] = made.zones
    assert circle.numbers == (2, 3)
    assert circle.radius * made.frame.unit_km == pytest.approx(ZONE_KM, rel=0.01)
    assert made.entries[1].text == "Hidden: somewhere in or around Miami"
    assert "km" not in made.entries[1].text


def test_what_is_far_away_or_nowhere_does_not_stretch_the_map() -> None:
    made = drawn((25.77, -80.19), 50, [Mark(1, "Near", (25.8, -80.2)), Mark(2, "By phone", (51.5, -0.1)),
                                       Mark(3, "Nowhere")])
    assert made.frame.reach_km < 10
    assert "no place on this map" in made.told[-1]
    assert draw((25.77, -80.19), 50, [Mark(1, "Nowhere")], "Miami") is None


@pytest.mark.parametrize("town", ["Miami, FL", "Athens, Greece", "Tromsø"])
def test_a_map_with_twenty_pins_and_a_coast_is_small(town: str) -> None:
    place = geo.resolve_place(town)
    middle = place.latitude, place.longitude
    template = ENVIRONMENT.get_template("components/map.html").module
    html = str(template.service_map(drawn(middle, 100, many(middle, 100))))  # type: ignore[attr-defined]
    assert len(gzip.compress(html.encode())) < 5 * 1024
    assert 'role="img"' in html
    assert 'href="#match-20"' in html


def test_numbers_and_directions_are_said_in_few_words() -> None:
    assert numbers_text((4,)) == "4"
    assert numbers_text((1, 2, 3, 7)) == "1–3, 7"
    assert numbers_text((2, 4, 6, 8, 20)) == "2 +4"
    assert entry_text((0, 0), (0.1, 0.1), None, 15.7) == "15.7 km to the north-east"
    assert entry_text((10, 179.9), (10, -179.9), None, None) == "21.9 km to the east"


@settings(max_examples=30, deadline=None)
@given(st.floats(-65, 65), longitudes, st.floats(2, 100))
def test_tiles_cover_the_whole_map(latitude: float, longitude: float, km: float) -> None:
    laid = tiles(Frame(latitude, longitude, 360, 320, km / 160), "https://tiles.example.org/{z}/{x}/{y}.png")
    assert 0 < len(laid) <= 30
    for x, y in ((1, 1), (359, 1), (1, 319), (359, 319), (180, 160)):
        assert any(t.x - 1.5 <= x <= t.x + t.width + 1.5 and t.y - 1.5 <= y <= t.y + t.height + 1.5 for t in laid)
