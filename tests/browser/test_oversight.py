"""An overseer on a phone and at a desk: the trail narrowed and paged, the figures, and a map beside an answer."""

from typing import Any

import pytest

from tests.browser.test_story import Person, address, chromium

__all__ = ["address", "chromium"]


@pytest.mark.parametrize(("width", "script"), [(390, False), (1280, True)], ids=["phone without script", "desk"])
def test_an_overseer_finds_who_did_what_and_reads_the_figures(
        chromium: Any, address: str, width: int, script: bool) -> None:
    officer = Person(chromium, address, script, width).sign_in("officer@demo.example")
    officer.page.check("input[name=needs][value='shelter.safe_house']")
    officer.page.fill("#near", "Miami, FL")
    officer.page.click("main button:text-is('Find')")
    assert officer.page.locator("figure.map svg[role=img]").count() == 1
    officer.page.click("text=The map in words")
    officer.see("Hidden: somewhere in or around Miami")
    officer.page.locator(".map-words a").first.click()
    assert officer.page.url.endswith("#match-1")
    officer.picture("map")
    officer.done()

    overseer = Person(chromium, address, script, width).sign_in("overseer@demo.example")
    page = overseer.page
    overseer.see("Demo Officer searched for services")
    overseer.picture("trail")
    page.click("text=Choose which entries")
    page.select_option("#action", label="Someone searched for services")
    page.click("main button:text-is('Show')")
    assert page.locator("tbody tr").count() == 1
    assert page.input_value("#action") == "service:find", "the filter stays"
    page.click("nav >> text=Figures")
    overseer.see("What was asked for and not found")
    overseer.see("fewer than 5")
    assert page.locator("figure.chart svg[role=img]").count() == 3
    overseer.picture("figures")
    page.select_option("#month", index=0)
    page.click("main button:text-is('Show')")
    overseer.see("This month is not over")
    overseer.see("Demo Officer searched for services")
    overseer.done()
