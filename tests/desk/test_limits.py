"""Counting holds across threads and processes, on both databases; and it keeps nobody out for long."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from referral_dir.desk import accounts, limits
from referral_dir.desk.passwords import hash_password
from referral_dir.store.db import Store, reading, transaction
from referral_dir.store.people import RateCount
from tests import cast as people
from tests.cast import NOW, PASSWORD

HOUR = timedelta(hours=1)
ROOT = Path(__file__).resolve().parents[2]
ELSEWHERE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from referral_dir.desk import limits
from referral_dir.store.crypto import KeyRing
from referral_dir.store.db import Store, make_engine, transaction
store = Store(make_engine(sys.argv[1]), KeyRing((("test1", b"k" * 32),)))
def once(_):
    with transaction(store) as session:
        return limits.count(session, "try", "someone", datetime.fromisoformat(sys.argv[2]), window=timedelta(hours=1))
with ThreadPoolExecutor(3) as pool:
    print(*pool.map(once, range(15)))
"""


def count(store: Store, subject: str, now: object = NOW, window: timedelta = HOUR) -> int:
    with transaction(store) as session:
        return limits.count(session, "try", subject, now, window=window)  # type: ignore[arg-type]


def test_two_processes_with_three_threads_each_lose_no_count(store: Store) -> None:
    url = store.engine.url.render_as_string(hide_password=False)
    runs = [subprocess.Popen([sys.executable, "-c", ELSEWHERE, url, NOW.isoformat()], cwd=ROOT, text=True,
                             stdout=subprocess.PIPE) for _ in range(2)]
    answers = [int(word) for run in runs for word in run.communicate(timeout=60)[0].split()]
    assert sorted(answers) == list(range(1, 31)), "each got a number of its own"
    assert count(store, "someone") == 31


def test_a_window_slides_and_each_subject_and_kind_counts_for_itself(sqlite_store: Store) -> None:
    hour = NOW.replace(minute=0)
    for n in range(1, 11):
        assert count(sqlite_store, "someone", hour + timedelta(minutes=50)) == n
    assert count(sqlite_store, "another", hour) == 1
    assert count(sqlite_store, "someone", hour + HOUR) == 11, "no burst where a calendar window ends"
    assert count(sqlite_store, "someone", hour + 1.5 * HOUR) == 2 + 5
    assert count(sqlite_store, "someone", hour + 3 * HOUR) == 1
    with reading(sqlite_store) as session:
        assert limits.counted(session, "other kind", "someone", hour, window=HOUR) == 0
        assert limits.exceeded(session, "try", "another", hour, window=HOUR, limit=1)
        assert not limits.exceeded(session, "try", "another", hour, window=HOUR, limit=2)


def test_old_windows_are_pruned_and_no_row_says_who_it_was(store: Store) -> None:
    for n in range(20):
        count(store, f"someone{n}@test.example", NOW - timedelta(days=3))
    count(store, "someone@test.example", NOW - HOUR)
    count(store, "another@test.example")
    with reading(store) as session:
        assert session.scalar(select(func.count()).select_from(RateCount)) == 2
        for row in session.scalars(select(RateCount)):
            assert len(row.key) == 64
            assert "someone" not in row.key


@pytest.mark.parametrize(("address", "place"), [
    ("203.0.113.9", "203.0.113.9"), ("::ffff:203.0.113.9", "203.0.113.9"), (None, "unknown"), ("nonsense", "unknown"),
    ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"), ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64")])
def test_whoever_has_a_whole_ipv6_network_is_one_place(address: str | None, place: str) -> None:
    assert limits.network(address) == place


def test_the_counting_key_is_not_the_sealing_key(sqlite_store: Store) -> None:
    keys = sqlite_store.keys
    assert keys.derive("limits") != keys.derive("another purpose")
    assert keys.derive("limits") == keys.derive("limits")
    assert keys.keys[0][1] not in (keys.derive("limits"), keys.derive(""))


def attempt(store: Store, address: str, password: str = "wrong words in a row", email: str = "olga@test.example",
            now: object = NOW) -> str:
    with transaction(store) as session:
        try:
            accounts.sign_in(session, email, password, now, address=address)  # type: ignore[arg-type]
        except accounts.SignInRefused as error:
            return type(error).__name__
    return "in"


def test_threads_that_guess_together_get_no_more_tries_than_one(store: Store, cheap_passwords: None) -> None:
    people.build(store, password_hash=hash_password(PASSWORD))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: attempt(store, "198.51.100.7"), range(24)))
    assert answers.count("SignInRefused") == accounts.TRIES["sign_in.pair"]
    assert attempt(store, "198.51.100.7", PASSWORD) == "TooManyTries", "from there the right one waits too"


def test_a_stranger_who_guesses_keeps_nobody_out(store: Store, cheap_passwords: None) -> None:
    people.build(store, password_hash=hash_password(PASSWORD))
    for _ in range(60):
        attempt(store, "198.51.100.7")
    assert attempt(store, "203.0.113.20", PASSWORD) == "in", "whose account it is signs in from where they are"
    later = NOW + 2 * accounts.TRY_WINDOW
    assert attempt(store, "198.51.100.7", PASSWORD, now=later) == "in", "and from there minutes later"


def test_many_places_together_are_slowed_down_for_minutes_only(
        sqlite_store: Store, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(accounts.TRIES, "sign_in.account", 12)  # type: ignore[arg-type]
    people.build(sqlite_store, password_hash=hash_password(PASSWORD))
    assert attempt(sqlite_store, "192.0.2.1", PASSWORD, now=NOW - timedelta(hours=20)) == "in"
    answers = [attempt(sqlite_store, f"198.51.100.{n}") for n in range(20)]
    assert answers.count("SignInRefused") == 12
    assert attempt(sqlite_store, "192.0.2.1", PASSWORD) == "in", "from where they signed in lately nobody waits"
    assert attempt(sqlite_store, "203.0.113.20", PASSWORD) == "TooManyTries"
    assert attempt(sqlite_store, "203.0.113.20", PASSWORD, now=NOW + 2 * accounts.TRY_WINDOW) == "in"


def test_one_place_that_tries_many_accounts_is_slowed_down(sqlite_store: Store, cheap_passwords: None) -> None:
    people.build(sqlite_store, password_hash=hash_password(PASSWORD))
    answers = [attempt(sqlite_store, "198.51.100.7", email=f"guess{n}@test.example") for n in range(60)]
    assert answers.count("SignInRefused") == accounts.TRIES["sign_in.place"]
    assert attempt(sqlite_store, "198.51.100.7", PASSWORD) == "TooManyTries"
    assert attempt(sqlite_store, "198.51.100.8", PASSWORD) == "in"


def test_an_office_that_signs_in_all_day_from_one_address_is_not_slowed_down(
        sqlite_store: Store, cheap_passwords: None) -> None:
    people.build(sqlite_store, password_hash=hash_password(PASSWORD))
    assert {attempt(sqlite_store, "198.51.100.7", PASSWORD) for _ in range(70)} == {"in"}
