"""Break glass by its pages: for one chosen service, with every question answered, and reviewed by someone else."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from referral_dir.desk import break_glass
from referral_dir.domain.access import Actor
from referral_dir.store.cases import BreakGlass
from referral_dir.store.db import reading, transaction
from referral_dir.store.people import Person
from tests import cast as people
from tests.web.conftest import Browser, World

SignIn = Callable[[Actor], Browser]
ANSWERS = {"reason": "suicide_risk", "imminence": "now", "why_no_consent": "cannot_decide",
           "explanation": "on the roof, an invented sentence", "fields": "name"}


def name_officer(world: World) -> None:
    with transaction(world.store) as session:
        session.get_one(Person, world.cast.olga.person_id).may_break_glass = True


def broken(world: World) -> UUID:
    with reading(world.store) as session:
        return session.query(BreakGlass.id).scalar()


def test_only_a_named_officer_reaches_the_form_and_it_lists_no_services(world: World, sign_in: SignIn) -> None:
    case = people.new_case(world.store, world.cast)
    path = f"/vital/case/{case}/{world.cast.shelter}"
    browser = sign_in(world.cast.olga)
    assert browser.get(path).status_code == 403
    assert browser.post(path, **ANSWERS).status_code == 403
    assert "/vital/" not in browser.get(f"/officer/case/{case}/consent/{world.cast.shelter}").text
    name_officer(world)
    page = browser.get(path)
    assert page.status_code == 200
    assert "Harbour Shelter" in page.text
    assert "Clinic" not in page.text
    assert path in browser.get(f"/officer/case/{case}/consent/{world.cast.shelter}").text
    for other in ("/vital/case/", f"/vital/case/{case}", f"/vital/case/{case}/"):
        assert browser.get(other).status_code == 404


def test_every_question_must_be_answered_and_what_was_typed_is_kept(world: World, sign_in: SignIn) -> None:
    name_officer(world)
    case = people.new_case(world.store, world.cast)
    browser = sign_in(world.cast.olga)
    path = f"/vital/case/{case}/{world.cast.shelter}"
    for left_out in ANSWERS:
        sent = {key: value for key, value in ANSWERS.items() if key != left_out}
        answer = browser.post(path, **sent)
        assert answer.status_code == 422, left_out
        assert left_out == "explanation" or ANSWERS["explanation"] in answer.text
    assert browser.post(path, **{**ANSWERS, "fields": "background"}).status_code == 422
    assert broken(world) is None


def test_from_breaking_the_glass_to_its_review(world: World, sign_in: SignIn) -> None:
    name_officer(world)
    case = people.new_case(world.store, world.cast)
    olga, petra = sign_in(world.cast.olga), sign_in(world.cast.petra)
    granted = olga.post(f"/vital/case/{case}/{world.cast.shelter}", **ANSWERS)
    before = olga.get(granted.headers["Location"]).text
    for text in ("Send the request", "Without consent, to save a life", "Invented Person"):
        assert text in before
    asked = olga.post(f"/officer/case/{case}/request/{world.cast.shelter}")
    handoff = asked.headers["Location"].replace("/officer/", "/provider/")
    assert "Invented Person" not in petra.get(handoff).text
    assert petra.post(handoff + "/accept").status_code == 302
    page = petra.get(handoff)
    for text in ("Invented Person", "Without consent: vital interests", "It ends in"):
        assert text in page.text
    assert "asthma" not in page.text
    seconds, _, target = page.headers["Refresh"].partition("; url=")
    assert 0 < int(seconds) <= 3600
    assert target == handoff
    assert "Shown without consent" in olga.get(f"/officer/case/{case}").text

    vera = sign_in(world.cast.vera)
    assert "your review is needed" in vera.get("/oversight/").text
    assert "/vital/reviews" not in olga.get("/officer/cases").text, "not for whoever did it"
    review = f"/vital/review/{broken(world)}"
    page = vera.get(review)
    for text in ("They may take their own life", "Name to call them by", "Harbour"):
        assert text in page.text
    for secret in ("Invented Person", "on the roof", "asthma"):
        assert secret not in page.text
    for stranger in (olga, petra, sign_in(world.cast.omar), sign_in(world.cast.adam)):
        assert stranger.get(review).status_code in (403, 404)
    assert vera.post(review).status_code == 422
    assert vera.post(review, verdict="not_justified").status_code == 302
    assert "Invented Person" not in petra.get(handoff).text, "a no ends it at once"
    assert "your review is needed" not in vera.get("/oversight/").text


def test_after_its_hour_the_page_holds_nothing(world: World, sign_in: SignIn) -> None:
    name_officer(world)
    case = people.new_case(world.store, world.cast)
    olga, petra = sign_in(world.cast.olga), sign_in(world.cast.petra)
    olga.post(f"/vital/case/{case}/{world.cast.shelter}", **ANSWERS)
    handoff = olga.post(f"/officer/case/{case}/request/{world.cast.shelter}").headers["Location"].replace(
        "/officer/", "/provider/")
    petra.post(handoff + "/accept")
    assert "Invented Person" in petra.get(handoff).text
    with transaction(world.store) as session:
        row = session.query(BreakGlass).one()
        row.granted, row.expires = row.granted - timedelta(hours=1), row.expires - timedelta(hours=1)
    page = petra.get(handoff)
    assert "Invented Person" not in page.text
    assert "Refresh" not in page.headers


def test_administrators_name_the_officers_and_their_supervisors(world: World, sign_in: SignIn) -> None:
    adam = sign_in(world.cast.adam)
    path = f"/administration/people/{world.cast.olga.person_id}/privileges"
    assert adam.post(path, may_break_glass="1").status_code == 302
    with reading(world.store) as session:
        person = session.get_one(Person, world.cast.olga.person_id)
        assert (person.may_break_glass, person.is_supervisor) == (True, False)
    assert adam.post(path, is_supervisor="1").status_code == 302
    with reading(world.store) as session:
        assert not break_glass.may_break(session, world.cast.olga, people.NOW)
    assert sign_in(world.cast.olga).post(path, may_break_glass="1").status_code == 403
    other = f"/administration/people/{world.cast.petra.person_id}/privileges"
    assert adam.post(other, may_break_glass="1").status_code == 422
