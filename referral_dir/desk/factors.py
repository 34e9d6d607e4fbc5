"""Second factors: time codes, recovery codes, and what a person has of them. Passkeys are in passkeys.py.

What proves a factor raises FactorRefused, and the edge then calls `failed` in a new transaction, as the first one
rolls back. The session's new token after a proof comes from accounts.rotate.
"""

import base64
import binascii
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from uuid import UUID

import pyotp

from referral_dir.desk import audit, limits, notify
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.saying import say
from referral_dir.store import factor_queries, people_queries
from referral_dir.store.crypto import KeyRing, SealError
from referral_dir.store.people import Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ISSUER: Final = "Referral directory"
STEP_SECONDS: Final = 30
TOLERATED_STEPS: Final = 1
CODES: Final = 10
CODE_LENGTH: Final = 12
# No letters that are taken for one another when read from paper: 30 signs, 58 bits in twelve.
_SIGNS: Final = "23456789abcdefghjkmnpqrstvwxyz"
# Codes that may be tried by one person, right or wrong: of a million, three are right at any moment.
TRIES: Final = ((timedelta(minutes=15), 10), (timedelta(days=1), 60))


class FactorRefused(Exception):
    """Wrong, used, unknown or of someone else: one answer for all."""


class TooManyTries(FactorRefused):
    """Guessing is slowed down."""


@dataclass(frozen=True, slots=True)
class OwnPasskey:
    """A passkey as its owner sees it."""

    id: UUID
    name: str
    created: datetime
    last_used: datetime | None


@dataclass(frozen=True, slots=True)
class Factors:
    """What a person has set up."""

    totp: bool
    passkeys: Sequence[OwnPasskey]
    codes_left: int

    @property
    def any(self) -> bool:
        """Whether there is a second factor at all; recovery codes are none."""
        return self.totp or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class TotpSetup:
    """A secret that is not in use yet: to type, to scan, and sealed for the form to bring back."""

    secret: str
    uri: str
    sealed: str


def of(session: "Session", actor: Actor) -> Factors:
    """The actor's factors."""
    person = session.get_one(Person, actor.person_id)
    keys = [OwnPasskey(row.id, row.name, row.created, row.last_used)
            for row in factor_queries.passkeys_of(session, person.id)]
    return Factors(person.totp_secret is not None, keys, factor_queries.codes_left(session, person.id))


def count_try(session: "Session", actor: Actor, now: datetime) -> None:
    """Count a code before it is looked at, in a transaction of its own: parallel guesses are counted too."""
    for window, allowed in TRIES:
        if limits.count(session, "second_factor", str(actor.person_id), now, window=window) > allowed:
            raise TooManyTries(say("too many tries: wait 15 minutes, or until tomorrow"))


def failed(session: "Session", actor: Actor, factor: str, now: datetime) -> None:
    """Write a failed proof down."""
    audit.record(session, actor, "account:second_factor", now, outcome="refused", details={"factor": factor})


def proved(session: "Session", actor: Actor, factor: str, now: datetime) -> None:
    """Write a proof down."""
    audit.record(session, actor, "account:second_factor", now, details={"factor": factor})


def begin_totp(session: "Session", actor: Actor, sealed: str | None = None) -> TotpSetup:
    """A new secret to set up, or the one that the form brought back. Nothing is kept before it is confirmed."""
    require(actor, "account:factors")
    secret = _opened(session, actor, sealed) if sealed else pyotp.random_base32()
    email = session.get_one(Person, actor.person_id).email
    uri = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)
    token = session.info["keys"].seal(secret.encode(), actor.person_id, "totp_setup")
    return TotpSetup(secret, uri, base64.urlsafe_b64encode(token).decode())


def confirm_totp(session: "Session", actor: Actor, sealed: str, code: str, now: datetime) -> None:
    """Put the secret in use, in place of an older one, once a code shows that the app has it. Raises Invalid."""
    require(actor, "account:factors")
    secret = _opened(session, actor, sealed)
    step = _step_of(secret, code, now)
    if step is None:
        raise Invalid({"code": say("this is not the code that the app shows now: check the time on your phone")})
    person = _locked(session, actor)
    replaced = person.totp_secret is not None
    person.totp_secret = session.info["keys"].seal(secret.encode(), person.id, "totp_secret")
    person.totp_step = step  # this very code can't be used again to sign in
    changed(session, actor, "totp", "replaced" if replaced else "added", now)


