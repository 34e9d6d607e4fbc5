"""Queries on second factors. What may happen once only is an UPDATE that names the state before it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, delete, func, or_, select, update
from sqlalchemy.orm import Session

from referral_dir.store.people import LoginSession, Passkey, Person, RecoveryCode


def with_factor(session: Session) -> set[UUID]:
    """Everyone who has a second factor."""
    return {*session.scalars(select(Person.id).where(Person.totp_secret.is_not(None))),
            *session.scalars(select(Passkey.person_id).distinct())}


def lock_person(session: Session, person_id: UUID) -> Person | None:
    """The person as they are now, held: two changes of their factors can't both leave the other one for the last."""
    query = select(Person).where(Person.id == person_id).with_for_update()
    return session.scalar(query.execution_options(populate_existing=True))


def advance_totp(session: Session, person_id: UUID, sealed: bytes | None, step: int) -> bool:
    """Use up a time step. False: this one or a later one was used, or the secret is no longer the same."""
    query = update(Person).where(Person.id == person_id, Person.totp_secret == sealed,
                                 or_(Person.totp_step.is_(None), Person.totp_step < step))
    return _rows(session, query.values(totp_step=step)) == 1


def passkeys_of(session: Session, person_id: UUID) -> Sequence[Passkey]:
    """Their passkeys, oldest first."""
    return session.scalars(select(Passkey).where(Passkey.person_id == person_id)
                           .order_by(Passkey.created, Passkey.id)).all()


def passkey_by_credential(session: Session, credential_id: bytes, person_id: UUID | None = None) -> Passkey | None:
    """The passkey with this credential; of this person alone, where one is named."""
    query = select(Passkey).where(Passkey.credential_id == credential_id)
    return session.scalar(query if person_id is None else query.where(Passkey.person_id == person_id))


def use_passkey(session: Session, passkey: Passkey, count: int, now: datetime) -> bool:
    """Note its new count. False: it was used at the same moment elsewhere, or is gone."""
    query = update(Passkey).where(Passkey.id == passkey.id, Passkey.sign_count == passkey.sign_count)
    return _rows(session, query.values(sign_count=count, last_used=now)) == 1


def delete_passkey(session: Session, person_id: UUID, passkey_id: UUID) -> bool:
    """Remove it, if it is theirs."""
    return _rows(session, delete(Passkey).where(Passkey.id == passkey_id, Passkey.person_id == person_id)) == 1


def codes_left(session: Session, person_id: UUID) -> int:
    """How many recovery codes have not been used."""
    return session.scalar(select(func.count()).select_from(RecoveryCode).where(
        RecoveryCode.person_id == person_id, RecoveryCode.used.is_(None))) or 0


def replace_codes(session: Session, person_id: UUID, hashes: Collection[str]) -> None:
    """The old codes are worth nothing from now on."""
    _rows(session, delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    session.add_all(RecoveryCode(person_id=person_id, code_hash=value) for value in hashes)


def use_code(session: Session, person_id: UUID, hashes: Collection[str], now: datetime) -> bool:
    """Use up a recovery code. False: there is none such, or it was used."""
    query = update(RecoveryCode).where(RecoveryCode.person_id == person_id, RecoveryCode.code_hash.in_(hashes),
                                       RecoveryCode.used.is_(None))
    return _rows(session, query.values(used=now)) == 1


def forget_factors(session: Session, person_id: UUID) -> None:
    """Nothing of them is left: the person begins anew."""
    session.execute(update(Person).where(Person.id == person_id).values(totp_secret=None, totp_step=None))
    _rows(session, delete(Passkey).where(Passkey.person_id == person_id))
    _rows(session, delete(RecoveryCode).where(RecoveryCode.person_id == person_id))


def set_challenge(session: Session, token_hash: str, challenge: bytes, until: datetime) -> bool:
    """Ask this session for an answer to the challenge, in place of an older one."""
    query = update(LoginSession).where(_open_session(token_hash))
    return _rows(session, query.values(challenge=challenge, challenge_until=until)) == 1


def take_challenge(session: Session, token_hash: str, now: datetime) -> bytes | None:
    """Take the challenge out of the session; only one of several takers gets it."""
    found = session.execute(select(LoginSession.challenge, LoginSession.challenge_until)
                            .where(_open_session(token_hash))).first()
    if found is None or found.challenge is None:
        return None
    query = update(LoginSession).where(_open_session(token_hash), LoginSession.challenge == found.challenge)
    taken = _rows(session, query.values(challenge=None, challenge_until=None)) == 1
    return found.challenge if taken and found.challenge_until > now else None


def _open_session(token_hash: str) -> ColumnElement[bool]:
    return (LoginSession.token_hash == token_hash) & LoginSession.ended.is_(None)


def _rows(session: Session, query: Any) -> int:
    result = session.execute(query.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
