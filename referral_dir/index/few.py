"""The rules of `judging.py` for a few rows, one at a time.

Most questions leave a handful of rows once language and eligibility are asked; for those, Python's own arithmetic takes
a fraction of what a hundred calls of NumPy do. A property test holds both equal to the plain rules.
"""

from typing import Final, NamedTuple
from uuid import UUID

from referral_dir.domain.distance import STEPS_PER_DEGREE, haversine_km
from referral_dir.domain.matching import SUGGESTED_FIT, UNKNOWN_COST, WEIGHTS
from referral_dir.domain.reach import HALF_DISTANCE_KM, PLACE_UNKNOWN_NEARNESS, REMOTE_NEARNESS
from referral_dir.domain.tongues import Fluency
from referral_dir.index import grid
from referral_dir.index.columns import Rows
from referral_dir.index.judging import (
    CAPACITY_FITS,
    IS_ASKED,
    IS_WANTING,
    LANGUAGE_FITS,
    LATEST_MICROSECONDS,
    Possible,
    Question,
)
from referral_dir.index.profiles import COUNT_MASK, SPOKEN, UNKNOWN
from referral_dir.index.tables import INTERPRETED

FEW: Final = 24
NOT_NEAR: Final = float("inf")
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


def proposed(high: int, low: int, distance_km: float, score: float) -> Proposed:
    """A service by the halves of its id; an infinite distance is none."""
    return Proposed(UUID(int=high << 64 | low), None if distance_km == NOT_NEAR else distance_km, score)


class Few(NamedTuple):
    """As judging.Possible, in lists."""

    rows: list[int]
    spoken: list[int]
    unmet: list[int]
    unknown: list[int]


def is_plain(question: Question) -> bool:
    """Whether no more is asked than what `rank_few` answers: nothing to avoid, no hours."""
    return not (question.is_wary or question.need.open_now or question.need.open_by is not None)


def few_of(possible: Possible) -> Few:
    """The rows in lists."""
    return Few(*(values.tolist() for values in possible))


def possible_few(question: Question, rows: Rows, allowed_unmet: int, *, interpreted: bool) -> Few:
    """See Question.possible."""
    c, profiles = question.columns, question.tables.profiles
    answers = [question.tables.languages.answers(code) for code in question.need.languages]
    verdicts = [profiles.verdict(each) for each in question.asked()]
    found = Few([], [], [], [])
    for row, tongues, profile in zip(rows.tolist(), c["languages"][rows].tolist(), c["profile"][rows].tolist(),
                                     strict=True):
        level = max([int(answer[tongues]) for answer in answers], default=_DIRECT)
        if _IS_WANTING[level] and (interpreted or profiles.own_interpretation[profile]):
            level = INTERPRETED
        unmet = int(level == _NO)
        if unmet > allowed_unmet:
            continue
        told = sum([int(verdict[profile]) for verdict in verdicts])
        unmet += told & COUNT_MASK
        if unmet > allowed_unmet:
            continue
        found.rows.append(row)
        found.spoken.append(level)
        found.unmet.append(unmet)
        found.unknown.append((told // UNKNOWN & COUNT_MASK) + bool(told < SPOKEN and profiles.text[profile]))
    return found


def rank_few(question: Question, few: Few, allowed_unmet: int) -> Ranked | None:
    """See Question.judged. None where a service is at several places: those must be seen together."""
    need, data, units = question.need, question.columns.data, question.tables.units
    here, radius_km = (need.place.latitude, need.place.longitude), need.radius_km
    reach_km = need.reach_km if allowed_unmet else radius_km
    country, covering = question.tables.areas.unplaced(need.place.country), question.covering
    people = max(1, need.household)
    found: list[tuple[int, float, int, int, float, bool]] = []
    for row, level, unmet_before, unknown_before in zip(*few, strict=True):
        if data["several"][row]:
            return None
        key, area, unit = int(data["key"][row]), int(data["areas"][row]), int(data["unit"][row])
        placed = key != grid.NOWHERE
        distance = round(haversine_km(*here, int(data["latitude"][row]) / STEPS_PER_DEGREE,
                                      grid.longitude(key) / STEPS_PER_DEGREE), 1) if placed else NOT_NEAR
        everywhere = area in covering
        if not (distance <= reach_km or everywhere or area in country):
            continue
        too_far = placed and distance > radius_km and not everywhere
        age, shelf_life = question.moment - int(data["updated"][row]), int(units.shelf_life[unit])
        fresh = unit != 0 and LATEST_MICROSECONDS <= age <= shelf_life
        enough = bool(data["available"][row] >= (people if units.is_bed[unit] else 1))
        unmet = unmet_before + too_far + (fresh and not enough)
        if unmet > allowed_unmet:
            continue
        nearness = 1 / (1 + distance / HALF_DISTANCE_KM)
        if everywhere and not distance <= radius_km:
            nearness = max(REMOTE_NEARNESS, nearness)
        elif not placed:
            nearness = PLACE_UNKNOWN_NEARNESS
        unknown = unknown_before + (not placed and not everywhere) + (not fresh) + _IS_ASKED[level]
        score = _NEEDS * _needs_fit(question, int(data["needs"][row]), int(data["confirmed"][row]))
        score += _DISTANCE * nearness
        score += _LANGUAGE * _LANGUAGE_FITS[level]
        score += _CAPACITY * _CAPACITY_FITS[2 * (unit != 0) + 2 * fresh + enough]
        if unit:
            score += _FRESHNESS * 0.5 ** max(0.0, age / shelf_life)
        score = round(max(0.0, score - UNKNOWN_COST * unknown), 4)
        found.append((unmet, -score, int(data["high"][row]), int(data["low"][row]), distance, too_far))
    found.sort()
    every = tuple([proposed(high, low, distance, -score) for _, score, high, low, distance, _ in found])
    total = sum([unmet == 0 for unmet, *_ in found])
    wider = min([distance for unmet, *_, distance, too_far in found if too_far and unmet == 1], default=None)
    return Ranked(every[:total], every[total:], total, wider)


def _needs_fit(question: Question, offered: int, confirmed: int) -> float:
    masks = question.masks
    sure = sum([confirmed & mask != 0 for mask in masks])
    maybe = sum([offered & mask != 0 for mask in masks]) - sure
    return (sure + SUGGESTED_FIT * maybe) / len(masks)
