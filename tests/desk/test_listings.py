"""What a caseworker does with a record: suggestions confirmed, edits kept apart, places hidden."""

from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from referral_dir.desk import listings
from referral_dir.desk.opening_up import open_indexes
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.index import feed
from referral_dir.store import candidates, hiding, secret_queries
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Address, Location, Service, ServiceAtLocation, ServiceNeed
from referral_dir.store.listing_queries import Wanted
from tests import cast as people
from tests.cast import MIAMI, NOW


def test_suggestions_are_confirmed_or_corrected_in_one_step(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        session.add(ServiceNeed(service_id=cast.clinic, need="basic.food", suggested=True, evidence="food"))
    with transaction(store) as session:
        [kept], total = listings.my_services(session, cast.carl, NOW, Wanted(suggested_only=True))
        assert (kept.service.id, total) == (cast.clinic, 1)
        listings.confirm_needs(session, cast.carl, cast.clinic, ["medical.general", "medical.maternity"], NOW)
    with transaction(store) as session:
        assert listings.my_services(session, cast.carl, NOW, Wanted(suggested_only=True)) == ([], 0)
        listing = listings.read_listing(session, cast.carl, cast.clinic, NOW)
        assert [n.need for n in listing.parts.needs] == ["medical.general", "medical.maternity"]
        assert (listing.history[0].updated_by, listing.history[0].organization) == ("Carl", "Other Network (invented)")
    with pytest.raises(NotFound), transaction(store) as session:
        listings.confirm_needs(session, cast.clara, cast.clinic, ["basic.food"], NOW)


def test_an_edit_from_an_older_page_is_refused_and_nothing_is_written_over(store: Store) -> None:
    cast = people.build(store)
    edit = {"name": "Clinic by the sea (invented)", "languages": ["Haitian Creole", "ar"], "minimum_age": "18",
            "eligibility": "serves gender female\nexcludes nationality SY"}
    with transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, 1, edit, NOW)
    with pytest.raises(WrongState), transaction(store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, 1, {"name": "Another"}, NOW)
    with reading(store) as session:
        [row] = candidates.load_candidates(session, [cast.clinic])
        assert (row.name, row.languages, row.minimum_age) == (edit["name"], {"ht", "ar"}, 18)
        assert {(r.criterion, r.code, r.effect) for r in row.eligibility} == {
            ("gender", "female", "serves"), ("nationality", "SY", "excludes")}


@pytest.mark.parametrize(("values", "field"), [
    ({"name": " "}, "name"), ({"minimum_age": "forty"}, "minimum_age"), ({"url": "javascript:x"}, "url"),
    ({"status": "gone"}, "status"), ({"needs": ["nothing"]}, "needs"), ({"languages": ["Qwertyish"]}, "languages"),
    ({"minimum_age": "30", "maximum_age": "20"}, "maximum_age"), ({"eligibility": "likes everyone"}, "eligibility")])
def test_a_wrong_value_is_named_and_nothing_is_saved(sqlite_store: Store, values: dict[str, object],
                                                     field: str) -> None:
    cast = people.build(sqlite_store)
    with pytest.raises(Invalid) as error, transaction(sqlite_store) as session:
        listings.change_listing(session, cast.carl, cast.clinic, 1, {"alert": "x", **values}, NOW)
    assert field in error.value.errors
    with reading(sqlite_store) as session:
        assert session.get_one(Service, cast.clinic).alert is None


