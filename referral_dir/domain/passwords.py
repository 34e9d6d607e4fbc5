"""What a password must be: long, and not easy to guess. No rule of composition, no forced change (NIST SP 800-63B)."""

import lzma
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Final

from referral_dir.domain.needs import DATA
from referral_dir.domain.saying import say

SHORTEST: Final = 15
LONGEST: Final = 1000
# Known to everyone who reads this: the demo listens on loopback only and holds nothing real.
DEMO_PASSWORD: Final = "demo only, invented"  # noqa: S105
SERVICE: Final = ("referral", "directory", "referral-dir")
# What must be left beside a person's own words, and how short a piece makes a repetition.
OWN_BESIDE: Final = 8
REPEATED: Final = 8
PIECE: Final = 4
_LOOKALIKES: Final = str.maketrans("013457@$!", "oieastasi")


def normal(password: str) -> str:
    """One form for what different keyboards send for the same characters."""
    return unicodedata.normalize("NFKC", password)


def problem(password: str, about: Iterable[str] = ()) -> str | None:
    """What is wrong with it and what to do; None where nothing is. `about`: the person's name, address and so on."""
    password = normal(password)
    if len(password) < SHORTEST:
        return say("at least %(number)s characters: a few words in a row are good", number=SHORTEST)
    if len(password) > LONGEST:
        return say("at most %(number)s characters", number=LONGEST)
    text = "".join(password.casefold().split())
    if password == DEMO_PASSWORD or _is_common(text) or _is_common(text.translate(_LOOKALIKES)):
        return say("this is one of the passwords that are tried first: take a few words that do not belong together")
    if _is_series(text):
        return say("this repeats or counts: take a few words that do not belong together")
    if _beside(text, [*about, *SERVICE]) < OWN_BESIDE:
        return say("this is mostly a name that others know: take a few words that have nothing to do with you")
    return None


@cache
def common_passwords() -> frozenset[str]:
    """Passwords that guessing begins with, in small letters (data/COMMON-PASSWORDS-NOTICE.md)."""
    return frozenset(lzma.decompress((DATA / "common-passwords.txt.xz").read_bytes()).decode().split("\n"))


def _is_common(text: str) -> bool:
    """On the list; or one or two entries of it, with whatever digits and signs around them."""
    letters = "".join(c for c in text if c.isalpha())
    return any(_of_two(piece) for piece in {text, text.strip("0123456789!?.,-_*#"), letters} if len(piece) >= PIECE)


def _of_two(text: str) -> bool:
    known = common_passwords()
    return text in known or any(text[:cut] in known and text[cut:] in known
                                for cut in range(PIECE, len(text) - PIECE + 1))


def _is_series(text: str) -> bool:
    """Few characters, a short piece over and over, or the alphabet."""
    if len(set(text)) < 5:
        return True
    known = common_passwords()
    for length in range(1, len(text) // 2 + 1):
        piece = text[:length]
        if (length <= REPEATED or piece in known) and (piece * (len(text) // length + 1)).startswith(text):
            return True
    steps = [ord(b) - ord(a) for a, b in pairwise(text)]
    return sum(step in (-1, 0, 1) for step in steps) >= len(steps) - 2


def _beside(text: str, about: Iterable[str]) -> int:
    """How many letters and digits are left without the words of `about`."""
    words = {word for told in about for word in _words(told)}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, " ")
    return sum(c.isalnum() for c in text)


def _words(told: str) -> set[str]:
    told = normal(told).casefold()
    parts = "".join(c if c.isalnum() else " " for c in told).split()
    return {part for part in [*parts, told.replace(" ", "")] if len(part) > 2}
