"""Whatever a provider, a source or a form says is text on every page: never a tag, a script, or a link elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Text, select, update

from referral_dir.domain.access import Actor
from referral_dir.store.db import Base, transaction
from referral_dir.store.directory import Address, Location, Schedule, Service, ServiceArea, ServiceAtLocation
from referral_dir.web.links import linkable, phone_link, safe_link
from tests.web.conftest import Browser, World
from tests.web.pages import Page
from tests.web.test_hardening import LAST, requests

CANARY = ("canary \"'></title></textarea><script>canary()</script><img src=x onerror=canary()><b>b</b>"
          "[x](javascript:canary()) **x** {{ 7*7 }} {% raw %} javascript:canary() &lt;i&gt;")
# All tables of the directory, and what people may write about people.
TABLES = ("organization", "program", "service", "location", "address", "contact", "phone", "schedule", "service_area",
          "language", "accessibility", "required_document", "cost_option", "funding", "url", "unit", "service_capacity",
          "taxonomy", "taxonomy_term", "attribute", "metadata", "person")
# Texts that are codes: something else there is refused when it is written.
CODES = {("metadata", "resource_type"), ("attribute", "link_entity"), ("person", "email"), ("person", "password_hash")}


@pytest.fixture
def spoiled(world: World) -> World:
    """The canary in every text column of the directory, on a public service with all that can hang on it."""
    cast = world.cast
    with transaction(world.store) as session:
        place = Location(name="x", latitude=25.77, longitude=-80.19)
        session.add(place)
        session.flush()
        session.add_all([
            ServiceAtLocation(service_id=cast.clinic, location_id=place.id), Address(location_id=place.id),
            Schedule(service_id=cast.clinic, byday="MO", opens_at="08:00"), ServiceArea(service_id=cast.clinic)])
        session.flush()
        for name in TABLES:
            table = Base.metadata.tables[name]
            columns = [c.name for c in table.columns if isinstance(c.type, Text) and (name, c.name) not in CODES]
            if columns:
                session.execute(update(table).values(dict.fromkeys(columns, CANARY)))
    return world


def read(answer: Any, path: str) -> str:
    """The page's words; nothing else may be in it."""
    assert answer.status_code < 500, path
    if answer.mimetype != "text/html" or answer.status_code in (301, 302, 303, 307, 308):
        assert answer.mimetype != "text/html" or "<script>" not in answer.text
        return ""
    page = Page(answer.text)
    assert page.problems == [], path
    assert "49 {%" not in page.text, f"{path}: a template was made of it"
    return page.text + answer.text


