"""The copy on paper, and broken glass that ends on an open page; in a real browser, with script and without."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import config
from referral_dir.desk import cases
from referral_dir.domain.access import Actor
from referral_dir.domain.vocabulary import Role
from referral_dir.store import people_queries
from referral_dir.store.cases import BreakGlass
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, transaction
from referral_dir.store.directory import Service
from tests.browser.test_story import Person, address, chromium  # noqa: F401
from tests.cast import MIAMI


@pytest.fixture
def demo(address: str, settings: config.Settings, sqlite_store: Store) -> Store:  # noqa: F811
    return Store(sqlite_store.engine, KeyRing.parse(settings.master_keys))


def begin(store: Store) -> tuple[str, str]:
    """A case of the demo officer's, and the service to ask."""
    now = datetime.now(UTC)
    with transaction(store) as session:
        officer = people_queries.person_by_email(session, "officer@demo.example")
        provider = people_queries.person_by_email(session, "provider@demo.example")
        assert officer
        assert provider
        actor = Actor(officer.id, officer.organization_id, Role.OFFICER)
        case = cases.open_case(session, actor, cases.NewCase(
            needs=["shelter.safe_house"], languages=["ar"], place=MIAMI), now)
        cases.set_identifying(session, actor, case.id, {"name": "Invented Person", "health": "asthma"}, now)
        service = session.query(Service).filter_by(organization_id=provider.organization_id,
                                                   name="Harbour Safe House (invented)").one()
        return str(case.id), str(service.id)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_childs_consent_and_the_copy_that_is_printed(chromium: Any, address: str, demo: Store,  # noqa: F811
                                                       script: bool) -> None:
    case, service = begin(demo)
    officer = Person(chromium, address, script).sign_in("officer@demo.example")
    page = officer.page
    page.goto(f"{address}/officer/case/{case}/consent/{service}")
    page.check("input[name=fields][value=name]")
    page.click("text=How long, start later")
    officer.picture("consent-terms")
    page.click("text=Next: read it to them")
    page.check("input[name=interpreter][value=professional_remote]")
    page.check("input[name=capacity][value=minor]")
    page.click("text=It was explained")
    officer.see("Write the number by which the agency knows the interpreter")
    assert page.is_checked("input[name=capacity][value=minor]")
    officer.picture("consent-explain-wrong")
    page.fill("#interpreter_reference", "Agency 4711")
    page.check("input[name=guardian][value=authority]")
    page.check("input[name=guardian_suspected][value=yes]")
    page.click("text=It was explained")
    page.check("input[name=assent][value=yes]")
    page.check("input[name=method][value=signed]")
    page.click("text=Signed paper, or a recording")
    page.set_input_files("#evidence_file", {"name": "paper.jpg", "mimeType": "image/jpeg", "buffer": b"invented"})
    officer.picture("consent-answer")
    page.click("text=Yes, they agree")
    page.click("text=Print their copy")
    assert page.get_attribute("html", "dir") == "rtl"
    page.fill("#number", "+1 305 555 0142")
    page.select_option("#language", "en")
    page.click("text=Change")
    officer.picture("copy")
    page.emulate_media(media="print")
    paper = page.inner_text("body")
    assert "+1 305 555 0142" in paper
    for hidden in ("Back", "Language", "Harbour", "officer", "Referral"):
        assert hidden not in paper
    if script:
        assert len(page.pdf()) > 1000
    officer.picture("copy-on-paper")
    officer.done()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_broken_glass_ends_on_a_page_that_was_left_open(chromium: Any, address: str, demo: Store,  # noqa: F811
                                                        script: bool) -> None:
    case, service = begin(demo)
    officer = Person(chromium, address, script).sign_in("officer@demo.example")
    page = officer.page
    page.goto(f"{address}/officer/case/{case}/consent/{service}")
    page.click("text=Their life is in danger")
    page.click("text=Save a life without consent")
    officer.picture("break-glass")
    for name, value in (("reason", "medical_emergency"), ("imminence", "now"), ("why_no_consent", "unconscious"),
                        ("fields", "name")):
        page.check(f"input[name={name}][value={value}]")
    page.fill("#explanation", "Collapsed at the gate (invented)")
    page.click("text=Show it for one hour")
    page.click("button:text-is('Send the request')")
    officer.see("The service has been told")
    officer.picture("asked")

    provider = Person(chromium, address, script).sign_in("provider@demo.example")
    provider.page.click("main h3 a")
    provider.page.click("button:text-is('Accept')")
    provider.see("Without consent: vital interests")
    provider.see("Invented Person")
    provider.picture("vital")
    with transaction(demo) as session:
        session.query(BreakGlass).one().expires = datetime.now(UTC) + timedelta(seconds=3)
    provider.page.reload()
    provider.see("Invented Person")
    provider.page.wait_for_selector("text=Nothing of the case is shown any more", timeout=15_000)
    assert "Invented Person" not in provider.page.content()

    overseer = Person(chromium, address, script).sign_in("overseer@demo.example")
    overseer.picture("told")
    overseer.page.click("text=your review is needed")
    overseer.picture("reviews")
    overseer.page.click("main article a >> nth=0")
    overseer.picture("review")
    overseer.page.check("input[name=verdict][value=justified]")
    overseer.page.click("text=Record the review")
    overseer.see("Nothing waits for your review.")
    page.goto(f"{address}/officer/case/{case}")
    officer.see("reviewed: Justified")
    officer.picture("case-with-vital")
    for person in (officer, provider, overseer):
        person.done()
