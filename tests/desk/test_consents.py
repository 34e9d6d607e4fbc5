"""The server decides what counts as consent, whatever a form says; nothing is widened in place. On both databases."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from referral_dir.desk import cases, consents, handoffs, receipts
from referral_dir.domain.consent_record import Answer, Explanation, Terms, Withdrawal
from referral_dir.domain.errors import ConsentMissing, Invalid, NotFound, WrongState
from referral_dir.store import case_queries
from referral_dir.store.cases import Consent, ConsentEvent, Handoff
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Phone
from tests import cast as people
from tests.cast import EXPLAINED, MIAMI, NOW, SAID_YES, Cast

GUARDED = Explanation("fr", "staff_member", "minor", guardian="authority", guardian_suspected=True)


def begin(store: Store, cast: Cast, terms: Terms, said: Explanation | None = EXPLAINED,
          age_band: str | None = None) -> UUID:
    with transaction(store) as session:
        case = cases.open_case(session, cast.olga, cases.NewCase(
            needs=["shelter.emergency"], languages=["ht"], place=MIAMI, age_band=age_band), NOW)
        cases.set_identifying(session, cast.olga, case.id, {"name": "Invented Person", "health": "asthma"}, NOW)
        row = consents.draft(session, cast.olga, case.id, cast.shelter, terms, NOW)
        if said:
            consents.explain(session, cast.olga, row.id, said, NOW)
        return row.id


def read(store: Store, consent_id: UUID) -> Consent:
    with reading(store) as session:
        row = session.get_one(Consent, consent_id)
        session.expunge(row)
        return row


def test_the_record_holds_what_the_standards_ask_for(store: Store) -> None:
    cast = people.build(store)
    consent_id = begin(store, cast, Terms(["name"], onward_sharing=False, legal_basis="legal_obligation"))
    with transaction(store) as session:
        consents.give(session, cast.olga, consent_id, SAID_YES, NOW)
    row = read(store, consent_id)
    assert (row.notice_id, row.notice_version, row.notice_language, row.notice_format) == (
        "referral", "1", "fr", "read_aloud")
    assert len(row.notice_sha256 or "") == 64
    assert (row.explained_by_id, row.interpreter, row.interpreter_reference) == (
        cast.olga.person_id, "professional_remote", "Agency 4711")
    assert (row.capacity, row.guardian, row.assent, row.guardian_suspected) == ("adult", None, None, False)
    assert (row.purpose, row.recipient_organization_id, row.fields) == (
        "referral", cast.petra.organization_id, ["name"])
    assert (row.onward_sharing, row.legal_basis, row.method, row.witness) == (
        False, "legal_obligation", "witnessed_oral", "second_officer")
    assert (row.given, row.valid_from) == (NOW, NOW)
    assert (row.expires, row.review) == (NOW + timedelta(days=14), NOW + timedelta(days=7))
    with transaction(store) as session:
        consents.withdraw(session, cast.olga, consent_id, Withdrawal("representative", "in_writing"), NOW)
    row = read(store, consent_id)
    assert (row.state, row.withdrawn_by, row.withdrawal_method, row.ended) == (
        "withdrawn", "representative", "in_writing", NOW)


def test_what_was_on_the_screen_is_proved_by_the_servers_own_hash(store: Store) -> None:
    cast = people.build(store)
    one, two = (begin(store, cast, Terms(fields)) for fields in (["name"], ["name", "health"]))
    for consent_id in (one, two):
        with transaction(store) as session:
            consents.give(session, cast.olga, consent_id, Answer("digital", evidence_sha256="f" * 64), NOW)
    proofs = {read(store, one).evidence_sha256, read(store, two).evidence_sha256}
    assert len(proofs) == 2
    assert "f" * 64 not in proofs


def test_a_childs_record_needs_a_guardian_and_the_childs_own_yes(store: Store) -> None:
    cast = people.build(store)
    for age in ("0-11", "12-17"):
        with pytest.raises(Invalid, match="under 18"):
            begin(store, cast, Terms(["name"]), EXPLAINED, age)
    consent_id = begin(store, cast, Terms(["name"]), GUARDED, "12-17")
    for assent in (None, False):
        with pytest.raises(Invalid, match="child"), transaction(store) as session:
            consents.give(session, cast.olga, consent_id, Answer("digital", assent=assent), NOW)
    with transaction(store) as session:
        consents.give(session, cast.olga, consent_id, Answer("digital", assent=True), NOW)
    row = read(store, consent_id)
    assert (row.state, row.guardian, row.guardian_suspected, row.assent) == ("active", "authority", True, True)


def test_the_rules_hold_even_where_the_age_became_known_after_the_explanation(store: Store) -> None:
    cast = people.build(store)
    consent_id = begin(store, cast, Terms(["name"]))
    with transaction(store) as session:
        case = cases.own_case(session, cast.olga, read(store, consent_id).case_id)
        case.age_band = "12-17"
    with pytest.raises(Invalid, match="assent"), transaction(store) as session:
        consents.give(session, cast.olga, consent_id, SAID_YES, NOW)


def test_a_consent_that_begins_later_shows_nothing_before(store: Store) -> None:
    cast = people.build(store)
    consent_id = begin(store, cast, Terms(["name"], valid_from=NOW + timedelta(days=2)))
    with transaction(store) as session:
        case_id = consents.give(session, cast.olga, consent_id, SAID_YES, NOW).case_id
    with pytest.raises(ConsentMissing, match="begins later"), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW + timedelta(days=1))
    with transaction(store) as session:
        assert handoffs.request(session, cast.olga, case_id, cast.shelter, NOW + timedelta(days=2))


def test_a_wider_consent_is_a_new_record_and_the_old_one_ends(store: Store) -> None:
    cast = people.build(store)
    case_id, first, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW)
        assert set(handoffs.read_incoming(session, cast.petra, handoff_id, NOW).identifying) == {"name"}
    second = people.consent(store, cast, case_id, cast.shelter, ("name", "health"))
    with transaction(store) as session:
        assert set(handoffs.read_incoming(session, cast.petra, handoff_id, NOW).identifying) == {"name", "health"}
        assert session.get_one(Handoff, handoff_id).consent_id == second
    assert read(store, first).state == "superseded"
    assert read(store, first).fields == ["name"]


def test_there_is_no_way_to_change_a_record(store: Store) -> None:
    cast = people.build(store)
    _, consent_id, _ = people.request(store, cast)
    for column, value in (("fields", ["name", "health"]), ("expires", NOW + timedelta(days=90)),
                          ("recipient_organization_id", cast.pablo.organization_id), ("purpose", "research"),
                          ("onward_sharing", True)):
        with pytest.raises(ValueError, match="new"), transaction(store) as session:
            case_queries.move_consent(session, consent_id, "active", **{"state": "superseded", column: value})
        with pytest.raises(ValueError, match="new"), transaction(store) as session:
            setattr(session.get_one(Consent, consent_id), column, value)
    assert read(store, consent_id).fields == ["name"]


def test_nothing_brings_an_ended_record_back(store: Store) -> None:
    cast = people.build(store)
    case_id, withdrawn, _ = people.request(store, cast)
    with transaction(store) as session:
        consents.withdraw(session, cast.olga, withdrawn, Withdrawal(), NOW)
    replaced = people.consent(store, cast, case_id, cast.shelter)
    people.consent(store, cast, case_id, cast.shelter)
    refused = begin(store, cast, Terms([]))
    with transaction(store) as session:
        consents.refuse(session, cast.olga, refused, now=NOW)
    acts: list[Any] = [
        lambda s, i: consents.explain(s, cast.olga, i, EXPLAINED, NOW),
        lambda s, i: consents.give(s, cast.olga, i, SAID_YES, NOW),
        lambda s, i: consents.refuse(s, cast.olga, i, now=NOW),
        lambda s, i: consents.withdraw(s, cast.olga, i, Withdrawal(), NOW),
    ]
    for consent_id in (withdrawn, replaced, refused):
        before = read(store, consent_id).state
        for act in acts:
            with pytest.raises(WrongState), transaction(store) as session:
                act(session, consent_id)
        assert read(store, consent_id).state == before


def test_a_withdrawal_is_kept_in_codes_not_in_words(store: Store) -> None:
    cast = people.build(store)
    _, consent_id, _ = people.request(store, cast)
    with pytest.raises(Invalid), transaction(store) as session:
        consents.withdraw(session, cast.olga, consent_id, Withdrawal("person", "told me that her uncle is here"), NOW)
    with transaction(store) as session:
        consents.withdraw(session, cast.olga, consent_id, Withdrawal(method="by_phone"), NOW)
    with reading(store) as session:
        assert {e.how for e in session.query(ConsentEvent).filter_by(consent_id=consent_id)} == {None, "by_phone"}


def test_the_copy_is_of_what_stands_only_and_its_code_finds_it_for_its_own_organization(store: Store) -> None:
    cast = people.build(store)
    _, consent_id, _ = people.request(store, cast)
    with transaction(store) as session:
        made, language = receipts.make(session, cast.olga, consent_id, NOW)
        assert (made.fields, made.number, language) == (("name",), "", "fr")
        session.add(Phone(organization_id=cast.olga.organization_id, number="+1 305 555 0142"))
    with transaction(store) as session:
        assert receipts.make(session, cast.olga, consent_id, NOW)[0].number == "+1 305 555 0142"
        assert receipts.make(session, cast.olga, consent_id, NOW, number="")[0].number == ""
        assert consents.by_code(session, cast.olga, made.code.lower(), NOW).id == consent_id
        for who, code in ((cast.omar, made.code), (cast.olga, made.office), (cast.olga, "")):
            with pytest.raises(NotFound):
                consents.by_code(session, who, code, NOW)
    with transaction(store) as session:
        consents.withdraw(session, cast.olga, consent_id, Withdrawal(), NOW)
    with pytest.raises(WrongState), transaction(store) as session:
        receipts.make(session, cast.olga, consent_id, NOW)
