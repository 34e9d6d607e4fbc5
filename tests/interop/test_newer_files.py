"""A newer file of the same source: what it no longer says is gone, and finding that out stays cheap."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import event

from referral_dir.desk import listings
from referral_dir.interop.importing import import_directory
from referral_dir.store.db import Base, Store, reading, transaction
from referral_dir.store.directory import Address, Organization, Phone, Service
from referral_dir.store.import_queries import CHILDREN
from referral_dir.store.records import ChangeLog
from tests import cast as people

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def folder(path: Path, phones: str, organization: str = "Invented organization", **others: str) -> Path:
    path.mkdir(exist_ok=True)
    tables = {"organizations": f"id,name,description\no1,{organization},Text\n",
              "services": "id,organization_id,name,description,status\n" + "".join(
                  f"s{n},o1,Invented service {n},Food pantry,active\n" for n in range(3)),
              "phones": "id,service_id,number\n" + phones, **others}
    for name, text in tables.items():
        (path / f"{name}.csv").write_text(text)
    return path


def load(store: Store, path: Path, source: str) -> None:
    import_directory(store, path, now=NOW, source=source, format="hsds3-csv")


def changed(store: Store, after: int) -> set[str]:
    with reading(store) as session:
        ids = [row.service_id for row in session.query(ChangeLog).order_by(ChangeLog.sequence)][after:]
        return {service.foreign_id or "" for service in session.query(Service).filter(Service.id.in_(ids))}


def test_what_the_source_no_longer_says_is_gone_and_another_sources_rows_stay(store: Store, tmp_path: Path) -> None:
    phones = "p0,s0,305-555-0180\np1,s1,305-555-0181\np2,s2,305-555-0182\n"
    load(store, folder(tmp_path / "first", phones), "ours")
    with reading(store) as session:
        service_id = session.query(Service).filter(Service.foreign_id == "s1").one().id
    load(store, folder(tmp_path / "other", f"p9,{service_id},305-555-0189\n"), "other")
    with reading(store) as session:
        logged = session.query(ChangeLog).count()
    load(store, folder(tmp_path / "newer", "p0,s0,305-555-0180\n"), "ours")
    with reading(store) as session:
        assert {phone.foreign_id for phone in session.query(Phone)} == {"p0", "p9"}
    assert changed(store, logged) == {"s1", "s2"}


def test_services_are_indexed_again_when_their_organization_or_their_place_changed(
        sqlite_store: Store, tmp_path: Path) -> None:
    def directory(name: str, organization: str, city: str) -> Path:
        return folder(tmp_path / name, "", organization, locations="id,name\nl1,Invented house\n",
                      service_at_locations="id,service_id,location_id\nx1,s1,l1\n",
                      addresses=f"id,location_id,address_1,city,country\na1,l1,1 Invented Street,{city},US\n"
                                "a2,,2 Invented Street,Miami,US\n")

    load(sqlite_store, directory("first", "Invented", "Miami"), "ours")
    assert changed(sqlite_store, 0) == {"s0", "s1", "s2"}
    with reading(sqlite_store) as session:
        assert session.query(ChangeLog).count() == 3
        assert session.query(Address).count() == 2, "an address that names no place is kept"
    load(sqlite_store, directory("moved", "Invented", "Orlando"), "ours")
    assert changed(sqlite_store, 3) == {"s1"}
    load(sqlite_store, directory("renamed", "Renamed", "Orlando"), "ours")
    assert changed(sqlite_store, 4) == {"s0", "s1", "s2"}
    with reading(sqlite_store) as session:
        assert session.query(Organization).one().name == "Renamed"


def test_no_query_reads_everything_that_the_source_ever_gave(sqlite_store: Store, tmp_path: Path) -> None:
    """It would be read once for every part of a file: 100,000 services took twice as long as they do now."""
    path = folder(tmp_path / "first", "p0,s0,305-555-0180\n")
    load(sqlite_store, path, "ours")
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith("SELECT") and not many:
            asked.append((statement, parameters))

    event.listen(sqlite_store.engine, "before_cursor_execute", note)
    load(sqlite_store, path, "ours")
    event.remove(sqlite_store.engine, "before_cursor_execute", note)
    assert {name for name in CHILDREN if any(f"FROM {name} " in " ".join(s.split()) for s, _ in asked)} == set(CHILDREN)
    with sqlite_store.engine.connect() as connection:
        plans = [row for statement, parameters in asked
                 for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, parameters)]
    assert not [plan for plan in plans if "(source=?)" in plan[3]]


def test_a_file_moves_a_hidden_service_to_nobody_who_would_read_its_address(store: Store, tmp_path: Path) -> None:
    def tell(home: str) -> UUID:
        path = tmp_path / "hidden.json"
        path.write_text(json.dumps([{"id": home, "name": f"Invented {home}", "description": "", "services": [
            {"id": "s1", "name": "Invented house", "status": "active", "description": "x", "confidential": True}]}]))
        import_directory(store, path, now=NOW, source="feed", format="hsds3-json")
        with reading(store) as session:
            return session.query(Service).filter(Service.name == "Invented house").one().organization_id

    assert tell("first") == tell("second"), "by the same source"
    with reading(store) as session:
        assert session.query(Organization).filter(Organization.name == "Invented second").count() == 1


def test_a_file_that_gives_no_place_any_more_brings_none_back_in_the_words_of_what_was_hidden_here(
        store: Store, tmp_path: Path) -> None:
    cast = people.build(store)
    street, seen = "77 Canary Row", "Come to 77 Canary Row"
    site = {"id": "x", "location": {"id": "l1", "name": "House", "addresses": [
        {"id": "a1", "address_1": street, "city": "Miami", "state_province": "Florida", "country": "US"}]}}
    service = {"id": "s1", "name": "Invented house", "status": "active", "description": seen, "alert": street,
               "phones": [{"id": "p1", "number": "1", "description": seen}], "service_at_locations": [site]}
    path = tmp_path / "feed.json"

    def tell(**more: Any) -> None:
        path.write_text(json.dumps([{"id": "o1", "name": "Invented", "description": seen,
                                     "services": [{**service, **more}]}]))
        import_directory(store, path, now=NOW, source="feed", format="hsds3-json",
                         kept_by=cast.clara.organization_id)

    tell()
    with reading(store) as session:
        hidden = session.query(Service).filter(Service.name == "Invented house").one().id
    with transaction(store) as session:
        listings.make_confidential(session, cast.clara, hidden, people.MIAMI, NOW)
    tell(service_at_locations=[], status="temporarily closed", contacts=[{"id": "c1", "name": street}],
         cost_options=[{"id": "k1", "option": seen}])
    with reading(store) as session:
        assert session.get_one(Service, hidden).status == "temporarily closed", "what is no text is taken"
        rows = [repr(tuple(row)) for table in Base.metadata.sorted_tables for row in session.execute(table.select())]
    assert [row for row in rows if "Canary" in row] == []
    assert any(f"'{hidden}'" in row and "(address withheld)" in row for row in rows), "nothing of it is gone either"
