"""Records of a service that must stay hidden: its place is sealed, and whatever hangs on the place or repeats it goes.

Nothing that is written in the open may be a function of where the service is: not its zone, not its time zone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from referral_dir.domain.vocabulary import Place
from referral_dir.domain.withholding import WITHHELD, Traces, traces
from referral_dir.interop.records import SourceRecord
from referral_dir.interop.report import ImportReport

ADDRESS: Final = ("attention", "address_1", "address_2", "city", "region", "state_province", "postal_code", "country")
# What hangs on a place and says where it is, or who is there. Hours and languages pass to the service.
_OF_A_PLACE: Final = frozenset({"address", "accessibility", "phone", "contact"})
# Of these a part is of no use: an address that leads somewhere else is worse than none.
_WHOLE: Final = ("url", "email", "website", "logo", "uri", "assurer_email", "schedule_link", "number", "number_e164")
_NEVER: Final = frozenset({"service_id", "organization_id", "location_id", "program_id", "zone_name", "timezone",
                           "country", "status", "code"})
SMALL_TOWN: Final = 5_000
NOT_STATED: Final = "not stated"

# (name, state, country, a point to tell towns of one name apart) -> the gazetteer's place.
Resolve = Callable[[str, str, str, tuple[float, float] | None], Place | None]


class Hanging:
    """All records of a source by what they hang on; and what of them is hidden already: records that must not be
    written, and for each row that stays what is taken out of it."""

    def __init__(self, records: Iterable[SourceRecord]) -> None:
        self.gone: dict[int, SourceRecord] = {}
        self.words: dict[tuple[str, int], Traces] = {}
        self.by_parent: dict[tuple[str, str], list[SourceRecord]] = defaultdict(list)
        self.by_link: dict[str, list[SourceRecord]] = defaultdict(list)
        self.offices: dict[str, list[SourceRecord]] = defaultdict(list)
        self.organizations: dict[str, SourceRecord] = {}
        sited: set[str] = set()
        for r in records:
            for column in ("location_id", "service_at_location_id", "service_id", "contact_id", "phone_id",
                           "organization_id"):
                if r.values.get(column):
                    self.by_parent[column, r.values[column]].append(r)
            if r.table in ("attribute", "metadata"):
                self.by_link[str(r.values.get("link_id") or r.values.get("resource_id"))].append(r)
            if r.table == "organization":
                self.organizations[r.foreign_id] = r
            if r.table == "service_at_location":
                sited.add(str(r.values.get("location_id")))
        for (column, key), rows in self.by_parent.items():
            if column == "organization_id":
                self.offices[key] += [r for r in rows if r.table == "location" and r.foreign_id not in sited]

    def on(self, column: str, record: SourceRecord) -> list[SourceRecord]:
        """What hangs on the record by this column."""
        return self.by_parent[column, record.foreign_id]

    def linked(self, record: SourceRecord) -> list[SourceRecord]:
        """Attributes and history of the record."""
        return [r for r in self.by_link[record.foreign_id]
                if (r.values.get("link_entity") or r.values.get("resource_type")) in (None, record.table)]


def hide(service: SourceRecord, sites: list[SourceRecord], places: list[SourceRecord], hanging: Hanging,
         report: ImportReport, resolve: Resolve) -> None:
    """Seal where the service is; take it out of everything else. `hanging.gone` are then records not to be written."""
    addresses = [a for p in places for a in hanging.on("location_id", p) if a.table == "address"]
    offices = _same_house(addresses, hanging.offices[str(service.values.get("organization_id"))], hanging)
    gone = _all_of([*sites, *places, *offices], hanging)
    points = [(float(p.values["latitude"]), float(p.values["longitude"])) for p in places
              if _is_point(p.values.get("latitude"), p.values.get("longitude"))]
    secret = dict(service.secret or {}) or _secret(places, addresses, gone, points)
    service.secret = secret or None
    _name_zone(service, addresses[0] if addresses else None, places, resolve, report)
    if not service.values.get("confidential"):
        service.values["confidential"] = True
        report.repaired(service.where, "confidential", service.values.get("name"),
                        "a shelter for people in danger: its address is kept sealed until a caseworker decides")
    elif places:
        report.repaired(service.where, "location", service.values.get("name"), "confidential: its address was sealed")
    service.values["location_dropped"] = True
    for r in (r for place in (*sites, *places) for r in hanging.on(
            "location_id" if place.table == "location" else "service_at_location_id", place)):
        r.values["location_id"] = r.values["service_at_location_id"] = None
        if r.table in ("schedule", "language"):
            r.values["service_id"] = service.foreign_id
            hanging.by_parent["service_id", service.foreign_id].append(r)
    _withhold(service, _traces(service, secret, places, addresses, gone, points, hanging), gone, hanging, report)
    hanging.gone |= {id(r): r for r in gone}


def _all_of(roots: list[SourceRecord], hanging: Hanging) -> list[SourceRecord]:
    """The places and whatever hangs on them, down to the languages of a contact's telephone."""
    gone: dict[int, SourceRecord] = {}
    waiting = list(roots)
    while waiting:
        r = waiting.pop()
        if id(r) in gone:
            continue
        gone[id(r)] = r
        waiting += hanging.linked(r)
        if r.table in ("location", "service_at_location"):
            waiting += [c for c in hanging.on(f"{r.table}_id", r) if c.table in _OF_A_PLACE]
        if r.table in ("contact", "phone"):
            waiting += [c for c in hanging.on(f"{r.table}_id", r) if c.table in ("phone", "language")]
    return list(gone.values())


