"""Helplines: a country's own first, and never a number that hides where it comes from."""

import re
from datetime import date

import langcodes
import pytest

from referral_dir.domain.helplines import ANYWHERE, Helpline, countries, every_helpline, helplines
from referral_dir.domain.needs import DATA

KINDS = {"trafficking", "emergency", "domestic_violence", "sexual_violence", "child", "crisis", "refugees", "victims"}
DIALLED = re.compile(r"\*?\d[\d -]*\d")
COUNTRIES = {line.split("\t")[0] for line in (DATA / "countries.tsv").read_text(encoding="utf-8").splitlines()}


def _named(helpline: Helpline) -> str:
    return f"{helpline.country} {helpline.name}"


@pytest.mark.parametrize("helpline", every_helpline(), ids=_named)
def test_every_helpline_can_be_called_and_says_where_it_comes_from(helpline: Helpline) -> None:
    assert helpline.country in COUNTRIES | {ANYWHERE}
    assert helpline.kind in KINDS
    assert helpline.name.strip()
    assert helpline.hours.strip()
    assert helpline.url.startswith("http")
    assert helpline.source.startswith("http")
    # Only an office finder for the whole world may have no number, since its page is what helps.
    assert DIALLED.fullmatch(helpline.phone) or (helpline.country == ANYWHERE and not helpline.phone)
    assert all(langcodes.tag_is_valid(code) for code in helpline.languages)


@pytest.mark.parametrize("helpline", every_helpline(), ids=_named)
def test_a_number_is_either_checked_on_a_day_or_marked_unverified(helpline: Helpline) -> None:
    if helpline.unverified:
        assert helpline.checked is None
    else:
        assert helpline.checked is not None
        assert date.fromisoformat(helpline.checked)


def test_no_number_is_listed_twice_for_a_country() -> None:
    listed = [(h.country, re.sub(r"\D", "", h.phone)) for h in every_helpline()]
    assert len(listed) == len(set(listed))


def test_at_least_forty_countries_have_a_helpline_of_their_own() -> None:
    assert len(countries()) >= 40
    assert {"US", "JO", "GB", "CA", "MX", "FR", "ES", "DE", "IT", "UA", "PL", "RO"} <= set(countries())
    assert ANYWHERE not in countries()


@pytest.mark.parametrize("country", ["US", "JO", "GB", "CA", "FR", "ES", "DE", "IT", "UA", "PL", "RO"])
def test_the_main_countries_have_an_emergency_number_and_one_for_children(country: str) -> None:
    assert {"emergency", "child"} <= {h.kind for h in helplines(country)}


@pytest.mark.parametrize("country", countries())
def test_a_country_with_its_own_helplines_is_given_no_others(country: str) -> None:
    assert {h.country for h in helplines(country)} == {country}


def test_the_country_code_may_be_written_small() -> None:
    assert helplines("jo") == helplines("JO")


@pytest.mark.parametrize("country", [None, "", "ZZ"])
def test_an_unknown_country_falls_back_to_what_works_anywhere(country: str | None) -> None:
    found = helplines(country)
    assert {h.country for h in found} == {ANYWHERE}
    assert "112" in {h.phone for h in found}


@pytest.mark.parametrize("country", countries())
def test_trafficking_lines_come_first_and_emergency_next(country: str) -> None:
    places = [{"trafficking": 0, "emergency": 1}.get(h.kind, 2) for h in helplines(country)]
    assert places == sorted(places)


def test_where_the_country_is_unknown_no_language_is_promised() -> None:
    assert [h.languages for h in helplines(None) if h.phone == "112"] == [()]


def test_emergency_calls_are_promised_in_the_languages_of_the_country() -> None:
    assert {h.languages for h in helplines("UA") if h.kind == "emergency"} == {("uk",)}
