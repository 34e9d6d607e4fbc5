"""Where services are: towns for places without a point, time zones, and zones for shelters that must stay hidden."""

import re
from collections import Counter, defaultdict
from functools import cache
from typing import TYPE_CHECKING, Final

from referral_dir import geo
from referral_dir.domain.saying import say
from referral_dir.domain.suggest import suggest_needs
from referral_dir.domain.vocabulary import Place
from referral_dir.interop.hiding import Hanging, hide
from referral_dir.interop.records import SourceRecord
from referral_dir.interop.report import ImportReport

if TYPE_CHECKING:
    from referral_dir.geocoder import PublicGeocoder

_VIOLENCE: Final = re.compile(
    r"domestic violence|abused|battered|trafficking|violencia|sexual assault|dating violence", re.IGNORECASE)
_SHELTER: Final = re.compile(r"\bshelter(?!ing)|safe ?house|safe haven|refuge\b|\blodge\b|transitional living",
                             re.IGNORECASE)


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
    for location in by_location.values():
        _town(location, addresses[location.foreign_id], report, default_country)
    hanging: Hanging | None = None
    # Before one is hidden, as several services may share a place.
    with_places = [(r, [by_location[s.values["location_id"]] for s in sites[r.foreign_id]])
                   for r in records if r.table == "service"]
    for service, places in with_places:
        if service.values.get("confidential") or is_hidden_shelter(service):
            hanging = hanging or Hanging(records)
            hide(service, sites[service.foreign_id], places, hanging, report, _resolve)
        else:
            _clock(service, places)
    countries = {r.foreign_id: r.values.get("country") for r in records if r.table == "service"}
    for area in (r for r in records if r.table == "service_area" and not r.values.get("country")):
        _bounds(area, countries.get(str(area.values.get("service_id"))))
    _commonest_country([r for r in records if r.table == "service"], report)
    if hanging is None:
        return records
    report.withhold({r.where for r in hanging.gone.values()}, hanging.words)
    return [r for r in records if id(r) not in hanging.gone]


def geocode_public(records: list[SourceRecord], report: ImportReport, geocoder: "PublicGeocoder") -> None:
    """Points for public addresses that have none, from the server that a deployment runs itself.

    Called with what is left after the shelters were hidden: a sealed address is not among the records any more.
    """
    from geopy.exc import GeopyError  # slow to load, and most deployments run no such server

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
                           say("the geocoder failed (%(problem)s): towns are used", problem=type(error).__name__))
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


@cache
def _resolve(city: str, state: str, country: str, near: tuple[float, float] | None = None) -> Place | None:
    code = geo.country_code(country) if country else None
    for text in (f"{city}, {state}" if state else city, f"{city}, {code}" if code else city, city):
        try:
            return geo.resolve_place(text, prefer_country=code)
        except geo.AmbiguousPlace as error:
            if near is not None:
                return min(error.choices, key=lambda p: geo.distance_km(p.latitude, p.longitude, *near))
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
