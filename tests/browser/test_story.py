"""The main job in a real browser: with script and without, on a phone."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waitress import create_server

import config
from referral_dir import create_app
from referral_dir.desk.demo import DEMO_PASSWORD
from referral_dir.store.db import Store
from tests.conftest import copy_demo

SHOTS = os.environ.get("SHOTS")
# All pictures together are to be small: at less than one dot for each of the page's, and not endless.
SCALE, LONGEST = 0.7 if SHOTS else 1.0, 2000
# What stays in its place while one scrolls would lie over the middle of a picture of the whole page.
FIXED = """how => {
  for (const e of document.querySelectorAll('.top, .go, .fresh, .thumb')) e.style.position = how;
  return document.documentElement.scrollHeight; }"""


@pytest.fixture(scope="module")
def chromium(started: Any) -> Iterator[Any]:
    """A browser in which nobody has been."""
    yield started
    for context in started.contexts:
        context.close()


@pytest.fixture
def address(settings: config.Settings, sqlite_store: Store, demo_template: Path) -> Iterator[str]:
    """The demo, served."""
    copy_demo(demo_template, Path(str(sqlite_store.engine.url.database)), settings.instance)
    server = create_server(create_app(settings, sqlite_store), host="127.0.0.1", port=0, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()


def take(page: Any, name: str) -> None:
    """A picture of the page from its top, in the folder that SHOTS names (`run.py screens`)."""
    size = page.viewport_size
    high = min(LONGEST, max(page.evaluate(FIXED, "static"), size["height"]))
    page.screenshot(path=f"{SHOTS}/{name}.jpg", type="jpeg", quality=30, full_page=True,
                    clip={"x": 0, "y": 0, "width": size["width"], "height": high})
    page.evaluate(FIXED, "")


class Person:
    """Someone at a phone; what their browser asks of any other host, or refuses by our policy, is a failure."""

    def __init__(self, chromium: Any, address: str, script: bool, width: int = 390) -> None:
        self.context = chromium.new_context(viewport={"width": width, "height": 844}, java_script_enabled=script,
                                            device_scale_factor=SCALE)
        self.page = self.context.new_page()
        self.address, self.strangers, self.shot = address, [], f"{'js' if script else 'nojs'}-{width}"
        self.page.on("request", lambda r: self.strangers.append(r.url)
                     if not r.url.startswith((address, "data:")) else None)
        self.page.on("console", lambda m: self.strangers.append(m.text)
                     if "Content Security Policy" in m.text or "Trusted" in m.text else None)

    def sign_in(self, email: str) -> "Person":
        self.page.goto(self.address + "/sign-in")
        self.page.fill("#email", email)
        self.page.fill("#password", DEMO_PASSWORD)
        self.page.click("main button")
        return self

    def see(self, text: str) -> None:
        assert text in self.page.inner_text("main"), self.page.inner_text("main")[:2000]

    def picture(self, name: str) -> None:
        # By a locator, which waits until a page that is being replaced has its document.
        wide = self.page.locator("html").evaluate("html => html.scrollWidth") if "nojs" not in self.shot else 0
        assert wide <= self.page.viewport_size["width"], f"{name} scrolls sideways: {wide}"
        # With script and without look the same.
        if SHOTS and not self.shot.startswith("nojs"):
            take(self.page, f"{name}-{self.shot.removeprefix('js-')}")

    def done(self) -> None:
        assert self.strangers == []
        self.context.close()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_from_finding_to_completion(chromium: Any, address: str, script: bool) -> None:
    officer = Person(chromium, address, script).sign_in("officer@demo.example")
    page = officer.page
    page.check("input[name=needs][value='shelter.safe_house']")
    page.fill("#near", "Miami, FL")
    page.check("input[name=languages][value=ht]")
    officer.picture("find")
    page.click("button:text-is('Find')")
    officer.see("Harbour Safe House (invented)")
    officer.see("Hidden address, zone Miami")
    officer.picture("results")
    page.click("text=Open a case, ask later")
    page.select_option("#gender", "female")
    page.select_option("#priority", "emergency")
    officer.picture("new-case")
    page.click("button:text-is('Open the case')")
    page.fill("#name", "Invented Person")
    page.click("button:text-is('Save')")
    officer.picture("case")
    case = page.url
    page.click("text=Find services for this case")
    page.click("button:has-text('Ask this one') >> nth=0")
    page.check("input[name=fields][value=name]")
    assert [page.is_visible(f"#write_{name}") for name in ("name", "phone")] == [True, False], "a tick opens its field"
    officer.picture("consent-1")
    page.click("text=Next: read it to them")
    page.check("input[name=interpreter][value=professional_remote]")
    page.fill("#interpreter_reference", "Agency 4711")
    page.check("input[name=capacity][value=adult]")
    officer.picture("consent-2")
    page.click("text=It was explained")
    page.check("input[name=method][value=witnessed_oral]")
    page.check("input[name=witness][value=second_officer]")
    officer.picture("consent-3")
    page.click("text=Yes, they agree")
    page.click("text=Send the request")
    officer.see("The service has been told")
    officer.picture("handoff")
    handoff = page.url

    provider = Person(chromium, address, script).sign_in("provider@demo.example")
    provider.picture("incoming")
    provider.page.click("main h3 a")
    assert "Invented Person" not in provider.page.content()
    provider.page.click("text=Say where to meet")
    provider.page.fill("#meeting_point", "The blue door by the invented bakery")
    provider.picture("request")
    provider.page.click("button:text-is('Accept')")
    provider.see("Invented Person")
    provider.page.click("text=Change where to meet")
    provider.picture("accepted")
    provider.page.fill("#meeting_point", "The blue door by the invented chemist's")
    provider.page.click("text=Tell the officer")
    page.goto(handoff)
    officer.see("The blue door by the invented chemist's")
    provider.page.click("button:text-is('The person has arrived')")
    provider.page.click("button:text-is('They have been helped: finish')")
    provider.see("Completed")
    assert "Invented Person" not in provider.page.content()
    page.goto(handoff)
    officer.see("Completed")
    assert "blue door" not in page.content()
    page.goto(case)
    officer.see("What was shown")
    officer.done()
    provider.done()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_every_role_signs_in_and_does_its_first_task(chromium: Any, address: str, script: bool) -> None:
    caseworker = Person(chromium, address, script).sign_in("caseworker@demo.example")
    caseworker.see("How much is free right now?")
    caseworker.picture("board")
    caseworker.page.click("button:text-is('Still true') >> nth=0")
    caseworker.page.goto(address + "/caseworker/services")
    caseworker.picture("services")
    caseworker.page.click("main h3 a >> nth=0")
    caseworker.picture("edit")
    caseworker.page.fill("#wait_time", "One day (invented)")
    caseworker.page.click("button:text-is('Look at the changes')")
    caseworker.see("One day (invented)")
    caseworker.page.click("button:text-is('Save')")
    assert caseworker.page.input_value("#wait_time") == "One day (invented)"
    caseworker.done()
    overseer = Person(chromium, address, script).sign_in("overseer@demo.example")
    overseer.see("Audit trail")
    overseer.picture("trail")
    overseer.page.goto(address + "/oversight/verify")
    overseer.see("unbroken")
    overseer.done()
    administrator = Person(chromium, address, script).sign_in("administrator@demo.example")
    administrator.see("Demo Officer")
    administrator.picture("people")
    administrator.done()
