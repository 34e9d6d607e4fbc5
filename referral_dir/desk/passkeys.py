"""Passkeys (WebAuthn): asking for one, keeping its public key, and checking what it signed.

A challenge lies in the session's row and is taken out, in a transaction of its own, before the answer is looked at:
no challenge is answered twice, not even by a wrong answer and a right one after it.
"""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from uuid import UUID

import webauthn
from webauthn.helpers import generate_challenge, parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from referral_dir.desk import factors
from referral_dir.desk.factors import FactorRefused
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, WrongState
from referral_dir.domain.saying import say
from referral_dir.store import factor_queries
from referral_dir.store.people import Passkey, Person

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

ANSWER_WITHIN: Final = timedelta(minutes=5)
MOST: Final = 20
LONGEST_ANSWER: Final = 20_000
_VERIFY: Final = UserVerificationRequirement.PREFERRED


@dataclass(frozen=True, slots=True)
class Site:
    """Whom a passkey is for: the host is its id, and the browser must have been at this origin."""

    id: str
    origin: str


def site_of(base_url: str) -> Site | None:
    """The site of this installation; None where its address is a bare IP, for which browsers make no passkeys."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        usual = {"https": 443, "http": 80}.get(parts.scheme)
        port = "" if parts.port in (None, usual) else f":{parts.port}"
        return Site(host, f"{parts.scheme}://{host}{port}")
    return None


def ask_to_make(session: "Session", actor: Actor, token: str, site: Site, now: datetime) -> str:
    """What the browser needs to make a passkey, as JSON."""
    require(actor, "account:factors")
    person = session.get_one(Person, actor.person_id)
    options = webauthn.generate_registration_options(
        rp_id=site.id, rp_name=factors.ISSUER, user_id=person.id.bytes, user_name=person.email,
        challenge=_challenge(session, token, now), exclude_credentials=_known(session, actor),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_VERIFY))
    return webauthn.options_to_json(options)


def ask_to_sign(session: "Session", actor: Actor, token: str, site: Site, now: datetime) -> str:
    """What the browser needs to have one of the actor's passkeys sign, as JSON."""
    options = webauthn.generate_authentication_options(
        rp_id=site.id, challenge=_challenge(session, token, now), allow_credentials=_known(session, actor),
        user_verification=_VERIFY)
    return webauthn.options_to_json(options)


def take_challenge(session: "Session", token: str, now: datetime) -> bytes | None:
    """Take what this session was asked to sign; the next call finds nothing."""
    return factor_queries.take_challenge(session, _digest(token), now)


def add(session: "Session", actor: Actor, site: Site, challenge: bytes | None, answer: str, name: str,
        now: datetime) -> None:
    """Keep a new passkey. Raises Invalid."""
    require(actor, "account:factors")
    name = " ".join(name.split())
    if not name or len(name) > 80 or not name.isprintable():
        raise Invalid({"name": say("give it a short name, like: my phone")})
    try:
        if challenge is None or len(answer) > LONGEST_ANSWER:
            raise ValueError("no challenge, or too long")
        made = webauthn.verify_registration_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=site.id, expected_origin=site.origin)
    except Exception as error:
        # Whatever the parsers of JSON, CBOR and keys stumble over: it is no passkey.
        raise Invalid({"passkey": say("the passkey could not be made: try again")}) from error
    factor_queries.lock_person(session, actor.person_id)
    if len(factor_queries.passkeys_of(session, actor.person_id)) >= MOST:
        raise Invalid({"passkey": say("you have %(number)s passkeys: remove one first", number=MOST)})
    if factor_queries.passkey_by_credential(session, made.credential_id) is not None:
        raise Invalid({"passkey": say("this passkey is there already")})
    session.add(Passkey(person_id=actor.person_id, credential_id=made.credential_id, name=name, created=now,
                        public_key=made.credential_public_key, sign_count=made.sign_count))
    factors.changed(session, actor, "passkey", "added", now)


def prove(session: "Session", actor: Actor, site: Site, challenge: bytes | None, answer: str, now: datetime) -> None:
    """Check what one of the actor's passkeys signed. Raises FactorRefused."""
    if challenge is None or len(answer) > LONGEST_ANSWER:
        raise FactorRefused(say("the passkey was asked too long ago: try again"))
    passkey = _passkey_of(session, actor, answer)
    try:
        # Also that the count went up, where the passkey counts: a copy of it would be behind.
        signed = webauthn.verify_authentication_response(
            credential=answer, expected_challenge=challenge, expected_rp_id=site.id, expected_origin=site.origin,
            credential_public_key=passkey.public_key, credential_current_sign_count=passkey.sign_count)
    except Exception as error:
        # As above: a wrong signature and an unreadable answer are the same refusal.
        raise FactorRefused(say("this passkey was not accepted")) from error
    if not factor_queries.use_passkey(session, passkey, signed.new_sign_count, now):
        raise FactorRefused(say("this passkey was not accepted"))
    factors.proved(session, actor, "passkey", now)


def remove(session: "Session", actor: Actor, passkey_id: UUID, now: datetime, *, required: bool) -> None:
    """Remove one of the actor's passkeys. Raises NotFound; Invalid where it is the last factor and one is required."""
    require(actor, "account:factors")
    factor_queries.lock_person(session, actor.person_id)
    if not factor_queries.delete_passkey(session, actor.person_id, passkey_id):
        raise NotFound("no such passkey")
    factors.check_one_is_left(session, actor, required)
    factors.changed(session, actor, "passkey", "removed", now)


def _passkey_of(session: "Session", actor: Actor, answer: str) -> Passkey:
    try:
        credential_id = parse_authentication_credential_json(answer).raw_id
    except Exception as error:
        raise FactorRefused(say("this passkey was not accepted")) from error
    found = factor_queries.passkey_by_credential(session, credential_id, actor.person_id)
    if found is None:
        raise FactorRefused(say("this passkey was not accepted"))
    return found


def _challenge(session: "Session", token: str, now: datetime) -> bytes:
    challenge = generate_challenge()
    if not factor_queries.set_challenge(session, _digest(token), challenge, now + ANSWER_WITHIN):
        raise WrongState(say("this session has ended: sign in again"))
    return challenge


def _known(session: "Session", actor: Actor) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=row.credential_id)
            for row in factor_queries.passkeys_of(session, actor.person_id)]


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
