"""Consent notices: versioned texts in data/notices, each known by the hash of exactly what was read aloud."""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from referral_dir.domain.needs import DATA

NOTICE: Final = "referral"
VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice in one language. `reviewed` is False for a translation that no person has checked yet."""

    id: str
    version: str
    language: str
    title: str
    text: str
    sha256: str
    reviewed: bool


@cache
def languages() -> tuple[str, ...]:
    """The languages in which the present version exists, English first."""
    found = sorted(p.name.split(".")[1] for p in (DATA / "notices").glob(f"{NOTICE}-{VERSION}.*.txt"))
    return tuple(sorted(found, key=lambda code: code != "en"))


def is_written(language: str) -> bool:
    """Whether there is a notice in this language or its broader one."""
    return not {language, language.partition("-")[0]}.isdisjoint(languages())


@cache
def notice(language: str) -> Notice:
    """The notice in this language, or its broader language; else in English, for an interpreter to speak."""
    choices = (language, language.partition("-")[0], "en")
    code = next(c for c in choices if c in languages())
    return _read(DATA / "notices" / f"{NOTICE}-{VERSION}.{code}.txt")


@cache
def every_notice() -> tuple[Notice, ...]:
    """All versions in all languages, the newest first."""
    found = [_read(path) for path in (DATA / "notices").glob("*.txt")]
    return tuple(sorted(found, key=lambda n: (n.id, -int(n.version), n.language != "en", n.language)))


def _read(path: Path) -> Notice:
    raw = path.read_text(encoding="utf-8")
    head, _, text = raw.partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    return Notice(NOTICE, fields["version"], fields["language"], fields["title"], text,
                  hashlib.sha256(raw.encode()).hexdigest(), fields["translation"] == "original")
