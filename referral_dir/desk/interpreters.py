"""Who can lend a voice: between the person and a service, or between the person and the officer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from referral_dir.domain import matching
from referral_dir.domain.interpreting import choose_interpreters
from referral_dir.domain.need import Candidate, Need
from referral_dir.domain.notices import is_written
from referral_dir.index.match import MatchIndex
from referral_dir.store import candidates

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from referral_dir.desk.find import Indexes


@dataclass(frozen=True, slots=True)
class Voice:
    """An interpretation service that speaks a language of the person and can be reached now, with its numbers."""

    language: str
    service: Candidate
    phones: Sequence[tuple[str, str | None]]


def interpreter_for(session: "Session", indexes: "Indexes", need: Need, service_id: UUID,
                    now: datetime) -> Candidate | None:
    """Who could interpret between the person and this service now; None where nobody needs to, or nobody can."""
    rows, lent = rows_with_lent(session, indexes.match, need, [service_id], now)
    if service_id not in rows:
        return None
    chosen = choose_interpreters(need, lent, now)
    return matching.judge(need, rows[service_id], chosen, now).language.interpreter


def voices_for_notice(session: "Session", indexes: "Indexes", need: Need, now: datetime) -> tuple[Voice, ...]:
    """Whom to call so that the consent notice can be put to the person, where it is written in none of their languages:
    one for each language for which there is somebody. Empty where it is, or where no language is known."""
    if any(is_written(code) for code in need.languages):
        return ()
    _, lent = rows_with_lent(session, indexes.match, need, (), now)
    chosen = choose_interpreters(need, lent, now)
    phones = candidates.phones_of(session, {each.service_id for each in chosen.values()})
    return tuple(Voice(code, each, phones.get(each.service_id, ())) for code, each in chosen.items())


def rows_with_lent(session: "Session", index: MatchIndex, need: Need, service_ids: Collection[UUID],
                   now: datetime) -> tuple[dict[UUID, Candidate], list[Candidate]]:
    """These services as they are now, by id, those that could interpret among them; and the latter in their order."""
    index.refresh(session)
    lent = index.propose(need, now, matches=1, near_misses=0).interpreters
    rows = {c.service_id: c for c in candidates.load_candidates(session, {*service_ids, *lent})}
    return rows, [rows[i] for i in lent if i in rows]
