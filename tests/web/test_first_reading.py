"""What somebody who reads the pages for the first time must find on them."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from referral_dir.desk import demo, handoffs
from referral_dir.domain.access import Actor
from referral_dir.domain.opening import Opening, OpenState
from referral_dir.domain.reference import short
from referral_dir.domain.vocabulary import Role
from referral_dir.store.cases import Case
from referral_dir.store.db import reading, transaction
from referral_dir.store.directory import Location, Service, ServiceAtLocation, ServiceNeed
from referral_dir.store.people import Person
from referral_dir.web.page_words import opening_text
from tests import cast as people
from tests.web.conftest import Browser, World

SignIn = Callable[[Actor], Browser]


def public_house(world: World, name: str, need: str, latitude: float) -> UUID:
    """A shelter in Miami that anyone may know of."""
    with transaction(world.store) as session:
        clinic = session.get_one(Service, world.cast.clinic)
        place = Location(name=name, latitude=latitude, longitude=-80.19)
        house = Service(organization_id=clinic.organization_id, name=name, status="active", country="US",
                        timezone="America/New_York")
        session.add_all([place, house])
        session.flush()
        session.add_all([ServiceAtLocation(service_id=house.id, location_id=place.id),
                         ServiceNeed(service_id=house.id, need=need)])
        return house.id


def test_who_can_take_a_person_tonight_comes_before_a_house_for_a_year(world: World) -> None:
    public_house(world, "Near House for a year (invented)", "shelter.transitional", 25.77)
    public_house(world, "Far Bed for tonight (invented)", "shelter.emergency", 25.99)
    page = world.app.test_client().post("/", data={"wish": "sleep", "near": "Miami, FL", "speak": "ar"}).text
    assert 0 < page.index("Far Bed for tonight") < page.index("Near House for a year")
    assert page.count("Ask if they speak العربية") == 2
    assert page.count("We did not call them ourselves.") == 1


def test_the_first_public_screen_has_one_number_and_then_what_is_needed(world: World) -> None:
    page = world.app.test_client().get("/").text
    assert page.index("tel:112") < page.index("I need…") < page.index('id="country"')
    assert ">https://" not in page
    assert page.index("I need…") < page.index("We did not call them ourselves.")
    assert "For two minutes this whole site then shows an empty page, in a new window too." in (
        world.app.test_client().get("/about").text)


def test_a_service_is_offered_for_cases_that_nobody_has_taken_and_they_are_folded(
        world: World, sign_in: SignIn) -> None:
    with transaction(world.store) as session:
        handoffs.accept(session, world.cast.petra, world.handoff, people.NOW)
    cases = [people.new_case(world.store, world.cast) for _ in range(3)]
    house = public_house(world, "House (invented)", "shelter.emergency", 25.77)
    with reading(world.store) as session:
        taken, *open_ones = (short(session.get_one(Case, i).reference) for i in (world.case, *cases))
    page = sign_in(world.cast.olga).get(f"/officer/service/{house}").text
    assert taken not in page
    assert [page.count(f"Ask it for case {reference}") for reference in open_ones] == [1, 1, 1]
    folded = re.search(r"<details><summary>Ask it for one of my cases.*?</details>", page, re.DOTALL)
    assert folded
    assert all(reference in folded.group() for reference in open_ones)


def test_what_opens_today_says_today(world: World) -> None:
    with world.app.test_request_context():
        from referral_dir.web.auth import now

        assert opening_text(Opening(OpenState.CLOSED, opens=now())).startswith("Closed, opens today at ")
        later = opening_text(Opening(OpenState.CLOSED, opens=now() + timedelta(days=1)))
        assert "today" not in later


def test_an_administrator_alone_reads_how_a_second_one_is_made_and_else_who_approves(
        world: World, sign_in: SignIn) -> None:
    adam = sign_in(world.cast.adam)
    asked = {"email": "nora@test.example", "name": "Nora", "organization": "Border Units (invented)", "role": "officer"}
    wrong = adam.post("/administration/invitations/new", **asked)
    assert wrong.status_code == 422
    assert "Do you mean Border Unit (invented)" in wrong.text
    assert '<option value="Harbour (invented)"></option>' in wrong.text
    alone = adam.get("/administration/invitations/new").text
    assert "You are the only administrator" in alone
    assert "referral-dir user add" in alone
    with transaction(world.store) as session:
        session.add(Person(organization_id=world.cast.adam.organization_id, email="ada@test.example", name="Ada",
                           role=Role.ADMINISTRATOR, password_hash="x", created=people.NOW))
    adam.post("/administration/invitations/new", **asked | {"organization": "Border Unit (invented)"})
    waiting = adam.get("/administration/invitations").text
    assert "The second word is given by: Ada" in waiting
    assert "only administrator" not in waiting


def test_the_demo_has_two_administrators_so_that_one_can_approve() -> None:
    assert [a.role for a in demo.DEMO_ACCOUNTS].count(Role.ADMINISTRATOR) == 2


def test_an_overseer_reads_one_name_for_a_case_and_who_looked_how_often(world: World, sign_in: SignIn) -> None:
    with reading(world.store) as session:
        reference = short(session.get_one(Case, world.case).reference)
    vera = sign_in(world.cast.vera)
    page = vera.post("/oversight/", case=reference).text
    for words in (f"case {reference}", f"handoff of case {reference}", f"consent record of case {reference}"):
        assert f">{words}<" in page
    assert str(world.case)[:8] not in re.sub(r'value="[^"]*"', "", page)
    assert re.search(r"<strong>Olga: \d+ times</strong>", page)
    assert f"Only about case {reference}" in vera.post("/oversight/", subject=f"case:{world.case}").text
    assert f'"case:{world.case}","{reference}"' in vera.post("/oversight/export", case=reference).text


def test_the_trail_is_checked_in_plain_words(world: World, sign_in: SignIn) -> None:
    page = sign_in(world.cast.vera).get("/oversight/verify").text
    assert "Keep a seal elsewhere" in page
    assert not re.search(r"(?<!-)\bhead\b", re.sub(r"<[^>]*>", "", page.partition("<main")[2]))
