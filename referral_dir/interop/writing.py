"""Writes neutral records to the store: created, updated or unchanged, in the caller's transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from uuid import UUID

from referral_dir.domain.saying import say
from referral_dir.domain.suggest import suggest_needs
from referral_dir.interop.records import PARENTS, TABLES, SourceRecord, identify
from referral_dir.interop.report import ImportReport
from referral_dir.store import hiding, import_queries, records, secret_queries, upkeep_queries

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

REQUIRED_PARENTS: Final = {
    ("service", "organization_id"), ("program", "organization_id"), ("organization_identifier", "organization_id"),
    ("service_at_location", "service_id"), ("service_at_location", "location_id"), ("cost_option", "service_id"),
    ("service_capacity", "service_id"), ("service_capacity", "unit_id"),
}
# Without a name these can't be shown; without the others a row says nothing.
REQUIRED_VALUES: Final = {"organization": "name", "service": "name", "program": "name", "phone": "number", "url": "url",
                          "unit": "name", "taxonomy": "name", "taxonomy_term": "name"}
# A record of changes may say that there was nothing before or after, and need not say who.
EMPTY_SAYS_SOMETHING: Final = {"metadata": ("previous_value", "replacement_value", "updated_by")}
# Columns that may not be empty and that the writer fills in itself.
FILLED_IN: Final = {"updated"}
# What people decide here is not undone by a newer file.
KEPT_HERE: Final = ("confidential", "zone_name", "zone_latitude", "zone_longitude", "country", "timezone",
                    # Whoever gives a hidden service reads its address: a file moves it to nobody else.
                    "organization_id")
# What hangs on a row of any table: the column that names the row, and the one that names its table.
LINKS: Final[Mapping[str, Mapping[str, str]]] = {"attribute": {"link_id": "link_entity"},
                                                 "metadata": {"resource_id": "resource_type"}}
PLACEHOLDER: Final = "(organization not in the source)"


class Writer:
    """One import's state: which ids are known, which services have changed."""

    def __init__(self, session: "Session", report: ImportReport, source: str, kept_by: UUID | None,
                 now: datetime) -> None:
        self.session, self.report, self.source, self.kept_by, self.now = session, report, source, kept_by, now
        self.ids: dict[str, set[UUID]] = defaultdict(set)
        # Of them those that this import made: nothing else in the store can belong to them yet.
        self.created: dict[str, set[UUID]] = defaultdict(set)
        self.changed: dict[UUID, None] = {}
        self.confidential = import_queries.confidential_ids(session)
        # Doubles that a person has merged here: a newer file does not open them again.
        self.merged = upkeep_queries.merged_ids(session)
        # Services whose words stay as they are here, their organizations, and what hangs on either.
        self.wordless: set[UUID] = set()
        self.quiet: set[UUID] = set()
        self.hanging: set[UUID] = set()
        # Places and organizations whose services must be indexed again.
        self.touched: tuple[set[UUID | None], set[UUID | None]] = (set(), set())

    def write(self, source_records: list[SourceRecord]) -> None:
        """All records, parents first, then what HSDS has no table for."""
        by_table: dict[str, list[SourceRecord]] = defaultdict(list)
        for record in source_records:
            by_table[record.table].append(record)
        self._keep_words(by_table["service"])
        for table in TABLES:
            rows = {key: row for key, row in self._rows(table, by_table[table]).items()
                    if row.get("service_id") not in self.merged and not self._stays(table, key, row)}
            if table == "service":
                self._add_placeholders(rows)
                self._hide_what_was_open(rows)
            self._upsert(table, rows)
        services = {key: r for r in by_table["service"]
                    if (key := identify(self.source, "service", r.foreign_id)) not in self.merged}
        self._needs(services)
        self._seal({i: _secret(r.secret) for i, r in services.items() if r.secret and i in self.ids["service"]})
        self._eligibility(services)
        gone = import_queries.remove_stale_children(self.session, self.source, self._before(services), self.ids)
        self.changed |= dict.fromkeys(gone)

    def _keep_words(self, services: Iterable[SourceRecord]) -> None:
        """Which words a newer file does not change: of services that were hidden here and whose place it does not give.
        What would give that away in a text is then known to nobody but the keepers: comparing would tell by its result.
        """
        told = {identify(self.source, "service", r.foreign_id): r.secret or {} for r in services}
        hidden = [i for i, place in told.items() if i in self.confidential
                  and not place.get("address_1") and place.get("latitude") is None]
        places = secret_queries.open_many(self.session, hidden)
        self.wordless = {i for i, place in places.items() if place != (None, None)}
        self.quiet = import_queries.organizations_of(self.session, self.wordless)
        self.hanging = {*self.wordless, *self.quiet}

    def _stays(self, table: str, key: UUID, row: Mapping[str, Any]) -> bool:
        """Whether the row hangs on something whose words stay as they are here."""
        if table in ("service", "organization", "service_capacity", "language"):
            return False
        owners = {row.get(column) for column in ("service_id", "organization_id", "link_id", "resource_id")}
        if owners.isdisjoint(self.hanging):
            return False
        self.ids[table].add(key)
        self.hanging.add(key)
        return True

    def _before(self, services: Iterable[UUID]) -> list[UUID]:
        """Those of the services that were there before this import."""
        return [i for i in services if i not in self.created["service"]]

    def retire_missing(self) -> None:
        """A full feed no longer has these services: they are not offered any more."""
        for service_id, name in import_queries.active_services_of(self.session, self.source):
            if service_id not in self.ids["service"]:
                import_queries.set_status(self.session, service_id, "inactive")
                self.report.repaired(("", 0), "status", name, "no longer in the source: inactive")
                self.report.count("service").updated += 1
                self.changed[service_id] = None

    def _rows(self, table: str, source_records: Iterable[SourceRecord]) -> dict[UUID, dict[str, Any]]:
        """Rows by id: parents resolved, doubles merged, incomplete ones refused."""
        rows: dict[UUID, dict[str, Any]] = {}
        for record in source_records:
            row = self._row(table, record)
            if row is None:
                continue
            row_id = identify(self.source, table, record.foreign_id)
            told = rows.get(row_id)
            if told is not None:
                if self._merge(told, row):
                    continue
                parent = next((str(row[c]) for c in PARENTS if row.get(c) and row[c] != told.get(c)), "")
                row["foreign_id"] = f"{record.foreign_id}@{parent}"
                row_id = identify(self.source, table, row["foreign_id"])
                if not parent or row_id in rows:
                    if not parent:
                        self.report.refused_row(table, record.where, "id", record.foreign_id,
                                                say("this id stands for another row already"))
                    continue
                self.report.repaired(record.where, "id", record.foreign_id, "shared with another record: copied")
            row["id"] = row_id
            rows[row_id] = row
        return rows

    def _row(self, table: str, record: SourceRecord) -> dict[str, Any] | None:
        row = {"source": self.source, "foreign_id": record.foreign_id[:200], **record.values}
        row.pop("location_dropped", None)
        extra = dict(record.extra)
        needed = REQUIRED_VALUES.get(table)
        if needed and not row.get(needed):
            self.report.refused_row(table, record.where, needed, "",
                                    say("a row of “%(table)s” needs its “%(column)s”", table=table, column=needed))
            return None
        for column, entity in LINKS.get(table, {}).items():
            if not row.get(column):
                self.report.refused_row(table, record.where, column, "", say(
                    "a row of “%(table)s” needs its “%(column)s”", table=table, column=column))
                return None
            row[column] = identify(self.source, str(row.get(entity) or ""), str(row.get(column) or ""))
        for column, parent_table in PARENTS.items():
            # An empty cell is no cell in some sources: a parent that must be there is looked for all the same.
            if column not in row and (table, column) not in REQUIRED_PARENTS:
                continue
            given = row.get(column)
            row[column] = identify(self.source, parent_table, str(given)) if given else None
            if row[column] is not None and not self._known(parent_table, row[column]):
                if (table, column) == ("service", "organization_id"):
                    self.report.repaired(record.where, column, given, "no such organization in the source: "
                                                                      "a placeholder stands for it")
                    continue
                row[column] = None
                if (table, column) not in REQUIRED_PARENTS:
                    extra[column] = str(given)
                    self.report.repaired(record.where, column, given, f"no such {parent_table} in the source: "
                                                                      "kept as written, not linked")
            if row[column] is None and (table, column) in REQUIRED_PARENTS:
                if (table, column) == ("service", "organization_id"):
                    row[column] = identify(self.source, "organization", f"of service {record.foreign_id}")
                    self.report.repaired(record.where, column, "", "no organization: a placeholder stands for it")
                    continue
                self.report.refused_row(table, record.where, column, given or "", say(
                    "a row of “%(table)s” needs its “%(column)s”", table=table, column=parent_table))
                return None
        if self.confidential and self._shows_hidden_place(table, row, record):
            return None
        for column, longest in import_queries.longest(table).items():
            if isinstance(row.get(column), str) and len(row[column]) > longest:
                self.report.refused(record.where, column, row[column],
                                    say("longer than %(number)s characters", number=longest))
                row[column] = None
        row["extra"] = extra or None
        return self._whole(table, row, record)

    def _whole(self, table: str, row: dict[str, Any], record: SourceRecord) -> dict[str, Any] | None:
        """The row if the table can hold it: what may not be empty takes its default, or the row is refused."""
        whole = {column: value for column, value in row.items()
                 if value is not None or column not in import_queries.not_empty(table)}
        for column in EMPTY_SAYS_SOMETHING.get(table, ()):
            whole.setdefault(column, "")
        lacking = import_queries.required(table) - whole.keys() - FILLED_IN
        if lacking:
            column = min(lacking)
            self.report.refused_row(table, record.where, column, row.get(column) or "", say(
                "a row of “%(table)s” needs its “%(column)s”", table=table, column=column))
            return None
        if table == "service_capacity" and whole["available"] < 0:
            self.report.refused_row(table, record.where, "available", whole["available"],
                                    say("a number below zero"))
            return None
        return whole

    def _shows_hidden_place(self, table: str, row: dict[str, Any], record: SourceRecord) -> bool:
        """A confidential service's place never comes back in the clear with a newer file."""
        if table == "service_at_location" and row.get("service_id") in self.confidential:
            self.report.refused_row(table, record.where, "location_id", "",
                                    say("confidential here: its place stays sealed"))
            return True
        return False

    def _known(self, table: str, row_id: UUID) -> bool:
        if row_id in self.ids[table]:
            return True
        if import_queries.exists(self.session, table, row_id):
            self.ids[table].add(row_id)
            return True
        return False

    def _merge(self, kept: dict[str, Any], more: dict[str, Any]) -> bool:
        """Fill gaps from a second telling of the same row. False: they are two."""
        for key, value in more.items():
            if value in (None, "") or key == "extra" or kept.get(key) in (None, "", value):
                continue
            return False
        for key, value in more.items():
            if kept.get(key) in (None, ""):
                kept[key] = value
        kept["extra"] = {**(kept.get("extra") or {}), **(more.get("extra") or {})} or None
        return True

    def _add_placeholders(self, services: dict[UUID, dict[str, Any]]) -> None:
        missing = {row["organization_id"]: row["name"] for row in services.values()
                   if not self._known("organization", row["organization_id"])}
        rows = {oid: {"id": oid, "source": self.source, "foreign_id": f"missing {oid}", "description": "",
                      "name": f"{name} {PLACEHOLDER}"} for oid, name in missing.items()}
        self._upsert("organization", rows, counted=False)

    def _hide_what_was_open(self, services: dict[UUID, dict[str, Any]]) -> None:
        """Services that an older file gave in the open and this one hides: what is here of their place goes too."""
        hidden = [i for i, row in services.items() if row.get("confidential") and i not in self.confidential]
        for service_id in import_queries.existing(self.session, "service", hidden):
            hiding.seal_places(self.session, service_id)

    def _upsert(self, table: str, rows: dict[UUID, dict[str, Any]], *, counted: bool = True) -> None:
        found = import_queries.existing(self.session, table, list(rows))
        created, counts = [], self.report.count(table) if counted or rows else None
        for row_id, row in rows.items():
            if table == "service":
                row.setdefault("kept_by_id", self.kept_by)
            if table == "service_capacity":
                row.setdefault("updated", self.now)
            old = found.get(row_id)
            if old is None:
                created.append(row)
                self._name(table, "new", row)
                self.created[table].add(row_id)
                self._touch(table, row)
                continue
            new = self._changes(table, old, row)
            if new:
                import_queries.change(self.session, table, row_id, new)
                self._name(table, "changed", {**old, **new})
                self._touch(table, {**old, **new})
            if counts and counted:
                counts.updated += bool(new)
                counts.unchanged += not new
        import_queries.create(self.session, table, created)
        self.ids[table] |= set(rows)
        if counts and counted:
            counts.created += len(created)

    def _name(self, table: str, change: Literal["new", "changed"], row: Mapping[str, Any]) -> None:
        if table == "service":
            self.report.name_service(change, row)

    def _changes(self, table: str, old: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
        new = {k: v for k, v in row.items() if k in old and not _same(old[k], v)}
        if table == "service" and old["id"] in self.merged:
            return {}
        if table == "service":
            new.pop("kept_by_id", None)
            if old["confidential"]:
                new = {k: v for k, v in new.items() if k not in KEPT_HERE}
        if old["id"] in self.wordless or old["id"] in self.quiet:
            new = {k: v for k, v in new.items() if k == "status" or not isinstance(old[k] or v, (str, dict, list))}
        if table == "service_capacity" and (new.keys() & {"available", "updated"}) and \
                old["updated_by_id"] is not None and old["updated"] >= row["updated"]:
            new.pop("available", None)
            new.pop("updated", None)
        return new

    def _touch(self, table: str, row: dict[str, Any]) -> None:
        if table == "service":
            self.changed[row["id"]] = None
        elif row.get("service_id"):
            self.changed[row["service_id"]] = None
        elif table in ("organization", "location", "address"):
            owner = "location" if table == "address" else table
            owner_id = row.get("location_id") if table == "address" else row["id"]
            # The services of a new one have changed themselves.
            if owner_id not in self.created[owner]:
                self.touched[owner == "organization"].add(owner_id)

    def _needs(self, services: dict[UUID, SourceRecord]) -> None:
        """Needs that the source names, else suggestions; nothing where a person has confirmed some."""
        ids = [i for i in services if i in self.ids["service"]]
        present = import_queries.needs_by_service(self.session, self._before(ids))
        rows = []
        for service_id in ids:
            record, old = services[service_id], present.get(service_id, {})
            if any(not suggested for suggested, _ in old.values()):
                continue
            new = self._wanted_needs(record)
            if {c: s for c, (s, _) in old.items()} == {c: s for c, (s, _) in new.items()}:
                continue
            if old:
                import_queries.forget_needs(self.session, service_id)
            rows += [{"service_id": service_id, "need": code, "suggested": suggested, "evidence": evidence}
                     for code, (suggested, evidence) in new.items()]
            self.changed[service_id] = None
        import_queries.create(self.session, "service_need", rows)

    def _wanted_needs(self, record: SourceRecord) -> dict[str, tuple[bool, str | None]]:
        if record.needs is not None:
            return {code: (suggested, None) for code, suggested in record.needs}
        found = record.suggested
        if found is None:
            found = suggest_needs(str(record.values.get("name") or ""), str(record.values.get("description") or ""),
                                  record.categories)
        return {s.code: (True, s.evidence[:200]) for s in found}

    def _eligibility(self, services: dict[UUID, SourceRecord]) -> None:
        given = {i: r.eligibility for i, r in services.items()
                 if r.eligibility is not None and i in self.ids["service"]}
        present = import_queries.eligibility_by_service(self.session, self._before(given))
        new = {i: set(rules) for i, rules in given.items() if present.get(i, set()) != set(rules)}
        import_queries.replace_eligibility(self.session, new)
        self.changed |= dict.fromkeys(new)

    def _seal(self, secrets: dict[UUID, secret_queries.Secret]) -> None:
        known = secret_queries.open_many(self.session, list(secrets))
        # What its keeper or provider has written here is not undone by a newer file.
        secret_queries.seal_many(self.session, {
            i: s for i, s in secrets.items()
            if known.get(i, (None, None)) != s and not (known.get(i, ({},))[0] or {}).get("kept_here")})

    def finish(self) -> None:
        """Have the indexes read again what changed."""
        self.changed |= dict.fromkeys(import_queries.services_at(self.session, *self.touched))
        # A caseworker may have hidden one while this import was running.
        for service_id in hiding.hidden_in_the_open(self.session):
            hiding.seal_places(self.session, service_id)
            self.changed[service_id] = None
        records.services_changed(self.session, [i for i in self.changed if i is not None])


def _secret(given: Mapping[str, Any]) -> secret_queries.Secret:
    address = {k: v for k, v in given.items() if k not in ("latitude", "longitude")}
    latitude, longitude = given.get("latitude"), given.get("longitude")
    known = latitude is not None and longitude is not None
    return address or None, (float(latitude), float(longitude)) if known else None  # type: ignore[arg-type]


def _same(old: Any, new: Any) -> bool:
    if isinstance(old, (int, float)) and isinstance(new, (int, float)):
        return float(old) == float(new)
    if isinstance(old, (datetime, date)) and isinstance(new, (datetime, date)):
        return old == new
    return (old or None) == (new or None) if not isinstance(old, bool) else old == bool(new)
