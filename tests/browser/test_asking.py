"""From signing in to an accepted request, on a phone: how many taps it takes, what is shown, what survives."""

from typing import Any

import pytest

from referral_dir.desk.demo import DEMO_PASSWORD
from tests.browser.counting import Counter, written_down
from tests.browser.test_accessible import OTHERS, Reader, _axe
from tests.browser.test_story import Person, address, chromium  # noqa: F401

HARBOUR = "Harbour Safe House (invented)"


def ask_for_a_safe_house(officer: Person) -> Counter:
    """Signs in and finds, by the words of no language: the pages are read in several."""
    count, page = Counter(officer.page), officer.page
    page.goto(officer.address + "/sign-in")
    count.write("#email", "officer@demo.example")
    count.write("#password", DEMO_PASSWORD)
    count.tap("main form button")
    count.tick("input[name=needs][value='shelter.safe_house']")
    count.write("#near", "Miami, FL")
    count.tick("input[name=languages][value=ar]")
    officer.picture("asking-1-find")
    count.tap("main form button:not([type=button]) >> nth=-1")
    officer.picture("asking-2-found")
    count.tap("button[name=service_id] >> nth=0")
    return count


def show_and_press(officer: Person, count: Counter) -> None:
    """The phone goes to the person, who presses yes, and back to the officer, who says that it was they."""
    page = officer.page
    officer.picture("asking-3-terms")
    count.tap("button[name=then][value=show]")
    page.wait_for_selector(".show")
    assert page.get_attribute("html", "dir") == "rtl", "the notice is in the person's language"
    shown = page.inner_text("main")
    for hidden in ("Harbour", "Safe House", "Miami", "shelter"):
        assert hidden not in page.content(), "nothing here endangers when somebody looks over a shoulder"
    assert "إذن" in shown or "موافق" in shown, shown[:300]
    officer.picture("asking-4-shown")
    count.tap("button.yes")
    officer.picture("asking-5-pressed")
    count.tick("input[name=interpreter][value=not_needed]")
    count.tick("input[name=capacity][value=adult]")
    count.tap("#pressed button:not([type=button])")
    officer.picture("asking-6-check")


def accepted_at_the_service(chromium: Any, address: str, script: bool) -> None:  # noqa: F811
    provider = Person(chromium, address, script).sign_in("provider@demo.example")
    provider.page.click("main h3 a")
    provider.page.click("text=Say where to meet")
    provider.page.fill("#meeting_point", "The blue door (invented)")
    provider.page.click("button:text-is('Accept')")
    provider.done()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_request_takes_at_most_twelve_taps_and_its_answer_comes_by_itself(
        chromium: Any, address: str, script: bool) -> None:  # noqa: F811
    officer = Person(chromium, address, script)
    page = officer.page
    count = ask_for_a_safe_house(officer)
    show_and_press(officer, count)
    officer.see("Nothing has left yet.")
    officer.see(HARBOUR)
    count.tap("button:text-is('Send the request')")
    officer.see("If it does not, we tell you, and you can ask the next one.")
    written_down(count, "a request is sent")
    officer.picture("asking-7-sent")
    accepted_at_the_service(chromium, address, script)
    if script:
        page.wait_for_selector("text=The blue door (invented)", timeout=20_000)
    else:
        page.click("text=Look again")
    officer.see("Your turn: bring them")
    officer.picture("asking-8-accepted")
    officer.done()


def test_every_step_is_kept_on_another_device_and_in_arabic(chromium: Any, address: str) -> None:  # noqa: F811
    officer = Person(chromium, address, True)
    ask_for_a_safe_house(officer)
    officer.page.click("button[name=then][value=read]")
    officer.done()

    other = Person(chromium, address, True, width=1280)
    page = other.page
    other.sign_in("officer@demo.example")
    page.click("details.menu summary")
    page.click("button[lang=ar]")
    page.wait_for_selector("html[dir=rtl]")
    page.goto(address + "/officer/cases")
    other.picture("cases")
    page.click("main h3 a")
    other.picture("case-goes-on")
    page.click(".tasks + .buttons a.button")
    assert "/consent/" in page.url, "it goes on where it was left: at the explanation"
    page.click("a[href*='/show']")
    page.click("button.no")
    other.picture("pressed-no")
    page.check("input[name=interpreter][value=not_needed]")
    page.check("input[name=capacity][value=adult]")
    page.click("#pressed button:not([type=button])")
    other.picture("refused")
    page.goto(address + "/officer/cases")
    assert page.locator("main article.card").count() == 1
    other.done()



def test_the_pages_on_the_way_are_for_everybody(chromium: Any, address: str) -> None:  # noqa: F811
    """Pages that only exist between two steps, which the walk of all pages does not meet; in every language that the
    page has a menu for (what is held out to the person is in theirs)."""
    reader = Reader.__new__(Reader)
    reader.context = chromium.new_context(viewport={"width": 390, "height": 844}, bypass_csp=True,
                                               reduced_motion="reduce")
    reader.context.add_init_script(_axe())
    reader.page, reader.address, reader.shot, reader.strangers = reader.context.new_page(), address, "nojs-axe", []
    page, wrong = reader.page, {}

    def look(name: str) -> None:
        page.wait_for_load_state("load")
        page.wait_for_timeout(100)
        if found := reader.all_wrong():
            wrong[name] = found
        page.set_viewport_size({"width": 320, "height": 256})
        for language in OTHERS:
            if reader.chooses(language) and (found := reader.wrong_in_words()):
                wrong[f"{name} {language}"] = found
        reader.chooses("en")
        page.set_viewport_size({"width": 390, "height": 844})

    ask_for_a_safe_house(reader)
    look("terms")
    page.click("button[name=then][value=show]")
    look("screen")
    page.click("button:has-text('?')")
    look("question")
    page.click("section a.button")
    page.click("button.yes")
    look("pressed")
    page.click("#pressed button:not([type=button])")
    look("pressed, with errors")
    page.check("input[name=interpreter][value=not_needed]")
    page.check("input[name=capacity][value=adult]")
    page.click("#pressed button:not([type=button])")
    look("check")
    page.click("button:text-is('Send the request')")
    look("sent")
    page.goto(address + "/officer/cases")
    look("cases")
    page.click("main h3 a")
    look("case")
    page.goto(address + "/officer/several")
    page.fill("#lines", "2 women, Spanish\nRosa Unheard")
    page.fill("#near", "Miami, FL")
    page.check("input[name=needs][value='shelter.emergency']")
    page.click("button[name=do]")
    look("several")
    reader.sends("/officer/", {"needs": "shelter.safe_house", "near": "Miami, FL"}, ".result")
    look("results")
    for box in page.locator("input[name=compare]").all()[:2]:
        box.check()
    page.click("text=Compare those that are ticked")
    look("compared")
    page.click("text=Back to all results")
    page.click("summary:has-text('Why this one') >> nth=0")
    page.click("button:has-text('A page for the person') >> nth=0")
    look("for the person")
    reader.context.close()
    assert wrong == {}
