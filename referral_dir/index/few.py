"""The rules of `judging.py` for a few rows, one at a time.

Most questions leave a handful of rows once place and need are asked; for those, Python's own arithmetic takes a
fraction of what a hundred calls of NumPy do. A property test holds both equal to the plain rules.
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from referral_dir.domain.distance import STEPS_PER_DEGREE, haversine_km
from referral_dir.domain.matching import SUGGESTED_FIT, UNKNOWN_COST, WEIGHTS
from referral_dir.domain.reach import HALF_DISTANCE_KM, PLACE_UNKNOWN_NEARNESS, REMOTE_NEARNESS
from referral_dir.domain.tongues import Fluency
from referral_dir.index import grid
from referral_dir.index.columns import RECORD
from referral_dir.index.judging import (
    CAPACITY_FITS,
    IS_ASKED,
    IS_WANTING,
    LANGUAGE_FITS,
    LATEST_MICROSECONDS,
    Question,
)
from referral_dir.index.profiles import COUNT_MASK, SPOKEN, UNKNOWN
from referral_dir.index.tables import INTERPRETED

FEW: Final = 24
NOT_NEAR: Final = float("inf")
# columns.RECORD as the standard library reads it.
_RECORD: Final = struct.Struct("@" + "".join(RECORD[name].char for name in RECORD.names or ()))
_NEEDS, _DISTANCE, _LANGUAGE, _CAPACITY, _FRESHNESS = (
    WEIGHTS[name] for name in ("needs", "distance", "language", "capacity", "freshness"))
_LANGUAGE_FITS, _CAPACITY_FITS = LANGUAGE_FITS.tolist(), CAPACITY_FITS.tolist()
_IS_ASKED, _IS_WANTING = IS_ASKED.tolist(), IS_WANTING.tolist()
_NO, _DIRECT = int(Fluency.NONE), int(Fluency.DIRECT)


class Proposed(NamedTuple):
    """A service, the km to its nearest point (None without any), and its score when it was proposed."""

    service_id: UUID
    distance_km: float | None
    score: float


class Ranked(NamedTuple):
    """Matches and near misses, best first; how many match; the km to the nearest service that is only too far away."""

    matches: tuple[Proposed, ...]
    near_misses: tuple[Proposed, ...]
    total: int
    wider_km: float | None


NOTHING: Final = Ranked((), (), 0, None)


def proposed(high: int, low: int, distance_km: float, score: float) -> Proposed:
    """A service by the halves of its id; an infinite distance is none."""
    return Proposed(UUID(int=high << 64 | low), None if distance_km == NOT_NEAR else distance_km, score)


def is_plain(question: Question) -> bool:
    """Whether no more is asked than what `rank_few` answers: nothing to avoid, no hours."""
    return not (question.is_wary or question.need.open_now or question.need.open_by is not None)


def rank_few(question: Question, rows: Iterable[int], allowed_unmet: int, matches: int, near_misses: int, *,
             interpreted: bool) -> Ranked | None:
    """See Question.possible and Question.judged; at most so many matches and near misses.

    None where a service is at several places: those must be seen together.
    """
    need, columns, tables = question.need, question.columns, question.tables
    answers = [tables.languages.answers(code).data for code in need.languages]
    verdicts = [tables.profiles.verdict(each).data for each in question.asked()]
    own, in_words = tables.profiles.own_interpretation.data, tables.profiles.text.data
    lives, is_bed = tables.units.shelf_life.data, tables.units.is_bed.data
    latitude, longitude, radius_km = need.place.latitude, need.place.longitude, need.radius_km
    reach_km = need.reach_km if allowed_unmet else radius_km
    country, covering = tables.areas.unplaced(need.place.country), question.covering
    people, moment = max(1, need.household), question.moment
    keys, offers, tongues, profiles = (columns.views[name] for name in ("key", "needs", "languages", "profile"))
    found: list[tuple[int, float, int, int, float, bool]] = []
    for row in rows:
        profile, level = profiles[row], _DIRECT
        if answers:
            level = max([answer[tongues[row]] for answer in answers])
            if _IS_WANTING[level] and (interpreted or own[profile]):
                level = INTERPRETED
        unmet = int(level == _NO)
        if unmet > allowed_unmet:
            continue
        told = 0
        for verdict in verdicts:
            told += verdict[profile]
        unmet += told & COUNT_MASK
        if unmet > allowed_unmet:
            continue
        high, low, confirmed, _, updated, north, _, _, area, _, available, unit, several = _RECORD.unpack_from(
            columns.raw, row * _RECORD.size)
        if several:
            return None
        key, needs = keys[row], offers[row]
        placed = key != grid.NOWHERE
        distance = NOT_NEAR
        if placed:
            distance = round(haversine_km(latitude, longitude, north / STEPS_PER_DEGREE,
                                          grid.longitude(key) / STEPS_PER_DEGREE), 1)
        everywhere = area in covering
        if not (distance <= reach_km or everywhere or area in country):
            continue
        too_far = placed and distance > radius_km and not everywhere
        fresh = enough = False
        shelf_life = age = 0
        if unit:
            age, shelf_life = moment - updated, lives[unit]
            fresh = LATEST_MICROSECONDS <= age <= shelf_life
            enough = available >= (people if is_bed[unit] else 1)
        unmet += too_far + (fresh and not enough)
        if unmet > allowed_unmet:
            continue
        nearness = 1 / (1 + distance / HALF_DISTANCE_KM)
        if everywhere and not distance <= radius_km:
            nearness = max(REMOTE_NEARNESS, nearness)
        elif not placed:
            nearness = PLACE_UNKNOWN_NEARNESS
        unknown = ((told // UNKNOWN & COUNT_MASK) + bool(told < SPOKEN and in_words[profile])
                   + (not placed and not everywhere) + (not fresh) + _IS_ASKED[level])
        score = _NEEDS * _needs_fit(question.masks, needs, confirmed)
        score += _DISTANCE * nearness
        score += _LANGUAGE * _LANGUAGE_FITS[level]
        score += _CAPACITY * _CAPACITY_FITS[2 * (unit != 0) + 2 * fresh + enough]
        if unit:
            score += _FRESHNESS * 0.5 ** max(0.0, age / shelf_life)
        score = round(max(0.0, score - UNKNOWN_COST * unknown), 4)
        found.append((unmet, -score, high, low, distance, too_far))
    if not found:
        return NOTHING
    found.sort()
    total = sum([not each[0] for each in found])
    every = [proposed(high, low, distance, -score) for _, score, high, low, distance, _ in (
        *found[:min(total, matches)], *found[total:total + near_misses])]
    wider = min([distance for unmet, *_, distance, too_far in found if too_far and unmet == 1], default=None)
    return Ranked(tuple(every[:total]), tuple(every[min(total, matches):]), total, wider)


def _needs_fit(masks: list[int], offered: int, confirmed: int) -> float:
    sure = maybe = 0
    for mask in masks:
        if confirmed & mask:
            sure += 1
        elif offered & mask:
            maybe += 1
    return (sure + SUGGESTED_FIT * maybe) / len(masks)
