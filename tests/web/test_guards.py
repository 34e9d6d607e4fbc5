"""What stands around every page: tokens, headers, sessions, clear errors. Who reaches what: test_access.py."""

import logging
import re
from collections.abc import Callable

import pytest

from referral_dir.domain.access import Actor
from tests import cast as people
from tests.web.conftest import Browser, World


def plain(text: str) -> str:
    """Without what is new in each answer: form tokens, nonces, references."""
    return re.sub(r'name="csrf_token" value="[^"]+"|nonce="[^"]+"|nonce-[\w-]{24}|Reference: [0-9a-f]{8}', "", text)


def test_a_form_without_its_token_or_from_elsewhere_is_refused(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = sign_in(world.cast.olga)
    path = f"/officer/consent/{world.consent}/withdraw"
    assert browser.client.post(path).status_code == 400
    data = {"csrf_token": browser.token}
    assert browser.client.post(path, data=data, headers={"Origin": "https://evil.example"}).status_code == 400
    assert browser.client.post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400
    assert people.free_beds(world.store, world.cast) == 2
    assert browser.post(path).status_code == 302
    assert people.free_beds(world.store, world.cast) == 3


def test_every_answer_carries_the_headers_and_public_pages_set_no_cookie(world: World) -> None:
    client = world.app.test_client()
    for path in ("/", "/helplines", "/helplines/JO", "/about", "/leave", f"/service/{world.cast.clinic}", "/nothing"):
        answer = client.get(path)
        assert "Set-Cookie" not in answer.headers or path == "/leave", path
        assert answer.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "<script>" not in answer.text
        assert "style=" not in answer.text
        for host in ("http://", "https://"):
            assert f'src="{host}' not in answer.text
    assert client.get(f"/service/{world.cast.shelter}").status_code == 404, "confidential services are not public"
    found = client.post("/", data={"text": "shelter invented"})
    assert found.status_code == 200
    assert "Harbour" not in found.text


def test_failed_sign_ins_look_the_same_and_are_slowed_down(world: World) -> None:
    client = world.app.test_client()
    from tests.web.conftest import token

    form = {"csrf_token": token(client.get("/sign-in").text), "password": "wrong words in a row"}
    texts = set()
    for email in ("olga@test.example", "nobody@test.example"):
        answer = client.post("/sign-in", data={**form, "email": email})
        assert answer.status_code == 422
        texts.add(plain(answer.text.replace(email, "")))
    assert len(texts) == 1
    for _ in range(10):
        last = client.post("/sign-in", data={**form, "email": "olga@test.example"})
    assert last.status_code == 429
    good = client.post("/sign-in", data={**form, "email": "olga@test.example", "password": people.PASSWORD})
    assert good.status_code == 429, "the right password waits too"


def test_signing_out_ends_the_session_on_the_server(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = sign_in(world.cast.olga)
    cookie = browser.client.get_cookie("session")
    assert cookie is not None
    assert browser.post("/sign-out").status_code == 302
    browser.client.set_cookie("session", cookie.value)
    assert browser.get("/officer/cases").status_code == 302


def test_what_was_typed_is_kept_when_something_is_wrong(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = sign_in(world.cast.olga)
    answer = browser.post("/officer/find", needs="shelter.emergency", near="Springfield", other_languages="Qwertyish",
                          age="34", radius_km="0")
    assert answer.status_code == 422
    for kept in ('value="Springfield"', 'value="Qwertyish"', 'value="34"', "Springfield, Missouri", "checked"):
        assert kept in answer.text
    answer = browser.post("/officer/find", needs="shelter.emergency", near="Miami", household="9" * 400)
    assert answer.status_code == 422


def test_personal_text_reaches_no_log(world: World, sign_in: Callable[[Actor], Browser],
                                      caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.DEBUG)
    browser = sign_in(world.cast.olga)
    browser.post(f"/officer/case/{world.case}/about", name="Canary Person", background="canary story")
    from referral_dir.desk import cases

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Canary Person in an error")

    monkeypatch.setattr(cases, "set_identifying", fail)
    answer = browser.post(f"/officer/case/{world.case}/about", name="Canary Person")
    assert answer.status_code == 500
    assert "Canary" not in answer.text
    assert "canary" not in caplog.text.casefold()


def test_an_organization_to_keep_away_from_is_never_named(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = sign_in(world.cast.olga)
    asked = {"needs": "shelter.emergency", "near": "Miami"}
    assert "Harbour Shelter" in browser.post("/officer/find", **asked).text
    assert "Harbour Shelter" not in browser.post("/officer/find", **asked, avoid_organizations="harbour").text
    answer = browser.post("/officer/find", **asked, avoid_organizations="Nobody Knows Them")
    assert answer.status_code == 422
    assert "Nobody Knows Them" in answer.text
