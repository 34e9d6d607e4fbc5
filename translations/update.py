"""Read every marked text out of the code and the templates, and bring the catalogues beside this file up to date.

    .venv/bin/python translations/update.py

New texts come in without a translation, and texts that are gone go. `tests/test_translations.py` fails until each has
one.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from referral_dir.domain.saying import UI_LANGUAGES  # noqa: E402

FOLDER = ROOT / "translations"
TRANSLATED = tuple(language for language in UI_LANGUAGES if language != "en")
KEYWORDS: dict[str, Any] = {"_": None, "gettext": None, "say": None, "ngettext": (1, 2), "say_many": (1, 2)}
READ = (("referral_dir", [("**.py", "python")]),
        ("templates", [("**.html", "jinja2.ext:babel_extract")]))
HEADER = """\
# What the pages say in {language}. English is the key.
# Entries that say "awaits review" were translated by a machine and have not been read by a speaker yet: whoever
# reviews one takes that line away.
#"""
AWAITS_REVIEW = "awaits review"


def messages() -> Iterator[tuple[Any, str]]:
    """Every marked text (for a plural: both) and the file that it is in."""
    for folder, methods in READ:
        for name, _, message, _, _ in extract_from_dir(str(ROOT / folder), methods, {}, KEYWORDS):
            yield message, f"{folder}/{name}"


def template() -> Catalog:
    """A catalogue of all texts, without translations."""
    found = Catalog(charset="utf-8")
    for message, name in messages():
        found.add(message, locations=[(name, 0)])
    return found


def read(language: str) -> Catalog:
    """The catalogue of a language; an empty one where there is none yet."""
    path = FOLDER / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def write(language: str, catalogue: Catalog) -> None:
    """In the order of the texts, with the files but no line numbers: a diff shows what changed and nothing else."""
    catalogue.project, catalogue.version, catalogue.msgid_bugs_address = "referral-dir", "", ""
    catalogue.last_translator, catalogue.language_team = "", ""
    catalogue.header_comment = HEADER.format(language=catalogue.locale.english_name)
    catalogue.fuzzy = False
    with (FOLDER / f"{language}.po").open("wb") as file:
        write_po(file, catalogue, width=120, sort_output=True, ignore_obsolete=True, include_lineno=False,
                 omit_header=False)


def forms(message: Message) -> tuple[str, ...]:
    """The translations of a message: one, or one for each plural form; empty where there is none."""
    said: Any = message.string
    return tuple(said) if isinstance(said, (tuple, list)) else (said or "",)


def main() -> None:
    texts = template()
    for language in TRANSLATED:
        catalogue = read(language)
        catalogue.update(texts, no_fuzzy_matching=True)
        write(language, catalogue)
        open_ = [m for m in catalogue if m.id and not all(forms(m))]
        sys.stdout.write(f"{language}: {len(catalogue)} texts, {len(open_)} without a translation\n")


if __name__ == "__main__":
    main()
