"""Conflict of interest: for whom a case names, it does not exist; on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from uuid import UUID

import pytest

from referral_dir.desk import audit, availability, budgets, cases, consents, exclusions, handoffs, notify
from referral_dir.domain.access import Actor
from referral_dir.domain.consent_record import Terms, Withdrawal
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.vocabulary import HandoffAction, Reason, Role
from referral_dir.store.cases import CaseExclusion, Handoff
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.people import Person
from tests import cast as people
from tests.cast import NOW

MAILER = notify.Mailer("127.0.0.1", 1, "referrals@test.example", "https://directory.example")
HARBOUR = "Harbour (invented)"


def colleague(store: Store, of: Actor, name: str) -> Actor:
    """Another person of the same organization and role."""
    with transaction(store) as session:
        row = Person(organization_id=of.organization_id, email=f"{name.casefold()}@test.example", name=name,
                     role=of.role, password_hash="x", created=NOW)
        session.add(row)
        session.flush()
        return Actor(row.id, of.organization_id, of.role, name)


def keep_out(store: Store, actor: Actor, case_id: UUID, *, email: str = "", organization: str = "") -> None:
    with transaction(store, actor) as session:
        if email:
            exclusions.exclude_person(session, actor, case_id, email, NOW)
        if organization:
            exclusions.exclude_organization(session, actor, case_id, organization, NOW)


def delivered(store: Store) -> list[str]:
    sent: list[EmailMessage] = []
    notify.deliver(store, MAILER, NOW + timedelta(minutes=5), sent.append)
    return [str(mail["To"]) for mail in sent]


def test_an_organization_that_is_named_later_loses_the_handoff_the_bed_and_the_message(store: Store) -> None:
    cast = people.build(store)
    case_id, _, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW)
    keep_out(store, cast.olga, case_id, organization="harbour")
    assert people.free_beds(store, cast) == 3
    assert delivered(store) == [], "not even that something has changed"
    with transaction(store) as session:
        assert handoffs.incoming(session, cast.petra) == []
        row = handoffs.read_outgoing(session, cast.olga, handoff_id, NOW).handoff
        assert (row.state, row.reason, row.reason_party) == ("cancelled", "conflict_of_interest", "requester")
    acts = [lambda s: handoffs.read_incoming(s, cast.petra, handoff_id, NOW),
            lambda s: handoffs.accept(s, cast.petra, handoff_id, NOW),
            lambda s: handoffs.answer(s, cast.petra, handoff_id, HandoffAction.START, NOW),
            lambda s: handoffs.cancel(s, cast.petra, handoff_id, Reason.OTHER, NOW)]
    for act in acts:
        with pytest.raises(NotFound), transaction(store) as session:
            act(session)


def test_an_organization_that_is_named_is_neither_offered_nor_asked(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    people.consent(store, cast, case_id, cast.shelter)
    keep_out(store, cast.olga, case_id, organization=HARBOUR)
    with transaction(store) as session:
        need = cases.need_of(session, cases.own_case(session, cast.olga, case_id))
        assert cast.petra.organization_id in need.excluded_organizations
    with pytest.raises(NotFound), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW)
    with pytest.raises(Invalid, match="must never see"), transaction(store) as session:
        consents.draft(session, cast.olga, case_id, cast.shelter, Terms(["name"]), NOW)


def test_a_provider_who_is_named_loses_it_while_their_colleague_goes_on(store: Store) -> None:
    cast = people.build(store)
    other = colleague(store, cast.petra, "Paula")
    case_id, _, handoff_id = people.request(store, cast)
    keep_out(store, cast.olga, case_id, email=" PETRA@test.example ")
    assert delivered(store) == ["paula@test.example"], "what was queued for Petra is not sent"
    with transaction(store) as session:
        assert handoffs.incoming(session, cast.petra) == []
        assert len(handoffs.incoming(session, other)) == 1
        handoffs.accept(session, other, handoff_id, NOW)
    with pytest.raises(NotFound), transaction(store) as session:
        handoffs.read_incoming(session, cast.petra, handoff_id, NOW)


def test_an_officer_who_is_named_in_the_same_organization_loses_the_case(store: Store) -> None:
    cast = people.build(store)
    oscar = colleague(store, cast.olga, "Oscar")
    case_id, consent_id, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        assert cases.read_case(session, oscar, case_id, NOW, purpose="handover").case.id == case_id
    keep_out(store, cast.olga, case_id, email="oscar@test.example")
    with transaction(store) as session:
        assert list(cases.my_cases(session, oscar)) == []
        assert handoffs.outgoing(session, oscar) == []
    acts = [lambda s: cases.read_case(s, oscar, case_id, NOW), lambda s: cases.close_case(s, oscar, case_id, NOW),
            lambda s: cases.set_identifying(s, oscar, case_id, {"name": "x"}, NOW),
            lambda s: consents.read(s, oscar, consent_id, NOW),
            lambda s: consents.withdraw(s, oscar, consent_id, Withdrawal(), NOW),
            lambda s: handoffs.read_outgoing(s, oscar, handoff_id, NOW),
            lambda s: handoffs.cancel(s, oscar, handoff_id, Reason.OTHER, NOW),
            lambda s: exclusions.exclude_person(s, oscar, case_id, "olga@test.example", NOW)]
    for act in acts:
        with pytest.raises(NotFound), transaction(store) as session:
            act(session)
    with transaction(store) as session:
        handoffs.cancel(session, cast.olga, handoff_id, Reason.NO_LONGER_NEEDED, NOW)


def test_a_place_that_is_held_for_the_case_is_held_for_nobody_in_the_eyes_of_whoever_is_named(store: Store) -> None:
    cast = people.build(store)
    case_id, _, _ = people.request(store, cast)
    paul = colleague(store, cast.petra, "Paul")
    keep_out(store, cast.olga, case_id, email="paul@test.example")

    def held(actor: Actor) -> tuple[int, int]:
        with reading(store, actor) as session:
            [line] = availability.board(session, actor, NOW)
            return line.held, availability.week(session, actor, line.capacity_id, NOW).line.held

    assert (held(cast.petra), held(cast.clara), held(paul)) == ((1, 1), (1, 1), (0, 0))


def test_an_officer_who_asked_and_is_named_then_hears_no_more_of_it(store: Store) -> None:
    cast = people.build(store)
    oscar = colleague(store, cast.olga, "Oscar")
    case_id, _, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        session.get_one(Handoff, handoff_id).requested_by_id = oscar.person_id
        handoffs.accept(session, cast.petra, handoff_id, NOW)
    keep_out(store, cast.olga, case_id, email="oscar@test.example")
    assert delivered(store) == ["petra@test.example"]


def test_whoever_gets_the_named_address_later_never_sees_the_case_and_naming_tells_nothing(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    keep_out(store, cast.olga, case_id, email="oscar@test.example")
    oscar = colleague(store, cast.olga, "Oscar")
    with pytest.raises(NotFound), transaction(store) as session:
        cases.read_case(session, oscar, case_id, NOW)
    with reading(store) as session:
        [row] = session.query(CaseExclusion)
        assert "oscar" not in str(row.person_key)
        assert b"oscar" not in row.named
        assert row.organization_id is None


def test_an_exclusion_stands_when_the_master_key_is_rotated(store: Store) -> None:
    cast = people.build(store)
    oscar = colleague(store, cast.olga, "Oscar")
    case_id = people.new_case(store, cast)
    keep_out(store, cast.olga, case_id, email="oscar@test.example")
    rotated = Store(store.engine, KeyRing((("new", b"n" * 32), *store.keys.keys)))
    with pytest.raises(NotFound), transaction(rotated) as session:
        cases.read_case(session, oscar, case_id, NOW)
    with pytest.raises(Invalid, match="already"), transaction(rotated) as session:
        exclusions.exclude_person(session, cast.olga, case_id, "oscar@test.example", NOW)


def test_an_overseer_who_is_named_sees_neither_its_entries_nor_their_number(store: Store) -> None:
    cast = people.build(store)
    vito = colleague(store, cast.vera, "Vito")
    case_id, consent_id, handoff_id = people.request(store, cast)
    keep_out(store, cast.olga, case_id, email="vera@test.example")
    budgets.refused(store, cast.omar, "case:read", NOW, subject=f"case:{case_id}", why="NotFound")
    other = people.new_case(store, cast)

    def trail(actor: Actor, **filters: str) -> audit.Trail:
        with transaction(store, actor) as session:
            return audit.trail(session, actor, NOW, audit.Wanted(**filters))

    def kinds(actor: Actor) -> list[str]:
        with transaction(store, actor) as session:
            return audit.kinds(session, actor)

    hidden = {f"case:{case_id}", f"consent:{consent_id}", f"handoff:{handoff_id}"}
    seen = trail(cast.vera)
    assert not hidden & {str(entry.subject) for entry in seen.entries}
    assert f"case:{other}" in {entry.subject for entry in seen.entries}
    assert seen.total == len(seen.entries)
    everything = trail(vito)
    assert hidden <= {str(entry.subject) for entry in everything.entries}
    assert everything.total > seen.total
    for subject in hidden:
        assert trail(cast.vera, subject=subject).total == 0
        assert trail(vito, subject=subject).total > 0
    assert "handoff:request" in kinds(vito)
    assert "handoff:request" not in kinds(cast.vera)
    assert trail(cast.vera, outcome="refused").total == 0


def test_a_name_taken_off_the_list_is_let_in_again_and_what_was_named_stays_sealed(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    keep_out(store, cast.olga, case_id, email="petra@test.example", organization=HARBOUR)
    with transaction(store) as session:
        case = cases.own_case(session, cast.olga, case_id)
        listed = exclusions.named(session, cast.olga, case)
        assert {(n.name, n.is_organization) for n in listed} == {("petra@test.example", False), (HARBOUR, True)}
        with pytest.raises(NotFound):
            exclusions.remove(session, cast.omar, case_id, listed[0].exclusion_id, NOW)
        for one in listed:
            exclusions.remove(session, cast.olga, case_id, one.exclusion_id, NOW)
    people.consent(store, cast, case_id, cast.shelter)
    with transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW)
        session.flush()
        assert len(handoffs.incoming(session, cast.petra)) == 1


@pytest.mark.parametrize(("email", "organization", "says"), [
    ("nobody", "", "write an e-mail address"), ("a b@c.example", "", "write an e-mail address"),
    ("x" * 300 + "@y.example", "", "write an e-mail address"), ("OLGA@test.example", "", "your own address"),
    ("", "Border Unit (invented)", "your own organization"), ("", "No Such Place", "no organization is called"),
    ("", "(invented)", "several organizations"), ("", "Network (invented)", ""), ("", "x" * 300, "write the"),
])
def test_what_can_not_be_named_is_answered_with_what_to_write(
        store: Store, email: str, organization: str, says: str) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    if not says:  # a whole name, although another organization's name holds it
        keep_out(store, cast.olga, case_id, organization=organization)
        says = "already"
    with pytest.raises(Invalid, match=says):
        keep_out(store, cast.olga, case_id, email=email, organization=organization)


def test_no_read_shows_anything_after_an_exclusion_has_committed(store: Store) -> None:
    cast = people.build(store, beds=10)
    shown_before = 0
    for _ in range(10):
        case_id, _, handoff_id = people.request(store, cast)
        with transaction(store) as session:
            handoffs.accept(session, cast.petra, handoff_id, NOW)
        excluded: list[bool] = []

        def read(handoff_id: UUID = handoff_id, excluded: list[bool] = excluded) -> tuple[bool, bool]:
            began_after = bool(excluded)
            try:
                with transaction(store) as session:
                    return bool(handoffs.read_incoming(session, cast.petra, handoff_id, NOW).identifying), began_after
            except NotFound:
                return False, began_after

        def keep_them_out(case_id: UUID = case_id, excluded: list[bool] = excluded) -> None:
            keep_out(store, cast.olga, case_id, email="petra@test.example")
            excluded.append(True)

        with ThreadPoolExecutor(6) as pool:
            reads = [pool.submit(read) for _ in range(3)]
            pool.submit(keep_them_out).result()
            reads += [pool.submit(read) for _ in range(3)]
            results = [r.result() for r in reads]
        assert (True, True) not in results
        shown_before += sum(shown for shown, _ in results)
    assert shown_before, "some read came first"


def test_a_read_that_waits_for_an_exclusion_shows_nothing(postgres_store: Store) -> None:
    cast = people.build(postgres_store)
    case_id, _, handoff_id = people.request(postgres_store, cast)
    with transaction(postgres_store) as session:
        handoffs.accept(session, cast.petra, handoff_id, NOW)

    def read() -> object:
        with transaction(postgres_store) as session:
            return handoffs.read_incoming(session, cast.petra, handoff_id, NOW).identifying

    with ThreadPoolExecutor(1) as pool:
        with transaction(postgres_store) as session:
            exclusions.exclude_person(session, cast.olga, case_id, "petra@test.example", NOW)
            waiting = pool.submit(read)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=1.5)
        with pytest.raises(NotFound):
            waiting.result(timeout=30)


def test_only_an_officer_of_the_case_names_anyone(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    assert cast.omar.role is Role.OFFICER
    with pytest.raises(NotFound):
        keep_out(store, cast.omar, case_id, email="petra@test.example")
