"""An account at a phone, with script and without: sessions, stepping up, a forgotten password."""

from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

import config
from referral_dir.desk import notify, resets
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, transaction
from tests.browser.test_story import Person, address, chromium  # noqa: F401

NEW = "tulips on the railway bridge"
MAIL = "officer@demo.example"


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_an_account_is_looked_after(
        chromium: Any, address: str, sqlite_store: Store, settings: config.Settings, script: bool) -> None:  # noqa: F811
    lost, officer = (Person(chromium, address, script).sign_in(MAIL) for _ in range(2))
    page = officer.page
    page.goto(address + "/account")
    officer.see("Another session")
    officer.picture("account")
    page.click("button:text-is('End it')")
    assert "Another session" not in page.inner_text("main")
    lost.page.goto(address + "/officer/cases")
    assert "/sign-in" in lost.page.url
    page.goto(address + "/step-up?next=/account")
    officer.picture("step-up")
    page.fill("#password", "not the password at all")
    page.click("main button")
    officer.see("not your present password")
    officer.picture("step-up-refused")
    forgotten(lost, address, Store(sqlite_store.engine, KeyRing.parse(settings.master_keys)))
    page.goto(address + "/account")
    assert "/sign-in" in page.url, "a reset ends every session"
    officer.done()
    lost.done()


def forgotten(person: Person, address: str, store: Store) -> None:  # noqa: F811
    page = person.page
    page.goto(address + "/sign-in")
    person.picture("sign-in")
    page.click("text=Forgotten password")
    person.picture("reset")
    page.fill("#email", MAIL)
    page.click("main button")
    person.see("Look into your mail")
    person.picture("reset-asked")
    page.goto(address + link_sent(address, store))
    assert page.url == address + "/reset/new"
    page.fill("#password", "demo only, invented")
    page.click("main button")
    person.see("tried first")
    person.picture("reset-refused")
    page.fill("#password", NEW)
    page.click("main button")
    person.see("Your password is changed")
    person.picture("reset-done")
    page.click("main a")
    page.fill("#email", MAIL)
    page.fill("#password", NEW)
    page.click("main button")
    assert page.url.startswith(address + "/officer")


def link_sent(address: str, store: Store) -> str:  # noqa: F811
    sent: list[EmailMessage] = []
    now = datetime.now(UTC)
    with transaction(store) as session:
        resets.prepare(session, now)
    notify.deliver(store, notify.Mailer("mail.test.example", 25, "r@test.example", address), now, sent.append)
    return str(sent[0].get_content().partition(address)[2].split()[0])
