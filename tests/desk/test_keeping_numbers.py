"""The board and its reminders: what needs a word, undo that takes nothing from anybody, links that work once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from referral_dir.desk import availability, handoffs, notify, reminders
from referral_dir.desk import people as members
from referral_dir.desk.availability import ChangedMeanwhile
from referral_dir.desk.reminders import Given
from referral_dir.desk.retention import purge
from referral_dir.domain import keeping
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Forbidden, Invalid, NotFound, Refused
from referral_dir.domain.vocabulary import HandoffAction, Reason
from referral_dir.store import records
from referral_dir.store.capacity import CapacityHistory
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.directory import Service, ServiceCapacity, Unit
from referral_dir.store.people import CapacityLink, Person
from referral_dir.store.records import AuditEntry, OutboxMessage
from tests import cast as people
from tests.cast import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MAILER = notify.Mailer("mail.test.example", 25, "referrals@test.example", "https://directory.example")
SITE = "https://directory.example"


def act(store: Store, actor: Actor, what: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    with transaction(store, actor) as session:
        return what(session, actor, *arguments, **named)


def line(store: Store, actor: Actor, now: datetime = NOW) -> availability.Line:
    return next(iter(act(store, actor, availability.board, now)))


def change(store: Store, actor: Actor, now: datetime = NOW) -> int:
    """What undoing the actor's last act is named by."""
    found = line(store, actor, now).undo
    assert found
    return found.change


def causes(store: Store) -> list[tuple[str, int]]:
    with reading(store) as session:
        return [(row.cause, row.available) for row in session.scalars(
            select(CapacityHistory).order_by(CapacityHistory.sequence))]


def another(store: Store, cast: people.Cast, name: str, *, confidential: bool = False, unit: str = "bed",
            said: datetime = NOW) -> UUID:
    """Another service of Petra's, that Clara keeps too."""
    with transaction(store) as session:
        row = Service(organization_id=cast.petra.organization_id, kept_by_id=cast.clara.organization_id, name=name,
                      status="active", country="US", confidential=confidential,
                      zone_name="Miami" if confidential else None)
        kind = Unit(name=unit)
        session.add_all([row, kind])
        session.flush()
        number = ServiceCapacity(service_id=row.id, unit_id=kind.id, available=2, maximum=5, updated=said)
        session.add(number)
        session.flush()
        return number.id


# --- the board

def test_what_needs_a_word_comes_first_by_how_soon_it_goes_stale_for_its_unit(store: Store) -> None:
    cast = people.build(store)
    another(store, cast, "Appointments", unit="appointment", said=NOW - timedelta(hours=50))
    another(store, cast, "Soon", said=NOW - timedelta(hours=9))
    another(store, cast, "Stale", said=NOW - timedelta(hours=13))
    with transaction(store, cast.clara) as session:
        lines = availability.board(session, cast.clara, NOW)
    assert [(row.service, row.due, row.fresh) for row in lines] == [
        ("Stale", True, False), ("Soon", True, True), ("Harbour Shelter (invented)", False, True),
        ("Appointments", False, True)]
    assert [row.service for row in act(store, cast.carl, availability.board, NOW)] == []


def test_a_number_that_changed_while_somebody_looked_is_not_written_over(store: Store) -> None:
    cast = people.build(store)
    act(store, cast.petra, availability.set_available, cast.beds, 5, NOW, seen=3)
    with pytest.raises(ChangedMeanwhile) as told:
        act(store, cast.clara, availability.set_available, cast.beds, 2, NOW, seen=3)
    assert all(number in told.value.errors["available"] for number in ("3", "5", "2"))
    with pytest.raises(ChangedMeanwhile):
        act(store, cast.clara, availability.still_true, cast.beds, NOW, seen=3)
    assert people.free_beds(store, cast) == 5
    act(store, cast.clara, availability.set_available, cast.beds, 2, NOW, seen=5)
    assert people.free_beds(store, cast) == 2


