"""What a message may not hold while the provider may not know who the person is: a last look, before it is kept.

A look at words can't find everything ("the singer from the poster"). It finds what people write out of habit: names,
dates of birth, numbers and addresses by which someone is reached.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from referral_dir.domain.folding import fold
from referral_dir.domain.saying import say

LONGEST: Final = 600
# A field whose every word tells who someone is, and one of which three words in a row must be the same.
_BY_WORD: Final = frozenset({"name", "nationality"})
_IN_A_ROW: Final = 3
_EMAIL: Final = re.compile(r"\S+@\S+|(?<!\w)@\w{3,}")
_LINK: Final = re.compile(r"https?:|www\.|\b(?:wa|t|m)\.me/", re.IGNORECASE)
_DAY: Final = re.compile(r"(?<!\d)(?:\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}|\d{1,2}[-./ ]\d{1,2}[-./ ](?:\d{4}|\d{2}))(?!\d)")
# Six digits, whatever of space and sign stands between them: a telephone number, a passport, a file number.
_NUMBER: Final = re.compile(r"(?:\d[\s().\-/+]*){6,}")
_YEAR: Final = re.compile(r"(?<!\d)(19\d\d|20\d\d)(?!\d)")
# Scripts that leave no space between words, for which a name is looked for inside the text.
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
# What Arabic and Persian write in one with the word after it (and, so, by, to, like, the), as it is folded; what Korean
# writes in one with the word before it is longer than a list.
_ARABIC: Final = re.compile("[\u0600-\u06ff]")
_PREFIXES: Final = "(?:[\u0648\u0641]?[\u0628\u0644\u0643]?(?:\u0627\u0644)?)"
_HANGUL: Final = re.compile("[\uac00-\ud7a3]")
_APOSTROPHE: Final = re.compile("['\u2018\u2019\u02bc`\u00b4]")
# What is drawn as nothing, or as a change to the letter before it, and is no format character.
_UNSEEN: Final = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u20d0-\u20ff\ufe00-\ufe0f"
                             "\U000e0100-\U000e01ef]")
_DASHES: Final = re.compile("[\u2010-\u2015\u2043\u2212]")
# Letters of other scripts that are drawn like Latin ones (from Unicode's confusables, UTS 39): what the eye can't tell.
_LOOKS: Final = str.maketrans(
    "АВЕЅІЈКМНОРСТУХҮԚԜӀ" "аеѕіјкорсухһԁԛԝүӏг" "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" "ανορικυχγ" "ՍՕՏԼ" "օսոհցզ"
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ" "ıɑɡɩ",
    "ABESIJKMHOPCTYXYQWI" "aesijkopcyxhdqwylr" "ABEZHIKMNOPTYX" "avopikuxy" "UOSL" "ounhgq"
    "abcdefghijklmnoprstuvwyz" "iagi")
_SINGLE: Final = re.compile(r"(?<!\w)\w(?:[\W_]{1,2}\w(?!\w)){2,}")


def pattern_in(text: str, today: date) -> str | None:
    """What the text holds that may not be written before a yes; None where there is nothing."""
    plain = _plain(text)
    if _EMAIL.search(plain) or _LINK.search(plain.translate(_LOOKS)):
        return say("Leave out e-mail addresses, links and account names: before a yes nobody needs to be reached.")
    if _DAY.search(plain):
        return say("Leave out dates with a year: they may be a date of birth. To agree on a time, propose one.")
    if _NUMBER.search(plain):
        return say("Leave out long numbers, like telephone or passport numbers.")
    if any(1900 <= int(year) < today.year for year in _YEAR.findall(plain)):
        return say("Leave out years: they may be a year of birth. Say the age as a group, like under 18.")
    return None


def value_in(text: str, values: Mapping[str, str]) -> str | None:
    """The field whose value the text holds; None where there is nothing of any."""
    plain = _plain(text)
    looks, digits = [(look, _dresses(look(plain))) for look in (str, _drawn, _drawn_large)], re.sub(r"\D", "", plain)
    for field, value in values.items():
        for look, dresses in looks:
            if any(_holds(words, part) for part in _parts(field, look(value)) for words in dresses):
                return field
        number = re.sub(r"\D", "", _plain(value))
        if field in ("phone", "date_of_birth") and any(form in digits for form in _forms(field, number)):
            return field
    return None


def _plain(text: str) -> str:
    """Without what can't be seen, with every script's digits as 0 to 9, and one kind of dash."""
    one = _DASHES.sub("-", _UNSEEN.sub("", unicodedata.normalize("NFKC", text)))
    seen = (c for c in one if unicodedata.category(c) != "Cf")
    return "".join(str(unicodedata.digit(c, c)) for c in seen)


def _drawn(text: str) -> str:
    """With Latin letters for those of other scripts that are drawn alike ("Fаtimа" with Cyrillic ones)."""
    return _plain(text).translate(_LOOKS)


def _drawn_large(text: str) -> str:
    """In capitals, of which more are alike: "MAPTA" in Latin letters is drawn like "Марта" in capitals."""
    return _plain(text).upper().translate(_LOOKS)


def _dresses(plain: str) -> tuple[str, ...]:
    """The words as written, with what follows an apostrophe apart ("Fatima's", "Fatma'nın"), and with letters that
    stand one by one put together ("F a t i m a")."""
    apart = _APOSTROPHE.sub(" ", plain)
    together = _SINGLE.sub(lambda found: re.sub(r"[\W_]", "", found[0]), plain)
    return tuple(dict.fromkeys(f" {fold(text)} " for text in (plain, apart, together)))


def _parts(field: str, value: str) -> Iterator[str]:
    words = fold(_plain(value)).split()
    if field in _BY_WORD:
        yield from (word for word in words if len(word) > 1)
        if _UNSPACED.search(value):
            yield "".join(words)
    elif len(words) <= _IN_A_ROW:
        yield " ".join(words)
    else:
        yield from (" ".join(words[i:i + _IN_A_ROW]) for i in range(len(words) - _IN_A_ROW + 1))


def _holds(words: str, part: str) -> bool:
    if not part:
        return False
    if _UNSPACED.search(part):
        return part in words
    if _ARABIC.search(part):
        return re.search(f" {_PREFIXES}{re.escape(part)} ", words) is not None
    if _HANGUL.search(part):
        return f" {part}" in words
    return f" {part} " in words


def _forms(field: str, number: str) -> Iterator[str]:
    """A telephone number with and without its country's; a date in every order."""
    if field == "phone" and len(number) >= 6:
        yield number[-7:]
    elif field == "date_of_birth" and len(number) == 8:
        year, a, b = (number[:4], number[4:6], number[6:]) if 1900 <= int(number[:4]) < 2100 else \
            (number[4:], number[:2], number[2:4])
        yield from (year + a + b, year + b + a, a + b + year, b + a + year)
