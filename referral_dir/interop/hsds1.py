"""HSDS 1 in CSV, in the two dialects that are met: the 1.1 data package of a 211, and Ohana's 1.0 files."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from referral_dir.domain.saying import say
from referral_dir.interop.reading import Row, check_columns, read_csv
from referral_dir.interop.records import SourceRecord, identify
from referral_dir.interop.report import ImportReport
from referral_dir.interop.values import clock, coerce, country, languages, phone, url

DAYS: Final = {"mon": "MO", "tue": "TU", "wed": "WE", "thu": "TH", "fri": "FR", "sat": "SA", "sun": "SU"}
ALL_DAY: Final = re.compile(r"24 ?h|24/7|24 hours|open 24", re.IGNORECASE)
ALIASES: Final[Mapping[str, str]] = {
    "physical_addresses": "addresses", "services_at_location": "service_at_location",
    "accessibility_for_disabilities": "accessibility",
}
_MARKS: Final = re.compile(r"###[A-Z]{3}###")
STATUS: Final = {"active": "active", "inactive": "inactive", "defunct": "defunct", "": "active"}

Records = list[SourceRecord]
Where = tuple[str, int]


def read_records(files: Mapping[str, Path], report: ImportReport, now: datetime) -> Records:
    """Every row of the known tables; `files` by stem. Raises ImportRefused."""
    tables = {ALIASES.get(stem, stem): path for stem, path in files.items()}
    rows: dict[str, list[tuple[int, Row]]] = {}
    for name in MAKERS:
        if name in tables:
            read = list(read_csv(tables[name], report, TARGETS.get(name, name)))
            check_columns(tables[name], read, ("id", "name") if name in ("organizations", "services") else ())
            rows[name] = read
    report_unread(tables, rows, report)
    context = _Context(report, rows, {r["id"]: r["state_province"].strip() for _, r in rows.get("addresses", [])})
    records: Records = []
    for name, make in MAKERS.items():
        for number, row in rows.get(name, []):
            records += make(context, row, (tables[name].name, number))
    return records


def report_unread(tables: Mapping[str, Path], rows: Mapping[str, object], report: ImportReport) -> None:
    """Say which files were not read, and which rows can't be joined to anything."""
    for stem, path in tables.items():
        if stem not in rows:
            report.refused((path.name, 0), "", path.name, say("not a table of HSDS 1 that is read here"))


class _Context:
    """What the row makers need to know of other rows."""

    def __init__(self, report: ImportReport, rows: Mapping[str, list[tuple[int, Row]]], states: dict[str, str]) -> None:
        self.report = report
        us = any(state in ("FL", "CA", "NY", "DC") for state in states.values())
        self.country = "US" if us else None
        self.seen: dict[str, int] = defaultdict(int)
        # Ohana's services name their place only; the place names the organization.
        self.organization_of = {r["id"]: r.get("organization_id", "") for _, r in rows.get("locations", [])}
        self.categories: dict[str, str] = {}
        if "taxonomy" in rows:
            self.categories = {r.get("taxonomy_id") or r.get("id", ""): r.get("name", "") for _, r in rows["taxonomy"]}

    def number(self, key: str) -> str:
        """A stable id for rows that have none: how many of this kind there were before."""
        self.seen[key] += 1
        return f"{key}#{self.seen[key]}"


def _organization(c: _Context, row: Row, where: Where) -> Records:
    website = row.get("url") or row.get("website") or ""
    values = {k: row.get(k) or None for k in ("alternate_name", "email", "tax_status", "tax_id", "legal_status")}
    values |= {"name": row["name"], "description": _text(row.get("description", "")),
               "website": url(website, "url", where, c.report)}
    return [SourceRecord("organization", row["id"], values, where)]


def _program(c: _Context, row: Row, where: Where) -> Records:
    values = {"name": row["name"], "alternate_name": row.get("alternate_name") or None, "description": "",
              "organization_id": row.get("organization_id")}
    return [SourceRecord("program", row["id"], values, where)]


def _service(c: _Context, row: Row, where: Where) -> Records:
    status = row.get("status", "").casefold()
    if status not in STATUS:
        c.report.repaired(where, "status", status, "not a status of HSDS: read as inactive")
    values = {k: row.get(k) or None for k in ("alternate_name", "application_process", "wait_time", "accreditations",
                                              "licenses", "email", "interpretation_services")}
    values |= {
        "organization_id": row.get("organization_id") or c.organization_of.get(row.get("location_id", "")),
        "program_id": row.get("program_id") or None,
        "name": row["name"] or row.get("alternate_name", ""), "description": _text(row.get("description", "")),
        "status": STATUS.get(status, "inactive"), "fees_description": row.get("fees") or None,
        "url": url(row.get("url") or row.get("website") or "", "url", where, c.report),
        "eligibility_description": row.get("eligibility") or row.get("audience") or None,
    }
    codes = [code.strip() for code in row.get("taxonomy_ids", "").split(",") if code.strip()]
    categories = [c.categories.get(code, "") for code in codes] + row.get("keywords", "").split(",")
    service = SourceRecord("service", row["id"], values, where, categories=tuple(filter(None, categories)))
    terms = [SourceRecord("attribute", f"{row['id']} {code}", {
        "link_id": row["id"], "link_entity": "service",
        "taxonomy_term_id": code}, where) for code in dict.fromkeys(codes)]
    return [service, *terms, *_ohana_parts(c, row, where)]


