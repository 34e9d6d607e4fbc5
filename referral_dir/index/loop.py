"""The rules of `judging.py` for one row after another: by Python for a few, compiled (`compiled.py`) for any number.

Most questions leave a handful of rows once place and need are asked; for those, Python's own arithmetic takes a
fraction of what a hundred calls of NumPy do. A property test holds all ways equal to the plain rules.
"""

from math import asin, cos, radians, sin, sqrt
from typing import Any, Final, NamedTuple

import numpy as np

from referral_dir.domain.distance import EARTH_RADIUS_KM, STEPS_PER_DEGREE
from referral_dir.domain.interpreting import INTERPRETED_FIT, LANGUAGE_UNKNOWN_FIT
from referral_dir.domain.matching import CAPACITY_FIT, SUGGESTED_FIT, UNKNOWN_COST, WEIGHTS
from referral_dir.domain.reach import HALF_DISTANCE_KM, PLACE_UNKNOWN_NEARNESS, REMOTE_NEARNESS
from referral_dir.domain.tongues import FIT, Fluency
from referral_dir.index.grid import LONGITUDE_0, LONGITUDE_MASK, NOWHERE, stretches
from referral_dir.index.profiles import COUNT_MASK, IN_WORDS, SPOKEN, UNKNOWN_BITS
from referral_dir.index.tables import COVERING, SILENT

LATEST_MICROSECONDS: Final = -5 * 60 * 1_000_000
# By Fluency, then SILENT and INTERPRETED.
LANGUAGE_FITS: Final = (*(FIT[level] for level in sorted(FIT)), LANGUAGE_UNKNOWN_FIT, INTERPRETED_FIT)
IS_ASKED: Final = tuple(int(level in (Fluency.ASK, SILENT)) for level in range(len(LANGUAGE_FITS)))
# By 2 for what was said, 2 more if lately, and 1 if it is enough.
CAPACITY_FITS: Final = tuple(CAPACITY_FIT[name] for name in (
    "unknown", "unknown", "unconfirmed, too few", "unconfirmed", "full", "available"))
NOT_NEAR: Final = float("inf")
_NO: Final = int(Fluency.NONE)
_FULL, _AVAILABLE = CAPACITY_FITS.index(CAPACITY_FIT["full"]), CAPACITY_FITS.index(CAPACITY_FIT["available"])
_NEEDS, _DISTANCE, _LANGUAGE, _CAPACITY, _FRESHNESS = (
    WEIGHTS[name] for name in ("needs", "distance", "language", "capacity", "freshness"))
_LANGUAGE_PART = tuple(_LANGUAGE * fit for fit in LANGUAGE_FITS)
_CAPACITY_PART = tuple(_CAPACITY * fit for fit in CAPACITY_FITS)


class Read(NamedTuple):
    """The columns that are read: arrays, or their memory, out of which Python takes a number in half the time."""

    key: Any
    needs: Any
    languages: Any
    profile: Any
    confirmed: Any
    updated: Any
    latitude: Any
    areas: Any
    available: Any
    unit: Any


class Told(NamedTuple):
    """What is known by table: how well they speak by way of speaking, what is said by profile (to be added up), how
    sets of areas serve the place, how long the numbers of a unit last (microseconds), whether it is a bed."""

    levels: Any
    verdicts: Any
    areas: Any
    shelf_life: Any
    is_bed: Any


class Wanted(NamedTuple):
    """What is asked for: degrees, km, people, microseconds since 1970, and how many criteria may be unmet."""

    latitude: float
    longitude: float
    radius_km: float
    reach_km: float
    people: int
    moment: int
    allowed_unmet: int


