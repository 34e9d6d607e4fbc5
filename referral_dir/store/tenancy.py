"""On whose behalf a transaction runs: told to PostgreSQL, whose row-level security is the second wall.

The settings last as long as the transaction. A transaction that says nothing sees no case at all. SQLite has no such
wall: there the scoped queries stand alone.
"""

import hashlib
import hmac
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, column, select, table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from referral_dir.domain.access import Actor
from referral_dir.store.crypto import KeyRing

PERSON_KEY: Final = "case-exclusion"
_PERSON: Final = table("person", column("id", Uuid()), column("email"))
_SET: Final = text("SELECT set_config('referral.organization', :organization, true),"
                   " set_config('referral.person', :person, true),"
                   " set_config('referral.person_keys', :person_keys, true),"
                   " set_config('referral.scope', :scope, true)")
_SET_SCOPE: Final = text("SELECT set_config('referral.scope', :scope, true)")


def person_keys(keys: KeyRing, email: str) -> tuple[str, ...]:
    """Keyed hashes of an e-mail address, newest key first. They name a person without saying whether there is one."""
    address = email.strip().casefold().encode()
    return tuple(hmac.new(key, address, hashlib.sha256).hexdigest() for key in keys.derive_all(PERSON_KEY))


def keys_of(session: Session, person_id: UUID) -> tuple[str, ...]:
    """The keyed hashes of a person's address, looked up once in a transaction."""
    known: dict[UUID, tuple[str, ...]] = session.info.setdefault("person_keys", {})
    if person_id not in known:
        email = session.scalar(select(_PERSON.c.email).where(_PERSON.c.id == person_id))
        known[person_id] = person_keys(session.info["keys"], email) if email else ()
    return known[person_id]


def begin(session: Session, actor: Actor | None, system: str) -> None:
    """Tell the database who acts: a signed-in person, work of the system by its name, or nobody."""
    if session.get_bind().dialect.name != "postgresql":
        return
    scope = f"system:{system}" if system else str(actor.role) if actor else ""
    session.info["scope"] = scope
    session.execute(_SET, {
        "organization": str(actor.organization_id) if actor else "", "person": str(actor.person_id) if actor else "",
        "person_keys": ",".join(keys_of(session, actor.person_id)) if actor else "", "scope": scope})


@contextmanager
def elevated(session: Session, work: str) -> Iterator[None]:
    """Let a workflow touch rows that its actor may not see, for one named piece of work and no longer."""
    if session.get_bind().dialect.name != "postgresql":
        yield
        return
    before = session.info.get("scope", "")
    session.flush()
    _set_scope(session, f"system:{work}")
    try:
        yield
        session.flush()
    finally:
        # In a transaction that has failed nothing can be set, and nothing can be read either.
        with suppress(SQLAlchemyError):
            _set_scope(session, before)


def _set_scope(session: Session, scope: str) -> None:
    session.info["scope"] = scope
    session.execute(_SET_SCOPE, {"scope": scope})
