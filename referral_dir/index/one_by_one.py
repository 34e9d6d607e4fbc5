"""`judging.py` row by row: by Python for a few, compiled for any number, by the one loop of `loop.py`.

Both know nothing of what is asked rarely, hours and what is to be avoided: see `Question.is_plain`.
"""

from functools import reduce

import numpy as np

from referral_dir.domain.tongues import Fluency
from referral_dir.index.columns import Rows
from referral_dir.index.compiled import Loops
from referral_dir.index.judging import Judged, Question
from referral_dir.index.loop import Told, Wanted, judge_rows


def judged_by_python(question: Question, rows: Rows, reach_km: float, allowed_unmet: int, *,
                     interpreted: bool) -> Judged:
    """See Question.judged."""
    few, levels, read = rows.tolist(), _levels(question, interpreted).data, question.columns.memory
    if not allowed_unmet:
        few = [row for row in few if levels[read.languages[row]]]
    if not few:
        return Judged([], [], [], [], [])
    units = question.tables.units
    verdicts = [verdict.data for verdict in question.verdicts(len(few))]
    told = Told(levels, verdicts, question.area_told.data, units.shelf_life.data, units.is_bed.data)
    places, numbers = few.copy(), [few.copy(), few.copy(), few.copy(), few.copy()]
    count = judge_rows(few, read, told, _wanted(question, reach_km, allowed_unmet), question.masks, places, numbers)
    return _nearest(question, Judged(places[:count], *[each[:count] for each in numbers]))


def judged_compiled(question: Question, rows: Rows, reach_km: float, allowed_unmet: int, loops: Loops, *,
                    interpreted: bool) -> Judged:
    """See Question.judged."""
    units = question.tables.units
    # One sum: the loop would be compiled anew for every number of verdicts.
    verdicts = (reduce(np.add, question.verdicts(len(rows))),)
    told = Told(_levels(question, interpreted), verdicts, question.area_told, units.shelf_life, units.is_bed)
    places, numbers = np.empty(len(rows), dtype=np.int64), np.empty((4, len(rows)))
    count = loops.judge_rows(rows, question.columns.read, told, _wanted(question, reach_km, allowed_unmet),
                             np.array(question.masks, dtype=np.uint64), places, numbers)
    return _nearest(question, Judged(places[:count], *numbers[:, :count]))


def _levels(question: Question, interpreted: bool) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    speaking = question.speaking(interpreted)
    if speaking is None:
        return np.full(len(question.tables.languages.values), Fluency.DIRECT, dtype=np.int8)
    return speaking


def _wanted(question: Question, reach_km: float, allowed_unmet: int) -> Wanted:
    need = question.need
    return Wanted(float(need.place.latitude), float(need.place.longitude), float(need.radius_km), float(reach_km),
                  max(1, need.household), question.moment, allowed_unmet)


def _nearest(question: Question, judged: Judged) -> Judged:
    """Each service once, where it is nearest."""
    columns = question.columns
    if not columns.has_several or len(judged.rows) < 2:
        return judged
    arrays = [np.asarray(each) for each in judged]
    farther = columns.farther_ones(arrays[0], arrays[1])
    return Judged(*[np.delete(each, farther) for each in arrays]) if len(farther) else judged
