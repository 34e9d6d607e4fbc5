"""HSDS 3 CSV with cells that are empty where a row can't do without: that row is named, the others are kept."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from referral_dir.interop.importing import import_directory
from referral_dir.store.db import Store, reading
from referral_dir.store.directory import (
    Attribute,
    Metadata,
    Organization,
    OrganizationIdentifier,
    Service,
    ServiceAtLocation,
    ServiceCapacity,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
FILES = {
    "organizations": "id,name,description\no1,Invented organization,Text\n",
    "services": "id,organization_id,name,status\ns1,o1,Kept service,active\ns2,,Service of nobody,active\n"
                "s3,o1,,active\n",
    "locations": "id,name,latitude,longitude\nl1,Place,25.77,-80.19\n",
    "service_at_location": "id,service_id,location_id\na1,s1,l1\na2,s1,\na3,,l1\na4,s3,l1\n",
    "schedules": "id,service_id,byday,opens_at,closes_at\nh1,s1,MO,08:00,17:00\n",
    "units": "id,name\nu1,bed\nu2,\n",
    "service_capacities": "id,service_id,unit_id,available,maximum,updated\n"
                          "c1,s1,u1,3,5,2026-11-23T10:00:00+00:00\nc2,s1,,3,5,2026-11-23T10:00:00+00:00\n"
                          "c3,s1,u1,,5,2026-11-23T10:00:00+00:00\nc4,s1,u1,-2,5,2026-11-23T10:00:00+00:00\n"
                          "c5,,u1,3,5,2026-11-23T10:00:00+00:00\nc6,s1,u1,many,5,2026-11-23T10:00:00+00:00\n"
                          "c7,s1,u2,1,5,2026-11-23T10:00:00+00:00\nc8,s2,u1,4,5,\n",
    "cost_options": "id,service_id,option\nk1,,free\n",
    "organization_identifiers": "id,organization_id,identifier_type,identifier\n"
                                "i1,o1,charity,77\ni2,o1,charity,\ni3,,charity,78\n",
    "attributes": "id,link_id,link_entity,value\nt1,s1,service,kept\nt2,,service,lost\nt3,s1,,lost\n",
    "metadata": "id,resource_id,resource_type,last_action_date,last_action_type,field_name,previous_value,"
                "replacement_value,updated_by\n"
                "m1,s1,service,2026-11-01,update,name,,Kept service,\nm2,s1,service,,update,name,a,b,c\n",
}
REFUSED = {("services.csv", 3, "name"), ("service_at_location.csv", 2, "location_id"),
           ("service_at_location.csv", 3, "service_id"), ("service_at_location.csv", 4, "service_id"),
           ("units.csv", 2, "name"), ("service_capacities.csv", 2, "unit_id"),
           ("service_capacities.csv", 3, "available"), ("service_capacities.csv", 4, "available"),
           ("service_capacities.csv", 5, "service_id"), ("service_capacities.csv", 6, "available"),
           ("service_capacities.csv", 7, "unit_id"), ("cost_options.csv", 1, "service_id"),
           ("organization_identifiers.csv", 2, "identifier"), ("organization_identifiers.csv", 3, "organization_id"),
           ("attributes.csv", 2, "link_id"), ("attributes.csv", 3, "link_entity"),
           ("metadata.csv", 2, "last_action_date")}


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed"
    path.mkdir()
    for name, text in FILES.items():
        (path / f"{name}.csv").write_text(text)
    return path


def test_a_row_with_an_empty_cell_that_it_needs_is_named_and_the_others_are_kept(store: Store, feed: Path) -> None:
    report = import_directory(store, feed, now=NOW)
    assert report.format == "hsds3-csv"
    assert {(i.file, i.row, i.column) for i in report.issues if i.kind == "refused"} == REFUSED
    assert {t: c.refused for t, c in report.tables.items() if c.refused} == {
        "service": 1, "service_at_location": 3, "unit": 1, "service_capacity": 6, "cost_option": 1,
        "organization_identifier": 2, "attribute": 2, "metadata": 1}
    with reading(store) as session:
        assert {s.name for s in session.query(Service)} == {"Kept service", "Service of nobody"}
        assert {o.name for o in session.query(Organization)} == {
            "Invented organization", "Service of nobody (organization not in the source)"}
        assert session.query(ServiceAtLocation).count() == 1
        assert sorted((c.available, c.updated) for c in session.query(ServiceCapacity)) == [
            (3, datetime(2026, 11, 23, 10, tzinfo=UTC)), (4, NOW)]
        assert [i.identifier for i in session.query(OrganizationIdentifier)] == ["77"]
        assert [a.value for a in session.query(Attribute)] == ["kept"]
        assert [(m.previous_value, m.replacement_value) for m in session.query(Metadata)] == [("", "Kept service")]


def test_the_same_file_again_changes_nothing(store: Store, feed: Path) -> None:
    import_directory(store, feed, now=NOW)
    report = import_directory(store, feed, now=NOW)
    assert sum(c.created + c.updated for c in report.tables.values()) == 0
