"""Random questions to the desk and the indexes: each is a function of one side, asked of both."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from referral_dir.desk import find, interpreters, public_help
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Refused
from referral_dir.domain.need import Need
from referral_dir.domain.needs import needs
from referral_dir.domain.plain_needs import Wish
from referral_dir.domain.vocabulary import Gender
from referral_dir.interop.answers_json import explanation_json, match_json, search_json
from tests.noninterference.documents import HIDDEN, NAMES, PUBLIC, STREETS, TONGUES, ZONES, an_id
from tests.noninterference.twins import NOW, Side

TOWNS: Final = (*(f"{z[0]}, {z[1]}" for z in ZONES), "Amman", "إربد", "Key West", "Springfield", "nowhere at all", "")
WORDS: Final = ("shelter", "safe house", "legal advice", "clinic", "comida", "مأوى", "юрист", "hidden", "lawyr",
                "Invented", "bed", "open", "organization 3", "canary", *STREETS, "circle", "House", "withheld", "a", "")
CODES: Final = (*needs(), "nothing.of.this.kind")
LANGUAGES: Final = (*sorted({code for codes in TONGUES for code in codes}), "French", "so", "Qwertyish")


@dataclass(frozen=True, slots=True)
class Chance:
    """Where random input comes from: a source of numbers, and texts and numbers that somebody thought of."""

    random: Random
    texts: Sequence[str] = ("",)
    numbers: Sequence[float] = (0.0,)

    def text(self) -> str:
        """A word that the directory knows, or one of the texts."""
        pool = WORDS if self.random.random() < 0.7 else self.texts
        return self.random.choice(pool)

    def number(self) -> float:
        """Often a sensible distance."""
        if self.random.random() < 0.95:
            return round(10 ** self.random.uniform(-0.5, 3), self.random.randint(0, 4))
        return self.random.choice(self.numbers)

    def place(self) -> str:
        """A town, or a point in or about a zone: what an attacker would try."""
        if self.random.random() < 0.1:
            return self.random.choice(TOWNS)
        zone, reach = self.random.choice(ZONES), 10 ** self.random.uniform(-2, 0.5)
        return f"{zone[3] + self.random.uniform(-reach, reach):.5f},{zone[4] + self.random.uniform(-reach, reach):.5f}"

    def some(self, pool: Sequence[str], most: int = 2) -> list[str]:
        """A few of these."""
        return self.random.sample(pool, self.random.randint(0, most))

    def service(self) -> UUID:
        """One of the services, hidden ones more often, or none."""
        roll = self.random.random()
        if roll < 0.05:
            return uuid5(NAMES, str(self.random.random()))
        if roll < 0.6:
            return UUID(an_id(f"Hidden {self.random.randrange(HIDDEN)} (invented)"))
        return UUID(an_id(f"Open {self.random.randrange(PUBLIC)} (invented)"))


Question = Callable[[Side, Session], Any]


def a_need(chance: Chance) -> Mapping[str, Any]:
    """What `find.make_need` takes."""
    r = chance.random
    age = r.choice((None, None, 8, 15, 17, 30, 70))
    return {
        "needs": chance.some(CODES[:-1], 3) or ["shelter.emergency"], "near": chance.place(),
        "languages": chance.some(LANGUAGES[:-1]), "radius_km": chance.number(),
        "ages": (age, age) if age is not None else None, "gender": r.choice((None, None, *Gender)),
        "household": r.choice((1, 1, 1, 2, 4)), "accessibility": ["wheelchair"] if r.random() < 0.1 else [],
        "nationality": r.choice((None, None, "SY")), "open_now": r.random() < 0.2,
        "excluded_areas": [(chance.place(), chance.number())] if r.random() < 0.15 else [],
        "excluded_communities": ["invented"] if r.random() < 0.05 else []}


def _need(asked: Mapping[str, Any]) -> Need:
    return find.make_need(**asked)


def match_services(chance: Chance) -> Question:
    """The whole answer: matches, near misses, totals, wider radius, phones."""
    asked, signed_in = a_need(chance), chance.random.random() < 0.3

    def ask(side: Side, session: Session) -> Any:
        answer = find.match_services(session, side.indexes, side.cast.olga if signed_in else None, _need(asked), NOW)
        return repr(answer), match_json(answer)
    return ask


def explain_match(chance: Chance) -> Question:
    """Why this one was or was not offered."""
    asked, service_id = a_need(chance), chance.service()

    def ask(side: Side, session: Session) -> Any:
        told = find.explain_match(session, side.indexes, _need(asked), service_id, NOW)
        return repr(told), explanation_json(told)
    return ask


def interpreter_for(chance: Chance) -> Question:
    """Who could interpret there."""
    asked, service_id = a_need(chance), chance.service()
    return lambda side, session: repr((
        interpreters.interpreter_for(session, side.indexes, _need(asked), service_id, NOW),
        interpreters.voices_for_notice(session, side.indexes, _need(asked), NOW)))


def search_services(chance: Chance) -> Question:
    """By words, near a point, in a radius, in order of distance, with facets: by staff and in public."""
    r, text = chance.random, chance.text()
    near = chance.place() if r.random() < 0.7 else ""
    filters = find.SearchFilters(
        tuple(chance.some(CODES, 1)), tuple(chance.some(LANGUAGES, 1)), r.random() < 0.2,
        ("wheelchair",) if r.random() < 0.05 else (), chance.number() if r.random() < 0.5 else None, r.random() < 0.5)
    public, signed_in = r.random() < 0.3, r.random() < 0.5

    def ask(side: Side, session: Session) -> Any:
        answer = find.search_services(session, side.indexes, side.cast.olga if signed_in else None, text, NOW,
                                      near=near, filters=filters, public=public)
        return repr(answer), search_json(answer)
    return ask


def public_help_search(chance: Chance) -> Question:
    """What the public pages answer to a wish or to words."""
    r = chance.random
    asked = public_help.Question(r.choice((None, *Wish)), chance.text(), chance.place() if r.random() < 0.8 else "",
                                 r.choice(("", *LANGUAGES[:-1])))
    return lambda side, session: repr(public_help.search(session, side.indexes, asked, NOW))


def read_service(chance: Chance) -> Question:
    """One service, by an officer, a caseworker who does not keep it, or anyone."""
    service_id, who = chance.service(), chance.random.choice((None, "olga", "carl"))

    def ask(side: Side, session: Session) -> Any:
        actor: Actor | None = getattr(side.cast, who) if who else None
        view = find.read_service(session, actor, service_id, NOW)
        p = view.parts
        parts = [[row.__dict__ for row in rows] for rows in (
            p.locations, p.addresses, p.phones, p.schedules, p.languages, p.areas, p.eligibility, p.needs)]
        return _plain([view.service.__dict__, parts, repr(view.opening), [c[0].__dict__ for c in p.capacities]])
    return ask


def compare_services(chance: Chance) -> Question:
    """Two or three side by side, for one need."""
    asked = a_need(chance)
    chosen = [chance.service() for _ in range(chance.random.randint(2, 3))]
    return lambda side, session: repr(
        find.compare_services(session, side.indexes, side.cast.olga, _need(asked), chosen, NOW))


def organizations_named(chance: Chance) -> Question:
    """Organizations by words of their name."""
    names = [chance.text()[:80] or "x" for _ in range(chance.random.randint(0, 2))]
    return lambda side, session: find.organizations_named(session, names)


def type_ahead(chance: Chance) -> Question:
    """Words of the directory that begin like this or are spelled nearly so. (Places come from the gazetteer alone.)"""
    text, public = chance.text()[:chance.random.randint(1, 12)], chance.random.random() < 0.5

    def ask(side: Side, session: Session) -> Any:
        index = side.indexes.text
        return index.suggest(text, public_only=public), index.near(text, public_only=public)
    return ask


def _plain(value: Any) -> str:
    """Rows as text, without what SQLAlchemy keeps beside the columns."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_plain(v)}" for k, v in sorted(value.items()) if not k.startswith("_sa")) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return repr(value)


