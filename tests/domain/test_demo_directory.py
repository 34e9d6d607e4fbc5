"""The demo directory: nobody real can be called or found through it."""

import json
import re
from typing import Any

import langcodes
import pytest

from referral_dir.domain.needs import DATA, needs

# +1 305 555 01xx and, in France, +33 1 99 00 are kept free for fiction; no such range is known
# in Jordan or Ukraine, where an invented number may be somebody's.
FICTIONAL = re.compile(r"\+1 305 555 01\d\d|\+33 1 99 00 \d\d \d\d")
ORGANIZATIONS: list[dict[str, Any]] = json.loads(
    (DATA / "demo" / "directory.json").read_text(encoding="utf-8"))["organizations"]
SERVICES: list[dict[str, Any]] = [service for one in ORGANIZATIONS for service in one["services"]]


def _name(service: dict[str, Any]) -> str:
    return str(service["name"])


@pytest.mark.parametrize("service", SERVICES, ids=_name)
def test_no_demo_number_can_reach_a_real_person(service: dict[str, Any]) -> None:
    assert service["phones"]
    assert all(FICTIONAL.fullmatch(phone["number"]) for phone in service["phones"])


@pytest.mark.parametrize("service", SERVICES, ids=_name)
def test_a_demo_service_says_that_it_is_invented_and_uses_our_words(service: dict[str, Any]) -> None:
    assert "invented" in service["name"]
    assert set(service["referral_dir"]["needs"]) <= set(needs())
    assert all(langcodes.tag_is_valid(language["code"]) for language in service["languages"])


@pytest.mark.parametrize("service", [s for s in SERVICES if s["referral_dir"]["confidential"]], ids=_name)
def test_a_confidential_demo_service_has_a_zone_and_no_open_location(service: dict[str, Any]) -> None:
    assert service["referral_dir"]["zone"]["name"]
    assert "service_at_locations" not in service


@pytest.mark.parametrize("code", ["ht", "ar", "uk", "prs"])
def test_a_demo_interpreter_works_remotely_in(code: str) -> None:
    assert [s["name"] for s in SERVICES if s["referral_dir"]["remote"]
            and "interpretation.remote" in s["referral_dir"]["needs"]
            and code in {language["code"] for language in s["languages"]}]


def test_some_demo_service_stays_open_over_midnight() -> None:
    assert any(hours["closes_at"] < hours["opens_at"] for s in SERVICES for hours in s["schedules"])
