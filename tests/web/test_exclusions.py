"""Conflict of interest on the pages; and the pages behind PostgreSQL's second wall."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

import config
from referral_dir import create_app
from referral_dir.domain.access import Actor
from referral_dir.store.db import Store, reading
from referral_dir.store.people import Person
from tests import cast as people
from tests.web.conftest import Browser, World, token


def test_an_officer_names_someone_sees_the_list_and_takes_them_off_again(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser, case = sign_in(world.cast.olga), f"/officer/case/{world.case}"
    petra = sign_in(world.cast.petra)
    assert petra.get(f"/provider/handoff/{world.handoff}").status_code == 200
    assert browser.post(f"{case}/exclusions", exclude_email="petra@test.example").status_code == 302
    assert petra.get(f"/provider/handoff/{world.handoff}").status_code == 404
    assert "Harbour Shelter" not in petra.get("/provider/").text
    page = browser.get(case).text
    assert "petra@test.example" in page
    remove = page.split('/exclusion/')[1].split('"')[0]
    assert browser.post(f"{case}/exclusion/{remove}").status_code == 302
    assert "petra@test.example" not in browser.get(case).text
    assert petra.get(f"/provider/handoff/{world.handoff}").status_code == 200


@pytest.mark.parametrize(("typed", "says"), [
    ({"exclude_email": "no address"}, "write an e-mail address"),
    ({"exclude_organization": "Nobody Knows Them"}, "no organization is called"),
    ({"exclude_email": "x@y.example", "exclude_organization": "Nobody Knows Them"}, "no organization is called"),
    ({}, "write an"),
])
def test_what_was_typed_is_kept_and_nothing_is_named_by_half(
        world: World, sign_in: Callable[[Actor], Browser], typed: dict[str, str], says: str) -> None:
    browser = sign_in(world.cast.olga)
    answer = browser.post(f"/officer/case/{world.case}/exclusions", **typed)
    assert answer.status_code == 422
    assert says in answer.text
    for value in typed.values():
        assert f'value="{value}"' in answer.text
    assert "Nobody yet." in browser.get(f"/officer/case/{world.case}").text


def test_naming_someone_with_and_without_an_account_is_the_same_answer(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = sign_in(world.cast.olga)
    path = f"/officer/case/{world.case}/exclusions"
    known, unknown = (browser.post(path, exclude_email=e) for e in ("petra@test.example", "nobody@test.example"))
    assert (known.status_code, known.text, known.headers["Location"]) == \
        (unknown.status_code, unknown.text, unknown.headers["Location"])


def test_the_pages_work_as_the_servers_own_role_and_each_sees_their_own(
        app_store: Store, postgres_store: Store, settings: config.Settings, password_hash: str,
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "NOW", people.datetime.now(people.UTC))
    cast = people.build(postgres_store, password_hash=password_hash)
    case, consent, handoff = people.request(postgres_store, cast)
    app = create_app(settings, app_store)

    def sign_in(email: str) -> Browser:
        browser = Browser(app.test_client())
        browser.token = token(browser.get("/sign-in").text)
        assert browser.post("/sign-in", email=email, password=people.PASSWORD).status_code == 302
        browser.token = token(browser.get("/account").text)
        return browser

    olga, omar, petra = (sign_in(f"{name}@test.example") for name in ("olga", "omar", "petra"))
    assert omar.get(f"/officer/case/{case}").status_code == 404
    assert "Harbour" in petra.get("/provider/").text
    assert petra.post(f"/provider/handoff/{handoff}/accept", meeting_point="Gate 3").status_code == 302
    assert "Invented Person" in petra.get(f"/provider/handoff/{handoff}").text
    assert "Gate 3" in olga.get(f"/officer/handoff/{handoff}").text
    assert olga.post(f"/officer/case/{case}/about", name="Another Name").status_code == 302
    assert olga.post(f"/officer/case/{case}/exclusions", exclude_organization="Harbour").status_code == 302
    assert petra.get(f"/provider/handoff/{handoff}").status_code == 404
    assert olga.post(f"/officer/consent/{consent}/withdraw").status_code == 302
    assert olga.post(f"/officer/case/{case}/close").status_code == 302
    with reading(app_store, system="test") as session:
        assert session.scalar(text('SELECT count(*) FROM "case" WHERE closed IS NOT NULL')) == 1
        assert session.query(Person).count() == 8
