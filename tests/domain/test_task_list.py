"""Which step comes next, and whose turn it is."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from referral_dir.domain.consent import Consent
from referral_dir.domain.task_list import Line, Step, Turn, next_step, outlook, urgency
from referral_dir.domain.vocabulary import ConsentState, HandoffState, Reason
from tests.cast import NOW

HOUR = timedelta(hours=1)


def consent(state: ConsentState, *, begins: timedelta = -HOUR, ends: timedelta = HOUR) -> Consent:
    return Consent(state, uuid4(), "referral", frozenset(), NOW - HOUR, NOW + ends, NOW + begins)


@pytest.mark.parametrize(("newest", "step"), [
    (None, Step.SHARE), (consent(ConsentState.DRAFT), Step.EXPLAIN), (consent(ConsentState.EXPLAINED), Step.ANSWER),
    (consent(ConsentState.ACTIVE), Step.CHECK), (consent(ConsentState.ACTIVE, begins=HOUR / 2), Step.LATER),
    (consent(ConsentState.ACTIVE, ends=-HOUR / 2), Step.SHARE), (consent(ConsentState.REFUSED), Step.SHARE),
    (consent(ConsentState.WITHDRAWN), Step.SHARE),
])
def test_each_state_of_consent_leads_to_its_step(newest: Consent | None, step: Step) -> None:
    assert next_step(newest, NOW, standing=False) is step
    assert next_step(newest, NOW, standing=True) is Step.CHECK


def line(state: HandoffState, reason: Reason | None = None, answer_by: timedelta | None = None) -> Line:
    return Line(state, reason, NOW + answer_by if answer_by else None, NOW)


@pytest.mark.parametrize(("lines", "step", "turn", "text"), [
    ([], None, Turn.OURS, "Choose a service"),
    ([line(HandoffState.DRAFT)], Step.EXPLAIN, Turn.OURS, "Explain it in their language"),
    ([line(HandoffState.REQUESTED, None, HOUR)], None, Turn.THEIRS, "Waiting for the service's answer"),
    ([line(HandoffState.REQUESTED, None, HOUR), line(HandoffState.REJECTED, Reason.FULL)], None, Turn.THEIRS,
     "Waiting for the service's answer"),
    ([line(HandoffState.REJECTED, Reason.FULL)], None, Turn.OURS, "The service said no: ask the next one"),
    ([line(HandoffState.CANCELLED, Reason.NO_RESPONSE)], None, Turn.OURS, "Nobody answered: ask the next one"),
    ([line(HandoffState.CANCELLED, Reason.CHOSE_ANOTHER)], None, Turn.OURS, "Choose a service"),
    ([line(HandoffState.ACCEPTED)], None, Turn.OURS, "Bring the person: they are expected"),
    ([replace(line(HandoffState.REQUESTED, None, HOUR), wrote=True)], None, Turn.OURS,
     "The service asks something: read and answer"),
    ([line(HandoffState.IN_PROGRESS)], None, Turn.NOBODY, "The person has arrived"),
    ([line(HandoffState.COMPLETED)], None, Turn.OURS, "Done: close the case, or ask for more"),
])
def test_it_says_whose_turn_it_is(lines: list[Line], step: Step | None, turn: Turn, text: str) -> None:
    found = outlook(lines, step)
    assert (found.turn, found.text) == (turn, text)


def test_our_turn_comes_first_then_what_is_urgent_then_what_ends_first() -> None:
    ours, theirs = outlook([], None), outlook([line(HandoffState.REQUESTED, None, HOUR)], None)
    later = outlook([line(HandoffState.REQUESTED, None, 2 * HOUR)], None)
    order = [urgency(ours, "emergency", NOW), urgency(ours, "normal", NOW), urgency(theirs, "emergency", NOW),
             urgency(theirs, "normal", NOW), urgency(later, "normal", NOW)]
    assert order == sorted(order)
