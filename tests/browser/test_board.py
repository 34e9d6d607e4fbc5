"""The availability board on a phone: with script and without, by keys alone, by swipe, in Arabic; and the link."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import select, update

from referral_dir.desk import notify, reminders
from referral_dir.store.db import Store, transaction
from referral_dir.store.directory import ServiceCapacity
from referral_dir.store.people import Person as Member
from tests.browser.counting import Counter
from tests.browser.test_story import Person, address, chromium

__all__ = ["address", "chromium"]
ROW = ".board > li >> nth=0"


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
def test_a_number_is_confirmed_in_one_tap_changed_in_one_and_undone_in_one(
        chromium: Any, stale: str, script: bool) -> None:
    keeper = Person(chromium, stale, script).sign_in("caseworker@demo.example")
    page, counter = keeper.page, Counter(keeper.page)
    keeper.picture("board-stale")
    row = first_row(page)
    counter.tap(f"#{row} [data-key=y]")
    keeper.see("Confirmed, as of now.")
    assert counter.total <= 2, counter.told()
    assert page.url.endswith(f"#{row}")
    assert page.evaluate("document.activeElement.id") == row if script else True
    keeper.picture("board-confirmed")
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
    keeper.see("Free places by day")
    keeper.picture("board-week")
    keeper.done()


def test_keys_and_a_swipe_do_what_the_buttons_do(chromium: Any, stale: str) -> None:
    keeper = Person(chromium, stale, True).sign_in("caseworker@demo.example")
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
        page.evaluate("""row => { const at = (type, x) => row.querySelector("h3").dispatchEvent(new PointerEvent(
            type, {bubbles: true, pointerType: "touch", clientX: x, clientY: 9}));
            at("pointerdown", 20); at("pointerup", 180); }""", page.query_selector(ROW))
    keeper.see("Confirmed, as of now.")
    assert page.is_visible(f"#{row} [data-key=u]"), "a swipe can be undone"
    keeper.done()


def test_the_board_in_arabic_on_a_narrow_phone_and_wide(chromium: Any, stale: str, sqlite_store: Store) -> None:
    with transaction(sqlite_store) as session:
        session.execute(update(Member).values(language="ar"))
    for width in (320, 1280):
        keeper = Person(chromium, stale, True, width).sign_in("caseworker@demo.example")
        assert keeper.page.get_attribute("html", "dir") == "rtl"
        keeper.picture("board-arabic")
        keeper.done()
    with transaction(sqlite_store) as session:
        session.execute(update(Member).values(language=None))
    keeper = Person(chromium, stale, True, 1280).sign_in("caseworker@demo.example")
    keeper.picture("board-wide")
    keeper.done()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_the_link_in_the_mail_confirms_without_signing_in(
        chromium: Any, stale: str, sqlite_store: Store, script: bool) -> None:
    sent: list[EmailMessage] = []
    now = datetime.now(UTC)
    with transaction(sqlite_store) as session:
        reminders.prepare(session, now)
    mailer = notify.Mailer("mail.test.example", 25, "referrals@test.example", stale)
    notify.deliver(sqlite_store, mailer, now, sent.append)
    [mail] = [m for m in sent if m["To"] == "caseworker@demo.example"]
    keeper = Person(chromium, stale, script)
    page = keeper.page
    page.goto(str(mail.get_content().partition("\n\n")[2].split()[0]))
    assert page.url.endswith("/numbers")
    keeper.picture("link")
    page.click("button:text-is('+') >> nth=0")
    page.click("button.wide >> nth=0")
    keeper.see("It is saved")
    keeper.picture("link-done")
    page.goto(stale + "/numbers")
    keeper.see("does not work any more")
    keeper.picture("link-gone")
    with transaction(sqlite_store) as session:
        assert session.scalars(select(ServiceCapacity).where(ServiceCapacity.updated > now - timedelta(hours=1))).all()
    keeper.done()
