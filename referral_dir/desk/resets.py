"""A forgotten password: asked for by anyone, looked up by `deliver`, chosen by whoever has the link in the mail."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from referral_dir.desk import accounts, audit, limits, notify
from referral_dir.desk.passwords import check_password, hash_password
from referral_dir.domain.errors import Invalid
from referral_dir.domain.saying import say
from referral_dir.store import people_queries
from referral_dir.store.crypto import SealError
from referral_dir.store.db import reading, store_of
from referral_dir.store.people import PasswordReset, Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

VALID: Final = timedelta(hours=1)
ASK_WINDOW: Final = timedelta(hours=1)
ASKED_FOR_ONE: Final = 3
ASKED_FROM_ONE_PLACE: Final = 30
# Without a mail server nothing is looked up; what was typed is not kept for longer than this.
WAITS: Final = timedelta(days=1)
BATCH: Final = 100
_COLUMN: Final = "password_reset.address"


def ask(session: "Session", email: str, now: datetime, *, address: str | None) -> None:
    """Note that someone asked. It looks nothing up, so neither answer nor time can tell whether the address is known.

    Raises TooManyTries where this place asks too often; the caller catches it inside the transaction. What was asked
    too often for one address is passed over in silence: mailing somebody again and again is no use to them.
    """
    account = email.strip().casefold()[:254]
    place = limits.network(address)
    from_here = limits.count(session, "reset.place", place, now, window=ASK_WINDOW)
    for_them = limits.count(session, "reset.account", account, now, window=ASK_WINDOW)
    slow = from_here > ASKED_FROM_ONE_PLACE
    audit.record(session, None, "account:reset_password", now, outcome="refused" if slow else "done")
    if slow:
        raise accounts.TooManyTries(say("too many tries: wait an hour"))
    if for_them <= ASKED_FOR_ONE:
        row_id = uuid4()
        sealed = session.info["keys"].seal(account.encode(), row_id, _COLUMN)
        session.add(PasswordReset(id=row_id, address=sealed, created=now, expires=now + WAITS))


def prepare(session: "Session", now: datetime) -> int:
    """Make the links that were asked for, for those who have an account and may sign in; returns how many."""
    made = 0
    people_queries.delete_resets(session, now)
    for row in people_queries.resets_to_prepare(session, BATCH):
        person = _who_asked(session, row)
        if person is None or not person.active:
            people_queries.delete_reset(session, row.id)
            continue
        token = secrets.token_urlsafe(32)
        if people_queries.prepare_reset(session, row.id, person.id, _digest(token), now + VALID):
            notify.tell_person(session, "password_reset", person.id, now, path=f"/reset/{token}")
            made += 1
    return made


def _who_asked(session: "Session", row: PasswordReset) -> Person | None:
    try:
        email = session.info["keys"].open(row.address, row.id, _COLUMN).decode()
    except SealError:
        return None  # its key has been taken away: the others must not wait for it
    return people_queries.person_by_email(session, email)


def may_choose(session: "Session", token: str, now: datetime) -> bool:
    """Whether the link still works."""
    return people_queries.open_reset(session, _digest(token), now) is not None


def choose(session: "Session", token: str, new: str, now: datetime) -> None:
    """Set the new password; the link is used up, every session ends, and nobody is signed in by it.

    Raises Invalid: `link` where it does not work any more, `password` where the new one can't be used.
    """
    gone = Invalid({"link": say("this link does not work any more: ask for a new one")})
    with reading(store_of(session)) as beside:
        person = people_queries.open_reset(beside, _digest(token), now)
        if person is None:
            raise gone
        check_password(new, *accounts.about(beside, person))
    password_hash = hash_password(new)
    person = people_queries.open_reset(session, _digest(token), now)
    if person is None or not people_queries.use_reset(session, _digest(token), now):
        raise gone
    person.password_hash = password_hash
    people_queries.void_resets(session, person.id, now)
    people_queries.end_sessions(session, now, person_id=person.id)
    audit.record(session, accounts.actor_of(person), "account:reset_password", now)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
