"""What the two sides of a handoff say to each other, when the person comes, and who is told of it."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from icalendar import Calendar

from referral_dir.desk import calendar, consents, exclusions, handoffs, inbox, notify, own_copy, retention, threads
from referral_dir.domain.access import Actor
from referral_dir.domain.consent_record import Withdrawal
from referral_dir.domain.errors import ConsentMissing, Forbidden, Invalid, NotFound, Refused, WrongState
from referral_dir.domain.vocabulary import HandoffAction, Reason
from referral_dir.store.cases import Case, Consent, Handoff
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.records import AuditEntry, OutboxMessage
from referral_dir.store.threads import HandoffMessage, HandoffTime
from tests import cast as people
from tests.cast import NOW, Cast

LATER = NOW + timedelta(minutes=5)


class Talk:
    """A request, and both sides of it."""

    def __init__(self, store: Store) -> None:
        self.store, self.cast = store, people.build(store)
        self.case, self.consent, self.handoff = people.request(store, self.cast)
        self.clock = LATER

    def do(self, actor: Actor, act: Callable[..., Any], *args: Any, at: Any = None) -> Any:
        self.clock += timedelta(milliseconds=1)
        with transaction(self.store, actor) as session:
            return act(session, actor, self.handoff, *args, at or self.clock)

    def texts(self, actor: Actor) -> list[str]:
        return [str(m.text) for m in self.do(actor, threads.read).messages]

    def accept(self) -> None:
        self.do(self.cast.petra, handoffs.accept)

    def kinds(self) -> list[str]:
        with reading(self.store, system="test") as session:
            return [m.kind for m in session.query(OutboxMessage).order_by(OutboxMessage.created)]


@pytest.fixture
def talk(sqlite_store: Store) -> Talk:
    return Talk(sqlite_store)


@pytest.fixture
def both(store: Store) -> Talk:
    """The same on each database, where locks or the wall could make a difference."""
    return Talk(store)


def test_a_question_and_its_answer_are_a_tap_each_and_both_read_them(talk: Talk) -> None:
    olga, petra = talk.cast.olga, talk.cast.petra
    talk.do(petra, threads.ask, "stairs")
    assert talk.do(olga, threads.read).unanswered == ["stairs"]
    assert talk.do(petra, threads.read).unanswered == []
    talk.do(olga, threads.answer, "stairs", "no")
    assert talk.texts(petra) == talk.texts(olga) == ["Can they climb stairs?", "Can they climb stairs? No"]
    with pytest.raises(WrongState):
        talk.do(olga, threads.answer, "stairs", "yes")
    for act, args in ((threads.ask, ("nonsense",)), (threads.answer, ("stairs", "perhaps"))):
        with pytest.raises(Invalid):
            talk.do(olga, act, *args)
    assert talk.kinds().count("question_waits") == 2, "one for each side"


def test_before_a_yes_nothing_that_identifies_can_be_written(talk: Talk) -> None:
    olga, petra = talk.cast.olga, talk.cast.petra
    for text in ("She is called INVENTED", "ring +44 7700 900463", "born 1987-03-19", "she has asthma", "a@b.example",
                 "", "x" * 601):
        with pytest.raises(Invalid) as caught:
            talk.do(olga, threads.write, text)
        assert set(caught.value.errors) == {"text"}
    talk.do(olga, threads.write, "They are tired and hungry.")
    with pytest.raises(Invalid):
        talk.do(petra, threads.write, "what is her number? ours is 305 555 0100")
    assert talk.texts(petra) == ["They are tired and hungry."]


def test_a_refusal_never_confirms_what_a_provider_guesses(talk: Talk) -> None:
    """Whatever a provider types is judged by its form alone: a name that is right passes like one that is wrong."""
    for text in ("Is it Invented?", "Is it Imagined?", "does she have asthma", "does she have measles"):
        talk.do(talk.cast.petra, threads.write, text)
    assert len(talk.texts(talk.cast.olga)) == 4


def test_after_a_yes_what_the_consent_names_may_be_written_and_nothing_else(talk: Talk) -> None:
    talk.accept()
    talk.do(talk.cast.olga, threads.write, "Invented Person waits at gate 3, bus 305 555 0142")
    with pytest.raises(Invalid, match="did not agree"):
        talk.do(talk.cast.olga, threads.write, "her asthma is bad")


def test_a_stranger_finds_no_thread_and_nobody_writes_for_the_other_side(talk: Talk) -> None:
    cast = talk.cast
    for who in (cast.omar, cast.pablo):
        for act, args in ((threads.read, ()), (threads.write, ("hello",)), (threads.ask, ("stairs",))):
            with pytest.raises(NotFound):
                talk.do(who, act, *args)
    for who in (cast.clara, cast.vera, cast.adam):
        with pytest.raises(Forbidden):
            talk.do(who, threads.read)
    with pytest.raises(Forbidden):
        talk.do(cast.olga, threads.propose, [("2026-11-25", "10:00")])
    with pytest.raises(Forbidden):
        talk.do(cast.petra, threads.accept_time, uuid4())


@pytest.mark.parametrize("relayed", [False, True])
def test_after_a_withdrawal_the_provider_reads_and_writes_nothing_more(both: Talk, relayed: bool) -> None:
    olga, petra = both.cast.olga, both.cast.petra
    both.accept()
    both.do(petra, threads.write, "We have a bed on the ground floor.")
    both.do(petra, threads.propose, [("2026-11-24", "18:30")])
    if relayed:
        both.do(petra, consents.relay_withdrawal, Withdrawal("person", "told_service"))
    else:
        with transaction(both.store, olga) as session:
            consents.withdraw(session, olga, both.consent, Withdrawal(), LATER)
    seen = both.do(petra, threads.read)
    assert (list(seen.messages), list(seen.times), seen.open) == ([], [], False)
    for act, args in ((threads.write, ("hello",)), (threads.propose, ([("2026-11-24", "18:30")],))):
        with pytest.raises(WrongState):
            both.do(petra, act, *args)
    assert both.texts(olga) == ["We have a bed on the ground floor."]
    with reading(both.store, system="test") as session:
        unsent = {m.kind for m in session.query(OutboxMessage).filter_by(state="queued")}
    assert unsent == {"handoff_ended"}, "what was not sent never is; that something has changed is told"


def test_a_consent_that_ran_out_ends_it_before_anybody_has_noticed(talk: Talk) -> None:
    talk.do(talk.cast.petra, threads.write, "We have a bed.")
    after = NOW + timedelta(days=89)
    with transaction(talk.store, system="test") as session:
        after = session.get_one(Consent, talk.consent).expires
    assert talk.do(talk.cast.petra, threads.read, at=after).messages == []
    for who in (talk.cast.petra, talk.cast.olga):
        with pytest.raises(ConsentMissing):
            talk.do(who, threads.write, "hello", at=after)


def test_what_the_person_told_the_provider_counts_at_once_and_the_officer_is_told(talk: Talk) -> None:
    talk.accept()
    with pytest.raises(NotFound):
        talk.do(talk.cast.pablo, consents.relay_withdrawal, Withdrawal("person", "told_service"))
    with pytest.raises(Forbidden):
        talk.do(talk.cast.olga, consents.relay_withdrawal, Withdrawal("person", "told_service"))
    with pytest.raises(Invalid):
        talk.do(talk.cast.petra, consents.relay_withdrawal, Withdrawal("nobody", "told_service"))
    row = talk.do(talk.cast.petra, consents.relay_withdrawal, Withdrawal("person", "told_service"))
    assert (row.state, row.withdrawn_by, row.withdrawal_method) == ("withdrawn", "person", "told_service")
    assert people.free_beds(talk.store, talk.cast) == 3
    with pytest.raises(WrongState):
        talk.do(talk.cast.petra, consents.relay_withdrawal, Withdrawal("person", "told_service"))
    with reading(talk.store, system="test") as session:
        handoff = session.get_one(Handoff, talk.handoff)
        assert (handoff.state, handoff.reason) == ("cancelled", "consent_withdrawn")
        entry = session.query(AuditEntry).filter_by(action="consent:withdrawn").one()
        assert entry.actor_id == talk.cast.petra.person_id
        told = session.query(OutboxMessage).filter_by(kind="handoff_ended", state="queued").all()
        assert talk.cast.olga.person_id in {m.person_id for m in told}


def test_who_is_named_meanwhile_finds_nothing_of_it(talk: Talk) -> None:
    talk.do(talk.cast.olga, threads.write, "They are tired.")
    with transaction(talk.store, talk.cast.olga) as session:
        exclusions.exclude_person(session, talk.cast.olga, talk.case, "petra@test.example", LATER)
    with pytest.raises(NotFound):
        talk.do(talk.cast.petra, threads.read)
    with transaction(talk.store, talk.cast.petra) as session:
        assert inbox.read(session, talk.cast.petra, LATER).waiting == []


def test_a_time_is_proposed_and_taken_or_another_is_asked_for(both: Talk) -> None:
    olga, petra = both.cast.olga, both.cast.petra
    both.do(petra, threads.propose, [("2026-11-24", "18:30"), ("2026-11-25", "09:00"), ("", "")])
    first, second = both.do(olga, threads.read).waiting
    assert (f"{first.starts:%H:%M}", first.timezone) == ("18:30", "America/New_York")
    both.do(olga, threads.ask_another_time, "later")
    assert [t.wish for t in both.do(petra, threads.read).times] == ["later", "later"]
    with pytest.raises(WrongState):
        both.do(olga, threads.accept_time, second.id)
    both.do(petra, threads.propose, [("2026-11-25", "12:00"), ("2026-11-25", "15:00")])
    noon, _ = both.do(olga, threads.read).waiting
    both.do(olga, threads.accept_time, noon.id)
    seen = both.do(petra, threads.read)
    assert seen.arrival is not None
    assert (seen.arrival.id, list(seen.waiting)) == (noon.id, [])
    both.do(petra, threads.propose, [("2026-11-25", "16:00")])
    assert both.do(olga, threads.read).arrival is None, "what is proposed anew replaces what was agreed"
    with pytest.raises(NotFound):
        both.do(olga, threads.accept_time, uuid4())
    with pytest.raises(Invalid):
        both.do(petra, threads.propose, [("", "")])
    assert {"time_proposed", "time_answered"} <= set(both.kinds())


def test_of_two_times_that_are_taken_at_once_one_is_agreed(both: Talk) -> None:
    both.do(both.cast.petra, threads.propose, [("2026-11-24", "18:30"), ("2026-11-25", "09:00")])
    times = [t.id for t in both.do(both.cast.olga, threads.read).waiting]
    start = Barrier(2)

    def take(time_id: UUID) -> bool:
        start.wait(30)
        try:
            both.do(both.cast.olga, threads.accept_time, time_id)
        except WrongState:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(take, times)) == [False, True]
    assert [t.state for t in both.do(both.cast.olga, threads.read).times].count("accepted") == 1


def test_nobody_writes_once_a_withdrawal_has_committed(both: Talk) -> None:
    """Either the message is there before the withdrawal, or it is refused: never after."""
    start = Barrier(2)

    def write() -> bool:
        start.wait(30)
        try:
            both.do(both.cast.petra, threads.write, "We have a bed.")
        except Refused:
            return False
        return True

    def withdraw() -> bool:
        start.wait(30)
        with transaction(both.store, both.cast.olga) as session:
            consents.withdraw(session, both.cast.olga, both.consent, Withdrawal(), LATER)
        return True

    with ThreadPoolExecutor(2) as pool:
        written = pool.submit(write)
        pool.submit(withdraw).result()
    acts = [act for act in _acts(both) if act in ("thread:write", "consent:withdrawn")]
    assert acts == (["thread:write", "consent:withdrawn"] if written.result() else ["consent:withdrawn"])


def _acts(talk: Talk) -> list[str]:
    with reading(talk.store, system="test") as session:
        return [e.action for e in session.query(AuditEntry).order_by(AuditEntry.sequence)]


def test_a_calendar_says_when_and_by_which_reference_and_nothing_else(talk: Talk) -> None:
    olga, petra = talk.cast.olga, talk.cast.petra
    talk.do(petra, threads.propose, [("2026-11-24", "18:30")])
    talk.do(olga, threads.accept_time, talk.do(olga, threads.read).waiting[0].id)
    with pytest.raises(NotFound):
        talk.do(petra, calendar.of_handoff, "en")
    talk.accept()
    with reading(talk.store, system="test") as session:
        reference = session.get_one(Case, talk.case).reference
    for who in (olga, petra):
        text = talk.do(who, calendar.of_handoff, "en")
        [event] = Calendar.from_ical(text).walk("VEVENT")
        assert event["summary"].startswith("Arrival ")
        assert event["summary"].replace("-", "").endswith(reference[4:8])
        assert event["dtstart"].dt == NOW.replace(hour=23, minute=30)
        assert set(event) == {"SUMMARY", "DTSTART", "DTEND", "DTSTAMP", "UID", "CLASS"}
        for secret in (b"Harbour", b"Invented", b"Miami", b"shelter", b"Border", str(talk.handoff).encode()):
            assert secret not in text
        with transaction(talk.store, who) as session:
            assert len(Calendar.from_ical(calendar.upcoming(session, who, "en", LATER)).walk("VEVENT")) == 1
            past = calendar.upcoming(session, who, "en", NOW + timedelta(days=2))
            assert Calendar.from_ical(past).walk("VEVENT") == []
    with pytest.raises(NotFound):
        talk.do(talk.cast.pablo, calendar.of_handoff, "en")
    with transaction(talk.store, olga) as session:
        consents.withdraw(session, olga, talk.consent, Withdrawal(), LATER)
    with pytest.raises(NotFound):
        talk.do(petra, calendar.of_handoff, "en")


def test_the_inbox_is_in_the_order_of_urgency_and_of_what_is_left(talk: Talk) -> None:
    cast, store = talk.cast, talk.store
    with transaction(store, system="test") as session:
        session.get_one(Handoff, talk.handoff).priority = "normal"
    second, pressing = people.request(store, cast)[2], people.request(store, cast)[2]
    with transaction(store, system="test") as session:
        session.get_one(Handoff, pressing).priority = "emergency"
    talk.do(cast.petra, threads.write, "Hello")
    talk.do(cast.olga, threads.write, "They are two.")
    with transaction(store, cast.petra) as session:
        found = inbox.read(session, cast.petra, LATER)
    assert [line.handoff.id for line in found.waiting] == [pressing, second, talk.handoff]
    assert [line.message for line in found.waiting] == [False, False, True]
    assert found.waiting[0].about["needs"] == ["shelter.emergency"]
    assert found.waiting[0].ends == found.waiting[0].held_until
    before = found.version
    talk.do(cast.petra, handoffs.accept)
    with transaction(store, cast.petra) as session:
        after = inbox.read(session, cast.petra, LATER)
        assert inbox.version(session, cast.petra) == after.version != before
    assert [line.handoff.id for line in after.coming] == [talk.handoff]
    # The others ended: the needs are the same. Their consent is withdrawn: nothing is shown any more.
    with transaction(store, cast.olga) as session:
        consents.withdraw(session, cast.olga, talk.consent, Withdrawal(), LATER)
    with transaction(store, cast.petra) as session:
        assert all(line.about == {} for line in inbox.read(session, cast.petra, LATER).done)


def test_putting_on_hold_says_until_when(talk: Talk) -> None:
    with transaction(talk.store, talk.cast.petra) as session:
        row = handoffs.answer(session, talk.cast.petra, talk.handoff, HandoffAction.HOLD, NOW,
                              reason=Reason.WAITING_FOR_PLACE, hold_until=NOW + timedelta(hours=3))
        assert row.answer_by == NOW + timedelta(hours=3)


def test_it_is_sealed_in_the_persons_copy_and_ends_with_the_case(both: Talk) -> None:
    olga = both.cast.olga
    both.do(both.cast.petra, threads.ask, "children")
    both.do(olga, threads.write, "Very tired people.")
    with reading(both.store, system="test") as session:
        rows = session.query(HandoffMessage).all()
        assert len(rows) == 2
        assert all(b"tired" not in row.sealed and b"children" not in row.sealed for row in rows)
    with transaction(both.store, olga) as session:
        copy = own_copy.make(session, olga, both.case, LATER)
    [asked] = copy["requests_for_you"]
    assert [m["by"] for m in asked["messages"]] == ["recipient", "requester"]
    assert "Very tired" not in own_copy.as_json(copy), "a hidden service's words may say where it is"
    assert json.loads(own_copy.as_json(copy))["requests_for_you"][0]["messages"][0]["text"] == "Are children with them?"
    with transaction(both.store, system="test") as session:
        case = session.get_one(Case, both.case)
        retention.destroy_key(session, case, "identifying_fields", LATER)
        assert {row.sealed for row in session.query(HandoffMessage).populate_existing()} == {b""}
    assert both.do(olga, threads.read).messages == []
    with transaction(both.store, system="test") as session:
        retention.erase(session, session.get_one(Case, both.case), "request", LATER)
        assert session.query(HandoffMessage).count() == 0


def test_mails_say_that_a_message_waits_and_not_what(talk: Talk) -> None:
    talk.do(talk.cast.petra, threads.write, "We have a quiet room.")
    sent: list[Any] = []
    notify.deliver(talk.store, notify.Mailer("h", 25, "a@b.example", "https://d.example"), talk.clock, sent.append)
    letter = next(m for m in sent if m["To"] == "olga@test.example")
    assert letter["Subject"] == "There is a message for you"
    assert "quiet" not in letter.as_string()
    assert f"https://d.example/waiting/{talk.handoff}" in letter.get_content()


def test_the_database_itself_shows_a_stranger_nothing_of_it(app_store: Store, postgres_store: Store) -> None:
    cast: Cast = people.build(postgres_store)
    _, consent_id, handoff_id = people.request(postgres_store, cast)

    def do(actor: Actor, act: Callable[..., Any], *args: Any) -> Any:
        with transaction(app_store, actor) as session:
            return act(session, actor, handoff_id, *args, LATER)

    do(cast.petra, threads.ask, "stairs")
    do(cast.olga, threads.answer, "stairs", "no")
    do(cast.petra, threads.propose, [("2026-11-24", "18:30")])
    do(cast.olga, threads.accept_time, do(cast.olga, threads.read).waiting[0].id)
    do(cast.petra, handoffs.accept)
    do(cast.petra, calendar.of_handoff, "en")

    def counts(actor: Actor | None) -> list[int]:
        with transaction(app_store, actor) as session:
            return [session.query(table).count() for table in (HandoffMessage, HandoffTime)]

    assert counts(cast.petra) == counts(cast.olga) == [2, 1]
    for who in (cast.omar, cast.pablo, cast.vera, cast.clara, None):
        assert counts(who) == [0, 0]
    do(cast.petra, consents.relay_withdrawal, Withdrawal("person", "told_service"))
    assert (counts(cast.petra), counts(cast.olga)) == ([0, 0], [2, 1])
    with reading(app_store, system="test") as session:
        assert session.get_one(Consent, consent_id).state == "withdrawn"
