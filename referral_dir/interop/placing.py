"""Where services are: towns for places without a point, time zones, and zones for shelters that must stay hidden."""

import re
from collections import Counter, defaultdict
from functools import cache
from typing import Final

from geopy.exc import GeopyError

from referral_dir import geo
from referral_dir.domain.suggest import suggest_needs
from referral_dir.domain.vocabulary import Place
from referral_dir.geocoder import PublicGeocoder
from referral_dir.interop.records import SourceRecord
from referral_dir.interop.report import ImportReport

_VIOLENCE: Final = re.compile(
    r"domestic violence|abused|battered|trafficking|violencia|sexual assault|dating violence", re.IGNORECASE)
_SHELTER: Final = re.compile(r"\bshelter(?!ing)|safe ?house|safe haven|refuge\b|\blodge\b|transitional living",
                             re.IGNORECASE)
_ADDRESS: Final = ("attention", "address_1", "address_2", "city", "region", "state_province", "postal_code", "country")

# Records by the column that names their place and the place's id: sources give a location and a service the same id.
AtPlace = dict[tuple[str, str], list[SourceRecord]]


def place_all(records: list[SourceRecord], report: ImportReport, default_country: str | None) -> list[SourceRecord]:
    """Fill in towns, countries and time zones, and hide the shelters. Returns the records to write."""
    by_location = {r.foreign_id: r for r in records if r.table == "location"}
    addresses = defaultdict(list)
    for r in records:
        if r.table == "address" and r.values.get("location_id"):
            addresses[r.values["location_id"]].append(r)
    sites = defaultdict(list)
    for r in records:
        if r.table == "service_at_location" and r.values.get("location_id") in by_location:
            sites[r.values.get("service_id")].append(r)
    at_place: AtPlace = defaultdict(list)
    for r in records:
        for column in ("location_id", "service_at_location_id"):
            if r.values.get(column):
                at_place[column, r.values[column]].append(r)
    for location in by_location.values():
        _town(location, addresses[location.foreign_id], report, default_country)
    dropped: set[int] = set()
    # Before one is hidden, as several services may share a place.
    with_places = [(r, [by_location[s.values["location_id"]] for s in sites[r.foreign_id]])
                   for r in records if r.table == "service"]
    for service, places in with_places:
        _clock(service, places)
        if service.values.get("confidential") or is_hidden_shelter(service):
            dropped |= _hide(service, sites[service.foreign_id], places, addresses, report, at_place)
    countries = {r.foreign_id: r.values.get("country") for r in records if r.table == "service"}
    for area in (r for r in records if r.table == "service_area" and not r.values.get("country")):
        _bounds(area, countries.get(str(area.values.get("service_id"))))
    _commonest_country([r for r in records if r.table == "service"], report)
    return [r for r in records if id(r) not in dropped]


def geocode_public(records: list[SourceRecord], report: ImportReport, geocoder: PublicGeocoder) -> None:
    """Points for public addresses that have none, from the server that a deployment runs itself.

    Called with what is left after the shelters were hidden: a sealed address is not among the records any more.
    """
    addresses = {r.values.get("location_id"): r for r in records if r.table == "address" and r.values.get("address_1")}
    for location in (r for r in records if r.table == "location" and r.foreign_id in addresses):
        if _on_globe(location.values.get("latitude"), location.values.get("longitude")):
            continue
        values = addresses[location.foreign_id].values
        text = ", ".join(str(values[k]) for k in ("address_1", "city", "state_province", "postal_code", "country")
                         if values.get(k))
        try:
            found = geocoder.geocode(text, confidential=False)
        except GeopyError as error:
            report.refused(location.where, "latitude", "",
                           f"the geocoder failed ({type(error).__name__}): towns are used")
            return
        if found:
            location.values |= {"near_name": values.get("city") or "", "near_latitude": found.latitude,
                                "near_longitude": found.longitude}
            report.repaired(location.where, "latitude", "", "no point: found by the address")


def _bounds(area: SourceRecord, country: str | None) -> None:
    """What the area's name means on a map: a country, or a state of the service's country. Else it stays words."""
    name = str(area.values.get("name") or "").strip()
    whole = re.fullmatch(r"(country|nation)[- ]?wide|national", name, re.IGNORECASE)
    code = country if whole else geo.country_code(name)
    if code:
        area.values["country"] = code
    elif country and (state := geo.area_name(name, country)):
        area.values |= {"country": country, "admin1": state}


def _commonest_country(services: list[SourceRecord], report: ImportReport) -> None:
    """A directory is of one country: a service without any place is looked for there."""
    known = Counter(s.values["country"] for s in services if s.values.get("country"))
    if not known:
        return
    country, count = known.most_common(1)[0]
    if count * 10 >= sum(known.values()) * 9:
        for service in services:
            if not service.values.get("country"):
                service.values["country"] = country
                report.repaired(service.where, "country", "", f"no place: taken to be in {country}")


def is_hidden_shelter(service: SourceRecord) -> bool:
    """A shelter for people in danger from someone, by its own words. A source that published its address may
    not have thought of traffickers; a caseworker can make it public again."""
    if service.needs is not None:
        return False
    name, text = str(service.values.get("name") or ""), str(service.values.get("description") or "")
    service.suggested = suggest_needs(name, text, service.categories)
    codes = {s.code for s in service.suggested}
    if "shelter.safe_house" in codes:
        return True
    return "shelter.emergency" in codes and bool(_VIOLENCE.search(name + " " + text)) and bool(_SHELTER.search(text))