def prove_totp(session: "Session", actor: Actor, code: str, now: datetime) -> None:
    """Take a time code, each once. Raises FactorRefused."""
    person = session.get_one(Person, actor.person_id)
    sealed = person.totp_secret
    if sealed is None:
        raise FactorRefused(say("this code is not right"))
    secret = session.info["keys"].open(sealed, person.id, "totp_secret").decode()
    step = _step_of(secret, code, now)
    if step is None or not factor_queries.advance_totp(session, person.id, sealed, step):
        raise FactorRefused(say("this code is not right, or was used already: wait for the next one"))
    proved(session, actor, "totp", now)


def remove_totp(session: "Session", actor: Actor, now: datetime, *, required: bool) -> None:
    """Stop taking time codes. Raises Invalid where a factor is required and this is the last."""
    require(actor, "account:factors")
    person = _locked(session, actor)
    if person.totp_secret is None:
        raise WrongState(say("there are no time codes to remove"))
    person.totp_secret = person.totp_step = None
    session.flush()
    check_one_is_left(session, actor, required)
    changed(session, actor, "totp", "removed", now)


def make_codes(session: "Session", actor: Actor, now: datetime) -> list[str]:
    """Ten new recovery codes in place of the old ones. They are shown this once: only keyed hashes are kept."""
    require(actor, "account:factors")
    factor_queries.lock_person(session, actor.person_id)
    if not people_queries.has_second_factor(session, actor.person_id):
        raise WrongState(say("first set up time codes or a passkey"))
    codes = ["".join(secrets.choice(_SIGNS) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
    first = KeyRing(session.info["keys"].keys[:1])
    factor_queries.replace_codes(session, actor.person_id, [_hash(first, actor, code) for code in codes])
    changed(session, actor, "recovery", "made", now)
    return ["-".join(code[i:i + 4] for i in range(0, CODE_LENGTH, 4)) for code in codes]


def prove_recovery(session: "Session", actor: Actor, code: str, now: datetime) -> int:
    """Take a recovery code, each once; returns how many are left. Raises FactorRefused."""
    plain = "".join(sign for sign in code.casefold() if sign.isalnum())[:100]
    # A code outlives a change of the master key, as long as the old key is still there.
    hashes = [_hash(KeyRing((pair,)), actor, plain) for pair in session.info["keys"].keys]
    if not factor_queries.use_code(session, actor.person_id, hashes, now):
        raise FactorRefused(say("this code is not right, or was used already"))
    proved(session, actor, "recovery", now)
    notify.tell_person(session, "account_changed", actor.person_id, now, path="/account/factors")
    return factor_queries.codes_left(session, actor.person_id)


def check_one_is_left(session: "Session", actor: Actor, required: bool) -> None:
    """After a removal: refuse it where it was the last factor and one is required. Raises Invalid."""
    if people_queries.has_second_factor(session, actor.person_id):
        return
    if required:
        raise Invalid({"factors": say("this is your last second factor: set up another one first")})
    factor_queries.replace_codes(session, actor.person_id, [])


def changed(session: "Session", actor: Actor, factor: str, change: str, now: datetime) -> None:
    """Write a change down and tell its owner: someone else may have made it."""
    audit.record(session, actor, "account:factors", now, subject=f"person:{actor.person_id}",
                 details={"factor": factor, "change": change})
    notify.tell_person(session, "account_changed", actor.person_id, now, path="/account/factors")


def _locked(session: "Session", actor: Actor) -> Person:
    person = factor_queries.lock_person(session, actor.person_id)
    if person is None:
        raise NotFound("no such person")
    return person


def _opened(session: "Session", actor: Actor, sealed: str) -> str:
    try:
        token = base64.urlsafe_b64decode(sealed.encode())
        secret: bytes = session.info["keys"].open(token, actor.person_id, "totp_setup")
    except (SealError, ValueError, binascii.Error) as error:
        raise Invalid({"code": say("this page is too old: begin again")}) from error
    return secret.decode()


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is: now's, the one before (a slow hand) or the next (a slow clock)."""
    digits = code.replace(" ", "").replace("-", "")
    if not (digits.isascii() and digits.isdecimal() and len(digits) == 6):
        return None
    totp, present = pyotp.TOTP(secret), int(now.timestamp()) // STEP_SECONDS
    found = None
    for step in range(present - TOLERATED_STEPS, present + TOLERATED_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step), digits):
            found = step
    return found


def _hash(ring: KeyRing, actor: Actor, code: str) -> str:
    return hmac.new(ring.derive("recovery codes"), actor.person_id.bytes + code.encode(), sha256).hexdigest()
