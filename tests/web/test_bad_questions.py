"""Whatever is asked, the answer is clear: never an error of ours, and what was typed is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

import config
from referral_dir import create_app
from referral_dir.domain.access import Actor
from referral_dir.store.db import Store
from tests import cast as people
from tests.web.conftest import Browser, World, token

ASKED = {"needs": "shelter.emergency", "near": "Miami, Florida", "languages": "ht"}


@pytest.mark.parametrize(("changed", "says"), [
    ({"needs": "no.such.need"}, "is not a need"), ({"needs": ""}, "choose at least one need"),
    ({"languages": "qwertyish"}, "is not a language"), ({"other_languages": "Qwertyish, \x00"}, "is not a language"),
    ({"age": "-4"}, "an age from 0 to 120"), ({"age": "1" * 4000}, "an age from 0 to 120"),
    ({"age": "ten"}, "a number"),
    ({"radius_km": "0"}, "a distance above 0"), ({"radius_km": "40075"}, "a distance above 0"),
    ({"radius_km": "nan"}, "a distance above 0"), ({"household": "0"}, "from 1 to 50 people"),
    ({"near": "x" * 5000}, "write the name of a town"), ({"near": "Miami\x07"}, "write the name of a town"),
    ({"near": "999,999"}, "check"), ({"avoid_near": "Nowhere At All"}, "no place called"),
    ({"avoid_near": "Miami, Florida", "avoid_km": "-1"}, "must be above 0 km"),
])
def test_a_question_that_can_not_be_answered_says_what_to_write(
        world: World, sign_in: Callable[[Actor], Browser], changed: dict[str, str], says: str) -> None:
    answer = sign_in(world.cast.olga).post("/officer/find", **{**ASKED, **changed})
    assert answer.status_code == 422
    assert says in answer.text
    if "near" not in changed:
        assert 'value="Miami, Florida"' in answer.text, "what was typed is kept"


@pytest.mark.parametrize("text", ["", " ", "shelter " * 10_000, "\x00\x1b[31m\u202e shelter", "(" * 500,
                                  "a AND NOT b:c^2~", "\ud7ff\U0010ffff", "%s%n'\"<script>", "*", "ا" * 3000])
def test_any_words_are_searched_for(world: World, sign_in: Callable[[Actor], Browser], text: str) -> None:
    browser = sign_in(world.cast.olga)
    for path in ("/officer/search", "/"):
        answer = browser.post(path, text=text)
        assert answer.status_code in (200, 422)
        assert "<script>" not in answer.text


@pytest.mark.parametrize("damage", ["lost", "wrong", "a file"])
def test_the_directory_still_matches_when_the_indexes_are_damaged(
        world: World, sign_in: Callable[[Actor], Browser], tmp_path: Path, damage: str) -> None:
    browser = sign_in(world.cast.olga)
    assert "Harbour Shelter" in browser.post("/officer/find", **ASKED).text
    folder = world.app.extensions["referral_dir"].settings.instance
    for path in [p for p in Path(folder).rglob("*") if p.is_file()]:
        path.unlink()
        if damage != "lost":
            path.write_bytes(b"\xff" * 100)
    if damage == "a file":
        for path in sorted(Path(folder).rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        Path(folder).rmdir()
        Path(folder).write_text("not a folder")
    assert "Harbour Shelter" in browser.post("/officer/find", **ASKED).text
    assert "1 found" in browser.post("/officer/search", text="harbour").text


def test_no_list_breaks_by_a_sign_that_nobody_types_or_a_page_that_no_list_has(
        postgres_store: Store, settings: config.Settings, password_hash: str) -> None:
    cast = people.build(postgres_store, password_hash=password_hash)
    app = create_app(settings, postgres_store)
    organization = f"/administration/organizations/{cast.petra.organization_id}"
    for who, paths in (("clara", ("/caseworker/services", "/caseworker/suggestions")),
                       ("adam", ("/administration/organizations", organization))):
        browser = Browser(app.test_client())
        browser.token = token(browser.get("/sign-in").text)
        browser.post("/sign-in", email=f"{who}@test.example", password=people.PASSWORD)
        browser.token = token(browser.get("/account").text)
        for path in paths:
            for question in ("words=a%00b", f"page={'9' * 400}", "page=-5"):
                assert browser.get(f"{path}?{question}").status_code == 200, (path, question)
    assert browser.post(f"{organization}/search", words="a\0b").status_code == 200
    assert browser.post(organization, name="Har\0bour (invented)").status_code == 302