def test_becoming_confidential_seals_the_address_and_removes_it_everywhere(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        place = Location(latitude=25.123456, longitude=-80.654321, name="77 Canary Street")
        session.add(place)
        session.flush()
        session.add_all([ServiceAtLocation(service_id=cast.clinic, location_id=place.id),
                         Address(location_id=place.id, address_1="77 Canary Street", city="Miami")])
    with transaction(store) as session:
        listings.make_confidential(session, cast.carl, cast.clinic, MIAMI, NOW)
    with reading(store) as session:
        assert session.query(Location).count() == session.query(Address).count() == 0
        address, point = secret_queries.open_place(session, cast.clinic)
        assert address is not None
        assert (address["address_1"], point) == ("77 Canary Street", (25.123456, -80.654321))
        [row] = candidates.load_candidates(session, [cast.clinic])
        assert row.points == ((MIAMI.latitude, MIAMI.longitude),)


def test_of_two_who_change_a_service_at_once_the_one_who_hides_it_is_told(store: Store,
                                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    cast = people.build(store)
    honest = listings._kept

    def late(session: Session, actor: Actor, service_id: UUID) -> Service:
        service = honest(session, actor, service_id)
        # What another's commit in between looks like: the row has moved on, what was read of it has not.
        session.execute(update(Service).where(Service.id == service_id).values(revision=Service.revision + 1)
                        .execution_options(synchronize_session=False))
        return service

    monkeypatch.setattr(listings, "_kept", late)
    with pytest.raises(WrongState), transaction(store) as session:
        listings.make_confidential(session, cast.carl, cast.clinic, MIAMI, NOW)
    with reading(store) as session:
        assert not session.get_one(Service, cast.clinic).confidential


def test_before_a_service_is_hidden_its_keeper_is_told_what_will_be_withheld(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        place = Location(latitude=25.123456, longitude=-80.654321)
        other = Service(organization_id=cast.petra.organization_id, name="Neighbour (invented)", status="active")
        session.add_all([place, other])
        session.flush()
        session.add_all([ServiceAtLocation(service_id=s, location_id=place.id) for s in (cast.clinic, other.id)])
        session.add(Address(location_id=place.id, address_1="77 Canary Street", city="Miami"))
        session.get_one(Service, cast.clinic).description = "Find us at 77 Canary St., second floor"
    with transaction(store) as session:
        plan = listings.plan_hiding(session, cast.carl, cast.clinic, MIAMI)
        assert [(r.table, r.column) for r in plan.repeats] == [("service", "description")]
        assert plan.sharing == ["Neighbour (invented)"]
        assert any("Nobody else near Miami" in warning for warning in plan.warnings)
        assert not session.get_one(Service, cast.clinic).confidential, "to look changes nothing"
        with pytest.raises(NotFound):
            listings.plan_hiding(session, cast.clara, cast.clinic, MIAMI)
    with transaction(store) as session:
        listings.make_confidential(session, cast.carl, cast.clinic, MIAMI, NOW)
    with reading(store) as session:
        assert session.get_one(Service, cast.clinic).description == "Find us at (address withheld)., second floor"
        assert session.query(Location).count() == 1, "the neighbour stays where it is"


def test_the_hidden_address_cannot_be_written_into_another_text(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        secret_queries.seal_place(session, cast.shelter, {"address_1": "77 Canary Street"}, None)
    with pytest.raises(Invalid) as error, transaction(store) as session:
        listings.change_listing(session, cast.clara, cast.shelter, 1, {"alert": "ring at 77 canary street"}, NOW)
    assert set(error.value.errors) == {"alert"}


def test_at_once_the_snapshot_and_the_index_forget_where_a_service_was(sqlite_store: Store, tmp_path: Path) -> None:
    cast = people.build(sqlite_store)
    with transaction(sqlite_store) as session:
        place = Location(latitude=25.123456, longitude=-80.654321)
        session.add(place)
        session.flush()
        session.add(ServiceAtLocation(service_id=cast.clinic, location_id=place.id))
    indexes = open_indexes(tmp_path, "whoosh")
    with reading(sqlite_store) as session:
        feed.catch_up(session, indexes.match, indexes.text)
    assert (tmp_path / "match-index").exists()
    (tmp_path / "match-index.half-written").write_bytes(b"x")
    with transaction(sqlite_store) as session:
        listings.make_confidential(session, cast.carl, cast.clinic, MIAMI, NOW)
    listings.forget_places(sqlite_store, indexes)
    assert not list(tmp_path.glob("match-index*"))
    with reading(sqlite_store) as session:
        assert hiding.hidden_in_the_open(session) == []
