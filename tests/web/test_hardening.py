"""What every answer of every route carries, and what every body is held to."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

import config
from referral_dir.domain.access import Actor
from referral_dir.web.security import FORM_PARTS, HEADERS
from tests.web.conftest import Browser, World
from tests.web.pages import Page

# Only where the question is asked may the browser be asked where it is, and no other site ever.
ASKS_WHERE = ("/officer/", "/officer/find", "/officer/compare")
POLICY = re.compile(
    r"default-src 'none'; object-src 'none'; script-src 'self' 'nonce-([A-Za-z0-9_-]{24})'; "
    r"style-src 'self' 'nonce-\1'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    r"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types (?:'none'|offline)")
# These end the session that the walk goes on with.
LAST = ("account.sign_out", "public.leave", "public.leave_now")
PEOPLE = ["nobody", "olga", "petra", "clara", "vera", "adam"]


def requests(world: World) -> Iterator[tuple[str, str, str]]:
    """(endpoint, method, path) of every route, with ids that are there where they are known."""
    known: dict[str, Any] = {
        "case_id": world.case, "consent_id": world.consent, "handoff_id": world.handoff,
        "service_id": world.cast.shelter, "capacity_id": world.cast.beds, "person_id": world.cast.omar.person_id,
        "country": "US", "filename": "app.js"}
    adapter = world.app.url_map.bind("localhost")
    for rule in sorted(world.app.url_map.iter_rules(), key=lambda r: (r.endpoint in LAST, r.rule)):
        steps = re.findall(r"any\(([^)]*)\)", rule.rule)
        values = {a: known.get(a, steps[0].split(",")[0].strip() if steps and a == "step" else uuid4())
                  for a in rule.arguments}
        try:
            path = adapter.build(rule.endpoint, values)
        except ValueError:  # an argument of another kind
            path = adapter.build(rule.endpoint, {**values, **{a: "x" for a in rule.arguments if a not in known}})
        for method in sorted((rule.methods or set()) & {"GET", "POST", "HEAD", "OPTIONS"}):
            yield rule.endpoint, method, path


@pytest.mark.parametrize("who", PEOPLE)
def test_every_answer_of_every_route_carries_the_headers_and_no_page_holds_a_script_of_its_own(
        who: str, world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = Browser(world.app.test_client()) if who == "nobody" else sign_in(getattr(world.cast, who))
    nonces, pages, walked = set(), 0, list(requests(world))
    for endpoint, method, path in walked:
        data = {"csrf_token": browser.token} if method == "POST" else None
        answer = browser.client.open(path, method=method, data=data)
        assert answer.status_code < 500, f"{method} {path}"
        policy = POLICY.fullmatch(answer.headers["Content-Security-Policy"])
        assert policy, f"{method} {path}"
        carried = {name: answer.headers.get(name) for name in HEADERS}
        if path in ASKS_WHERE:
            allowed = carried["Permissions-Policy"]
            carried["Permissions-Policy"] = allowed.replace("geolocation=(self)", "geolocation=()")
        assert carried == HEADERS, f"{method} {path}"
        if endpoint != "static":
            assert answer.headers["Cache-Control"] == "no-store", f"{method} {path}"
            assert "Expires" not in answer.headers, f"{method} {path}"
        assert "Access-Control-Allow-Origin" not in answer.headers
        if answer.data:
            assert "charset=utf-8" in answer.headers["Content-Type"] or "charset" not in answer.mimetype_params
        if answer.mimetype == "text/html" and answer.data and answer.status_code not in (301, 302, 303, 307, 308):
            page = Page(answer.text)
            assert page.problems == [], f"{method} {path}"
            assert page.nonces <= {policy.group(1)}, f"{method} {path}"
            pages += 1
        nonces.add(policy.group(1))
    assert len(nonces) == len(walked), "each answer has a nonce of its own"
    assert pages > 10


def test_only_the_static_folder_is_served(world: World) -> None:
    client = world.app.test_client()
    for path in ("/.git/config", "/static/", "/static", "/static/../config.py", "/static/%2e%2e/config.py",
                 "/config.py", "/static/..%2f..%2fconfig.py",
                 "/templates/base.html", "/instance/secret-key", "/console", "/metrics"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "Settings" not in answer.text
    for method in ("TRACE", "PUT", "DELETE", "PATCH", "CONNECT"):
        assert client.open("/", method=method).status_code in (400, 405), method


def test_an_answer_over_tls_demands_tls_from_then_on(world: World) -> None:
    answer = world.app.test_client().get("/", base_url="https://localhost")
    assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"
    assert "Strict-Transport-Security" not in world.app.test_client().get("/").headers


def test_signing_out_and_the_exit_clear_what_the_browser_keeps(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = sign_in(world.cast.olga)
    answer = browser.post("/sign-out")
    assert answer.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    assert answer.headers["Cache-Control"] == "no-store"
    for leave in (browser.client.get, browser.client.post):
        answer = leave("/leave")
        assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
        assert answer.headers["Cache-Control"] == "no-store"
        [mark] = [c for c in answer.headers.getlist("Set-Cookie") if c.startswith("m=1")]
        assert "Max-Age=120" in mark
        assert "SameSite=Lax" in mark


def test_the_exit_works_without_a_token_and_ends_the_session(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = sign_in(world.cast.olga)
    cookie = browser.client.get_cookie("session")
    assert cookie is not None
    assert browser.client.post("/leave", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400
    assert browser.get("/officer/cases").status_code == 200, "another site can't sign anybody out"
    assert browser.client.post("/leave").status_code == 200
    browser.client.set_cookie("session", cookie.value)
    assert browser.get("/officer/cases").status_code == 302


def test_while_the_mark_lasts_a_browser_gets_empty_pages_and_files_are_still_files(world: World) -> None:
    client = world.app.test_client()
    client.set_cookie("m", "1")
    page = {"Accept": "text/html,application/xhtml+xml"}
    for path in ("/", "/about", f"/service/{world.cast.clinic}", "/officer/", "/nothing", "/sign-in"):
        answer = client.get(path, headers=page)
        assert (answer.status_code, Page(answer.text).text) == (200, "New page"), path
    assert Page(client.post("/", data={"text": "food"}, headers=page).text).text == "New page"
    assert client.get("/static/app.js", headers={"Accept": "*/*"}).mimetype == "text/javascript"


@pytest.mark.parametrize("path", ["/", "/sign-in", "/leave"])
def test_a_form_from_elsewhere_is_refused_everywhere(world: World, path: str) -> None:
    client = world.app.test_client()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                    {"Sec-Fetch-Site": "same-site"}):
        assert client.post(path, data={"text": "food"}, headers=headers).status_code == 400


def test_every_refusal_and_error_shows_a_reference_that_log_and_trail_know(
        world: World, sign_in: Callable[[Actor], Browser], monkeypatch: pytest.MonkeyPatch) -> None:
    from referral_dir import logs
    from referral_dir.desk import cases
    from referral_dir.store.db import reading
    from referral_dir.store.records import AuditEntry

    told: list[dict[str, object]] = []
    monkeypatch.setattr(logs, "event", lambda name, /, **fields: told.append(fields))
    monkeypatch.setattr(logs, "failure", lambda name, error, /, **fields: told.append({"error": error, **fields}))
    browser = sign_in(world.cast.omar)

    def reference(answer: Any, code: int) -> str:
        assert answer.status_code == code
        found = re.search(r"Reference: ([0-9a-f]{8})", answer.text)
        assert found, answer.text
        assert any(fields.get("reference") == found.group(1) for fields in told), "the log knows it"
        return found.group(1)

    shown = {reference(browser.get(f"/officer/case/{world.case}"), 404), reference(browser.get("/oversight/"), 403)}
    with reading(world.store) as session:
        kept = {row.details.get("reference") for row in session.query(AuditEntry).filter_by(outcome="refused")}
    assert shown <= kept, "the trail knows them"
    reference(browser.get("/nothing"), 404)
    reference(browser.client.post("/officer/find"), 400)
    reference(browser.client.delete("/officer/find"), 405)

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Canary Person")

    monkeypatch.setattr(cases, "my_cases", fail)
    answer = browser.get("/officer/cases")
    reference(answer, 500)
    assert "Canary" not in answer.text
    assert "Traceback" not in answer.text


def test_an_error_while_the_error_page_is_made_is_still_plain_words(
        world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from referral_dir.web import errors, public

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Canary Person")

    monkeypatch.setattr(public, "render_template", fail)
    monkeypatch.setattr(errors, "render_template", fail)
    answer = world.app.test_client().get("/")
    assert (answer.status_code, answer.mimetype) == (500, "text/plain")
    assert re.search(r"Reference: [0-9a-f]{8}", answer.text)
    assert "Canary" not in answer.text


def test_bodies_are_bounded_however_they_are_sent(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    from io import BytesIO

    browser = sign_in(world.cast.olga)
    long, token = "x" * config.LARGEST_BODY, browser.token
    for path in ("/", "/officer/find", "/sign-in", "/officer/cases"):
        assert browser.client.post(path, data={"csrf_token": token, "text": long}).status_code == 413, path
        file = {"csrf_token": token, "file": (BytesIO(long.encode()), "big.csv")}
        assert browser.client.post(path, data=file, content_type="multipart/form-data").status_code == 413, path
        many = {"csrf_token": token, **{f"field{n}": "x" for n in range(FORM_PARTS + 1)}}
        answer = browser.client.post(path, data=many, content_type="multipart/form-data")
        assert answer.status_code == 413, path
        assert "Too much at once" in answer.text
        assert POLICY.fullmatch(answer.headers["Content-Security-Policy"])
