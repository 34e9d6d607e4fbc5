"""Break glass: who may, what is shown to whom and for how long, who is told, and who reviews. On both databases."""

from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest

from referral_dir.desk import break_glass, cases, consents, handoffs, notify
from referral_dir.desk import people as staff
from referral_dir.domain.access import Actor
from referral_dir.domain.break_glass import Claim
from referral_dir.domain.consent_record import Terms, Withdrawal
from referral_dir.domain.errors import ConsentMissing, Forbidden, Invalid, NotFound, WrongState
from referral_dir.domain.vocabulary import HandoffAction, Role
from referral_dir.store.cases import BreakGlass, CaseExclusion, Disclosure
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.people import Person
from referral_dir.store.records import AuditEntry
from tests import cast as people
from tests.cast import EXPLAINED, NOW, Cast

CLAIM = Claim("medical_emergency", "now", "unconscious", "collapsed, an invented sentence", ["name", "health"])
HOUR = timedelta(hours=1)
MAILER = notify.Mailer("127.0.0.1", 1, "referrals@test.example", "https://directory.example")


def build(store: Store) -> tuple[Cast, Actor, UUID]:
    """The cast, where Olga is a vital interests officer and Sonia supervises her unit; and a case."""
    cast = people.build(store)
    with transaction(store) as session:
        sonia = Person(organization_id=cast.olga.organization_id, email="sonia@test.example", name="Sonia",
                       role=Role.OFFICER, password_hash="x", created=NOW)
        session.add(sonia)
        session.flush()
        for person_id, rights in ((cast.olga.person_id, (True, False)), (sonia.id, (False, True))):
            staff.set_privileges(session, cast.adam, person_id, may_break_glass=rights[0],
                                       is_supervisor=rights[1], now=NOW)
    return cast, Actor(sonia.id, cast.olga.organization_id, Role.OFFICER, "Sonia"), people.new_case(store, cast)


def grant(store: Store, cast: Cast, case_id: UUID, claim: Claim = CLAIM, now=NOW) -> UUID:
    with transaction(store) as session:
        return break_glass.grant(session, cast.olga, case_id, cast.shelter, claim, now).id


def accepted(store: Store, cast: Cast, case_id: UUID) -> UUID:
    with transaction(store) as session:
        handoff_id = handoffs.request(session, cast.olga, case_id, cast.shelter, NOW).id
        handoffs.accept(session, cast.petra, handoff_id, NOW)
    return handoff_id


def test_the_chosen_organization_sees_the_fewest_fields_for_one_hour_after_it_accepted(store: Store) -> None:
    cast, _, case_id = build(store)
    row_id = grant(store, cast, case_id)
    with transaction(store) as session:
        handoff_id = handoffs.request(session, cast.olga, case_id, cast.shelter, NOW).id
        before = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert (bool(before.about), before.vital, before.identifying) == (True, {}, {})
        handoffs.accept(session, cast.petra, handoff_id, NOW)
    with transaction(store) as session:
        view = handoffs.read_incoming(session, cast.petra, handoff_id, NOW + HOUR - timedelta(seconds=1))
        assert view.vital == {"name": "Invented Person", "health": "asthma"}
        assert view.break_glass is not None
        assert view.break_glass.id == row_id
        [shown] = session.query(Disclosure)
        assert (shown.consent_id, shown.break_glass_id, shown.fields) == (None, row_id, ["name", "health"])
    with transaction(store) as session:
        after = handoffs.read_incoming(session, cast.petra, handoff_id, NOW + HOUR)
        assert (after.about, after.vital, after.identifying) == ({}, {}, {})
        assert HandoffAction.START in after.actions, "what began can be brought to its end"
        handoffs.answer(session, cast.petra, handoff_id, HandoffAction.START, NOW + HOUR)


def test_only_that_organization_may_be_asked_and_only_while_it_lasts(store: Store) -> None:
    cast, _, case_id = build(store)
    grant(store, cast, case_id)
    with pytest.raises(ConsentMissing), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.clinic, NOW)
    with pytest.raises(ConsentMissing), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW + HOUR)