def _same_house(addresses: list[SourceRecord], offices: list[SourceRecord], hanging: Hanging) -> list[SourceRecord]:
    """The organization's own entry of the same house, at which no service is given."""
    streets = {str(a.values.get("address_1") or "").casefold() for a in addresses} - {""}
    return [o for o in offices if any(
        a.table == "address" and str(a.values.get("address_1") or "").casefold() in streets
        for a in hanging.on("location_id", o))]


def _secret(places: list[SourceRecord], addresses: list[SourceRecord], gone: list[SourceRecord],
            points: list[tuple[float, float]]) -> dict[str, Any]:
    first = addresses[0].values if addresses else {}
    secret: dict[str, Any] = {k: first[k] for k in ADDRESS if first.get(k)}
    name = next((p.values["name"] for p in places if p.values.get("name")), None)
    phones = sorted({str(r.values["number"]) for r in gone if r.table == "phone" and r.values.get("number")})
    contacts = sorted({", ".join(str(r.values[k]) for k in ("name", "email") if r.values.get(k))
                       for r in gone if r.table == "contact"} - {""})
    secret |= {k: v for k, v in (("name", name), ("phones", phones), ("contacts", contacts)) if v}
    if points:
        secret |= {"latitude": points[0][0], "longitude": points[0][1]}
    return secret


def _name_zone(service: SourceRecord, address: SourceRecord | None, places: list[SourceRecord], resolve: Resolve,
               report: ImportReport) -> None:
    """A town of the gazetteer, with the gazetteer's own point: the one that the file names, else that of the address.
    A point beside it in the file may be the house itself, and is not taken."""
    values = service.values
    given, country = values.get("zone_name"), str(values.get("country") or "")
    point = (values.get("zone_latitude"), values.get("zone_longitude"))
    place = resolve(str(given), "", country, point if _is_point(*point) else None) if given else None  # type: ignore
    if place is None and not given and address is not None:
        place = resolve(str(address.values.get("city") or ""), str(address.values.get("state_province") or ""),
                        str(address.values.get("country") or "") or country, None)
    if place is None and not given:
        near = next((str(p.values["near_name"]) for p in places if p.values.get("near_name")), "")
        place = resolve(near, "", country, None) if near else None
    values |= {"zone_name": None, "zone_latitude": None, "zone_longitude": None}
    if place is None:
        values["zone_name"] = NOT_STATED
        report.repaired(service.where, "zone", "", "no town that is known: the zone is not stated, choose one")
        return
    values |= {"zone_name": place.name, "zone_latitude": place.latitude, "zone_longitude": place.longitude}
    values["country"] = place.country
    values["timezone"] = values.get("timezone") or place.timezone
    if place.population < SMALL_TOWN:
        report.repaired(service.where, "zone", place.name, "a small town hides little: choose a larger zone")


def _traces(service: SourceRecord, secret: Mapping[str, Any], places: list[SourceRecord],
            addresses: list[SourceRecord], gone: list[SourceRecord], points: list[tuple[float, float]],
            hanging: Hanging) -> Traces:
    organization = hanging.organizations.get(str(service.values.get("organization_id")))
    owners = [service] + ([organization] if organization else [])
    public = [str(o.values.get(k)) for o in owners for k in ("name", "alternate_name") if o.values.get(k)]
    public += [str(a.values[k]) for a in addresses for k in ("city", "state_province") if a.values.get(k)]
    dropped = {id(r) for r in gone}
    for owner, column in ((service, "service_id"), (organization, "organization_id")):
        if owner is not None:
            public += [str(r.values["number"]) for r in hanging.on(column, owner)
                       if r.table == "phone" and id(r) not in dropped and r.values.get("number")]
    if secret.get("latitude") is not None and secret.get("longitude") is not None:
        points = [*points, (float(secret["latitude"]), float(secret["longitude"]))]
    named = [str(r.values[k]) for r in gone for k in ("name", "alternate_name", "email") if r.values.get(k)
             and r.table in ("location", "contact")]
    return traces([secret, *(a.values for a in addresses)], names=[*named, *secret.get("contacts", ())], points=points,
                  phones=[str(r.values["number"]) for r in gone if r.table == "phone" and r.values.get("number")],
                  public=public)


def _withhold(service: SourceRecord, words: Traces, gone: list[SourceRecord], hanging: Hanging,
              report: ImportReport) -> None:
    """Take the words out of the service, of what hangs on it, and of its organization."""
    dropped = {id(r) for r in gone}
    organization = hanging.organizations.get(str(service.values.get("organization_id")))
    about = [service, *hanging.on("service_id", service)]
    for r in about:
        if r.table == "service_area":
            # A circle is drawn about something.
            r.values |= dict.fromkeys(("latitude", "longitude", "radius_km", "extent", "extent_type"))
            r.extra.clear()
    about += [linked for r in about for linked in hanging.linked(r)] + ([organization] if organization else [])
    for r in about:
        if r.table == "metadata":
            gone.append(r)
        elif id(r) not in dropped:
            hanging.words[r.where] = words
            _clean(r, words, report)


def _clean(record: SourceRecord, words: Traces, report: ImportReport) -> None:
    for column, value in record.values.items():
        if column in _NEVER or not isinstance(value, (str, list)):
            continue
        new = words.withhold(value)
        if new != value:
            record.values[column] = None if column in _WHOLE else new
            report.repaired(record.where, column, WITHHELD, "it said where a hidden service is")
    record.extra = words.withhold(record.extra)


def _is_point(latitude: object, longitude: object) -> bool:
    return (isinstance(latitude, (int, float)) and isinstance(longitude, (int, float)) and abs(latitude) <= 90
            and abs(longitude) <= 180 and (latitude, longitude) != (0, 0))
