"""The availability board on a phone: with script and without, by keys alone, by swipe, in Arabic; and the link."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import update

from referral_dir.desk import notify, reminders
from referral_dir.store.db import Store, transaction
from referral_dir.store.directory import ServiceCapacity
from referral_dir.store.people import Person as Member
from tests.browser.counting import Counter, written_down
from tests.browser.test_story import Person, address, chromium

__all__ = ["address", "chromium"]
ROW = ".board > li >> nth=0"
SWIPE = """row => { const at = (type, x) => row.querySelector("h3").dispatchEvent(new PointerEvent(
    type, {bubbles: true, pointerType: "touch", clientX: x, clientY: 9})); at("pointerdown", 20); at("pointerup", 180);
}"""


@pytest.fixture
def stale(address: str, sqlite_store: Store) -> str:
    """The demo, a day after anybody spoke of its numbers."""
    with transaction(sqlite_store) as session:
        session.execute(update(ServiceCapacity).values(updated=datetime.now(UTC) - timedelta(days=1)))
    return address


def first_row(page: Any) -> str:
    return str(page.get_attribute(ROW, "id"))


def free(page: Any, row: str) -> int:
    return int(page.input_value(f"#{row} input.short"))


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_number_is_confirmed_changed_and_undone_in_a_tap_each_and_by_mail(
        chromium: Any, stale: str, sqlite_store: Store, script: bool) -> None:
    path = mailed(sqlite_store, stale)
    keeper = Person(chromium, stale, script).sign_in("caseworker@demo.example")
    page, counter = keeper.page, Counter(keeper.page, taps=1)  # to sign in
    keeper.picture("board-stale")
    row = first_row(page)
    counter.tap(f"#{row} [data-key=y]")
    keeper.see("Confirmed, as of now.")
    written_down(counter, "a number of free places is confirmed")
    assert page.url.endswith(f"#{row}")
    before = free(page, row)
    page.click(f"#{row} [data-key='-']")
    assert free(page, row) == before - 1
    page.click(f"#{row} [data-key='+']")
    page.click(f"#{row} [data-key='+']")
    assert free(page, row) == before + 1
    page.click(f"#{row} [data-key=u]")
    assert free(page, row) == before
    page.fill(f"#{row} input.short", "90000")
    page.press(f"#{row} input.short", "Enter")
    assert page.input_value(f"#{row} input.short") == "90000"
    keeper.picture("board-wrong")
    page.click(f"#{row} a:text-is('The last seven days')")
    keeper.see("Nothing was written down in these seven days.")
    keeper.picture("board-week")
    keeper.done()
    confirm_by_mail(Person(chromium, stale, script), path)


def mailed(store: Store, site: str) -> str:
    """The link that the demo's caseworker is sent."""
    sent: list[EmailMessage] = []
    with transaction(store) as session:
        reminders.prepare(session, datetime.now(UTC))
    mailer = notify.Mailer("mail.test.example", 25, "referrals@test.example", site)
    notify.deliver(store, mailer, datetime.now(UTC), sent.append)
    [mail] = [m for m in sent if m["To"] == "caseworker@demo.example"]
    return str(mail.get_content().partition("\n\n")[2].split()[0])


def confirm_by_mail(keeper: Person, path: str) -> None:
    page = keeper.page
    page.goto(path)
    assert page.url.endswith("/numbers")
    keeper.picture("link")
    before = int(page.input_value("input.short >> nth=0"))
    page.click("button:text-is('+') >> nth=0")
    assert int(page.input_value("input.short >> nth=0")) == before + 1
    page.click("button.wide >> nth=0")
    keeper.see("It is saved")
    page.goto(path)
    keeper.see("does not work any more")
    keeper.done()


def test_keys_and_a_swipe_do_what_the_buttons_do_and_it_fits_in_arabic_at_320_pixels(
        chromium: Any, stale: str, sqlite_store: Store) -> None:
    keeper = Person(chromium, stale, True, 320).sign_in("caseworker@demo.example")
    page = keeper.page
    row, key = first_row(page), page.keyboard.press
    before = free(page, row)
    page.focus(f"#{row} [data-key=y]")
    for pressed, number in (("y", before), ("-", before - 1), ("u", before)):
        with page.expect_navigation():
            key(pressed)
        assert (free(page, row), page.evaluate("document.activeElement.id")) == (number, row)
    key("k")
    other = page.evaluate("document.activeElement.id")
    assert other not in ("", row)
    key("j")
    assert page.evaluate("document.activeElement.id") == row
    row = first_row(page)
    with page.expect_navigation():
        page.evaluate(SWIPE, page.query_selector(ROW))
    keeper.see("Confirmed, as of now.")
    assert page.is_visible(f"#{row} [data-key=u]"), "a swipe can be undone"
    with transaction(sqlite_store) as session:
        session.execute(update(Member).values(language="ar"))
    page.reload()
    assert page.get_attribute("html", "dir") == "rtl"
    keeper.picture("board-arabic")
    keeper.done()