def _ohana_parts(c: _Context, row: Row, where: Where) -> Records:
    """Lists inside one cell, which only Ohana's services have, and its link to the place."""
    made: Records = []
    if row.get("location_id"):
        made.append(SourceRecord("service_at_location", f"service {row['id']}",
                                 {"service_id": row["id"], "location_id": row["location_id"]}, where))
    for document in filter(None, (d.strip() for d in row.get("required_documents", "").split(","))):
        made.append(SourceRecord("required_document", c.number(f"document of {row['id']}"),
                                 {"service_id": row["id"], "document": document}, where))
    for area in filter(None, (a.strip() for a in row.get("service_areas", "").split(","))):
        made.append(SourceRecord("service_area", c.number(f"area of {row['id']}"),
                                 {"service_id": row["id"], "name": area}, where))
    for text in filter(None, (t.strip() for t in row.get("languages", "").split(","))):
        made += _spoken(c, text, row["id"], None, f"language of {row['id']}", where)
    return made


def _term(c: _Context, row: Row, where: Where) -> Records:
    parent = row.get("parent_id")
    values = {"code": row["taxonomy_id"], "name": row["name"], "description": "",
              "parent_id": identify(c.report.source, "taxonomy_term", parent) if parent else None}
    return [SourceRecord("taxonomy_term", row["taxonomy_id"], values, where)]


def _location(c: _Context, row: Row, where: Where) -> Records:
    virtual = row.get("virtual", "").casefold() == "true"
    values = {k: row.get(k) or None for k in ("name", "alternate_name", "transportation")}
    values |= {"organization_id": row.get("organization_id"), "description": _text(row.get("description", "")) or None,
               "location_type": "virtual" if virtual else "physical",
               "latitude": coerce("location", "latitude", row.get("latitude"), where, c.report),
               "longitude": coerce("location", "longitude", row.get("longitude"), where, c.report)}
    made = [SourceRecord("location", row["id"], values, where)]
    for word in filter(None, (w.strip() for w in row.get("accessibility", "").split(","))):
        made.append(SourceRecord("accessibility", c.number(f"access of {row['id']}"),
                                 {"location_id": row["id"], "description": word}, where))
    for text in filter(None, (t.strip() for t in row.get("languages", "").split(","))):
        made += _spoken(c, text, None, row["id"], f"language at {row['id']}", where)
    return made


def _site(c: _Context, row: Row, where: Where) -> Records:
    values = {k: row.get(k) or None for k in ("service_id", "location_id", "description")}
    return [SourceRecord("service_at_location", row["id"], values, where)]


def _address(c: _Context, row: Row, where: Where, kind: str = "physical") -> Records:
    values = {k: row.get(k) or None for k in ("location_id", "attention", "address_2", "region")}
    values |= {k: row.get(k, "") for k in ("address_1", "city", "state_province", "postal_code")}
    values |= {"country": country(row.get("country", ""), where, c.report, c.country), "address_type": kind}
    if not row.get("address_1"):
        c.report.repaired(where, "address_1", "", "no street: the town alone is kept")
    return [SourceRecord("address", f"{kind} {row['id']}" if kind != "physical" else row["id"], values, where)]


def _mail_address(c: _Context, row: Row, where: Where) -> Records:
    return _address(c, row, where, "postal")


def _phone(c: _Context, row: Row, where: Where) -> Records:
    number = row.get("number", "")
    if not number:
        c.report.refused_row("phone", where, "number", "", say("no number"))
        return []
    values = {k: row.get(k) or None for k in ("location_id", "service_id", "organization_id", "contact_id",
                                              "service_at_location_id", "extension", "description")}
    values["type"] = row.get("type") or row.get("number_type") or None
    values |= phone(number, c.country, where, c.report)
    if values.get("description") is None and row.get("department"):
        values["description"] = row["department"]
    return [SourceRecord("phone", row["id"], values, where)]


def _contact(c: _Context, row: Row, where: Where) -> Records:
    values = {k: row.get(k) or None for k in ("organization_id", "service_id", "service_at_location_id", "location_id",
                                              "name", "title", "department", "email")}
    return [SourceRecord("contact", row["id"], values, where)]


