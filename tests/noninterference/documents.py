"""Twin directories as HSDS files: the same ids and words, but for what a hidden service must keep to itself.

The places of the two differ as far as their zone allows: over a border of time zones, over a border of countries.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID, uuid5

NAMES: Final = UUID("00000000-0000-4000-8000-0000000000f7")
# (town, state, country, latitude, longitude) of the gazetteer. Columbus lies on a border of time zones, El Paso on one
# of countries.
ZONES: Final = (
    ("Miami", "Florida", "US", 25.77427, -80.19366), ("Columbus", "Georgia", "US", 32.46098, -84.98771),
    ("El Paso", "Texas", "US", 31.75872, -106.48693), ("Irbid", "Irbid", "JO", 32.55556, 35.85),
    ("Amman", "Amman", "JO", 31.95522, 35.94503))
STREETS: Final = ("Canary Lane", "Hidden Elm Street", "Quiet Orchard Road", "Old Mill Close", "Nightjar Avenue")
PEOPLE: Final = ("Ximena Quail", "Bartholomew Finch", "Oriel Sandpiper", "Tamsin Wren", "Idris Plover")
HIDDEN: Final = 24
PUBLIC: Final = 36
NEEDS: Final = (("shelter.safe_house", "shelter.emergency"), ("legal.immigration", "case_management"),
                ("medical.general",), ("interpretation", "basic.food"), ("shelter.emergency",))
TONGUES: Final = (("en", "es"), ("ar",), ("ht", "fr"), ("en",), ("uk", "ru", "en"))


def an_id(name: str) -> str:
    """The same id for the same name, in both twins."""
    return str(uuid5(NAMES, name))


@dataclass(frozen=True, slots=True)
class Place:
    """All that says where a hidden service is."""

    street: str
    street_2: str
    postal_code: str
    phone: str
    name: str
    person: str
    email: str
    latitude: float
    longitude: float

    def sealed(self, zone: Sequence[Any]) -> dict[str, Any]:
        """As an address to be sealed."""
        return {"address_1": self.street, "address_2": self.street_2, "city": zone[0], "state_province": zone[1],
                "postal_code": self.postal_code, "country": zone[2]}


def a_place(chance: Random, zone: Sequence[Any], reach: float = 0.15) -> Place:
    """Somewhere in the zone, with invented particulars of any length."""
    person = chance.choice(PEOPLE)
    return Place(
        f"{chance.randint(1, 9999)} {chance.choice(STREETS)}", f"House {chance.randint(1, 10 ** chance.randint(1, 6))}",
        f"{chance.randint(10000, 99999)}", f"+1 305 555 {chance.randint(0, 9999):04}",
        f"{chance.choice(STREETS)} {'House ' * chance.randint(1, 3)}", person,
        f"{person.split()[0].casefold()}{chance.randint(1, 999)}@quiet.example",
        round(zone[3] + chance.uniform(-reach, reach), 6), round(zone[4] + chance.uniform(-reach, reach), 6))


def document(chance: Random) -> dict[str, Any]:
    """A directory whose hidden services lie where `chance` says. All else is the same each time."""
    fixed = Random(7)
    services = [_hidden(n, fixed, chance) for n in range(HIDDEN)] + [_public(n, fixed) for n in range(PUBLIC)]
    organizations: dict[str, dict[str, Any]] = {}
    for n, service in enumerate(services):
        name = f"Organization {n % 12} (invented)"
        home = organizations.setdefault(name, {"id": an_id(name), "name": name, "description": "Invented.",
                                               "services": [], "locations": []})
        home["services"].append(service)
        office = service.pop("office", None)
        if office:
            home["locations"].append(office)
    return {"organizations": list(organizations.values())}


def write(path: Path, chance: Random) -> Path:
    """The document as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(chance), ensure_ascii=False), encoding="utf-8")
    return path


def _service(name: str, n: int, fixed: Random, zone: Sequence[Any]) -> dict[str, Any]:
    return {
        "id": an_id(name), "name": name, "status": "active", "url": f"https://{an_id(name)[:8]}.example",
        "description": f"Help number {n} in words: {fixed.choice(('shelter beds', 'legal advice', 'a clinic', 'food'))}"
                       " for people who were trafficked. Invented.",
        "languages": [{"id": an_id(f"{name} {code}"), "code": code} for code in TONGUES[n % len(TONGUES)]],
        "phones": [{"id": an_id(f"{name} phone"), "number": f"+1 305 555 {n:04}"}],
        "schedules": [{"id": an_id(f"{name} hours"), "freq": "WEEKLY", "byday": "MO,TU,WE,TH,FR,SA,SU",
                       "opens_at": f"{n % 10:02}:00", "closes_at": f"{12 + n % 11}:00"}] if n % 4 else [],
        "capacities": [{"id": an_id(f"{name} beds"), "unit": {"id": an_id("bed"), "name": "bed"},
                        "available": fixed.randint(0, 3), "maximum": 9, "updated": "2026-11-24T01:00:00+00:00"}]
        if n % 3 else [],
        "referral_dir": {"needs": list(NEEDS[n % len(NEEDS)]), "country": zone[2], "remote": n % 9 == 5,
                         "eligibility": [{"criterion": "gender", "code": "female", "effect": "serves"}]
                         if n % 5 == 1 else []},
    }


