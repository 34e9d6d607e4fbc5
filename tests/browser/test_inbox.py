"""A request between two people: an officer at a desk, a provider with a phone in one hand."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

import config
from referral_dir.desk import cases, consents, handoffs
from referral_dir.desk.accounts import actor_of
from referral_dir.desk.demo import DEMO_PASSWORD
from referral_dir.domain.consent_record import Terms
from referral_dir.domain.vocabulary import Place, Reason
from referral_dir.store.cases import Handoff
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, transaction
from referral_dir.store.directory import Organization, Service
from referral_dir.store.people import Person as Member
from tests.browser.counting import Counter, written_down
from tests.browser.test_story import Person, address, chromium  # noqa: F401
from tests.cast import EXPLAINED, SAID_YES

MIAMI = Place("Miami", "US", 25.7743, -80.1937, "Florida", "America/New_York")


def ask(store: Store, priority: str) -> UUID:
    """The demo's officer asks the demo's safe house to take someone."""
    now = datetime.now(UTC)
    with transaction(store) as session:
        officer = actor_of(session.query(Member).filter_by(email="officer@demo.example").one())
        house = session.query(Service).join(Organization, Organization.id == Service.organization_id).filter(
            Organization.name == "Demo Harbour House (invented)", Service.accepts_handoffs).order_by(Service.name).all()
        service = next(row for row in house if "Safe House" in row.name)
        case = cases.open_case(session, officer, cases.NewCase(
            needs=["shelter.safe_house"], languages=["ht"], place=MIAMI, age_band="18-25", gender="female",
            household=2 if priority == "urgent" else 1, priority=priority), now)
        cases.set_identifying(session, officer, case.id, {"name": "Perpetua Nightshade"}, now)
        row = consents.draft(session, officer, case.id, service.id, Terms(("name",)), now)
        consents.explain(session, officer, row.id, EXPLAINED, now)
        consents.give(session, officer, row.id, SAID_YES, now)
        return handoffs.request(session, officer, case.id, service.id, now).id


@pytest.fixture
def store(sqlite_store: Store, settings: config.Settings) -> Store:
    """The demo's store, with its own keys."""
    return Store(sqlite_store.engine, KeyRing.parse(settings.master_keys))


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_provider_asks_agrees_on_a_time_and_accepts(
        chromium: Any, address: str, store: Store, script: bool) -> None:  # noqa: F811
    first = ask(store, "urgent")
    provider, officer = Person(chromium, address, script), Person(chromium, address, script, 1280)
    if script:
        provider.page.clock.install()
    provider.sign_in("provider@demo.example")
    provider.see("Waits for you (1)")
    provider.see("2 people")
    assert "Perpetua" not in provider.page.content()
    provider.picture("inbox")
    second = ask(store, "emergency")
    if script:
        provider.page.clock.fast_forward(25_000)
        provider.page.wait_for_selector("text=Waits for you (2)")
    else:
        provider.page.click("text=Look again")
    cards = provider.page.locator("article.card h3 a")
    assert str(second) in str(cards.first.get_attribute("href")), "what is most urgent stands first"
    provider.picture("inbox-two")
    if script:
        provider.page.click("summary:has-text('Decline') >> nth=0")
        with transaction(store) as session:
            begun = session.get_one(Handoff, second)
            officer_of = actor_of(session.get_one(Member, begun.requested_by_id))
            handoffs.cancel(session, officer_of, second, Reason.NO_LONGER_NEEDED, datetime.now(UTC))
        provider.page.clock.fast_forward(25_000)
        provider.page.wait_for_selector("text=Something has changed: show it")
        assert provider.page.is_visible("button:text-is('Nobody speaks the language')"), "what is open stays"
        provider.page.click("text=Something has changed: show it")
        provider.see("Waits for you (1)")
    provider.page.click(f"a[href*='{first}']")
    provider.page.click("text=Ask a question")
    provider.picture("questions")
    provider.page.click("button:text-is('Can they climb stairs?')")
    provider.page.click("text=Propose a time")
    provider.page.fill("#day", f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}")
    provider.page.fill("#clock", "18:30")
    provider.picture("propose")
    provider.page.click("button:text-is('Propose')")

    officer.sign_in("officer@demo.example")
    officer.page.goto(f"{address}/officer/handoff/{first}")
    officer.see("Can they climb stairs?")
    officer.picture("officer-asked")
    officer.page.click("button:text-is('No')")
    officer.page.click("text=Write a message")
    officer.page.fill("#text", "Perpetua is very tired")
    officer.page.click("button:text-is('Send')")
    officer.see("Leave out “Name to call them by”")
    assert officer.page.input_value("#text") == "Perpetua is very tired", "what was typed is kept"
    officer.picture("officer-refused")
    officer.page.fill("#text", "She is very tired")
    officer.page.click("button:text-is('Send')")
    officer.page.click("button:has-text('Take')")
    officer.see("Both sides agreed on this time.")
    officer.picture("officer-agreed")

    provider.page.goto(f"{address}/provider/handoff/{first}")
    provider.see("Can they climb stairs? No")
    provider.see("She is very tired")
    provider.page.click("button.wide:text-is('Accept')")
    provider.see("Perpetua Nightshade")
    provider.picture("accepted")
    with provider.page.expect_download() as saved:
        provider.page.click("text=Put it into my calendar")
    text = saved.value.path().read_text()
    assert "SUMMARY:Arrival" in text
    assert "Safe House" not in text
    assert "Perpetua" not in text
    provider.page.click("text=The person takes their consent back")
    provider.page.click("button:text-is('Record it now')")
    provider.page.goto(f"{address}/provider/handoff/{first}")
    assert "Perpetua" not in provider.page.content()
    assert "very tired" not in provider.page.content()
    provider.picture("withdrawn")
    officer.page.goto(f"{address}/officer/handoff/{first}")
    officer.see("Consent was withdrawn")
    provider.page.goto(f"{address}/roster/")
    provider.page.check("input[name=days][value=MO]")
    provider.page.fill("#begins", "22:00")
    provider.page.fill("#ends", "06:00")
    provider.page.click("button:text-is('Add')")
    provider.see("(the next day)")
    provider.picture("roster")
    provider.done()
    officer.done()


def test_a_request_is_accepted_in_three_taps_from_signing_in(
        chromium: Any, address: str, store: Store) -> None:  # noqa: F811
    ask(store, "emergency")
    provider = Person(chromium, address, True)
    counter = Counter(provider.page)
    provider.page.goto(address + "/sign-in")
    counter.write("#email", "provider@demo.example")
    counter.write("#password", DEMO_PASSWORD)
    counter.tap("main button")
    counter.tap("button.wide:has-text('Accept')")
    provider.see("Perpetua Nightshade")
    written_down(counter, "a handoff is accepted")
    provider.done()
