"""Places without a network: the gazetteer, and distances. `geocoder.py` wraps it as a geopy Geocoder."""

import lzma
import math
import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Final

import langcodes
import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from referral_dir.domain.distance import EARTH_RADIUS_KM, vincenty_km
from referral_dir.domain.folding import fold
from referral_dir.domain.needs import DATA
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import Place

# One place of a name is meant without asking when it has this many times the people of the next.
DOMINANCE: Final = 5.0
SAME_PLACE_KM: Final = 30.0
LONGEST: Final = 200
_NUMBER = r"([+-]?\d{1,3}(?:\.\d+)?)\s*°?\s*"
_COORDINATES: Final = re.compile(rf"\s*{_NUMBER}([NS])?\s*[,; ]\s*{_NUMBER}([EW])?\s*", re.IGNORECASE)


class PlaceError(ValueError):
    """A place could not be resolved; the message says what to write instead."""


class UnknownPlace(PlaceError):
    """No place of this name. `suggestions` are the nearest spellings."""

    def __init__(self, message: str, suggestions: tuple[Place, ...] = ()) -> None:
        super().__init__(message)
        self.suggestions = suggestions


class AmbiguousPlace(PlaceError):
    """Several places of this name. `choices` are they, largest first."""

    def __init__(self, message: str, choices: tuple[Place, ...]) -> None:
        super().__init__(message)
        self.choices = choices


@dataclass(frozen=True, slots=True)
class _Gazetteer:
    rows: list[tuple[str, ...]]
    primary: dict[str, list[int]]
    alternate: dict[str, list[int]]
    by_latitude: npt.NDArray[np.int64]
    latitudes: npt.NDArray[np.float64]
    vectors: npt.NDArray[np.float64]


@cache
def _gazetteer() -> _Gazetteer:
    """Rows in order of population: name, country, area, area code, lat, lon, time zone, people, keys."""
    text = lzma.decompress((DATA / "gazetteer.tsv.xz").read_bytes()).decode()
    rows = [tuple(line.split("\t")) for line in text.split("\n")]
    primary: dict[str, list[int]] = defaultdict(list)
    alternate: dict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        primary[row[8]].append(number)
        for key in row[9].split("|") if row[9] else ():
            alternate[key].append(number)
    degrees = np.array([(row[4], row[5]) for row in rows], dtype=np.float64)
    order = np.argsort(degrees[:, 0], kind="stable")
    return _Gazetteer(rows, dict(primary), dict(alternate), order, degrees[order, 0],
                      _unit_vectors(np.radians(degrees[order])))


def resolve_place(text: str, *, prefer_country: str | None = None) -> Place:
    """The place that is meant by "Miami", "Miami, FL", "عمان", "Irbid, Jordan" or "25.77,-80.19".

    Raises AmbiguousPlace where no place of the name has DOMINANCE times the people of the next, UnknownPlace
    where there is none, or coordinates are off the globe.
    """
    written = " ".join(text[:LONGEST + 1].split())
    if not written or len(written) > LONGEST or not written.isprintable():
        raise UnknownPlace(say(
            "write the name of a town, like “Miami, FL”, or coordinates, like “25.77,-80.19”"))
    coordinates = _COORDINATES.fullmatch(written)
    if coordinates:
        return _at_coordinates(coordinates)
    name, *qualifiers = [part for part in re.split(r"[,،;]", written) if part.strip()] or [""]
    found = _named(fold(name), [q for q in qualifiers if q.strip()])
    if not found and not qualifiers:
        found = _with_trailing_area(written)
    if not found:
        raise UnknownPlace(say("no place called “%(name)s” is known: check the spelling, or write the nearest town",
                               name=written), _nearest_spellings(fold(name)))
    places = _apart([_place(number) for number in found])
    preferred = [p for p in places if p.country == prefer_country]
    best = (preferred or places)[0]
    rivals = [p for p in (preferred or places)[1:] if p.population * DOMINANCE > best.population]
    if rivals and not (len(rivals) and preferred and len(preferred) == 1):
        raise AmbiguousPlace(say("“%(name)s” is the name of several places: choose one", name=written),
                             (best, *rivals)[:8])
    return best


def resolve_town(text: str) -> Place:
    """A town of the gazetteer by its name: for zones, which must never be the point of a house.

    Raises as `resolve_place` does, and UnknownPlace for coordinates.
    """
    if _COORDINATES.fullmatch(" ".join(text.split())):
        raise UnknownPlace(say(
            "write the name of a town, like “Miami, FL”: coordinates would give the house away"))
    return resolve_place(text)


