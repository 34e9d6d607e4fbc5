"""What was understood of a listing -> rows: what stays the same keeps its row."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import phonenumbers

from referral_dir import geo
from referral_dir.desk.languages import language_name
from referral_dir.desk.listing_values import (
    CIRCLE,
    PHONE,
    POINT,
    area_line,
    closed_days_of,
    is_closed_days,
    is_plain,
    parts,
    phone_line,
    place_named,
    place_text,
    town,
)
from referral_dir.domain.closed_days import read_closed
from referral_dir.domain.listing import FIELDS, SUGGESTED, YES, Change, Kind, Values
from referral_dir.domain.opening import DAYS
from referral_dir.domain.places import KEY, PARTS, is_empty, read_places
from referral_dir.domain.weekly import parse_week
from referral_dir.store import listing_rows
from referral_dir.store.directory import Eligibility, Language, Phone, Schedule, Service, ServiceArea, ServiceNeed
from referral_dir.store.listing_rows import PlaceRows, Rows

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def column(change: Change) -> Any:
    """The value of a change that is one column of the service."""
    kind = FIELDS[change.field].kind
    if kind is Kind.FLAG:
        return change.after == YES
    if not change.after:
        return None
    if kind is Kind.NUMBER:
        return int(change.after)
    return date.fromisoformat(change.after) if kind is Kind.DATE else change.after


def write_parts(session: "Session", rows: Rows, changes: Sequence[Change], after: Values) -> None:
    """The changes that are rows of their own. What stays the same keeps its row."""
    by_name = {change.field: change for change in changes}
    for name, write in (("needs", _write_needs), ("languages", _write_languages), ("phones", _write_phones),
                        ("hours", _write_hours), ("closed_days", _write_closed_days), ("areas", _write_areas),
                        ("eligibility", _write_eligibility)):
        if name in by_name:
            write(session, rows, by_name[name].after)
    first, left = not by_name.keys().isdisjoint(PARTS), is_empty(after)
    if first and not left:
        _write_first_place(session, rows, after)
    if "more_places" in by_name:
        _write_more_places(session, rows, after["more_places"])
    if first and left:
        _leave_first_place(session, rows, after)
    session.flush()


def _write_needs(session: "Session", rows: Rows, text: str) -> None:
    wanted = {part.removesuffix(SUGGESTED): part.endswith(SUGGESTED) for part in parts(text)}
    listing_rows.remove(session, [row for row in rows.needs if row.need not in wanted])
    for row in rows.needs:
        if row.need in wanted:
            row.suggested = wanted.pop(row.need)
    session.add_all([ServiceNeed(service_id=rows.service.id, need=code, suggested=suggested)
                     for code, suggested in wanted.items()])


def _write_languages(session: "Session", rows: Rows, text: str) -> None:
    wanted = set(parts(text))
    listing_rows.remove(session, [row for row in rows.languages if row.code and row.code not in wanted])
    session.add_all([Language(service_id=rows.service.id, code=code, name=language_name(code))
                     for code in sorted(wanted - {row.code for row in rows.languages})])


def _write_phones(session: "Session", rows: Rows, text: str) -> None:
    wanted = set(text.splitlines())
    listing_rows.remove(session, [row for row in rows.phones if phone_line(row) not in wanted])
    for line in sorted(wanted - {phone_line(row) for row in rows.phones}):
        found = PHONE.fullmatch(line)
        assert found is not None
        number = found["number"].strip()
        session.add(Phone(service_id=rows.service.id, number=number, extension=found["extension"],
                          description=found["description"], number_e164=e164(number, rows.service.country)))


def e164(number: str, country: str | None) -> str | None:
    """The number as it is dialled from anywhere; None where that is not known."""
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) \
        if phonenumbers.is_possible_number(parsed) else None


def _write_hours(session: "Session", rows: Rows, text: str) -> None:
    # Hours that were given for the service at this one place give way to its own; what is no week stays.
    site = rows.first.site.id if rows.first else None
    at_place = [row for row in rows.place_schedules if site and row.service_at_location_id == site]
    listing_rows.remove(session, [row for row in (*rows.schedules, *at_place) if is_plain(row)])
    week = parse_week(text)
    by_span: dict[tuple[str, str], list[str]] = {}
    for day in DAYS:
        for span in week.get(day, ()):
            by_span.setdefault(span, []).append(day)
    session.add_all([Schedule(service_id=rows.service.id, freq="WEEKLY", byday=",".join(days), opens_at=opens,
                              closes_at=closes) for (opens, closes), days in by_span.items()])


def _write_closed_days(session: "Session", rows: Rows, text: str) -> None:
    wanted = set(read_closed(text))
    listing_rows.remove(session, [row for row in rows.schedules
                                  if is_closed_days(row) and closed_days_of(row) not in wanted])
    there = {closed_days_of(row) for row in rows.schedules if is_closed_days(row)}
    session.add_all([Schedule(service_id=rows.service.id, closed=True, valid_from=day.first, valid_to=day.last,
                              description=day.words or None) for day in sorted(wanted - there)])


def _write_eligibility(session: "Session", rows: Rows, text: str) -> None:
    listing_rows.remove(session, rows.eligibility)
    session.flush()
    for line in text.splitlines():
        effect, criterion, code = line.split(" ", 2)
        session.add(Eligibility(service_id=rows.service.id, criterion=criterion, code=code, effect=effect))


def _write_areas(session: "Session", rows: Rows, text: str) -> None:
    wanted = set(text.splitlines())
    listing_rows.remove(session, [row for row in rows.areas if area_line(row) not in wanted])
    for line in sorted(wanted - {area_line(row) for row in rows.areas}):
        session.add(ServiceArea(service_id=rows.service.id, name=line, **_bounds(line, rows.service.country)))


def _bounds(line: str, country: str | None) -> dict[str, Any]:
    """What the line means on a map: a circle, a country, a state of it. Else it stays words."""
    circle = CIRCLE.fullmatch(line)
    if circle:
        place = place_named(circle[2])
        return {"latitude": place.latitude, "longitude": place.longitude, "radius_km": float(circle[1])}
    if code := geo.country_code(line):
        return {"country": code}
    first, _, last = line.rpartition(",")
    within = geo.country_code(last) if first else country
    if within and (state := geo.area_name((first or line).strip(), within)):
        return {"country": within, "admin1": state}
    return {}


def _write_first_place(session: "Session", rows: Rows, after: Values) -> None:
    if not rows.places:
        rows.places.append(listing_rows.new_place(session, rows.service))
    _set_clock(session, rows, _write_place(session, rows.service, rows.places[0], after))


def _leave_first_place(session: "Session", rows: Rows, after: Values) -> None:
    """The next of its places is its first."""
    if rows.first is not None:
        listing_rows.leave_place(session, rows.service, rows.first)
    _set_clock(session, rows, next((_near(place) for place in read_places(after.get("more_places", ""))), None))


def _set_clock(session: "Session", rows: Rows, near: Any) -> None:
    """Its clock is that of where it is."""
    if near:
        listing_rows.touch(session, rows.service.id, timezone=near.timezone, country=near.country)


def _write_more_places(session: "Session", rows: Rows, text: str) -> None:
    """Each line to the place that its key names; the others go, and a line without a key is a new place."""
    there = {place.key: place for place in rows.places[1:]}
    last = rows.places[-1].site.id if rows.places else None
    for written in read_places(text):
        place = there.pop(written[KEY], None)
        if place is None:
            place = listing_rows.new_place(session, rows.service, last)
            last = place.site.id
        if any(place_text(place, name) != written[name] for name in PARTS):
            _write_place(session, rows.service, place, written)
    for place in there.values():
        listing_rows.leave_place(session, rows.service, place)


def _write_place(session: "Session", service: Service, place: PlaceRows, after: Values) -> Any:
    """Write where a place is. Returns the town that it lies in or near, None where that is not known."""
    location, address = listing_rows.own_place(session, service, place)
    for name in PARTS:
        if name != "point":
            setattr(address, name, after.get(name, "") or (None if name == "address_2" else ""))
    point, near = _spot(after), _near(after)
    location.latitude, location.longitude = point or (None, None)
    location.near_name = near.name if near and not point else None
    location.near_latitude = near.latitude if near and not point else None
    location.near_longitude = near.longitude if near and not point else None
    session.flush()
    return near


def _spot(values: Values) -> tuple[float, float] | None:
    found = POINT.fullmatch(values.get("point", ""))
    return (float(found[1]), float(found[2])) if found else None


def _near(values: Values) -> Any:
    point = _spot(values)
    return geo.nearest_place(*point) if point else town(values)
