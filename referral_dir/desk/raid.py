"""Quick start: several cases at once, with the place, the needs and how soon filled in once for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from referral_dir.desk import audit, cases, find, tasks
from referral_dir.desk.cases import NewCase
from referral_dir.desk.find import Indexes
from referral_dir.desk.languages import COMMON, SPOKEN, UnknownLanguage, language_code
from referral_dir.desk.spreadsheets import UnreadableFile, read_table
from referral_dir.desk.tasks import Waiting
from referral_dir.domain import availability
from referral_dir.domain import people_list as rules
from referral_dir.domain.access import Actor, require
from referral_dir.domain.errors import Invalid, NotFound, TooOften
from referral_dir.domain.matching import Match
from referral_dir.domain.people_list import Line
from referral_dir.domain.saying import say
from referral_dir.domain.task_list import Turn
from referral_dir.domain.vocabulary import Priority
from referral_dir.store import case_queries
from referral_dir.store.cases import Case

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

LARGEST_FILE: Final = 512 * 1024
# Of one case at once: each has to be asked, and agreed to.
MOST_SERVICES: Final = 3
_TAKEN: Final = frozenset(COMMON) | frozenset(SPOKEN.values())


@dataclass(frozen=True, slots=True)
class Offer:
    """One case of several, and for what it needs services that are proposed to no other beyond their places.

    `missing` are the needs that nobody is chosen, asked or proposed for.
    """

    waiting: Waiting
    matches: Sequence[Match]
    missing: Sequence[str]


def preview(text: str, shared: NewCase) -> list[Line]:
    """The lines as they were understood, with what is shared filled in. Raises Invalid: none, or too many."""
    lines = rules.read_lines(text, _spoken)
    if not lines:
        raise Invalid({"lines": say("write one person or group per line")})
    if len(lines) > rules.MOST_LINES:
        raise Invalid({"lines": say("at most %(number)s lines at once", number=rules.MOST_LINES)})
    return [_with_shared(line, shared) for line in lines]


def lines_of_file(data: bytes) -> str:
    """A spreadsheet as lines, to be looked at before anything is made of them. Raises Invalid."""
    try:
        text, problems = rules.lines_of_table(read_table(data))
    except UnreadableFile as error:
        raise Invalid({"file": error.args[0]}) from error
    if problems:
        raise Invalid({"file": problems[0]})
    return text


def open_all(session: "Session", actor: Actor, text: str, shared: NewCase, now: datetime) -> UUID:
    """One case for every line that is understood, all known together. Raises Invalid where any is not."""
    require(actor, "case:create")
    lines = preview(text, shared)
    wrong = [line for line in lines if line.errors]
    if wrong:
        raise Invalid({"lines": say("Mend or take out the lines that are marked; then open the cases.")})
    batch_id = uuid4()
    for line in lines:
        new = replace(shared, needs=line.needs, languages=line.languages, household=line.household,
                      age_band=line.age_band, gender=line.gender, accessibility=line.accessibility,
                      priority=line.priority or shared.priority, members=line.members)
        cases.open_case(session, actor, new, now, batch_id=batch_id, batch_line=line.number)
    audit.record(session, actor, "case:create", now, purpose="referral", details={"together": len(lines)})
    return batch_id


def overview(session: "Session", indexes: Indexes, actor: Actor, batch_id: UUID, now: datetime) -> list[Offer]:
    """The cases that were opened together, and for each that waits for us a service; no place is proposed twice.

    The most urgent and the largest groups are served first, and all are shown in the order of their list. What is
    free is counted down as it is proposed; nothing is taken before a request is sent, which the store decides. Raises
    NotFound.
    """
    require(actor, "case:read")
    mine = {case.id for case in case_queries.cases_of_batch(session, actor, batch_id)}
    if not mine:
        raise NotFound(say("no such cases"))
    lines = [line for line in tasks.waiting(session, actor, now) if line.case.id in mine]
    lines.sort(key=lambda line: (line.outlook.turn is not Turn.OURS,
                                 list(Priority).index(Priority(line.case.priority)), -line.case.household,
                                 line.case.batch_line or 0))
    claimed = _claimed(session, actor, {line.case.id: line.case.household for line in lines})
    offers = [_offer(session, indexes, actor, line, claimed, now) for line in lines]
    return sorted(offers, key=lambda offer: (offer.waiting.case.batch_line or 0, offer.waiting.case.created))


def _offer(session: "Session", indexes: Indexes, actor: Actor, line: Waiting, claimed: dict[UUID, list[int]],
           now: datetime) -> Offer:
    """The best service for the case; and as long as one leaves a need open, another one for the rest."""
    missing = cases.rest(line.case, case_queries.handoffs_of_case(session, line.case.id))
    found: list[Match] = []
    while missing and len(found) < MOST_SERVICES:
        match = _best(session, indexes, actor, line.case, missing, claimed, now)
        if match is None:
            break
        found.append(match)
        missing = [code for code in missing if code not in match.needs]
    return Offer(line, found, missing)


def _claimed(session: "Session", actor: Actor, households: Mapping[UUID, int]) -> dict[UUID, list[int]]:
    """By service, the groups of these cases that were chosen or asked for there and have no place set aside yet."""
    found: dict[UUID, list[int]] = {}
    for handoff in case_queries.handoffs_from(session, actor):
        if handoff.case_id in households and handoff.ended is None \
                and case_queries.live_hold(session, handoff.id) is None:
            found.setdefault(handoff.service_id, []).append(households[handoff.case_id])
    return found


def _best(session: "Session", indexes: Indexes, actor: Actor, case: Case, missing: Sequence[str],
          claimed: dict[UUID, list[int]], now: datetime) -> Match | None:
    """The best service for what is missing that still has room for the group after what was proposed before; its places
    are counted."""
    need = cases.need_of(session, case, only=missing)
    try:
        with session.begin_nested():
            found = find.match_services(session, indexes, actor, need, now).matches
    except TooOften:
        return None
    for match in found:
        candidate = match.candidate
        if not candidate.accepts_handoffs or candidate.service_id in need.declined or not match.needs:
            continue
        if candidate.capacity is None:
            return match
        groups = [*claimed.get(candidate.service_id, ()), case.household]
        unit = candidate.capacity.unit
        if sum(availability.places_needed(unit, group) for group in groups) <= candidate.capacity.available:
            claimed[candidate.service_id] = groups
            return match
    return None


def _with_shared(line: Line, shared: NewCase) -> Line:
    errors = list(line.errors)
    wanted = tuple(dict.fromkeys((*line.needs, *shared.needs)))
    if not wanted:
        errors.append(say("no need: write one, or choose one for all below"))
    return replace(line, needs=wanted, languages=tuple(line.languages or shared.languages),
                   priority=line.priority or shared.priority, errors=tuple(errors))


def _spoken(text: str) -> str | None:
    """The code of a language that is widely spoken. Rare ones are left out: many of their names are people's names."""
    code = _widely_spoken(text)
    # "Spanish Maria" is found as Spanish: where the last word adds nothing, it is no part of the name.
    shorter = text.strip().rpartition(" ")[0]
    return None if shorter and text.strip().casefold() not in SPOKEN and _widely_spoken(shorter) == code else code


def _widely_spoken(text: str) -> str | None:
    try:
        code = language_code(text)
    except UnknownLanguage:
        return None
    return code if code in _TAKEN or len(code.partition("-")[0]) == 2 else None
