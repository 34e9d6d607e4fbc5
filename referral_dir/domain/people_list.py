"""A list of people, one person or group per line, as somebody types it standing: "2 women 1 child, Arabic, shelter".

Forgiving about order, spelling of the separators and language; strict about what it does not know. There is no word for
a name here, so a name is refused with its line, word by word, and the other lines are kept.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Final

from referral_dir.domain.errors import Invalid
from referral_dir.domain.folding import fold
from referral_dir.domain.members import ADULT, GROWN_UP, Member
from referral_dir.domain.needs import needs
from referral_dir.domain.saying import say, say_many
from referral_dir.domain.vocabulary import AgeBand, Gender, Priority

MOST_LINES: Final = 60
LONGEST_LINE: Final = 300
MOST_PEOPLE: Final = 50
_CUT: Final = re.compile(r"[,;\t،؛|]+")
# "60+" and "30s" are ages; "mother+girl" are two people.
_TOKEN: Final = re.compile(r"\d+\+(?!\s*[^\W_])|\d+s(?![^\W_])|\d+-\d+|\d+|[^\W\d_]+(?:['’][^\W\d_]+)*|[+&]")
_FAMILY: Final = re.compile(r"\b(?:family|familia|famille|group|grupo|groupe)\s+(?:of|de)\s+(?=\d)", re.IGNORECASE)
_IGNORED: Final = re.compile(r"[\s.:()/&+~≈×-]+")
LONGEST_NAME: Final = 4
# A number between two words for people is an age from here on: "woman 30 girl 6", but "woman 2 girls".
FEWEST_YEARS: Final = 12
SHORTEST_LANGUAGE: Final = 3

# Folded word -> (age band, gender) of who is meant. A word for a child says nothing of the years: the younger band.
_ANYONE, _ADULT, _CHILD, _TEEN = (None, None), (AgeBand.GROWN_UP, None), (AgeBand.CHILD, None), (AgeBand.TEEN, None)
_WHO: Final = (
    ("person persons people pax persona personas personne personnes особа особи осіб людина люди людей شخص اشخاص",
     _ANYONE),
    ("adult adults adulto adultos adulta adultas adulte adultes дорослий дорослих дорослі بالغ بالغين", _ADULT),
    ("child children kid kids baby babies infant infants nino ninos nina ninas bebe enfant enfants дитина дитини діти "
     "طفل اطفال طفله", _CHILD),
    ("minor minors teen teens teenager teenagers adolescent adolescents menor menores adolescente adolescentes "
     "mineur mineurs підліток підлітки قاصر قاصرين", _TEEN),
    ("woman women female females lady ladies mother mothers mum mom wife grandmother mujer mujeres madre madres esposa "
     "femme femmes mere meres epouse жінка жінки жінок мати мама матері дружина امراه نساء ام زوجه",
     (None, Gender.FEMALE)),
    ("man men male males father fathers dad husband grandfather hombre hombres padre padres esposo homme hommes pere "
     "peres mari чоловік чоловіки чоловіків батько тато رجل رجال اب زوج", (None, Gender.MALE)),
    ("girl girls daughter daughters hija hijas fille filles дівчинка дівчина дівчата донька дочка فتاه فتيات بنت بنات",
     (AgeBand.CHILD, Gender.FEMALE)),
    ("boy boys son sons hijo hijos garcon garcons fils хлопець хлопчик хлопці син сини صبي اولاد ولد",
     (AgeBand.CHILD, Gender.MALE)),
    ("trans", (None, Gender.TRANS)),
)
_SPANS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType({
    AgeBand.CHILD: (0, 11), AgeBand.TEEN: (12, 17), AgeBand.YOUNG_ADULT: (18, 25), AgeBand.ADULT: (26, 59),
    AgeBand.OLDER: (60, 110), AgeBand.GROWN_UP: GROWN_UP})
WHO: Final[Mapping[str, tuple[AgeBand | None, Gender | None]]] = MappingProxyType(
    {fold(word): who for words, who in _WHO for word in words.split()})
_AGE: Final = "age aged years year yo y old edad anos ans ages рік роки років вік سنه سنوات عمر"
AGE_WORDS: Final = frozenset(fold(word) for word in _AGE.split())
# What says nothing by itself: "a woman and her baby, around 30".
_JOINING: Final = ("and with of a an one the her his their plus also speaks speaking needs need around about circa ca "
                   "approx approximately roughly maybe nearly almost y con una un su sus de la el habla necesita unos "
                   "aproximadamente casi alrededor et avec une son sa ses du des parle environ presque і й та з із має "
                   "говорить близько приблизно десь біля و مع حوالي تقريبا نحو")
JOINING: Final = frozenset({*(fold(word) for word in _JOINING.split()), "+", "&"})
# Who writes "shelter" for somebody tonight means a bed, and not any housing.
MEANT: Final[Mapping[str, str]] = MappingProxyType({"shelter": "shelter.emergency"})
ACCESS: Final[Mapping[str, str]] = MappingProxyType({
    "wheelchair": "wheelchair", "deaf": "hearing", "hearing": "hearing", "blind": "sight", "sight": "sight"})
# What a column says of everybody in its row, and how a form writes it.
EACH: Final = "each "
_OF_EACH: Final = MappingProxyType({**WHO, "f": (None, Gender.FEMALE), "m": (None, Gender.MALE)})
# Columns of a spreadsheet -> what a cell of theirs becomes in a line: `%s people` for a number.
COLUMNS: Final[Mapping[str, str]] = MappingProxyType({
    "people": "%s people", "persons": "%s people", "adults": "%s adults", "women": "%s women", "men": "%s men",
    "children": "%s children", "minors": "%s minors", "girls": "%s girls", "boys": "%s boys", "age": "age %s",
    "gender": "each %s", "sex": "each %s", "language": "%s", "languages": "%s", "need": "%s", "needs": "%s",
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
    members: Sequence[Member] = ()
    errors: Sequence[str] = ()


@dataclass
class _Heard:
    """What was heard in a line so far. `ages` are of nobody in particular."""

    people: list[Member] = field(default_factory=list)
    ages: list[tuple[int, int]] = field(default_factory=list)
    each: tuple[AgeBand | None, Gender | None] = (None, None)
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
    people = heard.people[:MOST_PEOPLE + 1] or [Member()]
    if len(people) > MOST_PEOPLE:
        heard.errors.append(say("from 1 to 50 people"))
    people = _settle([_described(person, *heard.each) for person in people], heard.ages)
    # Who is called a woman or a man, and not by an age, is of age.
    people = [_aged(each, GROWN_UP) if each.gender in (Gender.FEMALE, Gender.MALE) and each.youngest is None else each
              for each in people]
    known = len(people) > 1 and any(each != Member() for each in people)
    return Line(number, text, len(people), _only({_band_of(each) for each in people}),
                _only({each.gender for each in people}), tuple(dict.fromkeys(heard.languages)),
                tuple(dict.fromkeys(heard.needs)), tuple(dict.fromkeys(heard.access)), heard.priority,
                tuple(people) if known else (), tuple(heard.errors))


def _only(found: set[str | None]) -> str | None:
    """What all have in common: a group of several kinds has none."""
    return next(iter(found)) if len(found) == 1 else None


def _aged(member: Member, span: tuple[int, int]) -> Member:
    return replace(member, youngest=span[0], oldest=span[1])


def _described(person: Member, band: AgeBand | None, gender: Gender | None) -> Member:
    """With what a column says of all in its row."""
    known = replace(person, gender=person.gender or gender)
    return _aged(known, _SPANS[band]) if band and known.youngest is None else known


def _band_of(member: Member) -> str | None:
    if member.youngest is None or member.oldest is None:
        return None
    same = next((band for band, span in _SPANS.items() if span == (member.youngest, member.oldest)), None)
    low, high = _band(member.youngest), _band(member.oldest)
    return same or (low if low == high else AgeBand.GROWN_UP if member.youngest >= ADULT else None)


def _hear(heard: _Heard, part: str, language: Callable[[str], str | None]) -> None:
    """One part between commas: as a whole an age, a need or a language; else word by word."""
    if part in _SPANS:
        _an_age(heard, _SPANS[part], len(heard.people))
        return
    column = fold(part.removeprefix(EACH)) if part.startswith(EACH) else ""
    if column in _OF_EACH:
        heard.each = _OF_EACH[column]
        return
    part = _FAMILY.sub("", part)
    if not part or _named(heard, part, language, shortest=1):
        return
    words = [match.group() for match in _TOKEN.finditer(part)]
    rest = _IGNORED.sub("", _TOKEN.sub("", part))
    unknown = _people(heard, words, language) if words and not rest else [part]
    heard.errors += [say("“%(words)s” is not understood. Write how many people, their age, languages and needs, with "
                         "commas. Write no names.", words=each[:60]) for each in unknown]


def _named(heard: _Heard, text: str, language: Callable[[str], str | None], shortest: int) -> bool:
    """Whether it is how soon, access, a need or a language, which is then kept."""
    folded, need = fold(text), need_called(text)
    spoken = language(text) if len(text) >= shortest and folded not in WHO.keys() | AGE_WORDS else None
    if folded in set(Priority):
        heard.priority = folded
    elif folded in ACCESS:
        heard.access.append(ACCESS[folded])
    elif need:
        heard.needs.append(need)
    elif spoken:
        heard.languages.append(spoken)
    return bool(folded in set(Priority) or folded in ACCESS or need or spoken)


def _people(heard: _Heard, words: Sequence[str], language: Callable[[str], str | None]) -> list[str]:
    """Numbers and words, in any order: "2 adults and 1 child", "woman around 25 spanish", "3". Returns what is not
    understood, words that stand together as one."""
    unknown: list[str] = []
    folded = [word if word[0].isdigit() else fold(word) or word for word in words]
    place, last_unknown, since = 0, -1, len(heard.people)
    while place < len(words):
        taken = _next_named(heard, words, place, language)
        if not taken:
            taken = 1
            if not _person_or_number(heard, folded, place, since):
                together = unknown and last_unknown == place - 1
                unknown[len(unknown) - bool(together):] = [" ".join([*unknown[-1:], words[place]]) if together
                                                           else words[place]]
                last_unknown = place
        place += taken
    return unknown


def _next_named(heard: _Heard, words: Sequence[str], place: int, language: Callable[[str], str | None]) -> int:
    """How many words from here name a need, a language or the like, the longest name first; 0 where none does."""
    if words[place][0].isdigit() or fold(words[place]) in WHO.keys() | JOINING | AGE_WORDS:
        return 0
    return next((size for size in range(min(LONGEST_NAME, len(words) - place), 0, -1)
                 if _named(heard, " ".join(words[place:place + size]), language, SHORTEST_LANGUAGE)), 0)


def _person_or_number(heard: _Heard, words: Sequence[str], place: int, since: int) -> bool:
    """One word for people, their number or an age; False for a word that is none of these."""
    word = words[place]
    if word in WHO:
        band, gender = WHO[word]
        before = _said_before(words, place)
        count = int(before) if before.isdigit() and not _is_years(words, place) else 1
        if count >= FEWEST_YEARS and words[place - 2:place - 1] and words[place - 2] in WHO:
            count = 1
        member = Member(gender, *(_SPANS[band] if band else (None, None)))
        heard.people += [member] * min(count, MOST_PEOPLE + 1)
        if _is_years(words, place):  # "6 year old girl"
            heard.people[-1] = _aged(member, _span(before))
        return True
    if word[0].isdigit():
        _number(heard, words, place, since)
        return True
    return word in AGE_WORDS or word in JOINING


def _number(heard: _Heard, words: Sequence[str], place: int, since: int) -> None:
    """A number before a word for people counts them, and is read with that word; any other is an age, or a count."""
    following = next((word for word in words[place + 1:] if word not in AGE_WORDS), "")
    # "woman 30 girl 6": nobody counts as many girls who has just named one woman.
    years = place > 0 and words[place - 1] in WHO and words[place].isdigit() and int(words[place]) >= FEWEST_YEARS
    if following in WHO and not years and (words[place].isdigit() or words[place + 1] in AGE_WORDS):
        return
    is_age = not words[place].isdigit() or any(word in AGE_WORDS for word in words)
    if is_age or heard.people:
        _an_age(heard, _span(words[place]), since)
    else:
        heard.people += [Member()] * min(int(words[place]), MOST_PEOPLE + 1)


def _an_age(heard: _Heard, span: tuple[int, int], since: int) -> None:
    """It is of who was named last in this part and may be so old; else, written by itself, of the only one; else of
    nobody in particular."""
    here = heard.people[since:] if len(heard.people) > since else heard.people if len(heard.people) == 1 else []
    group = [place for place, each in enumerate(heard.people) if here and each == here[-1]]
    # A number of people about whom nothing is said is no group whose first is meant.
    if not group or not _may_be(here[-1], span) or (len(group) > 1 and here[-1] == Member()):
        heard.ages.append(span)
    else:
        heard.people[group[0]] = _aged(here[-1], span)


def _may_be(member: Member, span: tuple[int, int]) -> bool:
    """Whether nobody said their years yet, and a child stays one."""
    if member.youngest is None:
        return True
    return (member.youngest, member.oldest) in _SPANS.values() and member.is_child == (span[0] < ADULT)


def _settle(people: list[Member], ages: Sequence[tuple[int, int]]) -> list[Member]:
    """Ages of nobody in particular: one for people of one kind is that of all; else each is of the first who may be."""
    if len(set(people)) == 1 and len(ages) == 1 and _may_be(people[0], ages[0]):
        return [_aged(each, ages[0]) for each in people]
    for span in ages:
        place = next((place for place, each in enumerate(people) if _may_be(each, span)), None)
        if place is not None:
            people[place] = _aged(people[place], span)
    return people


def _said_before(words: Sequence[str], place: int) -> str:
    """The number right before, "year" and "old" left out."""
    return next((word for word in reversed(words[:place]) if word not in AGE_WORDS), "")


def _is_years(words: Sequence[str], place: int) -> bool:
    """Whether "year old" stands between this word for people and a number before it."""
    before = _said_before(words, place)
    return before[:1].isdigit() and words[place - 1] in AGE_WORDS


def _span(number: str) -> tuple[int, int]:
    low, _, high = number.partition("-")
    if low.endswith("s"):
        low, high = low[:-1], str(int(low[:-1]) + 9)
    years = min(int(low.rstrip("+")), 110)
    return years, 110 if low.endswith("+") else max(years, min(int(high or years), 110))


def _band(years: int) -> str | None:
    return next((band for band, (_, last) in _SPANS.items() if years <= last), AgeBand.OLDER)


@cache
def _needs_by_name() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for code, term in needs().items():
        for name in (code, term.label, *term.labels.values(), *(s for group in term.synonyms.values() for s in group)):
            found.setdefault(fold(name), code)
    return found


def need_called(text: str) -> str | None:
    """The need with this code, label or synonym, in any of its languages."""
    found = _needs_by_name().get(fold(text))
    return MEANT.get(found, found) if found else None


def people_of(text: str) -> Sequence[Member]:
    """Who belongs to one group, as typed: "woman, girl 6". Raises Invalid with the words that are not understood."""
    lines = read_lines(" , ".join(text.splitlines()), lambda _: None)
    errors = [error for line in lines for error in line.errors]
    if errors:
        raise Invalid({"members": errors[0]})
    return lines[0].members if lines else ()


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
