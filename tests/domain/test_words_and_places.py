"""Needs, suggestions, notices, helplines and places: what they promise."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from geopy.distance import geodesic
from geopy.exc import GeopyError
from hypothesis import given
from hypothesis import strategies as st

from referral_dir import geo, geocoder
from referral_dir.domain.helplines import countries, helplines
from referral_dir.domain.needs import UnknownNeed, check_code, expand, meets, needs
from referral_dir.domain.notices import languages, notice
from referral_dir.domain.suggest import suggest_needs


def codes(name: str, description: str = "", *categories: str) -> set[str]:
    return {s.code for s in suggest_needs(name, description, categories)}


def test_a_need_for_a_parent_is_met_by_any_child_and_not_the_other_way() -> None:
    assert meets({"shelter.safe_house"}, "shelter")
    assert not meets({"shelter"}, "shelter.safe_house")
    assert expand("documents") == {"documents"}
    with pytest.raises(UnknownNeed, match="legal"):
        check_code("leggal")


def test_every_need_has_labels_words_and_a_description() -> None:
    assert 40 <= len(needs()) <= 48
    for term in needs().values():
        assert set(term.labels) == {"es", "fr", "ar", "uk"}
        assert term.description.endswith(".")
        assert {"en", "es", "fr", "ar", "uk", "ru"} <= set(term.synonyms)


@pytest.mark.parametrize(("name", "description", "expected"), [
    ("Invented Immigration Legal Clinic", "Lawyers for asylum and deportation cases.", {"legal.immigration"}),
    ("House of Peace", "A shelter for battered women and their children.", {"shelter.safe_house"}),
    ("Banco de alimentos", "Entrega despensa los martes.", {"basic.food"}),
    ("Centre", "Hébergement d'urgence pour familles.", {"shelter.emergency"}),
    ("مركز", "يقدم المركز استشارات قانونية", {"legal"}),
    ("Tax help", "We explain tax shelter rules.", set()),
    ("Paws", "An animal shelter for cats.", set()),
    ("Money school", "Credit counseling for all.", set()),
    ("Info desk", "Refers to food pantries in the county.", set()),
])
def test_needs_are_suggested_from_what_a_service_says_of_itself(name: str, description: str,
                                                               expected: set[str]) -> None:
    assert codes(name, description) == expected


def test_categories_of_the_source_count_too_and_evidence_is_kept() -> None:
    [suggestion] = suggest_needs("Activity 12", "", ["Psychosocial support"])
    assert (suggestion.code, suggestion.evidence) == ("mental_health.counselling", "psychosocial support")


def test_a_notice_exists_in_five_languages_and_others_fall_back_to_english() -> None:
    assert set(languages()) == {"en", "es", "fr", "ar", "uk"}
    assert notice("ar").text != notice("en").text
    assert notice("fr-CA").language == "fr"
    assert notice("ht").language == "en"
    assert len({notice(code).sha256 for code in languages()}) == 5
    assert [code for code in languages() if notice(code).reviewed] == ["en"]


def test_there_is_always_a_number_to_call() -> None:
    assert helplines("US")[0].kind == "trafficking"
    assert helplines("ZZ") == helplines(None) != ()
    assert len(countries()) >= 60
    assert all(h.source.startswith("http") for code in countries() for h in helplines(code))


@pytest.mark.parametrize(("text", "label"), [
    ("Miami", "Miami, Florida, United States"), ("miami, fl", "Miami, Florida, United States"),
    ("Miami FL", "Miami, Florida, United States"), ("Miami, USA", "Miami, Florida, United States"),
    ("Miami, Oklahoma", "Miami, Oklahoma, United States"), ("عمان", "Amman, Jordan"), ("عمّان", "Amman, Jordan"),
    ("Irbid, Jordan", "Irbid, Jordan"), ("إربد", "Irbid, Jordan"), ("اربد، الأردن", "Irbid, Jordan"),
    ("Київ", "Kyiv, Kyiv City, Ukraine"), ("Kiev", "Kyiv, Kyiv City, Ukraine"), ("Lviv", "Lviv, Ukraine"),
    ("25.77,-80.19", "near Miami, Florida, United States"), ("25.77 N 80.19 W", "near Miami, Florida, United States"),
])
def test_places_resolve_as_people_write_them(text: str, label: str) -> None:
    assert geo.place_label(geo.resolve_place(text)) == label


@pytest.mark.parametrize(("written", "meant"), [("Maimi", "Miami"), ("New Yrok", "New York City"), ("Kyiw", "Kyiv")])
def test_a_slip_of_the_finger_is_asked_about_and_what_was_meant_comes_first(written: str, meant: str) -> None:
    with pytest.raises(geo.UnknownPlace) as unknown:
        geo.resolve_place(written)
    assert unknown.value.suggestions[0].name == meant


def test_an_ambiguous_place_gives_choices_and_an_unknown_one_spellings() -> None:
    with pytest.raises(geo.AmbiguousPlace) as ambiguous:
        geo.resolve_place("Springfield")
    assert len(ambiguous.value.choices) >= 3
    with pytest.raises(geo.UnknownPlace) as unknown:
        geo.resolve_place("Miammi")
    assert unknown.value.suggestions[0].name == "Miami"


@pytest.mark.parametrize("text", ["", "   ", "x" * 10_000, "Miami\x00", "91,0", "0,181", ",", "🙂", "Miami, Mars"])
def test_what_is_no_place_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(geo.PlaceError, match=r"write|check|latitude"):
        geo.resolve_place(text)


def test_the_gazetteer_is_a_geopy_geocoder_and_knows_time_zones() -> None:
    found = geocoder.Gazetteer().geocode("Irbid, Jordan")
    assert (round(found.latitude, 1), round(found.longitude, 1)) == (32.6, 35.9)
    assert geocoder.Gazetteer().geocode("no such place at all") is None
    assert len(geocoder.Gazetteer().geocode("Springfield", exactly_one=False)) >= 3
    assert geocoder.Gazetteer().reverse((32.55, 35.85)).address == "Irbid, Jordan"
    assert geo.timezone_at(25.8, -80.2) == "America/New_York"
    assert geo.country_code("الأردن") == "JO"
    assert geo.suggest_places("miam")[0].name == "Miami"


def test_a_confidential_address_never_reaches_another_geocoder() -> None:
    class Never:
        def geocode(self, *_: object, **__: object) -> None:
            raise AssertionError("asked")

    with pytest.raises(ValueError, match="never leaves"):
        geocoder.PublicGeocoder(Never()).geocode("1 Hidden Court", confidential=True)
    with pytest.raises(ValueError, match="one of offline"):
        geocoder.public_geocoder("elsewhere", "geo.example")
    assert geocoder.public_geocoder("photon", "http://geo.example").geocoder.domain == "geo.example"


def test_an_own_geocoder_that_sends_elsewhere_is_not_followed() -> None:
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{server.server_port}/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for kind in ("nominatim", "photon", "pelias"):
            own = geocoder.public_geocoder(kind, f"http://127.0.0.1:{server.server_port}")
            with pytest.raises(GeopyError):
                own.geocode("1 Open Street", confidential=False)
    finally:
        server.shutdown()
        server.server_close()
    assert len(asked) == 3
    assert not any("elsewhere" in path for path in asked)


LATITUDES, LONGITUDES = st.floats(-90, 90), st.floats(-180, 180)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES, st.booleans())
def test_a_distance_is_the_geodesic_to_a_millimetre_anywhere_on_the_globe(
        lat1: float, lon1: float, lat2: float, lon2: float, near: bool) -> None:
    if near:
        lat2, lon2 = max(-90.0, min(90.0, lat1 + lat2 / 100)), lon1 + lon2 / 100
    assert geo.distance_km(lat1, lon1, lat2, lon2) == pytest.approx(geodesic((lat1, lon1), (lat2, lon2)).km, abs=1e-6)
