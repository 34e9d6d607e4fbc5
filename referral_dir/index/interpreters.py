"""Who could lend their voice: `domain.interpreting.choose_interpreters` over columns."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import numpy as np

from referral_dir.domain.opening import OpenState
from referral_dir.domain.tongues import Fluency
from referral_dir.index.columns import Rows
from referral_dir.index.judging import Flags, Question

# Per language; the store may have changed its mind about the first ones.
INTERPRETERS: Final = 4


def lend(question: Question, rows: Rows) -> tuple[UUID, ...]:
    """Of these rows of interpreters (confirmed by a person), for each asked language those to choose from."""
    rows = rows[_can_interpret(question, rows)]
    spoken = question.columns["languages"][rows]
    found: dict[UUID, None] = {}
    for code in question.need.languages:
        level = question.tables.languages.answers((code,)).level[spoken]
        found |= dict.fromkeys(_first(question, rows[level == Fluency.DIRECT]))
    return tuple(found)


def _can_interpret(question: Question, rows: Rows) -> Flags:
    near = question.everywhere(rows) | (question.distances(rows) <= question.need.radius_km)
    return ~question.has_ended(rows) & ~question.is_full(rows) & near & question.allowed(rows)


def _first(question: Question, rows: Rows) -> Iterator[UUID]:
    columns, hours = question.columns, question.tables.hours
    states = [hours.opening(number, question.now).state for number in columns["hours"][rows].tolist()]
    distance = np.where(question.everywhere(rows), 0.0, question.distances(rows)).tolist()
    confirmed = question.is_confirmed(rows).tolist()
    order = sorted(
        (state is not OpenState.OPEN, not sure, far, high, low)
        for state, sure, far, high, low in zip(
            states, confirmed, distance, columns["high"][rows].tolist(), columns["low"][rows].tolist(), strict=True)
        if state is not OpenState.CLOSED)
    ids = dict.fromkeys(UUID(int=high << 64 | low) for *_, high, low in order)
    yield from list(ids)[:INTERPRETERS]