def test_undo_brings_back_number_name_and_age(store: Store) -> None:
    cast = people.build(store)
    before = line(store, cast.petra)
    act(store, cast.petra, availability.set_available, cast.beds, 7, NOW)
    assert line(store, cast.clara).undo is None, "what another did is not mine to undo"
    act(store, cast.petra, availability.undo, cast.beds, change(store, cast.petra), NOW)
    after = line(store, cast.petra)
    assert (after.available, after.updated, after.updated_by, after.undo) == (3, before.updated, None, None)
    act(store, cast.petra, availability.still_true, cast.beds, NOW)
    act(store, cast.petra, availability.undo, cast.beds, change(store, cast.petra), NOW)
    assert line(store, cast.petra).updated == before.updated
    assert causes(store) == [("said", 7), ("undone", 3), ("said", 3), ("undone", 3)]


def test_what_somebody_or_a_handoff_has_changed_since_is_not_undone(store: Store) -> None:
    cast = people.build(store)
    act(store, cast.petra, availability.set_available, cast.beds, 7, NOW)
    mine = change(store, cast.petra)
    with pytest.raises(NotFound):
        act(store, cast.carl, availability.undo, cast.beds, mine, NOW)
    with pytest.raises(ChangedMeanwhile):
        act(store, cast.clara, availability.undo, cast.beds, mine, NOW)
    _, _, handoff = people.request(store, cast)  # holds one
    with pytest.raises(ChangedMeanwhile):
        act(store, cast.petra, availability.undo, cast.beds, mine, NOW)
    assert people.free_beds(store, cast) == 6
    act(store, cast.petra, availability.set_available, cast.beds, 4, NOW)
    mine = change(store, cast.petra)
    with transaction(store, cast.petra) as session:
        handoffs.answer(session, cast.petra, handoff, HandoffAction.REJECT, NOW,
                        reason=Reason.FULL)
    with pytest.raises(ChangedMeanwhile):
        act(store, cast.petra, availability.undo, cast.beds, mine, NOW)
    act(store, cast.petra, availability.set_available, cast.beds, 1, NOW)
    late = change(store, cast.petra)
    with pytest.raises(ChangedMeanwhile):
        act(store, cast.petra, availability.undo, cast.beds, late, NOW + keeping.UNDO_WITHIN + HOUR)
    assert [cause for cause, _ in causes(store)] == ["said", "handoff", "said", "handoff", "said"]


def side_by_side(*works: Callable[[], Any]) -> list[bool]:
    """Whether each of these, done at once, went through."""
    def tried(work: Callable[[], Any]) -> bool:
        try:
            work()
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(tried, works))


def test_of_two_undos_at_once_one_is_done_and_against_an_acceptance_no_bed_is_lost(store: Store) -> None:
    cast = people.build(store, beds=1, hold_minutes=None)
    _, _, handoff = people.request(store, cast)
    act(store, cast.petra, availability.set_available, cast.beds, 4, NOW)
    mine = change(store, cast.petra)
    undone = [lambda: act(store, cast.petra, availability.undo, cast.beds, mine, NOW)] * 2
    assert sorted(side_by_side(*undone)) == [False, True]
    assert people.free_beds(store, cast) == 1
    act(store, cast.petra, availability.set_available, cast.beds, 4, NOW)
    mine = change(store, cast.petra)
    took_back, _ = side_by_side((
        lambda: act(store, cast.petra, availability.undo, cast.beds, mine, NOW)),
        lambda: act(store, cast.petra, handoffs.accept, handoff, NOW))
    assert people.free_beds(store, cast) == (0 if took_back else 3)


# --- the history

def test_every_change_is_in_the_history_once_and_no_line_of_it_changes(store: Store) -> None:
    cast = people.build(store)
    people.request(store, cast)
    act(store, cast.petra, availability.set_available, cast.beds, 5, NOW)
    act(store, cast.petra, availability.still_true, cast.beds, NOW)
    with transaction(store, system="deliver") as session:
        handoffs.expire_due(session, NOW + 3 * HOUR)
    with transaction(store) as session:
        session.get_one(ServiceCapacity, cast.beds).maximum = 20
        session.flush()
        records.service_changed(session, cast.shelter)
        records.service_changed(session, cast.clinic)
    assert causes(store) == [("handoff", 2), ("said", 5), ("said", 5), ("handoff", 6), ("other", 6)]
    with pytest.raises(DBAPIError), store.engine.begin() as connection:
        connection.execute(text("UPDATE capacity_history SET available = 9"))


