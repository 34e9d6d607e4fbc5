"""The administrator brings a directory, looks at what it would change, and confirms; with script and without."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_story import Person, address, chromium

__all__ = ("address", "chromium")

BROUGHT = [{"id": "o1", "name": "Lantern (invented)", "description": "", "services": [
    {"id": "s1", "name": "Lantern Kitchen (invented)", "status": "active", "description": "Soup."},
    {"id": "s2", "name": "", "status": "active", "description": "Nobody knows what."}]}]


@pytest.mark.parametrize(("script", "width"), [(True, 390), (False, 390)], ids=["with script", "without script"])
def test_a_directory_is_brought_and_looked_at_first(
        chromium: Any, address: str, script: bool, width: int, tmp_path: Path) -> None:
    path = tmp_path / "lantern.json"
    path.write_text(json.dumps(BROUGHT))
    person = Person(chromium, address, script, width).sign_in("administrator@demo.example")
    page = person.page
    person.picture("administration-people")
    page.click("nav >> text=Imports")
    page.set_input_files("#file", str(path))
    person.picture("administration-imports")
    page.click("button:text-is('Try it out')")
    wait(page, script, "Checked: look at it")
    person.see("What it would change")
    person.picture("administration-import-checked")
    page.click("button:text-is('Write it into the directory')")
    wait(page, script, "In the directory")
    person.picture("administration-import-done")
    for name in ("organizations", "notices", "settings"):
        page.goto(f"{address}/administration/{name}")
        person.picture(f"administration-{name}")
    page.goto(f"{address}/administration/organizations?words=network")
    page.click("main article a")
    person.see("Give it another service to keep")
    person.picture("administration-organization")
    person.done()


def test_the_sign_in_page_of_the_demo_says_what_to_try(chromium: Any, address: str) -> None:
    person = Person(chromium, address, True, width=1280)
    person.page.goto(f"{address}/sign-in")
    person.see("supervisor@demo.example")
    person.see("Look at what was shared without consent in an emergency")
    person.picture("sign-in")
    person.sign_in("supervisor@demo.example")
    person.done()


def wait(page: Any, script: bool, text: str) -> None:
    """With script the page asks again by itself; without it there is a link."""
    for _ in range(60):
        if text in page.inner_text("main"):
            return
        page.wait_for_timeout(250)
        if not script and page.locator("text=See how far it is").count():
            page.click("text=See how far it is")
    raise AssertionError(page.inner_text("main")[:800])
