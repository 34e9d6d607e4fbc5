"""The officer asks and gets an answer, on a phone: with script, without, and in Arabic."""

from typing import Any

from tests.browser.counting import Counter
from tests.browser.test_story import Person, address, chromium

__all__ = ["address", "chromium"]


def test_an_officer_asks_narrows_compares_and_hands_over(chromium: Any, address: str) -> None:
    officer = Person(chromium, address, script=True).sign_in("officer@demo.example")
    page, count = officer.page, Counter(officer.page)
    count.tick("input[name=who][value=woman]")
    page.fill("#need-tiles-filter", "roof")
    officer.picture("ask-1-search")
    count.tick("input[name=needs][value='shelter']")
    page.fill("#need-tiles-filter", "")
    count.tick("input[name=languages][value=ht]")
    page.locator("#near").press_sequentially("Mia", delay=20)
    page.wait_for_selector("#places option[value='Miami, Florida, United States']", state="attached")
    count.write("#near", "Miami, Florida, United States")
    count.tick("input[name=keep_place]")
    officer.picture("ask-2")
    count.tap("button:text-is('Find')")
    officer.see("can be asked near Miami")
    officer.picture("answer")
    assert count.total <= 6, count.told()
    page.click("button.chip >> nth=0")
    assert page.get_attribute("button.chip >> nth=0", "aria-pressed") == "true"
    officer.picture("answer-narrowed")
    page.click("button.chip >> nth=0")
    for box in page.locator("input[name=compare]").all()[:2]:
        box.check()
    page.click("text=Compare those that are ticked")
    officer.picture("compare")
    page.click("text=Back to all results")
    page.click("summary:has-text('Why this one') >> nth=0")
    page.click("button:has-text('A page for the person') >> nth=0")
    page.click("button:text-is('العربية') >> nth=-1")
    assert page.get_attribute("#show", "dir") == "rtl"
    officer.picture("for-the-person")
    page.goto(address + "/officer/")
    assert page.input_value("#near") == "Miami, Florida, United States"
    officer.done()


def test_the_phones_place_is_asked_once_by_a_button_and_not_kept(chromium: Any, address: str) -> None:
    officer = Person(chromium, address, script=True)
    officer.context.grant_permissions(["geolocation"], origin=address)
    officer.context.set_geolocation({"latitude": 25.774321, "longitude": -80.193456})
    page = officer.sign_in("officer@demo.example").page
    page.check("input[name=needs][value='shelter.emergency']")
    page.click("[data-position]")
    page.wait_for_selector("text=Here, to about a kilometre")
    assert (page.input_value("[name=lat]"), page.input_value("[name=lon]")) == ("25.77", "-80.19")
    page.click("button:text-is('Find')")
    officer.see("near Miami")
    page.click("text=Change what was asked")
    page.fill("#near", "Key West")
    assert page.input_value("[name=lat]") == ""
    officer.done()


def test_enter_in_a_field_asks_and_changes_no_language(chromium: Any, address: str) -> None:
    officer = Person(chromium, address, script=False).sign_in("officer@demo.example")
    page = officer.page
    page.check("input[name=needs][value='shelter.emergency']")
    page.fill("#near", "Miami, FL")
    page.press("#near", "Enter")
    officer.see("can be asked near Miami")
    page.goto(address + "/officer/search")
    page.fill("#text", "shelter")
    page.press("#text", "Enter")
    page.wait_for_selector("article.card")
    officer.done()


def test_an_officer_asks_without_script(chromium: Any, address: str) -> None:
    officer = Person(chromium, address, script=False).sign_in("officer@demo.example")
    page = officer.page
    page.check("input[name=who][value=family]")
    page.check("input[name=needs][value='shelter.emergency']")
    page.fill("#near", "Springfield")
    page.click("button:text-is('Find')")
    officer.see("Which place is meant?")
    officer.picture("ask-which-place")
    page.check("input[name=near_choice] >> nth=0")
    page.click("button:text-is('Find')")
    officer.see("near Springfield")
    page.click("text=Change what was asked")
    page.fill("#near", "Miami, FL")
    officer.picture("ask")
    page.click("button:text-is('Find')")
    officer.see("can be asked near Miami")
    officer.see("2 people")
    officer.picture("answer")
    page.click("main h2 a >> nth=0")
    officer.see("About it")
    officer.picture("service")
    officer.done()


def test_an_officer_who_reads_arabic_asks_from_right_to_left(chromium: Any, address: str) -> None:
    officer = Person(chromium, address, script=True).sign_in("officer@demo.example")
    page = officer.page
    page.click(".menu summary")
    page.click(".menu button[value=ar]")
    assert page.get_attribute("html", "dir") == "rtl"
    page.check("input[name=needs][value='shelter.emergency']")
    page.fill("#near", "Miami, FL")
    page.check("input[name=languages][value=ar]")
    officer.picture("ar-ask")
    page.click(".go button")
    page.wait_for_selector("#asked")
    officer.picture("ar-answer")
    assert page.get_attribute("html", "dir") == "rtl"
    officer.done()
