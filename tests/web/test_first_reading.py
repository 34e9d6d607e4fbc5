"""What somebody who reads the pages for the first time must find on them."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

import config
from referral_dir import create_app
from referral_dir.cli import load_demo
from referral_dir.cli_demo import load_month
from referral_dir.desk import demo, figures, handoffs
from referral_dir.desk.accounts import actor_of
from referral_dir.domain.access import Actor
from referral_dir.domain.opening import Opening, OpenState
from referral_dir.domain.reference import short
from referral_dir.domain.vocabulary import Role
from referral_dir.store.cases import Case
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Location, Service, ServiceAtLocation, ServiceCapacity, ServiceNeed
from referral_dir.store.people import LoginSession, Person
from referral_dir.web.page_words import opening_text
from tests import cast as people
from tests.web.conftest import Browser, World, token
from tests.web.test_administration import until, upload

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


def test_the_board_says_near_the_row_that_it_is_saved_and_what_requests_have_taken(
        world: World, sign_in: SignIn) -> None:
    clara, beds = sign_in(world.cast.clara), world.cast.beds
    clara.post(f"/caseworker/capacity/{beds}", seen="2", available="3")
    assert "were said" not in clara.get("/caseworker/").text
    people.request(world.store, world.cast)
    assert "3 were said. A request has taken 1 since." in clara.get("/caseworker/").text, "the hold of the request"
    assert clara.post(f"/caseworker/capacity/{beds}", seen="2", available="0").status_code == 302
    page = clara.get("/caseworker/").text
    assert page.count("Saved, as of now.") == 1
    assert page.index(f'id="row-{beds}"') < page.index("Saved, as of now.")
    assert "were said" not in page
    row = page.partition(f'id="row-{beds}"')[2]
    assert re.search(r'disabled aria-label="One fewer', row), "it stays in its place"
    assert '<span class="tag">0 of 10 beds free' in row, "nothing free is no tick"


def test_a_telephone_that_cannot_be_dialled_is_warned_of_and_not_refused(world: World, sign_in: SignIn) -> None:
    clara, path = sign_in(world.cast.clara), f"/caseworker/service/{world.cast.shelter}"
    page = clara.get(path).text
    for anchor in re.findall(r'<a class="lead" href="#(part-[a-z]+)"', page):
        assert f'<h2 id="{anchor}">' in page
    assert page.count('href="#part-') == 11
    assert '<div class="go"><button class="wide">Look at the changes' in page
    seen = page.partition('name="seen" value="')[2].partition('"')[0]
    for number, doubtful in (("305 555 01", True), ("+1 305 555 01", True), ("305 555 0100", False), ("911", False)):
        preview = clara.post(path, seen=seen, phones=number).text
        assert ("does not look like a complete telephone number" in preview) is doubtful, number
        assert 'name="confirmed" value="yes"' in preview


def test_a_request_that_goes_on_names_its_service(world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    page = olga.post("/officer/cases/new", service_id=str(world.cast.shelter), needs="shelter.emergency").text
    assert "This is to ask Harbour Shelter (invented)." in page
    assert "This is to ask" not in olga.post("/officer/cases/new", needs="shelter.emergency").text


@pytest.mark.parametrize("name", ["example.json", "example.zip"])
def test_the_example_of_a_directory_can_be_taken_brought_and_read_by_its_names(
        world: World, sign_in: SignIn, name: str) -> None:
    adam = sign_in(world.cast.adam)
    with transaction(world.store) as session:
        session.execute(update(LoginSession).values(stepped_up=people.NOW))
    assert "What the file must be, with an example" in adam.get("/administration/imports").text
    example = adam.get(f"/administration/imports/{name}")
    assert "attachment" in example.headers["Content-Disposition"]
    path = upload(adam, example.data, name).headers["Location"]
    assert until(adam, path, "checked", "failed") == "checked"
    page = adam.get(path).text
    assert "0 values were refused" in page
    assert "New services" in page
    assert "Sample Hill Wage Claims (invented)" in page
    assert "Nobody keeps the new services yet" in page
    adam.post(f"{path}/confirm")
    assert until(adam, path, "done", "failed") == "done"
    link = re.search(r'<a href="(/service/[0-9a-f-]+)">Sample Hill Wage Claims', adam.get(path).text)
    assert link
    assert "Sample Hill" in world.app.test_client().get(link.group(1)).text


def test_the_example_is_no_other_telling_of_the_demo() -> None:
    ids = [set(re.findall(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", (config.ROOT / "data" / path).read_text()))
           for path in ("examples/hsds.json", "demo/directory.json")]
    assert len(ids[0]) > 20
    assert ids[0].isdisjoint(ids[1]), "to try it out in the demo must not change the demo"


def test_a_file_without_ids_is_told_which_object_lacks_one(world: World, sign_in: SignIn) -> None:
    adam = sign_in(world.cast.adam)
    with transaction(world.store) as session:
        session.execute(update(LoginSession).values(stepped_up=people.NOW))
    path = upload(adam, b'[{"id": "1", "name": "One"}, {"name": "Two", "email": "x"}]').headers["Location"]
    assert until(adam, path, "checked", "failed") == "failed"
    page = adam.get(path).text
    assert "object 2 of 2 has no id. It has “name”, “email”" in page
    assert "What the file must be, with an example" in page


def test_the_demos_last_month_shows_how_long_steps_took_as_counted_from_requests(
        sqlite_store: Store, settings: config.Settings) -> None:
    now = people.datetime.now(people.UTC)
    load_demo(sqlite_store)
    with reading(sqlite_store) as session:
        before = {row.id: row.available for row in session.scalars(select(ServiceCapacity))}
    load_month(sqlite_store, now)
    load_month(sqlite_store, now)
    with transaction(sqlite_store) as session:
        row = session.scalars(select(Person).where(Person.role == Role.OVERSEER)).one()
        overseer = actor_of(row)
        found = figures.figures(session, overseer, now)
        assert {r.id: r.available for r in session.scalars(select(ServiceCapacity))} == before
    assert [step.times for step in found.steps] == [25, 12, 12, 12]
    assert all(step.median and step.ninetieth for step in found.steps)
    assert dict(found.declines.cells) == {"need_not_met": 7, "language": 6}
    client = create_app(settings, sqlite_store).test_client()
    browser = Browser(client)
    browser.token = token(browser.get("/sign-in").text)
    browser.post("/sign-in", email=row.email, password=demo.DEMO_PASSWORD)
    page = browser.get("/oversight/figures").text
    assert re.search(r"Half of all requests were answered within \d+ \w+; 9 of 10 within \d+ \w+\.", page)
    assert "too few" not in page


def test_one_answer_is_not_compared_and_a_found_name_keeps_its_spaces(world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    one = olga.post("/officer/find", needs="shelter.emergency", near="Miami, FL").text
    assert one.count('class="card result') == 1
    assert 'name="compare"' not in one
    found = olga.post("/officer/search", text="harbour").text
    assert re.search(r'<h3><a href="[^"]+"><span dir="auto">', found), "beside a mark, a flex box loses the space"
    handoff = olga.get(f"/officer/handoff/{world.handoff}").text
    assert "by the officer" not in handoff
