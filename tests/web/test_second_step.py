"""Signing in outside the demo, in two steps, as a browser does it: https, CSRF on, cookies that only https carries."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient

import config
from referral_dir import create_app
from referral_dir.desk import accounts, notify
from referral_dir.domain.access import Actor
from referral_dir.store.db import Store, transaction
from referral_dir.store.people import LoginSession, Passkey, Person
from referral_dir.store.records import AuditEntry
from tests import cast as people
from tests.authenticator import Authenticator
from tests.web.conftest import token

BASE = "https://directory.example"
NEW_PASSWORD = "seven invented words make a row"


@dataclass
class Real:
    """An installation that is not the demo."""

    app: Flask
    store: Store
    cast: people.Cast


@pytest.fixture
def real(sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Real:
    monkeypatch.setattr(people, "NOW", datetime.now(UTC))
    settings = config.load_settings({
        "REFERRAL_DIR_INSTANCE": str(tmp_path / "instance"), "REFERRAL_DIR_SECRET_KEY": "s" * 40,
        "REFERRAL_DIR_MASTER_KEYS": "k1:" + "a2tr" * 10 + "a2s=",
        "REFERRAL_DIR_AUDIT_KEY": "YWFh" * 10 + "YWE=", "REFERRAL_DIR_BASE_URL": BASE})
    # What a password costs lies in its hash: many people sign in here.
    cast = people.build(sqlite_store, password_hash=PasswordHasher(1, 8, 1).hash(people.PASSWORD))
    return Real(create_app(settings, sqlite_store), sqlite_store, cast)


class Browser:
    """A client on https that sends the token of the page that it is on."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self.page: Any = None

    def get(self, path: str) -> Any:
        self.page = self.client.get(path, base_url=BASE, follow_redirects=True)
        return self.page

    def post(self, path: str, **data: str) -> Any:
        form = {"csrf_token": token(self.page.text), **data}
        return self.client.post(path, data=form, base_url=BASE, headers={"Origin": BASE})

    def follow(self, answer: Any) -> Any:
        assert answer.status_code == 302, answer.text
        return self.get(answer.headers["Location"])

    def json(self, path: str) -> str:
        answer = self.client.post(path, base_url=BASE, headers={"Origin": BASE, "X-CSRFToken": token(self.page.text)})
        assert answer.mimetype == "application/json", (answer.status_code, answer.text)
        return str(answer.text)

    @property
    def at(self) -> str:
        return urlsplit(self.page.request.url).path


def password(real: Real, actor: Actor) -> Browser:
    """The first step."""
    browser = Browser(real.app)
    browser.get("/sign-in")
    browser.follow(browser.post("/sign-in", email=real.cast.emails[actor.person_id], password=people.PASSWORD))
    return browser