def test_the_week_is_shown_in_steps_that_tell_of_nobody_and_only_to_keepers(store: Store) -> None:
    cast = people.build(store)
    act(store, cast.petra, availability.set_available, cast.beds, 1, NOW - 3 * DAY)
    act(store, cast.petra, availability.set_available, cast.beds, 6, NOW - timedelta(days=1, hours=5))
    act(store, cast.petra, availability.set_available, cast.beds, 9, NOW - timedelta(days=1, hours=5, minutes=-1))
    act(store, cast.petra, availability.set_available, cast.beds, 2, NOW - HOUR)
    found = act(store, cast.clara, availability.week, cast.beds, NOW)
    assert len(found.days) == 7
    assert [(day.fewest, day.most) for day in found.days][-4:] == [(1, 1), (1, 1), (9, 9), (2, 9)]
    assert (found.days[0].fewest, found.days[0].maximum) == (None, None)
    assert 6 not in {number for day in found.days for number in (day.fewest, day.most)}, "it stood for a minute only"
    for outsider in (cast.carl, cast.pablo):
        with pytest.raises(NotFound):
            act(store, outsider, availability.week, cast.beds, NOW)
    with pytest.raises(Forbidden):
        act(store, cast.omar, availability.week, cast.beds, NOW)


def test_the_history_ends_but_for_the_number_as_it_stands(store: Store) -> None:
    cast = people.build(store)
    for days, number in ((200, 1), (150, 2), (1, 3)):
        act(store, cast.petra, availability.set_available, cast.beds, number, NOW - days * DAY)
    assert purge(store, NOW)["capacity_history"] == 1
    assert causes(store) == [("said", 2), ("said", 3)]
    assert purge(store, NOW)["capacity_history"] == 0


# --- reminders

def delivered(store: Store, now: datetime) -> list[EmailMessage]:
    sent: list[EmailMessage] = []
    with transaction(store) as session:
        reminders.prepare(session, now)
    notify.deliver(store, MAILER, now, sent.append)
    return sent


def to(mails: list[EmailMessage], actor: Actor) -> str:
    """The token in the mail to this person."""
    [mail] = [m for m in mails if m["To"] == f"{actor.name.casefold()}@test.example"]
    return str(mail.get_content().partition(f"{SITE}/numbers/")[2].split()[0])


def answer(store: Store, token: str, given: dict[UUID, Given], now: datetime) -> int:
    with transaction(store) as session:
        return reminders.answer(session, token, given, now)


def asked(store: Store, token: str, now: datetime) -> list[str] | None:
    with reading(store) as session:
        found = reminders.asked(session, token, now)
        return None if found is None else [row.service for row in found]


STALE = NOW + timedelta(hours=12)


def test_keepers_get_one_mail_a_day_that_names_nothing_and_its_link_sets_numbers_once(store: Store) -> None:
    cast = people.build(store)
    assert delivered(store, NOW) == []
    mails = delivered(store, STALE)
    assert sorted(mail["To"] for mail in mails) == ["clara@test.example", "petra@test.example"]
    for mail in mails:
        assert not {word for word in ("Harbour", "Miami", "Petra", "Clara", " bed", "3") if word in
                    mail.get_content().partition(SITE)[0] + mail["Subject"]}
    assert {mail["Subject"] for mail in mails} == {"1 of your numbers needs a word from you"}
    assert delivered(store, STALE + HOUR) == []
    token = to(mails, cast.petra)
    with reading(store) as session:
        kept = session.execute(text("SELECT * FROM capacity_link")).all() + \
            session.execute(text("SELECT * FROM audit_entry")).all()
        assert token not in str(kept)
        assert session.scalars(select(OutboxMessage.link)).all() == [None, None]
    assert asked(store, token, STALE) == ["Your service with a hidden address"]
    assert answer(store, token, {cast.beds: Given(3, 4), uuid4(): Given(0, 1)}, STALE) == 1
    assert people.free_beds(store, cast) == 4
    assert line(store, cast.clara, STALE).updated_by == "Petra"
    with reading(store) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "capacity:update")).one()
        assert (entry.actor_id, entry.details) == (cast.petra.person_id, {"unit": "bed", "from": 3, "to": 4,
                                                                        "by": "link"})
    assert asked(store, token, STALE) is None
    with pytest.raises(Invalid, match="does not work"):
        answer(store, token, {cast.beds: Given(4, 5)}, STALE)
    act(store, cast.petra, availability.undo, cast.beds, change(store, cast.petra, STALE), STALE)
    assert people.free_beds(store, cast) == 3


