"""What was said in English, in another language: from `translations/LANGUAGE.po`, read as it is written there.

Catalogues are read when a language is first asked for (a quarter of a second), so nothing is compiled or kept twice.
"""

import io
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel import Locale
from babel.dates import format_datetime
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from referral_dir.desk.languages import language_name
from referral_dir.domain.needs import label
from referral_dir.domain.saying import Kind, Said

FOLDER: Final = Path(__file__).resolve().parents[2] / "translations"
COMMAS: Final = {"ar": "، "}
RIGHT_TO_LEFT: Final = frozenset({"ar"})
VALUE: Final = re.compile(r"%\(\w+\)[sd]")
# First strong isolate, and its end: between them a value is laid out by its own direction.
ISOLATED: Final = "\u2068\\g<0>\u2069"


@cache
def catalogue(language: str) -> Translations:
    """The catalogue of a language of the pages; an empty one, which leaves the English, where there is none."""
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return Translations()
    compiled = io.BytesIO()
    with path.open("rb") as file:
        write_mo(compiled, isolated(read_po(file, locale=language)) if language in RIGHT_TO_LEFT else
                 read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def isolated(texts: Catalog) -> Catalog:
    """With each value kept apart from the sentence around it: "77 Main Street (east)" within Arabic would otherwise be
    read as "Main Street 77", its brackets and commas where the sentence ends."""
    for text in texts:
        said: Any = text.string or ""
        text.string = (tuple(VALUE.sub(ISOLATED, form) for form in said) if isinstance(said, (tuple, list))
                       else VALUE.sub(ISOLATED, said))
    return texts


def in_language(value: Any, language: str) -> Any:
    """A Said in the language; everything else as it is."""
    return _said(value, language) if isinstance(value, Said) else value


def _said(said: Said, language: str) -> str:
    values = {name: in_language(value, language) for name, value in said.values.items()}
    if said.kind is Kind.SENTENCE:
        text = str(catalogue(language).ugettext(said.source)) if said.source else ""
        return text % values if values else text
    match said.kind:
        case Kind.PLURAL:
            one, many = said.source
            return str(catalogue(language).ungettext(one, many, said.values["number"])) % values
        case Kind.LIST:
            return COMMAS.get(language, ", ").join(in_language(part, language) for part in said.source)
        case Kind.NEED:
            return label(said.source, language)
        case Kind.LANGUAGE:
            return language_name(said.source, language)
    return str(format_datetime(said.source, "EEE HH:mm", locale=Locale(language)))
