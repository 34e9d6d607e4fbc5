"""Whatever is asked, the answer is clear: never an error of ours, and what was typed is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from referral_dir.domain.access import Actor
from tests.web.conftest import Browser, World

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