@pytest.mark.parametrize("who", ["nobody", "olga", "petra", "carl", "vera", "adam"])
def test_what_was_written_is_text_on_every_page(
        who: str, spoiled: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = Browser(spoiled.app.test_client()) if who == "nobody" else sign_in(getattr(spoiled.cast, who))
    seen = ""
    for service in (spoiled.cast.clinic, spoiled.cast.shelter):
        for endpoint, method, path in requests(spoiled):
            if method == "GET" and endpoint not in LAST:
                about = path.replace(str(spoiled.cast.shelter), str(service))
                seen += read(browser.get(about), about)
    assert CANARY[:40] in seen, "it is there, as text"
    for path in ("/", "/officer/search"):
        read(browser.post(path, text="canary"), path)
    asked = {"needs": ["medical.general", "shelter.emergency"], "near": "Miami, Florida", "near_choice": ""}
    read(browser.post("/officer/find", **asked), "/officer/find")


def test_what_a_form_sends_back_is_text(world: World, sign_in: Callable[[Actor], Browser]) -> None:
    fields = ("text", "near", "other_languages", "age", "household", "radius_km", "avoid_organizations", "avoid_near",
              "avoid_communities", "safe_contact", "name", "description", "url", "email", "alert", "eligibility",
              "languages", "available", "maximum", "unit", "zone", "days", "meeting_point",
              "reason", "step", "old", "password",
              "next", "revision", "status", "minimum_age", "interpreter", "method", "how", "language", "needs", "case")
    for who in ("olga", "petra", "clara", "vera", "adam"):
        browser = sign_in(getattr(world.cast, who))
        for endpoint, method, path in requests(world):
            if method == "POST" and endpoint not in LAST:
                read(browser.post(path, **dict.fromkeys(fields, CANARY)), path)
    browser = Browser(world.app.test_client())
    assert CANARY in read(browser.post("/", text=CANARY, near=CANARY), "/") or "canary" in browser.get("/").text
    read(browser.get("/sign-in?next=javascript:canary()"), "/sign-in")


def test_a_meeting_point_and_what_identifies_are_text(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    olga, petra = sign_in(world.cast.olga), sign_in(world.cast.petra)
    about = dict.fromkeys(("name", "background", "health", "nationality", "phone"), CANARY)
    assert olga.post(f"/officer/case/{world.case}/about", **about).status_code == 302
    assert CANARY[:40] in read(olga.get(f"/officer/case/{world.case}"), "case")
    petra.post(f"/provider/handoff/{world.handoff}/accept", meeting_point=CANARY)
    for browser, path in ((petra, f"/provider/handoff/{world.handoff}"), (olga, f"/officer/handoff/{world.handoff}")):
        assert CANARY[:40] in read(browser.get(path), path)


@pytest.mark.parametrize("target", [
    "https://example.org", "https://example.org:8443/a?b=c#d", "tel:+13055550100", "mailto:desk@example.org"])
def test_https_tel_and_mailto_are_links(target: str) -> None:
    assert linkable(target)
    assert f'href="{target}"' in safe_link(target)


@pytest.mark.parametrize("target", [
    "", "http://example.org", "javascript:canary()", "JavaScript:canary()", "java\nscript:canary()",
    " https://example.org", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "ftp://example.org",
    "//example.org", "/path", "example.org",
    "https:example.org", "https://", "https:///path", "https://user:word@example.org", "https://example.org\\@evil",
    'https://example.org"onclick=x', "https://exa mple.org", "https://example.org:99999/", "https://[::1",
    "HTTPS://x.org ",
    "tel:*#06#", "tel:+1305,,,1234", "tel:112;phone-context=x", "tel:", "mailto:a@b.c?subject=x", "mailto:a@b.c,d@e.f",
    "mailto:", "mailto:a@b.c\r\nBcc: x@y.z", "https://example.org/\u202e", "https://example.org/<script>", "blob:https://x"])
def test_everything_else_is_shown_as_text(target: str) -> None:
    assert not linkable(target)
    assert "href" not in safe_link(target)
    assert "<script>" not in safe_link(target)


def test_a_number_is_dialled_as_digits_only() -> None:
    assert 'href="tel:+13055550100"' in phone_link("(305) 555-0100", "+13055550100")
    assert 'href="tel:3055550100"' in phone_link("305.555 0100")
    for odd in (CANARY, "*31#555", "ask at the desk", "555,,,1", "javascript:canary()"):
        assert "href" not in phone_link(odd)
        assert "<script>" not in phone_link(odd, CANARY, CANARY)


def test_no_template_makes_a_link_by_itself() -> None:
    import re
    from pathlib import Path

    templates = Path(__file__).resolve().parents[2] / "templates"
    ways = re.compile(r'\b(?:href|src|action|formaction)="([^"]*)"')
    own = re.compile(r"\{\{ (?:url_for|asset|local)\(|#|\?page=|data:,$")
    found = [(path.name, way) for path in sorted(templates.rglob("*.html"))
             for way in ways.findall(path.read_text(encoding="utf-8")) if not own.match(way)]
    assert found == [("data.html", "{{ image }}"), ("map.html", "{{ t.address }}")], \
        "one is drawn by us, as data; the other is of the deployment's own tile server"
    marked_safe = [(path.name, way) for path in sorted(templates.rglob("*.html"))
                   for way in re.findall(r"\S*\|\s*safe\b|Markup|autoescape false", path.read_text("utf-8"))]
    constant = re.compile(r"'[^'{}]*'\|safe|[\w-]+=\"[\w-]+\"'\|safe")
    assert [way for way in marked_safe if not constant.fullmatch(way[1])] == [], "only constants are marked safe"


def test_a_web_address_without_tls_is_refused_and_one_from_a_source_is_kept_as_text(
        world: World, sign_in: Callable[[Actor], Browser]) -> None:
    clara, carl = sign_in(world.cast.clara), sign_in(world.cast.carl)
    path = f"/caseworker/service/{world.cast.clinic}"
    page = carl.get(path)
    assert page.status_code == 200
    form = {"name": "Clinic (invented)", "revision": "1", "needs": "medical.general", "status": "active",
            "confirmed": "yes"}
    for url in ("http://clinic.example", "javascript:canary()", "clinic.example", "ftp://clinic.example"):
        answer = carl.post(path, **form, url=url)
        assert answer.status_code == 422
        assert "start it with https://" in answer.text
        assert f'value="{url}"' in answer.text
    assert clara.post(path, **form, url="https://clinic.example").status_code == 404
    with transaction(world.store) as session:
        session.execute(update(Service).where(Service.id == world.cast.clinic).values(url="http://old.example"))
    assert carl.post(path, **form, url="http://old.example").status_code == 302
    public = world.app.test_client().get(f"/service/{world.cast.clinic}").text
    assert "http://old.example" in public
    assert 'href="http:' not in public
    with transaction(world.store) as session:
        revision = session.scalars(select(Service.revision).where(Service.id == world.cast.clinic)).one()
    assert carl.post(path, **{**form, "revision": str(revision)}, url="https://clinic.example").status_code == 302
    assert 'href="https://clinic.example"' in world.app.test_client().get(f"/service/{world.cast.clinic}").text
