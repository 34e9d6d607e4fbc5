"""Without signal: the copy on the device answers as the rules do, and holds nothing that it must not."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from referral_dir.desk import offline
from referral_dir.domain import matching
from referral_dir.domain.need import Candidate, Need
from tests.browser.test_story import Person, address, chromium  # noqa: F401
from tests.conftest import ROOT
from tests.index.test_same_rules import NOSHRINK, NOW, directories, needs

RULES = (ROOT / "referral_dir/static/offline-rules.js").read_text()


@pytest.fixture(scope="module")
def device(chromium: Any) -> Any:  # noqa: F811
    page = chromium.new_page()
    page.evaluate(f"() => {{ window.offlineRank = {RULES[RULES.index('function'):]} }}")
    yield page
    page.close()


def question(need: Need, copy: dict[str, Any], directory: list[Candidate]) -> dict[str, Any]:
    """The Need as `static/offline.js` makes it from its form."""
    organizations = list(dict.fromkeys(
        c.organization_id for c in sorted(directory, key=lambda c: str(c.service_id))))
    return {
        "needs": {code: sorted(codes & set(copy["needs"])) for code, codes in need.needs.items()},
        "lat": need.place.latitude, "lon": need.place.longitude, "country": need.place.country,
        "admin1": need.place.admin1.casefold(), "languages": need.languages,
        "radius": need.radius_km, "ages": need.ages,
        "gender": need.gender, "household": need.household, "accessibility": need.accessibility,
        "openNow": need.open_now, "communities": sorted(need.excluded_communities),
        "organizations": [n for n, o in enumerate(organizations) if o in need.excluded_organizations],
        "areas": [{"lat": a.latitude, "lon": a.longitude, "km": a.radius_km} for a in need.excluded_areas]}


def judged(found: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(m["service"]["i"], float(m["score"]), m["distance"], {c[0]: c[1] for c in m["criteria"]}) for m in found]


def plainly(found: tuple[matching.Match, ...]) -> list[tuple[Any, ...]]:
    verdicts = {"met": 0, "unknown": 1, "unmet": 2}
    return [(m.candidate.service_id.hex, m.score, m.distance_km,
             {c.name: verdicts[c.verdict] for c in m.criteria}) for m in found]


@examples(max_examples=80, phases=NOSHRINK,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(directories, st.lists(needs(), min_size=1, max_size=6), st.sampled_from((0, 3600, 40_000, 400_000)))
def test_the_device_ranks_as_the_rules_do(device: Any, directory: list[Candidate], asked: list[Need],
                                          later: int) -> None:
    now = NOW + timedelta(seconds=later)
    # What an officer can ask for without signal, of what lies in a copy: whole seconds, and active services.
    public = [replace(c, status="active", confidential=False, capacity=c.capacity and replace(
        c.capacity, updated=c.capacity.updated.replace(microsecond=0))) for c in directory]
    needed = [replace(n, nationality=None, status=None, declined={}, open_by=None) for n in asked]
    copy = json.loads(json.dumps(offline.pack(public, {}, {}, needed[0].place, 50.0, NOW)))
    answers = device.evaluate("([copy, asked, now]) => asked.map(need => offlineRank(copy, need, now))", [
        copy, [question(need, copy, public) for need in needed], now.timestamp() * 1000])
    for need, answer in zip(needed, answers, strict=True):
        ranking = matching.rank(need, public, public, now)
        assert judged(answer["matches"]) == plainly(ranking.matches)
        assert judged(answer["near"]) == plainly(ranking.near_misses)


def kept(page: Any) -> dict[str, Any]:
    """All that the site has left on the device: addresses and texts in caches, names in stores, cookies for scripts."""
    found: dict[str, Any] = page.evaluate("""async () => {
        const files = {};
        for (const name of await caches.keys()) {
            const cache = await caches.open(name);
            for (const request of await cache.keys()) {
                files[request.url] = await (await cache.match(request)).text();
            }
        }
        return { files, stores: [...Object.keys(localStorage), ...Object.keys(sessionStorage)],
                 databases: (await indexedDB.databases()).length,
                 workers: (await navigator.serviceWorker.getRegistrations()).length };
    }""")
    return found


def keep_a_copy(officer: Person, address: str) -> None:  # noqa: F811
    page = officer.page
    page.goto(f"{address}/offline/")
    page.fill("#near", "Miami, FL")
    page.check("form[data-region] input[type=checkbox]")
    officer.picture("offline-opt-in")
    page.click("form[data-region] button")
    page.wait_for_selector("text=A copy is on this device")
    officer.see("services around Miami")
    page.wait_for_function("navigator.serviceWorker.controller !== null")


def test_without_signal_the_copy_is_asked_and_a_request_is_begun_and_sent_later(
        chromium: Any, address: str) -> None:  # noqa: F811
    officer = Person(chromium, address, script=True).sign_in("officer@demo.example")
    page = officer.page
    keep_a_copy(officer, address)
    left = kept(page)
    assert {url.split("?")[0].removeprefix(address) for url in left["files"]} == {
        "/offline/shell", "/offline/copy", "/static/style.css", "/static/icon.svg", "/static/offline.js",
        "/static/offline-rules.js"}
    everything = "".join(left["files"].values())
    assert "Harbour Safe House" not in everything, "a hidden service is in the copy"
    assert "officer@demo" not in everything
    assert (left["stores"], left["databases"]) == ([], 0)

    officer.context.set_offline(True)
    page.goto(f"{address}/officer/")
    page.wait_for_selector("text=A copy from this device")
    page.check("input[name=needs][value='legal.immigration']")
    page.check("input[name=languages][value=es]")
    page.click("#ask > button")
    page.wait_for_selector("#answer article")
    officer.see("most safe houses, are not in this copy")
    assert "+1 305 555 01" in page.inner_text("#answer .phone >> nth=0"), "as it is written"
    assert str(page.get_attribute("#answer .phone >> nth=0", "href")).startswith("tel:+130555501")
    assert all(text != "Open until" for text in page.locator("#answer .tag").all_inner_texts())
    assert all(text for text in page.locator("#answer h2").all_inner_texts())
    assert "this hour" in page.inner_text("#age")
    officer.picture("offline-answer")
    first = page.inner_text("#answer article h3 >> nth=0")
    page.click("#answer article button >> nth=0")
    officer.see(first)
    page.click("#send")
    page.wait_for_selector("text=There is no signal yet")
    officer.picture("offline-begun")
    assert kept(page)["files"].keys() == left["files"].keys()
    assert kept(page)["stores"] == []

    officer.context.set_offline(False)
    page.click("#send")
    page.wait_for_selector("button:text-is('Open the case')")
    officer.see(f"This is to ask {first}.")
    assert page.is_checked("input[name=needs][value='legal.immigration']")
    assert page.is_checked("input[name=languages][value=es]")
    assert page.input_value("#near") == "Miami"
    officer.done()


def test_a_copy_goes_in_one_tap_and_with_the_exit(chromium: Any, address: str) -> None:  # noqa: F811
    officer = Person(chromium, address, script=True).sign_in("officer@demo.example")
    page = officer.page
    keep_a_copy(officer, address)
    page.click("text=Remove it from this device")
    page.wait_for_selector("text=The copy has been removed")
    assert (kept(page)["files"], kept(page)["workers"]) == ({}, 0)

    keep_a_copy(officer, address)
    officer.context.set_offline(True)
    page.goto(f"{address}/officer/")
    page.click("a.exit")
    page.wait_for_function("document.title.trim() === ''")
    assert page.inner_text("body").strip() == ""
    assert kept(page)["files"] == {}
    officer.context.close()


def test_a_copy_that_is_too_old_to_know_what_has_become_hidden_is_not_kept(
        chromium: Any, address: str) -> None:  # noqa: F811
    officer = Person(chromium, address, script=True).sign_in("officer@demo.example")
    page = officer.page
    keep_a_copy(officer, address)
    page.evaluate("""async () => {
        const cache = await caches.open("offline-copy"), copy = await (await cache.match("/offline/copy")).json();
        copy.made -= (copy.days + 1) * 86400;
        await cache.put("/offline/copy", new Response(JSON.stringify(copy)));
    }""")
    officer.context.set_offline(True)
    page.goto(f"{address}/officer/")
    page.wait_for_selector("text=There is no copy on this device")
    assert kept(page)["files"] == {}
    officer.context.close()


def test_without_script_the_page_says_what_to_do_instead(chromium: Any, address: str) -> None:  # noqa: F811
    officer = Person(chromium, address, script=False).sign_in("officer@demo.example")
    officer.page.goto(f"{address}/offline/")
    officer.see("This needs script")
    assert not officer.page.is_visible("form[data-region]")
    officer.done()
