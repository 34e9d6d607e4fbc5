"""The pages from a match to a sent request: what is kept, what is shown, and what asking for news does not do."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import update

from referral_dir.domain.access import Actor
from referral_dir.store.cases import Case, Consent, Handoff
from referral_dir.store.db import reading, transaction
from referral_dir.store.people import LoginSession
from referral_dir.store.records import AuditEntry
from tests import cast as people
from tests.web.conftest import Browser, World

SignIn = Callable[[Actor], Browser]


def test_one_tap_on_a_match_opens_the_case_with_all_that_was_asked(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    asked = browser.post("/officer/cases", needs="shelter.emergency", languages="ht", near="Miami, FL", age="15",
                         gender="female", household="2", service_id=str(world.cast.shelter))
    with reading(world.store) as session:
        case = session.query(Case).order_by(Case.created.desc()).first()
        assert case
        assert (case.needs, case.languages, case.age_band, case.household) == (
            ["shelter.emergency"], ["ht"], "12-17", 2)
        assert session.query(Handoff).filter_by(case_id=case.id, state="draft").count() == 1
    assert asked.headers["Location"].endswith(f"/officer/case/{case.id}/consent/{world.cast.shelter}")
    page = browser.get(f"/officer/case/{case.id}").text
    assert "Ask Harbour Shelter (invented)" in page
    assert "Continue" in page


def test_who_looks_grown_up_is_kept_as_such_and_a_bed_is_asked_for_tonight(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    for needs, priority in (("shelter.emergency", "immediate"), ("legal.immigration", "urgent")):
        browser.post("/officer/cases", needs=needs, near="Miami, FL", who="man", priority="")
        with reading(world.store) as session:
            case = session.query(Case).order_by(Case.created.desc()).first()
            assert case
            assert (case.age_band, case.gender, case.priority) == ("18+", "male", priority)


def test_before_a_notice_is_shown_that_is_not_written_in_their_language_there_is_whom_to_call(
        world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    with transaction(world.store, world.cast.olga) as session:
        session.get_one(Case, world.case).languages = ["ti"]
    people.interpreter(world.store, "Tigrinya by phone", "ti", "+1 305 555 0142")
    draft = f"/officer/case/{world.case}/consent/{world.cast.shelter}"
    assert "The notice is not written in Tigrinya." in browser.get(draft).text
    assert "+1 305 555 0142" in browser.get(draft).text
    with transaction(world.store, world.cast.olga) as session:
        session.get_one(Case, world.case).languages = ["ti", "ar"]
    assert "The notice is not written" not in browser.get(draft).text
    assert 'lang="ar"' in browser.get(shown(browser, world) + "/show").text


def shown(browser: Browser, world: World) -> str:
    """The consent's own path, once its terms were drafted for the screen."""
    answer = browser.post(f"/officer/case/{world.case}/consent/{world.cast.shelter}", fields="name", then="show")
    assert answer.headers["Location"].endswith("/show")
    return str(answer.headers["Location"].removesuffix("/show"))


