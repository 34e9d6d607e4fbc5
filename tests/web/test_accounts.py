"""Signing in, sessions, stepping up and a forgotten password, through the pages."""

import base64
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

import config
from referral_dir import create_app
from referral_dir.desk import accounts, notify, resets
from referral_dir.desk.passwords import hash_password
from referral_dir.domain.access import ACTIONS, Actor
from referral_dir.store.db import Store, transaction
from referral_dir.store.people import LoginSession, Person
from referral_dir.web.auth import PENDING_MAY, action
from tests import cast as people
from tests.web import access_walk
from tests.web.conftest import Browser, World, token

NEW = "tulips on the railway bridge"
SITE = "https://directory.example"


@pytest.fixture
def password_hash(cheap_passwords: None) -> str:
    return hash_password(people.PASSWORD)


@pytest.fixture
def outside(world: World, tmp_path: Path) -> World:
    """The same people, outside the demo."""
    settings = config.load_settings({
        "REFERRAL_DIR_SECRET_KEY": "s" * 40, "REFERRAL_DIR_BASE_URL": SITE, "REFERRAL_DIR_TRUSTED_PROXY": "1",
        "REFERRAL_DIR_MASTER_KEYS": "k1:" + base64.b64encode(b"k" * 32).decode(),
        "REFERRAL_DIR_AUDIT_KEY": base64.b64encode(b"a" * 32).decode(),
        "REFERRAL_DIR_INSTANCE": str(tmp_path / "outside")})
    app = create_app(settings, world.store)
    return World(app, world.store, world.cast, world.case, world.consent, world.handoff)


class Visitor(Browser):
    """Someone who comes by https through the proxy."""

    def __init__(self, app: Flask, address: str = "198.51.100.7") -> None:
        super().__init__(app.test_client())
        self.client.environ_base |= {"HTTP_X_FORWARDED_FOR": address, "HTTP_X_FORWARDED_PROTO": "https",
                                     "HTTP_X_FORWARDED_HOST": "directory.example"}

    def sign_in(self, password: str = people.PASSWORD) -> Any:
        self.token = token(self.client.get("/sign-in", base_url=SITE).text)
        return self.client.post("/sign-in", base_url=SITE, headers={"Referer": SITE + "/sign-in"}, data={
            "csrf_token": self.token, "email": "olga@test.example", "password": password})


def test_outside_the_demo_a_password_alone_reaches_only_the_second_factor(outside: World) -> None:
    visitor = Visitor(outside.app)
    answer = visitor.sign_in()
    assert answer.headers["Location"] == "/sign-in/second"
    assert "Secure" in answer.headers["Set-Cookie"]
    assert answer.headers["Set-Cookie"].startswith("__Host-session=")
    visitor.token = token(visitor.client.get("/reset", base_url=SITE).text)
    tried = 0
    for step in access_walk.steps(access_walk.build(outside)):
        method, path, name = step.method, step.real, step.action
        if method not in ("GET", "POST") or not step.declared or not ACTIONS[name] or name in PENDING_MAY \
                or name == "account:factors":
            continue
        tried += 1
        answer = visitor.client.open(path, method=method, base_url=SITE, headers={"Referer": SITE + path},
                                     data={"csrf_token": visitor.token} if method == "POST" else None)
        gone_to = answer.headers.get("Location", "")
        assert gone_to.startswith("/sign-in/second"), f"{method} {path}: {answer.status_code} {gone_to}"
    assert tried > 30
    assert visitor.client.get("/sign-in", base_url=SITE).headers["Location"] == "/sign-in/second"
    assert "Olga" not in visitor.client.get("/about", base_url=SITE).text


def test_a_pending_session_signs_out(outside: World) -> None:
    visitor = Visitor(outside.app)
    visitor.sign_in()
    visitor.token = token(visitor.client.get("/reset", base_url=SITE).text)
    answer = visitor.client.post("/sign-out", base_url=SITE, headers={"Referer": SITE}, data={
        "csrf_token": visitor.token})
    assert answer.status_code == 302
    assert visitor.client.get("/sign-in", base_url=SITE).status_code == 200


@pytest.mark.parametrize(("has_factor", "code"), [(False, 200), (True, 302)])
def test_whoever_has_a_second_factor_must_show_it_before_adding_another(
        outside: World, has_factor: bool, code: int) -> None:
    with transaction(outside.store) as session:
        session.get_one(Person, outside.cast.olga.person_id).totp_secret = b"sealed" if has_factor else None
    outside.app.add_url_rule("/try/factors", "try_factors", action("account:factors", step_up=True)(lambda: "in"))
    visitor = Visitor(outside.app)
    visitor.sign_in()
    assert visitor.client.get("/try/factors", base_url=SITE).status_code == code


