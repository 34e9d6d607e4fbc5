"""How far an answer could be narrowed (domain/narrowing.py), of services that are counted and not loaded."""

from collections.abc import Iterable, Mapping
from uuid import UUID

import numpy as np

from referral_dir.domain.narrowing import Only
from referral_dir.domain.opening import OpenState
from referral_dir.domain.tongues import Fluency
from referral_dir.index.columns import Rows
from referral_dir.index.judging import Question


def counts(question: Question, ids: Iterable[UUID]) -> Mapping[Only, int]:
    """Of these services that match: how many pass each way to narrow. One that the index does not hold counts for
    nothing."""
    columns = question.columns
    rows: Rows = np.array([row for each in ids for row in columns.rows_of(each.int)[:1]], dtype=np.int64)
    return {Only.OPEN: _open(question, rows), Only.FREE: int(question.is_enough(rows).sum()),
            Only.SPEAKS: _speaking(question, rows),
            Only.PHONE: int(question.tables.profiles.remote[columns["profile"][rows]].sum())}


def _open(question: Question, rows: Rows) -> int:
    hours = question.tables.hours
    numbers, times = np.unique(question.columns["hours"][rows], return_counts=True)
    return sum(count for number, count in zip(numbers.tolist(), times.tolist(), strict=True)
               if hours.opening(number, question.now).state is OpenState.OPEN)


def _speaking(question: Question, rows: Rows) -> int:
    """Those that need nobody to interpret."""
    if not question.need.languages:
        return 0
    level = question.tables.languages.answers(question.need.languages).level[question.columns["languages"][rows]]
    return int(((level == Fluency.SAME) | (level == Fluency.DIRECT)).sum())