def judge_rows(rows: Any, read: Read, told: Told, wanted: Wanted, masks: Any, found_rows: Any, found: Any) -> int:
    """Judge each row and write those that may be offered to `found_rows`, and to `found` their distance, how many
    criteria are unmet, whether it is too far, and the score. Returns how many they are.

    One long function, as it is what is compiled: the rules of domain/matching.py in the order of what they cost.
    """
    keys, offers, tongues, profiles, confirmations, updates, latitudes, areas, places, units = read
    levels, verdicts, area_told, lives, is_bed = told
    latitude, longitude, radius_km, reach_km, people, moment, allowed = wanted
    found_distance, found_unmet, found_far, found_score = found[0], found[1], found[2], found[3]
    here, count = radians(latitude), 0
    cos_here = cos(here)
    for row in rows:
        level = levels[tongues[row]]
        unmet = 1 if level == _NO else 0
        if unmet > allowed:
            continue
        profile, said = profiles[row], 0
        for verdict in verdicts:
            said += verdict[profile]
        unmet += said & COUNT_MASK
        if unmet > allowed:
            continue
        unknown = IS_ASKED[level] + (said >> UNKNOWN_BITS & COUNT_MASK)
        if IN_WORDS <= said < IN_WORDS + SPOKEN:
            unknown += 1

        unit, state, freshness = units[row], 0, 0.0
        if unit:
            age, life = moment - updates[row], lives[unit]
            state = 3 if places[row] >= (people if is_bed[unit] else 1) else 2
            if LATEST_MICROSECONDS <= age <= life:
                state += 2
            freshness = 0.5 ** (age / life) if age > 0 else 1.0
        if state == _FULL:
            unmet += 1
            if unmet > allowed:
                continue
        elif state != _AVAILABLE:
            unknown += 1

        key, served, distance = keys[row], area_told[areas[row]], NOT_NEAR
        if key != NOWHERE:
            north = radians(latitudes[row] / STEPS_PER_DEGREE)
            east = radians(((key & LONGITUDE_MASK) - LONGITUDE_0) / STEPS_PER_DEGREE - longitude)
            half = sin((north - here) / 2) ** 2 + cos_here * cos(north) * sin(east / 2) ** 2
            distance = round(2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half))) * 10) / 10
        if distance > reach_km and not served:
            continue
        nearness = 1 / (1 + distance / HALF_DISTANCE_KM)
        too_far = False
        if distance > radius_km:
            if served == COVERING:
                nearness = max(REMOTE_NEARNESS, nearness)
            elif key != NOWHERE:
                too_far = True
                unmet += 1
                if unmet > allowed:
                    continue
            else:
                nearness = PLACE_UNKNOWN_NEARNESS
                unknown += 1

        sure = maybe = 0
        for mask in masks:
            if confirmations[row] & mask:
                sure += 1
            elif offers[row] & mask:
                maybe += 1
        score = _NEEDS * ((sure + SUGGESTED_FIT * maybe) / len(masks))
        score += _DISTANCE * nearness
        score += _LANGUAGE_PART[level]
        score += _CAPACITY_PART[state]
        score += _FRESHNESS * freshness
        score -= UNKNOWN_COST * unknown
        found_rows[count] = row
        found_distance[count], found_unmet[count], found_far[count] = distance, unmet, too_far
        found_score[count] = round(max(0.0, score) * 10_000) / 10_000
        count += 1
    return count


def near_rows(keys: Any, needs: Any, mask: Any, latitude: float, longitude: float, radius_km: float) -> Any:
    """`Columns.near`, to be compiled."""
    lows, ends = stretches(latitude, longitude, radius_km)
    starts = [np.searchsorted(keys, low) for low in lows]
    stops = [np.searchsorted(keys, end) for end in ends]
    total, count = 0, 0
    for start, stop in zip(starts, stops):  # noqa: B905 - numba knows no `strict`
        total += int(stop - start)
    found = np.empty(total, dtype=np.int64)
    for start, stop in zip(starts, stops):  # noqa: B905
        for row in range(start, stop):
            if needs[row] & mask:
                found[count] = row
                count += 1
    return found[:count]
