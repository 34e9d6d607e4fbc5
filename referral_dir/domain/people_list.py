"""A list of people, one person or group per line, as somebody types it standing: "2 women 1 child, Arabic, shelter".

Forgiving about order, spelling of the separators and language; strict about what it does not know. There is no word for
a name here, so a name is refused with its line, and the other lines are kept.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Final

from referral_dir.domain.folding import fold
from referral_dir.domain.needs import needs
from referral_dir.domain.saying import say, say_many
from referral_dir.domain.vocabulary import AgeBand, Gender, Priority

MOST_LINES: Final = 60
LONGEST_LINE: Final = 300
MOST_PEOPLE: Final = 50
_CUT: Final = re.compile(r"[,;\t،؛|]+")
_TOKEN: Final = re.compile(r"\d+\+?(?:-\d+)?|[^\W\d_]+")

# Folded word -> (age band, gender) of who is meant. A word for a child says nothing of the years: the younger band.
_ADULT, _CHILD, _TEEN = (None, None), (AgeBand.CHILD, None), (AgeBand.TEEN, None)
_WHO: Final = (
    ("person persons people pax adult adults persona personas adulto adultos personne personnes adulte adultes "
     "особа особи людина люди дорослий дорослих дорослі شخص اشخاص بالغ بالغين", _ADULT),
    ("child children kid kids baby babies infant infants nino ninos nina ninas bebe enfant enfants дитина дитини діти "
     "طفل اطفال طفله", _CHILD),
    ("minor minors teen teens teenager teenagers adolescent adolescents menor menores adolescente adolescentes "
     "mineur mineurs підліток підлітки قاصر قاصرين", _TEEN),
    ("woman women female females lady ladies mujer mujeres femme femmes жінка жінки жінок امراه نساء",
     (None, Gender.FEMALE)),
    ("man men male males hombre hombres homme hommes чоловік чоловіки чоловіків رجل رجال", (None, Gender.MALE)),
    ("girl girls fille filles дівчинка дівчина дівчата فتاه فتيات", (AgeBand.CHILD, Gender.FEMALE)),
    ("boy boys garcon garcons хлопець хлопчик хлопці صبي اولاد", (AgeBand.CHILD, Gender.MALE)),
    ("trans", (None, Gender.TRANS)),
)
WHO: Final[Mapping[str, tuple[AgeBand | None, Gender | None]]] = MappingProxyType(
    {fold(word): who for words, who in _WHO for word in words.split()})
_AGE: Final = "age aged years year yo old edad anos ans ages рік роки років вік سنه سنوات عمر"
AGE_WORDS: Final = frozenset(fold(word) for word in _AGE.split())
_JOINING: Final = ("and", "with", "of", "y", "con", "et", "avec", "і", "й", "та", "з", "و")
JOINING: Final = frozenset(fold(word) for word in _JOINING)
ACCESS: Final[Mapping[str, str]] = MappingProxyType({
    "wheelchair": "wheelchair", "deaf": "hearing", "hearing": "hearing", "blind": "sight", "sight": "sight"})
# Columns of a spreadsheet -> what a cell of theirs becomes in a line: `%s people` for a number.
COLUMNS: Final[Mapping[str, str]] = MappingProxyType({
    "people": "%s people", "persons": "%s people", "adults": "%s adults", "women": "%s women", "men": "%s men",
    "children": "%s children", "minors": "%s minors", "girls": "%s girls", "boys": "%s boys", "age": "age %s",
    "gender": "%s", "sex": "%s", "language": "%s", "languages": "%s", "need": "%s", "needs": "%s",
    "access": "%s", "priority": "%s"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it was understood. With errors nothing is made of it."""

    number: int
    text: str
    household: int = 1
    age_band: str | None = None
    gender: str | None = None
    languages: Sequence[str] = ()
    needs: Sequence[str] = ()
    accessibility: Sequence[str] = ()
    priority: str | None = None
    errors: Sequence[str] = ()


@dataclass
class _Heard:
    """What was heard in a line so far."""

    count: int = 0
    bands: set[str | None] = field(default_factory=set)
    genders: set[str | None] = field(default_factory=set)
    ages: set[str | None] = field(default_factory=set)
    languages: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    access: list[str] = field(default_factory=list)
    priority: str | None = None
    errors: list[str] = field(default_factory=list)


def read_lines(text: str, language: Callable[[str], str | None]) -> list[Line]:
    """Every line that holds something, as understood. `language` names the code of a language, or None."""
    written = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    return [_read(number, line, language) for number, line in written]