def test_it_takes_the_named_privilege_and_an_own_case(store: Store) -> None:
    cast, sonia, case_id = build(store)
    with pytest.raises(Forbidden), transaction(store) as session:
        break_glass.grant(session, sonia, case_id, cast.shelter, CLAIM, NOW)
    for who in (cast.petra, cast.clara, cast.vera, cast.adam):
        with pytest.raises(Forbidden), transaction(store) as session:
            break_glass.grant(session, who, case_id, cast.shelter, CLAIM, NOW)
    with transaction(store) as session:
        staff.set_privileges(session, cast.adam, cast.omar.person_id, may_break_glass=True,
                                   is_supervisor=True, now=NOW)
    with pytest.raises(NotFound), transaction(store) as session:
        break_glass.grant(session, cast.omar, case_id, cast.shelter, CLAIM, NOW)
    with pytest.raises(Forbidden), transaction(store) as session:
        staff.set_privileges(session, cast.olga, cast.omar.person_id, may_break_glass=True,
                                   is_supervisor=False, now=NOW)
    with pytest.raises(Invalid), transaction(store) as session:
        staff.set_privileges(session, cast.adam, cast.petra.person_id, may_break_glass=True,
                                   is_supervisor=False, now=NOW)


def test_it_reaches_no_service_that_the_case_must_keep_away_from(store: Store) -> None:
    cast, _, case_id = build(store)
    with transaction(store) as session:
        cases.own_case(session, cast.olga, case_id).excluded_organizations = [str(cast.petra.organization_id)]
    with pytest.raises(NotFound):
        grant(store, cast, case_id)


def test_a_no_is_not_overruled_and_one_said_later_ends_what_lasts(store: Store) -> None:
    cast, _, case_id = build(store)
    grant(store, cast, case_id)
    handoff_id = accepted(store, cast, case_id)
    later = NOW + timedelta(minutes=10)
    with transaction(store) as session:
        row = consents.draft(session, cast.olga, case_id, cast.shelter, Terms(["name"]), later)
        consents.explain(session, cast.olga, row.id, EXPLAINED, later)
        consents.refuse(session, cast.olga, row.id, now=later)
    with transaction(store) as session:
        view = handoffs.read_incoming(session, cast.petra, handoff_id, later)
        assert (view.about, view.vital) == ({}, {})
    with pytest.raises(WrongState, match="said no"):
        grant(store, cast, case_id, now=later)


def test_a_withdrawn_consent_is_not_replaced_by_breaking_glass(store: Store) -> None:
    cast, _, _ = build(store)
    case_id, consent_id, _ = people.request(store, cast)
    with transaction(store) as session:
        consents.withdraw(session, cast.olga, consent_id, Withdrawal(), NOW)
    with pytest.raises(WrongState):
        grant(store, cast, case_id)


def test_consent_that_is_given_within_the_hour_takes_over(store: Store) -> None:
    cast, _, case_id = build(store)
    grant(store, cast, case_id, Claim(CLAIM.reason, CLAIM.imminence, CLAIM.why_no_consent, "invented", ["health"]))
    handoff_id = accepted(store, cast, case_id)
    people.consent(store, cast, case_id, cast.shelter, ("name",))
    with transaction(store) as session:
        view = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert (view.identifying, view.vital) == ({"name": "Invented Person"}, {"health": "asthma"})
    with transaction(store) as session:
        view = handoffs.read_incoming(session, cast.petra, handoff_id, NOW + 2 * HOUR)
        assert (view.identifying, view.vital) == ({"name": "Invented Person"}, {})


def test_supervisor_and_overseer_are_told_at_once_by_a_link_and_nothing_else(store: Store) -> None:
    cast, sonia, case_id = build(store)
    row_id = grant(store, cast, case_id)
    sent: list[EmailMessage] = []
    notify.deliver(store, MAILER, NOW, sent.append)
    assert {mail["To"] for mail in sent} == {"sonia@test.example", "vera@test.example"}
    for mail in sent:
        assert f"https://directory.example/vital/review/{row_id}" in mail.get_content()
        for secret in ("Invented", "Harbour", "Olga", "asthma", "collapsed", str(case_id), "life"):
            assert secret not in mail.as_string()
    with transaction(store) as session:
        for reviewer in (sonia, cast.vera):
            [report] = break_glass.waiting(session, reviewer, NOW)
            assert (report.by, report.recipient, report.overdue) == ("Olga", "Harbour (invented)", False)
        assert break_glass.waiting(session, cast.olga, NOW) == []
        assert break_glass.waiting(session, cast.omar, NOW) == []