def set_up_codes(browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    """Time codes by the form; returns the app and the recovery codes."""
    page = browser.get("/account/factors/code").text
    shown = re.search(r'<strong class="big">([A-Z2-7 ]+)</strong>', page)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    assert shown
    assert sealed
    app = pyotp.TOTP(shown.group(1).replace(" ", ""))
    earlier = datetime.now(UTC) - timedelta(seconds=30)  # so that a test may use the present code afterwards
    answer = browser.post("/account/factors/code", sealed=sealed.group(1), code=app.at(earlier))
    assert answer.status_code == 200, answer.text
    browser.get("/account/factors")
    return app, re.findall(r"<code>([\w-]+)</code>", answer.text)


def test_a_password_alone_opens_nothing_outside_the_demo(real: Real) -> None:
    browser = password(real, real.cast.olga)
    assert browser.at == "/account/factors", "first of all a second factor is set up"
    for path in ("/officer/cases", "/officer/", "/account", "/administration/"):
        page = browser.get(path)
        assert page.request.path == "/account/factors" or page.status_code == 403, path
    assert "Cases</a>" not in browser.page.text, "no menu before the second step"
    _, codes = set_up_codes(browser)
    assert len(codes) == 10
    assert browser.get("/officer/cases").status_code == 200
    assert browser.at == "/officer/cases"


def test_the_second_step_is_asked_at_each_sign_in_and_gives_the_session_a_new_token(real: Real) -> None:
    app, _ = set_up_codes(password(real, real.cast.olga))
    browser = password(real, real.cast.olga)
    assert browser.at == "/sign-in/second"
    for path in ("/officer/cases", "/account/factors", "/account/factors/code"):
        browser.get(path)
        assert browser.at == "/sign-in/second", f"{path}: who has a factor shows it before another is added"
    before = browser.client.get_cookie("__Host-session", domain="directory.example")
    assert before is not None
    assert browser.post("/sign-in/second", kind="totp", code="000000").status_code == 422
    good = app.now()
    browser.follow(browser.post("/sign-in/second", kind="totp", code=good))
    assert browser.at == "/officer/"
    stale = Browser(real.app)
    stale.client.set_cookie("__Host-session", before.value, domain="directory.example", secure=True)
    stale.get("/officer/cases")
    assert stale.at == "/sign-in", "the token of the first step is worth nothing after the second"
    again = password(real, real.cast.olga)
    assert again.post("/sign-in/second", kind="totp", code=good).status_code == 422, "a used code"


def test_where_to_go_is_kept_over_the_second_step(real: Real) -> None:
    app, _ = set_up_codes(password(real, real.cast.olga))
    browser = Browser(real.app)
    browser.get("/officer/cases")
    browser.follow(browser.post("/sign-in", email=real.cast.emails[real.cast.olga.person_id],
                                password=people.PASSWORD, next="/officer/cases"))
    browser.follow(browser.post("/sign-in/second", kind="totp", code=app.now(), next="/officer/cases"))
    assert browser.at == "/officer/cases"
    assert "evil" not in browser.get("/sign-in/second?next=https://evil.example/").text


def test_eleven_guesses_are_too_many_even_with_the_right_one(real: Real) -> None:
    app, codes = set_up_codes(password(real, real.cast.olga))
    browser = password(real, real.cast.olga)
    for _ in range(10):
        assert browser.post("/sign-in/second", kind="totp", code="000000").status_code == 422
    assert browser.post("/sign-in/second", kind="totp", code=app.now()).status_code == 429
    assert browser.post("/sign-in/second", kind="recovery", recovery=codes[0]).status_code == 429


def test_a_recovery_code_stands_in_once_and_its_owner_is_told(real: Real) -> None:
    _, codes = set_up_codes(password(real, real.cast.olga))
    browser = password(real, real.cast.olga)
    browser.follow(browser.post("/sign-in/second", kind="recovery", recovery=codes[3]))
    assert browser.at == "/account/factors"
    assert "9 recovery codes are left" in browser.page.text
    again = password(real, real.cast.olga)
    assert again.post("/sign-in/second", kind="recovery", recovery=codes[3]).status_code == 422
    sent: list[Any] = []
    notify.deliver(real.store, notify.Mailer("x", 1, "a@b.example", BASE), datetime.now(UTC), sent.append)
    assert sent
    for letter in sent:
        assert "account" in letter["Subject"]
        assert codes[3] not in letter.get_content()


def add_passkey(browser: Browser) -> Authenticator:
    key = Authenticator(BASE, "directory.example")
    browser.get("/account/factors")
    made = key.make(browser.json("/account/factors/passkey/make"))
    answer = browser.post("/account/factors/passkey", answer=made, name="my key")
    assert answer.status_code in (200, 302), answer.text
    browser.get("/account/factors")
    return key


def test_a_passkey_is_added_signs_in_and_its_answer_can_not_be_sent_twice(real: Real) -> None:
    key = add_passkey(password(real, real.cast.olga))
    browser = password(real, real.cast.olga)
    answer = key.sign(browser.json("/sign-in/second/passkey"))
    other = password(real, real.cast.olga)
    assert other.post("/sign-in/second", kind="passkey", answer=answer).status_code == 422, "another session's answer"
    wrong = key.sign(browser.json("/sign-in/second/passkey"), origin="https://evil.example")
    assert browser.post("/sign-in/second", kind="passkey", answer=wrong).status_code == 422
    asked = browser.json("/sign-in/second/passkey")
    assert browser.post("/sign-in/second", kind="passkey", answer="nonsense").status_code == 422
    assert browser.post("/sign-in/second", kind="passkey", answer=key.sign(asked)).status_code == 422, \
        "a challenge is used up by a wrong answer as well"
    browser.follow(browser.post("/sign-in/second", kind="passkey",
                                answer=key.sign(browser.json("/sign-in/second/passkey"))))
    assert browser.at == "/officer/"
    with transaction(real.store) as session:
        for login in session.query(LoginSession):
            login.stepped_up = datetime.now(UTC) - timedelta(minutes=11)
    browser.get("/account/factors/code")
    assert browser.at == "/sign-in/second", "a step-up"
    signed = key.sign(browser.json("/sign-in/second/passkey"))
    browser.follow(browser.post("/sign-in/second", kind="passkey", answer=signed, next="/account/factors/code"))
    assert browser.at == "/account/factors/code"


def test_a_session_that_ends_while_its_factor_is_shown_leads_to_the_first_step(
        real: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = set_up_codes(password(real, real.cast.olga))
    browser = password(real, real.cast.olga)

    def ended(*_: object, **__: object) -> str:
        raise accounts.SignInRefused("this session has ended")

    monkeypatch.setattr(accounts, "rotate", ended)
    answer = browser.post("/sign-in/second", kind="totp", code=app.now())
    assert (answer.status_code, answer.headers["Location"]) == (302, "/sign-in")


def test_the_last_factor_can_not_be_removed_and_a_change_needs_a_fresh_proof(real: Real) -> None:
    browser = password(real, real.cast.olga)
    app, _ = set_up_codes(browser)
    answer = browser.post("/account/factors/code/remove")
    assert answer.status_code == 422
    assert "last second factor" in answer.text
    with transaction(real.store) as session:
        for login in session.query(LoginSession):
            login.stepped_up = datetime.now(UTC) - timedelta(minutes=11)
    for path in ("/account/factors/code/remove", "/account/factors/recovery", "/account/factors/passkey/make"):
        answer = browser.post(path, back="/account/factors")
        assert answer.status_code == 302, path
        assert answer.headers["Location"].startswith("/step-up"), path
    browser.get("/account/factors/code")
    assert browser.at == "/sign-in/second"
    assert "fresh proof" in browser.page.text
    with transaction(real.store) as session:
        session.get_one(Person, real.cast.olga.person_id).totp_step = 1  # time passes
    browser.follow(browser.post("/sign-in/second", kind="totp", code=app.now(), next="/account/factors/code"))
    assert browser.at == "/account/factors/code"
    add_passkey(browser)
    browser.follow(browser.post("/account/factors/code/remove"))
    assert "Removed." in browser.page.text


def test_another_persons_passkey_can_not_be_removed(real: Real) -> None:
    add_passkey(password(real, real.cast.olga))
    with transaction(real.store) as session:
        olgas = session.query(Passkey).one().id
    browser = password(real, real.cast.omar)
    set_up_codes(browser)
    assert browser.post(f"/account/factors/passkey/{olgas}/remove").status_code == 404


def test_a_wrong_proof_is_audited_without_what_was_sent(real: Real) -> None:
    set_up_codes(password(real, real.cast.olga))
    browser = password(real, real.cast.olga)
    browser.post("/sign-in/second", kind="Canary Person", code="canary")
    with transaction(real.store) as session:
        last = session.query(AuditEntry).order_by(AuditEntry.sequence.desc()).first()
        assert last is not None
        assert (last.action, last.outcome, last.details) == ("account:second_factor", "refused", {"factor": "totp"})


def test_in_the_demo_the_last_factor_may_go_and_the_page_says_what_that_means(
        world: Any, sign_in: Any) -> None:
    browser = sign_in(world.cast.olga)
    step_up = browser.client.get("/account/factors/code", follow_redirects=True)
    if step_up.request.path == "/step-up":
        browser.token = token(step_up.text)
        browser.post("/step-up", password=people.PASSWORD, next="/account/factors")
    page = browser.get("/account/factors/code").text
    browser.token = token(page)
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    shown = re.search(r'<strong class="big">([A-Z2-7 ]+)</strong>', page)
    assert sealed
    assert shown
    code = pyotp.TOTP(shown.group(1).replace(" ", "")).now()
    browser.token = token(browser.post("/account/factors/code", sealed=sealed.group(1), code=code).text)
    assert browser.post("/account/factors/code/remove").status_code == 302
    assert "password alone" in browser.get("/account/factors").text


def plain(text: str) -> str:
    """Without what is new in each answer: tokens, references to ask about an error by."""
    return re.sub(r'value="[^"]+"|nonce="[^"]+"|\b[0-9a-f]{8}\b', "", text)


def join_token(real: Real) -> str:
    sent: list[Any] = []
    notify.deliver(real.store, notify.Mailer("x", 1, "a@b.example", BASE), datetime.now(UTC), sent.append)
    [found] = [re.search(r"/join/([\w-]+)", letter.get_content()) for letter in sent if "invited" in letter["Subject"]]
    assert found
    return found.group(1)


def test_an_officer_is_invited_approved_by_another_joins_and_sets_up_a_second_factor(real: Real) -> None:
    adam = password(real, real.cast.adam)
    set_up_codes(adam)
    adam.get("/administration/invitations/new")
    asked = {"email": "nora@test.example", "name": "Nora", "role": "officer", "organization": "Border Unit (invented)"}
    wrong = adam.post("/administration/invitations/new", **{**asked, "organization": "Bordr"})
    assert wrong.status_code == 422
    assert 'value="nora@test.example"' in wrong.text, "what was typed is kept"
    adam.follow(adam.post("/administration/invitations/new", **asked))
    assert "Needs a second administrator" in adam.page.text
    assert ">Approve<" not in adam.page.text
    with transaction(real.store) as session:
        session.get_one(Person, real.cast.carl.person_id).role = "administrator"
    carl = password(real, real.cast.carl)
    set_up_codes(carl)
    page = carl.get("/administration/invitations").text
    path = re.search(r'action="(/administration/invitations/[\w-]+/approve)"', page)
    assert path
    assert adam.post(path.group(1)).status_code == 422, "not by the one who invited"
    carl.follow(carl.post(path.group(1)))
    link = join_token(real)
    nora = Browser(real.app)
    page = nora.get(f"/join/{link}").text
    for private in ("nora@test.example", "Border Unit", "officer"):
        assert private not in page
    short = nora.post(f"/join/{link}", name="Nora N.", password="short")
    assert short.status_code == 422
    assert 'value="Nora N."' in short.text
    nora.follow(nora.post(f"/join/{link}", name="Nora N.", password=NEW_PASSWORD))
    assert nora.at == "/account/factors"
    set_up_codes(nora)
    assert nora.get("/officer/cases").status_code == 200
    again = Browser(real.app)
    used, never = again.get(f"/join/{link}"), again.get("/join/no-such-link")
    assert (used.status_code, plain(used.text)) == (never.status_code, plain(never.text))
    assert used.status_code == 404


def test_a_link_that_opens_nothing_is_not_written_down_when_a_signed_in_person_follows_it(real: Real) -> None:
    browser = password(real, real.cast.olga)
    set_up_codes(browser)
    assert browser.get("/join/" + "canary" * 40).status_code == 404
    with transaction(real.store) as session:
        assert not [entry for entry in session.query(AuditEntry) if "canary" in f"{entry.subject}{entry.details}"]


def test_a_link_that_opens_nothing_tells_nothing_whatever_is_sent_to_it(real: Real) -> None:
    browser = Browser(real.app)
    texts = set()
    for link in ("x", "y" * 43, "z" * 5000, "%00", "a%2Fb"):
        answer = browser.get(f"/join/{link}")
        assert answer.status_code == 404
        texts.add(plain(answer.text))
        browser.get("/sign-in")
        answer = browser.post(f"/join/{link}", name="Nobody", password=NEW_PASSWORD)
        assert answer.status_code == 404
        texts.add(plain(answer.text))
    assert len(texts) == 1
    assert "Nobody" not in texts.pop()
