"""`referral-dir import`: find out what a path is, read it, and write it in one transaction."""

import gc
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir.domain.saying import say
from referral_dir.interop import hsds1, hsds3, unhcr
from referral_dir.interop.placing import geocode_public, place_all
from referral_dir.interop.reading import forget_json, read_json, unpack
from referral_dir.interop.records import SourceRecord, identify
from referral_dir.interop.report import FORMATS, ImportRefused, ImportReport
from referral_dir.interop.writing import Writer
from referral_dir.store import import_queries, records
from referral_dir.store.db import Store, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from referral_dir.geocoder import PublicGeocoder

# Feeds that always hold everything: what is gone from them has ended.
FULL_FEEDS: Final = {"unhcr-geojson"}
Progress = Callable[[str], None]


class _DryRun(Exception):
    """Rolls the transaction back after everything has been tried."""


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Millions of records live until the end: to look for garbage among them again and again is time lost."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_without_collecting()
def import_directory(store: Store, path: Path, *, now: datetime, format: str = "auto", source: str | None = None,
                     dry_run: bool = False, kept_by: UUID | None = None,
                     geocoder: "PublicGeocoder | None" = None, progress: Progress = lambda step: None,
                     at_end: Callable[["Session", ImportReport], None] = lambda session, report: None,
                     scratch: tuple[Path | None, str] = (None, "referral-")) -> ImportReport:
    """Import a file, folder or ZIP; returns what was read, created, updated, unchanged, refused and repaired.

    One transaction: on any failure the directory is as before. `at_end` is called last in it; what it raises undoes
    all. `scratch` is where an archive is unpacked, and how the folder's name begins. Raises ImportRefused where the
    path as a whole is not what it claims to be.
    """
    if not path.exists():
        raise ImportRefused(f"{path} is not there: check the path")
    with tempfile.TemporaryDirectory(dir=scratch[0], prefix=scratch[1]) as unpacked:
        name = path.name
        if path.is_file() and path.suffix.casefold() == ".zip":
            path = unpack(path, Path(unpacked))
        kind = detect(path) if format == "auto" else format
        report = ImportReport(source or (unhcr.SOURCE if kind == "unhcr-geojson" else name), kind, dry_run)
        progress("reading")
        try:
            source_records = read(path, kind, report, now)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise ImportRefused(say("%(file)s is not of the shape of %(format)s (%(problem)s): check the format",
                                    file=name, format=kind, problem=type(error).__name__)) from error
        finally:
            forget_json()
    try:
        with transaction(store) as session:
            progress("placing")
            confidential = import_queries.confidential_ids(session)
            for record in source_records:
                partial = record.table != "service" or record.extra.get("partial")
                if not partial and identify(report.source, "service", record.foreign_id) in confidential:
                    record.values["confidential"] = True
            placed = place_all(_joined(source_records), report, None)
            if geocoder is not None:
                progress("geocoding public addresses")
                geocode_public(placed, report, geocoder)
            progress("writing")
            writer = Writer(session, report, report.source, kept_by, now)
            writer.write(placed)
            if kind in FULL_FEEDS:
                writer.retire_missing()
            writer.finish()
            totals = {t: [c.created, c.updated, c.refused] for t, c in report.tables.items()}
            records.queue_audit(session, records.Audited(now, None, None, "directory:import", report.source[:80], None,
                                                         "done", {"tables": totals}))
            if dry_run:
                raise _DryRun
            at_end(session, report)
    except _DryRun:
        pass
    return report


def detect(path: Path) -> str:
    """What the path holds, by its names and shapes. Raises ImportRefused."""
    if path.is_file():
        if path.suffix.casefold() == ".csv":
            raise ImportRefused(say("%(file)s is one table: give the folder that holds all of them", file=path.name))
        return _json_kind(read_json(path))
    files = _files(path)
    stems = set(files)
    if {"services", "organizations"} & stems:
        header = files["services" if "services" in stems else "organizations"].open(encoding="utf-8-sig",
                                                                                    errors="replace").readline(100_000)
        if stems & {"regular_schedules", "physical_addresses", "mail_addresses", "services_at_location"} or \
                "taxonomy_ids" in header or ("service_at_location" not in stems and "schedules" not in stems):
            return "hsds1-csv"
        return "hsds3-csv"
    jsons = sorted(path.glob("*.json"))
    if jsons:
        return _json_kind(read_json(jsons[0]))
    if stems & set(hsds3.FILES):
        return "hsds3-csv"
    raise ImportRefused(say("%(file)s holds no services.csv, organizations.csv or JSON that is known: name its format",
                            file=str(path)))


def read(path: Path, kind: str, report: ImportReport, now: datetime) -> list[SourceRecord]:
    """The records of a path of this format. Raises ImportRefused."""
    if kind == "unhcr-geojson":
        return unhcr.read_records(path, report, now)
    if kind == "hsds3-json":
        paths = [path] if path.is_file() else [p for p in sorted(path.glob("*.json")) if p.name != "datapackage.json"]
        return [r for p in paths for r in hsds3.read_json_records(p, report, now)]
    if kind not in FORMATS or kind == "auto":
        raise ImportRefused(f"the format is one of {', '.join(FORMATS)}")
    if path.is_file():
        raise ImportRefused(say("%(file)s is one file: give the folder that holds all tables", file=path.name))
    files = _files(path)
    if not files:
        raise ImportRefused(say("%(file)s holds no CSV files", file=str(path)))
    reader = hsds1.read_records if kind == "hsds1-csv" else hsds3.read_csv_records
    return reader(files, report, now)


def _files(path: Path) -> dict[str, Path]:
    folder = path / "data" if (path / "data").is_dir() else path / "csv" if (path / "csv").is_dir() else path
    return {p.stem.casefold(): p for p in sorted(folder.glob("*.csv"))}


def _json_kind(parsed: object) -> str:
    first = parsed[0] if isinstance(parsed, list) and parsed else parsed
    if isinstance(first, dict) and first.get("type") in ("Feature", "FeatureCollection"):
        return "unhcr-geojson"
    if isinstance(first, dict):
        return "hsds3-json"
    raise ImportRefused(say("the JSON is of no form that is known"))


def _joined(source_records: list[SourceRecord]) -> list[SourceRecord]:
    """Without the partial services (a value that another table told), which are added to their whole ones."""
    whole = {r.foreign_id: r for r in source_records if r.table == "service" and not r.extra.get("partial")}
    for r in source_records:
        if r.table == "service" and r.extra.get("partial") and r.foreign_id in whole:
            target = whole[r.foreign_id].values
            for column, value in r.values.items():
                parts = [v for v in (target.get(column), value) if v]
                target[column] = "; ".join(dict.fromkeys(parts)) or None
    return [r for r in source_records if not r.extra.get("partial")]
