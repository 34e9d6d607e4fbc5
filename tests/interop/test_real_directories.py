"""The real directories beside the project, read where they lie."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from referral_dir.interop.exporting import export_hsds3_json
from referral_dir.interop.importing import import_directory
from referral_dir.interop.report import ImportReport
from referral_dir.store import feed
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import SecretLocation, Service, ServiceNeed

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
EXAMPLES = ["organization_full.json", "service_full.json", "organization_list.json", "service_list.json",
            "service_at_location_list.json", "taxonomy.json", "taxonomy_list.json", "taxonomy_term.json",
            "taxonomy_term_list.json", "tabular.json", "csv"]


def load(store: Store, path: Path, **options: Any) -> ImportReport:
    return import_directory(store, path, now=NOW, **options)


def test_the_miami_211_is_imported_whole_and_a_second_time_changes_nothing(store: Store, shared_data: Path) -> None:
    path = shared_data / "open211-miami-hsds1"
    first = load(store, path)
    services = first.tables["service"]
    assert (services.read, services.created, services.refused) == (4089, 4089, 0)
    assert first.tables["eligibility"].refused == 2244
    missing = [i for i in first.issues if i.column == "organization_id" and i.file == "services.csv"]
    assert len(missing) == 447
    for table, counts in first.tables.items():
        refused = sum(1 for i in first.issues if i.kind == "refused")
        assert counts.refused <= refused, table
    with reading(store) as session:
        log = feed.last_change(session)
        hidden = session.query(Service).filter(Service.confidential).all()
        assert hidden
        assert all(s.zone_name for s in hidden)
        assert session.query(SecretLocation).count() == len(hidden)
        assert session.query(ServiceNeed).filter(ServiceNeed.suggested).count() > 1500
    second = load(store, path)
    assert sum(c.created + c.updated for c in second.tables.values()) == 0
    with reading(store) as session:
        assert feed.last_change(session) == log


def test_unhcr_2015_updates_2014_adds_and_ends_services(store: Store, shared_data: Path) -> None:
    folder = shared_data / "unhcr-jordan-services"
    assert load(store, folder / "services_2014-08-18_en.json").tables["service"].read == 449
    later = load(store, folder / "services_2015-03-22_en.json")
    services = later.tables["service"]
    assert services.read == 562
    assert services.created > 200
    assert services.updated > 300
    with reading(store) as session:
        active = session.query(Service).filter(Service.status == "active").all()
        assert all(s.offered_until is None or s.offered_until.isoformat() >= "2015-03-22" for s in active)
        assert not any("@" in (s.description or "") for s in active), "comments stay out"
    again = load(store, folder / "services_2015-03-22_en.json")
    assert sum(c.created + c.updated for c in again.tables.values()) == 0


def test_ohana_sample_keeps_its_organizations_and_statuses(store: Store, shared_data: Path) -> None:
    report = load(store, shared_data / "ohana-smc-sample")
    assert report.tables["service"].created == 23
    terms = report.tables["taxonomy_term"]
    assert (terms.read, terms.created) == (290, 290)
    assert report.tables["attribute"].created > 0
    with reading(store) as session:
        assert {s.status for s in session.query(Service)} >= {"active", "inactive", "defunct"}


def test_a_dry_run_reports_and_changes_nothing(sqlite_store: Store, shared_data: Path) -> None:
    report = load(sqlite_store, shared_data / "ohana-smc-sample", dry_run=True)
    assert report.tables["service"].created == 23
    with reading(sqlite_store) as session:
        assert session.query(Service).count() == 0


@pytest.fixture(scope="module")
def validate(shared_data: Path) -> Any:
    registry: Registry[Any] = Registry()
    for path in (shared_data / "hsds-3.1.1" / "schema").glob("*.json"):
        resource = Resource.from_contents(json.loads(path.read_text()), default_specification=DRAFT202012)
        registry = registry.with_resource(f"https://hsds.test/{path.name}", resource)

    def check(kind: str, item: Any) -> list[str]:
        validator = Draft202012Validator({"$ref": f"https://hsds.test/{kind}.json"}, registry=registry,
                                         format_checker=FormatChecker())
        return [f"{list(e.path)}: {e.message}" for e in validator.iter_errors(item)]

    return check


def export(store: Store, path: Path) -> dict[str, Any]:
    with reading(store) as session:
        export_hsds3_json(session, path)
    return json.loads(path.read_text())


def lost(given: Any, back: Any, path: str = "") -> list[str]:
    """What the given value holds that did not come back."""
    if isinstance(given, dict):
        return [f"{path}/{k}" for k in given if k not in back] + \
            [x for k in given if k in back for x in lost(given[k], back[k], f"{path}/{k}")]
    if isinstance(given, list):
        return [f"{path} {len(given)} {len(back)}"] if len(given) != len(back) else \
            [x for a, b in zip(given, back, strict=True) for x in lost(a, b, path)]
    return [] if given == back else [f"{path}: {given!r} {back!r}"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_hsds_examples_survive_import_export_validation_and_import(
        example: str, sqlite_store: Store, shared_data: Path, tmp_path: Path, validate: Any) -> None:
    path = shared_data / "hsds-3.1.1" / "examples" / example
    load(sqlite_store, path)
    out = export(sqlite_store, tmp_path / "out.json")
    problems = [e for o in out["organizations"] for e in validate("organization", o)]
    problems += [e for o in out["organizations"] for s in o.get("services", ()) for e in validate("service", s)]
    problems += [e for t in out["taxonomies"] for e in validate("taxonomy", t)]
    problems += [e for t in out["taxonomy_terms"] for e in validate("taxonomy_term", t)]
    assert problems == []
    given = json.loads(path.read_text()) if example.endswith("_full.json") else None
    if given and "organization" in given:
        assert lost(given.pop("organization"), out["organizations"][0]) == []
        assert lost(given, out["organizations"][0]["services"][0]) == []
    elif given:
        assert lost(given, out["organizations"][0]) == []
    load(sqlite_store, tmp_path / "out.json", source=example)
    assert export(sqlite_store, tmp_path / "again.json") == out


def test_what_a_caseworker_confirmed_is_not_undone_by_a_newer_file(sqlite_store: Store, shared_data: Path) -> None:
    path = shared_data / "ohana-smc-sample"
    load(sqlite_store, path)
    with transaction(sqlite_store) as session:
        row = session.query(ServiceNeed).first()
        service_id, need = row.service_id, row.need
        row.suggested = False
    load(sqlite_store, path)
    with reading(sqlite_store) as session:
        assert session.get_one(ServiceNeed, (service_id, need)).suggested is False
