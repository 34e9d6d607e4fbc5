"""What an import did: counts per table, and every value that it refused or repaired."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from referral_dir.domain.withholding import Traces

SHOWN: Final = 80
NAMED: Final = 20
FORMATS: Final = ("auto", "hsds3-json", "hsds3-csv", "hsds1-csv", "unhcr-geojson")


class ImportRefused(Exception):
    """The file is not what it claims to be; the directory is as before. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One value that was not taken as it stands. `row` counts from 1 without the header; 0 means the whole file."""

    file: str
    row: int
    column: str
    kind: Literal["refused", "repaired"]
    value: str
    reason: str


@dataclass(slots=True)
class Counts:
    """Rows of one table."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


@dataclass(slots=True)
class ImportReport:
    """Grows while the import runs."""

    source: str
    format: str
    dry_run: bool = False
    tables: dict[str, Counts] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    # The first services that are new, or changed: id, name, and whether anyone may see them.
    services: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def name_service(self, change: Literal["new", "changed"], row: Mapping[str, Any]) -> None:
        """Name a service, while few are named."""
        named = self.services.setdefault(change, [])
        if len(named) < NAMED:
            named.append({"id": str(row["id"]), "name": str(row["name"]),
                          "public": row.get("status", "active") == "active" and not row.get("confidential")})

    def count(self, table: str) -> Counts:
        """The counts of a table, made when first asked for."""
        return self.tables.setdefault(table, Counts())

    def repaired(self, where: tuple[str, int], column: str, value: Any, reason: str) -> None:
        """A value was taken, but not as it stands."""
        self.issues.append(Issue(*where, column, "repaired", str(value)[:SHOWN], reason))

    def refused(self, where: tuple[str, int], column: str, value: Any, reason: str) -> None:
        """A value was left out; its row was kept."""
        self.issues.append(Issue(*where, column, "refused", str(value)[:SHOWN], reason))

    def refused_row(self, table: str, where: tuple[str, int], column: str, value: Any, reason: str) -> None:
        """A whole row was left out."""
        self.count(table).refused += 1
        self.refused(where, column, value, reason)

    def withhold(self, places: set[tuple[str, int]], words: Mapping[tuple[str, int], Traces]) -> None:
        """What was said of these rows stays without their values, as they belong to a place that is hidden; out of the
        values of others these words are taken."""
        def kept(issue: Issue) -> Issue:
            where = issue.file, issue.row
            if where in places:
                return replace(issue, value="(withheld)")
            return replace(issue, value=words[where].withhold(issue.value)) if where in words else issue

        self.issues = [kept(issue) for issue in self.issues]

    def to_json(self) -> dict[str, Any]:
        """The report as the command line writes it."""
        return {"source": self.source, "format": self.format, "dry_run": self.dry_run,
                "tables": {name: asdict(counts) for name, counts in sorted(self.tables.items())},
                "refused": sum(i.kind == "refused" for i in self.issues),
                "repaired": sum(i.kind == "repaired" for i in self.issues),
                "services": self.services,
                "issues": [asdict(issue) for issue in self.issues]}

    def write(self, path: str) -> None:
        """Write the report as JSON."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.to_json(), file, ensure_ascii=False, indent=1)
