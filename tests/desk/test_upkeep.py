"""Keeping the directory true: what is edited, checked, sent in, listed twice, and done in a spreadsheet."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import process_time
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from referral_dir.desk import bulk, corrections, duplicates, find, listings, merge_undo, spreadsheets
from referral_dir.domain.errors import Invalid, NotFound, TooOften, WrongState
from referral_dir.domain.listing import FIELDS, read_seen
from referral_dir.domain.upkeep import next_check
from referral_dir.domain.weekly import format_week, parse_week
from referral_dir.interop.importing import import_directory
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import (
    Address,
    Contact,
    Eligibility,
    Language,
    Location,
    Metadata,
    Organization,
    Phone,
    Schedule,
    Service,
    ServiceAtLocation,
    ServiceCapacity,
    ServiceNeed,
    Unit,
)
from referral_dir.store.listing_queries import Wanted
from referral_dir.store.merge_undo import picture
from referral_dir.store.records import AuditEntry
from referral_dir.store.upkeep import BulkDraft, Correction, MergedService, MergeUndo
from tests import cast as people
from tests.cast import MIAMI, NOW, Cast

STREET = "77 Canary Street"
FULL = {"name": "Clinic by the sea (invented)", "description": "Line one\nLine two", "languages": "Haitian Creole, ar",
        "phones": "+1 305 555 0199 (day and night)\n+1 305 555 0198 ext. 5", "hours": "Mo-Fr 09:00-12:00, 13:00-17:00",
        "address_1": STREET, "city": "Miami", "state_province": "FL", "country": "United States",
        "areas": "30 km around Miami, FL\nFlorida, US", "minimum_age": "18", "eligibility": "serves gender female",
        "needs": "medical.general, medical.maternity", "accepts_handoffs": "yes", "offered_until": "2027-03-31",
        "verify_months": "3"}


def seen_of(store: Store, cast: Cast, service_id: UUID) -> str:
    with reading(store) as session:
        return listings.read_listing(session, cast.carl, service_id, NOW).seen


def twin(store: Store, cast: Cast, **changed: object) -> UUID:
    """Another entry of the clinic, that Carl keeps too."""
    with transaction(store) as session:
        clinic = session.get_one(Service, cast.clinic)
        values: dict[str, object] = {"organization_id": clinic.organization_id, "name": "Clinic, The (invented)",
                                     "status": "active", "country": "US", "timezone": "America/New_York",
                                     "kept_by_id": clinic.kept_by_id, "url": "https://clinic.example", **changed}
        row = Service(**values)
        session.add(row)
        session.flush()
        clinic.url = "https://www.clinic.example/"
        session.add_all([
            Phone(service_id=cast.clinic, number="+1 305 555 0142", number_e164="+13055550142"),
            Phone(service_id=row.id, number="(305) 555-0142", number_e164="+13055550142"),
            Phone(service_id=row.id, number="+1 305 555 0143", number_e164="+13055550143"),
            ServiceNeed(service_id=row.id, need="medical.general", suggested=True),
            ServiceNeed(service_id=row.id, need="medical.maternity")])
        return row.id


def test_every_field_is_read_back_as_it_was_written_and_saving_it_again_changes_nothing(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        changes = listings.change_listing(session, cast.carl, cast.clinic, 1, FULL, NOW)
        # The clinic had this already.
        assert {c.field for c in changes} == set(FULL) - {"accepts_handoffs"}
    with transaction(store) as session:
        listing = listings.read_listing(session, cast.carl, cast.clinic, NOW)
        assert listing.values["phones"] == "+1 305 555 0198 ext. 5\n+1 305 555 0199 (day and night)"
        assert listing.values["languages"] == "ar, ht"
        assert listing.values["country"] == "US"
        assert listing.values["hours"] == "Mo-Fr 09:00-12:00, 13:00-17:00"
        assert {p.number_e164 for p in listing.parts.phones} == {"+13055550198", "+13055550199"}
        assert {(a.radius_km, a.admin1) for a in listing.parts.areas} == {(30.0, None), (None, "Florida")}
        [place] = listing.parts.locations
        assert (place.near_name, place.latitude) == ("Miami", None)
        assert {line.organization for line in listing.history} == {"Other Network (invented)"}
        assert not listings.change_listing(session, cast.carl, cast.clinic, listing.seen, listing.values, NOW)
    with reading(store) as session:
        assert session.query(Metadata).count() == len(changes)


def test_a_preview_shows_what_would_be_and_leaves_everything_as_it_was(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        preview = listings.preview_change(session, cast.carl, cast.clinic, 1, {**FULL, "status": "inactive"}, NOW)
        assert preview.view.service.name == FULL["name"]
        assert [a.address_1 for a in preview.view.parts.addresses] == [STREET]
        assert any("not offered" in warning for warning in preview.warnings)
    with reading(store) as session:
        listing = listings.read_listing(session, cast.carl, cast.clinic, NOW)
        assert (listing.service.name, listing.service.revision, list(listing.history)) == ("Clinic (invented)", 1, [])
        assert session.query(Address).count() == session.query(Location).count() == 0


def test_of_two_who_edit_at_once_both_keep_what_only_they_changed_and_see_where_they_differ(store: Store) -> None:
    cast = people.build(store)
    seen = seen_of(store, cast, cast.clinic)
    first = {"wait_time": "a day", "alert": "ring twice"}
    with transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, seen, first, NOW)
    # The second had the older version before them, and sends the whole form: their own words in one field alone.
    with transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, seen,
                                {"wait_time": "", "alert": "", "fees_description": "free"}, NOW)
        values = listings.read_listing(session, cast.carl, cast.clinic, NOW).values
        assert (values["wait_time"], values["alert"], values["fees_description"]) == ("a day", "ring twice", "free")
    with pytest.raises(listings.Clash) as clash, transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, seen, {"wait_time": "a week", "url": "https://x.org"},
                                NOW)
    assert [(c.field, c.before, c.after) for c in clash.value.weighed.clashes] == [("wait_time", "a day", "a week")]
    with transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, clash.value.seen, {"wait_time": "a week"}, NOW)
        assert listings.read_listing(session, cast.carl, cast.clinic, NOW).values["wait_time"] == "a week"


def test_a_place_that_others_share_is_copied_and_not_moved_under_them(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        place = Location(latitude=25.7, longitude=-80.2)
        session.add(place)
        session.flush()
        other = Service(organization_id=cast.petra.organization_id, name="Neighbour (invented)", status="active")
        session.add(other)
        session.flush()
        session.add_all([ServiceAtLocation(service_id=s, location_id=place.id) for s in (cast.clinic, other.id)])
        session.add(Address(location_id=place.id, address_1="1 Old Road", city="Miami", country="US"))
    with transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, 1, {"address_1": STREET, "city": "Orlando"}, NOW)
    with reading(store) as session:
        values = listings.read_listing(session, cast.carl, cast.clinic, NOW).values
        assert (values["address_1"], values["city"], values["point"]) == (STREET, "Orlando", "")
        view = find.read_service(session, None, other.id, NOW)
        assert [a.address_1 for a in view.parts.addresses] == ["1 Old Road"]
        assert view.parts.locations[0].latitude == 25.7


def test_a_hidden_service_has_no_place_in_the_editor_and_none_can_be_written(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        values = listings.read_listing(session, cast.clara, cast.shelter, NOW).values
        assert "address_1" not in values
        for written in ({"address_1": STREET}, {"point": "25.77, -80.19"}, {"areas": "5 km around Miami, FL"}):
            with pytest.raises(Invalid):
                listings.change_listing(session, cast.clara, cast.shelter, 1, written, NOW)


def test_becoming_hidden_drops_the_history_what_was_sent_in_files_and_what_was_merged(store: Store) -> None:
    cast = people.build(store)
    double = twin(store, cast)
    with transaction(store) as session:
        listings.change_listing(session, cast.carl, double, 1, {"address_1": STREET, "city": "Miami"}, NOW)
        listings.change_listing(session, cast.carl, cast.clinic, 1, {"address_1": STREET, "city": "Miami"}, NOW)
        corrections.send(session, None, cast.clinic, "address", f"it is {STREET}", NOW, network="x")
    with transaction(store) as session:
        sides = [listings.read_listing(session, cast.carl, key, NOW).seen for key in (cast.clinic, double)]
        duplicates.merge(session, cast.carl, cast.clinic, double, {}, (sides[0], sides[1]), NOW)
    with transaction(store) as session:
        bulk.take_in(session, cast.carl, bulk.parse(bulk.export(session, cast.carl, "csv")), NOW)
    with transaction(store) as session:
        assert listings.read_listing(session, cast.carl, cast.clinic, NOW).history
        listings.make_confidential(session, cast.carl, cast.clinic, MIAMI, NOW)
    with reading(store) as session:
        [line] = listings.read_listing(session, cast.carl, cast.clinic, NOW).history
        assert (line.field, line.after) == ("zone_name", "Miami")
        assert session.query(Correction).count() == session.query(BulkDraft).count() == 0
        assert session.query(Address).count() == session.query(Location).count() == 0
        for name in (cast.clinic, double):
            with pytest.raises(NotFound):
                find.read_service(session, None, name, NOW)


def test_a_service_is_due_until_somebody_has_looked_and_then_for_as_long_as_it_is_set(store: Store) -> None:
    cast = people.build(store)

    def due(day: date) -> list[UUID]:
        with transaction(store) as session:
            moment = NOW.replace(year=day.year, month=day.month, day=day.day)
            return [k.service.id for k in listings.my_services(session, cast.carl, moment, Wanted(due=True))[0]]

    assert due(NOW.date()) == [cast.clinic]
    with transaction(store) as session:
        listings.check_today(session, cast.carl, cast.clinic, NOW)
        with pytest.raises(NotFound):
            listings.check_today(session, cast.clara, cast.clinic, NOW)
    assert due(NOW.date()) == []
    assert due(date(2027, 5, 23)) == []
    assert due(date(2027, 5, 24)) == [cast.clinic]
    with transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, seen_of(store, cast, cast.clinic),
                                {"verify_months": "1"}, NOW)
    assert due(date(2026, 12, 24)) == [cast.clinic]
    assert next_check(date(2026, 8, 31), 6) == date(2027, 2, 28)


def test_what_is_sent_in_waits_for_the_keepers_alone_and_says_nothing_of_who_sent_it(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        corrections.send(session, None, cast.clinic, "phone", "It is 555 0199 now", NOW, network="192.0.2.1")
        corrections.send(session, None, cast.clinic, "other", "spam", NOW, network="192.0.2.1", trap="filled in")
        corrections.send(session, cast.olga, cast.shelter, "hours", "Closed at night", NOW)
    with transaction(store) as session:
        [sent] = corrections.waiting(session, cast.carl)
        assert (sent.text, sent.from_staff) == ("It is 555 0199 now", False)
        [own] = corrections.waiting(session, cast.clara)
        assert (own.service_id, own.from_staff) == (cast.shelter, True)
        with pytest.raises(NotFound):
            corrections.accept(session, cast.clara, sent.correction_id, NOW)
        corrections.reject(session, cast.carl, sent.correction_id, "personal", NOW)
    with transaction(store) as session:
        assert corrections.waiting(session, cast.carl) == []
        row = session.get_one(Correction, sent.correction_id)
        assert (row.state, row.body, row.person_id) == ("rejected", b"", None)
        with pytest.raises(WrongState):
            corrections.accept(session, cast.carl, sent.correction_id, NOW)


def test_the_public_can_correct_public_services_alone_and_not_too_often(sqlite_store: Store) -> None:
    cast = people.build(sqlite_store)
    with transaction(sqlite_store) as session:
        for key in (cast.shelter, UUID(int=1)):
            with pytest.raises(NotFound):
                corrections.send(session, None, key, "phone", "x", NOW)
        with pytest.raises(Invalid):
            corrections.send(session, None, cast.clinic, "phone", "x" * 501, NOW)
        for _ in range(corrections.FROM_NETWORK):
            corrections.send(session, None, cast.clinic, "phone", "x", NOW, network="192.0.2.1")
        with pytest.raises(TooOften):
            corrections.send(session, None, cast.clinic, "phone", "x", NOW, network="192.0.2.1")
        corrections.send(session, None, cast.clinic, "phone", "x", NOW, network="192.0.2.2")


def test_a_double_is_proposed_with_why_becomes_one_and_its_address_leads_on(store: Store) -> None:
    cast = people.build(store)
    double = twin(store, cast)
    with transaction(store) as session:
        unit = session.query(Unit).one()
        session.add(ServiceCapacity(service_id=double, unit_id=unit.id, available=4, updated=NOW))
    with transaction(store) as session:
        [pair] = duplicates.proposed(session, cast.carl)
        assert {pair.first.service_id, pair.second.service_id} == {cast.clinic, double}
        assert {p.name: str(p.words) for p in pair.parts}["phone"] == "They share a telephone number"
        assert duplicates.proposed(session, cast.clara) == ()
        with pytest.raises(NotFound):
            duplicates.side_by_side(session, cast.clara, cast.clinic, double)
        both = duplicates.side_by_side(session, cast.carl, cast.clinic, double)
        assert {"name", "url"} <= set(both.differing)
        changes = duplicates.merge(session, cast.carl, cast.clinic, double, {"name": "gone"},
                                   (both.first.seen, both.second.seen), NOW)
        assert {c.field for c in changes} == {"name", "needs", "phones"}
    with transaction(store) as session:
        values = listings.read_listing(session, cast.carl, cast.clinic, NOW).values
        assert (values["name"], values["needs"]) == ("Clinic, The (invented)", "medical.general, medical.maternity")
        assert values["phones"] == "+1 305 555 0142\n+1 305 555 0143", "one number, written in two ways"
        assert session.query(ServiceCapacity).filter_by(service_id=cast.clinic).one().available == 4
        assert find.read_service(session, None, double, NOW).service.id == cast.clinic
        with pytest.raises(NotFound):
            listings.read_listing(session, cast.carl, double, NOW)
        assert duplicates.proposed(session, cast.carl) == ()


def test_a_newer_file_does_not_open_a_merged_entry_again(sqlite_store: Store, tmp_path: Path) -> None:
    cast = people.build(sqlite_store)
    path = tmp_path / "directory.json"
    twice = [{"id": key, "name": "Day centre (invented)", "status": "active", "phones": [
        {"id": f"p{key}", "number": "+1 305 555 0155"}], "service_at_locations": [{"id": f"l{key}", "location": {
            "id": f"o{key}", "location_type": "physical", "latitude": 25.7, "longitude": -80.2}}]} for key in "ab"]
    path.write_text(json.dumps({"organizations": [{"id": "o", "name": "Day (invented)", "description": "",
                                                   "services": twice}]}))

    def load() -> None:
        import_directory(sqlite_store, path, now=NOW, kept_by=cast.carl.organization_id)

    load()
    with transaction(sqlite_store) as session:
        [pair] = duplicates.proposed(session, cast.carl)
        keep, gone = pair.first.service_id, pair.second.service_id
        both = duplicates.side_by_side(session, cast.carl, keep, gone)
        duplicates.merge(session, cast.carl, keep, gone, {}, (both.first.seen, both.second.seen), NOW)
    load()
    with reading(sqlite_store) as session:
        assert session.get_one(Service, gone).status == "defunct"
        assert session.query(Phone).filter_by(service_id=gone).count() == 0
        assert session.query(ServiceAtLocation).filter_by(service_id=gone).count() == 0
        assert find.read_service(session, None, gone, NOW).service.id == keep


def test_what_was_told_apart_is_never_proposed_again(store: Store) -> None:
    cast = people.build(store)
    double = twin(store, cast)
    with transaction(store) as session:
        duplicates.tell_apart(session, cast.carl, double, cast.clinic, NOW)
        duplicates.tell_apart(session, cast.carl, cast.clinic, double, NOW)
    with reading(store) as session:
        assert duplicates.proposed(session, cast.carl) == ()


def test_nothing_is_merged_under_a_request_across_what_is_hidden_or_after_a_change(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        shelter = session.get_one(Service, cast.shelter)
        hidden = Service(organization_id=shelter.organization_id, name="Harbour Shelter (invented)", status="active",
                         confidential=True, zone_name="Miami", kept_by_id=shelter.kept_by_id)
        public = Service(organization_id=shelter.organization_id, name="Harbour Shelter (invented)", status="active",
                         kept_by_id=shelter.kept_by_id)
        session.add_all([hidden, public])
        session.flush()
        ids = hidden.id, public.id

    def merge(keep: UUID, gone: UUID) -> None:
        with transaction(store) as session:
            both = duplicates.side_by_side(session, cast.clara, keep, gone)
            duplicates.merge(session, cast.clara, keep, gone, {}, (both.first.seen, both.second.seen), NOW)

    with reading(store) as session:
        pairs = duplicates.proposed(session, cast.clara)
        assert {frozenset((p.first.service_id, p.second.service_id)) for p in pairs} == {
            frozenset((cast.shelter, ids[0]))}, "a hidden one is never held against a public one"
    with pytest.raises(WrongState, match="give it away"):
        merge(ids[1], ids[0])
    people.request(store, cast)
    with pytest.raises(WrongState, match="under way"):
        merge(ids[0], cast.shelter)
    with pytest.raises(WrongState, match="meanwhile"), transaction(store) as session:
        duplicates.merge(session, cast.clara, ids[0], cast.shelter, {}, ("1.1.x", "1.1.y"), NOW)
    with reading(store) as session:
        assert session.query(MergedService).count() == 0


def rows_of(data: bytes) -> tuple[list[str], list[dict[str, str]]]:
    header, *rows = spreadsheets.read_table(data)
    return header, [dict(zip(header, row + [""] * len(header), strict=False)) for row in rows]


def file_of(header: list[str], rows: list[dict[str, str]]) -> bytes:
    return spreadsheets.csv_text(header, [[row.get(name, "") for name in header] for row in rows]).encode()


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_goes_out_to_a_spreadsheet_and_comes_in_again_changes_nothing(sqlite_store: Store, kind: str) -> None:
    cast = people.build(sqlite_store)
    with transaction(sqlite_store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, 1, {**FULL, "alert": "=1+1", "wait_time": "-2 days"},
                                NOW)
        data = bulk.export(session, cast.carl, kind)
        plan = bulk.look(session, cast.carl, bulk.take_in(session, cast.carl, bulk.parse(data), NOW), NOW)
        assert plan.counts == {"same": 1}
        header, [row] = rows_of(data)
        assert (tuple(header), row["alert"]) == (bulk.COLUMNS, "=1+1")


def test_of_a_file_all_good_rows_are_written_once_and_the_others_say_why_not(store: Store) -> None:
    cast = people.build(store)
    double = twin(store, cast)
    with transaction(store) as session:
        header, rows = rows_of(bulk.export(session, cast.carl, "csv"))
        by_id = {row["id"]: row for row in rows}
        clinic, other = by_id[str(cast.clinic)], by_id[str(double)]
        clinic |= {"wait_time": "a week", "hours": "Sa 10:00-12:00"}
        other |= {"minimum_age": "forty", "url": "http://x.example"}
        strange = {**clinic, "id": str(cast.shelter)}
        sent = bulk.parse(file_of(header, [clinic, other, strange, {"id": "x"}]))
        draft = bulk.take_in(session, cast.carl, sent, NOW)
    with transaction(store) as session:
        plan = bulk.look(session, cast.carl, draft, NOW)
        assert plan.counts == {"change": 1, "refused": 3}
        assert {field for row in plan.rows for field, _ in row.problems} == {"minimum_age", "url", "id"}
        # Meanwhile, another field and then the same one.
        listings.change_listing(session, cast.carl, cast.clinic, 1, {"fees_description": "free"}, NOW)
        with pytest.raises(NotFound):
            bulk.confirm(session, cast.clara, draft, NOW)
    with transaction(store) as session:
        done = bulk.confirm(session, cast.carl, draft, NOW)
        assert done.counts == {"done": 1, "refused": 3}
        values = listings.read_listing(session, cast.carl, cast.clinic, NOW).values
        assert [values[f] for f in ("wait_time", "hours", "fees_description")] == ["a week", "Sa 10:00-12:00", "free"]
        assert "a whole number" in bulk.report(session, cast.carl, draft, NOW)
        with pytest.raises(WrongState):
            bulk.confirm(session, cast.carl, draft, NOW)
    with transaction(store) as session:
        later = bulk.parse(file_of(header, [{**clinic, "wait_time": "a month"}]))
        clash = bulk.look(session, cast.carl, bulk.take_in(session, cast.carl, later, NOW), NOW)
        assert clash.counts == {"refused": 1}
        assert "somebody else changed this meanwhile" in clash.rows[0].problems[0][1]
        with pytest.raises(NotFound):
            bulk.look(session, cast.carl, draft, NOW + timedelta(days=1, seconds=1))


@pytest.mark.parametrize("data", [
    b"", b"name,other\nx,y\n", b"PK\x03\x04 no workbook", b"\x00\x01\x02\x03" * 50, b"id,version,id\n1,2,3\n",
    b"id,version\n" + b"x,y\n" * (spreadsheets.MOST_ROWS + 1), b"id,version," + b"x," * 200])
def test_a_file_that_is_no_table_is_refused_with_what_to_do(data: bytes) -> None:
    with pytest.raises(Invalid) as error:
        bulk.parse(data)
    assert set(error.value.errors) == {"file"}


def test_a_workbook_that_unpacks_to_far_more_declares_entities_or_never_ends_is_not_opened() -> None:
    import io
    import zipfile

    good = spreadsheets.xlsx_bytes([("A", ("id", "version"), [("1", "2")])])
    assert spreadsheets.read_table(good) == [["id", "version"], ["1", "2"]]

    def spoiled(name: str, content: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
            for part in old.infolist():
                new.writestr(part.filename, content if part.filename == name else old.read(part))
            new.writestr("x.xml", content)
        return out.getvalue()

    bomb = spoiled("", b"<a>" + b" " * 30_000_000)
    entities = spoiled("xl/workbook.xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    far = b"<row r=\"999999999999\"><c r=\"A999999999999\"><v>1</v></c></row></sheetData>"
    sheet = zipfile.ZipFile(io.BytesIO(good)).read("xl/worksheets/sheet1.xml").replace(b"</sheetData>", far)
    assert b"999999999999" in sheet
    for bad in (bomb, entities, good[:200], spoiled("xl/worksheets/sheet1.xml", sheet)):
        with pytest.raises(spreadsheets.UnreadableFile):
            spreadsheets.read_table(bad)


def test_a_workbook_that_would_take_long_to_read_is_not_opened_and_a_real_directory_is() -> None:
    import io
    import zipfile

    good = spreadsheets.xlsx_bytes([("A", ("id", "version"), [("1", "2")])])
    texts_too = (b'</Types>', b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-'
                              b'officedocument.spreadsheetml.sharedStrings+xml"/></Types>')

    def with_part(name: str, content: bytes, types: tuple[bytes, bytes] = texts_too) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED,
                                                                       compresslevel=1) as new:
            for part in old.infolist():
                if part.filename != name:
                    was = old.read(part)
                    new.writestr(part.filename, was.replace(*types) if part.filename == "[Content_Types].xml" else was)
            new.writestr(name, content)
        return out.getvalue()

    # As Excel keeps 5,000 services of 30 fields, each with another text.
    texts = b"".join(b"<si><t>%d night shelter, ask at the door</t></si>" % at for at in range(150_000))
    cells = b"".join(b'<c r="AB%d" s="1" t="s"><v>%d</v></c>' % (at // 30, at) for at in range(150_000))
    spreadsheets._measure(with_part("xl/sharedStrings.xml", texts))
    spreadsheets._measure(with_part("xl/worksheets/sheet1.xml", cells))
    for bad in (("xl/sharedStrings.xml", b"".join(b"<si/>%d" % at for at in range(1_100_000))),
                ("xl/sharedStrings.xml", b"<a " + b" ".join(b'a%d="%d"' % (at, at) for at in range(110_000)) + b"/>"),
                ("xl/worksheets/sheet1.xml", b"".join(b"<c><v>%d</v></c>" % at for at in range(510_000))),
                ("xl/styles.xml", b"".join(b"<xf a='%d'/>" % at for at in range(110_000))),
                # The list of sheets under the name of a sheet.
                ("xl/worksheets/w.xml", b"<sheet/>" * 110_000, (b"/xl/workbook.xml", b"/xl/worksheets/w.xml"))):
        with pytest.raises(spreadsheets.UnreadableFile, match="too large"):
            spreadsheets.read_table(with_part(*bad))


@pytest.mark.parametrize(("written", "meant"), [
    ("Monday to Friday 9-5", None), ("Mo-Fr 9-17", "Mo-Fr 09:00-17:00"), ("24/7", "24/7"), ("", ""),
    ("Mo-Su 00:00-24:00", "24/7"), ("Sa 22:00-02:00; Fr 22:00-02:00", "Fr-Sa 22:00-02:00"), ("Mo 25:00-26:00", None),
    ("Fr-Mo 10:00-12:00", "Mo 10:00-12:00; Fr-Su 10:00-12:00"), ("Tue 9:30-12, 13-15", "Tu 09:30-12:00, 13:00-15:00")])
def test_hours_are_understood_as_people_write_them(written: str, meant: str | None) -> None:
    if meant is None:
        with pytest.raises(ValueError, match="Mo-Fr"):
            parse_week(written)
    else:
        assert format_week(parse_week(written)) == meant
        assert format_week(parse_week(meant)) == meant


def test_what_somebody_saw_survives_a_form_and_nothing_else_is_taken_for_it() -> None:
    from referral_dir.domain.listing import seen

    made = read_seen(seen(7, {"name": "Clinic"}))
    assert made is not None
    assert (made.revision, made.same("name", "Clinic"), made.same("name", "Other")) == (7, True, False)
    for text in ("", "1", "7", "1.7.abc", "2.7." + "0" * 8 * len(FIELDS), "1.-7." + "0" * 8 * len(FIELDS)):
        assert read_seen(text) is None


def test_a_new_service_is_for_an_organization_that_one_keeps_and_offered_to_nobody_yet(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        made = listings.create_service(session, cast.carl, " Night  clinic ", cast.pablo.organization_id, NOW)
        row = session.get_one(Service, made)
        assert (row.name, row.status) == ("Night clinic", "inactive")
        stranger = session.query(Organization).filter_by(name="Harbour (invented)").one().id
        with pytest.raises(Invalid):
            listings.create_service(session, cast.carl, "Night clinic", stranger, NOW)
        listings.set_status(session, cast.carl, made, "active", NOW)
        assert session.get_one(Service, made).status == "active"


def test_a_real_directory_goes_out_and_in_again_unchanged_and_its_doubles_are_found_in_seconds(
        sqlite_store: Store, shared_data: Path) -> None:
    cast = people.build(sqlite_store)
    import_directory(sqlite_store, shared_data / "open211-miami-hsds1", now=NOW, kept_by=cast.carl.organization_id)
    begun = process_time()
    with reading(sqlite_store) as session:
        pairs = duplicates.proposed(session, cast.carl)
        assert process_time() - begun < 10
        assert duplicates.proposed(session, cast.carl) is pairs, "nothing has changed: nothing is compared again"
        assert all(p.score >= duplicates.LIKE_ENOUGH and p.mine for p in pairs)
        assert 50 < len(pairs) < 1000
        begun = process_time()
        rows = bulk.parse(bulk.export(session, cast.carl, "csv"))
    assert len(rows) == 4090
    with transaction(sqlite_store) as session:
        rows[7]["wait_time"], rows[8]["phones"] = "a day", "call us"
        plan = bulk.look(session, cast.carl, bulk.take_in(session, cast.carl, rows, NOW), NOW)
    assert plan.counts == {"same": 4088, "change": 1, "refused": 1}
    assert process_time() - begun < 20


def two_places(store: Store, cast: Cast) -> dict[str, str]:
    """The clinic in two towns; what its editor holds then."""
    with transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, 1, {
            "address_1": STREET, "city": "Miami", "state_province": "FL", "country": "US",
            "more_places": "2 Second Road | | Orlando | FL | 32801 | United States\nPO box | | Tampa | FL"}, NOW)
        return dict(listings.read_listing(session, cast.carl, cast.clinic, NOW).values)


def addresses(store: Store, cast: Cast) -> list[tuple[str, str]]:
    with reading(store) as session:
        return sorted((a.address_1, a.city) for a in find.read_service(session, None, cast.clinic, NOW).parts.addresses)


def test_each_place_of_a_service_is_changed_added_and_taken_away(store: Store) -> None:
    cast = people.build(store)
    values = two_places(store, cast)
    second, third = values["more_places"].splitlines()
    assert second.startswith("2 Second Road |  | Orlando | FL | 32801 | US [")
    with transaction(store) as session:
        places = find.read_service(session, None, cast.clinic, NOW).parts.locations
        assert {place.near_name for place in places} == {"Miami", "Orlando", "Tampa"}
        session.query(Location).filter_by(near_name="Orlando").one().name = "The annex"
        assert not listings.change_listing(session, cast.carl, cast.clinic, seen_now(session, cast), values, NOW)
        edit = {"more_places": f"{second.replace('2 Second', '3 Second')}\n4 New Road | | Naples | FL | | US"}
        listings.change_listing(session, cast.carl, cast.clinic, seen_now(session, cast), edit, NOW)
    assert addresses(store, cast) == [("3 Second Road", "Orlando"), ("4 New Road", "Naples"), (STREET, "Miami")]
    with transaction(store) as session:
        assert session.query(Location).filter_by(name="The annex").one().near_name == "Orlando", "its row stayed"
        assert session.query(Location).count() == 3, "what was taken away left nothing behind"
        now = listings.read_listing(session, cast.carl, cast.clinic, NOW)
        assert now.values["address_1"] == STREET, "a new place never becomes the first"
        assert third.split(" [")[1] not in now.values["more_places"]
        assert [line.field for line in now.history].count("more_places") == 2
        # The first one goes: the next takes its place, with its clock.
        listings.change_listing(session, cast.carl, cast.clinic, now.seen, dict.fromkeys(
            ("address_1", "city", "state_province", "country"), ""), NOW)
        values = dict(listings.read_listing(session, cast.carl, cast.clinic, NOW).values)
        assert (values["address_1"], values["more_places"].count("\n")) == ("3 Second Road", 0)
    assert addresses(store, cast) == [("3 Second Road", "Orlando"), ("4 New Road", "Naples")]


def seen_now(session: Session, cast: Cast) -> str:
    return listings.read_listing(session, cast.carl, cast.clinic, NOW).seen


def test_what_is_hidden_has_no_further_places_and_they_are_sealed_with_the_first(store: Store) -> None:
    cast = people.build(store)
    two_places(store, cast)
    with transaction(store) as session:
        listings.make_confidential(session, cast.carl, cast.clinic, MIAMI, NOW)
    with transaction(store) as session:
        listing = listings.read_listing(session, cast.carl, cast.clinic, NOW)
        assert "more_places" not in listing.values
        assert all("Second Road" not in line.before + line.after for line in listing.history)
        assert session.query(Address).count() == 0
        with pytest.raises(Invalid) as error:
            listings.change_listing(session, cast.carl, cast.clinic, listing.seen, {"more_places": "1 Road"}, NOW)
        assert set(error.value.errors) == {"more_places"}


def test_closed_days_are_changed_and_hours_that_are_no_week_stay_as_they_are(sqlite_store: Store) -> None:
    cast = people.build(sqlite_store)
    with transaction(sqlite_store) as session:
        session.add_all([
            Schedule(service_id=cast.clinic, freq="MONTHLY", byday="1MO", opens_at="18:00", closes_at="20:00"),
            Schedule(service_id=cast.clinic, freq="WEEKLY", byday="SA", opens_at="10:00", closes_at="12:00",
                     valid_from=date(2027, 6, 1), valid_to=date(2027, 8, 31)),
            Schedule(service_id=cast.clinic, freq="WEEKLY", byday="TU", opens_at="08:00", closes_at="09:00")])
    with transaction(sqlite_store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, 1, {
            "hours": "Mo-Fr 09:00-17:00", "closed_days": "2027-12-25 (Christmas)\n2027-12-31 to 2028-01-01"}, NOW)
    with transaction(sqlite_store) as session:
        listing = listings.read_listing(session, cast.carl, cast.clinic, NOW)
        assert listing.values["closed_days"] == "2027-12-25 (Christmas)\n2027-12-31 to 2028-01-01"
        assert listing.values["hours"] == "Mo-Fr 09:00-17:00"
        assert {(s.freq, s.byday) for s in listing.parts.schedules} >= {("MONTHLY", "1MO"), ("WEEKLY", "SA")}
        christmas = datetime(2027, 12, 25, 15, tzinfo=UTC)
        listings.change_listing(session, cast.carl, cast.clinic, listing.seen, {
            "hours": "24/7", "closed_days": "2027-12-25"}, NOW)
        opened = listings.view_of(session, cast.clinic, christmas)
        assert (str(opened.opening.state), len(opened.parts.schedules)) == ("closed", 4)
        for wrong in ("tomorrow", "2027-12-25 to 2027-12-24", " to 2027-12-24", "2027-13-01"):
            with pytest.raises(Invalid) as error:
                listings.change_listing(session, cast.carl, cast.clinic, seen_now(session, cast),
                                        {"closed_days": wrong}, NOW)
            assert set(error.value.errors) == {"closed_days"}


def rich_twins(store: Store, cast: Cast) -> UUID:
    """Two entries of the clinic with all that hangs on a service."""
    double = twin(store, cast)
    with transaction(store) as session:
        unit = session.query(Unit).one()
        session.add_all([
            ServiceCapacity(service_id=double, unit_id=unit.id, available=4, updated=NOW),
            Contact(service_id=double, name="Ring Rosa (invented)"),
            Eligibility(service_id=double, criterion="gender", code="female", effect="serves"),
            Eligibility(service_id=cast.clinic, criterion="gender", code="female", effect="serves"),
            Schedule(service_id=double, freq="MONTHLY", byday="1MO", opens_at="18:00", closes_at="20:00")])
        for key, street in ((cast.clinic, "1 First Road"), (double, "2 Second Road")):
            listings.change_listing(session, cast.carl, key, session.get_one(Service, key).revision, {
                "address_1": street, "city": "Miami", "country": "US", "hours": "Mo 09:00-12:00",
                "more_places": f"{street} annex | | Orlando | FL | | US"}, NOW)
        place = session.query(Location).first()
        assert place is not None
        session.add(Language(location_id=place.id, code="ht", name="Haitian Creole"))
        corrections.send(session, cast.olga, double, "phone", "it changed (invented)", NOW)
    return double


def become_one(session: Session, cast: Cast, double: UUID, now: datetime = NOW) -> None:
    both = duplicates.side_by_side(session, cast.carl, cast.clinic, double)
    duplicates.merge(session, cast.carl, cast.clinic, double, dict.fromkeys(both.differing, "gone"),
                     (both.first.seen, both.second.seen), now)


def rows_about(session: Session, *ids: UUID) -> dict[object, dict[str, object]]:
    """All that is there, but for the versions and the history, which only grow."""
    return {key: {name: value for name, value in row.items() if name not in ("revision", "last_modified")}
            for key, row in picture(session, ids).items() if key[0] != "metadata"}


def test_a_merge_is_undone_to_the_last_row_and_what_others_changed_since_stays(store: Store) -> None:
    cast = people.build(store)
    double = rich_twins(store, cast)
    with transaction(store) as session:
        before, history = rows_about(session, cast.clinic, double), session.query(Metadata).filter_by(
            resource_id=double).count()
        become_one(session, cast, double)
    later = NOW + timedelta(days=29)
    with transaction(store) as session:
        assert rows_about(session, cast.clinic, double) != before
        assert session.query(Contact).one().service_id == cast.clinic
        [one] = merge_undo.undoable(session, cast.carl, cast.clinic, later)
        assert (one.service_id, one.name, one.hindrance) == (double, "Clinic, The (invented)", None)
        assert not merge_undo.undoable(session, cast.clara, cast.clinic, later)
        assert not merge_undo.undoable(session, cast.carl, cast.clinic, NOW + timedelta(days=31))
        row = session.query(MergeUndo).one()
        assert b"Second Road" not in row.body, "sealed"
        # What the merge did not touch may move on: free places, a waiting time.
        session.query(ServiceCapacity).filter_by(service_id=cast.clinic, available=4).one().available = 3
        listings.change_listing(session, cast.carl, cast.clinic, seen_now(session, cast), {"wait_time": "a day"}, NOW)
    with transaction(store) as session:
        with pytest.raises(NotFound):
            merge_undo.undo(session, cast.clara, cast.clinic, double, later)
        merge_undo.undo(session, cast.carl, cast.clinic, double, later)
    with transaction(store) as session:
        assert session.query(ServiceCapacity).filter_by(service_id=double).one().available == 3
        session.query(ServiceCapacity).filter_by(service_id=double).one().available = 4
        assert session.get_one(Service, cast.clinic).wait_time == "a day"
        session.get_one(Service, cast.clinic).wait_time = None
        assert rows_about(session, cast.clinic, double) == before
        assert session.query(Metadata).filter_by(resource_id=double).count() == history
        listing = listings.read_listing(session, cast.carl, cast.clinic, NOW)
        assert ("merged", "Clinic, The (invented)", "") in {(c.field, c.before, c.after) for c in listing.history}
        assert find.read_service(session, None, double, NOW).service.id == double
        assert session.query(AuditEntry).filter_by(action="listing:undo_merge").count() == 1
        with pytest.raises(WrongState):
            merge_undo.undo(session, cast.carl, cast.clinic, double, later)
        become_one(session, cast, double)


def test_a_merge_whose_work_was_changed_since_is_not_undone_and_says_what_was_changed(sqlite_store: Store) -> None:
    cast = people.build(sqlite_store)
    double = rich_twins(sqlite_store, cast)
    with transaction(sqlite_store) as session:
        become_one(session, cast, double)
        listings.change_listing(session, cast.carl, cast.clinic, seen_now(session, cast),
                                {"name": "Another (invented)", "address_1": "9 Moved Road"}, NOW)
    with transaction(sqlite_store) as session:
        [one] = merge_undo.undoable(session, cast.carl, cast.clinic, NOW)
        assert one.hindrance is not None
        assert "Name" in one.hindrance
        assert "Street and number" in one.hindrance
        with pytest.raises(WrongState):
            merge_undo.undo(session, cast.carl, cast.clinic, double, NOW)
    with transaction(sqlite_store) as session:
        listings.make_confidential(session, cast.carl, cast.clinic, MIAMI, NOW)
        assert session.query(MergeUndo).count() == 0, "it holds where the service was"
