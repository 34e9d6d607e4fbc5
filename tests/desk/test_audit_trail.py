"""The audit chain against everyone who would rewrite it, and the trail as an overseer reads it."""

import ast
import base64
import copy
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from referral_dir.desk import audit, audit_heads, audit_words, budgets, cases, handoffs
from referral_dir.desk.spreadsheets import cell, csv_text
from referral_dir.domain import budgets as rules
from referral_dir.domain.access import GRANTS
from referral_dir.domain.audit_head import FIRST_HASH, Head, check_chain, entry_hash
from referral_dir.domain.errors import Invalid, NotFound, PurposeNeeded, TooOften
from referral_dir.domain.vocabulary import ConsentState, HandoffAction
from referral_dir.store import audit_queries
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.people import Person
from tests import cast as people
from tests.cast import NOW

ROOT = Path(__file__).resolve().parents[2]
KEY = audit_heads.signing_key(base64.b64encode(b"a" * 32).decode())
Rows = list[dict[str, Any]]


def story(store: Store) -> people.Cast:
    cast = people.build(store, beds=9)
    for _ in range(3):
        _, _, handoff = people.request(store, cast)
        with transaction(store) as session:
            handoffs.read_incoming(session, cast.petra, handoff, NOW)
    return cast


def chain(store: Store) -> tuple[Rows, Head]:
    with reading(store) as session:
        rows = list(audit_queries.audit_rows(session))
        last = audit_queries.last_entry(session)
    assert last is not None
    return rows, Head(*last, NOW)


def chained_again(rows: Rows, start: int) -> Rows:
    """As whoever holds the database would write it: numbers and hashes that fit from row `start` on."""
    previous = rows[start - 1]["hash"] if start else FIRST_HASH
    for n, row in enumerate(rows[start:], start):
        row.update(sequence=n + 1, previous_hash=previous)
        row["hash"] = previous = entry_hash(row)
    return rows


