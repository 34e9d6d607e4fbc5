"""What a consent record, its copy and broken glass must hold before they count."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_dir.domain import break_glass as vital
from referral_dir.domain import consent_record as record
from referral_dir.domain import receipt
from referral_dir.domain.break_glass import BreakGlass, Claim
from referral_dir.domain.consent import IDENTIFYING_FIELDS, WRITES
from referral_dir.domain.consent_record import Answer, Explanation, Terms, Withdrawal
from referral_dir.domain.errors import Invalid
from referral_dir.domain.notices import languages as notice_languages
from referral_dir.domain.vocabulary import AgeBand, ConsentMethod

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
SHA = "a" * 64


def wrong(check: object, *args: object) -> set[str]:
    """The fields that the check complains about."""
    try:
        check(*args)  # type: ignore[operator]
    except Invalid as error:
        return set(error.errors)
    return set()


@pytest.mark.parametrize(("terms", "field"), [
    (Terms(["name"], 0), "days"), (Terms(["name"], 91), "days"), (Terms(["shoe_size"]), "fields"),
    (Terms(["name"], 14, NOW - timedelta(days=2)), "valid_from"),
    (Terms(["name"], 14, NOW + timedelta(days=14)), "valid_from"),
    (Terms(["name"], review_days=0), "review_days"), (Terms(["name"], legal_basis="because"), "legal_basis"),
])
def test_terms_have_limits(terms: Terms, field: str) -> None:
    assert wrong(record.check_terms, terms, NOW) == {field}


def test_the_usual_terms_are_fourteen_days_without_onward_sharing() -> None:
    terms = Terms(["name"])
    assert wrong(record.check_terms, terms, NOW) == set()
    assert (terms.days, terms.onward_sharing) == (14, False)
    assert record.review_date(NOW, 7, NOW + timedelta(days=3)) == NOW + timedelta(days=3)


def said(**values: object) -> Explanation:
    usual: dict[str, object] = {"language": "fr", "interpreter": "staff_member", "capacity": "adult"}
    return Explanation(**{**usual, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(("values", "age", "field"), [
    ({"interpreter": "their_cousin"}, None, "interpreter"), ({"interpreter": ""}, None, "interpreter"),
    ({"interpreter": "professional_remote"}, None, "interpreter_reference"),
    ({"interpreter": "professional_remote", "interpreter_reference": "<b>"}, None, "interpreter_reference"),
    ({"interpreter": "not_needed"}, None, "interpreter"), ({"format": "telepathy"}, None, "format"),
    ({"capacity": ""}, None, "capacity"), ({"capacity": ""}, "26-59", "capacity"),
    ({"capacity": "adult"}, "0-11", "capacity"), ({"capacity": "adult"}, "12-17", "capacity"),
    ({"capacity": "minor"}, None, "guardian"), ({"capacity": "unclear"}, None, "guardian"),
    ({"capacity": "minor", "guardian": "parent"}, "12-17", "guardian_suspected"),
    ({"capacity": "minor", "guardian": "parent", "guardian_suspected": True}, "12-17", "guardian"),
    ({"capacity": "minor", "guardian": "legal_guardian", "guardian_suspected": True}, None, "guardian"),
])
def test_an_explanation_that_does_not_count(values: dict[str, object], age: str | None, field: str) -> None:
    assert wrong(record.check_explanation, said(**values), age, ["ht"]) == {field}


@pytest.mark.parametrize(("values", "languages"), [
    ({}, ["ht"]), ({"interpreter": "not_needed", "language": "ht"}, ["ht"]), ({"interpreter": "not_needed"}, []),
    ({"interpreter": "not_needed", "language": "fr-CA"}, ["fr"]),
    ({"interpreter": "professional_in_person", "interpreter_reference": "A 12/7"}, ["ht"]),
    ({"capacity": "minor", "guardian": "parent", "guardian_suspected": False}, ["ht"]),
    ({"capacity": "unclear", "guardian": "authority", "guardian_suspected": True}, ["ht"]),
    ({"capacity": "minor", "guardian": "other_guardian", "guardian_suspected": True}, ["ht"]),
])
def test_an_explanation_that_counts(values: dict[str, object], languages: list[str]) -> None:
    assert wrong(record.check_explanation, said(**values), None, languages) == set()


def test_a_child_and_whoever_may_be_one_needs_a_guardian() -> None:
    for age in (None, *AgeBand):
        assert not record.needs_guardian("adult", age) or age in record.CHILDREN
        assert all(record.needs_guardian(capacity, age) for capacity in ("minor", "unclear", None, ""))


@pytest.mark.parametrize(("answer", "guardian", "field"), [
    (Answer("nodded"), False, "method"), (Answer("signed"), False, "evidence"),
    (Answer("signed", evidence_sha256="not a hash"), False, "evidence"),
    (Answer("witnessed_oral"), False, "witness"), (Answer("witnessed_oral", "their_cousin"), False, "witness"),
    (Answer("witnessed_oral", "recording"), False, "evidence"),
    (Answer("digital"), True, "assent"), (Answer("digital", assent=False), True, "assent"),
])
def test_a_yes_that_does_not_count(answer: Answer, guardian: bool, field: str) -> None:
    assert wrong(record.check_answer, answer, guardian) == {field}


@pytest.mark.parametrize(("answer", "guardian"), [
    (Answer("signed", evidence_sha256=SHA), False), (Answer("digital"), False), (Answer("digital", assent=True), True),
    (Answer("witnessed_oral", "interpreter"), False), (Answer("witnessed_oral", "recording", SHA), False),
])
def test_a_yes_that_counts(answer: Answer, guardian: bool) -> None:
    assert wrong(record.check_answer, answer, guardian) == set()


def test_a_withdrawal_is_coded_and_needs_no_reason() -> None:
    assert wrong(record.check_withdrawal, Withdrawal()) == set()
    assert wrong(record.check_withdrawal, Withdrawal("anyone", "in a dream")) == {"by", "method"}


def test_no_step_writes_what_was_agreed() -> None:
    agreed = {"case_id", "recipient_organization_id", "purpose", "fields", "expires", "onward_sharing", "legal_basis"}
    assert all(not agreed & columns for columns in WRITES.values())


# --- the copy

def test_the_copy_exists_in_every_language_of_the_notice_with_every_word() -> None:
    assert set(receipt.languages()) == set(notice_languages())
    words = set(receipt.phrases("en"))
    assert words >= {*IDENTIFYING_FIELDS, *ConsentMethod}
    for language in receipt.languages():
        assert set(receipt.phrases(language)) == words
        assert all(receipt.phrases(language).values())


@given(st.uuids())
def test_a_code_leads_back_to_its_record_however_it_is_written(consent_id: UUID) -> None:
    code = receipt.code(consent_id)
    for text in (code, code.lower(), code.replace("-", " "), f" {code} "):
        found = receipt.id_range(text)
        assert found is not None
        assert found[0] <= consent_id <= found[1]
    assert receipt.code(consent_id) not in receipt.office_code(consent_id)


@given(st.text(max_size=12))
def test_what_is_no_code_is_none(text: str) -> None:
    found = receipt.id_range(text)
    assert found is None or found[0] < found[1]


def test_only_a_telephone_number_is_printed() -> None:
    assert receipt.check_number(" +1 305 555 0100 ") == "+1 305 555 0100"
    assert receipt.check_number("") == ""
    for text in ("Harbour Shelter", "call 911 now", "<b>1</b>", "1" * 40):
        with pytest.raises(Invalid):
            receipt.check_number(text)


# --- break glass

GOOD = Claim("suicide_risk", "now", "unconscious", "invented words", ["name"])


@pytest.mark.parametrize(("claim", "field"), [
    (Claim("curious", "now", "unconscious", "x", ["name"]), "reason"),
    (Claim("suicide_risk", "next_week", "unconscious", "x", ["name"]), "imminence"),
    (Claim("suicide_risk", "now", "too_much_work", "x", ["name"]), "why_no_consent"),
    (Claim("suicide_risk", "now", "unconscious", " ", ["name"]), "explanation"),
    (Claim("suicide_risk", "now", "unconscious", "x" * 1001, ["name"]), "explanation"),
    (Claim("suicide_risk", "now", "unconscious", "x", []), "fields"),
    (Claim("suicide_risk", "now", "unconscious", "x", ["name", "background"]), "fields"),
    (Claim("suicide_risk", "now", "unconscious", "x", ["nationality"]), "fields"),
])
def test_glass_is_not_broken_without_every_answer_or_for_more_than_a_life_hangs_on(claim: Claim, field: str) -> None:
    assert wrong(vital.check, GOOD) == set()
    assert wrong(vital.check, claim) == {field}


def test_broken_glass_lasts_an_hour_for_one_organization_and_a_no_ends_it() -> None:
    home = uuid4()
    found = BreakGlass(home, frozenset({"name", "health"}), NOW, NOW + vital.DURATION)
    hour = timedelta(hours=1)
    assert vital.disclosable(found, home, NOW, ["name", "background"]) == ("name",)
    assert vital.disclosable(found, home, NOW + hour - timedelta(seconds=1), ["health"]) == ("health",)
    assert vital.disclosable(found, home, NOW + hour, ["health"]) == ()
    assert vital.disclosable(found, home, NOW - timedelta(seconds=1), ["health"]) == ()
    assert vital.disclosable(found, uuid4(), NOW, ["health"]) == ()
    overruled = BreakGlass(home, found.fields, NOW, found.expires, "not_justified")
    assert vital.disclosable(overruled, home, NOW, ["health"]) == ()


def test_a_review_is_overdue_after_a_day() -> None:
    by = NOW + vital.REVIEW_WITHIN
    assert not vital.is_overdue(by, None, by - timedelta(seconds=1))
    assert vital.is_overdue(by, None, by)
    assert not vital.is_overdue(by, NOW, by + timedelta(days=9))
