"""A service's fields as texts, and texts as what they mean: read, understood, shown. `listing_writing` writes them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import phonenumbers

from referral_dir import geo
from referral_dir.desk.languages import UnknownLanguage, language_code, language_name
from referral_dir.domain.closed_days import Closed, read_closed, write_closed
from referral_dir.domain.eligibility import HOUSEHOLDS
from referral_dir.domain.listing import FIELDS, PLACE, SUGGESTED, YES, Kind, Values, tidy
from referral_dir.domain.needs import check_code, label
from referral_dir.domain.places import KEY, PARTS, read_places, said_of, settle, write_places
from referral_dir.domain.saying import Said, say, say_language, say_list, say_need
from referral_dir.domain.vocabulary import ServiceStatus
from referral_dir.domain.weekly import format_week, parse_week, say_week, week_of
from referral_dir.store import listing_rows
from referral_dir.store.directory import Phone, Schedule, Service, ServiceArea
from referral_dir.store.listing_rows import PlaceRows, Rows

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

STATUSES: Final = {"active": say("Active"), "inactive": say("Not offered"),
                   "temporarily closed": say("Closed for now"), "defunct": say("Closed for good")}
LONGEST: Final = 10_000
LONGEST_LINE: Final = 200
MOST_LINES: Final = 60
EFFECTS: Final = ("serves", "excludes")
CRITERIA: Final = ("gender", "household", "nationality", "status", "accessibility", "community")
# Brackets with a word in them say what the number is for; those with digits belong to it: (305) 555-0100.
PHONE: Final = re.compile(r"(?P<number>.*?\d.*?)(?:\s+ext\.?\s*(?P<extension>\w{1,10}))?"
                          r"(?:\s*\((?P<description>[^()]*[^\W\d_].*)\))?")
CIRCLE: Final = re.compile(r"(\d{1,4}(?:\.\d+)?)\s*km (?:around|from|of) (.+)", re.IGNORECASE)
POINT: Final = re.compile(r"\s*(-?\d{1,3}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*")


def read(session: "Session", services: Sequence[Service]) -> dict[UUID, dict[str, str]]:
    """The texts of these services, by id."""
    return {key: texts(rows) for key, rows in listing_rows.rows_of(session, services).items()}


def texts(rows: Rows) -> dict[str, str]:
    """One service's fields. A hidden service has none that say where it is."""
    service = rows.service
    found = {name: _column_text(getattr(service, name)) for name in FIELDS if hasattr(service, name)
             and name not in PLACE}
    found["needs"] = ", ".join(sorted(n.need + (SUGGESTED if n.suggested else "") for n in rows.needs))
    found["languages"] = ", ".join(sorted({row.code for row in rows.languages if row.code}))
    found["phones"] = "\n".join(sorted(phone_line(row) for row in rows.phones))
    found["hours"] = format_week(week_of(_plain_hours(rows.schedules) or _plain_hours(rows.place_schedules)))
    found["areas"] = "\n".join(sorted({line for row in rows.areas if (line := area_line(row))}))
    found["eligibility"] = "\n".join(sorted(f"{e.effect} {e.criterion} {e.code}" for e in rows.eligibility))
    found["closed_days"] = write_closed(closed_days_of(row) for row in rows.schedules if is_closed_days(row))
    if not service.confidential:
        found |= {name: place_text(rows.first, name) for name in PARTS}
        found["more_places"] = write_places({KEY: place.key, **{name: place_text(place, name) for name in PARTS}}
                                            for place in rows.places[1:])
    return found


def place_text(place: PlaceRows | None, name: str) -> str:
    """What is said of one place."""
    if place is None or name != "point":
        return tidy(getattr(place.address if place else None, name, ""))
    spot = place.location
    known = spot is not None and spot.latitude is not None and spot.longitude is not None
    return f"{spot.latitude:.6g}, {spot.longitude:.6g}" if spot and known else ""


def _column_text(value: Any) -> str:
    if isinstance(value, bool):
        return YES if value else ""
    if isinstance(value, float):
        return f"{value:g}"
    return tidy(value) if value is not None else ""


def is_plain(row: Schedule) -> bool:
    """Hours that are the same every week, from now on: what the editor can show."""
    return bool(row.opens_at and row.closes_at and not row.closed and row.freq in (None, "WEEKLY")
                and (row.interval or 1) == 1 and not any((row.valid_from, row.valid_to, row.until, row.bymonthday))
                and not re.search(r"\d", row.byday or ""))


def is_closed_days(row: Schedule) -> bool:
    """Days on which the whole service is closed: what the editor can show and change."""
    return bool(row.closed and row.service_id and row.valid_from and row.valid_to and not any(
        (row.freq, row.byday, row.bymonthday, row.interval, row.dtstart, row.until)))


def closed_days_of(row: Schedule) -> Closed:
    assert row.valid_from
    assert row.valid_to
    return Closed(row.valid_from, row.valid_to, " ".join((row.description or "").split()))


