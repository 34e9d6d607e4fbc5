"""The overseer's pages, and the purpose for which a colleague's case is opened."""

import re
from collections.abc import Callable

import pytest

from referral_dir.desk import budgets
from referral_dir.domain.access import Actor
from referral_dir.domain.budgets import Budget
from referral_dir.store.cases import Case
from referral_dir.store.db import reading, transaction
from referral_dir.store.people import Person
from tests import cast as people
from tests.web.conftest import Browser, World

SignIn = Callable[[Actor], Browser]


def test_the_trail_of_one_case_is_found_by_its_reference_and_can_be_taken_as_a_file(
        world: World, sign_in: SignIn) -> None:
    with reading(world.store) as session:
        reference = session.get_one(Case, world.case).reference
    vera = sign_in(world.cast.vera)
    page = vera.post("/oversight/", case=reference[:8])
    assert page.status_code == 200
    assert "Who did what" in page.text
    assert "Olga" in page.text
    for content in ("Invented Person", "asthma"):
        assert content not in page.text
    file = vera.post("/oversight/export", case=reference)
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert '"Olga"' in file.text
    assert "Invented Person" not in file.text
    wrong = vera.post("/oversight/", case="QQQQ-QQQQ")
    assert wrong.status_code == 422
    assert 'value="QQQQ-QQQQ"' in wrong.text


def test_a_kept_head_checks_the_chain_and_a_changed_one_is_refused(world: World, sign_in: SignIn) -> None:
    vera = sign_in(world.cast.vera)
    head = vera.post("/oversight/head").text
    good = vera.post("/oversight/verify", head=head)
    assert "Checked against the seal" in good.text
    bad = vera.post("/oversight/verify", head=head.replace('"sequence": ', '"sequence": 1'))
    assert bad.status_code == 422
    assert "unbroken" not in bad.text


def test_who_asks_too_often_is_told_so_and_an_overseer_sees_it(
        world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "BUDGETS", {"service:find": Budget(2, 3)})
    olga = sign_in(world.cast.olga)
    answers = [olga.post("/officer/find", needs="shelter.emergency", near="Miami") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    assert "helpline" in answers[-1].text
    vera = sign_in(world.cast.vera)
    page = vera.get("/oversight/unusual")
    assert "Stopped: searching for services" in page.text
    assert "Very often: searching for services" in page.text
    pattern = page.text.partition("/oversight/unusual/")[2].partition("/seen")[0]
    assert vera.post(f"/oversight/unusual/{pattern}/seen").status_code == 302
    assert "Looked into" in vera.get("/oversight/unusual").text


def test_a_colleague_says_first_what_the_case_is_opened_for(
        world: World, sign_in: SignIn, password_hash: str) -> None:
    with transaction(world.store) as session:
        row = Person(organization_id=world.cast.olga.organization_id, email="otto@test.example", name="Otto",
                     role="officer", password_hash=password_hash, created=people.NOW)
        session.add(row)
        session.flush()
        otto = Actor(row.id, row.organization_id, world.cast.olga.role, "Otto")
        world.cast.emails[row.id] = row.email
    browser = sign_in(otto)
    path = f"/officer/case/{world.case}"
    asked = browser.get(path)
    assert "For what do you open this case?" in asked.text
    assert "Invented Person" not in asked.text
    assert browser.post(f"{path}/open", purpose="").status_code == 422
    assert browser.post(f"{path}/open", purpose="handover").status_code == 302
    assert "Invented Person" in browser.get(path).text


def test_the_trail_is_paged_both_ways_and_keeps_what_was_asked(
        world: World, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    from referral_dir.desk import audit

    monkeypatch.setattr(audit, "PAGE_SIZE", 3)
    vera = sign_in(world.cast.vera)

    def numbers(text: str) -> list[int]:
        return [int(n) for n in re.findall(r'class="number">(\d+)</td>', text.partition("<tbody>")[2])]

    first = vera.post("/oversight/", outcome="done")
    top = numbers(first.text)
    assert len(top) == 3
    assert 'name="after"' in vera.post("/oversight/", outcome="done", before=top[-1]).text
    second = numbers(vera.post("/oversight/", outcome="done", before=top[-1]).text)
    assert second[0] == top[-1] - 1
    assert numbers(vera.post("/oversight/", outcome="done", after=second[0]).text) == top
    assert '<option value="done" selected>' in first.text
    wrong = vera.post("/oversight/", since="yesterday")
    assert wrong.status_code == 422
    assert 'value="yesterday"' in wrong.text
    assert vera.post("/oversight/", since="2026-12-31", until="2026-01-01").status_code == 422
    assert numbers(vera.post("/oversight/", until="2020-01-01").text) == []


def test_figures_are_an_overseers_and_can_be_taken_along(world: World, sign_in: SignIn) -> None:
    assert sign_in(world.cast.olga).get("/oversight/figures").status_code == 403
    vera = sign_in(world.cast.vera)
    page = vera.get("/oversight/figures")
    assert "How long steps take" in page.text
    file = vera.get("/oversight/figures.csv")
    assert file.mimetype == "text/csv"
    assert '"steps","answer"' in file.text
    assert vera.get("/oversight/figures?month=1999-01").status_code == 422
    assert vera.get("/oversight/figures.csv?month=1999-01").status_code == 302
