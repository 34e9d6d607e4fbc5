"""The cookies as they are set outside the demo."""

from dataclasses import replace
from http.cookies import SimpleCookie

import config
from referral_dir import create_app
from referral_dir.store.db import Store


def test_outside_the_demo_every_cookie_is_bound_to_this_host_and_tls(
        settings: config.Settings, sqlite_store: Store) -> None:
    app = create_app(replace(settings, demo=False, base_url="https://directory.example"), sqlite_store)
    client = app.test_client()
    seen = {}
    for path in ("/sign-in", "/leave"):
        answer = client.get(path, base_url="https://directory.example")
        for line in answer.headers.getlist("Set-Cookie"):
            [(name, cookie)] = SimpleCookie(line).items()
            seen[name] = cookie
            assert name.startswith("__Host-"), line
            assert cookie["secure"], line
            assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Lax"), line
            assert len(line) < 4096
    assert set(seen) == {"__Host-session", "__Host-m"}
    # A script may know that somebody left; nothing else.
    assert client.get("/sign-in", base_url="https://directory.example").status_code == 200
    first = SimpleCookie(app.test_client().get("/sign-in", base_url="https://directory.example").headers["Set-Cookie"])
    assert first["__Host-session"]["httponly"]
    assert not seen["__Host-m"]["httponly"]
    assert seen["__Host-m"].value == "1"
