"""Every page, for whoever cannot see it, hear it, hold a mouse or read it small: WCAG 2.2 AA by axe-core, by keyboard
alone, at 320 px, with targets of 44 px; in English in light and dark, and in every other language.

The pages come from the URL map, through the walk of tests/web/access_walk.py: a new page is here by itself. What a form
answers (STATES) is looked at as a page too; what comes between the steps of a task is in test_asking.py.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Error
from waitress import create_server

import config
from referral_dir import create_app
from referral_dir.desk.accounts import hash_password
from referral_dir.domain.saying import UI_LANGUAGES
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, make_engine
from tests import cast as people
from tests.browser.test_story import SCALE, SHOTS, Person, chromium, take  # noqa: F401
from tests.web import access_walk
from tests.web.conftest import World

pytestmark = pytest.mark.usefixtures("no_budgets")
WHO: Final = ("nobody", "olga", "petra", "clara", "vera", "adam")
# Not for reading: the exit's page is empty on purpose, and sets the mark that keeps all others away.
SKIPPED: Final = frozenset({"public.leave", "public.favicon"})
OTHERS: Final = tuple(language for language in UI_LANGUAGES if language != "en")
# (who, page, what is put into the form of its content, what its answer has): sent as it is, the answer says what
# is wrong; filled in, it has results, or none, or asks which place is meant.
STATES: Final[tuple[tuple[str, str, dict[str, str], str], ...]] = (
    ("nobody", "/sign-in", {}, ".problem"), ("nobody", "/", {"wish": "doctor", "near": "Miami"}, "article.card"),
    ("nobody", "/", {"wish": "lawyer", "near": "Reykjavik"}, "#ask"),
    ("nobody", "/", {"wish": "doctor", "near": "Springfield"}, ".problem"),
    ("olga", "/officer/", {}, ".problem"), ("olga", "/account", {}, ".problem"), ("olga", "/step-up", {}, ".problem"),
    ("olga", "/officer/", {"needs": "shelter.emergency", "near": "Miami, FL", "languages": "ht"}, ".result"),
    ("olga", "/officer/", {"needs": "legal.immigration", "near": "Reykjavik"}, "#asked"),
    ("olga", "/account/factors/code", {}, ".problem"), ("adam", "/administration/invitations/new", {}, ".problem"),
)
RULES: Final = """{resultTypes: ['violations'],
  runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']},
  rules: {'empty-heading': {enabled: true}, 'heading-order': {enabled: true}}}"""
# What a translation can break, which English can't show: a name that is missing, a language that is not said, a heading
# that is empty, and a word too long for the page (WIDE). Structure, roles, targets and colours are those of the same
# templates and the same style sheet in every language, and are looked at in English.
SAID: Final = """{resultTypes: ['violations'], runOnly: {type: 'rule', values: ['html-has-lang', 'html-lang-valid',
  'valid-lang', 'document-title', 'empty-heading', 'label', 'select-name', 'button-name', 'link-name', 'image-alt',
  'svg-img-alt', 'summary-name', 'aria-input-field-name', 'aria-command-name', 'duplicate-id-aria']}}"""
CONTRAST: Final = "{resultTypes: ['violations'], runOnly: {type: 'rule', values: ['color-contrast']}}"
WRONG: Final = """async options => {
  for (const details of document.querySelectorAll('main details')) details.open = true;
  const found = await axe.run(options);
  return found.violations.flatMap(v => v.nodes.map(n =>
    v.id + ': ' + n.html.slice(0, 160) + ' ' + n.failureSummary.slice(0, 200)));
}"""
# What is tapped: an input with its label, a button, a link that stands by itself. A link within a sentence is text.
SMALL: Final = """() => {
  const small = [];
  for (const e of document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')) {
    const target = e.closest('label, .tile, .tasks > li') || e;
    const box = target.getBoundingClientRect(), style = getComputedStyle(target);
    if (!box.width || style.visibility === 'hidden' || box.right < 0 || e.closest('svg')) continue;
    const around = e.parentElement.textContent.trim(), alone = around === e.textContent.trim();
    if (e.tagName === 'A' && style.display === 'inline' && !alone) continue;
    if (box.height < 43.5 || box.width < 24) small.push(e.outerHTML.slice(0, 120) + ' ' + box.width + '×' + box.height);
  }
  return small;
}"""
FILL: Final = """values => {
  const form = document.querySelector('main form[id]') || [...document.querySelectorAll('main form')].pop();
  for (const [name, value] of Object.entries(values)) {
    const all = [...form.elements].filter(e => e.name === name), one = all.find(e => e.value === value) || all[0];
    if (['radio', 'checkbox'].includes(one.type)) one.checked = true; else one.value = value;
  }
  form.submit();
}"""
WIDE: Final = """() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return [];
  return [...document.querySelectorAll('main *, header *, nav *, footer *')]
    .filter(e => !e.closest('.scroll') && !e.closest('.hush') && e.getBoundingClientRect().right > most + 1)
    .map(e => e.outerHTML.slice(0, 120)).slice(0, 5).concat('sideways: ' + document.documentElement.scrollWidth);
}"""


@dataclass
class Stage:
    """The cast's world, served, with the pages that each of them may read."""

    address: str
    emails: dict[str, str]
    pages: dict[str, list[str]]


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("accessible")
    shutil.copy(sqlite_template, folder / "world.sqlite")
    settings = config.load_settings({"REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(folder / "instance")})
    store = Store(make_engine(f"sqlite:///{folder / 'world.sqlite'}"), KeyRing.parse(settings.master_keys))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "NOW", people.datetime.now(people.UTC))
        cast = people.build(store, password_hash=hash_password(people.PASSWORD))
        case, consent, handoff = people.request(store, cast)
        app = create_app(settings, store)
        walk = access_walk.build(World(app, store, cast, case, consent, handoff))
    server = create_server(app, host="127.0.0.1", port=0, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    emails = {who: cast.emails[walk.actors[who].person_id] for who in WHO if who != "nobody"}
    yield Stage(f"http://127.0.0.1:{server.effective_port}", emails, readable(walk))
    server.close()
    store.engine.dispose()


def readable(walk: access_walk.Walk) -> dict[str, list[str]]:
    """For each person the addresses that nobody before them reads; everybody's first page is their own."""
    pages: dict[str, list[str]] = {who: [] for who in WHO}
    seen = set(SKIPPED)
    steps = [s for s in access_walk.steps(walk) if s.declared and s.method == "GET" and s.endpoint not in seen]
    for who in WHO:
        role = walk.actors[who].role if who in walk.actors else None
        mine = [s for s in steps if s.endpoint not in seen and access_walk.granted(s, who, role)
                and (role is not None or not access_walk.GRANTS[s.action].roles)]
        pages[who] = [s.real for s in mine]
        seen |= {s.endpoint for s in mine}
    return pages


class Reader(Person):
    """Someone whose pages are measured; the policy is off, for axe to be let in (others test with it on)."""

    def __init__(self, chromium: Any, stage: Stage, who: str, **options: Any) -> None:  # noqa: F811
        self.context = chromium.new_context(viewport={"width": 390, "height": 844}, bypass_csp=True,
                                            reduced_motion="reduce", device_scale_factor=SCALE, **options)
        self.context.add_init_script(_axe())
        self.page, self.address = self.context.new_page(), stage.address
        if who != "nobody":
            self.page.goto(self.address + "/sign-in")
            self.page.fill("#email", stage.emails[who])
            self.page.fill("#password", people.PASSWORD)
            self.page.press("#password", "Enter")
            self.page.wait_for_selector(".nav")

    def reads(self, path: str) -> bool:
        """Whether it is a page of ours for this reader, and no file or way on to somewhere else."""
        try:
            answer = self.page.goto(self.address + path, wait_until="load")
        except Error as error:
            if "Download is starting" not in error.message:
                raise
            return False
        if answer is None or answer.status != 200 or answer.request.redirected_from or \
                "text/html" not in answer.headers.get("content-type", ""):
            return False
        if SHOTS:
            self._picture(path)
        return True

    def sends(self, path: str, values: dict[str, str], answered: str) -> None:
        """The form of a page's content, filled in; what comes has `answered`."""
        self.page.goto(self.address + path, wait_until="load")
        with self.page.expect_navigation():
            self.page.evaluate(FILL, values)
        assert self.page.locator(answered).count(), f"{path}, sent with {values}: {self.page.inner_text('main')}"

    def chooses(self, language: str) -> bool:
        """Another language, in the menu of the page; some pages have none, as they are in the language of somebody."""
        button = f"[name=page_language][value={language}]"
        if not self.page.locator(button).count():
            return False
        with self.page.expect_navigation():
            self.page.eval_on_selector(button, "button => button.form.requestSubmit(button)")
        assert self.page.get_attribute("html", "lang") == language, self.page.url
        return True

    def _picture(self, path: str) -> None:
        """In English on a phone and a desktop, in Arabic on a phone."""
        language, before = self.page.get_attribute("html", "lang"), self.page.viewport_size
        name = "-".join(part for part in path.split("?")[0].split("/") if part and len(part) < 30) or "home"
        for width, height in {"en": ((390, 844), (1280, 900)), "ar": ((390, 844),)}.get(language, ()):
            self.page.set_viewport_size({"width": width, "height": height})
            take(self.page, f"page-{name}-{language}-{width}")
        self.page.set_viewport_size(before)

    def wrong(self, rules: str = RULES) -> list[str]:
        found: list[str] = self.page.evaluate(f"() => ({WRONG})({rules})")
        return found

    def wrong_in_words(self) -> list[str]:
        """At a fifth of a desktop's width, where long words show."""
        return self.wrong(SAID) + [str(wide) for wide in self.page.evaluate(WIDE)]

    def all_wrong(self) -> list[str]:
        """In light, in dark, and at a fifth of a desktop's width."""
        found = self.wrong() + self.page.evaluate(SMALL)
        self.page.emulate_media(color_scheme="dark")
        found += [f"dark: {w}" for w in self.wrong(CONTRAST)]
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size({"width": 320, "height": 256})
        found += self.page.evaluate(WIDE)
        self.page.set_viewport_size({"width": 390, "height": 844})
        return found


def _axe() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def readers(chromium: Any, stage: Stage) -> Iterator[Callable[[str], Reader]]:  # noqa: F811
    """Everybody signs in once."""
    here: dict[str, Reader] = {}

    def reader(who: str) -> Reader:
        if who not in here:
            here[who] = Reader(chromium, stage, who)
        return here[who]

    yield reader
    for one in here.values():
        one.context.close()


@pytest.mark.parametrize("who", WHO)
def test_every_page_is_for_everybody(readers: Callable[[str], Reader], stage: Stage, who: str) -> None:
    reader = readers(who)
    wrong = {path: found for path in stage.pages[who] if reader.reads(path) and (found := reader.all_wrong())}
    for name, path, values, answered in STATES:
        if name == who:
            reader.sends(path, values, answered)
            if found := reader.all_wrong():
                wrong[f"{path}, sent with {values}"] = found
    assert wrong == {}, told(wrong)


@pytest.mark.parametrize("who", WHO)
def test_every_page_is_for_everybody_in_every_language(
        readers: Callable[[str], Reader], stage: Stage, who: str) -> None:
    reader = readers(who)
    reader.page.set_viewport_size({"width": 320, "height": 256})
    wrong: dict[str, list[str]] = {}
    for language in OTHERS:
        if who != "nobody":  # staff's is kept with the account, as they chose it in the menu
            reader.page.goto(reader.address + "/account")
            assert reader.chooses(language)
        for path in list(stage.pages[who]):
            if not reader.reads(f"{path}?lang={language}"):
                stage.pages[who].remove(path)  # a file: it is no page in any language
                continue
            slip = reader.page.locator("body.slip").count()  # on paper in the person's language, not the reader's
            assert slip or reader.page.locator("html").get_attribute("lang") == language, path
            if found := reader.wrong_in_words():
                wrong[f"{path} {language}"] = found
        for name, path, values, answered in STATES:
            if name == who:
                reader.sends(f"{path}?lang={language}", values, answered)
                if found := reader.wrong_in_words():
                    wrong[f"{path} {language}, sent with {values}"] = found
    assert wrong == {}, told(wrong)


def told(wrong: dict[str, list[str]]) -> str:
    """What is wrong where, a line each."""
    return "".join(f"\n{path}\n  " + "\n  ".join(found) for path, found in wrong.items())


def test_by_keyboard_alone_one_gets_to_the_content_and_sees_where_one_is(
        chromium: Any, stage: Stage) -> None:  # noqa: F811
    page = Reader(chromium, stage, "nobody").page
    page.goto(stage.address + "/sign-in")
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("class") == "skip", "first of all, the way to the content"
    assert page.locator(":focus").bounding_box()["x"] >= 0, "and it is seen"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    order = []
    for _ in range(4):
        order.append(page.locator(":focus").get_attribute("id") or page.locator(":focus").inner_text())
        assert page.locator(":focus").evaluate("e => getComputedStyle(e).outlineStyle") != "none", order
        page.keyboard.press("Tab")
    assert order == ["email", "password", "Sign in", "Forgotten password"]
    page.context.close()


def test_what_is_wrong_takes_the_focus_and_leads_to_the_field(chromium: Any, stage: Stage) -> None:  # noqa: F811
    page = Reader(chromium, stage, "olga").page
    page.goto(stage.address + "/officer/")
    page.locator("main form").first.evaluate("form => form.submit()")
    page.wait_for_selector(".problem")
    assert "problem" in page.locator(":focus").get_attribute("class")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator(":focus").get_attribute("id") in ("needs", "near")
    page.context.close()


def test_the_language_menu_keeps_what_was_typed(chromium: Any, stage: Stage) -> None:  # noqa: F811
    page = Reader(chromium, stage, "nobody").page
    page.goto(stage.address + "/styleguide")
    page.fill("#near", "Key West")
    page.click(".menu summary")
    page.keyboard.press("Escape")
    assert not page.locator(".menu button[lang=ar]").is_visible(), "Escape closes it"
    page.click(".menu summary")
    page.click(".menu button[lang=ar]")
    page.wait_for_selector("html[dir=rtl]")
    assert page.input_value("#near") == "Key West"
    page.context.close()