def _hidden(n: int, fixed: Random, chance: Random) -> dict[str, Any]:
    """Hidden in four ways: by its sealed address alone, with a place and all that hangs on it, by its own words, and
    (public in the file) by a caseworker afterwards."""
    zone, way = ZONES[n % len(ZONES)], n // len(ZONES) % 4
    place = a_place(chance, zone)
    service = _service(f"Hidden {n} (invented)", n, fixed, zone)
    ours = service["referral_dir"]
    if way == 0:
        ours |= {"confidential": True, "zone": {"name": zone[0], "latitude": zone[3], "longitude": zone[4],
                                                "country": zone[2]}}
        service["secret"] = {**place.sealed(zone), "latitude": place.latitude, "longitude": place.longitude}
        return service
    if way == 1:
        ours["confidential"] = True
    if way == 2:
        del service["referral_dir"]
        service["description"] = ("Confidential safe house, an emergency shelter for victims of domestic violence. "
                                  f"Come to {place.street}, {place.postal_code}. Invented.")
    service |= {"extra_note": f"the house is at {place.street}", "alert": f"Ring {place.phone} at the door",
                "email": place.email if way != 3 else "desk@invented.example"}
    service["service_at_locations"] = [_site(service["id"], zone, place)]
    service["service_areas"] = [{"id": an_id(f"circle {n}"), "name": "Around the house", "referral_dir": {
        "latitude": place.latitude, "longitude": place.longitude, "radius_km": 30}, "extent": json.dumps(
        {"type": "Point", "coordinates": [place.longitude, place.latitude]}), "extent_type": "geojson"}]
    service["attributes"] = [{"id": an_id(f"tag {n}"), "label": "where", "value": f"behind {place.street}"}]
    service["metadata"] = [_history(f"service {n}", "description", f"at {place.street}, {place.postal_code}")]
    if n % 2:
        service["office"] = _location(f"office {service['id']}", zone, place)
    return service


def _site(service_id: str, zone: Sequence[Any], place: Place) -> dict[str, Any]:
    contact = {"id": an_id(f"contact {service_id}"), "name": place.person, "email": place.email,
               "phones": [{"id": an_id(f"contact phone {service_id}"), "number": place.phone}]}
    return {"id": an_id(f"site {service_id}"), "description": f"Round the corner of {place.street}",
            "phones": [{"id": an_id(f"site phone {service_id}"), "number": place.phone}], "contacts": [contact],
            "schedules": [{"id": an_id(f"site hours {service_id}"), "freq": "WEEKLY", "byday": "SU",
                           "opens_at": "09:00", "closes_at": "10:00", "notes": f"ring at {place.street}"}],
            "location": _location(service_id, zone, place)}


def _location(key: str, zone: Sequence[Any], place: Place) -> dict[str, Any]:
    return {
        "id": an_id(f"location {key}"), "name": place.name, "location_type": "physical", "latitude": place.latitude,
        "longitude": place.longitude, "description": f"a door in {place.street}", "transportation": place.street_2,
        "addresses": [{"id": an_id(f"address {key}"), **place.sealed(zone), "address_type": "physical",
                       "attributes": [{"id": an_id(f"address tag {key}"), "value": place.street}]}],
        "phones": [{"id": an_id(f"location phone {key}"), "number": place.phone, "description": place.name}],
        "contacts": [{"id": an_id(f"location contact {key}"), "name": place.person, "email": place.email}],
        "accessibility": [{"id": an_id(f"ramp {key}"), "description": f"a ramp at {place.street}"}],
        "attributes": [{"id": an_id(f"location tag {key}"), "value": place.postal_code}],
        "metadata": [_history(f"location {key}", "name", place.name)]}


def _history(key: str, field: str, before: str) -> dict[str, Any]:
    return {"id": an_id(f"history {key}"), "last_action_date": "2026-01-01", "last_action_type": "update",
            "field_name": field, "previous_value": before, "replacement_value": "x", "updated_by": "Invented Clerk"}


def _public(n: int, fixed: Random) -> dict[str, Any]:
    zone = ZONES[n % len(ZONES)]
    place = a_place(fixed, zone, 0.5)
    service = _service(f"Open {n} (invented)", n + HIDDEN, fixed, zone)
    service["service_at_locations"] = [_site(service["id"], zone, place)]
    return service
