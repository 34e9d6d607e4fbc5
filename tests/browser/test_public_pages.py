"""A person who seeks help: on a phone, in Arabic too, with script and without; and nothing stays in the browser."""

from typing import Any

import pytest

from tests.browser.test_story import Person, address, chromium

__all__ = ("address", "chromium")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_help_is_found_in_one_screen_and_nothing_is_kept(chromium: Any, address: str, script: bool) -> None:
    visitor = Person(chromium, address, script)
    page = visitor.page
    page.goto(address)
    visitor.see("Are you in danger? Call now.")
    visitor.picture("public-home")
    page.check("input[name=wish][value=food]")
    page.fill("#near", "Springfield")
    page.click("text=Show me who can help")
    visitor.see("There is more than one place with this name")
    visitor.picture("public-which")
    page.goto(address)
    page.check("input[name=wish][value=food]")
    page.fill("#near", "Key West")
    page.click("text=Show me who can help")
    visitor.see("Keys Food Table (invented)")
    visitor.picture("public-found")
    assert "food" not in page.url
    assert page.title() == "Help"
    page.click("text=Keys Food Table (invented)")
    visitor.see("They help with")
    visitor.picture("public-service")
    page.click("text=A small card to print")
    visitor.picture("public-card")
    for path in ("safety", "about", "helplines"):
        page.goto(f"{address}/{path}")
        visitor.picture(f"public-{path}")
    page.select_option("#country", "US")
    page.click("text=Show the numbers")
    visitor.see("1-888-373-7888")
    visitor.see("The call is free")
    visitor.picture("public-numbers")
    assert "US" not in page.url
    assert visitor.context.cookies() == []
    page.click(".top [data-exit]")
    page.wait_for_url("**/leave")
    assert page.inner_text("body").strip() == ""
    visitor.done()


def test_help_is_found_in_arabic_and_the_language_stays(chromium: Any, address: str) -> None:
    visitor = Person(chromium, address, True)
    page = visitor.page
    page.goto(f"{address}/?lang=ar")
    assert page.get_attribute("html", "dir") == "rtl"
    assert page.input_value("#speak") == "ar"
    visitor.picture("public-home-ar")
    page.check("input[name=wish][value=lawyer]")
    page.fill("#near", "Miami, FL")
    page.click("#ask button.wide")
    assert page.get_attribute("html", "dir") == "rtl"
    assert page.locator("article h3 a").count() > 2
    visitor.picture("public-found-ar")
    page.click("details.menu summary")
    page.click("details.menu button[lang=en]")
    visitor.see("Help near Miami")
    assert page.is_checked("input[name=wish][value=lawyer]")
    assert visitor.context.cookies() == []
    visitor.done()


def test_a_wide_screen_has_room_for_it(chromium: Any, address: str) -> None:
    visitor = Person(chromium, address, True, width=1280)
    visitor.page.goto(address)
    visitor.picture("public-home")
    visitor.page.check("input[name=wish][value=sleep]")
    visitor.page.click("text=Show me who can help")
    visitor.picture("public-found")
    assert "Harbour Safe House" not in visitor.page.content(), "a hidden house is never here"
    visitor.done()
