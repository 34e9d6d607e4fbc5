"""The second step in a real browser, outside the demo: passkeys by a virtual key, time codes without script."""

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from waitress import create_server

import config
from referral_dir import create_app
from referral_dir.domain.access import Actor
from referral_dir.store.db import Store, transaction
from referral_dir.store.people import Person
from tests import cast as people
from tests.browser.test_story import Person as Visitor
from tests.browser.test_story import chromium as chromium


@pytest.fixture
def served(sqlite_store: Store, tmp_path: Path) -> Iterator[tuple[str, people.Cast]]:
    """Served on localhost: a secure context for browsers, and a name, without which there are no passkeys."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = config.load_settings({"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(tmp_path / "instance"),
                                     "REFERRAL_DIR_BASE_URL": f"http://localhost:{port}"})
    settings = replace(settings, demo=False)
    cast = people.build(sqlite_store, password_hash=PasswordHasher(1, 8, 1).hash(people.PASSWORD))
    server = create_server(create_app(settings, sqlite_store), host="127.0.0.1", port=port, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://localhost:{port}", cast
    server.close()


def sign_in(visitor: Visitor, cast: people.Cast, actor: Actor) -> None:
    visitor.page.goto(visitor.address + "/sign-in")
    visitor.page.fill("#email", cast.emails[actor.person_id])
    visitor.page.fill("#password", people.PASSWORD)
    visitor.page.click("main button:text-is('Sign in')")


def plug_in(visitor: Visitor) -> None:
    """A key of the browser's own making, that says yes to everything."""
    devtools = visitor.context.new_cdp_session(visitor.page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True}})


def test_a_passkey_is_made_and_signs_in(chromium: Any, served: tuple[str, people.Cast]) -> None:
    address, cast = served
    olga = Visitor(chromium, address, script=True)
    plug_in(olga)
    sign_in(olga, cast, cast.olga)
    olga.see("Set up one of these two to go on")
    olga.picture("factors-first")
    olga.page.fill("#name", "my phone")
    olga.page.click("button:text-is('Add a passkey')")
    olga.page.wait_for_selector("ol.codes")
    assert olga.page.locator("ol.codes li").count() == 10
    olga.picture("factors-codes")
    olga.page.goto(address + "/account/factors")
    olga.see("my phone")
    olga.picture("factors-own")
    olga.page.click("nav button:text-is('Sign out')")
    sign_in(olga, cast, cast.olga)
    olga.see("Second step")
    olga.picture("factors-second")
    olga.page.click("button:text-is('Use a passkey')")
    olga.page.wait_for_url("**/officer/")
    olga.see("What is needed?")
    olga.page.goto(address + "/account/factors")
    olga.page.click("button:has-text('Remove')")
    olga.see("last second factor")
    olga.picture("factors-last")
    olga.done()


def test_time_codes_are_set_up_and_sign_in_without_script(chromium: Any, served: tuple[str, people.Cast],
                                                          sqlite_store: Store) -> None:
    address, cast = served
    olga = Visitor(chromium, address, script=False)
    sign_in(olga, cast, cast.olga)
    olga.page.click("text=Set up time codes")
    olga.picture("factors-totp")
    secret = re.sub(r"\s", "", olga.page.inner_text("ol.steps strong"))
    assert olga.page.locator("ol.steps img").get_attribute("src").startswith("data:image/svg+xml")
    olga.page.fill("#code", "000000")
    olga.page.click("button:text-is('Use time codes')")
    olga.see("not the code")
    assert re.sub(r"\s", "", olga.page.inner_text("ol.steps strong")) == secret, "the same secret is asked for again"
    olga.page.fill("#code", pyotp.TOTP(secret).now())
    olga.page.click("button:text-is('Use time codes')")
    code = olga.page.inner_text("ol.codes li:first-child")
    olga.page.click("text=I have written them down")
    olga.see("What is needed?")
    olga.page.click("nav button:text-is('Sign out')")
    with transaction(sqlite_store) as session:
        session.get_one(Person, cast.olga.person_id).totp_step = 1  # half a minute passes
    sign_in(olga, cast, cast.olga)
    olga.page.fill("#code", pyotp.TOTP(secret).at(datetime.now(UTC)))
    olga.page.click("button:text-is('Go on')")
    olga.see("What is needed?")
    olga.page.click("nav button:text-is('Sign out')")
    sign_in(olga, cast, cast.olga)
    olga.page.click("main summary")
    olga.page.fill("#recovery", code)
    olga.picture("factors-recovery")
    olga.page.click("button:text-is('Use this code')")
    olga.see("9 recovery codes are left")
    olga.done()
