"""The provider's inbox as a page: what it shows, what asks by itself, and what comes back when a form can't be used."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from referral_dir.desk import handoffs, roster, threads
from referral_dir.domain.access import Actor
from referral_dir.store.db import transaction
from referral_dir.store.people import LoginSession, Person
from referral_dir.store.records import AuditEntry
from tests import cast as people
from tests.web.conftest import Browser, World

SignIn = Callable[[Actor], Browser]


def test_a_page_that_asks_by_itself_is_no_sign_of_anybody_and_no_line_in_the_trail(
        world: World, sign_in: SignIn) -> None:
    petra = sign_in(world.cast.petra)
    page = petra.get("/provider/").text
    shown = re.search(r'data-version="([0-9a-f]{16})"', page)
    assert shown
    then = people.NOW - timedelta(minutes=10)
    with transaction(world.store) as session:
        session.execute(update(LoginSession).values(last_seen=then))
        before = session.query(AuditEntry).count()
    for path in ("/provider/version", f"/provider/handoff/{world.handoff}/version"):
        assert petra.get(path).status_code == 200
    assert petra.get("/provider/version").text == shown.group(1), "nothing has changed"
    with transaction(world.store) as session:
        assert session.query(AuditEntry).count() == before
        assert {row.last_seen for row in session.query(LoginSession)} == {then}
    people.request(world.store, world.cast)
    assert petra.get("/provider/version").text != shown.group(1)
    assert sign_in(world.cast.pablo).get("/provider/version").text != shown.group(1)


def test_how_long_is_left_is_shown_and_spoken(world: World, sign_in: SignIn) -> None:
    page = " ".join(sign_in(world.cast.petra).get("/provider/").text.split())
    assert re.search(r'aria-hidden="true">1 h \d+ min left</span>', page)
    assert re.search(r'class="hush">1 hour \d+ minutes left to answer</span>', page)
    assert "Emergency shelter" in page
    assert "Haitian Creole" in page
    assert "Invented Person" not in page


def test_what_can_not_be_sent_comes_back_as_it_was_typed_also_in_another_language(
        world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    path = f"/thread/{world.handoff}/write"
    answer = olga.post(path, text="She is Invented & tired")
    assert answer.status_code == 422
    assert "She is Invented &amp; tired</textarea>" in answer.text
    assert "Leave out “Name to call them by”" in answer.text
    assert 'aria-invalid="true"' in answer.text
    name = re.search(r'<button form="say" name="([a-z_]+)" value="es"', answer.text)
    assert name, "the languages send the form that is being written"
    other = olga.post(path, text="Very tired", **{name.group(1): "es"})
    assert (other.status_code, 'lang="es"' in other.text) == (422, True)
    assert "Very tired</textarea>" in other.text
    with transaction(world.store, world.cast.olga) as session:
        assert threads.read(session, world.cast.olga, world.handoff, people.NOW).messages == []


def test_a_time_that_is_none_stands_beside_its_field(world: World, sign_in: SignIn) -> None:
    answer = sign_in(world.cast.petra).post(f"/thread/{world.handoff}/propose", day="soon", clock="18:30")
    assert answer.status_code == 422
    assert 'value="soon"' in answer.text
    assert 'id="day-error"' in answer.text


def test_the_provider_holds_and_declines_from_the_list(world: World, sign_in: SignIn) -> None:
    petra = sign_in(world.cast.petra)
    held = petra.post(f"/provider/handoff/{world.handoff}/hold", reason="more_information", hours="1")
    assert held.status_code == 302
    with transaction(world.store, world.cast.petra) as session:
        row = handoffs.read_incoming(session, world.cast.petra, world.handoff, people.NOW).handoff
        assert row.answer_by is not None
        assert row.answer_by - people.NOW < timedelta(hours=1, minutes=5)
    assert petra.post(f"/provider/handoff/{world.handoff}/reject", reason="full").status_code == 302
    assert "No place free" in petra.get(f"/provider/handoff/{world.handoff}").text


def test_an_officer_sees_that_someone_is_on_duty_and_not_who(world: World, sign_in: SignIn) -> None:
    def hours(days: Any) -> None:
        with transaction(world.store, world.cast.petra) as session:
            roster.add_shift(session, world.cast.petra, world.cast.petra.person_id, days, "00:00", "23:59", people.NOW)

    hours(["MO", "TU", "WE", "TH", "FR", "SA", "SU"])
    petra = sign_in(world.cast.petra)
    assert "Petra" in petra.get("/roster/").text
    page = sign_in(world.cast.olga).get(f"/officer/handoff/{world.handoff}").text
    assert "is on duty there" in page
    assert "Petra" not in page
    wrong = petra.post("/roster/hours", begins="late", ends="06:00", person=str(world.cast.petra.person_id))
    assert wrong.status_code == 422
    assert 'value="late"' in wrong.text


def test_what_was_written_about_a_colleagues_case_opens_only_for_a_purpose_and_every_look_is_in_the_trail(
        world: World, sign_in: SignIn) -> None:
    with transaction(world.store) as session:
        handoffs.accept(session, world.cast.petra, world.handoff, people.NOW, meeting_point="Gate 7")
        threads.write(session, world.cast.olga, world.handoff, "Invented Person waits in a blue car", people.NOW)
        olga = session.get_one(Person, world.cast.olga.person_id)
        row = Person(organization_id=olga.organization_id, email="otto@test.example", name="Otto", role=olga.role,
                     password_hash=olga.password_hash, created=people.NOW)
        session.add(row)
        session.flush()
        world.cast.emails[row.id] = row.email
        otto = Actor(row.id, row.organization_id, world.cast.olga.role, "Otto")
    browser = sign_in(otto)
    pages = f"/thread/{world.handoff}", f"/officer/handoff/{world.handoff}"
    for path in pages:
        page = browser.get(path).text
        assert "For what do you open this case?" in page
        assert "blue car" not in page
        assert "Gate 7" not in page
    guess = browser.post(f"/thread/{world.handoff}/write", text="Is it asthma?")
    assert "For what do you open this case?" in guess.text, "nor can a guess be tried"
    assert browser.post(f"/officer/case/{world.case}/open", purpose="handover").status_code == 302
    assert all("blue car" in browser.get(path).text for path in pages)
    assert "blue car" in sign_in(world.cast.petra).get(pages[0]).text
    with transaction(world.store) as session:
        looks = [(row.actor_id, row.purpose) for row in session.query(AuditEntry).filter_by(action="thread:read")]
    assert looks == [(otto.person_id, "handover"), (world.cast.petra.person_id, "referral")]
