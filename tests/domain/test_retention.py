"""Every kind of record has an end, and the docs say which."""

from datetime import timedelta
from pathlib import Path

import referral_dir.store as store_room
from referral_dir.domain.retention import RULES, in_words

PAGE = Path(__file__).resolve().parents[2] / "docs" / "decisions" / "retention.md"
# What organizations say of themselves, and their staff while they work there: nothing about people in need.
WITHOUT_END = {
    "person", "passkey", "recovery_code", "consent_notice", "organization", "service", "location", "secret_place",
    "roster", "duty_shift",
    "not_double", "merged_service",
}


def test_every_table_about_people_in_need_and_what_staff_do_has_an_end() -> None:
    from referral_dir.store import directory

    of_directory = {table.__tablename__ for table in vars(directory).values()
                    if getattr(table, "__module__", "") == directory.__name__ and hasattr(table, "__tablename__")}
    of_rules = {table for rule in RULES.values() for table in rule.tables}
    every = set(store_room.Base.metadata.tables)
    assert every - of_rules - of_directory - WITHOUT_END == set()
    assert of_rules <= every


def test_the_trail_is_kept_longest_and_who_the_person_is_ends_before_the_case() -> None:
    longest = max(rule.period for rule in RULES.values())
    assert {kind for kind, rule in RULES.items() if rule.period == longest} == {"audit_entries", "erasure_proofs"}
    assert RULES["identifying_fields"].period < RULES["closed_cases"].period
    assert RULES["idle_cases"].period > timedelta(days=90), "no consent stands longer than that"
    for kind in ("consents", "handoffs", "disclosures"):
        assert RULES[kind].period == RULES["closed_cases"].period, "they are erased with their case"


def test_the_page_shows_every_rule_as_it_is() -> None:
    text = " ".join(PAGE.read_text(encoding="utf-8").split())
    for rule in RULES.values():
        row = f"| {rule.kind.replace('_', ' ')} | {in_words(rule.period)} | {rule.counts_from} | {rule.why} |"
        assert row in text, row
