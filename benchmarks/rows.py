"""The world as plain rows, for peers that load rows."""

from collections.abc import Iterator
from typing import Any

from benchmarks.question_sql import GENDERS
from benchmarks.world import CODES, LANGUAGES, World, codes, service_id

COLUMNS = ("id", "sort_key", "lat", "lon", "needs_mask", "confirmed_mask", "languages_mask", "no_language",
           "own", "unit", "available", "updated", "until", "ages_given", "low", "high", "largest", "serves",
           "excludes", "in_words")


def rows(world: World) -> Iterator[tuple[Any, ...]]:
    """One tuple per service, in the order of COLUMNS. `sort_key` orders as the ids do."""
    profiles = [_profile(p) for p in world.profile_list]
    spoken = [sum(1 << LANGUAGES.index(code) for code in each) for each in world.language_sets]
    bits: dict[int, int] = {}
    lat, lon = (world.latitude / 1e7).tolist(), (world.longitude / 1e7).tolist()
    updated = (world.updated / 1e6).tolist()
    for n in range(len(world)):
        until, *rest = profiles[world.profiles[n]]
        languages = spoken[world.languages[n]]
        offered, confirmed = (_dense(int(mask), bits) for mask in (world.needs[n], world.confirmed[n]))
        yield (n, service_id(n).hex, lat[n], lon[n], offered, confirmed, languages, languages == 0, bool(world.own[n]),
               int(world.units[n]), int(world.available[n]), updated[n], until, *rest)


def members(mask: int) -> list[int]:
    """The numbers in a mask."""
    return [n for n in range(mask.bit_length()) if mask >> n & 1]


def _dense(mask: int, known: dict[int, int]) -> int:
    """The product's mask as one over the world's own needs."""
    if mask not in known:
        known[mask] = sum(1 << CODES.index(code) for code in codes(mask))
    return known[mask]


def _profile(profile: Any) -> tuple[Any, ...]:
    until, low, high, household, rules, text, _ = profile
    serves = sum(GENDERS[code] for _, code, effect in rules if effect == "serves")
    excludes = sum(GENDERS[code] for _, code, effect in rules if effect == "excludes")
    return (until, low is not None or high is not None, float(low or 0), 1e9 if high is None else float(high),
            household or 0, serves, excludes, text)
