"""An invented world as an HSDS 3.1 file, so that what is measured comes in by the product's own import."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import numpy as np

from benchmarks.world import EPOCH, UNITS, World, codes, service_id
from referral_dir import geo
from referral_dir.desk.languages import language_name
from referral_dir.domain.distance import STEPS_PER_DEGREE
from referral_dir.domain.needs import label
from referral_dir.index.profiles import FOREVER

NAMES: Final = UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")
KINDS: Final = ("Harbour", "Lantern", "Bridge", "Orchard", "Compass", "Meadow", "Anchor", "Beacon", "Willow", "Ferry")
_WEEK: Final = {"freq": "WEEKLY", "byday": "MO,TU,WE,TH,FR", "opens_at": "09:00", "closes_at": "17:00"}
SCHEDULES: Final = (_WEEK, _WEEK | {"byday": "MO,TU,WE,TH,FR,SA,SU", "opens_at": "00:00", "closes_at": "23:59"},
                    _WEEK | {"opens_at": "08:00", "closes_at": "20:00"},
                    _WEEK | {"byday": "FR,SA,SU", "opens_at": "20:00", "closes_at": "06:00"})
WORDS: Final = ("staff", "speak", "with", "people", "in", "private", "rooms", "and", "by", "telephone", "every", "day",
                "without", "papers", "or", "payment", "for", "those", "who", "need", "it", "soon", "after", "a", "call")


def write_directory(world: World, path: Path, *, needs: bool) -> None:
    """One JSON file. Without `needs` it is plain HSDS, as from anywhere: the import suggests needs from the words."""
    organizations: dict[int, list[dict[str, Any]]] = {}
    for n in range(len(world)):
        organizations.setdefault(int(world.organizations[n]), []).append(_service(world, n, needs=needs))
    with path.open("w", encoding="utf-8") as file:
        file.write('{"organizations": [')
        for number, (organization, services) in enumerate(organizations.items()):
            file.write(",\n" * bool(number) + json.dumps({
                "id": str(UUID(int=organization + 1)), "name": f"{_kind(organization)} {organization} (invented)",
                "description": "Invented for a measurement.", "services": services}))
        file.write("]}")


def _kind(number: int) -> str:
    return KINDS[number % len(KINDS)]


def _service(world: World, n: int, *, needs: bool) -> dict[str, Any]:
    sid = str(service_id(n))
    confirmed, offered = codes(world.confirmed[n]), codes(world.needs[n])
    until, low, high, household, rules, text, _ = world.profile_list[world.profiles[n]]
    lat, lon = world.latitude[n] / STEPS_PER_DEGREE, world.longitude[n] / STEPS_PER_DEGREE
    place = geo._place(int(world.towns[n]))
    unit = UNITS[world.units[n]]
    name = f"{_kind(n)} {label(min(offered))} {n}"
    service: dict[str, Any] = {
        "id": sid, "name": name, "status": "active", "description": _description(n, sorted(offered)),
        "minimum_age": low, "maximum_age": high, "interpretation_services": "By telephone" if world.own[n] else None,
        "eligibility_description": "Call first." if text else None,
        "languages": [{"id": _id(sid, code), "code": code, "name": language_name(code)}
                      for code in sorted(world.language_sets[world.languages[n]])],
        "phones": [{"id": _id(sid, "phone"), "number": f"+1 305 555 {100 + n % 100:04d}"}],
        "schedules": [{"id": _id(sid, "hours"), **SCHEDULES[n % len(SCHEDULES)]}],
        "service_at_locations": [{"id": _id(sid, "at"), "location": {
            "id": _id(sid, "place"), "location_type": "physical", "latitude": round(float(lat), 7),
            "longitude": round(float(lon), 7), "addresses": [{
                "id": _id(sid, "address"), "address_1": f"{n % 900 + 1} Invented Street", "city": place.name,
                "state_province": place.admin1, "postal_code": "00000", "country": place.country,
                "address_type": "physical"}]}}]}
    if unit:
        service["capacities"] = [{
            "id": _id(sid, "capacity"), "unit": {"id": str(uuid5(NAMES, unit)), "name": unit},
            "available": int(world.available[n]), "maximum": 12,
            "updated": (EPOCH + timedelta(microseconds=int(world.updated[n]))).isoformat()}]
    if needs:
        service["referral_dir"] = {
            "needs": sorted(confirmed), "suggested_needs": sorted(offered - confirmed), "timezone": place.timezone,
            "country": place.country, "maximum_household": household,
            "offered_until": None if until == FOREVER else str(date.fromordinal(until)),
            "eligibility": [{"criterion": c, "code": code, "effect": e} for c, code, e in rules]}
    return service


def _id(service: str, part: str) -> str:
    return str(uuid5(NAMES, f"{service} {part}"))


def _description(n: int, offered: list[str]) -> str:
    rng = np.random.default_rng(n)
    words = [WORDS[i] for i in rng.integers(0, len(WORDS), 40)]
    return f"{', '.join(label(code) for code in offered)}. {' '.join(words).capitalize()}."