ATTACKS: dict[str, Any] = {
    "edit": lambda rows, n: rows[n].update(action="nothing:happened") or rows,
    "delete": lambda rows, n: rows[:n] + rows[n + 1:],
    "insert": lambda rows, n: [*rows[:n], {**rows[n], "action": "case:read"}, *rows[n:]],
    "swap": lambda rows, n: rows[:n] + rows[n:n + 2][::-1] + rows[n + 2:] if n + 1 < len(rows)
    else rows[-1:] + rows[1:-1] + rows[:1],
    "truncate": lambda rows, n: rows[:n],
    "edit and chain again": lambda rows, n: chained_again(
        [*rows[:n], {**rows[n], "outcome": "refused"}, *rows[n + 1:]], n),
    "delete and chain again": lambda rows, n: chained_again(rows[:n] + rows[n + 1:], n),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_head_that_was_kept_elsewhere_finds_each_attack_on_every_row(sqlite_store: Store, attack: str) -> None:
    story(sqlite_store)
    rows, head = chain(sqlite_store)
    assert len(rows) >= 20
    assert check_chain(rows, head).broken_at is None
    unseen = [n for n in range(len(rows))
              if check_chain(ATTACKS[attack](copy.deepcopy(rows), n), head).broken_at is None]
    assert unseen == []


def test_what_comes_after_the_head_may_grow_but_what_came_before_may_not_change(store: Store) -> None:
    cast = story(store)
    with transaction(store) as session:
        kept = audit_heads.take_head(session, KEY, NOW).to_json()
    people.request(store, cast)
    head = audit_heads.read_head(kept, audit_heads.public_key(KEY)).head
    with reading(store) as session:
        assert audit_heads.verify(session, audit_heads.public_key(KEY), head).broken_at is None


def test_a_head_of_another_hand_or_one_that_was_changed_is_refused(sqlite_store: Store) -> None:
    story(sqlite_store)
    other = audit_heads.signing_key(base64.b64encode(b"b" * 32).decode())
    with transaction(sqlite_store) as session:
        mine, theirs = (audit_heads.sign_head(session, key, NOW).to_json() for key in (KEY, other))
    trusted = audit_heads.public_key(KEY)
    assert audit_heads.read_head(mine, trusted).head.sequence > 0
    changed = json.dumps({**json.loads(mine), "sequence": 3})
    for text in (theirs, changed, "", "{}", "[]", "not json", json.dumps({**json.loads(mine), "at": "never"})):
        with pytest.raises(Invalid):
            audit_heads.read_head(text, trusted)


def test_an_overseer_sees_access_by_case_by_person_and_by_organization_but_never_content(store: Store) -> None:
    cast = story(store)
    case_id, _, handoff = people.request(store, cast)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff, NOW)
        handoffs.read_incoming(session, cast.petra, handoff, NOW)
        reference = cases.own_case(session, cast.olga, case_id).reference
    with transaction(store) as session:
        whole = audit.trail(session, cast.vera, NOW, audit.Wanted()).total
        of_case = audit.trail(session, cast.vera, NOW, audit.Wanted(case=f"{reference[:4]}-{reference[4:8].lower()}"))
        assert 0 < of_case.total < whole
        assert {e.actor for e in of_case.entries} == {"Olga", "Petra"}
        by_petra = audit.trail(session, cast.vera, NOW, audit.Wanted(person_id=cast.petra.person_id))
        assert {e.actor for e in by_petra.entries} == {"Petra"}
        by_unit = audit.trail(session, cast.vera, NOW, audit.Wanted(organization_id=cast.petra.organization_id))
        assert by_unit.total == by_petra.total
        counts = {(a.actor, a.action): a.times for a in audit.access(session, cast.vera, NOW, audit.Wanted(
            case=reference))}
        assert counts["Petra", "handoff:receive"] == 1
        text = audit.export(session, cast.vera, NOW, audit.Wanted())
    assert text.count("\r\n") > whole
    for content in ("Invented Person", "asthma", "shelter.emergency"):
        assert content not in text
    with transaction(store) as session, pytest.raises(Invalid, match="reference"):
        audit.trail(session, cast.vera, NOW, audit.Wanted(case="QQQQ-QQQQ"))


def test_what_an_overseer_typed_is_not_in_the_trail(sqlite_store: Store) -> None:
    cast = story(sqlite_store)
    with transaction(sqlite_store) as session:
        audit.trail(session, cast.vera, NOW, audit.Wanted(subject="typed text"))
    rows, _ = chain(sqlite_store)
    assert "typed text" not in str(rows)
    assert rows[-1]["details"] == {"by": ["subject"]}


def test_a_budget_that_is_spent_refuses_and_shows_another_overseer(
        store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "BUDGETS", {"case:read": rules.Budget(3, 5)})
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    for _ in range(5):
        with transaction(store) as session:
            cases.read_case(session, cast.olga, case_id, NOW)
    for _ in range(2):
        with pytest.raises(TooOften), transaction(store) as session:
            cases.read_case(session, cast.olga, case_id, NOW)
    budgets.refused(store, cast.olga, "case:read", NOW, subject=None, why="TooOften")
    with transaction(store) as session:
        shown = {(n.pattern.kind, n.person) for n in budgets.patterns(session, cast.vera, NOW)}
        assert shown == {("often:case:read", "Olga"), ("over:case:read", "Olga")}
    with transaction(store) as session:
        cases.read_case(session, cast.olga, case_id, NOW + 2 * rules.HOUR)


