"""Who is told when something comes in. Whatever the roster says, it is never nobody."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from referral_dir.desk import exclusions, handoffs, notify, roster
from referral_dir.desk import translating as translations
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Forbidden, Invalid, NotFound
from referral_dir.domain.vocabulary import Role
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.people import Person
from referral_dir.store.records import AuditEntry, OutboxMessage
from tests import cast as people
from tests.cast import NOW, Cast

EVERY_DAY = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
# NOW is Monday 22:00 in Miami, where the shelter is.
NIGHT, DAY = ("20:00", "08:00"), ("08:00", "20:00")


class House:
    """The shelter's organization with three people: Petra by night, Paul by day, Pia without hours."""

    def __init__(self, store: Store) -> None:
        self.store, self.cast = store, people.build(store)
        self.petra = self.cast.petra
        with transaction(store) as session:
            self.paul, self.pia = (self._colleague(session, name) for name in ("Paul", "Pia"))

    def _colleague(self, session: Any, name: str) -> UUID:
        row = Person(organization_id=self.petra.organization_id, email=f"{name.casefold()}@test.example", name=name,
                     role=Role.PROVIDER, password_hash="x", created=NOW)
        session.add(row)
        session.flush()
        return row.id

    def do(self, act: Callable[..., Any], *args: Any, actor: Actor | None = None, at: datetime = NOW) -> Any:
        with transaction(self.store, actor or self.petra) as session:
            return act(session, actor or self.petra, *args, at)

    def hours(self) -> None:
        self.do(roster.add_shift, self.petra.person_id, EVERY_DAY, *NIGHT)
        self.do(roster.add_shift, self.paul, EVERY_DAY, *DAY)

    def told(self, kind: str = "handoff_waiting") -> set[str]:
        with reading(self.store, system="test") as session:
            rows = session.query(Person.name).join(OutboxMessage, OutboxMessage.person_id == Person.id)
            return {row[0] for row in rows.filter(OutboxMessage.kind == kind)}


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


@pytest.fixture
def small(sqlite_store: Store) -> House:
    return House(sqlite_store)


def test_without_hours_everyone_is_told(small: House) -> None:
    people.request(small.store, small.cast)
    assert small.told() == {"Petra", "Paul", "Pia"}


def test_whoever_is_on_duty_is_told_and_everyone_if_they_do_not_look(house: House) -> None:
    house.hours()
    _, _, handoff_id = people.request(house.store, house.cast)
    assert house.told() == {"Petra"}
    for minutes, expected in ((14, 0), (15, 1), (16, 0)):
        with transaction(house.store, system="deliver") as session:
            assert notify.escalate(session, NOW + timedelta(minutes=minutes)) == expected
    assert house.told("handoff_unopened") == {"Petra", "Paul", "Pia"}
    with reading(house.store, system="test") as session:
        [noted] = session.query(AuditEntry).filter_by(action="handoff:escalate")
        assert noted.subject == f"handoff:{handoff_id}"


def test_what_was_opened_is_not_told_again(small: House) -> None:
    small.hours()
    _, _, handoff_id = people.request(small.store, small.cast)
    small.do(handoffs.read_incoming, handoff_id)
    with transaction(small.store, system="deliver") as session:
        assert notify.escalate(session, NOW + timedelta(hours=1)) == 0


def test_it_is_never_nobody(small: House) -> None:
    """Away, at the wrong hour, or not allowed to know of the case: the others are told instead."""
    small.hours()
    small.do(roster.set_away, small.petra.person_id, "2026-11-30")
    people.request(small.store, small.cast)
    assert small.told() == {"Petra", "Paul", "Pia"}, "who is on duty is away, and nobody else is on duty"
    small.do(roster.set_away, small.petra.person_id, "")
    case_id = people.new_case(small.store, small.cast)
    people.consent(small.store, small.cast, case_id, small.cast.shelter)
    with transaction(small.store, small.cast.olga) as session:
        exclusions.exclude_person(session, small.cast.olga, case_id, "petra@test.example", NOW)
        session.query(OutboxMessage).delete()
        handoffs.request(session, small.cast.olga, case_id, small.cast.shelter, NOW)
    assert small.told() == {"Paul", "Pia"}


