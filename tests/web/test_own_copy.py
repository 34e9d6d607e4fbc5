"""A person's copy: all that is held, in plain words, and nothing that endangers anyone."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from referral_dir.desk import cases, handoffs, retention
from referral_dir.domain.access import Actor
from referral_dir.store.cases import Case
from referral_dir.store.db import reading, transaction
from referral_dir.store.records import AuditEntry
from tests import cast as people
from tests.web.conftest import Browser, World


@pytest.fixture
def shown(world: World) -> World:
    """The shelter has accepted and has read the name."""
    with transaction(world.store) as session:
        case = session.get_one(Case, world.case)
        case.excluded_organizations = [str(world.cast.pablo.organization_id)]
        cases.set_identifying(session, world.cast.olga, world.case, {"phone": "+1 305 555 0199"}, people.NOW)
        handoffs.accept(session, world.cast.petra, world.handoff, people.NOW, meeting_point="Canary gate 3")
    with transaction(world.store) as session:
        handoffs.read_incoming(session, world.cast.petra, world.handoff, people.NOW)
    return world


def copy_of(browser: Browser, world: World) -> tuple[str, dict[str, object]]:
    path = f"/officer/case/{world.case}/own-copy"
    assert path in browser.get(f"/officer/case/{world.case}").text
    page, file = browser.get(path), browser.get(path + "?as=json")
    assert (page.status_code, file.status_code) == (200, 200)
    assert file.headers["Content-Type"] == "application/json"
    assert file.headers["Content-Disposition"] == 'attachment; filename="own-copy.json"'
    return page.text, json.loads(file.text)


def test_the_copy_holds_what_is_kept_the_consents_and_who_saw_what_when(
        shown: World, sign_in: Callable[[Actor], Browser]) -> None:
    page, copy = copy_of(sign_in(shown.cast.olga), shown)
    assert copy["about_you"] == {"Name to call them by": "Invented Person", "Safe phone number": "+1 305 555 0199",
                                 "Urgent health needs": "asthma"}
    [answer] = copy["your_answers"]
    assert (answer["to"], answer["what"], answer["state"]) == ("Harbour (invented)", ["Name to call them by"], "active")
    assert answer["notice"] == "referral 1"
    assert len(answer["notice_sha256"]) == 64
    assert [step["state"] for step in answer["steps"]] == ["draft", "explained", "given", "active"]
    [seen] = copy["shown"]
    assert (seen["to"], seen["what"]) == ("provider at Harbour (invented)", ["Name to call them by"])
    looked = {(row["who"], row["did"]) for row in copy["who_looked"]}
    assert ("officer at Border Unit (invented)", "read the case") in looked
    assert ("provider at Harbour (invented)", "looked at the request for you") in looked
    assert ("provider at Harbour (invented)", "said that you can come") in looked
    for text in ("Invented Person", "+1 305 555 0199", "asthma", "provider at Harbour (invented)",
                 "said that you can come", "until 90 days after the case is closed"):
        assert text in page


def test_the_copy_names_no_staff_no_meeting_point_no_hidden_service_and_nobody_to_keep_away_from(
        shown: World, sign_in: Callable[[Actor], Browser]) -> None:
    page, copy = copy_of(sign_in(shown.cast.olga), shown)
    body = page.partition("<main")[2]
    for text in (body, json.dumps(copy)):
        for secret in ("Olga", "Petra", "Canary", "gate 3", "Harbour Shelter", "@test.example", "Clinic (invented)"):
            assert secret not in text, secret
    assert copy["kept_away_from"] == 1
    assert "1 person, group or place" in body


def test_making_a_copy_is_in_the_trail_and_in_the_next_copy(
        shown: World, sign_in: Callable[[Actor], Browser]) -> None:
    browser = sign_in(shown.cast.olga)
    copy_of(browser, shown)
    with reading(shown.store) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "case:own_copy")).all()
        assert [(e.actor_id, e.subject, e.details) for e in entries] == \
            [(shown.cast.olga.person_id, f"case:{shown.case}", {})] * 2
    _, copy = copy_of(browser, shown)
    assert "made a copy like this one" in {row["did"] for row in copy["who_looked"]}


@pytest.mark.parametrize("who", ["omar", "petra", "clara", "vera", "adam"])
def test_nobody_but_the_cases_own_officers_gets_it(
        who: str, shown: World, sign_in: Callable[[Actor], Browser]) -> None:
    answer = sign_in(getattr(shown.cast, who)).get(f"/officer/case/{shown.case}/own-copy?as=json")
    assert answer.status_code in (403, 404)
    assert "Invented Person" not in answer.text


def test_after_the_key_is_destroyed_the_case_and_the_copy_say_so_and_still_account_for_what_was_shown(
        shown: World, sign_in: Callable[[Actor], Browser]) -> None:
    with transaction(shown.store) as session:
        cases.close_case(session, shown.cast.olga, shown.case, people.NOW)
    retention.purge(replace(shown.store), people.NOW + timedelta(days=91))
    browser = sign_in(shown.cast.olga)
    page, copy = copy_of(browser, shown)
    assert (copy["about_you"], copy["erased"]) == ({}, True)
    assert "nobody can read it any more" in page
    assert len(copy["shown"]) == 1
    assert "This was erased" in browser.get(f"/officer/case/{shown.case}").text
