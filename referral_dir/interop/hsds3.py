"""HSDS 3 in JSON and in CSV: the names are ours already; JSON nests what CSV links."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from referral_dir.desk.languages import UnknownLanguage, language_code
from referral_dir.domain.needs import needs
from referral_dir.domain.saying import say
from referral_dir.domain.vocabulary import ServiceStatus
from referral_dir.interop.reading import check_columns, read_csv, read_json
from referral_dir.interop.records import PARENTS, TABLES, SourceRecord
from referral_dir.interop.report import ImportRefused, ImportReport
from referral_dir.interop.values import coerce, column_types, country, phone

# Property of a nested object -> (table, column that points back to the parent).
NESTED: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "organization": {"additional_websites": ("url", "organization_id"), "funding": ("funding", "organization_id"),
                     "contacts": ("contact", "organization_id"), "phones": ("phone", "organization_id"),
                     "locations": ("location", "organization_id"), "programs": ("program", "organization_id"),
                     "organization_identifiers": ("organization_identifier", "organization_id"),
                     "services": ("service", "organization_id")},
    "service": {"phones": ("phone", "service_id"), "schedules": ("schedule", "service_id"),
                "service_areas": ("service_area", "service_id"), "languages": ("language", "service_id"),
                "service_at_locations": ("service_at_location", "service_id"), "funding": ("funding", "service_id"),
                "cost_options": ("cost_option", "service_id"), "contacts": ("contact", "service_id"),
                "required_documents": ("required_document", "service_id"), "additional_urls": ("url", "service_id"),
                "capacities": ("service_capacity", "service_id")},
    "service_at_location": {"service_areas": ("service_area", "service_at_location_id"),
                            "contacts": ("contact", "service_at_location_id"),
                            "phones": ("phone", "service_at_location_id"),
                            "schedules": ("schedule", "service_at_location_id")},
    "location": {"languages": ("language", "location_id"), "addresses": ("address", "location_id"),
                 "contacts": ("contact", "location_id"), "accessibility": ("accessibility", "location_id"),
                 "phones": ("phone", "location_id"), "schedules": ("schedule", "location_id")},
    "contact": {"phones": ("phone", "contact_id")},
    "phone": {"languages": ("language", "phone_id")},
}
# Property that holds the one parent of an object -> (its table, our column for it).
UPWARD: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "service": {"organization": ("organization", "organization_id"), "program": ("program", "program_id")},
    "service_at_location": {"location": ("location", "location_id"), "service": ("service", "service_id")},
    "service_capacity": {"unit": ("unit", "unit_id")},
    "attribute": {"taxonomy_term": ("taxonomy_term", "taxonomy_term_id")},
    "taxonomy_term": {"taxonomy_detail": ("taxonomy", "taxonomy_id")},
}
OURS: Final = "referral_dir"
OUR_COLUMNS: Final = ("confidential", "timezone", "remote", "country", "maximum_household", "accepts_handoffs",
                      "hold_minutes", "offered_until")
AREA_COLUMNS: Final = ("country", "admin1", "latitude", "longitude", "radius_km")
PLACE_TYPES: Final = ("physical", "postal", "virtual")
# By table: a column, what it may hold, and what anything else is read as.
ENUMS: Final[Mapping[str, tuple[str, tuple[str, ...], str]]] = {
    "service": ("status", tuple(ServiceStatus), ServiceStatus.INACTIVE),
    "location": ("location_type", PLACE_TYPES, "physical"), "address": ("address_type", PLACE_TYPES, "physical"),
}
# File names of the tabular form, in the singular and plural that publishers use.
FILES: Final[Mapping[str, str]] = {
    "organizations": "organization", "programs": "program", "services": "service", "locations": "location",
    "services_at_location": "service_at_location", "service_at_locations": "service_at_location",
    "addresses": "address", "contacts": "contact", "phones": "phone", "schedules": "schedule",
    "service_areas": "service_area", "languages": "language", "required_documents": "required_document",
    "cost_options": "cost_option", "urls": "url", "organization_identifiers": "organization_identifier",
    "taxonomies": "taxonomy", "taxonomy_terms": "taxonomy_term", "attributes": "attribute", "units": "unit",
    "service_capacities": "service_capacity", "fundings": "funding", "accessibilities": "accessibility",
    **{table: table for table in TABLES},
}
IGNORED: Final = {"meta_table_descriptions", "meta_table_description"}


def read_json_records(path: Path, report: ImportReport, now: datetime) -> list[SourceRecord]:
    """Every object in the file, flattened. Raises ImportRefused for JSON of another shape."""
    reader = _Reader(path.name, report, now)
    parsed = read_json(path)
    for table, item in _tops(parsed, path.name):
        reader.object(table, item, {})
    if not reader.records:
        raise ImportRefused(say(
            "%(file)s holds no organization, service or taxonomy in the form of HSDS 3: at its top should stand a list "
            "of organizations, or an object with “organizations”", file=path.name))
    return reader.records


def read_csv_records(files: Mapping[str, Path], report: ImportReport, now: datetime) -> list[SourceRecord]:
    """Every row of the tabular form; `files` by stem."""
    reader_records: list[SourceRecord] = []
    for stem, path in sorted(files.items(), key=lambda f: _order(f[0])):
        if stem in IGNORED:
            for number, row in read_csv(path, report, "meta_table_description"):
                report.refused_row("meta_table_description", (path.name, number), "id", row.get("id", ""),
                                   say("describes the file, not the directory"))
            continue
        table = FILES.get(stem)
        if table is None:
            report.refused((path.name, 0), "", path.name, say("no HSDS table of this name: the file was not read"))
            continue
        rows = list(read_csv(path, report, table))
        check_columns(path, rows, ("id", "name") if table in ("organization", "service") else ("id",))
        reader = _Reader(path.name, report, now)
        for number, row in rows:
            reader.flat(table, {k: v for k, v in row.items() if v != ""}, number)
        reader_records += reader.records
    return reader_records


def _order(stem: str) -> int:
    return TABLES.index(FILES[stem]) if stem in FILES else len(TABLES)


def _tops(parsed: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(table, object) for each object at the top: one, a list, a page, our export, or the tabular form in JSON."""
    if isinstance(parsed, dict) and isinstance(parsed.get("contents"), list):
        parsed = parsed["contents"]
    if isinstance(parsed, dict) and parsed and all(key.endswith(".csv") for key in parsed):
        parsed = {FILES.get(k.removesuffix(".csv"), ""): v for k, v in parsed.items()}
        for table in (t for t in TABLES if t in parsed):
            yield from ((table, item) for item in parsed[table] or () if isinstance(item, dict))
        return
    if isinstance(parsed, dict) and "id" not in parsed:
        found = [(FILES[k], v) for k, v in parsed.items() if k in FILES and isinstance(v, list)]
        nested = parsed.get("unattached")
        found += [(FILES[k], v) for k, v in nested.items() if k in FILES] if isinstance(nested, dict) else []
        for table, items in found:
            yield from ((table, item) for item in items if isinstance(item, dict))
        return
    items = parsed if isinstance(parsed, list) else [parsed]
    for number, item in enumerate(items, 1):
        if not isinstance(item, dict):
            raise ImportRefused(say(
                "%(file)s is JSON, but not of HSDS 3: object %(number)s of %(all)s is no organization "
                "or service in braces",
                file=name, number=number, all=len(items)))
        if "id" not in item:
            raise ImportRefused(say(
                "%(file)s is JSON, but not of HSDS 3: object %(number)s of %(all)s has no id. It has %(keys)s. Every "
                "organization, service and place needs an “id” of its own", file=name, number=number, all=len(items),
                keys=_keys(item)))
        yield _kind(item, name), item


