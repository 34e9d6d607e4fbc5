"""A handoff from request to completion, its refusals, its races; on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import select

from referral_dir.desk import audit_heads, availability, cases, consents, handoffs, notify
from referral_dir.domain.access import Actor
from referral_dir.domain.consent_record import Withdrawal
from referral_dir.domain.errors import ConsentMissing, Forbidden, Invalid, NoCapacity, NotFound, Refused, WrongState
from referral_dir.domain.vocabulary import HandoffAction, HandoffState, Reason
from referral_dir.store.cases import CaseField, Handoff
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.records import AuditEntry, OutboxMessage
from tests import cast as people
from tests.cast import NOW
from tests.tampering import drop_guards

MAILER = notify.Mailer("127.0.0.1", 1, "referrals@test.example", "https://directory.example")


def deliver(store: Store, now=NOW, send=None) -> list[EmailMessage]:
    sent: list[EmailMessage] = []
    notify.deliver(store, MAILER, now, send or sent.append)
    return sent


def test_a_handoff_is_requested_accepted_started_and_completed(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff_id = people.request(store, cast)
    assert people.free_beds(store, cast) == 2
    with transaction(store) as session:
        before = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert before.about["needs"] == ["shelter.emergency"]
        assert not before.identifying
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW, meeting_point="Gate 3")
    with transaction(store) as session:
        after = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert after.identifying == {"name": "Invented Person"}, "only what the consent names"
        assert handoffs.read_outgoing(session, cast.olga, handoff_id, NOW).meeting_point == "Gate 3"
    for step, state in ((HandoffAction.START, HandoffState.IN_PROGRESS),
                        (HandoffAction.COMPLETE, HandoffState.COMPLETED)):
        with transaction(store) as session:
            assert handoffs.answer(session, cast.petra, handoff_id, step, NOW).state == state
    with transaction(store) as session:
        done = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert not done.identifying
        assert not handoffs.read_outgoing(session, cast.olga, handoff_id, NOW).meeting_point
        assert len(cases.read_case(session, cast.olga, after.handoff.case_id, NOW).disclosures) == 1
    assert people.free_beds(store, cast) == 2


def test_withdrawing_consent_ends_access_cancels_the_message_and_frees_the_bed(store: Store) -> None:
    cast = people.build(store)
    _, consent_id, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        consents.withdraw(session, cast.olga, consent_id, Withdrawal(), NOW)
    assert people.free_beds(store, cast) == 3
    assert deliver(store) == []
    with transaction(store) as session:
        view = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert (view.about, view.identifying, view.actions) == ({}, {}, ())
        assert view.handoff.state == HandoffState.CANCELLED
        assert (view.handoff.reason, view.handoff.reason_party) == ("consent_withdrawn", "person")
    with pytest.raises(WrongState), transaction(store) as session:
        consents.withdraw(session, cast.olga, consent_id, Withdrawal(), NOW)


def test_withdrawing_after_acceptance_ends_the_disclosure_and_tells_who_waits(store: Store) -> None:
    cast = people.build(store)
    _, consent_id, handoff_id = people.request(store, cast)
    deliver(store)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW)
    with transaction(store) as session:
        consents.withdraw(session, cast.olga, consent_id, Withdrawal(method="told_service"), NOW)
    assert people.free_beds(store, cast) == 3
    [mail] = deliver(store)
    assert mail["To"] == "petra@test.example"
    with transaction(store) as session:
        assert not handoffs.read_incoming(session, cast.petra, handoff_id, NOW).identifying


def test_no_request_without_active_consent(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    with pytest.raises(ConsentMissing), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW)
    people.consent(store, cast, case_id, cast.clinic)
    with pytest.raises(ConsentMissing), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW)
    people.consent(store, cast, case_id, cast.shelter)
    with pytest.raises(ConsentMissing), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW + timedelta(days=14))
    assert people.free_beds(store, cast) == 3


def test_consent_that_ran_out_stops_acceptance_and_time_ends_the_handoff(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff_id = people.request(store, cast)
    later = NOW + timedelta(days=15)
    with pytest.raises(ConsentMissing), transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff_id, later)
    with transaction(store) as session:
        handoffs.expire_due(session, later)
    with reading(store) as session:
        assert session.get_one(Handoff, handoff_id).reason == Reason.CONSENT_EXPIRED
    assert people.free_beds(store, cast) == 3


def test_a_hold_runs_out_and_an_unanswered_request_is_cancelled(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        handoffs.expire_due(session, NOW + timedelta(hours=3))
    assert people.free_beds(store, cast) == 3
    with transaction(store) as session:
        handoffs.expire_due(session, NOW + timedelta(hours=73))
    with reading(store) as session:
        row = session.get_one(Handoff, handoff_id)
        assert (row.state, row.reason, row.reason_party) == ("cancelled", "no_response", "system")
    assert people.free_beds(store, cast) == 3, "the place is given back once"


@pytest.mark.parametrize("who", ["omar", "pablo", "clara", "carl", "vera", "adam"])
def test_to_an_outsider_the_case_and_the_handoff_do_not_exist(store: Store, who: str) -> None:
    cast = people.build(store)
    case_id, consent_id, handoff_id = people.request(store, cast)
    outsider = getattr(cast, who)
    acts = [
        lambda s: cases.read_case(s, outsider, case_id, NOW),
        lambda s: cases.set_identifying(s, outsider, case_id, {"name": "x"}, NOW),
        lambda s: cases.close_case(s, outsider, case_id, NOW),
        lambda s: consents.withdraw(s, outsider, consent_id, Withdrawal(), NOW),
        lambda s: consents.read(s, outsider, consent_id, NOW),
        lambda s: handoffs.request(s, outsider, case_id, cast.shelter, NOW),
        lambda s: handoffs.read_incoming(s, outsider, handoff_id, NOW),
        lambda s: handoffs.read_outgoing(s, outsider, handoff_id, NOW),
        lambda s: handoffs.accept(s, outsider, handoff_id, NOW),
        lambda s: handoffs.answer(s, outsider, handoff_id, HandoffAction.REJECT, NOW, reason=Reason.FULL),
        lambda s: handoffs.cancel(s, outsider, handoff_id, Reason.OTHER, NOW),
    ]
    for act in acts:
        with pytest.raises((NotFound, Forbidden)), transaction(store) as session:
            act(session)
    if who != "clara":
        with pytest.raises((NotFound, Forbidden)), transaction(store) as session:
            availability.set_available(session, outsider, cast.beds, 9, NOW)


def test_wrong_moves_raise_and_change_nothing(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff_id = people.request(store, cast)
    for action, reason, error in ((HandoffAction.START, None, WrongState), (HandoffAction.REJECT, None, Invalid),
                                  (HandoffAction.COMPLETE, None, WrongState),
                                  (HandoffAction.REJECT, Reason.DID_NOT_ARRIVE, Invalid)):
        with pytest.raises(error), transaction(store) as session:
            handoffs.answer(session, cast.petra, handoff_id, action, NOW, reason=reason)
    with reading(store) as session:
        assert session.get_one(Handoff, handoff_id).state == "requested"


def test_accepting_one_of_two_requests_cancels_the_other(store: Store) -> None:
    cast = people.build(store)
    case_id, _, first = people.request(store, cast)
    people.consent(store, cast, case_id, cast.clinic)
    with transaction(store) as session:
        second = handoffs.request(session, cast.olga, case_id, cast.clinic, NOW).id
    with transaction(store) as session:
        handoffs.accept(session, cast.pablo, second, NOW)
    with reading(store) as session:
        assert session.get_one(Handoff, first).reason == Reason.ACCEPTED_ELSEWHERE
    assert people.free_beds(store, cast) == 3


def test_a_full_service_refuses_the_request(store: Store) -> None:
    cast = people.build(store, beds=0)
    case_id = people.new_case(store, cast)
    people.consent(store, cast, case_id, cast.shelter)
    with pytest.raises(NoCapacity), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW)


def test_a_hundred_simultaneous_accepts_of_the_last_bed_grant_one(store: Store) -> None:
    cast = people.build(store, beds=1, hold_minutes=None)
    ids = [people.request(store, cast)[2] for _ in range(100)]

    def accept(handoff_id: object) -> bool:
        try:
            with transaction(store) as session:
                handoffs.accept(session, cast.petra, handoff_id, NOW)
            return True
        except Refused:
            return False

    with ThreadPoolExecutor(12) as pool:
        granted = sum(pool.map(accept, ids))
    assert granted == 1
    assert people.free_beds(store, cast) == 0


def test_no_read_shows_anything_after_a_withdrawal_has_committed(store: Store) -> None:
    cast = people.build(store, beds=10)
    for _ in range(10):
        _, consent_id, handoff_id = people.request(store, cast)
        with transaction(store) as session:
            handoffs.accept(session, cast.petra, handoff_id, NOW)
        withdrawn: list[bool] = []

        def read(_: int, handoff_id=handoff_id, withdrawn=withdrawn) -> bool:
            began_after = bool(withdrawn)
            with transaction(store) as session:
                shown = handoffs.read_incoming(session, cast.petra, handoff_id, NOW).identifying
            return bool(shown) and began_after

        def withdraw(consent_id=consent_id, withdrawn=withdrawn) -> None:
            with transaction(store) as session:
                consents.withdraw(session, cast.olga, consent_id, Withdrawal(), NOW)
            withdrawn.append(True)

        with ThreadPoolExecutor(6) as pool:
            reads = [pool.submit(read, n) for n in range(4)]
            pool.submit(withdraw).result()
            reads += [pool.submit(read, n) for n in range(4)]
            assert not any(r.result() for r in reads)


def test_a_message_is_sent_once_by_many_senders_and_again_only_after_a_failure(store: Store) -> None:
    cast = people.build(store)
    people.request(store, cast)
    failures = []

    def fail(_: EmailMessage) -> None:
        failures.append(1)
        raise OSError("the mail server is away")

    notify.deliver(store, MAILER, NOW, fail)
    assert failures == [1]
    assert deliver(store) == [], "it waits before the next try"
    later, sent = NOW + timedelta(minutes=2), []
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: notify.deliver(store, MAILER, later, sent.append), range(8)))
    assert len(sent) == 1
    assert "Invented" not in sent[0].as_string()
    assert "shelter" not in sent[0].as_string().casefold()


def test_identifying_fields_are_sealed_in_the_database(store: Store) -> None:
    cast = people.build(store)
    people.new_case(store, cast)
    with reading(store) as session:
        assert all(b"Invented" not in row.sealed for row in session.query(CaseField))


def test_every_act_is_in_an_unbroken_chain_and_an_edit_is_found(store: Store) -> None:
    cast = people.build(store)
    people.request(store, cast)
    with reading(store) as session:
        whole = audit_heads.verify(session, "")
    assert whole.broken_at is None
    assert whole.entries >= 7
    with store.engine.begin() as connection:
        drop_guards(connection, "audit_entry")
        connection.exec_driver_sql("UPDATE audit_entry SET action = 'nothing' WHERE sequence = 3")
    with reading(store) as session:
        assert audit_heads.verify(session, "").broken_at == 3


def test_still_true_and_a_new_number_are_seen_with_their_age(store: Store) -> None:
    cast = people.build(store)
    later = NOW + timedelta(days=2)
    with transaction(store) as session:
        [line] = availability.board(session, cast.petra, later)
        assert not line.fresh
        availability.still_true(session, cast.petra, cast.beds, later)
    with transaction(store) as session:
        [line] = availability.board(session, cast.clara, later)
        assert (line.fresh, line.available, line.updated_by) == (True, 3, "Petra")
        with pytest.raises(Invalid):
            availability.set_available(session, cast.petra, cast.beds, 11, later)
        availability.set_available(session, cast.clara, cast.beds, 7, later)
    assert people.free_beds(store, cast) == 7


def test_where_to_meet_is_said_and_changed_after_accepting_and_the_officer_is_told(store: Store) -> None:
    cast = people.build(store)
    _, consent_id, handoff_id = people.request(store, cast)

    def meet(actor: Actor, text: str) -> bool:
        with transaction(store) as session:
            return handoffs.set_meeting_point(session, actor, handoff_id, text, NOW)

    def version() -> str:
        with reading(store) as session:
            return handoffs.version(session, cast.olga, handoff_id)

    with pytest.raises(WrongState):
        meet(cast.petra, "Gate 3")
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW)
    before = version()
    assert meet(cast.petra, "Gate 3")
    assert version() != before, "an open page of the officer's asks for it anew"
    assert not meet(cast.petra, " Gate 3 "), "the same words are no news"
    assert meet(cast.petra, "Gate 4")
    for outsider, problem in ((cast.pablo, NotFound), (cast.olga, Forbidden)):
        with pytest.raises(problem):
            meet(outsider, "Gate 5")
    with pytest.raises(Invalid):
        meet(cast.petra, "x" * 1001)
    with transaction(store) as session:
        assert handoffs.read_outgoing(session, cast.olga, handoff_id, NOW).meeting_point == "Gate 4"
        mails = session.scalars(select(OutboxMessage).where(OutboxMessage.kind == "meeting_point")).all()
        assert [mail.person_id for mail in mails] == [cast.olga.person_id], "one mail for several words"
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "handoff:meeting_point")).all()
        assert len(entries) == 2
        assert "Gate" not in str([entry.details for entry in entries])
        consents.withdraw(session, cast.olga, consent_id, Withdrawal(), NOW)
    with pytest.raises((ConsentMissing, WrongState)):
        meet(cast.petra, "Gate 6")
