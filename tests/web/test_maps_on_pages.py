"""The map on the page of an answer, and what the page may load for it."""

from collections.abc import Callable
from dataclasses import replace

from referral_dir.domain.access import Actor
from tests.web.conftest import Browser, World
from tests.web.pages import Page

ASKED = {"needs": "shelter.emergency", "near": "Miami, FL", "radius_km": "50"}


def test_an_answer_has_a_map_on_which_the_hidden_shelter_is_its_zone(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    answer = sign_in(world.cast.olga).post("/officer/find", **ASKED)
    assert Page(answer.text).problems == []
    drawing = answer.text.partition('<figure class="map">')[2].partition("</figure>")[0]
    assert "somewhere in or around" in drawing
    assert drawing.count('class="map-zone"') == 1
    assert "map-pin" not in drawing
    assert "<image" not in drawing
    assert 'id="match-1"' in answer.text


def test_only_a_deployments_own_tile_server_is_asked_and_only_from_a_page_with_a_map(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser, edge = sign_in(world.cast.olga), world.app.extensions["referral_dir"]
    world.app.extensions["referral_dir"] = replace(
        edge, settings=replace(edge.settings, tiles="https://tiles.example/{z}/{x}/{y}.png"))
    answer = browser.post("/officer/find", **ASKED)
    assert '<image href="https://tiles.example/1' in answer.text
    assert "img-src 'self' data: https://tiles.example; " in answer.headers["Content-Security-Policy"]
    assert "tiles.example" not in browser.get("/officer/").headers["Content-Security-Policy"]
