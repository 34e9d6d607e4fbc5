"""Passwords as they are kept, and what a new one must be."""

from referral_dir.desk import accounts


def hash_password(password: str) -> str:
    """What is kept of a password."""
    return accounts.hash_password(password)


def nobody() -> str:
    """What an unknown address is checked against."""
    return accounts.nobody()


def check_password(password: str, *about: str, field: str = "password") -> None:
    """Raise Invalid with what is wrong with a new password. `about`: the person's own name, address and so on."""
    accounts.check_password(password, about[0])