def _keys(item: dict[str, Any]) -> str:
    """What an object holds, by its keys alone: they say what it is, and nothing of what is in it."""
    return ", ".join(f"“{key[:30]}”" for key in list(item)[:6]) or "–"


def _kind(item: dict[str, Any], name: str) -> str:
    if "location" in item and "name" not in item:
        return "service_at_location"
    if "taxonomy_detail" in item or "term_uri" in item or "parent_id" in item:
        return "taxonomy_term"
    if "status" in item or "organization" in item or "service_at_locations" in item:
        return "service"
    if "version" in item or (set(item) <= {"id", "name", "description", "uri", "version"} and "uri" in item):
        return "taxonomy"
    if "name" in item:
        return "organization"
    raise ImportRefused(say("%(file)s is JSON, but its objects are of no HSDS 3 kind", file=name))


class _Reader:
    """Flattens objects into records; counts each row once, as often as it may be nested."""

    def __init__(self, file: str, report: ImportReport, now: datetime) -> None:
        self.file, self.report, self.now = file, report, now
        self.records: list[SourceRecord] = []
        self.seen: set[tuple[str, str]] = set()

    def object(self, table: str, item: dict[str, Any], link: dict[str, Any]) -> str | None:
        """One object with all that is nested in it; returns its id."""
        ident = str(item.get("id") or "")
        if not ident:
            self.report.refused_row(table, (self.file, 0), "id", "",
                                    say("a row of “%(table)s” without an id", table=table))
            return None
        if (table, ident) not in self.seen:
            self.seen.add((table, ident))
            self.report.count(table).read += 1
        columns = dict(item)
        values: dict[str, Any] = dict(link)
        for key, (parent_table, column) in UPWARD.get(table, {}).items():
            parent = columns.pop(key, None)
            if isinstance(parent, dict):
                back: dict[str, Any] = {}
                if key == "program":
                    back = {"organization_id": columns.get("organization_id") or link.get("organization_id")
                            or (item.get("organization") or {}).get("id")}
                values[column] = self.object(parent_table, parent, back)
        children = {key: columns.pop(key) for key in (*NESTED.get(table, {}), "attributes", "metadata")
                    if isinstance(columns.get(key), list)}
        record = self._record(table, ident, columns, values, (self.file, len(self.seen)))
        for key, items in children.items():
            for child in (c for c in items if isinstance(c, dict)):
                if key == "attributes":
                    self.object("attribute", child, {"link_id": ident, "link_entity": table})
                elif key == "metadata":
                    self.object("metadata", child, {"resource_id": ident, "resource_type": table})
                else:
                    child_table, column = NESTED[table][key]
                    self.object(child_table, child, {column: record.foreign_id})
        return ident

    def flat(self, table: str, row: dict[str, Any], number: int) -> None:
        """One row of the tabular form."""
        if not row.get("id"):
            self.report.refused_row(table, (self.file, number), "id", "",
                                    say("a row of “%(table)s” without an id", table=table))
            return
        self._record(table, str(row["id"]), row, {}, (self.file, number))

    def _record(self, table: str, ident: str, item: dict[str, Any], link: dict[str, Any],
                where: tuple[str, int]) -> SourceRecord:
        values: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        types = column_types(table)
        for key, value in item.items():
            if key in ("id", OURS, "secret", "updated_hours_ago") or value is None:
                continue
            column = "source_of_funds" if (table, key) == ("funding", "source") else key
            if key in PARENTS or key in ("link_id", "resource_id"):
                values[column] = str(value)
            elif column in types and column not in ("source", "foreign_id", "extra", "revision", "kept_by_id"):
                values[column] = coerce(table, column, value, where, self.report)
                if types[column] is datetime:
                    extra[key] = value  # exactly as written, so that it goes out as it came in
            else:
                extra[key] = value
        for column, given in link.items():
            if values.get(column) not in (None, given) and column in ("link_entity", "resource_type"):
                extra[column] = values[column]
            values[column] = given if given is not None else values.get(column)
        record = SourceRecord(table, ident, values, where, extra)
        self._tidy(record, item)
        self.records.append(record)
        return record

    def _tidy(self, record: SourceRecord, item: dict[str, Any]) -> None:
        values, where = record.values, record.where
        if record.table == "phone" and values.get("number"):
            read = phone(values["number"], None, where, self.report)
            values["number_e164"] = read.get("number_e164")
        if record.table == "language":
            self._tag(record)
        if record.table in ENUMS:
            column, choices, otherwise = ENUMS[record.table]
            if values.get(column) not in (None, *choices):
                self.report.repaired(where, column, values[column], f"not a {column} of HSDS: read as {otherwise}")
                values[column] = otherwise
        if record.table == "address" and len(str(values.get("country") or "")) > 2:
            code = country(values["country"], where, self.report, None)
            values["country"] = code
        if record.table == "service_capacity" and "updated_hours_ago" in item:
            values["updated"] = self.now - timedelta(hours=float(item["updated_hours_ago"]))
        if record.table == "service" and isinstance(item.get(OURS), dict):
            self._ours(record, item[OURS], item.get("secret"))
        if record.table == "service_area" and isinstance(item.get(OURS), dict):
            values |= {c: coerce("service_area", c, item[OURS].get(c), where, self.report) for c in AREA_COLUMNS}
        if record.table == "schedule" and isinstance(item.get(OURS), dict):
            values["closed"] = bool(item[OURS].get("closed"))
        record.extra.pop("secret", None)

    def _tag(self, record: SourceRecord) -> None:
        """The language as a BCP 47 tag; another spelling of it goes out again as it came in."""
        given = record.values.get("code")
        try:
            tag = language_code(str(given or record.values.get("name") or ""))
        except UnknownLanguage:
            self.report.refused(record.where, "code", given or record.values.get("name"),
                                say("no language that is known"))
            record.values["code"] = None
            record.extra |= {"code": given} if given else {}
            return
        record.values["code"] = tag
        if given and given != tag:
            record.extra["code"] = given
            self.report.repaired(record.where, "code", given, f"read as {tag}")

    def _ours(self, record: SourceRecord, ours: dict[str, Any], secret: Any) -> None:
        values, where = record.values, record.where
        for column in OUR_COLUMNS:
            if ours.get(column) is not None:
                values[column] = coerce("service", column, ours[column], where, self.report)
        zone = ours.get("zone")
        if isinstance(zone, dict):
            values |= {"zone_name": zone.get("name"), "zone_latitude": zone.get("latitude"),
                       "zone_longitude": zone.get("longitude")}
        codes = [(str(c), False) for c in ours.get("needs") or ()]
        codes += [(str(c), True) for c in ours.get("suggested_needs") or ()]
        for code, _ in codes:
            if code not in needs():
                self.report.refused(where, "needs", code, say("no such need"))
        if codes:
            record.needs = tuple((c, s) for c, s in codes if c in needs())
        record.eligibility = tuple((str(e["criterion"]), str(e["code"]), str(e["effect"]))
                                   for e in ours.get("eligibility") or () if isinstance(e, dict))
        if isinstance(secret, dict):
            record.secret = secret
