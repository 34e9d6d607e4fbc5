"""The pages around a hidden address: written down, shown, seen, ended; and a zone is confirmed before it counts."""

from collections.abc import Callable

from referral_dir.domain.access import Actor
from tests.web.conftest import Browser, World

ADDRESS = {"address_1": "77 Canary Street", "phones": "+1 305 555 0177", "directions": "x" * 20}


def test_from_writing_an_address_down_to_ending_its_showing(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    petra, olga, omar = (sign_in(actor) for actor in (world.cast.petra, world.cast.olga, world.cast.omar))
    offer, shown = f"/address/handoff/{world.handoff}", f"/address/handoff/{world.handoff}/shown"
    assert petra.post(f"/provider/handoff/{world.handoff}/accept").status_code == 302
    assert "No address is written down yet" in petra.get(offer).text
    assert petra.post(f"/address/service/{world.cast.shelter}", **ADDRESS).status_code == 302
    assert "77 Canary Street" in petra.get(f"/address/service/{world.cast.shelter}").text
    answer = petra.post(offer, hours="2")
    assert answer.status_code == 422
    assert "choose one person" in answer.text
    answer = petra.post(offer, person_id=str(world.cast.olga.person_id), hours="900")
    assert answer.status_code == 422
    assert 'value="900"' in answer.text, "what was typed is kept"
    assert "shows you no address now" in olga.get(shown).text
    assert petra.post(offer, person_id=str(world.cast.olga.person_id), hours="2").status_code == 302
    assert "See whether it shows you the address" in olga.get(f"/officer/handoff/{world.handoff}").text
    answer = olga.get(shown)
    assert "77 Canary Street" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert omar.get(shown).status_code == 404
    page = petra.get(offer).text
    assert "First looked at" in page
    path = page.partition('action="' + offer + "/end/")[2].partition('"')[0]
    assert petra.post(f"{offer}/end/{path}").status_code == 302
    assert "77 Canary Street" not in olga.get(shown).text


def test_a_zone_counts_when_it_was_confirmed_and_is_a_town(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    carl = sign_in(world.cast.carl)
    path = f"/caseworker/service/{world.cast.clinic}/confidential"
    asked = carl.post(path, zone="Miami, FL")
    assert "Nobody else near Miami" in asked.text
    assert "Hidden address" not in carl.get("/caseworker/services").text
    assert carl.post(path, zone="25.77,-80.19", confirmed="yes").status_code == 422
    assert carl.post(path, zone="Nowhereville-on-Sea").status_code == 422
    assert carl.post(path, zone="Miami, FL", confirmed="yes").status_code == 302
    assert "Hidden address" in carl.get("/caseworker/services").text
    assert sign_in(world.cast.clara).post(path, zone="Miami, FL").status_code == 404
