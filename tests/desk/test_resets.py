"""A forgotten password: one answer for all, a link that works once and for an hour, and no way past a second factor."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from sqlalchemy import event, func, select, text

import config
from referral_dir.cli import deliver_once
from referral_dir.desk import accounts, notify, resets
from referral_dir.desk import people as members
from referral_dir.desk.passwords import hash_password
from referral_dir.domain.errors import Invalid
from referral_dir.domain.passwords import DEMO_PASSWORD
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.people import PasswordReset, Person
from referral_dir.store.records import AuditEntry, OutboxMessage
from tests import cast as people
from tests.cast import NOW, PASSWORD

HOUR = timedelta(hours=1)
NEW = "tulips on the railway bridge"
MAILER = notify.Mailer("mail.test.example", 25, "referrals@test.example", "https://directory.example")

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def cast_of(store: Store) -> people.Cast:
    return people.build(store, password_hash=hash_password(PASSWORD))


def ask(store: Store, email: str = "olga@test.example", now: datetime = NOW, address: str = "198.51.100.7") -> None:
    with transaction(store) as session:
        resets.ask(session, email, now, address=address)


def delivered(store: Store, now: datetime = NOW) -> list[EmailMessage]:
    """What `deliver` sends."""
    sent: list[EmailMessage] = []
    with transaction(store) as session:
        resets.prepare(session, now)
    notify.deliver(store, MAILER, now, sent.append)
    return sent


def token_in(mail: EmailMessage) -> str:
    body = mail.get_content()
    return str(body.partition("https://directory.example/reset/")[2].split()[0])


def choose(store: Store, token: str, password: str = NEW, now: datetime = NOW) -> None:
    with transaction(store) as session:
        resets.choose(session, token, password, now)


def test_the_link_sets_a_new_password_once_and_ends_every_session(store: Store) -> None:
    cast = cast_of(store)
    with transaction(store) as session:
        before = accounts.sign_in(session, "olga@test.example", PASSWORD, NOW).token
    ask(store, " Olga@Test.example ")
    [mail] = delivered(store)
    assert mail["To"] == "olga@test.example"
    assert "Olga" not in mail.get_content()
    choose(store, token_in(mail))
    with transaction(store) as session:
        assert accounts.person_for_token(session, before, NOW) is None
        assert accounts.sign_in(session, "olga@test.example", NEW, NOW).person.id == cast.olga.person_id
    with pytest.raises(Invalid, match="link"):
        choose(store, token_in(mail), "another row of words")


def test_the_link_works_for_an_hour_and_not_an_instant_longer(store: Store) -> None:
    cast_of(store)
    ask(store)
    [mail] = delivered(store, NOW + HOUR / 2)
    with pytest.raises(Invalid, match="link"):
        choose(store, token_in(mail), now=NOW + 1.5 * HOUR)
    choose(store, token_in(mail), now=NOW + 1.5 * HOUR - timedelta(microseconds=1))


def test_of_many_who_use_the_link_at_once_one_wins(store: Store) -> None:
    cast_of(store)
    ask(store)
    [mail] = delivered(store)
    token = token_in(mail)

    def use(n: int) -> int | None:
        try:
            choose(store, token, f"tulips on railway bridge {n}")
        except Invalid:
            return None
        return n

    with ThreadPoolExecutor(4) as pool:
        won = [n for n in pool.map(use, range(4)) if n is not None]
    assert len(won) == 1
    with transaction(store) as session:
        assert accounts.sign_in(session, "olga@test.example", f"tulips on railway bridge {won[0]}", NOW)


def test_a_bad_password_leaves_the_link_as_it_is(store: Store) -> None:
    cast_of(store)
    ask(store)
    [mail] = delivered(store)
    for bad in ("short", "passwordpassword", "olga border unit", DEMO_PASSWORD):
        with pytest.raises(Invalid, match="password"):
            choose(store, token_in(mail), bad)
    choose(store, token_in(mail))


def test_a_used_link_and_a_new_password_void_the_other_links(store: Store) -> None:
    cast = cast_of(store)
    ask(store)
    ask(store)
    first, second = (token_in(mail) for mail in delivered(store))
    choose(store, first)
    with pytest.raises(Invalid, match="link"):
        choose(store, second)
    ask(store)
    [third] = delivered(store)
    with transaction(store) as session:
        token = accounts.sign_in(session, "olga@test.example", NEW, NOW).token
        accounts.change_password(session, cast.olga, token, NEW, "yet another row of words", NOW)
    with pytest.raises(Invalid, match="link"):
        choose(store, token_in(third))


def test_strangers_and_the_locked_get_no_mail_and_a_link_dies_with_the_lock(store: Store) -> None:
    cast = cast_of(store)
    ask(store)
    ask(store, "omar@test.example")
    ask(store, "nobody@test.example")
    with transaction(store) as session:
        members.set_active(session, cast.adam, cast.omar.person_id, False, NOW)
    [mail] = delivered(store)
    assert mail["To"] == "olga@test.example"
    with transaction(store) as session:
        members.set_active(session, cast.adam, cast.olga.person_id, False, NOW)
        members.set_active(session, cast.adam, cast.olga.person_id, True, NOW)
    with pytest.raises(Invalid, match="link"):
        choose(store, token_in(mail))


def test_it_does_not_stand_in_for_the_second_factor(store: Store) -> None:
    cast = cast_of(store)
    with transaction(store) as session:
        session.get_one(Person, cast.olga.person_id).totp_secret = b"sealed"
    ask(store)
    [mail] = delivered(store)
    choose(store, token_in(mail))
    with transaction(store) as session:
        assert session.get_one(Person, cast.olga.person_id).totp_secret == b"sealed"
        assert accounts.sign_in(session, "olga@test.example", NEW, NOW).pending


def test_asking_writes_the_same_whoever_it_is_and_nothing_readable_is_kept(store: Store) -> None:
    cast = cast_of(store)
    with transaction(store) as session:
        members.set_active(session, cast.adam, cast.carl.person_id, False, NOW)
    ask(store, "else@test.example")
    statements: list[list[str]] = []
    event.listen(store.engine, "before_cursor_execute", lambda *told: statements[-1].append(told[2]))
    for email in ("olga@test.example", "nobo@test.example", "carl@test.example"):
        statements.append([])
        ask(store, email)
    assert statements[0] == statements[1] == statements[2]
    assert not any("person" in statement.partition("password_reset")[0] for statement in statements[0]
                   if "set_config" not in statement)
    with reading(store) as session:
        first, *others = session.scalars(select(PasswordReset)).all()
        audited = session.scalars(select(AuditEntry).where(AuditEntry.action == "account:reset_password")).all()
        for row in (first, *others):
            assert (len(row.address or b""), row.person_id, row.token_hash) == (len(first.address or b""), None, None)
            assert b"test.example" not in (row.address or b"")
        assert [(row.actor_id, row.subject, row.outcome, row.details) for row in audited] == \
            [(None, None, "done", {})] * 4


def test_what_a_key_that_is_gone_has_sealed_holds_up_no_other_mail(store: Store) -> None:
    cast_of(store)
    other = Store(store.engine, KeyRing((("gone1", b"g" * 32),)))
    ask(other, "omar@test.example")
    ask(store)
    with transaction(other) as session:
        notify.tell_person(session, "password_reset", session.scalars(select(Person.id)).first(), NOW, path="/reset/x")
    assert [mail["To"] for mail in delivered(store)] == ["olga@test.example"]
    assert delivered(store) == []


def test_the_deliver_command_makes_the_links_also_where_mail_must_wait(
        store: Store, settings: config.Settings) -> None:
    cast_of(store)
    ask(store, now=datetime.now(UTC))
    deliver_once(settings, store)
    with reading(store) as session:
        assert session.scalars(select(OutboxMessage.kind)).all() == ["password_reset"]


def test_no_token_is_readable_in_the_database_and_none_stays_after_sending(store: Store) -> None:
    cast_of(store)
    ask(store)
    with transaction(store) as session:
        resets.prepare(session, NOW)
        waiting = session.scalars(select(OutboxMessage)).one()
        assert waiting.link
        assert b"/reset/" not in waiting.link
    [mail] = delivered(store)
    with reading(store) as session:
        assert session.scalars(select(OutboxMessage)).one().link is None
        rows = session.execute(text("SELECT * FROM password_reset")).all() + \
            session.execute(text("SELECT * FROM audit_entry")).all()
    assert token_in(mail) not in str(rows)


def test_nobody_is_flooded_with_mail_and_what_leads_nowhere_is_deleted(store: Store) -> None:
    cast_of(store)
    for _ in range(8):
        ask(store)
        ask(store, "nobody@test.example")
    assert len(delivered(store)) == resets.ASKED_FOR_ONE
    for _ in range(resets.ASKED_FROM_ONE_PLACE - 16):
        ask(store, "another@test.example")
    with pytest.raises(accounts.TooManyTries):
        ask(store, "another@test.example")
    ask(store, address="203.0.113.5", now=NOW + 2 * HOUR)
    with transaction(store) as session:
        resets.prepare(session, NOW + timedelta(days=2))
        assert session.scalar(select(func.count()).select_from(PasswordReset)) == 0