def test_a_supervisor_reads_the_words_and_an_overseer_only_reasons_and_names_of_fields(store: Store) -> None:
    cast, sonia, case_id = build(store)
    row_id = grant(store, cast, case_id)
    with transaction(store) as session:
        assert break_glass.read(session, sonia, row_id, NOW).explanation == "collapsed, an invented sentence"
        seen = break_glass.read(session, cast.vera, row_id, NOW)
        assert (seen.explanation, seen.row.fields, seen.row.reason) == ("", ["name", "health"], "medical_emergency")
        assert b"collapsed" not in seen.row.explanation
    for stranger in (cast.olga, cast.omar, cast.petra, cast.adam):
        with pytest.raises((NotFound, Forbidden)), transaction(store) as session:
            break_glass.read(session, stranger, row_id, NOW)
        with pytest.raises((NotFound, Forbidden)), transaction(store) as session:
            break_glass.review(session, stranger, row_id, "justified", NOW)


def test_a_supervisor_who_did_it_does_not_review_it(store: Store) -> None:
    cast, _, case_id = build(store)
    with transaction(store) as session:
        staff.set_privileges(session, cast.adam, cast.olga.person_id, may_break_glass=True, is_supervisor=True,
                                   now=NOW)
    row_id = grant(store, cast, case_id)
    with pytest.raises(NotFound), transaction(store) as session:
        break_glass.review(session, cast.olga, row_id, "justified", NOW)


def test_for_an_excluded_organization_there_is_nothing_to_review(store: Store) -> None:
    cast, _, case_id = build(store)
    row_id = grant(store, cast, case_id)
    with transaction(store) as session:
        session.add(CaseExclusion(case_id=case_id, organization_id=cast.vera.organization_id, named=b"x", created=NOW))
    with transaction(store) as session:
        assert break_glass.waiting(session, cast.vera, NOW) == []
        with pytest.raises(NotFound):
            break_glass.read(session, cast.vera, row_id, NOW)


def test_a_review_that_says_no_ends_it_at_once_and_is_made_once(store: Store) -> None:
    cast, sonia, case_id = build(store)
    row_id = grant(store, cast, case_id)
    handoff_id = accepted(store, cast, case_id)
    with pytest.raises(Invalid), transaction(store) as session:
        break_glass.review(session, sonia, row_id, "perhaps", NOW)
    with transaction(store) as session:
        break_glass.review(session, sonia, row_id, "not_justified", NOW)
        assert handoffs.read_incoming(session, cast.petra, handoff_id, NOW).vital == {}
    with pytest.raises(WrongState), transaction(store) as session:
        break_glass.review(session, cast.vera, row_id, "justified", NOW)


def test_an_overdue_review_suspends_the_privilege_until_it_is_made(store: Store) -> None:
    cast, sonia, case_id = build(store)
    row_id = grant(store, cast, case_id)
    day = NOW + timedelta(hours=24)
    assert grant(store, cast, case_id, now=day - timedelta(seconds=1))
    with pytest.raises(Forbidden, match="overdue"):
        grant(store, cast, case_id, now=day)
    with transaction(store) as session:
        assert not break_glass.may_break(session, cast.olga, day)
        assert break_glass.waiting(session, cast.vera, day)[0].overdue
        break_glass.review(session, sonia, row_id, "justified", day)
    assert grant(store, cast, case_id, now=day)


def test_each_step_is_in_the_audit_trail_without_a_word_of_the_case(store: Store) -> None:
    cast, sonia, case_id = build(store)
    row_id = grant(store, cast, case_id)
    handoff_id = accepted(store, cast, case_id)
    with transaction(store) as session:
        handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        break_glass.read(session, sonia, row_id, NOW)
        break_glass.review(session, sonia, row_id, "justified", NOW)
    with reading(store) as session:
        entries = [e for e in session.query(AuditEntry) if e.subject == f"break_glass:{row_id}"]
        assert [e.action for e in entries] == ["break_glass:grant", "break_glass:disclose", "break_glass:read",
                                               "break_glass:review"]
        assert entries[0].details["reason"] == "medical_emergency"
        assert all(e.purpose == "vital_interests" for e in entries)
        for secret in ("collapsed", "asthma", "Invented Person"):
            assert secret not in str([e.details for e in session.query(AuditEntry)])
        assert session.get_one(BreakGlass, row_id).verdict == "justified"


def test_consent_still_wins_where_both_name_a_field(store: Store) -> None:
    cast, _, _ = build(store)
    case_id, consent_id, handoff_id = people.request(store, cast)
    grant(store, cast, case_id)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW)
        view = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert (view.identifying, view.vital) == ({"name": "Invented Person"}, {"health": "asthma"})
    with reading(store) as session:
        grounds = {(tuple(d.fields), d.consent_id == consent_id) for d in session.query(Disclosure)}
        assert grounds == {(("name",), True), (("health",), False)}