def test_the_other_side_learns_whether_and_until_when_and_no_names(small: House) -> None:
    with reading(small.store) as session:
        assert roster.seen_from_outside(session, small.petra.organization_id, NOW) is None
    small.do(roster.add_shift, small.petra.person_id, ["MO"], *NIGHT)
    with reading(small.store) as session:
        now_on = roster.seen_from_outside(session, small.petra.organization_id, NOW)
        assert now_on is not None
        assert now_on.until is not None
        assert (now_on.people, f"{now_on.until:%a %H:%M}") == (frozenset(), "Tue 08:00")
        later = roster.seen_from_outside(session, small.petra.organization_id, NOW + timedelta(hours=12))
        assert later is not None
        assert later.next is not None
        assert (later.until, f"{later.next:%a %H:%M}") == (None, "Mon 20:00")


def test_only_an_organizations_own_providers_keep_its_roster(small: House) -> None:
    small.hours()
    plan = small.do(roster.read)
    assert [row.begins for row in plan.shifts] == ["08:00", "20:00"]
    assert plan.duty.people == {small.petra.person_id}
    pablo = small.cast.pablo
    assert small.do(roster.read, actor=pablo).shifts == []
    with pytest.raises(NotFound):
        small.do(roster.remove_shift, plan.shifts[0].id, actor=pablo)
    for act, args in ((roster.add_shift, (EVERY_DAY, *NIGHT)), (roster.set_away, ("2026-11-30",))):
        with pytest.raises(Invalid):
            small.do(act, small.paul, *args, actor=pablo)
    for who in (small.cast.olga, small.cast.clara, small.cast.adam):
        with pytest.raises(Forbidden):
            small.do(roster.read, actor=who)
    small.do(roster.remove_shift, plan.shifts[0].id)
    assert len(small.do(roster.read).shifts) == 1


def test_what_can_not_be_is_refused(small: House) -> None:
    for act, args, field in (
            (roster.add_shift, (small.paul, [], "08:00", "20:00"), "days"),
            (roster.add_shift, (None, EVERY_DAY, "08:00", "20:00"), "person"),
            (roster.set_away, (small.paul, "2020-01-01"), "until"), (roster.set_away, (small.paul, "soon"), "until"),
            (roster.settle, ("Nowhere/Here", 15), "timezone"), (roster.settle, ("UTC", 1), "escalate_minutes"),
            (roster.settle, ("UTC", None), "escalate_minutes")):
        with pytest.raises(Invalid) as caught:
            small.do(act, *args)
        assert set(caught.value.errors) == {field}
    small.do(roster.settle, "Europe/Kyiv", 30)
    plan = small.do(roster.read)
    assert (plan.timezone.key, plan.escalate_minutes) == ("Europe/Kyiv", 30)


def test_mails_are_in_the_recipients_language_with_the_link_in_one_piece(
        small: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from babel.support import Translations

    class Invented(Translations):
        """A catalogue in which every sentence is in brackets, and in letters that are not ASCII."""

        def ugettext(self, message: str) -> str:
            return "«Чекає» " + message

    monkeypatch.setattr(translations, "catalogue", lambda language: Invented() if language == "uk" else Translations())
    with transaction(small.store) as session:
        session.get_one(Person, small.petra.person_id).language = "uk"
    cast: Cast = small.cast
    _, _, handoff_id = people.request(small.store, cast)
    sent: dict[str, Any] = {}
    base = "https://a-rather-long-name-of-a-host.of-a-rather-long-domain.example/behind/a/path"
    notify.deliver(small.store, notify.Mailer("h", 25, "a@b.example", base), NOW,
                   lambda mail: sent.update({mail["To"]: mail}))
    link = f"{base}/waiting/{handoff_id}"
    own, english = sent["petra@test.example"], sent["paul@test.example"]
    assert own["Subject"] == "«Чекає» Something is waiting for you"
    assert link in own.get_content()
    assert (own.get_content_charset(), own["Content-Transfer-Encoding"]) == ("utf-8", "base64")
    assert own.as_bytes().isascii(), "whichever server carries it"
    assert link.encode() in english.as_bytes(), "in one piece even for who decodes nothing"
    assert english["Subject"] == "Something is waiting for you"
