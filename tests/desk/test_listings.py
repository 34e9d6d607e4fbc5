"""What a caseworker does with a record: suggestions confirmed, edits kept apart, places hidden."""

import pytest

from referral_dir.desk import listings
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.store import candidates, secret_queries
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Address, Location, Service, ServiceAtLocation, ServiceNeed
from tests import cast as people
from tests.cast import MIAMI, NOW


def test_suggestions_are_confirmed_or_corrected_in_one_step(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        session.add(ServiceNeed(service_id=cast.clinic, need="basic.food", suggested=True, evidence="food"))
    with transaction(store) as session:
        [kept], total = listings.my_services(session, cast.carl, suggested_only=True)
        assert (kept.service.id, total) == (cast.clinic, 1)
        listings.confirm_needs(session, cast.carl, cast.clinic, ["medical.general", "medical.maternity"], NOW)
    with transaction(store) as session:
        assert listings.my_services(session, cast.carl, suggested_only=True) == ([], 0)
        listing = listings.read_listing(session, cast.carl, cast.clinic)
        assert [n.need for n in listing.parts.needs] == ["medical.general", "medical.maternity"]
        assert listing.history[0].updated_by == "Carl"
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