def suggest_places(prefix: str, limit: int = 8, *, prefer_country: str | None = None) -> list[Place]:
    """Places whose name begins like this, of that country first, then largest first; for type-ahead."""
    key = fold(prefix[:LONGEST])
    if len(key) < 2:
        return []
    gazetteer = _gazetteer()
    found = {n: alternate for alternate in (True, False) for n in _beginning(key, alternate=alternate)}
    order = sorted(found, key=lambda n: (gazetteer.rows[n][1] != prefer_country, found[n], n))
    return [_place(number) for number in order[:limit]]


def _beginning(key: str, *, alternate: bool) -> list[int]:
    """Rows with a name that begins like this: own names, or those of other languages."""
    names, rows = _sorted_names()[alternate], _gazetteer().alternate if alternate else _gazetteer().primary
    first = bisect_left(names, key)
    last = bisect_left(names, key + "\U0010ffff", first)
    return [number for name in names[first:last] for number in rows[name]]


@cache
def _sorted_names() -> tuple[list[str], list[str]]:
    return sorted(_gazetteer().primary), sorted(_gazetteer().alternate)


def nearest_place(latitude: float, longitude: float, *, at_least: int = 0) -> Place:
    """The populated place nearest to a point (degrees, WGS 84), of those with at least so many people."""
    here = _unit_vectors(np.radians(np.array([[latitude, longitude]])))[0]
    known = _gazetteer()
    # What is within an angle lies within as many degrees of latitude: most answers are found in a narrow band.
    for reach in (0.5, 5.0, 180.0):
        first, last = np.searchsorted(known.latitudes, (latitude - reach, latitude + reach))
        # Rows are in order of population.
        nearness = np.where(known.by_latitude[first:last] < _so_large(at_least), known.vectors[first:last] @ here, -2.0)
        best = int(np.argmax(nearness)) if last > first else 0
        if last > first and nearness[best] >= math.cos(math.radians(reach)):
            break
    return _place(int(known.by_latitude[first + best]))


def places_within(latitude: float, longitude: float, radius_km: float, limit: int) -> list[Place]:
    """The largest places within so many km of a point (degrees, WGS 84), at most `limit`."""
    here = _unit_vectors(np.radians(np.array([[latitude, longitude]])))[0]
    known, angle = _gazetteer(), radius_km / EARTH_RADIUS_KM
    reach = math.degrees(angle) + 0.01
    first, last = np.searchsorted(known.latitudes, (latitude - reach, latitude + reach))
    inside = known.by_latitude[first:last][known.vectors[first:last] @ here >= math.cos(angle)]
    # The gazetteer's rows are in order of population.
    return [_place(int(number)) for number in np.sort(inside)[:limit]]


@lru_cache(maxsize=8)
def _so_large(people: int) -> int:
    """How many places have at least so many people."""
    return sum(int(row[7]) >= people for row in _gazetteer().rows)


def timezone_at(latitude: float, longitude: float) -> str:
    """The IANA time zone of the nearest place."""
    return nearest_place(latitude, longitude).timezone


@lru_cache(maxsize=65_536)
def distance_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Distance on the WGS 84 ellipsoid, as geopy's geodesic gives it (Karney 2013), to a millimetre.

    Vincenty's formula says the same in a tenth of the time, but not for nearly opposite points.
    """
    found = vincenty_km(lat1, lon1, lat2, lon2)
    if found is not None:
        return found
    from geopy.distance import geodesic  # slow to load, and most runs need none

    return float(geodesic((lat1, lon1), (lat2, lon2)).km)


def haversine_km(latitude: float, longitude: float, latitudes: npt.NDArray[np.float64],
                 longitudes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Great-circle distances from one point to many (degrees), on the mean sphere."""
    lat, lon = np.radians(latitudes), np.radians(longitudes)
    lat0, lon0 = math.radians(latitude), math.radians(longitude)
    half = np.sin((lat - lat0) / 2) ** 2 + math.cos(lat0) * np.cos(lat) * np.sin((lon - lon0) / 2) ** 2
    result: npt.NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(1.0, half)))
    return result


