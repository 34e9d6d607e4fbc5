"""Passwords as they are kept: argon2id, checked at the same cost whoever asks."""

import secrets
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from referral_dir.domain.errors import Invalid
from referral_dir.domain.passwords import LONGEST, normal, problem

# RFC 9106, low memory. Written out: a library that changed its own would make old and new accounts differ in time.
TIME_COST: Final = 3
MEMORY_KIB: Final = 64 * 1024
LANES: Final = 4


def hash_password(password: str) -> str:
    """What is kept of a password."""
    return _hasher().hash(normal(password))


def matches(password_hash: str, password: str) -> bool:
    """Whether it is this password."""
    try:
        return _hasher().verify(password_hash, normal(password[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False


@cache
def nobody() -> str:
    """What an unknown address is checked against, so that it costs as much as a known one. Made when the app starts."""
    return hash_password(secrets.token_urlsafe())


def check_password(password: str, *about: str, field: str = "password") -> None:
    """Raise Invalid with what is wrong with a new password. `about`: the person's own name, address and so on."""
    wrong = problem(password, about)
    if wrong:
        raise Invalid({field: wrong})


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher(TIME_COST, MEMORY_KIB, LANES)
