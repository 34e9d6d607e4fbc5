"""What would give a hidden place away is found however it is written, and nothing else is."""

from uuid import UUID

import pytest

from referral_dir.domain import zones
from referral_dir.domain.vocabulary import Place
from referral_dir.domain.withholding import WITHHELD, traces

HOUSE = traces(
    [{"address_1": "12 Hidden Elm Street", "address_2": "Apt 7b", "city": "Miami", "postal_code": "33199"}],
    phones=["+1 (305) 555-0177", "+1 305 555 0100"],
    names=["Ximena Quail", "ximena@quiet.example", "Miami", "Haven House"],
    points=[(25.774312, -80.193655)], public=["Haven House (invented)", "Miami", "305-555-0100"])


@pytest.mark.parametrize("text", [
    "at 12 hidden elm street", "12, Hidden-Elm  Street!", "behind Hidden Elm Street", "12 Hidden Elm St.", "FL 33199",
    "call 305.555.0177", "tel 0013055550177", "ask for XIMENA QUAIL", "ximena@quiet.example",
    "https://map/?q=25.7743,-80.19", "-80.1936"])
def test_the_place_is_found_however_it_is_written(text: str) -> None:
    assert HOUSE.found(text)
    assert not HOUSE.found(HOUSE.withhold(text))
    assert WITHHELD in HOUSE.withhold(text)


@pytest.mark.parametrize("text", [
    "a house in Miami", "Haven House (invented)", "1330 1990", "305 555 0100", "12 beds", "Elm", "a hidden street",
    "1331995", "", "25.9, -80.3"])
def test_what_may_be_known_stays(text: str) -> None:
    assert HOUSE.withhold(text) == text


def test_it_is_found_inside_what_a_source_gave_beside_the_standard() -> None:
    given = {"note": ["12 Hidden Elm Street"], "deep": {"lat": 25.774312, "n": 3.5}, "n": 7, "flag": True}
    assert HOUSE.withhold(given) == {"note": [WITHHELD], "deep": {"lat": None, "n": 3.5}, "n": 7, "flag": True}


def test_where_nothing_is_hidden_nothing_is_found() -> None:
    assert traces([{}], names=[""], phones=["911"]).withhold("911 anything") == "911 anything"


def test_a_zone_that_points_at_one_service_is_warned_of() -> None:
    miami = Place("Miami", "US", 25.77, -80.19, population=440_000)
    near, far = (zones.Neighbour(UUID(int=n), "shelter.safe_house", lat, -80.2) for n, lat in ((1, 25.9), (2, 27.0)))
    assert zones.warnings(miami, ["shelter.safe_house"], [near]) == ()
    [alone] = zones.warnings(miami, ["shelter.safe_house"], [far])
    assert "Nobody else near Miami" in alone
    [first, second] = zones.warnings(Place("Hamlet", "US", 25.77, -80.19, population=900), ["legal"], [near])
    assert "small place" in first
    assert "Nobody else" in second