def test_a_link_that_is_used_twice_at_once_acts_once(store: Store) -> None:
    cast = people.build(store)
    token = to(delivered(store, STALE), cast.petra)
    works = [lambda n=n: answer(store, token, {cast.beds: Given(3, n)}, STALE) for n in (4, 5, 6)]
    assert sorted(side_by_side(*works)) == [False, False, True]
    assert len([1 for cause, _ in causes(store) if cause == "link"]) == 1


def test_two_that_prepare_at_once_send_one_mail_to_each(store: Store) -> None:
    people.build(store)

    def prepare() -> int:
        with transaction(store) as session:
            return reminders.prepare(session, STALE)

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(lambda _: prepare(), range(2))) == 2


def test_what_changed_since_is_shown_and_the_link_is_not_used_up_by_it(store: Store) -> None:
    cast = people.build(store)
    token = to(delivered(store, STALE), cast.petra)
    act(store, cast.clara, availability.set_available, cast.beds, 1, STALE)
    for wrong in ({cast.beds: Given(3, 2)}, {cast.beds: Given(1, 11)}, {}):
        with pytest.raises(Invalid):
            answer(store, token, wrong, STALE)
    assert answer(store, token, {cast.beds: Given(1, 2)}, STALE) == 1


def test_hidden_services_are_never_named_and_left_out_where_two_could_be_meant(store: Store) -> None:
    cast = people.build(store)
    open_one = another(store, cast, "Open House")
    hidden = another(store, cast, "Second Hidden House", confidential=True)
    token = to(delivered(store, STALE), cast.petra)
    assert asked(store, token, STALE) == ["Open House"]
    answer(store, token, {cast.beds: Given(3, 0), hidden: Given(2, 0), open_one: Given(2, 1)}, STALE)
    assert people.free_beds(store, cast) == 3, "what the link did not ask about it can't set"


@pytest.mark.parametrize("how", ["time", "a newer one", "locked", "locked and let in again", "another role",
                                 "the service is kept by others"])
def test_a_link_ends_with_what_it_stood_for(how: str, sqlite_store: Store) -> None:
    store, now = sqlite_store, STALE
    cast = people.build(store)
    token = to(delivered(store, STALE), cast.clara)
    with transaction(store) as session:
        if how == "time":
            now += timedelta(hours=37)
        elif how == "a newer one":
            now += DAY
        elif how.startswith("locked"):
            members.set_active(session, cast.adam, cast.clara.person_id, False, now)
            if how.endswith("again"):
                members.set_active(session, cast.adam, cast.clara.person_id, True, now)
        elif how == "another role":
            members.change_role(session, cast.adam, cast.clara.person_id, "overseer", now)
        else:
            session.get_one(Service, cast.shelter).kept_by_id = cast.carl.organization_id
    if how == "a newer one":
        assert to(delivered(store, now), cast.clara) != token
    assert not asked(store, token, now)
    with pytest.raises(Invalid):
        answer(store, token, {cast.beds: Given(3, 0)}, now)
    assert people.free_beds(store, cast) == 3


def test_what_nobody_has_spoken_of_for_long_is_no_reason_for_a_mail_a_day(sqlite_store: Store) -> None:
    cast = people.build(sqlite_store)
    assert delivered(sqlite_store, NOW + timedelta(days=31)) == []
    with transaction(sqlite_store) as session:
        assert session.scalars(select(CapacityLink)).all() == []
        session.get_one(Person, cast.petra.person_id).active = False
    assert [mail["To"] for mail in delivered(sqlite_store, STALE)] == ["clara@test.example"]
