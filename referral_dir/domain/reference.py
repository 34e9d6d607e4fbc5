"""Case references: 128 random bits, shown short, in letters and digits that are not mistaken on a bad line."""

import secrets
from typing import Final

# Crockford's base 32: no I, L, O or U.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 26


def new_reference() -> str:
    """26 characters that hold 128 random bits."""
    number = secrets.randbits(128)
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def short(reference: str) -> str:
    """How the reference is shown and said: its first eight characters in two groups."""
    return f"{reference[:4]}-{reference[4:8]}"
