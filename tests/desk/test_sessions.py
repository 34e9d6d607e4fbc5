"""Sessions live on the server: they idle out, run out, change their token, and are ended from elsewhere."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from referral_dir.desk import accounts
from referral_dir.desk import people as members
from referral_dir.desk.passwords import hash_password
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Forbidden, Invalid, NotFound
from referral_dir.domain.passwords import DEMO_PASSWORD
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.people import LoginSession, Passkey, Person
from tests import cast as people
from tests.cast import NOW, PASSWORD

INSTANT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
NEW = "tulips on the railway bridge"

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def cast_of(store: Store) -> people.Cast:
    return people.build(store, password_hash=hash_password(PASSWORD))


def enter(store: Store, name: str = "olga", now: datetime = NOW, *, password: str = PASSWORD,
          outside_the_demo: bool = False) -> accounts.SignedIn:
    with transaction(store) as session:
        return accounts.sign_in(session, f"{name}@test.example", password, now, address="198.51.100.7",
                                factor_required=outside_the_demo)


def stands(store: Store, token: str, now: datetime) -> bool:
    """As a request does: ask, and mark as seen where that is due."""
    with reading(store) as session:
        found = accounts.person_for_token(session, token, now)
    if found and found[2]:
        with transaction(store) as session:
            accounts.mark_seen(session, token, now)
    return found is not None


def test_a_session_stands_for_fifteen_idle_minutes_and_not_an_instant_longer(store: Store) -> None:
    cast_of(store)
    token = enter(store).token
    assert stands(store, token, NOW + 15 * MINUTE)
    assert stands(store, token, NOW + 30 * MINUTE)
    assert not stands(store, token, NOW + 45 * MINUTE + INSTANT)


def test_a_session_in_use_ends_after_eight_hours(store: Store) -> None:
    cast_of(store)
    token = enter(store).token
    for minutes in range(10, 480, 10):
        assert stands(store, token, NOW + minutes * MINUTE)
    assert stands(store, token, NOW + timedelta(hours=8))
    assert not stands(store, token, NOW + timedelta(hours=8) + INSTANT)


def test_stepping_up_gives_a_new_token_and_the_old_one_is_worth_nothing(store: Store) -> None:
    cast = cast_of(store)
    old = enter(store).token
    with transaction(store) as session:
        new = accounts.step_up(session, cast.olga, old, PASSWORD, NOW + MINUTE)
    assert not stands(store, old, NOW + MINUTE)
    assert stands(store, new, NOW + MINUTE)
    with reading(store) as session:
        login = accounts.person_for_token(session, new, NOW + MINUTE)[0]  # type: ignore[index]
        assert login.created == NOW, "eight hours in all, whatever its token"
        assert not accounts.needs_step_up(login.stepped_up, NOW + 11 * MINUTE)
        assert accounts.needs_step_up(login.stepped_up, NOW + 11 * MINUTE + INSTANT)
    assert accounts.needs_step_up(None, NOW)


def test_of_two_rotations_at_once_one_wins(store: Store) -> None:
    cast_of(store)
    old = enter(store).token

    def rotate(_: int) -> str | None:
        try:
            with transaction(store) as session:
                return accounts.rotate(session, old, NOW, factor="totp")
        except accounts.SignInRefused:
            return None

    with ThreadPoolExecutor(4) as pool:
        tokens = [token for token in pool.map(rotate, range(4)) if token]
    assert len(tokens) == 1
    assert stands(store, tokens[0], NOW)


def test_a_wrong_password_does_not_step_up_and_guessing_it_is_slowed_down(store: Store) -> None:
    cast = cast_of(store)
    token = enter(store).token
    for n in range(12):
        with transaction(store) as session, pytest.raises(Invalid) as error:
            accounts.step_up(session, cast.olga, token, "wrong words in a row", NOW)
        assert ("too many" in str(error.value)) == (n >= accounts.PROOFS)
    with transaction(store) as session, pytest.raises(Invalid, match="too many"):
        accounts.step_up(session, cast.olga, token, PASSWORD, NOW)
    with transaction(store) as session:
        assert accounts.step_up(session, cast.olga, token, PASSWORD, NOW + 2 * accounts.TRY_WINDOW)


def test_the_password_alone_does_not_step_up_where_there_is_a_second_factor(store: Store) -> None:
    cast = cast_of(store)
    token = enter(store).token
    with transaction(store) as session:
        session.add(Passkey(person_id=cast.olga.person_id, credential_id=b"c", public_key=b"p", sign_count=0,
                            name="key", created=NOW))
    with transaction(store) as session, pytest.raises(Invalid, match="second factor"):
        accounts.step_up(session, cast.olga, token, PASSWORD, NOW)


def test_sessions_are_listed_and_one_or_all_others_are_ended(store: Store) -> None:
    cast = cast_of(store)
    stranger, old = enter(store, "omar").token, enter(store, now=NOW - timedelta(hours=9)).token
    first, second, this = (enter(store, now=NOW + n * MINUTE).token for n in range(3))
    now = NOW + 3 * MINUTE
    with transaction(store) as session:
        listed = accounts.own_sessions(session, cast.olga, this, now)
        assert [(s.begun, s.this) for s in listed] == [(NOW + 2 * MINUTE, True), (NOW + MINUTE, False), (NOW, False)]
        accounts.end_session(session, cast.olga, listed[1].id, now)
    assert [stands(store, t, now) for t in (first, second, this, old)] == [True, False, True, False]
    with transaction(store) as session:
        accounts.end_other_sessions(session, cast.olga, this, now)
    assert [stands(store, t, now) for t in (first, this, stranger)] == [False, True, True]


def test_nobody_ends_a_strangers_session(store: Store) -> None:
    cast = cast_of(store)
    token = enter(store).token
    with reading(store) as session:
        [mine] = accounts.own_sessions(session, cast.olga, token, NOW)
        assert accounts.own_sessions(session, cast.omar, "", NOW) == []
    for session_id in (mine.id, uuid4()):
        with pytest.raises(NotFound), transaction(store) as session:
            accounts.end_session(session, cast.omar, session_id, NOW)
    assert stands(store, token, NOW)


def test_a_new_password_ends_the_other_sessions_and_changes_this_ones_token(store: Store) -> None:
    cast = cast_of(store)
    other, this = enter(store).token, enter(store).token
    with transaction(store) as session:
        token = accounts.change_password(session, cast.olga, this, PASSWORD, NEW, NOW)
    assert [stands(store, t, NOW) for t in (other, this, token)] == [False, False, True]
    with pytest.raises(accounts.SignInRefused):
        enter(store)
    assert enter(store, password=NEW).token


@pytest.mark.parametrize("bad", ["short", "passwordpassword", "olga border unit", DEMO_PASSWORD])
def test_a_bad_new_password_changes_nothing(sqlite_store: Store, bad: str) -> None:
    cast = cast_of(sqlite_store)
    token = enter(sqlite_store).token
    with transaction(sqlite_store) as session, pytest.raises(Invalid, match="password"):
        accounts.change_password(session, cast.olga, token, PASSWORD, bad, NOW)
    assert stands(sqlite_store, token, NOW)
    assert enter(sqlite_store).token


def test_an_old_password_is_never_made_to_change(sqlite_store: Store) -> None:
    cast_of(sqlite_store)
    assert not enter(sqlite_store, now=NOW + timedelta(days=3650)).pending


def test_locking_and_a_new_role_end_every_session(store: Store) -> None:
    cast = cast_of(store)
    for change in (lambda s: members.change_role(s, cast.adam, cast.olga.person_id, "caseworker", NOW),
                   lambda s: members.set_active(s, cast.adam, cast.olga.person_id, False, NOW)):
        tokens = [enter(store).token for _ in range(2)]
        with transaction(store) as session:
            change(session)
        assert not any(stands(store, token, NOW) for token in tokens)
    with reading(store) as session:
        assert session.get_one(Person, cast.olga.person_id).role == "caseworker"
    with pytest.raises(accounts.SignInRefused):
        enter(store)


def test_only_an_administrator_changes_roles_and_never_their_own(store: Store) -> None:
    cast = cast_of(store)

    def change(actor: Actor, role: str) -> None:
        with transaction(store) as session:
            members.change_role(session, actor, cast.adam.person_id, role, NOW)

    with pytest.raises(Invalid):
        change(cast.adam, "overseer")
    with pytest.raises(Forbidden):
        change(cast.vera, "overseer")


def test_outside_the_demo_a_password_alone_is_not_enough(store: Store) -> None:
    cast = cast_of(store)
    assert enter(store, outside_the_demo=True).pending
    assert not enter(store).pending
    with transaction(store) as session:
        session.get_one(Person, cast.olga.person_id).totp_secret = b"sealed"
    assert enter(store).pending, "whoever has a second factor shows it in the demo too"
    token = enter(store, outside_the_demo=True).token
    with transaction(store) as session:
        token = accounts.rotate(session, token, NOW, factor="totp")
    with reading(store) as session:
        login = accounts.person_for_token(session, token, NOW)[0]  # type: ignore[index]
        assert (login.pending, login.factor, login.stepped_up) == (False, "totp", NOW)


def test_outside_the_demo_its_published_password_opens_nothing(store: Store) -> None:
    people.build(store, password_hash=hash_password(DEMO_PASSWORD))
    with pytest.raises(accounts.SignInRefused):
        enter(store, password=DEMO_PASSWORD, outside_the_demo=True)
    assert enter(store, password=DEMO_PASSWORD).token


def test_the_table_holds_no_token(sqlite_store: Store) -> None:
    cast_of(sqlite_store)
    token = enter(sqlite_store).token
    with reading(sqlite_store) as session:
        row = session.scalars(select(LoginSession)).one()
    assert token not in str(vars(row))
