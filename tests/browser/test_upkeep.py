"""A caseworker keeps the directory true in a real browser: on a phone without script, at a desk with it."""

from pathlib import Path
from typing import Any

import pytest

from referral_dir.desk.spreadsheets import csv_text, read_table
from tests.browser.test_story import Person, address, chromium

__all__ = ["address", "chromium"]


@pytest.mark.parametrize(("script", "width"), [(False, 390), (True, 1280)], ids=["phone, no script", "desk, script"])
def test_a_caseworker_checks_corrects_edits_many_and_joins_doubles(chromium: Any, address: str, tmp_path: Path,
                                                                   script: bool, width: int) -> None:
    visitor = Person(chromium, address, script, width)
    visitor.page.goto(address)
    visitor.page.click("text=I need something else")
    visitor.page.fill("#text", "food")
    visitor.page.fill("#near", "Key West")
    visitor.page.click("text=Show me who can help")
    visitor.page.click("text=Keys Food Table (invented)")
    visitor.page.click("text=Something is wrong here")
    visitor.page.check("input[name=about][value=phone]")
    visitor.page.fill("#text", "The number is +1 305 555 0177 now (invented)")
    visitor.picture("correct")
    visitor.page.click("button:text-is('Send')")
    visitor.see("Thank you")
    assert visitor.context.cookies() == []
    visitor.done()

    person = Person(chromium, address, script, width).sign_in("caseworker@demo.example")
    page = person.page
    page.goto(address + "/caseworker/services")
    person.see("must be checked")
    person.picture("services")
    page.goto(address + "/caseworker/suggestions")
    person.see("+1 305 555 0177")
    person.picture("suggestions")
    page.click("a:text-is('Put it right')")
    page.fill("#phones", "+1 305 555 0177 (every day)")
    page.fill("input[name=sa_opens]", "10:00")
    page.fill("input[name=sa_closes]", "12:00")
    page.click("summary:has-text('Closed days')")
    page.fill("#closed_first", "2099-12-25")
    page.click("summary:text-is('Add a place')")
    page.fill("#place_new_address_1", "2 Second Road (invented)")
    page.fill("#place_new_city", "Key West")
    page.fill("#place_new_country", "US")
    person.picture("editor")
    page.click("button:text-is('Look at the changes')")
    person.see("+1 305 555 0177 (every day)")
    person.see("What an officer will see")
    person.see("What the public will see")
    person.see("2 Second Road (invented), Key West")
    person.picture("preview")
    page.click("button:text-is('Save')")
    person.see("Demo Caseworker")
    page.click("button:text-is('Checked today: all is right')")
    person.see("Checked today.")
    person.picture("saved")

    page.goto(address + "/caseworker/new-service")
    page.fill("#name", "Harbour Transitional Homes (invented)")
    page.select_option("#organization_id", label="Demo Harbour House (invented)")
    page.click("button:text-is('Enter it')")
    page.fill("#phones", "+1 305 555 0103")
    page.click("button:text-is('Look at the changes')")
    page.click("button:text-is('Save')")
    page.goto(address + "/caseworker/doubles")
    person.see("Harbour Transitional Homes (invented)")
    person.picture("doubles")
    page.click("text=Compare >> nth=0")
    person.picture("double")
    page.click("button:text-is('Make them one')")
    person.see("The two are one now")
    person.picture("merged")
    page.click("button:has-text('Make them two again')")
    person.see("They are two again")

    page.goto(address + "/caseworker/bulk")
    person.picture("bulk")
    with page.expect_download() as download:
        page.click("text=As CSV")
    header, *rows = read_table(Path(download.value.path()).read_bytes())
    for row in rows:
        row.extend([""] * (len(header) - len(row)))
        row[header.index("fees_description")] = "free (invented)"
    rows[0][header.index("minimum_age")] = "forty"
    file = tmp_path / "edited.csv"
    file.write_text(csv_text(header, rows))
    page.set_input_files("#file", str(file))
    page.click("button:text-is('Look at the changes')")
    person.see("refused")
    person.picture("bulk-look")
    page.click(f"button:text-is('Save {len(rows) - 1} services')")
    person.see("What the file has changed")
    person.picture("bulk-done")
    person.done()
