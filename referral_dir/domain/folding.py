"""One way to fold text for comparing: case, accents, Arabic letter forms and vowels, punctuation."""

import re
import unicodedata
from typing import Final

# Forms that writers use for one another: alif with hamza or madda, ta marbuta, alif maqsura, Persian kaf and yeh.
_ARABIC: Final = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ة": "ه", "ى": "ي", "ی": "ي", "ؤ": "و",
                                "ئ": "ي", "ک": "ك", "ـ": ""})
_MARKS_TO_DROP: Final = re.compile("[\u0300-\u036f\u064b-\u065f\u0670]")
_GAPS: Final = re.compile(r"[^\w\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+|_")


def fold(text: str) -> str:
    """The text in lower case, without accents on Latin, Greek and Cyrillic letters or Arabic vowels, words apart.

    The marks of Indic and South-East Asian scripts are vowels, not accents: they stay.
    """
    lowered = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFC", _MARKS_TO_DROP.sub("", lowered)).translate(_ARABIC)
    return " ".join(_GAPS.sub(" ", plain.replace("'", "").replace("’", "")).split())