def test_the_persons_screen_is_theirs_alone_and_counts_once_the_officer_says_so(
        world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    path = shown(browser, world)
    screen = browser.get(path + "/show?language=ar").text
    assert '<html lang="ar" dir="rtl">' in screen
    for hidden in ("Harbour", "Invented", "asthma", "Miami", "Case ", "Sign out", "Olga"):
        assert hidden not in screen
    pressed = browser.post(path + "/show/yes", language="ar").text
    assert "Nothing is recorded yet" in pressed
    with reading(world.store) as session:
        consent = session.query(Consent).filter_by(id=people.UUID(path.rpartition("/")[2])).one()
        assert consent.state == "draft", "a press alone is nothing"
    assert "has a question" in browser.post(path + "/show/question", language="ar").text
    wrong = browser.post(path + "/show/record", pressed="yes", language="ar", interpreter="not_needed")
    assert wrong.status_code == 422
    assert 'value="not_needed" checked' in wrong.text
    done = browser.post(path + "/show/record", pressed="yes", language="ht", interpreter="staff_member",
                        capacity="adult", format="text")
    assert done.status_code == 302
    with reading(world.store) as session:
        consent = session.query(Consent).filter_by(id=people.UUID(path.rpartition("/")[2])).one()
        assert (consent.state, consent.method, consent.explained_in) == ("active", "digital", "ht")
    assert browser.get(path + "/show").status_code == 302, "it is answered"


def test_a_no_is_recorded_as_easily_as_a_yes(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    path = shown(browser, world)
    browser.post(path + "/show/record", pressed="no", language="ht", interpreter="staff_member", capacity="adult",
                 format="text")
    assert "Nothing is shared" in browser.get(path).text


def test_nothing_is_sent_before_it_was_checked_with_every_value_in_sight(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    case = people.new_case(world.store, world.cast)
    check = f"/officer/case/{case}/check/{world.cast.shelter}"
    assert browser.get(check).headers["Location"].endswith(f"/consent/{world.cast.shelter}"), "no consent yet"
    people.consent(world.store, world.cast, case, world.cast.shelter, ("name", "phone"))
    page = browser.get(check).text
    for text in ("Nothing has left yet", "Harbour Shelter (invented)", "Invented Person", "not written down yet",
                 "Send the request"):
        assert text in page
    assert "asthma" not in page, "what they did not agree to is not among it"


def test_asking_for_news_keeps_no_session_alive_and_leaves_no_trace(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    path = f"/officer/handoff/{world.handoff}/version"
    first = browser.get(path)
    assert re.fullmatch("[0-9a-f]{16}", first.text)
    then = people.datetime.now(people.UTC) - timedelta(minutes=10)
    with transaction(world.store) as session:
        session.execute(update(LoginSession).values(last_seen=then))
        entries = session.query(AuditEntry).count()
    assert browser.client.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    with reading(world.store) as session:
        assert session.query(AuditEntry).count() == entries
        assert {row.last_seen for row in session.query(LoginSession)} == {then}
    assert browser.get(f"/officer/handoff/{world.handoff}").status_code == 200
    with reading(world.store) as session:
        assert {row.last_seen for row in session.query(LoginSession)} != {then}, "a page that a person opens does"


def test_a_spreadsheet_of_people_is_looked_at_before_cases_are_opened(world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)

    def send(data: bytes, **more: str) -> object:
        return browser.client.post("/officer/several", content_type="multipart/form-data", data={
            "csrf_token": browser.token, "near": "Miami, FL", "needs": "shelter.emergency", "priority": "emergency",
            "do": "look", "file": (io.BytesIO(data), "list.csv"), **more})

    named = send(b"Name,Adults\nMarta Unheard,1\n")
    assert named.status_code == 422
    assert "a quick start holds no names" in named.text
    assert "Marta" not in named.text, "what a refused file holds is not shown either"
    seen = send(b"adults,children,languages\n2,1,Arabic\n1,0,Klingonese\n")
    assert "1 line was understood" in seen.text
    assert "“Klingonese” is not understood" in seen.text
    assert "2 adults, 1 children, Arabic" in seen.text, "the lines can be mended on the page"
    assert send(b"", lines="Marta Unheard, 2 adults", do="open").status_code == 422
    with reading(world.store) as session:
        before = session.query(Case).count()
    opened = send(b"", lines="2 adults 1 child, Arabic\n1 woman, French", do="open")
    assert opened.status_code == 302
    page = browser.get(opened.headers["Location"]).text
    assert "2 cases opened together" in page
    with reading(world.store) as session:
        rows = session.query(Case).filter(Case.batch_id.is_not(None)).all()
        assert (session.query(Case).count(), {row.household for row in rows}) == (before + 2, {3, 1})
        assert {row.priority for row in rows} == {"emergency"}
    assert sign_in(world.cast.omar).get(opened.headers["Location"]).status_code == 404


def test_what_was_said_of_a_case_is_set_right_but_not_how_many_once_a_place_is_asked_for(
        world: World, sign_in: SignIn) -> None:
    browser = sign_in(world.cast.olga)
    path = f"/officer/case/{world.case}/change"
    page = browser.get(path).text
    for text in ('value="shelter.emergency" checked', 'value="ht" checked', 'value="Miami"'):
        assert text in page
    said = {"needs": "shelter.emergency", "languages": "fr", "near": "Miami", "priority": "emergency",
            "age_band": "18-25", "household": "1"}
    wrong = browser.post(path, **{**said, "household": "4"})
    assert (wrong.status_code, "cancel that request first" in wrong.text) == (422, True)
    assert browser.post(path, **{**said, "needs": ""}).status_code == 422
    with reading(world.store) as session:
        before = session.get_one(Case, world.case).place_latitude
    assert browser.post(path, **said).status_code == 302
    with reading(world.store) as session:
        case = session.get_one(Case, world.case)
        assert (case.languages, case.priority, case.age_band, case.place_latitude) == (
            ["fr"], "emergency", "18-25", before)
    assert sign_in(world.cast.omar).post(path, **said).status_code == 404
