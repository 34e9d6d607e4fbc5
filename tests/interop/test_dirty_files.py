"""Files that are not what they claim: refused whole, and the directory is as before."""

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from referral_dir.geocoder import PublicGeocoder
from referral_dir.interop.importing import import_directory
from referral_dir.interop.report import ImportRefused
from referral_dir.store import secret_queries
from referral_dir.store.db import Store, reading
from referral_dir.store.directory import Location, Organization, Phone, Schedule, Service

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ORGANIZATIONS = "id,name,description\n" + "".join(f"o{n},Invented organization {n},Text\n" for n in range(5))
SERVICES = "id,organization_id,name,description,status\n" + "".join(
    f"s{n},o{n % 5},Invented service {n},Food pantry,active\n" for n in range(12))


def folder(path: Path, organizations: str = ORGANIZATIONS, services: str | bytes = SERVICES, **others: str) -> Path:
    path.mkdir(exist_ok=True)
    (path / "organizations.csv").write_text(organizations)
    (path / "services.csv").write_bytes(services if isinstance(services, bytes) else services.encode())
    for name, text in others.items():
        (path / f"{name}.csv").write_text(text)
    return path


def shifted(path: Path) -> Path:
    rows = [",".join([*line.split(",")[1:], ""]) for line in SERVICES.splitlines()[1:]]
    return folder(path, services="\n".join([SERVICES.splitlines()[0], *rows]))


def zip_slip(path: Path) -> Path:
    path = path.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.csv", "id,name\n")
    return path


def huge_field(path: Path) -> Path:
    return folder(path, services=SERVICES.encode() + b's99,o1,"' + b"x" * (6 * 1024 * 1024) + b'",t,active\n')


def shape(text: str) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path = path.with_suffix(".json")
        path.write_text(text)
        return path
    return make


@pytest.mark.parametrize(("make", "says"), [
    (shifted, "shifted"), (zip_slip, "outside itself"), (huge_field, "MiB"),
    (lambda p: folder(p, services=SERVICES.encode("utf-16")), "UTF-8"),
    (lambda p: folder(p, services=SERVICES.replace("pantry", "crème").encode("latin-1")), "UTF-8"),
    (lambda p: folder(p, services="some words without a header\n"), "header"),
    (shape("{not json"), "not JSON"), (shape('[{"what": 1}]'), "no id"), (shape('"text"'), "no form"),
    (lambda p: p / "nowhere", "not there"),
])
def test_a_file_that_is_not_what_it_claims_is_refused_whole(
        make: Callable[[Path], Path], says: str, sqlite_store: Store, tmp_path: Path) -> None:
    import_directory(sqlite_store, folder(tmp_path / "good"), now=NOW)
    with pytest.raises(ImportRefused, match=says):
        import_directory(sqlite_store, make(tmp_path / "bad"), now=NOW)
    with reading(sqlite_store) as session:
        assert (session.query(Organization).count(), session.query(Service).count()) == (5, 12)


def test_a_bad_row_is_reported_and_the_others_are_kept(sqlite_store: Store, tmp_path: Path) -> None:
    services = SERVICES + "s90,o1\n" + "s91,o1,,no name,active\n" + "s92,nobody,Orphan \x07service,Text\\nmore,active\n"
    phones = "id,service_id,number\np1,s1,305-555-0188 x12\np2,s1,\np3,s2,not a number\n"
    hours = ("id,service_id,weekday,opens_at,closes_at\nh1,s1,Monday,8:00am,5:00pm\nh2,s1,Noday,8:00am,5:00pm\n"
             "h3,s1,Tuesday,8:00am,8:00am\n")
    report = import_directory(sqlite_store, folder(tmp_path / "dirty", services=services, phones=phones,
                                                   regular_schedules=hours), now=NOW)
    refused = {(i.file, i.row) for i in report.issues if i.kind == "refused"}
    assert {("services.csv", 13), ("services.csv", 14), ("phones.csv", 2), ("regular_schedules.csv", 2),
            ("regular_schedules.csv", 3)} <= refused
    assert report.tables["service"].created == 13
    with reading(sqlite_store) as session:
        orphan = session.query(Service).filter(Service.foreign_id == "s92").one()
        assert orphan.name == "Orphan service"
        assert orphan.description == "Text\nmore"
        assert session.get_one(Organization, orphan.organization_id).name.endswith("(organization not in the source)")
        assert {(p.number, p.extension) for p in session.query(Phone)} >= {("305-555-0188 x12", "12")}
        assert [(s.byday, s.opens_at, s.closes_at) for s in session.query(Schedule)] == [("MO", "08:00", "17:00")]


def test_a_newer_file_updates_what_has_changed_and_keeps_the_rest(sqlite_store: Store, tmp_path: Path) -> None:
    import_directory(sqlite_store, folder(tmp_path / "feed"), now=NOW)
    newer = SERVICES.replace("Invented service 3", "Renamed service")
    report = import_directory(sqlite_store, folder(tmp_path / "feed", services=newer), now=NOW)
    counts = report.tables["service"]
    assert (counts.created, counts.updated, counts.unchanged) == (0, 1, 11)


