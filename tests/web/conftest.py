"""An app with the cast in it, and clients that sign in with CSRF on."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

import config
from referral_dir import create_app
from referral_dir.desk.accounts import hash_password
from referral_dir.domain.access import Actor
from referral_dir.store.db import Store
from tests import cast as people


@dataclass
class World:
    """The app, the cast, and what Olga has begun."""

    app: Flask
    store: Store
    cast: people.Cast
    case: UUID
    consent: UUID
    handoff: UUID


@pytest.fixture(scope="session")
def password_hash() -> str:
    return hash_password(people.PASSWORD)


@pytest.fixture
def world(sqlite_store: Store, settings: config.Settings, password_hash: str, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(people, "NOW", people.datetime.now(people.UTC))
    cast = people.build(sqlite_store, password_hash=password_hash)
    case, consent, handoff = people.request(sqlite_store, cast)
    return World(create_app(settings, sqlite_store), sqlite_store, cast, case, consent, handoff)


def token(text: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', text)
    assert found, "the page has no form"
    return found.group(1)


class Browser:
    """A client that carries its CSRF token."""

    def __init__(self, client: FlaskClient) -> None:
        self.client, self.token = client, ""

    def get(self, path: str) -> Any:
        return self.client.get(path)

    def post(self, path: str, **data: Any) -> Any:
        return self.client.post(path, data={"csrf_token": self.token, **data})


@pytest.fixture
def sign_in(world: World) -> Callable[[Actor], Browser]:
    def begin(actor: Actor) -> Browser:
        browser = Browser(world.app.test_client())
        browser.token = token(browser.get("/sign-in").text)
        answer = browser.post("/sign-in", email=world.cast.emails[actor.person_id], password=people.PASSWORD)
        assert answer.status_code == 302
        browser.token = token(browser.get("/account").text)
        return browser
    return begin
