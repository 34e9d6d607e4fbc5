"""After a raid: several people at once, by a list, and how they are served together; on a phone."""

from typing import Any

import pytest

from tests.browser.test_story import Person, address, chromium  # noqa: F401


@pytest.mark.parametrize("script", [False], ids=["without script"])
def test_a_list_becomes_cases_that_are_served_together(chromium: Any, address: str, script: bool) -> None:  # noqa: F811
    officer = Person(chromium, address, script).sign_in("officer@demo.example")
    page = officer.page
    page.goto(address + "/officer/cases")
    officer.picture("several-0-cases")
    page.click("text=Several people at once")
    officer.picture("several-1-start")
    page.fill("#lines", "2 women, Spanish\nRosa Unheard, Spanish\nwoman 25 with child 3, Arabic")
    page.fill("#near", "Miami, FL")
    page.check("input[name=needs][value='shelter.emergency']")
    page.click("text=Look at it first")
    officer.see("2 lines were understood")
    officer.see("“Rosa Unheard” is not understood")
    officer.picture("several-2-preview")
    page.fill("#lines", "2 women, Spanish\nwoman 25 with child 3, Arabic\ngirl 15, Ukrainian, emergency")
    page.click("text=Look again")
    officer.picture("several-3-ready")
    page.click("text=Open 3 cases")
    officer.see("3 cases opened together")
    officer.picture("several-4-together")
    page.click("button:has-text('Ask this one') >> nth=0")
    page.wait_for_selector("#terms")
    page.goto(address + "/officer/cases")
    officer.see("Say what may be shared")
    officer.picture("several-5-cases")
    officer.done()
