"""From a chosen service to a sent request: every step is kept, nobody learns of a draft, nothing is given twice."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from referral_dir.desk import asking, cases, consents, handoffs, raid, tasks
from referral_dir.desk.opening_up import open_indexes
from referral_dir.domain.consent_record import Answer, Explanation, Terms
from referral_dir.domain.errors import Forbidden, Invalid, NotFound, WrongState
from referral_dir.domain.task_list import Step
from referral_dir.domain.vocabulary import ConsentState, HandoffAction, HandoffState, Reason
from referral_dir.store.cases import Case, Handoff
from referral_dir.store.db import Store, reading, transaction
from tests import cast as people
from tests.cast import EXPLAINED, MIAMI, NOW, SAID_YES


def step(store: Store, cast: people.Cast, case_id: people.UUID) -> list[Step]:
    with transaction(store) as session:
        case = session.get_one(Case, case_id)
        return [task.step for task in tasks.of_case(session, cast.olga, case, NOW)]


def test_a_choice_is_kept_goes_on_step_by_step_and_is_sent_as_itself(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    with transaction(store) as session:
        row = asking.prepare(session, cast.olga, case_id, cast.shelter, Terms(()), {"phone": "+1 305 555 0142"}, NOW)
        assert row.fields == ["phone"], "what is written down on the spot is what may be shared"
        consent_id = row.id
    assert step(store, cast, case_id) == [Step.EXPLAIN]
    with transaction(store) as session:
        assert handoffs.incoming(session, cast.petra) == [], "nobody at the service learns of it"
        draft = handoffs.choose(session, cast.olga, case_id, cast.shelter, NOW)
        assert draft.state == HandoffState.DRAFT
        with pytest.raises(NotFound):
            handoffs.read_incoming(session, cast.petra, draft.id, NOW)
        draft_id = draft.id
    with transaction(store) as session:
        consents.explain(session, cast.olga, consent_id, EXPLAINED, NOW)
    assert step(store, cast, case_id) == [Step.ANSWER]
    with transaction(store) as session:
        consents.give(session, cast.olga, consent_id, SAID_YES, NOW)
    assert step(store, cast, case_id) == [Step.CHECK]
    with transaction(store) as session:
        assert handoffs.request(session, cast.olga, case_id, cast.shelter, NOW).id == draft_id
        with pytest.raises(WrongState):
            handoffs.request(session, cast.olga, case_id, cast.shelter, NOW)
    assert step(store, cast, case_id) == []
    assert people.free_beds(store, cast) == 2


def test_a_no_drops_what_was_not_sent_and_a_stranger_can_choose_nothing(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    with transaction(store) as session:
        row = asking.prepare(session, cast.olga, case_id, cast.shelter, Terms(()), {}, NOW)
        consents.on_screen(session, cast.olga, row.id, Explanation("ht", "staff_member", "adult", "text"), None, NOW)
        assert row.state == ConsentState.REFUSED
        assert session.query(Handoff).one().state == HandoffState.CANCELLED
    for stranger, error in ((cast.omar, NotFound), (cast.petra, Forbidden), (cast.clara, Forbidden)):
        with pytest.raises(error), transaction(store) as session:
            handoffs.choose(session, stranger, case_id, cast.shelter, NOW)


def test_what_was_pressed_on_the_screen_is_explained_and_given_at_once_by_the_same_rules(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    with transaction(store) as session:
        consent_id = consents.draft(session, cast.olga, case_id, cast.shelter, Terms(("name",)), NOW).id
    said, yes = Explanation("ht", "staff_member", "minor", "text"), Answer("digital")
    with pytest.raises(Invalid), transaction(store) as session:
        consents.on_screen(session, cast.olga, consent_id, said, yes, NOW)
    guarded = Explanation("ht", "staff_member", "minor", "text", guardian="authority", guardian_suspected=True)
    with pytest.raises(Invalid), transaction(store) as session:
        consents.on_screen(session, cast.olga, consent_id, guarded, yes, NOW)
    with transaction(store) as session:
        row = consents.on_screen(session, cast.olga, consent_id, guarded, Answer("digital", assent=True), NOW)
        assert (row.state, row.method, row.notice_format) == ("active", "digital", "text")
        assert len(row.evidence_sha256 or "") == 64


def test_the_check_shows_exactly_what_the_service_will_see(store: Store, tmp_path: Path) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    indexes = open_indexes(tmp_path, "whoosh")
    with transaction(store) as session:
        assert not asking.check(session, indexes, cast.olga, case_id, cast.shelter, NOW).ready
    people.consent(store, cast, case_id, cast.shelter, ("name", "phone"))
    with transaction(store) as session:
        found = asking.check(session, indexes, cast.olga, case_id, cast.shelter, NOW)
        before, after = found.before, found.after
        handoff_id = handoffs.request(session, cast.olga, case_id, cast.shelter, NOW).id
    assert after == {"name": "Invented Person", "phone": ""}
    with transaction(store) as session:
        seen = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert (seen.about, seen.identifying) == (before, {})
        handoffs.accept(session, cast.petra, handoff_id, NOW)
    with transaction(store) as session:
        seen = handoffs.read_incoming(session, cast.petra, handoff_id, NOW)
        assert seen.identifying == {field: value for field, value in after.items() if value}
    with pytest.raises(NotFound), transaction(store) as session:
        asking.check(session, indexes, cast.omar, case_id, cast.shelter, NOW)


def test_the_version_changes_with_every_answer_and_is_nobody_elses(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff_id = people.request(store, cast)
    seen = []
    for action, reason in ((None, None), (HandoffAction.HOLD, Reason.WAITING_FOR_PLACE),
                           (HandoffAction.REJECT, Reason.FULL)):
        with transaction(store) as session:
            if action:
                handoffs.answer(session, cast.petra, handoff_id, action, NOW, reason=reason)
            seen.append(handoffs.version(session, cast.olga, handoff_id))
            with pytest.raises(NotFound):
                handoffs.version(session, cast.omar, handoff_id)
    assert len(set(seen)) == 3


def test_the_list_says_what_waits_on_whom_the_most_urgent_first(store: Store) -> None:
    cast = people.build(store)
    asked, _, _ = people.request(store, cast)
    with transaction(store) as session:
        for priority in ("normal", "emergency"):
            cases.open_case(session, cast.olga, cases.NewCase(
                needs=["medical.general"], languages=["ht"], place=MIAMI, priority=priority), NOW)
        lines = tasks.waiting(session, cast.olga, NOW)
        assert [(line.outlook.turn, line.case.priority) for line in lines] == [
            ("ours", "emergency"), ("ours", "normal"), ("theirs", "urgent")]
        assert (lines[2].case.id, lines[2].services) == (asked, ["Harbour Shelter (invented)"])
        assert tasks.waiting(session, cast.omar, NOW) == []


def test_several_cases_open_together_and_no_place_is_proposed_twice(store: Store, tmp_path: Path) -> None:
    cast = people.build(store, beds=3)
    indexes = open_indexes(tmp_path, "whoosh")
    shared = cases.NewCase(needs=["shelter.emergency"], languages=["ht"], place=MIAMI)
    with transaction(store) as session:
        with pytest.raises(Invalid):
            raid.open_all(session, cast.olga, "1 adult\nInvented Person", shared, NOW)
        with pytest.raises(Invalid):
            raid.open_all(session, cast.olga, "1 adult\n" * 61, shared, NOW)
        with pytest.raises(Forbidden):
            raid.open_all(session, cast.petra, "1 adult", shared, NOW)
    with reading(store) as session:
        assert session.query(Case).count() == 0, "all or nothing"
    with transaction(store) as session:
        batch = raid.open_all(session, cast.olga, "2 women\n2 men, French\n1 girl 15, emergency", shared, NOW)
        offers = raid.overview(session, indexes, cast.olga, batch, NOW)
        with pytest.raises(NotFound):
            raid.overview(session, indexes, cast.omar, batch, NOW)
    proposed = [(offer.waiting.case.batch_line, offer.waiting.case.household, bool(offer.matches)) for offer in offers]
    assert proposed == [(1, 2, True), (2, 2, False), (3, 1, True)], "in the list's order; three beds: for two and one"
    assert {tuple(offer.waiting.case.languages) for offer in offers} == {("ht",), ("fr",)}
    assert people.free_beds(store, cast) == 3, "a proposal takes nothing"
    without = next(offer.waiting.case.id for offer in offers if not offer.matches)
    with transaction(store) as session:
        handoffs.choose(session, cast.olga, without, cast.shelter, NOW)
        offers = raid.overview(session, indexes, cast.olga, batch, NOW)
    assert [(o.waiting.case.priority, o.waiting.case.household, bool(o.matches)) for o in offers] == [
        ("urgent", 2, False), ("urgent", 2, False), ("emergency", 1, True)], "what was chosen counts as taken"


def test_needs_for_all_are_added_to_a_lines_own_and_a_second_service_is_proposed_for_the_rest(
        store: Store, tmp_path: Path) -> None:
    cast = people.build(store)
    indexes = open_indexes(tmp_path, "whoosh")
    shared = cases.NewCase(needs=["shelter.emergency"], languages=["ht"], place=MIAMI)
    with transaction(store) as session:
        batch = raid.open_all(session, cast.olga, "woman and girl 6, lawyer", shared, NOW)
        [offer] = raid.overview(session, indexes, cast.olga, batch, NOW)
        case = offer.waiting.case
        assert case.needs == ["legal", "shelter.emergency"]
        assert [(m.candidate.service_id, m.needs) for m in offer.matches] == [(cast.shelter, ("shelter.emergency",))]
        assert offer.missing == ["legal"], "no need is dropped without a word"
        assert cases.need_of(session, case).ages == (6, 110), "the child counts"
        assert cases.summary(case)["members"] == "woman, girl of 0 to 11"
        draft = handoffs.choose(session, cast.olga, case.id, cast.shelter, NOW)
        assert draft.needs == ["shelter.emergency"], "accepting it must not end a request for the rest"
        assert cases.rest_of(session, case) == ["legal"]


def test_a_child_that_comes_with_a_grown_up_needs_someone_who_decides_for_it(store: Store) -> None:
    cast = people.build(store)
    shared = cases.NewCase(needs=["shelter.emergency"], languages=["ht"], place=MIAMI)
    with transaction(store) as session:
        raid.open_all(session, cast.olga, "mother 30 + girl 6", shared, NOW)
        case = session.query(Case).one()
        row = asking.prepare(session, cast.olga, case.id, cast.shelter, Terms(()), {}, NOW)
        with pytest.raises(Invalid) as refused:
            consents.explain(session, cast.olga, row.id, EXPLAINED, NOW)
        assert set(refused.value.errors) == {"guardian"}
        consents.explain(session, cast.olga, row.id,
                         replace(EXPLAINED, guardian="parent", guardian_suspected=False), NOW)
        with pytest.raises(Invalid) as refused:
            consents.give(session, cast.olga, row.id, SAID_YES, NOW)
        assert set(refused.value.errors) == {"assent"}


def test_whom_to_ask_next_leaves_out_who_said_no(store: Store, tmp_path: Path) -> None:
    cast = people.build(store)
    indexes = open_indexes(tmp_path, "whoosh")
    case_id, _, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        case = session.get_one(Case, case_id)
        assert asking.next_services(session, indexes, cast.olga, case, NOW) == (), "it is being asked"
        handoffs.cancel(session, cast.olga, handoff_id, Reason.NO_LONGER_NEEDED, NOW)
        assert [m.candidate.service_id for m in asking.next_services(session, indexes, cast.olga, case, NOW)] == [
            cast.shelter]
    people.consent(store, cast, case_id, cast.shelter)
    with transaction(store) as session:
        again = handoffs.request(session, cast.olga, case_id, cast.shelter, NOW + timedelta(minutes=1))
        handoffs.answer(session, cast.petra, again.id, HandoffAction.REJECT, NOW, reason=Reason.FULL)
        case = session.get_one(Case, case_id)
        assert asking.next_services(session, indexes, cast.olga, case, NOW) == ()