def _read(number: int, text: str, language: Callable[[str], str | None]) -> Line:
    if len(text) > LONGEST_LINE:
        return Line(number, text, errors=[say("at most %(number)s characters", number=LONGEST_LINE)])
    heard = _Heard()
    for part in filter(str.strip, _CUT.split(text)):
        _hear(heard, part.strip(), language)
    if heard.count > MOST_PEOPLE:
        heard.errors.append(say("from 1 to 50 people"))
    # An age is that of all only where all are of one kind: a mother is not as old as her child.
    age = _only(heard.ages or heard.bands) if len(heard.bands) < 2 else None
    return Line(number, text, heard.count or 1, age, _only(heard.genders),
                tuple(dict.fromkeys(heard.languages)), tuple(dict.fromkeys(heard.needs)),
                tuple(dict.fromkeys(heard.access)), heard.priority, tuple(heard.errors))


def _only(found: set[str | None]) -> str | None:
    """What all have in common: a group of several kinds has none."""
    return next(iter(found)) if len(found) == 1 else None


def _hear(heard: _Heard, part: str, language: Callable[[str], str | None]) -> None:
    """One part between commas: people, an age, how soon, access, a need or a language; or nothing that is known."""
    folded = fold(part)
    if folded in set(AgeBand) or part in set(AgeBand):
        heard.ages.add(part)
    elif folded in set(Priority):
        heard.priority = folded
    elif folded in ACCESS:
        heard.access.append(ACCESS[folded])
    elif need_called(part):
        heard.needs.append(need_called(part) or "")
    elif not _people(heard, part):
        spoken = language(part)
        if spoken:
            heard.languages.append(spoken)
        else:
            heard.errors.append(say("“%(words)s” is not understood. Write how many people, their age, languages and "
                                    "needs, with commas. Write no names.", words=part[:60]))


def _people(heard: _Heard, part: str) -> bool:
    """Numbers and words for people, in any order: "2 adults and 1 child", "woman 25", "3"."""
    tokens = [fold(t) or t for t in _TOKEN.findall(part)]
    known = all(t[0].isdigit() or t in WHO or t in AGE_WORDS or t in JOINING for t in tokens)
    if not tokens or not known or fold(part).replace(" ", "") != fold(" ".join(tokens)).replace(" ", ""):
        return False
    is_age = any(t in AGE_WORDS for t in tokens)
    for place, token in enumerate(tokens):
        following = tokens[place + 1] if place + 1 < len(tokens) else ""
        if token in WHO:
            before = tokens[place - 1] if place else ""
            count = int(before) if before.isdigit() and not _is_years(tokens, place - 1) else 1
            heard.count += count
            heard.bands.add(WHO[token][0])
            heard.genders.add(WHO[token][1])
        elif token.isdigit() and following not in WHO:
            if is_age or _is_years(tokens, place):
                heard.ages.add(_band(int(token)))
            else:
                heard.count += int(token)
                heard.bands.add(None)
                heard.genders.add(None)
    return True


def _is_years(tokens: Sequence[str], place: int) -> bool:
    """A number after a word for one person, with none after it, is an age: "girl 15"."""
    return place > 0 and tokens[place - 1] in WHO and not (place + 1 < len(tokens) and tokens[place + 1] in WHO)


def _band(years: int) -> str | None:
    bands = ((11, AgeBand.CHILD), (17, AgeBand.TEEN), (25, AgeBand.YOUNG_ADULT), (59, AgeBand.ADULT))
    return next((band for last, band in bands if years <= last), AgeBand.OLDER)


@cache
def _needs_by_name() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for code, term in needs().items():
        for name in (code, term.label, *term.labels.values(), *(s for group in term.synonyms.values() for s in group)):
            found.setdefault(fold(name), code)
    return found


def need_called(text: str) -> str | None:
    """The need with this code, label or synonym, in any of its languages."""
    return _needs_by_name().get(fold(text))


def lines_of_table(rows: Sequence[Sequence[str]]) -> tuple[str, list[str]]:
    """A spreadsheet as lines; and what is wrong with its columns, which nobody guesses at: one may hold names."""
    header, *body = rows
    unknown = [name for name in header if fold(name) not in COLUMNS and name.strip()]
    if unknown:
        return "", [say_many(
            "The column “%(names)s” is not taken: a quick start holds no names. Take it out, and send the file again.",
            "The columns “%(names)s” are not taken: a quick start holds no names. Take them out, and send the file "
            "again.", len(unknown), names="”, “".join(name[:40] for name in unknown))]
    kinds = [COLUMNS.get(fold(name), "%s") for name in header]
    lines = []
    for row in body:
        cells = [kind % value.strip() for kind, value in zip(kinds, row, strict=False)
                 if value.strip() and not (value.strip() == "0" and kind.startswith("%s "))]
        if cells:
            lines.append(", ".join(cells))
    return "\n".join(lines), []
