"""Languages as people write them -> BCP 47 tags, and tags -> names."""

from collections.abc import Iterable
from functools import cache
from typing import Final

import langcodes

from referral_dir.domain.saying import say

# Names that langcodes reads as something else than people here mean, or not at all.
SPOKEN: Final = {"creole": "ht", "haitian": "ht", "kreyol": "ht", "kreyòl": "ht", "dari": "prs", "farsi": "fa",
                 "kurmanji": "kmr", "sorani": "ckb", "american sign language": "ase", "asl": "ase",
                 "mandarin": "cmn", "cantonese": "yue", "tagalog": "tl"}
COMMON: Final = ("en", "es", "fr", "ht", "ar", "uk", "ru", "prs", "fa", "pt", "so", "ti", "am", "bn", "ur", "hi",
                 "vi", "zh", "th", "ro", "sq", "tr", "sw", "yo", "ase")


class UnknownLanguage(ValueError):
    """A word that names no language that is known."""


@cache
def language_code(text: str) -> str:
    """The BCP 47 tag for a tag or a name ("ht", "Haitian Creole", "العربية"). Raises UnknownLanguage."""
    written = text.strip()
    if written.casefold() in SPOKEN:
        return SPOKEN[written.casefold()]
    if written and len(written) <= 60:
        if langcodes.tag_is_valid(written):
            return langcodes.standardize_tag(written)
        try:
            return str(langcodes.find(written))
        except LookupError:
            pass
    raise UnknownLanguage(say(
        "“%(name)s” is not a language that is known: write its name, or a code like “ht” or “ar”", name=written[:60]))


@cache
def language_name(code: str, display: str = "en") -> str:
    """The language's name in another language; its own name where `display` is the same."""
    return str(langcodes.Language.get(code).display_name(display)) if langcodes.tag_is_valid(code) else code


@cache
def own_name(code: str) -> str:
    """The language's name in itself."""
    return str(langcodes.Language.get(code).autonym()) if langcodes.tag_is_valid(code) else code


def language_codes(texts: Iterable[str]) -> list[str]:
    """Tags without doubles, in order. Raises UnknownLanguage."""
    return list(dict.fromkeys(language_code(text) for text in texts if text.strip()))
