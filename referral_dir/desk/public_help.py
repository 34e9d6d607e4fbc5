"""Finding help without signing in: a wish or words, perhaps a place and a language. Nothing of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from referral_dir import geo
from referral_dir.desk import find, limits
from referral_dir.domain import availability
from referral_dir.domain.errors import Invalid
from referral_dir.domain.need import Candidate
from referral_dir.domain.opening import Opening, OpenState, opening
from referral_dir.domain.plain_needs import Wish, at_once, needs_of
from referral_dir.domain.saying import say
from referral_dir.domain.tongues import speaks
from referral_dir.domain.vocabulary import Place
from referral_dir.store import candidates, public_queries
from referral_dir.store.db import Store, brief_transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

SHOWN: Final = 12
# As far as somebody may be able to go; where that holds nothing, as far as it is worth a call.
NEAR_KM: Final = (60.0, 300.0)
LOOKED_AT: Final = 60
LONGEST: Final = 400
# From one network: a shelter, a library or a camp shares one, so it is generous; a machine that reads all is not.
SEARCHES: Final = 120
WINDOW: Final = timedelta(minutes=10)


class WhichPlace(Invalid):
    """Several places have the name; `choices` are what may be written instead."""

    def __init__(self, choices: Sequence[str]) -> None:
        super().__init__({"near": say("There is more than one place with this name. Choose yours.")})
        self.choices = choices


@dataclass(frozen=True, slots=True)
class Question:
    """What a person asked: a wish or words, a place as it was written, and a language they speak."""

    wish: Wish | None = None
    words: str = ""
    near: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Help:
    """One service as anyone may see it."""

    service_id: UUID
    name: str
    organization: str
    says: str
    needs: tuple[str, ...]
    phones: Sequence[tuple[str, str | None]]
    opening: Opening
    distance_km: float | None
    by_phone: bool
    speaks_mine: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, and for which place."""

    place: Place | None
    found: tuple[Help, ...]
    did_you_mean: str | None = None


def may_search(store: Store, address: str | None, now: datetime) -> bool:
    """Count one search from this network; whether it is one too many is all that anybody learns of it.

    What can't be counted at once, because the database is busy, is let through: help does not wait for a counter.
    """
    with brief_transaction(store) as session:
        if session is None:
            return True
        return limits.count(session, "public.search", limits.network(address), now, window=WINDOW) <= SEARCHES


def search(session: "Session", indexes: find.Indexes, question: Question, now: datetime) -> Answer:
    """Services that anyone may know of, for a wish or for words. Raises Invalid, WhichPlace."""
    if question.wish is None and not question.words.strip():
        raise Invalid({"wish": say("Choose what you need, or write it.")})
    place = _place(question.near)
    if question.wish is None:
        return _by_words(session, indexes, question, place, now)
    wanted = needs_of(question.wish)
    # A hard wish: of those who only speak other languages there is no use.
    only_mine = question.wish is Wish.SPEAK and bool(question.language)
    rows = candidates.load_candidates(session, _ids(session, wanted, place))
    first = at_once(question.wish)
    soon = {row.service_id for row in rows if first & row.confirmed_needs}
    found = [_help(row, question.language, place, now) for row in rows if _offered(row, now)]
    found = [help for help in found if help.speaks_mine or not only_mine]
    return Answer(place, _told(session, sorted(found, key=lambda help: (help.service_id not in soon, *_order(help)))))


def _by_words(session: "Session", indexes: find.Indexes, question: Question, place: Place | None,
              now: datetime) -> Answer:
    answer = find.search_services(session, indexes, None, question.words, now, near=question.near, public=True,
                                  filters=find.SearchFilters(by_distance=place is not None))
    found = [_help(f.candidate, question.language, place, now) for f in answer.found[:SHOWN]]
    return Answer(place, _told(session, found), answer.did_you_mean)


def _ids(session: "Session", wanted: frozenset[str], place: Place | None) -> list[UUID]:
    by_phone = public_queries.remote(session, wanted, place.country if place else None, LOOKED_AT)
    if place is None:
        return list(dict.fromkeys([*by_phone, *public_queries.anywhere(session, wanted, LOOKED_AT)]))
    there: list[UUID] = []
    for km in NEAR_KM:
        there = public_queries.near(session, wanted, place.latitude, place.longitude, km, LOOKED_AT)
        if there:
            break
    return list(dict.fromkeys([*there, *by_phone]))


def _place(near: str) -> Place | None:
    if not near.strip():
        return None
    try:
        return geo.resolve_place(near)
    except geo.AmbiguousPlace as error:
        raise WhichPlace([geo.place_label(choice) for choice in error.choices]) from error
    except geo.UnknownPlace as error:
        if error.suggestions:
            raise WhichPlace([geo.place_label(choice) for choice in error.suggestions]) from error
        raise Invalid({"near": say("We do not know this place. Write the name of a town, or leave it empty.")}) \
            from error


def _offered(row: Candidate, now: datetime) -> bool:
    return row.status == "active" and not row.confidential and not availability.ended(row.offered_until, now)


def _help(row: Candidate, language: str, place: Place | None, now: datetime) -> Help:
    distance = None
    if place is not None and row.points:
        distance = round(min(geo.distance_km(place.latitude, place.longitude, *p) for p in row.points), 1)
    return Help(row.service_id, row.name, row.organization, "", tuple(sorted(row.confirmed_needs)[:4]), (),
                opening(row.schedules, row.timezone, now), distance, row.remote and not row.points,
                bool(language) and speaks(row.languages, language))


def _order(help: Help) -> tuple[bool, bool, float, str]:
    """After who helps at once: who speaks the language, who is open, who is near; by phone is as the next town."""
    far = help.distance_km if help.distance_km is not None else 30.0 if help.by_phone else 500.0
    return not help.speaks_mine, help.opening.state is OpenState.CLOSED, far, str(help.service_id)


def _told(session: "Session", found: Sequence[Help]) -> tuple[Help, ...]:
    """The first of them, with what they say of themselves and their numbers."""
    shown = found[:SHOWN]
    ids = [help.service_id for help in shown]
    says, phones = public_queries.descriptions(session, ids), candidates.phones_of(session, ids)
    return tuple(replace(help, says=says.get(help.service_id, ""), phones=phones.get(help.service_id, ()))
                 for help in shown)
