"""What the database itself refuses, on both: histories that only grow, consent that stays as it was explained."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from referral_dir.desk import cases, consents
from referral_dir.store.cases import Case, Consent, ConsentEvent, Disclosure, Handoff, HandoffEvent
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.records import AuditEntry, OutboxMessage
from tests import cast as people
from tests.cast import NOW


@pytest.mark.parametrize("statement", [
    "UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry", "DELETE FROM audit_entry WHERE sequence = 1",
    "UPDATE consent_event SET state = 'x'", "DELETE FROM consent_event", "UPDATE handoff_event SET party = 'x'",
    "DELETE FROM handoff_event", "DELETE FROM consent", "DELETE FROM handoff",
])
def test_what_only_grows_is_neither_changed_nor_deleted(store: Store, statement: str) -> None:
    cast = people.build(store)
    people.request(store, cast)
    with pytest.raises(IntegrityError, match="append-only"), store.engine.begin() as connection:
        connection.exec_driver_sql(statement)


def test_entries_that_a_signed_head_vouches_for_may_be_cut_off_by_the_owner_alone(store: Store) -> None:
    cast = people.build(store)
    people.request(store, cast)
    with store.engine.begin() as connection:
        connection.execute(text("INSERT INTO audit_head (sequence, hash, at, signature) VALUES (2, 'h', :now, 's')"),
                           {"now": NOW.replace(tzinfo=None)})
        connection.exec_driver_sql("DELETE FROM audit_entry WHERE sequence <= 2")
    with pytest.raises(IntegrityError, match="append-only"), store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_entry WHERE sequence = 3")


@pytest.mark.parametrize("change", [
    "fields = '[\"name\", \"background\"]'", "purpose = 'other'", "expires = '2030-01-01 00:00:00'",
    "notice_sha256 = NULL", "explained_in = 'en'", "onward_sharing = NOT onward_sharing", "given = NULL",
    "method = 'signed'", "state = 'draft'", "interpreter = NULL", "case_id = NULL", "recipient_organization_id = NULL",
])
def test_a_consent_record_stays_as_it_was_given(store: Store, change: str) -> None:
    cast = people.build(store)
    _, consent_id, _ = people.request(store, cast)
    if change == "state = 'draft'":
        with transaction(store) as session:
            consents.withdraw(session, cast.olga, consent_id, how="told_officer", now=NOW)
    with pytest.raises(IntegrityError, match="never changes"), store.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE consent SET {change}")


def test_a_draft_may_change_and_what_was_explained_only_takes_its_answer(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    with transaction(store) as session:
        row = consents.draft(session, cast.olga, case_id, cast.shelter, ["name"], 14, NOW)
        row.fields = ["health"]
        session.flush()
        consents.explain(session, cast.olga, row.id, language="fr", interpreter="not_needed", now=NOW)
    for change in ("fields = '[]'", "explained_in = 'en'"):
        with pytest.raises(IntegrityError, match="never changes"), store.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE consent SET {change}")
    with transaction(store) as session:
        assert consents.give(session, cast.olga, row.id, method="signed", now=NOW).state == "active"


def test_erasing_a_case_takes_its_histories_with_it_and_nobody_elses(store: Store) -> None:
    cast = people.build(store)
    case_id, _, _ = people.request(store, cast)
    other, _, _ = people.request(store, cast)
    with transaction(store) as session:
        for message in session.scalars(select(OutboxMessage)):
            session.delete(message)
        session.flush()
        entries = session.scalar(select(func.count()).select_from(AuditEntry))
        session.execute(text('DELETE FROM "case" WHERE reference = :r'),
                        {"r": cases.own_case(session, cast.olga, case_id).reference})
    with reading(store) as session:
        for table in (Consent, Handoff):
            assert {row.case_id for row in session.scalars(select(table))} == {other}
        assert session.scalar(select(func.count()).select_from(Case)) == 1
        assert session.scalar(select(func.count()).select_from(Disclosure)) == 0
        assert session.scalar(select(func.count()).select_from(ConsentEvent)) == 4
        assert session.scalar(select(func.count()).select_from(HandoffEvent)) == 1
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == entries
