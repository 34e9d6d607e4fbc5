"""No read shows anything once a withdrawal has committed: 1,000 races of real threads over both databases."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest

from referral_dir.desk import consents, handoffs
from referral_dir.domain.consent_record import Withdrawal
from referral_dir.store import crypto
from referral_dir.store.cases import Case, CaseField, CaseKey, Consent, Disclosure, Handoff
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.records import AuditEntry
from tests import cast as people
from tests.cast import NOW, Cast

pytestmark = pytest.mark.usefixtures("no_budgets")

# SQLite lets one writer in at a time and has the other sleep: fewer races show as much there.
RACES = {"postgresql": 960, "sqlite": 40}


def accepted(store: Store, cast: Cast, count: int) -> list[tuple[UUID, UUID]]:
    """(consent, handoff) of so many cases that were accepted under an active consent, written in one transaction."""
    found = []
    with transaction(store) as session:
        for _ in range(count):
            case_id, consent_id, handoff_id, field_id, key = uuid4(), uuid4(), uuid4(), uuid4(), crypto.new_key()
            session.add(Case(id=case_id, reference=case_id.hex, organization_id=cast.olga.organization_id,
                             created_by_id=cast.olga.person_id, created=NOW, priority="urgent",
                             needs=["medical.general"], languages=["ht"], household=1, accessibility=[],
                             place_name="Miami", place_country="US", place_latitude=25.8, place_longitude=-80.2,
                             excluded_organizations=[], excluded_communities=[], excluded_areas=[]))
            found.append((consent_id, handoff_id))
            session.flush()
            session.add_all([
                CaseKey(case_id=case_id, wrapped=store.keys.seal(key, case_id, "wrapped_key")),
                CaseField(id=field_id, case_id=case_id, field="name",
                          sealed=crypto.seal(key, b"Invented Person", field_id, "name")),
                Consent(id=consent_id, case_id=case_id, purpose="referral", fields=["name"], state="active",
                        recipient_organization_id=cast.pablo.organization_id, created=NOW, given=NOW, valid_from=NOW,
                        expires=NOW.replace(month=12))])
            session.flush()
            session.add(Handoff(id=handoff_id, case_id=case_id, service_id=cast.clinic, consent_id=consent_id,
                                requester_organization_id=cast.olga.organization_id,
                                recipient_organization_id=cast.pablo.organization_id, needs=["medical.general"],
                                priority="urgent", state="accepted", requested_by_id=cast.olga.person_id, created=NOW))
    return found


def test_no_read_succeeds_after_a_withdrawal_has_committed(store: Store) -> None:
    cast = people.build(store)
    races = RACES[store.engine.dialect.name]
    pairs = accepted(store, cast, races)
    start, withdrawn, broken = Barrier(2), [False] * races, []
    seen: Counter[int] = Counter()

    def withdraw_each() -> None:
        for number, (consent_id, _) in enumerate(pairs):
            start.wait(60)
            time.sleep(number % 4 * 0.002)
            with transaction(store) as session:
                consents.withdraw(session, cast.olga, consent_id, Withdrawal(), NOW)
            withdrawn[number] = True

    def read_each() -> None:
        for number, (_, handoff_id) in enumerate(pairs):
            start.wait(60)
            time.sleep(number % 3 * 0.002)
            shown = True
            while shown:
                began_after = withdrawn[number]
                with transaction(store) as session:
                    shown = bool(handoffs.read_incoming(session, cast.pablo, handoff_id, NOW).identifying)
                if shown and began_after:
                    broken.append(number)
                    break
                seen[number] += shown
                # SQLite's one writer at a time: a reader that asks without pause keeps the other from its turn.
                time.sleep(0.001)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(read_each), pool.submit(withdraw_each)]:
            future.result()
    assert broken == []
    assert all(withdrawn)
    assert any(seen[n] for n in range(races)), "the reader was never first"
    assert any(not seen[n] for n in range(races)), "the withdrawal was never first"
    nothing_committed_after(store, pairs)


def nothing_committed_after(store: Store, pairs: list[tuple[UUID, UUID]]) -> None:
    """The audit trail is ordered by commit: each read that showed something stands before its withdrawal."""
    of_handoff = {f"handoff:{handoff_id}": f"consent:{consent_id}" for consent_id, handoff_id in pairs}
    last_shown: dict[str, int] = {}
    ended: dict[str, int] = {}
    with reading(store) as session:
        for entry in session.query(AuditEntry).order_by(AuditEntry.sequence):
            if entry.action == "consent:withdrawn":
                ended[str(entry.subject)] = entry.sequence
            elif entry.action == "handoff:receive" and entry.details["fields"]:
                last_shown[of_handoff[str(entry.subject)]] = entry.sequence
        assert session.query(Disclosure).count() >= len(last_shown) > 0
    assert len(ended) == len(pairs)
    assert [c for c, sequence in last_shown.items() if sequence > ended[c]] == []
