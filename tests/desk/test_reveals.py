"""A hidden address: written down by its keeper or provider, shown to one officer, for one handoff, for a while."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from referral_dir.desk import consents, handoffs, reveals
from referral_dir.domain.access import Actor
from referral_dir.domain.budgets import BUDGETS
from referral_dir.domain.consent_record import Withdrawal
from referral_dir.domain.errors import Forbidden, Invalid, NotFound, TooOften, WrongState
from referral_dir.domain.vocabulary import HandoffAction, Reason, Role
from referral_dir.store import secret_queries
from referral_dir.store.cases import AddressReveal
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Service
from referral_dir.store.people import Person
from referral_dir.store.records import AuditEntry, UnusualPattern
from tests import cast as people
from tests.cast import NOW, Cast

ADDRESS = {"address_1": "77 Canary Street", "postal_code": "99887", "phones": "+1 305 555 0177\n+1 305 555 0178"}


def written_down(store: Store) -> tuple[Cast, UUID, UUID]:
    """(cast, consent, handoff) with an accepted handoff and a sealed address."""
    cast = people.build(store)
    _, consent, handoff = people.request(store, cast)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff, NOW)
        reveals.keep_address(session, cast.petra, cast.shelter, ADDRESS, NOW)
    return cast, consent, handoff


def show(store: Store, cast: Cast, handoff: UUID, *, to: Actor | None = None, hours: int | None = None,
         now: datetime = NOW) -> UUID:
    with transaction(store) as session:
        return reveals.reveal(session, cast.petra, handoff, (to or cast.olga).person_id, hours, now).id


def seen(store: Store, actor: Actor, handoff: UUID, now: datetime = NOW) -> Any:
    with transaction(store) as session:
        return reveals.read_revealed(session, actor, handoff, now).address


def test_the_officer_who_was_named_sees_it_and_each_view_is_written_down(store: Store) -> None:
    cast, _, handoff = written_down(store)
    assert seen(store, cast.olga, handoff) == {}
    show(store, cast, handoff)
    for _ in range(2):
        assert seen(store, cast.olga, handoff)["address_1"] == "77 Canary Street"
    with reading(store) as session:
        views = session.query(AuditEntry).filter_by(action="address:read", subject=f"handoff:{handoff}").all()
        assert [e.actor_id for e in views] == [cast.olga.person_id] * 2
        assert not any("Canary" in str(e.details) for e in session.query(AuditEntry))
        assert session.query(AddressReveal).one().viewed == NOW


def test_nobody_else_sees_it(store: Store) -> None:
    cast, _, handoff = written_down(store)
    with transaction(store) as session:
        row = Person(organization_id=cast.olga.organization_id, email="oona@test.example", name="Oona",
                     role=Role.OFFICER, password_hash="x", created=NOW)
        session.add(row)
        session.flush()
        oona = Actor(row.id, row.organization_id, Role.OFFICER, "Oona")
    show(store, cast, handoff)
    assert seen(store, oona, handoff) == {}, "a colleague of the one who was named"
    with pytest.raises(NotFound):
        seen(store, cast.omar, handoff)
    for actor in (cast.petra, cast.clara, cast.vera, cast.adam):
        with pytest.raises(Forbidden):
            seen(store, actor, handoff)
    show(store, cast, handoff, to=oona)
    assert seen(store, oona, handoff)


def withdraw(store: Store, cast: Cast, consent: UUID, handoff: UUID, reveal: UUID) -> None:
    with transaction(store) as session:
        consents.withdraw(session, cast.olga, consent, Withdrawal(), NOW)


def cancel(store: Store, cast: Cast, consent: UUID, handoff: UUID, reveal: UUID) -> None:
    with transaction(store) as session:
        handoffs.cancel(session, cast.olga, handoff, Reason.NO_LONGER_NEEDED, NOW)


def complete(store: Store, cast: Cast, consent: UUID, handoff: UUID, reveal: UUID) -> None:
    with transaction(store) as session:
        handoffs.answer(session, cast.petra, handoff, HandoffAction.START, NOW)
        handoffs.answer(session, cast.petra, handoff, HandoffAction.COMPLETE, NOW)


def stop(store: Store, cast: Cast, consent: UUID, handoff: UUID, reveal: UUID) -> None:
    with transaction(store) as session:
        reveals.end(session, cast.petra, handoff, reveal, NOW)


def move_house(store: Store, cast: Cast, consent: UUID, handoff: UUID, reveal: UUID) -> None:
    with transaction(store) as session:
        reveals.keep_address(session, cast.petra, cast.shelter, {"address_1": "another house"}, NOW)


@pytest.mark.parametrize("ending", [withdraw, cancel, complete, stop, move_house])
def test_it_is_dead_at_once_when(store: Store, ending: Callable[[Store, Cast, UUID, UUID, UUID], None]) -> None:
    cast, consent, handoff = written_down(store)
    reveal = show(store, cast, handoff)
    assert seen(store, cast.olga, handoff)
    ending(store, cast, consent, handoff, reveal)
    assert seen(store, cast.olga, handoff) == {}


def test_it_ends_after_two_hours_unless_another_time_was_said(store: Store) -> None:
    cast, _, handoff = written_down(store)
    show(store, cast, handoff)
    assert seen(store, cast.olga, handoff, NOW + timedelta(minutes=119))
    assert seen(store, cast.olga, handoff, NOW + timedelta(hours=2)) == {}
    later = NOW + timedelta(hours=3)
    show(store, cast, handoff, hours=1, now=later)
    assert seen(store, cast.olga, handoff, later + timedelta(minutes=59))
    assert seen(store, cast.olga, handoff, later + timedelta(hours=1)) == {}


def test_it_is_shown_for_an_accepted_handoff_only_and_to_its_officers_only(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff = people.request(store, cast)
    with transaction(store) as session:
        reveals.keep_address(session, cast.clara, cast.shelter, ADDRESS, NOW)
    with pytest.raises(WrongState):
        show(store, cast, handoff)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, handoff, NOW)
    for wrong in (cast.omar, cast.petra, cast.clara):
        with pytest.raises(Invalid):
            show(store, cast, handoff, to=wrong)
    for hours in (0, 25):
        with pytest.raises(Invalid):
            show(store, cast, handoff, hours=hours)
    with pytest.raises(NotFound), transaction(store) as session:
        reveals.reveal(session, cast.pablo, handoff, cast.olga.person_id, 2, NOW)
    with pytest.raises(Forbidden), transaction(store) as session:
        reveals.reveal(session, cast.olga, handoff, cast.olga.person_id, 2, NOW)


def test_keeper_and_provider_write_it_down_and_strangers_cannot_even_ask(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        session.get_one(Service, cast.shelter).description = "Ring at 77 canary street, near the sea"
    for actor in (cast.clara, cast.petra):
        with transaction(store) as session:
            reveals.keep_address(session, actor, cast.shelter, ADDRESS, NOW)
        with transaction(store) as session:
            assert reveals.read_address(session, actor, cast.shelter, NOW).address == ADDRESS
    for stranger in (cast.carl, cast.pablo):
        with pytest.raises(NotFound), transaction(store) as session:
            reveals.read_address(session, stranger, cast.shelter, NOW)
        with pytest.raises(NotFound), transaction(store) as session:
            reveals.keep_address(session, stranger, cast.shelter, {}, NOW)
    with reading(store) as session:
        assert session.get_one(Service, cast.shelter).description == "Ring at (address withheld), near the sea"
    with transaction(store) as session:
        reveals.keep_address(session, cast.petra, cast.shelter, {}, NOW)
        assert secret_queries.open_place(session, cast.shelter) == (None, None)


def test_a_provider_is_told_when_somebody_else_wrote_the_address_down(store: Store) -> None:
    cast, _, handoff = written_down(store)
    with transaction(store) as session:
        assert reveals.offer(session, cast.petra, handoff).changed is None
        reveals.keep_address(session, cast.clara, cast.shelter, {"address_1": "1 Other Street"}, NOW)
    with transaction(store) as session:
        assert reveals.offer(session, cast.petra, handoff).changed == ("Network (invented)", NOW)
    with transaction(store) as session:
        reveals.keep_address(session, cast.petra, cast.shelter, ADDRESS, NOW)
    with transaction(store) as session:
        assert reveals.offer(session, cast.petra, handoff).changed is None


def test_a_keeper_who_looks_at_very_many_addresses_is_refused_and_shown_to_an_overseer(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        for _ in range(BUDGETS["address:keep"].limit):
            reveals.read_address(session, cast.clara, cast.shelter, NOW)
    with pytest.raises(TooOften), transaction(store) as session:
        reveals.read_address(session, cast.clara, cast.shelter, NOW)
    with reading(store) as session:
        assert [row.kind for row in session.query(UnusualPattern)] == ["often:address:keep"]