def _language(c: _Context, row: Row, where: Where) -> Records:
    return _spoken(c, row.get("language", ""), row.get("service_id") or None, row.get("location_id") or None,
                   row["id"], where)


def _spoken(c: _Context, text: str, service_id: str | None, location_id: str | None, key: str,
            where: Where) -> Records:
    found = languages(text, where, c.report)
    if not found and text:
        if service_id:
            c.report.repaired(where, "language", text, "tells of interpretation: kept as such, not as a language")
            return [SourceRecord("service", service_id, {"interpretation_services": text.replace("\n", " ")}, where,
                                 extra={"partial": True})]
        c.report.refused_row("language", where, "language", text, say("names no language"))
        return []
    return [SourceRecord("language", f"{key} {code or name}",
                         {"service_id": service_id, "location_id": location_id, "code": code, "name": name,
                          "note": note}, where) for code, name, note in found]


def _schedule(c: _Context, row: Row, where: Where) -> Records:
    day = DAYS.get(row.get("weekday", "")[:3].casefold())
    opens, closes = clock(row.get("opens_at", "")), clock(row.get("closes_at", ""))
    original = row.get("original_text", "")
    if day is None or opens is None or closes is None:
        bad = row.get("weekday") if day is None else f"{row.get('opens_at')}-{row.get('closes_at')}"
        c.report.refused_row("schedule", where, "weekday" if day is None else "opens_at", bad,
                             say("can't be read as hours"))
        return []
    if opens == closes:
        if not ALL_DAY.search(original):
            c.report.refused_row("schedule", where, "closes_at", f"{opens}-{closes}",
                                 say("opens at the time it closes"))
            return []
        opens, closes = "00:00", "23:59"
        c.report.repaired(where, "closes_at", original, "read as open all day")
    owner = row.get("service_id") or row.get("location_id")
    values = {k: row.get(k) or None for k in ("service_id", "location_id", "service_at_location_id")}
    values |= {"freq": "WEEKLY", "byday": day, "opens_at": opens, "closes_at": closes, "description": original or None}
    return [SourceRecord("schedule", row.get("id") or c.number(f"hours of {owner} {day}"), values, where)]


def _holiday(c: _Context, row: Row, where: Where) -> Records:
    """A day that is closed or has other hours. Ohana writes the year 0001 for every year, which HSDS can't say."""
    try:
        start, end = (datetime.strptime(row[k], "%B %d, %Y").date() for k in ("start_date", "end_date"))  # noqa: DTZ007
    except ValueError:
        c.report.refused_row("schedule", where, "start_date", row.get("start_date", ""), say("not a date"))
        return []
    if start.year < 1900:
        c.report.refused_row("schedule", where, "start_date", row["start_date"], say("a day of every year: not kept"))
        return []
    values = {"service_id": row.get("service_id") or None, "location_id": row.get("location_id") or None,
              "valid_from": start, "valid_to": end, "closed": row.get("closed", "").casefold() == "true",
              "opens_at": clock(row.get("opens_at", "")), "closes_at": clock(row.get("closes_at", ""))}
    return [SourceRecord("schedule", f"holiday {row['id']}", values, where)]


def _accessibility(c: _Context, row: Row, where: Where) -> Records:
    words = row.get("accessibility") or row.get("description") or ""
    if not words and not row.get("details"):
        c.report.refused_row("accessibility", where, "accessibility", "", say("says nothing"))
        return []
    values = {"location_id": row.get("location_id") or None, "description": words or None,
              "details": row.get("details") or None}
    return [SourceRecord("accessibility", row["id"], values, where)]


def _eligibility(c: _Context, row: Row, where: Where) -> Records:
    if not row.get("service_id"):
        c.report.refused_row("eligibility", where, "service_id", row.get("eligibility", ""), say("names no service"))
        return []
    return [SourceRecord("service", row["service_id"], {"eligibility_description": row.get("eligibility")}, where,
                         extra={"partial": True})]


def _text(text: str) -> str:
    """A description without the source's own marks (###MON###)."""
    return _MARKS.sub("", text).strip()


MAKERS: Final[Mapping[str, Callable[[_Context, Row, Where], Records]]] = {
    "organizations": _organization, "programs": _program, "services": _service, "locations": _location,
    "service_at_location": _site, "addresses": _address, "mail_addresses": _mail_address, "contacts": _contact,
    "phones": _phone, "languages": _language, "regular_schedules": _schedule, "holiday_schedules": _holiday,
    "accessibility": _accessibility, "eligibility": _eligibility, "taxonomy": _term,
}
TARGETS: Final[Mapping[str, str]] = {
    "organizations": "organization", "programs": "program", "services": "service", "locations": "location",
    "addresses": "address", "mail_addresses": "address", "contacts": "contact", "phones": "phone",
    "taxonomy": "taxonomy_term",
    "languages": "language", "regular_schedules": "schedule", "holiday_schedules": "schedule",
}
