"""After a raid: several people at once, by a list or a spreadsheet, and how they are served together."""

from pathlib import Path
from typing import Any

import pytest

from referral_dir.desk.spreadsheets import xlsx_bytes
from tests.browser.test_story import Person, address, chromium

__all__ = ["address", "chromium"]

PEOPLE = "2 women, Spanish\nmother + girl 6, Arabic\ngirl 15, Ukrainian, emergency, lawyer"
ROWS = (("2", "30", "woman", "Spanish"), ("2", "25", "woman", "Arabic"), ("1", "15", "girl", "Ukrainian"))


def begin(officer: Person) -> None:
    """The page, and what all of them have in common."""
    officer.page.goto(officer.address + "/officer/")
    officer.page.click("text=Several people at once")
    officer.picture("several-1-start")
    officer.page.fill("#near", "Miami, FL")
    officer.page.check("input[name=needs][value='shelter.emergency']")


def by_list(officer: Person) -> None:
    """Pasted, with a line that holds a name; mended, looked at again."""
    officer.page.fill("#lines", "2 women, Spanish\nRosa Unheard, Spanish\nwoman 25 with child 3, Arabic")
    officer.page.click("text=Look at it first")
    officer.see("2 lines were understood")
    officer.see("“Rosa Unheard” is not understood")
    officer.picture("several-2-preview")
    officer.page.fill("#lines", PEOPLE)
    officer.page.click("text=Look again")


def by_file(officer: Person, folder: Path) -> None:
    """A workbook with a column of names is refused as a whole; without it, its rows are read."""
    columns, named, clean = ("people", "age", "gender", "languages"), folder / "named.xlsx", folder / "people.xlsx"
    named.write_bytes(xlsx_bytes([("People", (*columns, "name"), [(*row, "Rosa Unheard") for row in ROWS])]))
    clean.write_bytes(xlsx_bytes([("People", columns, ROWS)]))
    officer.page.click("summary:has-text('Or from a spreadsheet')")
    officer.page.set_input_files("#file", str(named))
    officer.page.click("text=Look at it first")
    officer.see("a quick start holds no names")
    assert "Rosa" not in officer.page.content()
    officer.picture("several-2-refused")
    officer.page.set_input_files("#file", str(clean))
    officer.page.click("button[value=look]")


@pytest.mark.parametrize(("script", "width", "file"), [(False, 390, False), (True, 390, True), (True, 1280, False)],
                         ids=["phone, no script, list", "phone, script, file", "desk, script, list"])
def test_people_become_cases_that_are_served_together(chromium: Any, address: str, tmp_path: Path, script: bool,
                                                      width: int, file: bool) -> None:
    officer = Person(chromium, address, script, width).sign_in("officer@demo.example")
    page = officer.page
    begin(officer)
    if file:
        by_file(officer, tmp_path)
    else:
        by_list(officer)
    officer.see("3 lines were understood")
    officer.picture("several-3-ready")
    page.click("text=Open 3 cases")
    officer.see("3 cases opened together")
    assert page.locator("article h2").all_inner_texts()[1].startswith("Line 2"), "in the order of the list"
    if not file:
        officer.see("woman, girl of 6")
        officer.see("For Legal help")
    officer.picture("several-4-together")
    page.click("button:has-text('Ask this one') >> nth=0")
    page.wait_for_selector("#terms")
    page.goto(address + "/officer/cases")
    officer.see("Say what may be shared")
    officer.picture("several-5-cases")
    officer.done()