def _town(location: SourceRecord, addresses: list[SourceRecord], report: ImportReport,
          default_country: str | None) -> None:
    lat, lon = location.values.get("latitude"), location.values.get("longitude")
    if _on_globe(lat, lon):
        return
    if lat is not None or lon is not None:
        report.repaired(location.where, "latitude", f"{lat},{lon}", "not a point on the globe: kept as written, "
                                                                    "not used for matching")
    for address in addresses:
        place = _resolve(str(address.values.get("city") or ""), str(address.values.get("state_province") or ""),
                         str(address.values.get("country") or "") or default_country or "")
        if place:
            location.values |= {"near_name": place.name, "near_latitude": place.latitude,
                                "near_longitude": place.longitude}
            report.repaired(location.where, "latitude", "", f"no point: near {geo.place_label(place)} for distances")
            return


def _clock(service: SourceRecord, places: list[SourceRecord]) -> None:
    if service.values.get("timezone") is not None and service.values.get("country") is not None:
        return
    for location in places:
        v = location.values
        pair = (v.get("latitude"), v.get("longitude"))
        if not _on_globe(*pair):
            pair = (v.get("near_latitude"), v.get("near_longitude"))
        if _on_globe(*pair):
            near = _nearest(round(float(pair[0] or 0), 2), round(float(pair[1] or 0), 2))
            if service.values.get("timezone") is None:
                service.values["timezone"] = near.timezone
            if service.values.get("country") is None:
                service.values["country"] = near.country
            return


def _hide(service: SourceRecord, sites: list[SourceRecord], places: list[SourceRecord],
          addresses: dict[str, list[SourceRecord]], report: ImportReport,
          at_place: AtPlace) -> set[int]:
    """Seal the service's address and point; its zone is its town. Returns the records that must not be written."""
    first = next((a for p in places for a in addresses[p.foreign_id]), None)
    point = next(((p.values["latitude"], p.values["longitude"]) for p in places
                  if _on_globe(p.values.get("latitude"), p.values.get("longitude"))), None)
    if service.secret is None and (first or point):
        secret = {k: first.values.get(k) for k in _ADDRESS if first.values.get(k)} if first else {}
        service.secret = {**secret, **({"latitude": point[0], "longitude": point[1]} if point else {})}
    if not service.values.get("zone_name"):
        service.values |= _zone(first, places)
    if not service.values.get("confidential"):
        service.values["confidential"] = True
        report.repaired(service.where, "confidential", service.values.get("name"),
                        "a shelter for people in danger: its address is kept sealed until a caseworker decides")
    elif places:
        report.repaired(service.where, "location", service.values.get("name"), "confidential: its address was sealed")
    service.values["location_dropped"] = True
    gone = [("location_id", p.foreign_id) for p in places]
    gone += [("service_at_location_id", s.foreign_id) for s in sites]
    street = str(first.values.get("address_1") or "") if first else ""
    dropped = {id(r) for r in (*sites, *places)}
    for r in (r for place in gone for r in at_place[place]):
        if r.table in ("address", "accessibility"):
            dropped.add(id(r))
        r.values["location_id"] = r.values["service_at_location_id"] = None
        if r.table in ("phone", "schedule", "language", "contact"):
            r.values["service_id"] = service.foreign_id
    if len(street) > 5:
        for column in ("description", "application_process", "alternate_name"):
            text = service.values.get(column)
            if isinstance(text, str) and street.casefold() in text.casefold():
                service.values[column] = re.sub(re.escape(street), "(address withheld)", text, flags=re.IGNORECASE)
    return dropped


def _zone(address: SourceRecord | None, places: list[SourceRecord]) -> dict[str, object]:
    """The town, by the gazetteer's own point for it: nothing is derived from where the service is."""
    if address:
        place = _resolve(str(address.values.get("city") or ""), str(address.values.get("state_province") or ""),
                         str(address.values.get("country") or ""))
        if place:
            return _zone_values(place)
        if address.values.get("city"):
            return {"zone_name": address.values["city"]}
    for p in places:
        if p.values.get("near_name"):
            return {"zone_name": p.values["near_name"], "zone_latitude": p.values["near_latitude"],
                    "zone_longitude": p.values["near_longitude"]}
    return {"zone_name": "not stated"}


def _zone_values(place: Place) -> dict[str, object]:
    return {"zone_name": place.name, "zone_latitude": place.latitude, "zone_longitude": place.longitude,
            "country": place.country, "timezone": place.timezone}


@cache
def _resolve(city: str, state: str, country: str) -> Place | None:
    code = geo.country_code(country) if country else None
    for text in (f"{city}, {state}" if state else city, f"{city}, {code}" if code else city, city):
        try:
            return geo.resolve_place(text, prefer_country=code)
        except geo.AmbiguousPlace as error:
            if code and error.choices[0].country == code:
                return error.choices[0]
        except geo.PlaceError:
            continue
    return None


@cache
def _nearest(latitude: float, longitude: float) -> Place:
    return geo.nearest_place(latitude, longitude)


def _on_globe(latitude: object, longitude: object) -> bool:
    numbers = isinstance(latitude, (int, float)) and isinstance(longitude, (int, float))
    return numbers and abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude, longitude) != (0, 0)  # type: ignore