def test_behind_a_trusted_proxy_the_clients_own_address_counts_and_https_is_seen(outside: World) -> None:
    for _ in range(accounts.TRIES["sign_in.pair"]):
        assert Visitor(outside.app).sign_in("wrong words in a row").status_code == 422
    refused = Visitor(outside.app).sign_in()
    assert refused.status_code == 429
    assert refused.headers["Strict-Transport-Security"]
    assert Visitor(outside.app, "203.0.113.20").sign_in().status_code == 302, "others are not slowed down with them"
    forged = Visitor(outside.app, "192.0.2.1, 198.51.100.7")
    assert forged.sign_in().status_code == 429, "what a client writes before its proxy does is not believed"


def test_without_a_trusted_proxy_no_header_is_believed(world: World) -> None:
    client = world.app.test_client()
    form = {"csrf_token": token(client.get("/sign-in").text), "email": "olga@test.example", "password": "wrong words"}
    codes = [client.post("/sign-in", data=form, headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
             for n in range(accounts.TRIES["sign_in.pair"] + 1)]
    assert codes[-2:] == [422, 429]
    assert "Strict-Transport-Security" not in client.get("/", headers={"X-Forwarded-Proto": "https"}).headers


def cookie(browser: Browser) -> str:
    found = browser.client.get_cookie("session")
    assert found is not None
    return found.value


def minutes_pass(world: World) -> None:
    """Eleven since anyone showed who they are."""
    with transaction(world.store) as session:
        session.execute(update(LoginSession).values(stepped_up=datetime.now(UTC) - timedelta(minutes=11)))


def test_a_sensitive_page_asks_for_the_password_again_every_ten_minutes(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    view = action("account:read", step_up=True)(lambda: "the address")
    world.app.add_url_rule("/try/page", "try_page", view)
    world.app.add_url_rule("/try/act", "try_act", view, methods=["POST"])
    browser = sign_in(world.cast.olga)
    assert browser.get("/try/page").text == "the address", "who has just signed in has shown who they are"
    minutes_pass(world)
    assert browser.get("/try/page").headers["Location"] == "/step-up?next=/try/page"
    page = browser.get("/step-up?next=/try/page")
    assert 'value="/try/page"' in page.text
    assert browser.post("/step-up", password="wrong words in a row", next="/try/page").status_code == 422
    before = cookie(browser)
    answer = browser.post("/step-up", password=people.PASSWORD, next="/try/page")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/try/page")
    assert browser.get("/try/page").text == "the address"
    thief = Browser(world.app.test_client())
    thief.client.set_cookie("session", before)
    assert thief.get("/account").headers["Location"].startswith("/sign-in"), "the token of before is worth nothing"
    minutes_pass(world)
    browser.token = token(browser.get("/account").text)
    assert browser.get("/try/page").status_code == 302
    assert browser.post("/try/act", back="/account").headers["Location"] == "/step-up?next=/account"
    assert browser.post("/try/act", back="https://evil.example").headers["Location"] == "/step-up?next=/officer/"
    assert browser.get("/step-up?next=//evil.example").text.count("evil") == 0


def test_the_account_page_lists_sessions_and_ends_them(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    there, here = sign_in(world.cast.olga), sign_in(world.cast.olga)
    page = here.get("/account").text
    assert (page.count("This session"), page.count("Another session")) == (1, 1)
    other = page.partition('name="session" value="')[2].partition('"')[0]
    stranger = sign_in(world.cast.omar)
    for wrong in (other, "nonsense", str(world.case)):
        assert stranger.post("/account/sessions/end", session=wrong).status_code == 404
    assert there.get("/officer/cases").status_code == 200
    assert here.post("/account/sessions/end", session=other).status_code == 302
    assert there.get("/officer/cases").headers["Location"].startswith("/sign-in")
    again = sign_in(world.cast.olga)
    assert here.post("/account/sessions/end", others="1").status_code == 302
    assert again.get("/officer/cases").status_code == 302
    assert here.get("/officer/cases").status_code == 200


def test_a_new_password_signs_out_elsewhere_and_goes_on_here(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    there, here = sign_in(world.cast.olga), sign_in(world.cast.olga)
    wrong = here.post("/account", old=people.PASSWORD, password="olga border unit")
    assert wrong.status_code == 422
    assert "mostly a name" in wrong.text
    before = cookie(here)
    assert here.post("/account", old=people.PASSWORD, password=NEW).status_code == 302
    assert there.get("/officer/cases").status_code == 302
    assert here.get("/officer/cases").status_code == 200
    here.client.set_cookie("session", before)
    assert here.get("/officer/cases").status_code == 302


def test_a_forgotten_password_is_set_anew_and_its_token_is_in_no_page_and_no_log(
        world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = Browser(world.app.test_client())
    browser.token = token(browser.get("/reset").text)
    assert "Look into your mail" in browser.post("/reset", email="olga@test.example").text
    sent: list[EmailMessage] = []
    with transaction(world.store) as session:
        resets.prepare(session, datetime.now(UTC))
    mailer = notify.Mailer("mail.test.example", 25, "referrals@test.example", "http://localhost")
    notify.deliver(world.store, mailer, datetime.now(UTC), sent.append)
    mail = next(m for m in sent if "/reset/" in m.get_content())
    path = mail.get_content().partition("http://localhost")[2].split()[0]
    answer = browser.get(path)
    assert answer.headers["Location"] == "/reset/new"
    page = browser.get("/reset/new")
    browser.token = token(page.text)
    refused = browser.post("/reset/new", password="olga border unit")
    assert refused.status_code == 422
    done = browser.post("/reset/new", password=NEW)
    assert "Your password is changed" in done.text
    assert browser.get(path).status_code == 302
    gone = browser.get("/reset/new")
    assert (gone.status_code, "does not work any more" in gone.text) == (422, True)
    secret = path.rpartition("/")[2]
    assert all(secret not in text for text in (answer.text, page.text, refused.text, done.text, gone.text, caplog.text))
    browser.token = token(browser.get("/sign-in").text)
    assert browser.post("/sign-in", email="olga@test.example", password=NEW).status_code == 302


def test_who_was_sent_to_sign_in_arrives_where_they_wanted_to(world: World) -> None:
    browser = Browser(world.app.test_client())
    target = f"/waiting/{world.handoff}"
    page = browser.get(browser.get(target).headers["Location"])
    browser.token = token(page.text)
    answer = browser.post("/sign-in", email="olga@test.example", password=people.PASSWORD, next=target)
    assert answer.headers["Location"] == target


def test_no_route_takes_a_case_reference(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    """Nobody can try references out: records are asked for by random ids alone."""
    from sqlalchemy import select

    from referral_dir.store.cases import Case

    with transaction(world.store) as session:
        reference = session.scalars(select(Case.reference)).one()
    kinds = {(name, type(converter).__name__) for rule in world.app.url_map.iter_rules()
             for name, converter in rule._converters.items()}
    assert {kind for name, kind in kinds if name.endswith("_id")} == {"UUIDConverter"}
    assert {name for name, kind in kinds if kind == "UnicodeConverter"} <= {
        "country", "token", "version", "code"}  # of a consent notice
    browser = sign_in(world.cast.olga)
    for path in ("/officer/case/{}", "/officer/handoff/{}", "/waiting/{}", "/provider/handoff/{}"):
        assert browser.get(path.format(reference)).status_code == 404
        assert browser.get(path.format(reference[:8])).status_code == 404


def test_a_store_that_is_opened_outside_the_demo_does_not_open_to_its_password(
        world: World, outside: World, sqlite_store: Store) -> None:
    from referral_dir.desk.demo import DEMO_PASSWORD, add_demo_accounts

    with transaction(sqlite_store) as session:
        assert add_demo_accounts(session, datetime.now(UTC))
    form = {"email": "officer@demo.example", "password": DEMO_PASSWORD}
    inside = world.app.test_client()
    assert inside.post("/sign-in", data={
        **form, "csrf_token": token(inside.get("/sign-in").text)}).status_code == 302
    visitor = Visitor(outside.app)
    visitor.token = token(visitor.client.get("/sign-in", base_url=SITE).text)
    assert visitor.client.post("/sign-in", base_url=SITE, headers={"Referer": SITE}, data={
        **form, "csrf_token": visitor.token}).status_code == 422


def test_whoever_was_signed_out_for_doing_nothing_is_told_and_a_stranger_is_not(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    olga = sign_in(world.cast.olga)
    with transaction(world.store) as session:
        session.execute(update(LoginSession).values(last_seen=datetime.now(UTC) - timedelta(minutes=16)))
    assert "You were signed out" in olga.client.get("/officer/", follow_redirects=True).text
    assert "You were signed out" not in world.app.test_client().get("/officer/", follow_redirects=True).text
    left = sign_in(world.cast.olga)
    left.post("/sign-out")
    assert "You were signed out" not in left.client.get("/sign-in").text
