"""The exit in a real browser: whatever was looked at, Back shows nothing of it. With its memory of pages on."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waitress import create_server

from referral_dir import create_app
from referral_dir.store.db import Store, make_engine
from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.test_story import Person
from tests.conftest import KEYS, copy_demo, settings_in

TRACES = ("Referral", "directory", "Keys Food", "comida", "Find help", "invented", "Demo", "Harbour", "Sign", "Case")
SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])


@pytest.fixture(scope="module")
def remembering(player: Any) -> Iterator[Any]:
    """A Chromium that keeps pages in memory for Back, as a person's does; playwright's usual one does not."""
    browser = player.chromium.launch(executable_path=str(CHROMIUM), args=QUIET,
                                     ignore_default_args=["--disable-back-forward-cache"])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def address(demo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The demo, served once for all of these tests: they change nothing in it."""
    folder = tmp_path_factory.mktemp("leaving")
    settings = settings_in(folder / "instance")
    copy_demo(demo_template, folder / "demo.sqlite", settings.instance)
    store = Store(make_engine(f"sqlite:///{folder / 'demo.sqlite'}"), KEYS)
    server = create_server(create_app(settings, store), host="127.0.0.1", port=0, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    store.engine.dispose()


def seen(page: Any) -> str:
    """All that the page says, its title included; what the browser itself says of a form is no page of ours."""
    page.wait_for_load_state()
    if page.url.startswith("chrome-error:"):
        return ""
    return str(page.title() + page.locator("html").inner_text())


def back(page: Any) -> str:
    """Press Back; what is there then."""
    from playwright.sync_api import Error

    try:
        page.go_back(wait_until="commit")  # a page from memory is never loaded
    except Error as error:
        # A form's answer is not asked for again without the person's word.
        if "ERR_CACHE_MISS" not in str(error):
            raise
    page.wait_for_timeout(200)
    return seen(page)


def nothing_by_back(person: Person, steps: int) -> None:
    for _ in range(steps):
        text = back(person.page)
        assert [t for t in TRACES if t.casefold() in text.casefold()] == [], text


def visit(remembering: Any, address: str, script: bool) -> Person:
    """A visitor who has searched and opened a service."""
    visitor = Person(remembering, address, script)
    page = visitor.page
    page.goto(address)
    page.click("text=About and privacy")
    page.click("text=Public search")
    page.click("text=I need something else")
    page.fill("#text", "comida")
    page.click("#ask button.wide")
    visitor.see("Keys Food Table (invented)")
    page.click("text=Keys Food Table (invented)")
    visitor.see("They help with")
    return visitor


@SCRIPT
def test_back_shows_nothing_after_the_exit(remembering: Any, address: str, script: bool) -> None:
    visitor = visit(remembering, address, script)
    visitor.page.click(".top [data-exit]")
    visitor.page.wait_for_url("**/leave")
    assert seen(visitor.page) == "New page"
    nothing_by_back(visitor, 5)
    visitor.done()


@SCRIPT
def test_sending_the_search_again_after_the_exit_shows_nothing(
        remembering: Any, address: str, script: bool) -> None:
    visitor = Person(remembering, address, script)
    page = visitor.page
    page.goto(address)
    page.click("text=I need something else")
    page.fill("#text", "comida")
    page.click("#ask button.wide")
    visitor.see("Keys Food Table (invented)")
    page.click(".top [data-exit]")
    page.wait_for_url("**/leave")
    back(page)
    page.reload()  # the person at the phone agrees to send the form again
    assert "comida" not in seen(page)
    assert "Food" not in seen(page)
    visitor.done()


def test_the_exit_is_quick_and_three_shifts_do_the_same(remembering: Any, address: str) -> None:
    visitor = visit(remembering, address, script=True)
    for _ in range(3):
        visitor.page.keyboard.press("Shift")
    visitor.page.wait_for_url("**/leave", timeout=2000)
    nothing_by_back(visitor, 4)
    visitor.done()


@SCRIPT
def test_the_exit_of_staff_ends_their_session_and_back_shows_nothing(
        remembering: Any, address: str, script: bool) -> None:
    officer = Person(remembering, address, script).sign_in("officer@demo.example")
    officer.page.click("nav >> text=Cases")
    officer.page.click("nav >> text=Handoffs")
    [session] = [c for c in officer.context.cookies() if c["name"] == "session"]
    officer.page.click("button.exit")
    officer.page.wait_for_url("**/leave")
    assert seen(officer.page) == "New page"
    nothing_by_back(officer, 4)
    assert [c["name"] for c in officer.context.cookies()] == ["m"]
    officer.done()
    thief = Person(remembering, address, script)
    thief.context.add_cookies([session])
    thief.page.goto(address + "/officer/cases")
    assert "/sign-in" in thief.page.url, "the session has ended on the server"
    thief.done()


@SCRIPT
def test_back_after_signing_out_shows_no_page_of_staff(remembering: Any, address: str, script: bool) -> None:
    officer = Person(remembering, address, script).sign_in("officer@demo.example")
    officer.page.click("nav >> text=Cases")
    officer.see("Cases")
    officer.page.click("button:text-is('Sign out')")
    officer.see("Find help")
    for _ in range(3):
        assert "Demo Officer" not in back(officer.page)
    officer.done()


def test_a_page_kept_in_memory_is_not_shown_when_somebody_has_left_meanwhile(remembering: Any, address: str) -> None:
    """Two windows: the exit in one, Back in the other."""
    visitor = visit(remembering, address, script=True)
    page = visitor.page
    page.goto(address + "/helplines")
    page.evaluate("window.addEventListener('pageshow', e => { window.shownAgain = e.persisted })")
    page.goto(address + "/about")
    page.go_back(wait_until="commit")
    assert page.evaluate("window.shownAgain"), "this browser keeps pages in memory"
    page.goto(address + "/about")
    other = visitor.context.new_page()
    other.goto(address)
    other.click(".top [data-exit]")
    other.wait_for_url("**/leave")
    nothing_by_back(visitor, 4)
    visitor.done()


def test_where_a_browser_does_not_forget_such_a_page_it_hides_itself(remembering: Any, address: str) -> None:
    visitor = visit(remembering, address, script=True)
    page = visitor.page
    shown_again = "window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))"
    page.evaluate(shown_again)
    assert "Keys Food" in seen(page), "nobody has left"
    visitor.context.add_cookies([{"name": "m", "value": "1", "url": address}])
    page.evaluate(shown_again)
    page.wait_for_url("**/leave")
    assert seen(page) == "New page"
    visitor.done()