def test_nobody_is_shown_or_ticks_off_what_was_unusual_about_themselves(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        viola = Person(organization_id=cast.vera.organization_id, email="viola@test.example", name="Viola",
                       role="overseer", password_hash="x", created=NOW)
        session.add(viola)
        session.flush()
        budgets.note(session, viola.id, "many_refusals", NOW, times=10)
        budgets.note(session, viola.id, "many_refusals", NOW + timedelta(minutes=5), times=11)
    with transaction(store) as session:
        [noted] = budgets.patterns(session, cast.vera, NOW)
        other = type(cast.vera)(noted.pattern.person_id, cast.vera.organization_id, cast.vera.role, "Viola")
        assert budgets.patterns(session, other, NOW) == []
        with pytest.raises(NotFound):
            budgets.seen(session, other, noted.pattern.id, NOW)
        budgets.seen(session, cast.vera, noted.pattern.id, NOW)
        [noted] = budgets.patterns(session, cast.vera, NOW)
        assert noted.pattern.seen == NOW


def test_many_refusals_are_a_pattern(sqlite_store: Store) -> None:
    cast = people.build(sqlite_store)
    for n in range(rules.MANY_REFUSALS):
        with transaction(sqlite_store) as session:
            assert budgets.patterns(session, cast.vera, NOW) == [], f"after {n}"
        budgets.refused(sqlite_store, cast.pablo, "handoff:receive", NOW, subject=None, why="NotFound")
    with transaction(sqlite_store) as session:
        [noted] = budgets.patterns(session, cast.vera, NOW)
    assert (noted.person, noted.pattern.kind) == ("Pablo", "many_refusals")


def test_a_colleagues_case_opens_only_for_a_purpose_that_is_written_down(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    with transaction(store) as session:
        row = Person(organization_id=cast.olga.organization_id, email="otto@test.example", name="Otto",
                     role="officer", password_hash="x", created=NOW)
        session.add(row)
        session.flush()
        otto = type(cast.olga)(row.id, row.organization_id, cast.olga.role, "Otto")
    with pytest.raises(PurposeNeeded), transaction(store) as session:
        cases.read_case(session, otto, case_id, NOW)
    with pytest.raises(Invalid, match="purpose"), transaction(store) as session:
        cases.read_case(session, otto, case_id, NOW, purpose="curiosity")
    with transaction(store) as session:
        cases.read_case(session, otto, case_id, NOW, purpose="handover")
    with transaction(store) as session:
        cases.read_case(session, otto, case_id, NOW + timedelta(hours=7))
        [entry, *_] = audit.trail(session, cast.vera, NOW, audit.Wanted(person_id=otto.person_id)).entries
    assert entry.purpose == "handover"
    with pytest.raises(PurposeNeeded), transaction(store) as session:
        cases.read_case(session, otto, case_id, NOW + timedelta(hours=16))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"])
def test_no_cell_becomes_a_formula(text: str) -> None:
    assert cell(text).startswith("'")
    assert csv_text(["a"], [[text]]).count("'") == 1


def test_plain_cells_stay_as_they_are() -> None:
    assert [cell(v) for v in ("Harbour", 3, None, NOW)] == ["Harbour", "3", "", "2026-11-24T03:00:00+00:00"]


def tags_and_subjects() -> tuple[set[str], set[str]]:
    """Every tag that the code writes into the trail, and every kind of record that it writes it about."""
    tags, kinds = set(GRANTS), set()
    made = {"handoff": set(HandoffAction), "consent": set(ConsentState)}
    for path in (ROOT / "referral_dir").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record"):
                continue
            for part in ast.walk(node.args[2]):
                if isinstance(part, ast.Constant) and str(part.value).endswith(":"):
                    kind = str(part.value)[:-1]
                    tags |= {f"{kind}:{end}" for end in made[kind]}
                elif isinstance(part, ast.Constant) and ":" in str(part.value):
                    tags.add(str(part.value))
            kinds |= {found for keyword in node.keywords if keyword.arg == "subject"
                      for found in re.findall(r"'([a-z_]+):", ast.unparse(keyword.value))}
    return tags, kinds


def test_every_act_that_the_trail_can_hold_has_a_sentence_and_every_record_a_name() -> None:
    tags, kinds = tags_and_subjects()
    assert {"handoff:accept", "consent:given", "listing:check", "capacity:remind"} <= tags
    assert {"case", "person", "service"} <= kinds
    assert sorted(tags - audit_words.SENTENCES.keys()) == []
    assert sorted(kinds - audit_words.KINDS.keys()) == []
