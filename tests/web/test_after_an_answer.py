"""After a tap: each side is told what is its turn, why it was no, where to ring or to meet, and what can be undone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from referral_dir.desk import cases, handoffs, threads, undoing
from referral_dir.domain.access import Actor
from referral_dir.domain.errors import Invalid, WrongState
from referral_dir.domain.vocabulary import HandoffAction, HandoffState, Reason
from referral_dir.store.cases import Handoff
from referral_dir.store.db import Store, transaction
from referral_dir.store.directory import Phone, Service
from tests import cast as people
from tests.web.conftest import Browser, World

SignIn = Callable[[Actor], Browser]


def words(page: Any) -> str:
    return " ".join(page.text.split())


def reject(store: Store, cast: people.Cast, handoff_id: people.UUID) -> None:
    with transaction(store) as session:
        handoffs.answer(session, cast.petra, handoff_id, HandoffAction.REJECT, people.NOW, reason=Reason.FULL)


def test_a_decline_is_undone_for_a_short_time_and_the_place_is_held_again(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff_id = people.request(store, cast)
    free = people.free_beds(store, cast)
    reject(store, cast, handoff_id)
    assert people.free_beds(store, cast) == free + 1
    with transaction(store) as session, pytest.raises(WrongState):
        undoing.undo(session, cast.petra, handoff_id, people.NOW + undoing.UNDO_FOR)
    with transaction(store) as session:
        row = undoing.undo(session, cast.petra, handoff_id, people.NOW + timedelta(minutes=1))
        assert (row.state, row.reason, row.ended) == (HandoffState.REQUESTED, None, None)
        with pytest.raises(WrongState):
            undoing.undo(session, cast.petra, handoff_id, people.NOW + timedelta(minutes=2))
    assert people.free_beds(store, cast) == free


def test_what_the_officer_did_since_stands_and_an_acceptance_is_never_undone(store: Store) -> None:
    cast = people.build(store)
    case_id, _, handoff_id = people.request(store, cast)
    reject(store, cast, handoff_id)
    with transaction(store) as session:
        handoffs.choose(session, cast.olga, case_id, cast.shelter, people.NOW + timedelta(minutes=1))
    with transaction(store) as session, pytest.raises(WrongState):
        undoing.undo(session, cast.petra, handoff_id, people.NOW + timedelta(minutes=2))
    _, _, other = people.request(store, cast)
    with transaction(store) as session:
        handoffs.accept(session, cast.petra, other, people.NOW)
        assert undoing.until(session, session.get_one(Handoff, other), people.NOW) is None
        handoffs.answer(session, cast.petra, other, HandoffAction.START, people.NOW)
        assert undoing.undo(session, cast.petra, other, people.NOW).state == HandoffState.ACCEPTED


def test_health_is_answered_only_as_the_person_agreed(store: Store) -> None:
    cast = people.build(store)
    _, _, handoff_id = people.request(store, cast)
    with transaction(store) as session:
        threads.ask(session, cast.petra, handoff_id, "medication", people.NOW)
        with pytest.raises(Invalid):
            threads.answer(session, cast.olga, handoff_id, "medication", "yes", people.NOW)
        assert list(threads.read(session, cast.olga, handoff_id, people.NOW).answers["medication"]) == ["after"]
        threads.answer(session, cast.olga, handoff_id, "medication", "after", people.NOW)
    case_id = people.new_case(store, cast)
    people.consent(store, cast, case_id, cast.shelter, ("health",))
    with transaction(store) as session:
        other = handoffs.request(session, cast.olga, case_id, cast.shelter, people.NOW).id
        threads.ask(session, cast.petra, other, "medication", people.NOW)
        threads.answer(session, cast.olga, other, "medication", "yes", people.NOW)


def test_where_to_meet_is_asked_and_said_in_one_tap_after_a_yes(world: World, sign_in: SignIn) -> None:
    with transaction(world.store) as session:
        session.add(Phone(service_id=world.cast.shelter, number="+1 305 555 0142", number_e164="+13055550142"))
    petra, olga = sign_in(world.cast.petra), sign_in(world.cast.olga)
    page = f"/officer/handoff/{world.handoff}"
    assert olga.post(f"/thread/{world.handoff}/ask", question="meeting").status_code == 422, "nobody has said yes"
    petra.post(f"/thread/{world.handoff}/ask", question="stairs")
    assert "Your turn: they ask or tell you something." in words(olga.get(page))
    assert "The service asks something: read and answer" in words(olga.get("/officer/cases"))
    assert "so it can't be undone" in words(petra.get("/provider/"))
    accepted = petra.client.post(f"/provider/handoff/{world.handoff}/accept",
                                 data={"csrf_token": petra.token}, follow_redirects=True)
    shown = words(accepted)
    assert "Next, say where to meet." in shown
    assert shown.index('id="meet"') < shown.index("Shared with you"), "it stands first, and is open"
    shown = words(olga.get(page))
    assert "tel:+13055550142" in shown
    assert "Ask where to meet" in shown
    olga.post(f"/thread/{world.handoff}/ask", question="meeting")
    assert "You asked where to meet. They are told." in words(olga.get(page))
    assert "The officer asks where to meet." in words(petra.get(f"/provider/handoff/{world.handoff}"))
    petra.post(f"/provider/handoff/{world.handoff}/meeting-point", meeting_point="The invented fountain")
    assert "Where do we meet?</legend>" not in words(petra.get(f"/provider/handoff/{world.handoff}")), "it is answered"
    assert "The invented fountain" in words(olga.get(page))


def test_why_it_was_no_stands_on_the_case_and_a_board_that_says_otherwise_is_set_to_none(
        world: World, sign_in: SignIn) -> None:
    petra, olga = sign_in(world.cast.petra), sign_in(world.cast.olga)
    declined = petra.client.post(f"/provider/handoff/{world.handoff}/reject", follow_redirects=True,
                                 data={"csrf_token": petra.token, "reason": "full"})
    assert "Your board still says that 3 are free." in words(declined)
    assert f"/provider/handoff/{world.handoff}/undo" in declined.text
    case = words(olga.get(f"/officer/case/{world.case}"))
    assert "said no: No place free." in case
    assert "Choose a service. Then" not in case
    undone = petra.client.post(f"/provider/handoff/{world.handoff}/undo", data={"csrf_token": petra.token},
                               follow_redirects=True)
    assert "Undone. The officer will see it." in words(undone)
    with transaction(world.store) as session:
        assert session.scalars(select(Handoff.state).where(Handoff.id == world.handoff)).one() == "requested"


def test_times_are_on_the_readers_own_clock_and_say_which(world: World, sign_in: SignIn) -> None:
    with transaction(world.store) as session:
        session.get_one(Service, world.cast.shelter).timezone = "America/New_York"
        due = session.get_one(Handoff, world.handoff).answer_by
    assert due is not None
    here = due.astimezone(ZoneInfo("America/New_York"))
    assert f"{here:%H:%M} EST" in words(sign_in(world.cast.olga).get(f"/officer/handoff/{world.handoff}")), \
        "of the town that her cases are in"
    sent = words(sign_in(world.cast.petra).get(f"/provider/handoff/{world.handoff}"))
    assert "EST" in sent
    assert " UTC" not in sent


def test_what_is_written_down_and_not_ticked_is_asked_about(world: World, sign_in: SignIn) -> None:
    olga = sign_in(world.cast.olga)
    with transaction(world.store) as session:
        case_id = cases.open_case(session, world.cast.olga, cases.NewCase(
            needs=["shelter.emergency"], languages=["ht"], place=people.MIAMI), people.NOW).id
    path = f"/officer/case/{case_id}/consent/{world.cast.shelter}"
    page = olga.get(path).text
    assert page.count('name="write_phone"') == page.count('value="phone"') == 1, "one place for each, not two lists"
    refused = olga.post(path, write_phone="+1 305 555 0142")
    assert refused.status_code == 422
    assert "tick it if it may be shared, or empty it" in refused.text
    assert olga.post(path, write_phone="+1 305 555 0142", fields="phone").status_code == 302