@cache
def countries() -> dict[str, str]:
    """Country names by ISO 3166-1 alpha-2 code."""
    lines = (DATA / "countries.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)


def country_code(text: str) -> str | None:
    """The alpha-2 code for a code or a name in one of several languages ("Jordan", "USA", "الأردن")."""
    return _country_keys().get(fold(text))


def place_label(place: Place) -> str:
    """ "Miami, Florida, United States": enough to tell it from others."""
    parts = [place.name, place.admin1 if place.admin1 != place.name else "", countries().get(place.country, "")]
    return ", ".join(part for part in parts if part)


def place_problem(error: PlaceError) -> str:
    """What is wrong with a place, and which ones may be meant."""
    problem: str = error.args[0]
    if isinstance(error, AmbiguousPlace):
        return say("%(problem)s: %(places)s", problem=problem, places=_labels(error.choices))
    if isinstance(error, UnknownPlace) and error.suggestions:
        return say("%(problem)s: did you mean %(places)s?", problem=problem, places=_labels(error.suggestions))
    return problem


def _labels(places: tuple[Place, ...]) -> str:
    return "; ".join(place_label(p) for p in places)


def _at_coordinates(match: re.Match[str]) -> Place:
    latitude, south, longitude, west = match.groups()
    lat = float(latitude) * (-1 if (south or "").upper() == "S" else 1)
    lon = float(longitude) * (-1 if (west or "").upper() == "W" else 1)
    if abs(lat) > 90 or abs(lon) > 180:
        raise UnknownPlace(say(
            "latitude is from -90 to 90 and longitude from -180 to 180, like “25.77,-80.19”"))
    near = nearest_place(lat, lon)
    return replace(near, name=f"near {near.name}", latitude=lat, longitude=lon, population=0)


def _named(key: str, qualifiers: list[str]) -> list[int]:
    """Rows of the name that fit the qualifiers, largest first. Own names count before other languages'."""
    gazetteer = _gazetteer()
    own = [n for n in gazetteer.primary.get(key, ()) if _fits(n, qualifiers)]
    other = [n for n in gazetteer.alternate.get(key, ()) if _fits(n, qualifiers)]
    if own and other and int(gazetteer.rows[other[0]][7]) < DOMINANCE * int(gazetteer.rows[own[0]][7]):
        return own
    return sorted(set(own + other))


def _fits(number: int, qualifiers: list[str]) -> bool:
    row = _gazetteer().rows[number]
    for qualifier in qualifiers:
        key = fold(qualifier)
        area = key in (fold(row[2]), row[3].casefold(), fold(row[2]).removesuffix(" governorate"))
        if not area and _country_keys().get(key) != row[1]:
            return False
    return True


def _with_trailing_area(written: str) -> list[int]:
    """ "Miami FL" and "Irbid Jordan": the last words may be the area or the country."""
    words = written.split()
    for cut in range(len(words) - 1, 0, -1):
        found = _named(fold(" ".join(words[:cut])), [" ".join(words[cut:])])
        if found:
            return found
    return []


def _apart(places: list[Place]) -> list[Place]:
    """Without those that lie beside a larger one of the same name."""
    kept: list[Place] = []
    for place in places[:40]:
        if all(distance_km(place.latitude, place.longitude, k.latitude, k.longitude) > SAME_PLACE_KM for k in kept):
            kept.append(place)
    return kept


def _nearest_spellings(key: str) -> tuple[Place, ...]:
    """Names that somebody may have meant: fewest slips of a finger first (two letters that changed places are one), and
    of those the largest place."""
    known = {**_gazetteer().alternate, **_gazetteer().primary}
    close = process.extract(key, list(known), scorer=fuzz.ratio, limit=40, score_cutoff=70)
    slips = sorted((OSA.distance(key, name), known[name][0]) for name, _, _ in close)
    return tuple(_place(number) for number in list(dict.fromkeys(number for _, number in slips))[:5])


def _place(number: int) -> Place:
    row = _gazetteer().rows[number]
    return Place(row[0], row[1], float(row[4]), float(row[5]), admin1=row[2], timezone=row[6],
                 population=int(row[7]))


@cache
def _country_keys() -> dict[str, str]:
    keys = {"usa": "US", "us": "US", "u s a": "US", "america": "US", "uk": "GB", "england": "GB", "britain": "GB",
            "great britain": "GB", "scotland": "GB", "wales": "GB", "uae": "AE", "ivory coast": "CI"}
    for code, name in countries().items():
        keys.setdefault(fold(code), code)
        keys.setdefault(fold(name), code)
        for language in ("en", "es", "fr", "ar", "uk", "ru", "de"):
            keys.setdefault(fold(langcodes.Language.make(territory=code).territory_name(language)), code)
    return keys


def _unit_vectors(radians: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lat, lon = radians[:, 0], radians[:, 1]
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def country_name(code: str) -> str:
    """The country's English name; the code itself where it is none."""
    return countries().get(code.upper(), code)


@cache
def _areas() -> dict[tuple[str, str], str]:
    names: dict[tuple[str, str], str] = {}
    for row in _gazetteer().rows:
        for key in (fold(row[2]), row[3].casefold()):
            if key:
                names.setdefault((row[1], key), row[2])
    return names


def area_name(text: str, country: str) -> str | None:
    """The first-level area of the country that is called or abbreviated like this ("Florida", "FL"), or None."""
    return _areas().get((country, fold(text)))
