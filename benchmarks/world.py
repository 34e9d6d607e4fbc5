"""Invented services over real towns by population, and what officers would ask of them. Equal seeds, equal worlds.

Left out, because no peer has them: interpreters, service areas, opening hours, exclusions.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from referral_dir import geo
from referral_dir.domain.availability import Capacity
from referral_dir.domain.distance import STEPS_PER_DEGREE
from referral_dir.domain.interpreting import interprets
from referral_dir.domain.need import Candidate, EligibilityRule, Need
from referral_dir.domain.needs import expand, needs
from referral_dir.domain.vocabulary import Place
from referral_dir.index.columns import need_mask
from referral_dir.index.profiles import FOREVER, Profile

NOW: Final = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
CODES: Final = tuple(code for code in needs() if not interprets(code) and code != "interpretation.documents")
LANGUAGES: Final = (
    "en", "es", "fr", "ar", "uk", "ru", "ht", "prs", "fa", "pt", "so", "ti", "am", "bn", "ur", "hi", "vi", "zh", "th",
    "ro", "sq", "tr", "sw", "yo", "ase", "pl", "de", "it", "hu", "bg", "sr", "hy", "ka", "my", "km", "lo", "ne", "ta",
    "te", "ml", "pa", "ig", "ha", "ln", "wo", "ff", "kmr", "ckb", "ps", "uz", "ky", "kk", "mn", "id", "tl", "ceb", "si",
    "om", "rw", "ko")
AGES: Final = ((None, None),) * 4 + ((18, None), (18, None), (0, 17), (12, 17), (18, 64), (60, None), (16, 25))
GENDERS: Final[tuple[tuple[tuple[str, str, str], ...], ...]] = ((),) * 6 + (
    (("gender", "female", "serves"),), (("gender", "female", "serves"), ("gender", "trans", "serves")),
    (("gender", "male", "serves"),), (("gender", "male", "excludes"),))
UNITS: Final = ("", "bed", "appointment", "hour")
EPOCH: Final = datetime.fromtimestamp(0, UTC)
SCATTER_DEGREES: Final = 0.07
_LOW: Final = (1 << 64) - 1


@dataclass(frozen=True)
class World:
    """Columns of services, numbered from 0."""

    towns: NDArray[np.int64]
    latitude: NDArray[np.int64]
    longitude: NDArray[np.int64]
    needs: NDArray[np.uint64]
    confirmed: NDArray[np.uint64]
    language_sets: list[frozenset[str]]
    languages: NDArray[np.int32]
    profile_list: list[Profile]
    profiles: NDArray[np.int32]
    own: NDArray[np.bool_]
    organizations: NDArray[np.uint64]
    units: NDArray[np.int16]
    available: NDArray[np.int32]
    updated: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.latitude)

    def candidate(self, n: int) -> Candidate:
        """One service as the rules read it."""
        unit = UNITS[self.units[n]]
        updated = EPOCH + timedelta(microseconds=int(self.updated[n]))
        return Candidate(
            service_id=service_id(n), organization_id=UUID(int=int(self.organizations[n])), name="", organization="",
            confirmed_needs=codes(self.confirmed[n]), suggested_needs=codes(self.needs[n]) - codes(self.confirmed[n]),
            points=((int(self.latitude[n]) / STEPS_PER_DEGREE, int(self.longitude[n]) / STEPS_PER_DEGREE),),
            languages=self.language_sets[self.languages[n]], own_interpretation="yes" if self.own[n] else None,
            capacity=Capacity(unit, int(self.available[n]), None, updated) if unit else None,
            **said_by(self.profile_list[self.profiles[n]]))


def said_by(profile: Profile) -> dict[str, Any]:
    """What a profile is in a Candidate."""
    until, low, high, household, rules, text, remote = profile
    return {"offered_until": None if until == FOREVER else date.fromordinal(until), "minimum_age": low,
            "maximum_age": high, "maximum_household": household, "eligibility_text": "call" if text else None,
            "remote": remote,
            "eligibility": tuple(EligibilityRule(*rule) for rule in rules)}


def service_id(number: int) -> UUID:
    """The id of a service by its number: scattered, as real ones are, and reversible (Knuth's multiplicative hash)."""
    return UUID(int=((number * 0x9E3779B97F4A7C15 & _LOW) << 64) | number)


def codes(mask: Any) -> frozenset[str]:
    """The needs in a mask."""
    return frozenset(code for code in CODES if int(mask) & int(need_mask(frozenset({code}))))


def make_world(count: int, *, country: str | None = None, seed: int = 1) -> World:
    """`count` services; all in one country if one is given (ISO 3166-1 alpha-2)."""
    rng = np.random.default_rng(seed)
    numbers, town_lat, town_lon, weights = _towns(country)
    town = rng.choice(len(weights), count, p=weights)
    lat = np.clip(town_lat[town] + rng.normal(0, SCATTER_DEGREES, count), -89.9, 89.9)
    lon = (town_lon[town] + rng.normal(0, SCATTER_DEGREES, count) / np.cos(np.radians(lat)) + 180) % 360 - 180
    confirmed, offered = _needs(rng, count)
    sets = _language_sets(rng)
    profile_list = _profiles(rng)
    unit = rng.choice(len(UNITS), count, p=(0.3, 0.45, 0.2, 0.05)).astype(np.int16)
    age_hours = rng.exponential(10, count)
    return World(
        towns=numbers[town], latitude=np.rint(lat * STEPS_PER_DEGREE).astype(np.int64),
        longitude=np.rint(lon * STEPS_PER_DEGREE).astype(np.int64), needs=offered, confirmed=confirmed,
        language_sets=sets, languages=_zipf(rng, len(sets), count).astype(np.int32), profile_list=profile_list,
        profiles=rng.integers(0, len(profile_list), count).astype(np.int32), own=rng.random(count) < 0.05,
        organizations=rng.integers(0, max(1, count // 3), count).astype(np.uint64), units=unit,
        available=np.where(unit > 0, rng.integers(0, 9, count) * (rng.random(count) < 0.8), 0).astype(np.int32),
        updated=np.where(unit > 0, _micro(NOW) - (age_hours * 3600e6).astype(np.int64), 0))


def make_questions(count: int, *, country: str | None = None, seed: int = 2) -> list[Need]:
    """What officers ask: 1 or 2 needs, 1 or 2 languages, 10 to 100 km, an age, often a gender, rarely a family.

    Needs and languages are asked as often as they are common: Spanish more often than Fula, a shelter more often than
    help with a tax return.
    """
    rng = np.random.default_rng(seed)
    _, town_lat, town_lon, weights = _towns(country)
    found = []
    for town in rng.choice(len(weights), count, p=weights):
        asked = dict.fromkeys(CODES[n] for n in _zipf(rng, len(CODES), int(rng.integers(1, 3))))
        spoken = dict.fromkeys(LANGUAGES[n] for n in _zipf(rng, len(LANGUAGES), int(rng.integers(1, 3))))
        age = int(rng.integers(14, 60))
        found.append(Need(
            needs={code: expand(code) for code in asked},
            place=Place("here", "", round(town_lat[town] + rng.normal(0, 0.02), 5),
                        round(town_lon[town] + rng.normal(0, 0.02), 5)),
            languages=tuple(spoken),
            radius_km=float(rng.choice((10, 25, 50, 100))), ages=(age, age),
            gender=str(rng.choice(("female", "female", "male", "trans"))) if rng.random() < 0.8 else None,
            household=int(rng.choice((1, 1, 1, 2, 3, 4)))))
    return found


def _towns(country: str | None) -> tuple[NDArray[Any], ...]:
    """Their numbers in the gazetteer, latitudes, longitudes, and shares of the people."""
    every = geo._gazetteer().rows
    numbers = np.array([n for n, row in enumerate(every) if country in (None, row[1])])
    lat, lon, people = (np.array([float(every[n][column] or 0) for n in numbers]) for column in (4, 5, 7))
    weights = np.maximum(people, 500.0)
    return numbers, lat, lon, weights / weights.sum()


def _needs(rng: np.random.Generator, count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    confirmed, offered = np.zeros(count, dtype=np.uint64), np.zeros(count, dtype=np.uint64)
    bits = np.array([need_mask(frozenset({code})) for code in CODES], dtype=np.uint64)
    how_many = rng.integers(1, 5, count)
    for n in range(4):
        bit = np.where(how_many > n, bits[_zipf(rng, len(CODES), count)], np.uint64(0))
        offered |= bit
        confirmed |= np.where(rng.random(count) < 0.85, bit, np.uint64(0))
    return confirmed, offered


def _language_sets(rng: np.random.Generator, count: int = 1500) -> list[frozenset[str]]:
    found = {frozenset[str]()}
    while len(found) < count:
        found.add(frozenset(LANGUAGES[n] for n in _zipf(rng, len(LANGUAGES), int(rng.integers(1, 6)))))
    return sorted(found, key=lambda each: (len(each) != 1, sorted(each)))


def _profiles(rng: np.random.Generator, count: int = 800) -> list[Profile]:
    found: dict[Profile, None] = {}
    while len(found) < count:
        low, high = AGES[rng.integers(len(AGES))]
        rules = GENDERS[rng.integers(len(GENDERS))]
        household = int(rng.integers(1, 7)) if rng.random() < 0.4 else None
        until = FOREVER if rng.random() < 0.7 else NOW.toordinal() + int(rng.integers(-20, 400))
        found[(until, low, high, household, rules, not rules and rng.random() < 0.3, False)] = None
    return list(found)


def _zipf(rng: np.random.Generator, kinds: int, count: int) -> NDArray[np.int64]:
    weights = 1 / np.arange(2, kinds + 2)
    return rng.choice(kinds, count, p=weights / weights.sum())


def _micro(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)