def _plain_hours(rows: Sequence[Schedule]) -> list[tuple[str | None, str | None, str | None]]:
    return [(row.byday, row.opens_at, row.closes_at) for row in rows if is_plain(row)]


def phone_line(row: Phone) -> str:
    """ "+1 305 555 0100 ext. 5 (day and night)". """
    text = tidy(row.number) + (f" ext. {row.extension}" if row.extension else "")
    return text + (f" ({tidy(row.description)})" if row.description else "")


def area_line(row: ServiceArea) -> str:
    """What the area is called."""
    return tidy(row.name or row.description or row.admin1 or (geo.country_name(row.country) if row.country else ""))


# What was written -> the one text that it means


@dataclass(frozen=True, slots=True)
class Understood:
    """What was written, each field in its own form; and by field what could not be understood."""

    values: dict[str, str]
    errors: dict[str, str]


def understand(written: Mapping[str, object], now: Values, service: Service) -> Understood:
    """Texts as people, forms and spreadsheets write them. A field that holds what it held is never wrong."""
    values: dict[str, str] = {}
    errors: dict[str, str] = {}
    for name in FIELDS:
        if name not in written:
            continue
        raw = written[name]
        text = tidy("\n".join(map(str, raw)) if isinstance(raw, (list, tuple)) else raw)
        if text == now.get(name, ""):
            values[name] = text
            continue
        try:
            values[name] = _meant(name, text, service)
        except (ValueError, UnknownLanguage) as error:
            errors[name] = error.args[0] if error.args else str(error)
    low, high = values.get("minimum_age", now.get("minimum_age")), values.get("maximum_age", now.get("maximum_age"))
    if low and high and float(low) > float(high):
        errors["maximum_age"] = say("the highest age is below the lowest")
    return Understood(_with_point(values, now), errors)


def _with_point(values: dict[str, str], now: Values) -> dict[str, str]:
    """A point that was not given anew does not follow to another town."""
    if "more_places" in values:
        values["more_places"] = settle(values["more_places"], now.get("more_places", ""))
    moved = any(name in values and values[name] != now.get(name, "")
                for name in ("city", "state_province", "postal_code", "country"))
    if moved and now.get("point") and values.get("point", now["point"]) == now["point"]:
        values["point"] = ""
    return values


def _meant(name: str, text: str, service: Service) -> str:
    field = FIELDS[name]
    if len(text) > LONGEST:
        raise ValueError(say("at most %(number)s characters", number=LONGEST))
    if field.place and service.confidential and text:
        raise ValueError(say("where this service is stays hidden: leave it empty"))
    if name in _SPECIAL:
        return _SPECIAL[name](text, service)
    if field.kind is Kind.NUMBER:
        return _number(text, field.low, field.high)
    if field.kind is Kind.FLAG:
        return YES if text.casefold() in ("yes", "1", "true", "x", "y", "on", "wahr") else ""
    if field.kind is Kind.DATE:
        return _date(text)
    return text if field.kind is Kind.LONG else " ".join(text.split())


def _number(text: str, low: int, high: int) -> str:
    if not text:
        return ""
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        number = low - 1
    if not low <= number <= high:
        raise ValueError(say("a whole number from %(low)s to %(high)s, or nothing", low=low, high=high))
    return str(number)


def _date(text: str) -> str:
    if not text:
        return ""
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        raise ValueError(say("a day as year, month, day, like 2027-03-31")) from None


def _name(text: str, _service: Service) -> str:
    if not text:
        raise ValueError(say("a service needs a name"))
    return " ".join(text.split())


def _status(text: str, _service: Service) -> str:
    if text not in set(ServiceStatus):
        raise ValueError(say("choose from the list"))
    return text


def _url(text: str, service: Service) -> str:
    # What a source brought stays as it is, and is shown as text: an edit of something else must not fail by it.
    if text and text != tidy(service.url) and not text.startswith("https://"):
        raise ValueError(say("start it with https://: an address without the s shows others on the network what is "
                             "opened"))
    return text


def parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


def _needs(text: str, _service: Service) -> str:
    return ", ".join(sorted({check_code(part.removesuffix(SUGGESTED)) + (SUGGESTED if part.endswith(SUGGESTED) else "")
                             for part in parts(text)}))


def _languages(text: str, _service: Service) -> str:
    return ", ".join(sorted({language_code(part) for part in parts(text)}))


def _lines(text: str) -> list[str]:
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
        raise ValueError(say("at most %(lines)s lines of %(letters)s letters", lines=MOST_LINES, letters=LONGEST_LINE))
    return sorted(set(lines))


def _phones(text: str, _service: Service) -> str:
    for line in _lines(text):
        found = PHONE.fullmatch(line)
        if not found or len(re.sub(r"\D", "", found["number"])) < 3:
            raise ValueError(say("“%(line)s”: write the number first, then in brackets what it is for, like "
                                 "“+1 305 555 0100 (day and night)”", line=line[:60]))
    return "\n".join(_lines(text))


def _hours(text: str, _service: Service) -> str:
    return format_week(parse_week(text))


