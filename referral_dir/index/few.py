"""The rules of `judging.py` for a few rows, one at a time.

Most questions leave a handful of rows once language and eligibility are asked; for those, Python's own arithmetic takes
a fraction of what a hundred calls of NumPy do. A property test holds both equal to the plain rules.
"""

from typing import Final, NamedTuple
from uuid import UUID

from referral_dir.domain.distance import STEPS_PER_DEGREE, haversine_km
from referral_dir.domain.matching import SUGGESTED_FIT, UNKNOWN_COST, WEIGHTS
from referral_dir.domain.reach import HALF_DISTANCE_KM, PLACE_UNKNOWN_NEARNESS, REMOTE_NEARNESS
from referral_dir.index import grid
from referral_dir.index.columns import Rows
from referral_dir.index.judging import CAPACITY_FITS, IS_ASKED, LANGUAGE_FITS, LATEST_MICROSECONDS, Possible, Question

FEW: Final = 24
NOT_NEAR: Final = float("inf")
_NEEDS, _DISTANCE, _LANGUAGE, _CAPACITY, _FRESHNESS = (
    WEIGHTS[name] for name in ("needs", "distance", "language", "capacity", "freshness"))
_LANGUAGE_FITS, _IS_ASKED, _CAPACITY_FITS = LANGUAGE_FITS.tolist(), IS_ASKED.tolist(), CAPACITY_FITS.tolist()


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


def proposed(high: int, low: int, distance_km: float, score: float) -> Proposed:
    """A service by the halves of its id; an infinite distance is none."""
    return Proposed(UUID(int=high << 64 | low), None if distance_km == NOT_NEAR else distance_km, score)


def is_intricate(question: Question, rows: Rows) -> bool:
    """Whether more is asked than what `rank_few` answers: what to avoid, hours, services at several places."""
    need = question.need
    return (question.is_wary or need.open_now or need.open_by is not None
            or bool(question.columns["several"][rows].any()))


def rank_few(question: Question, possible: Possible, allowed_unmet: int) -> Ranked:
    """See Question.judged."""
    need, c, units = question.need, question.columns, question.tables.units
    rows, spoken, unmet, unknown = possible
    here, radius_km = (need.place.latitude, need.place.longitude), need.radius_km
    reach_km = need.reach_km if allowed_unmet else radius_km
    country = frozenset(question.tables.areas.unplaced(need.place.country))
    covering = frozenset(question.covering)
    shelf_life, is_bed = units.shelf_life.tolist(), units.is_bed.tolist()
    masks, people = [int(mask) for mask in question.masks], max(1, need.household)
    found: list[tuple[int, float, int, int, float, bool]] = []
    for (level, unmet_before, unknown_before, key, latitude, area, unit, free, updated, offered, confirmed, high,
         low) in zip(
            spoken.tolist(), unmet.tolist(), unknown.tolist(), *(c[name][rows].tolist() for name in (
                "key", "latitude", "areas", "unit", "available", "updated", "needs", "confirmed", "high", "low")),
            strict=True):
        placed = key != grid.NOWHERE
        distance = round(haversine_km(*here, latitude / STEPS_PER_DEGREE, grid.longitude(key) / STEPS_PER_DEGREE),
                         1) if placed else NOT_NEAR
        everywhere = area in covering
        if not (distance <= reach_km or everywhere or area in country):
            continue
        too_far = placed and distance > radius_km and not everywhere
        age = question.moment - updated
        fresh = unit != 0 and LATEST_MICROSECONDS <= age <= shelf_life[unit]
        enough = free >= (people if is_bed[unit] else 1)
        bad = unmet_before + too_far + (fresh and not enough)
        if bad > allowed_unmet:
            continue
        nearness = 1 / (1 + distance / HALF_DISTANCE_KM)
        if everywhere and not distance <= radius_km:
            nearness = max(REMOTE_NEARNESS, nearness)
        elif not placed:
            nearness = PLACE_UNKNOWN_NEARNESS
        ask = unknown_before + (not placed and not everywhere) + (not fresh) + _IS_ASKED[level]
        sure = sum(confirmed & mask != 0 for mask in masks)
        maybe = sum(offered & mask != 0 for mask in masks) - sure
        score = _NEEDS * ((sure + SUGGESTED_FIT * maybe) / len(masks))
        score += _DISTANCE * nearness
        score += _LANGUAGE * _LANGUAGE_FITS[level]
        score += _CAPACITY * _CAPACITY_FITS[2 * (unit != 0) + 2 * fresh + enough]
        if unit:
            score += _FRESHNESS * 0.5 ** max(0.0, age / shelf_life[unit])
        score -= UNKNOWN_COST * ask
        found.append((bad, -round(max(0.0, score), 4), high, low, distance, too_far))
    found.sort()
    every = tuple(proposed(high, low, distance, -score) for _, score, high, low, distance, _ in found)
    total = sum(bad == 0 for bad, *_ in found)
    wider = min((distance for bad, *_, distance, too_far in found if too_far and bad == 1), default=None)
    return Ranked(every[:total], every[total:], total, wider)
