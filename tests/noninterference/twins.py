"""Two directories that differ only in where their hidden services are, and the machinery that compares their answers.

Every source of chance gives both the same numbers, and time stands still: what is left is what the places did.
"""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

from flask import Flask, g
from flask.testing import FlaskClient
from sqlalchemy import event

import config
from referral_dir import create_app
from referral_dir.desk import handoffs, listings
from referral_dir.desk.find import Indexes
from referral_dir.desk.opening_up import open_indexes, open_store
from referral_dir.domain.access import Actor
from referral_dir.geo import resolve_place
from referral_dir.index import feed
from referral_dir.interop.importing import import_directory
from referral_dir.store import secret_queries
from referral_dir.store.db import Store, migrate, reading, transaction
from referral_dir.store.directory import Service
from tests import cast as people
from tests.noninterference import documents
from tests.noninterference.documents import HIDDEN, ZONES, a_place, an_id

NOW: Final = people.NOW + timedelta(hours=1)
# Folders of equal length: the page of settings says where the files are.
SIDES: Final = ("left1", "right")
# Everyone but the owner of the hidden services: Petra provides them, Clara keeps them.
WALKERS: Final = ("nobody", "olga", "omar", "pablo", "carl", "vera", "adam")


class Leak(AssertionError):
    """The two directories gave different answers."""


@dataclass
class Trace:
    """What one side asked of its database: each statement with the number of rows that were read of it."""

    statements: list[list[Any]] = field(default_factory=list)

    def take(self) -> list[list[Any]]:
        """What was asked since the last time."""
        taken, self.statements = self.statements, []
        return taken


@dataclass
class Side:
    """One of the two: its files, its app and what it asks of its database."""

    folder: Path
    settings: config.Settings
    store: Store
    app: Flask
    trace: Trace
    cast: people.Cast
    indexes: Indexes


@dataclass
class Twins:
    """Both sides, what everyone is signed in with, and how many pairs of answers were compared."""

    left: Side
    right: Side
    hidden: list[UUID]
    cookies: Mapping[str, str]
    pairs: int = 0

    def __iter__(self) -> Iterator[Side]:
        return iter((self.left, self.right))

    def compare(self, what: object, ask: Callable[[Side], Any]) -> Any:
        """Ask both the same; returns the answer. Raises Leak where answers or the work for them differ."""
        answers, work = [], []
        chance = self.pairs
        for side in self:
            side.trace.take()
            with same_chances(chance):
                answers.append(ask(side))
            work.append(side.trace.take())
        self.pairs += 1
        if answers[0] != answers[1]:
            raise Leak(f"{what}: {difference(repr(answers[0]), repr(answers[1]))}")
        if work[0] != work[1]:
            raise Leak(f"{what}: the database worked differently: {difference(repr(work[0]), repr(work[1]))}")
        return answers[0]

    def move(self, seed: int) -> None:
        """Every hidden service moves within its zone, to another place in each directory. Nothing else changes."""
        for number, side in enumerate(self):
            chance = Random(seed * 2 + number)
            with transaction(side.store) as session:
                secret_queries.seal_many(session, {
                    service_id: _secret(chance, zone_of(n)) for n, service_id in enumerate(self.hidden)})

    def restore(self) -> None:
        """Both as they were in the beginning: what was written meanwhile is gone."""
        for side in self:
            side.store.engine.dispose()
            kept = side.folder / "kept"
            for path in side.folder.glob("*.sqlite*"):
                path.unlink()
            shutil.rmtree(side.settings.instance, ignore_errors=True)
            shutil.copytree(kept, side.folder, dirs_exist_ok=True)
            with side.store.engine.connect():
                pass  # the pool has one connection again, on both sides
            side.indexes = open_indexes(side.settings.instance, side.settings.text_index)
            name = "referral_dir"
            side.app.extensions[name] = replace(side.app.extensions[name], indexes=side.indexes)

    def client(self, side: Side, who: str) -> FlaskClient:
        """A browser in which this person is signed in."""
        client = side.app.test_client()
        if who in self.cookies:
            client.set_cookie("session", self.cookies[who])
        return client


def difference(one: str, other: str) -> str:
    """Where two texts part, with what stands around it."""
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"… {one[max(0, at - 120):at + 120]!r} … is not … {other[max(0, at - 120):at + 120]!r} …"


@contextmanager
def same_chances(seed: int) -> Iterator[None]:
    """Ids, nonces and tokens are the same each time that this is entered with the same seed."""
    kept = os.urandom
    give = Random(seed).randbytes
    os.urandom = random._urandom = give  # type: ignore[attr-defined]
    try:
        yield
    finally:
        os.urandom = random._urandom = kept  # type: ignore[attr-defined]


def make(folder: Path, password_hash: str, seeds: Sequence[int] = (1, 2)) -> Twins:
    """The two directories, imported from two files, with the cast in both and a case that a hidden house has taken."""
    sides = [_side(folder / name, Random(seed), password_hash) for name, seed in zip(SIDES, seeds, strict=True)]
    cookies = _signed_in(sides)
    twins = Twins(sides[0], sides[1], _hidden(sides[0]), cookies)
    for side in sides:
        side.store.engine.dispose()  # the last connection that closes writes the journal back into the file
        kept = side.folder / "kept"
        kept.mkdir()
        shutil.copytree(side.settings.instance, kept / "instance")
        shutil.copy(side.folder / "test.sqlite", kept)
    twins.restore()
    return twins