def name_of_service(chance: Chance) -> Question:
    """What one service is called."""
    service_id = chance.service()
    return lambda side, session: find.name_of_service(session, side.cast.olga, service_id)


# Every function of desk/find.py is among them, as a test checks.
KINDS: Final[Mapping[str, tuple[int, Callable[[Chance], Question]]]] = {
    "match_services": (45, match_services), "explain_match": (20, explain_match),
    "search_services": (20, search_services), "interpreter_for": (5, interpreter_for),
    "public_help_search": (5, public_help_search), "compare_services": (6, compare_services),
    "read_service": (6, read_service), "name_of_service": (2, name_of_service),
    "organizations_named": (2, organizations_named), "type_ahead": (2, type_ahead)}


def questions(chance: Chance, count: int) -> Iterator[tuple[str, Question]]:
    """So many random questions, each with its kind."""
    kinds = chance.random.choices(list(KINDS), [weight for weight, _ in KINDS.values()], k=count)
    for kind in kinds:
        yield kind, KINDS[kind][1](chance)


def answered(question: Question, side: Side, session: Session) -> Any:
    """The answer, or the refusal as words: refusals must be equal too."""
    try:
        return question(side, session)
    except Refused as error:
        return type(error).__name__, str(error), getattr(error, "errors", None)