def test_a_confidential_address_is_sealed_and_never_exported(sqlite_store: Store, tmp_path: Path) -> None:
    from referral_dir.interop.exporting import export_hsds3_json

    service = {"id": "s1", "name": "Invented house", "status": "active", "organization": {
        "id": "o1", "name": "Invented org", "description": "x"},
        "referral_dir": {"confidential": True, "needs": ["shelter.safe_house"],
                         "zone": {"name": "Miami", "latitude": 25.77, "longitude": -80.19}},
        "service_at_locations": [{"id": "l1", "location": {
            "id": "loc1", "location_type": "physical", "latitude": 25.123456, "longitude": -80.654321,
            "addresses": [{"id": "a1", "address_1": "77 Canary Street", "city": "Miami", "state_province": "FL",
                           "postal_code": "99887", "country": "US", "address_type": "physical"}]}}]}
    path = tmp_path / "secret.json"
    path.write_text(json.dumps([service]))
    for _ in range(2):
        import_directory(sqlite_store, path, now=NOW)
    with reading(sqlite_store) as session:
        export_hsds3_json(session, tmp_path / "out.json")
    sqlite_store.engine.dispose()
    dump = (tmp_path / "out.json").read_bytes() + (tmp_path / "test.sqlite").read_bytes()
    for canary in (b"Canary", b"99887", b"25.1234", b"80.6543"):
        assert canary not in dump


def test_hidden_shelters_that_share_a_place_are_both_sealed_and_their_neighbours_keep_theirs(
        sqlite_store: Store, tmp_path: Path) -> None:
    """Ids are small numbers, as real sources have them: a service, a place and their link are all called 1."""
    words = "Safe house and emergency shelter for victims of domestic violence"
    path = folder(tmp_path / "shared", services=(
        "id,organization_id,name,description,status\n"
        f"1,o1,Haven (invented),{words},active\n2,o1,Second haven (invented),{words},active\n"
        "3,o1,Pantry (invented),Food pantry,active\n"),
        locations="id,name,latitude,longitude\n1,House,25.7711,-80.1911\n2,Hall,25.8011,-80.2011\n",
        services_at_location="id,service_id,location_id\n9,1,1\n8,2,1\n1,3,2\n",
        physical_addresses="id,location_id,address_1,city,state_province,postal_code,country\n"
                           "1,1,7 Hidden Row,Miami,FL,33101,US\n2,2,8 Open Road,Miami,FL,33101,US\n")
    import_directory(sqlite_store, path, now=NOW, source="shared")
    with reading(sqlite_store) as session:
        for service in session.query(Service).all():
            address, point = secret_queries.open_place(session, service.id)
            if service.name.startswith("Pantry"):
                assert (service.confidential, address, point) == (False, None, None)
                continue
            assert service.confidential
            assert address is not None
            assert address["address_1"] == "7 Hidden Row"
            assert point == (25.7711, -80.1911)
        [left] = session.query(Location).all()
        assert (left.latitude, left.longitude) == (25.8011, -80.2011)


def test_values_that_no_column_can_hold_are_refused_one_by_one(store: Store, tmp_path: Path) -> None:
    service = {"id": "s1", "name": "Invented\x00 service", "status": "sleeping", "minimum_age": "many",
               "maximum_age": float("nan"), "assured_date": "yesterday",
               "organization": {"id": "o1", "name": "Invented", "description": "x", "year_incorporated": 10**12},
               "cost_options": [{"id": "c1", "currency": "pounds sterling", "amount": "free"}],
               "phones": [{"id": "p1", "number": "+1 305 555 0188", "extension": "ask for the person at the desk"}],
               "languages": [{"id": "l1", "code": "eng"}, {"id": "l2", "name": "Qwertyish"}],
               "service_areas": [{"id": "a1", "name": "United States"}]}
    path = tmp_path / "odd.json"
    path.write_text(json.dumps([service]))
    report = import_directory(store, path, now=NOW)
    columns = {(i.kind, i.column) for i in report.issues}
    assert {("refused", c) for c in ("minimum_age", "maximum_age", "assured_date", "year_incorporated", "currency",
                                     "amount", "extension", "code")} <= columns
    assert {("repaired", "status"), ("repaired", "name"), ("repaired", "code")} <= columns
    with reading(store) as session:
        row = session.query(Service).one()
        assert (row.name, row.status) == ("Invented service", "inactive")


def test_features_of_another_shape_are_refused_whole(sqlite_store: Store, tmp_path: Path) -> None:
    path = tmp_path / "features.json"
    path.write_text(json.dumps([{"type": "Feature", "properties": {"partnerName": "x", "activityName": "y",
                                                                   "indicators": 7}}]))
    with pytest.raises(ImportRefused, match="shape"):
        import_directory(sqlite_store, path, now=NOW)


def test_an_own_geocoder_is_asked_for_public_addresses_only(sqlite_store: Store, tmp_path: Path) -> None:
    asked: list[str] = []

    class Own:
        def geocode(self, address: str, **_: object) -> SimpleNamespace:
            asked.append(address)
            return SimpleNamespace(latitude=25.5, longitude=-80.5)

    services = SERVICES + "s95,o1,Invented house,A shelter for battered women,active\n"
    places = "id,name\n" + "".join(f"{s},Invented place\n" for s in ("s1", "s95"))
    sites = "id,service_id,location_id\n" + "".join(f"{s},{s},{s}\n" for s in ("s1", "s95"))
    streets = ("id,location_id,address_1,city,state_province,postal_code,country\n"
               "s1,s1,1 Public Street,Miami,FL,33101,US\ns95,s95,77 Canary Street,Miami,FL,33102,US\n")
    import_directory(sqlite_store, folder(tmp_path / "feed", services=services, locations=places,
                                          services_at_location=sites, physical_addresses=streets),
                     now=NOW, geocoder=PublicGeocoder(Own()))
    assert asked == ["1 Public Street, Miami, FL, 33101, US"]
    with reading(sqlite_store) as session:
        assert [p.near_latitude for p in session.query(Location)] == [25.5]