def zone_of(number: int) -> Sequence[Any]:
    """The zone of the hidden service with this number; the cast's shelter comes last."""
    return ZONES[number % len(ZONES)] if number < HIDDEN else ZONES[0]


def _hidden(side: Side) -> list[UUID]:
    ids = [UUID(an_id(f"Hidden {n} (invented)")) for n in range(HIDDEN)]
    with reading(side.store) as session:
        assert all(session.get_one(Service, i).confidential for i in ids)
    return [*ids, side.cast.shelter]


def _secret(chance: Random, zone: Sequence[Any]) -> secret_queries.Secret:
    place = a_place(chance, zone)
    return {**place.sealed(zone), "phones": [place.phone], "name": place.name}, (place.latitude, place.longitude)


def _side(folder: Path, chance: Random, password_hash: str) -> Side:
    path = documents.write(folder / "directory.json", chance)
    settings = config.load_settings({
        "REFERRAL_DIR_DEMO": "1", "REFERRAL_DIR_INSTANCE": str(folder / "instance"),
        "REFERRAL_DIR_SECRET_KEY": "the same words in both directories", "REFERRAL_DIR_AUDIT_KEY": "YWFh" * 10 + "YWE=",
        "REFERRAL_DIR_MASTER_KEYS":
        "test1:" + "a2" * 21 + "a=", "REFERRAL_DIR_DATABASE_URL": f"sqlite:///{folder / 'test.sqlite'}"})
    store, trace = open_store(settings.database_url, settings.master_keys, settings.ledger), Trace()
    watch(store, trace)
    migrate(store.engine)
    with same_chances(0):
        cast = people.build(store, password_hash=password_hash)
        import_directory(store, path, now=people.NOW, source="twin", kept_by=cast.clara.organization_id)
        _hide_the_rest(store, cast.clara)
        _, _, handoff_id = people.request(store, cast)
        with transaction(store) as session:
            handoffs.accept(session, cast.petra, handoff_id, people.NOW)
    app = create_app(settings, store)
    app.before_request_funcs.setdefault(None, []).insert(0, _stop_time)
    indexes = app.extensions["referral_dir"].indexes
    with reading(store) as session:
        feed.catch_up(session, indexes.match, indexes.text)
    return Side(folder, settings, store, app, trace, cast, indexes)


def _hide_the_rest(store: Store, keeper: Actor) -> None:
    """What the file gave in the open although it is hidden here: a caseworker hides it."""
    for n in range(HIDDEN):
        with transaction(store) as session:
            service = session.get_one(Service, UUID(an_id(f"Hidden {n} (invented)")))
            if not service.confidential:
                zone = ZONES[n % len(ZONES)]
                listings.make_confidential(session, keeper, service.id, resolve_place(f"{zone[0]}, {zone[1]}"),
                                           people.NOW)


def _stop_time() -> None:
    g.now = NOW


def watch(store: Store, trace: Trace) -> None:
    """Have every statement, and the rows that are read of it, written down. A lost journal is no loss here."""
    class Cursor(sqlite3.Cursor):
        def execute(self, statement: str, *arguments: Any) -> "Cursor":
            trace.statements.append([statement, 0])
            super().execute(statement, *arguments)
            return self

        def executemany(self, statement: str, many: Any, /) -> "Cursor":
            many = list(many)
            trace.statements.append([statement, -len(many)])
            super().executemany(statement, many)
            return self

        def fetchone(self) -> Any:
            row = super().fetchone()
            trace.statements[-1][1] += row is not None
            return row

        def fetchmany(self, size: int | None = None) -> list[Any]:
            rows = super().fetchmany(self.arraysize if size is None else size)
            trace.statements[-1][1] += len(rows)
            return rows

        def fetchall(self) -> list[Any]:
            rows = super().fetchall()
            trace.statements[-1][1] += len(rows)
            return rows

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any) -> Cursor:  # type: ignore[override]
            return super().cursor(Cursor)

    @event.listens_for(store.engine, "do_connect")
    def connect(_dialect: object, _record: object, _arguments: object, options: dict[str, Any]) -> None:
        options["factory"] = Connection


def _signed_in(sides: Sequence[Side]) -> dict[str, str]:
    """The same session for each person in both. A cookie holds the second in which it was made: one side's serves."""
    cookies: dict[str, str] = {}
    for side in sides:
        for number, who in enumerate(WALKERS[1:]):
            with same_chances(1000 + number):
                client = side.app.test_client()
                token = token_of(client.get("/sign-in").text)
                answer = client.post("/sign-in", data={
                    "csrf_token": token, "password": people.PASSWORD,
                    "email": side.cast.emails[getattr(side.cast, who).person_id]})
                assert answer.status_code == 302
                client.get("/account")  # the first form brings the session's form token
                cookie = client.get_cookie("session")
                assert cookie is not None
                cookies.setdefault(who, cookie.value)
    return cookies


def token_of(text: str) -> str:
    """The form token of a page."""
    return text.partition('name="csrf_token" value="')[2].partition('"')[0]
