"""The rules of domain/matching.py as SQL, from the product's own weights: what a peer has to answer.

Parameters are by name; needs and languages are asked as bit masks or as arrays, as the engine keeps them.
"""

from typing import Any, Final

from benchmarks.engines import SHOWN
from benchmarks.world import CODES, LANGUAGES, NOW, UNITS
from referral_dir.domain.availability import shelf_life
from referral_dir.domain.distance import EARTH_RADIUS_KM
from referral_dir.domain.interpreting import INTERPRETED_FIT, LANGUAGE_UNKNOWN_FIT
from referral_dir.domain.matching import CAPACITY_FIT, SUGGESTED_FIT, UNKNOWN_COST, WEIGHTS
from referral_dir.domain.need import Need
from referral_dir.domain.reach import HALF_DISTANCE_KM
from referral_dir.domain.tongues import FIT, Fluency, fluency

# Two needs are asked at most; a mask of 0 stands for none.
GENDERS: Final = {"female": 1, "male": 2, "trans": 4}

_SHELVES: Final = " ".join(
    f"WHEN {n} THEN {shelf_life(unit).total_seconds() / 3600:.1f}" for n, unit in enumerate(UNITS) if unit)
DISTANCE: Final = f"""
    round(2 * {EARTH_RADIUS_KM} * asin(min1(sqrt(
        power(sin(radians((lat - {{lat}}) / 2)), 2) + cos(radians({{lat}})) * cos(radians(lat))
        * power(sin(radians((lon - {{lon}}) / 2)), 2)))) * 10) / 10"""


def question_sql(near: str, *, has_need: str, sure: tuple[str, str], maybe: tuple[str, str], direct: str, same: str,
                 ask: str, name: str) -> str:
    """One statement: `near` narrows by place and is the engine's own affair; so are the tests of needs and languages.

    `name` is how the engine writes a parameter, like ":{}" or "%({})s".
    """
    p = _Names(name)
    needs_fit = " + ".join(f"CASE WHEN {s} THEN 1.0 WHEN {m} THEN {SUGGESTED_FIT} ELSE 0.0 END"
                           for s, m in zip(sure, maybe, strict=True))
    silent = "no_language"
    return f"""
    WITH placed AS (
        SELECT *, {DISTANCE.format(lat=p.lat, lon=p.lon)} AS km,
            CASE WHEN {direct} THEN 3 WHEN {same} THEN 2 WHEN own THEN 1 WHEN {ask} THEN -1 WHEN {silent} THEN -2
                ELSE 0 END AS spoken,
            CASE WHEN unit = 1 THEN {p.household} ELSE 1 END AS needed,
            CASE WHEN unit = 0 THEN 0.0 ELSE ({p.now} - updated) / 3600.0 END AS hours,
            CASE unit {_SHELVES} ELSE 1.0 END AS shelf
        FROM {near} AND {has_need}
    ), judged AS (
        SELECT *, unit > 0 AND hours <= shelf AND hours >= -5.0 / 60 AS fresh, ages_given
            AND NOT (low <= {p.age} AND {p.age} < high + 1) AS outside
        FROM placed
        WHERE km <= {p.radius} AND spoken <> 0 AND until >= {p.today}
            AND NOT (largest > 0 AND largest < {p.household})
            AND ({p.gender} = 0 OR ((excludes & {p.gender}) = 0 AND (serves = 0 OR (serves & {p.gender}) <> 0)))
    )
    SELECT sort_key, km, round((
        {WEIGHTS["needs"]} * ({needs_fit}) / {p.count}
        + {WEIGHTS["distance"]} * (1 / (1 + km / {HALF_DISTANCE_KM}))
        + {WEIGHTS["language"]} * CASE spoken WHEN 3 THEN {FIT[Fluency.DIRECT]} WHEN 2 THEN {FIT[Fluency.SAME]}
            WHEN 1 THEN {INTERPRETED_FIT} WHEN -1 THEN {FIT[Fluency.ASK]} ELSE {LANGUAGE_UNKNOWN_FIT} END
        + {WEIGHTS["capacity"]} * CASE WHEN fresh THEN {CAPACITY_FIT["available"]} WHEN unit = 0
            THEN {CAPACITY_FIT["unknown"]} WHEN available >= needed THEN {CAPACITY_FIT["unconfirmed"]}
            ELSE {CAPACITY_FIT["unconfirmed, too few"]} END
        + {WEIGHTS["freshness"]} * CASE WHEN unit = 0 THEN 0.0 ELSE power(0.5, max0(hours / shelf)) END
        - {UNKNOWN_COST} * ((CASE WHEN fresh THEN 0 ELSE 1 END) + (CASE WHEN spoken < 0 THEN 1 ELSE 0 END)
            + (CASE WHEN in_words AND NOT ages_given AND (largest = 0 OR {p.household} <= 1)
                AND ({p.gender} = 0 OR serves + excludes = 0) THEN 1 ELSE 0 END))
        ) * 10000) AS score
    FROM judged
    WHERE NOT outside AND NOT (fresh AND available < needed)
    ORDER BY score DESC, sort_key LIMIT {SHOWN}"""  # nosec B608


class _Names:
    def __init__(self, form: str) -> None:
        self._form = form

    def __getattr__(self, name: str) -> str:
        return self._form.format(name)


def parameters(need: Need) -> dict[str, Any]:
    """What every engine is told."""
    asked = [[CODES.index(code) for code in each if code in CODES] for each in need.needs.values()]
    asked += [[]] * (2 - len(asked))
    by_level: dict[Fluency, list[int]] = {level: [] for level in Fluency}
    for n, code in enumerate(LANGUAGES):
        by_level[max(fluency(code, each) for each in need.languages)].append(n)
    assert need.ages is not None
    reach = need.radius_km + 0.06
    return {
        "lat": need.place.latitude, "lon": need.place.longitude, "radius": need.radius_km, "reach": reach,
        "age": float(need.ages[0]), "gender": GENDERS[need.gender] if need.gender else 0,
        "household": need.household, "now": NOW.timestamp(), "today": NOW.date().toordinal(), "count": len(need.needs),
        "needs": sorted({*asked[0], *asked[1]}), "needs_1": asked[0], "needs_2": asked[1],
        "direct": by_level[Fluency.DIRECT], "same": by_level[Fluency.SAME], "ask": by_level[Fluency.ASK]}


def masks(found: dict[str, Any]) -> dict[str, Any]:
    """The parameters with lists as bit masks."""
    return {name: sum(1 << n for n in value) if isinstance(value, list) else value for name, value in found.items()}
