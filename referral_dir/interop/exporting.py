"""`referral-dir export`: the whole directory as HSDS 3.1 JSON.

The file holds {"organizations": [organization with everything nested in it], "taxonomies", "taxonomy_terms",
"unattached": {table: rows that hang on nothing}}; each object is valid against the official schema of its kind.
A confidential service goes out with its zone only: it has no place in the tables that are read here.
"""

import json
import os
from collections import defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from referral_dir.interop.hsds3 import AREA_COLUMNS, NESTED, OUR_COLUMNS, OURS, UPWARD
from referral_dir.interop.records import TABLES
from referral_dir.store import import_queries, upkeep_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

HIDDEN: Final = frozenset({
    "source", "foreign_id", "extra", "number_e164", "revision", "kept_by_id", "updated_by_id", "in_directory",
    "near_name", "near_latitude", "near_longitude", "closed", "source_of_funds", "zone_name", "zone_latitude",
    "zone_longitude", "link_id", "resource_id", *OUR_COLUMNS,
})
# Hidden on services and areas because it is ours, yet HSDS's own on an address.
OWN_COUNTRY: Final = frozenset({"address"})
# Who keeps the directory is nobody's business outside.
STAFF: Final = "staff of the directory"

Row = dict[str, Any]


def export_hsds3_json(session: "Session", path: Path) -> dict[str, int]:
    """Write the directory to `path`, whole or not at all; returns how many objects of each kind it holds."""
    directory = _Directory(session)
    organizations = [directory.object("organization", row, top=True) for row in directory.rows["organization"]
                     if row["in_directory"]]
    taxonomies = [directory.object("taxonomy", row, top=True) for row in directory.rows["taxonomy"]]
    terms = [directory.object("taxonomy_term", row, top=True) for row in directory.rows["taxonomy_term"]]
    unattached = {table: [directory.object(table, row, top=True) for row in directory.rows[table]
                          if (table, row["id"]) not in directory.written]
                  for table in TABLES if table not in ("organization", "taxonomy", "taxonomy_term")}
    unattached = {table: rows for table, rows in unattached.items() if rows and table not in ("attribute", "metadata")}
    document = {"organizations": organizations, "taxonomies": taxonomies, "taxonomy_terms": terms,
                "unattached": unattached}
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    os.replace(partial, path)
    return {"organizations": len(organizations), "services": sum(len(o.get("services", ())) for o in organizations),
            "taxonomies": len(taxonomies), "taxonomy_terms": len(terms)}


class _Directory:
    """All rows by table and by parent."""

    def __init__(self, session: "Session") -> None:
        self.rows = {table: import_queries.all_rows(session, table) for table in TABLES}
        outside = {row["id"] for row in self.rows["organization"] if not row["in_directory"]}
        merged = upkeep_queries.merged_ids(session)
        self.rows["service"] = [row for row in self.rows["service"]
                                if row["organization_id"] not in outside and row["id"] not in merged]
        self.by_id = {table: {row["id"]: row for row in rows} for table, rows in self.rows.items()}
        self.by_parent: dict[tuple[str, str, UUID], list[Row]] = defaultdict(list)
        for table, rows in self.rows.items():
            for row in rows:
                for column, value in row.items():
                    if column.endswith("_id") and isinstance(value, UUID):
                        self.by_parent[table, column, value].append(row)
        self.needs = import_queries.needs_by_service(session, list(self.by_id["service"]))
        self.eligibility = import_queries.eligibility_by_service(session, list(self.by_id["service"]))
        self.written: set[tuple[str, UUID]] = set()

    def object(self, table: str, row: Row, *, top: bool = False) -> Row:
        """One row as HSDS JSON, with what hangs on it."""
        self.written.add((table, row["id"]))
        made = {column: _plain(column, value) for column, value in row.items()
                if value is not None and self._shown(table, column, top=top)}
        if table == "metadata" and row["source"] is None:
            made["updated_by"] = STAFF
        if table == "funding" and row["source_of_funds"]:
            made["source"] = row["source_of_funds"]
        for key, (child_table, column) in NESTED.get(table, {}).items():
            children = [self.object(child_table, child) for child in self.by_parent[child_table, column, row["id"]]]
            if children:
                made[key] = children
        self._upward(table, row, made)
        attributes = [self.object("attribute", a) for a in self.by_parent["attribute", "link_id", row["id"]]]
        metadata = [] if self._hidden(table, row) else [
            self.object("metadata", m) for m in self.by_parent["metadata", "resource_id", row["id"]]]
        made |= {key: found for key, found in (("attributes", attributes), ("metadata", metadata)) if found}
        self._ours(table, row, made)
        for key, value in (row["extra"] or {}).items():
            if isinstance(row.get(key), datetime) and _instant(value) != row[key]:
                continue
            made[key] = value
        return made

    def _hidden(self, table: str, row: Row) -> bool:
        """Whether the row is a hidden service or hangs on one: its history may tell what was public once."""
        service = row if table == "service" else self.by_id["service"].get(row.get("service_id"))
        return bool(service and service["confidential"])

    def _shown(self, table: str, column: str, *, top: bool) -> bool:
        if column == "country" and table in OWN_COUNTRY:
            return True
        if column == "timezone" and table == "schedule":
            return True
        if column in HIDDEN:
            return False
        # What nesting says already is not said again, but where a row stands alone.
        nested = column.endswith("_id") and column not in ("parent_organization_id", "parent_id")
        return column == "id" or not nested or top

    def _upward(self, table: str, row: Row, made: Row) -> None:
        for key, (parent_table, column) in UPWARD.get(table, {}).items():
            parent = self.by_id[parent_table].get(row[column]) if row[column] else None
            # The organization and the service are what this object is nested in.
            if parent is not None and key not in ("organization", "service"):
                made[key] = self.object(parent_table, parent)

    def _ours(self, table: str, row: Row, made: Row) -> None:
        if table == "service":
            needs = self.needs.get(row["id"], {})
            ours: Row = {column: _plain(column, row[column]) for column in OUR_COLUMNS if row[column] is not None}
            ours["needs"] = sorted(code for code, (suggested, _) in needs.items() if not suggested)
            ours["suggested_needs"] = sorted(code for code, (suggested, _) in needs.items() if suggested)
            ours["eligibility"] = [{"criterion": c, "code": code, "effect": e}
                                   for c, code, e in sorted(self.eligibility.get(row["id"], ()))]
            if row["zone_name"]:
                ours["zone"] = {"name": row["zone_name"], "latitude": row["zone_latitude"],
                                "longitude": row["zone_longitude"]}
            made[OURS] = ours
        if table == "service_area" and not self._hidden(table, row) and any(row[c] is not None for c in AREA_COLUMNS):
            made[OURS] = {c: row[c] for c in AREA_COLUMNS if row[c] is not None}
        if table == "schedule" and row["closed"]:
            made[OURS] = {"closed": True}


def _plain(column: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if column == "extension" and str(value).isdigit():
        return int(value)
    return value


def _instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
