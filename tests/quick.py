"""What hundreds of tests would do anew for each, done once in each process: nothing here changes what is answered.

Hundreds of apps and databases are made. For each of them templates would be compiled again, addresses read, and every
statement put into words; passwords would cost what they must cost a thief, and each commit would wait for the disk.
"""

import sqlite3
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Engine, create_engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from referral_dir import geo
from referral_dir.desk import passwords
from referral_dir.store import db

# Time, memory in KiB and lanes of a password outside the tests; tests/desk/test_passwords.py looks at what comes of it.
REAL_COST: Final = (passwords.TIME_COST, passwords.MEMORY_KIB, passwords.LANES)


class _Compiled(BytecodeCache):
    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


_statements: LRUCache[Any, Any] = LRUCache(5000)
_prepare = db._prepare_sqlite


def _engine(url: str, **options: Any) -> Engine:
    engine = create_engine(url, **options)
    engine._compiled_cache = _statements
    return engine


def _prepare_without_waiting(connection: sqlite3.Connection, record: object) -> None:
    _prepare(connection, record)
    connection.execute("PRAGMA synchronous=OFF")  # what a test writes need not outlive a power cut


def _alike(one: object, other: object) -> bool:
    return type(one) is type(other)


_build_address = Rule._compile_builder
_addresses: dict[Any, Callable[..., tuple[str, str]]] = {}


def _compile_builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
    """What puts an address together is code made from the address's pattern alone, unless it has values of its own."""
    if rule.defaults:
        return _build_address(rule, append_unknown)
    key = (rule.rule, tuple(rule._trace), append_unknown)
    if key not in _addresses:
        _addresses[key] = _build_address(rule, append_unknown)
    return _addresses[key]


def install() -> None:
    """Once in each process, before the first app."""
    Flask.jinja_options = {"bytecode_cache": _Compiled()}
    Rule._compile_builder = _compile_builder  # type: ignore[method-assign]
    db.create_engine = _engine
    db._prepare_sqlite = _prepare_without_waiting
    # A statement's words are kept by what says them: two databases of one kind are one to it.
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = _alike  # type: ignore[assignment,method-assign]
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign]
    # The spellings nearest to a word in the gazetteer, which is the same for every directory.
    geo._nearest_spellings = cache(geo._nearest_spellings)
    passwords.TIME_COST, passwords.MEMORY_KIB, passwords.LANES = 1, 8, 1  # type: ignore[misc]
