"""Signing in and asking for a new password tell a stranger nothing: not by text, not by length, not by time.

2,000 interleaved rounds each of a known address, an unknown one and, for signing in, a locked one (asking for a new
password looks nothing up: tests/desk/test_resets.py). The times are compared by rank: the
chance that one of the known is slower than one of the unknown (the Mann-Whitney statistic over its number of pairs)
must lie near one half. With 2,000 on each side chance alone moves it by 0.01. Compared are the time on the clock, and
the time that the processor spent, which other work on the machine disturbs far less; passwords are made cheap, so that
one query more would show.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter, thread_time

import pytest
from sqlalchemy import update

from referral_dir.desk import accounts, passwords, resets
from referral_dir.desk.passwords import hash_password
from referral_dir.store.db import transaction
from referral_dir.store.people import Person
from tests import cast as people
from tests.web.conftest import World, token
from tests.web.test_guards import plain

ROUNDS = 2000
NEAR = (0.45, 0.55)
ADDRESSES = {"known": "olga@test.example", "unknown": "anna@test.example", "locked": "carl@test.example"}
Times = Mapping[str, list[tuple[float, float]]]


@pytest.fixture
def password_hash(cheap_passwords: None) -> str:
    return hash_password(people.PASSWORD)


@pytest.fixture
def quick(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """No limits."""
    for kind in accounts.TRIES:
        monkeypatch.setitem(accounts.TRIES, kind, 10**9)  # type: ignore[arg-type]
    monkeypatch.setattr(resets, "ASKED_FOR_ONE", 10**9)
    monkeypatch.setattr(resets, "ASKED_FROM_ONE_PLACE", 10**9)
    with transaction(world.store) as session:
        session.execute(update(Person).where(Person.email == ADDRESSES["locked"]).values(active=False))
    return world


def timed(world: World, path: str, rounds: int = ROUNDS, kinds: Sequence[str] = tuple(ADDRESSES),
          **form: str) -> Times:
    """The times of one request for each kind of address, in random order within a round; all answers are the same."""
    client = world.app.test_client()
    form = {"csrf_token": token(client.get(path).text), **form}
    order, shuffle = list(kinds), random.Random(7)
    times: dict[str, list[tuple[float, float]]] = {kind: [] for kind in order}
    answers = set()
    for _ in range(rounds):
        shuffle.shuffle(order)
        for kind in order:
            begun, spent = perf_counter(), thread_time()
            answer = client.post(path, data={**form, "email": ADDRESSES[kind]})
            times[kind].append((perf_counter() - begun, thread_time() - spent))
            headers = sorted((name, value) for name, value in answer.headers if name != "Set-Cookie")
            answers.add((answer.status_code, len(answer.data), plain(str(headers)),
                         plain(answer.text.replace(ADDRESSES[kind], ""))))
    assert len(answers) == 1, "every answer is the same, byte for byte, and as long"
    return times


def slower(times: Times, some: str, others: str, clock: int) -> float:
    """The chance that one of `some` took longer than one of `others`: 0.5 where neither tells anything."""
    count = len(times[some])
    ranked = sorted([(took[clock], 1) for took in times[some]] + [(took[clock], 0) for took in times[others]])
    ranks = sum(rank for rank, (_, mine) in enumerate(ranked, 1) if mine)
    return (ranks - count * (count + 1) / 2) / count**2


def tells_nothing(times: Times) -> None:
    for kind in times:
        for clock in (0, 1):
            found = slower(times, "known", kind, clock)
            assert NEAR[0] < found < NEAR[1], f"known against {kind}: {found:.3f}"


def test_signing_in_tells_a_stranger_nothing(quick: World) -> None:
    tells_nothing(timed(quick, "/sign-in", password="wrong words in a row"))


def test_asking_for_a_new_password_tells_a_stranger_nothing(quick: World) -> None:
    tells_nothing(timed(quick, "/reset", kinds=("known", "unknown")))
    timed(quick, "/reset", rounds=20)


def test_the_right_password_of_a_locked_person_is_answered_like_a_wrong_one(quick: World) -> None:
    client = quick.app.test_client()
    form = {"csrf_token": token(client.get("/sign-in").text), "email": ADDRESSES["locked"]}
    right, wrong = (client.post("/sign-in", data={**form, "password": password})
                    for password in (people.PASSWORD, "wrong words in a row"))
    assert (right.status_code, plain(right.text)) == (wrong.status_code, plain(wrong.text))


@pytest.mark.parametrize("leak", ["no password is checked for the unknown", "one query more for the known"])
def test_the_rank_test_finds_a_leak_where_there_is_one(
        leak: str, quick: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if leak.startswith("no password"):
        monkeypatch.setattr(passwords, "nobody", lambda: "not a hash")
    else:
        real: Callable[..., object] = accounts.people_queries.credentials

        def leaky(session: object, email: str) -> object:
            found = real(session, email)
            return real(session, email) if found else found

        monkeypatch.setattr(accounts.people_queries, "credentials", leaky)
    times = timed(quick, "/sign-in", rounds=500, kinds=("known", "unknown"), password="wrong words in a row")
    assert slower(times, "known", "unknown", 1) > NEAR[1]