def _eligibility(text: str, _service: Service) -> str:
    rules = set()
    for line in _lines(text):
        effect, _, rest = line.partition(" ")
        criterion, _, code = rest.strip().partition(" ")
        if effect not in EFFECTS or criterion not in CRITERIA or not code.strip() or len(code) > 60:
            raise ValueError(say("“%(line)s”: write %(effects)s, then one of %(criteria)s, then whom", line=line[:60],
                                 effects=" / ".join(EFFECTS), criteria=", ".join(CRITERIA)))
        if criterion == "household" and code.strip() not in HOUSEHOLDS:
            raise ValueError(say("“%(line)s”: after household write one of %(codes)s", line=line[:60],
                                 codes=", ".join(HOUSEHOLDS)))
        rules.add(f"{effect} {criterion} {code.strip()}")
    return "\n".join(sorted(rules))


def _areas(text: str, service: Service) -> str:
    lines = _lines(text)
    for line in lines:
        circle = CIRCLE.fullmatch(line)
        if circle and service.confidential:
            raise ValueError(say("a circle would show where the hidden service is: name a state or a country"))
        if circle:
            place_named(circle[2])
    return "\n".join(lines)


def _point(text: str, _service: Service) -> str:
    if not text:
        return ""
    found = POINT.fullmatch(text)
    if not found or abs(float(found[1])) > 90 or abs(float(found[2])) > 180:
        raise ValueError(say("latitude and longitude, like “25.7743, -80.1937”, or nothing"))
    return f"{float(found[1]):.6g}, {float(found[2]):.6g}"


def _country(text: str, _service: Service) -> str:
    if not text:
        return ""
    code = geo.country_code(text)
    if code is None:
        raise ValueError(say("no country is called “%(name)s”", name=text[:60]))
    return code


def _closed_days(text: str, _service: Service) -> str:
    return write_closed(read_closed("\n".join(_lines(text))))


def _more_places(text: str, service: Service) -> str:
    meant = []
    for number, place in enumerate(read_places(text), 2):
        try:
            meant.append({**place, "country": _country(place["country"], service),
                          "point": _point(place["point"], service)})
        except ValueError as error:
            raise ValueError(say("Place %(number)s: %(problem)s", number=number, problem=error.args[0])) from error
    if len(meant) > MOST_LINES:
        raise ValueError(say("at most %(number)s places", number=MOST_LINES))
    return write_places(meant)


_SPECIAL: Final = {
    "name": _name, "status": _status, "url": _url, "needs": _needs, "languages": _languages, "phones": _phones,
    "hours": _hours, "eligibility": _eligibility, "areas": _areas, "point": _point, "country": _country,
    "more_places": _more_places, "closed_days": _closed_days}


def place_named(text: str) -> Any:
    try:
        return geo.resolve_place(text)
    except geo.AmbiguousPlace as error:
        raise ValueError(say("%(problem)s: %(choices)s", problem=error.args[0],
                             choices="; ".join(geo.place_label(p) for p in error.choices))) from error


def town(values: Values) -> Any:
    """The town of an address, found offline; None where it is not known."""
    code = geo.country_code(values["country"]) if values.get("country") else None
    city, state = values.get("city", ""), values.get("state_province", "")
    for text in (f"{city}, {state}" if state else city, f"{city}, {code}" if code else city):
        try:
            return geo.resolve_place(text, prefer_country=code)
        except geo.AmbiguousPlace as error:
            if code and error.choices[0].country == code:
                return error.choices[0]
        except geo.PlaceError:
            continue
    return None


# Texts -> words for people


def shown(name: str, text: str) -> str:
    """A field's text as a person reads it."""
    if not text:
        return text
    if name == "needs":
        return say_list(_need(code) for code in text.split(", "))
    if name == "languages":
        return say_list(say_language(code, language_name(code)) for code in text.split(", "))
    if name == "hours":
        return say_week(text)
    if name == "status":
        return STATUSES.get(text, text)
    if name == "more_places":
        return "\n".join(said_of(place) for place in read_places(text))
    if name in FIELDS and FIELDS[name].kind is Kind.FLAG:
        return say("Yes")
    return text


def _need(code: str) -> str:
    bare = code.removesuffix(SUGGESTED)
    try:
        name: Said = say_need(bare, label(bare))
    except KeyError:
        return bare
    return say("%(need)s (suggested)", need=name) if code.endswith(SUGGESTED) else name


def doubtful_phones(text: str, country: str | None) -> list[str]:
    """Of the lines of telephones, the numbers that can't be dialled as they stand in the service's country."""
    numbers = [found["number"].strip() for line in text.splitlines() if (found := PHONE.fullmatch(line))]
    return [number for number in numbers if not _dials(number, country)]


def _dials(number: str, country: str | None) -> bool:
    """Whether it fits the plan of its country, or is one of its short numbers, like 112. Without a country a number
    that does not begin with + can't be judged."""
    if country is None and not number.startswith("+"):
        return True
    try:
        parsed = phonenumbers.parse(number, country)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(parsed) or phonenumbers.is_possible_short_number(parsed)
