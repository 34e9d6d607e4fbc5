"""The board's pages and the page behind a reminder's link."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest

from referral_dir.desk import notify, reminders
from referral_dir.domain.access import Actor
from referral_dir.store.capacity import CapacityHistory
from referral_dir.store.db import transaction
from referral_dir.store.directory import ServiceCapacity
from tests import cast as people
from tests.web.conftest import Browser, World, token
from tests.web.pages import Page

SignIn = Callable[[Actor], Browser]
MAILER = notify.Mailer("mail.test.example", 25, "referrals@test.example", "https://directory.example")


def said_at(world: World, moment: datetime, available: int = 3) -> None:
    with transaction(world.store) as session:
        row = session.get_one(ServiceCapacity, world.cast.beds)
        row.updated, row.available = moment, available


def mailed(world: World) -> str:
    """The path that Petra is sent."""
    sent: list[EmailMessage] = []
    said_at(world, people.NOW - timedelta(hours=20))
    with transaction(world.store) as session:
        reminders.prepare(session, people.NOW)
    notify.deliver(world.store, MAILER, people.NOW, sent.append)
    [mail] = [m for m in sent if m["To"] == "petra@test.example" and "/numbers/" in m.get_content()]
    return "/numbers/" + str(mail.get_content().partition("/numbers/")[2].split()[0])


def test_the_board_goes_back_to_the_row_and_offers_to_undo(world: World, sign_in: SignIn) -> None:
    said_at(world, people.NOW - timedelta(hours=20))
    browser, beds = sign_in(world.cast.clara), world.cast.beds
    page = browser.get("/caseworker/").text
    assert page.index("needs a word from you") < page.index("Harbour Shelter")
    assert Page(page).problems == []
    answer = browser.post(f"/caseworker/capacity/{beds}/still-true", seen="3")
    assert answer.headers["Location"] == f"/caseworker/#row-{beds}"
    page = browser.get("/caseworker/").text
    assert "Undo: not confirmed" in page
    change = page.partition('name="change" value="')[2].partition('"')[0]
    assert browser.post(f"/caseworker/capacity/{beds}/undo", change=change).status_code == 302
    assert "needs a word from you" in browser.get("/caseworker/").text
    assert browser.post(f"/caseworker/capacity/{beds}/undo", change=change).status_code == 409


def test_a_conflict_shows_both_numbers_and_keeps_what_was_typed(world: World, sign_in: SignIn) -> None:
    browser, path = sign_in(world.cast.petra), f"/provider/capacity/{world.cast.beds}"
    said_at(world, people.NOW, 4)
    answer = browser.post(path, seen="3", available="7")
    assert answer.status_code == 409
    assert "It was 3 when you looked and is 4 now" in answer.text
    assert 'value="7"' in answer.text
    assert 'name="seen" value="4"' in answer.text
    assert browser.post(path, seen="4", available="many").status_code == 422
    assert browser.post(path, seen="4", available="7").status_code == 302


def test_the_week_has_a_table_and_is_for_keepers_alone(world: World, sign_in: SignIn) -> None:
    path = f"capacity/{world.cast.beds}/week"
    clara = sign_in(world.cast.clara)
    assert "Nothing was written down in these seven days" in clara.get(f"/caseworker/{path}").text
    with transaction(world.store) as session:
        session.add(CapacityHistory(sequence=10**6, capacity_id=world.cast.beds, at=people.NOW - timedelta(days=2),
                                    available=4, maximum=10, cause="other"))
    page = clara.get(f"/caseworker/{path}")
    assert page.status_code == 200
    assert "<table" in page.text
    assert "Petra" not in page.text
    assert sign_in(world.cast.carl).get(f"/caseworker/{path}").status_code == 404


def test_to_open_the_link_changes_nothing_and_sending_it_acts_once(world: World) -> None:
    path, beds, visitor = mailed(world), world.cast.beds, Browser(world.app.test_client())
    for method in ("HEAD", "GET", "GET"):
        assert visitor.client.open(path, method=method).headers["Location"] == "/numbers"
    page = visitor.get("/numbers").text
    visitor.token = token(page)
    assert people.free_beds(world.store, world.cast) == 3
    assert Page(page).problems == []
    for secret in ("Harbour", "Petra", "Miami", path.rpartition("/")[2], 'href="/sign-in"', "<nav"):
        assert secret not in page
    stepped = visitor.post("/numbers", step=f"more-{beds}", **{f"available-{beds}": "3", f"seen-{beds}": "3"}).text
    assert 'value="4"' in stepped
    assert people.free_beds(world.store, world.cast) == 3
    wrong = visitor.post("/numbers", **{f"available-{beds}": "four", f"seen-{beds}": "3"})
    assert (wrong.status_code, 'value="four"' in wrong.text) == (422, True)
    done = visitor.post("/numbers", **{f"available-{beds}": "4", f"seen-{beds}": "3"})
    assert "It is saved" in done.text
    assert people.free_beds(world.store, world.cast) == 4
    again = Browser(world.app.test_client())
    again.get(path)
    gone = again.get("/numbers")
    assert (gone.status_code, "does not work any more" in gone.text) == (422, True)


def test_the_link_opens_nothing_else_and_tries_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path, visitor = mailed(world), Browser(world.app.test_client())
    visitor.get(path)
    visitor.token = token(visitor.get("/numbers").text)
    for page in ("/provider/", "/provider/board", "/account", f"/provider/capacity/{world.cast.beds}/week"):
        assert visitor.get(page).headers["Location"].startswith("/sign-in"), page
    monkeypatch.setattr(reminders, "SENT_FROM_ONE_PLACE", 1)
    assert [visitor.post("/numbers").status_code for _ in range(2)] == [422, 429]
    visitor.client.get("/numbers/made-up")
    assert visitor.get("/numbers").status_code == 422
