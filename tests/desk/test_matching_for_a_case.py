"""What a case has been through shapes what it is offered: who declined, whom to avoid, who can interpret."""

from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from referral_dir.desk import cases, find, handoffs
from referral_dir.desk.opening_up import open_indexes
from referral_dir.domain.errors import Invalid, NotFound
from referral_dir.domain.vocabulary import HandoffAction, Reason
from referral_dir.store.db import Store, transaction
from referral_dir.store.directory import Language, Service, ServiceCapacity, ServiceNeed
from referral_dir.store.records import service_changed
from tests import cast as people
from tests.cast import MIAMI, NOW, Cast


class Matcher:
    """Matches for a case as the officer's page does, in one process."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.indexes = store, open_indexes(folder, "whoosh")

    def __call__(self, cast: Cast, case_id: UUID, now: datetime = NOW) -> find.MatchAnswer:
        with transaction(self.store) as session:
            need = cases.need_of(session, cases.own_case(session, cast.olga, case_id))
            return find.match_services(session, self.indexes, cast.olga, need, now)


@pytest.fixture
def match(store: Store, tmp_path: Path) -> Matcher:
    return Matcher(store, tmp_path / "instance")


def names(answer: find.MatchAnswer) -> list[str]:
    return [m.candidate.name for m in answer.matches]


def nearly(answer: find.MatchAnswer) -> dict[str, list[str]]:
    return {m.candidate.name: [c.name for c in m.unmet] for m in answer.near_misses}


def decline(store: Store, cast: Cast, handoff_id: UUID, reason: Reason) -> None:
    with transaction(store) as session:
        handoffs.answer(session, cast.petra, handoff_id, HandoffAction.REJECT, NOW, reason=reason)


def second_shelter(store: Store, cast: Cast, organization_id: UUID | None = None) -> UUID:
    """Another shelter; of the same organization as the first unless another is given."""
    with transaction(store) as session:
        service = Service(organization_id=organization_id or cast.petra.organization_id, name="Second (invented)",
                          status="active", confidential=True, zone_name="Miami", zone_latitude=25.77,
                          zone_longitude=-80.19, country="US")
        session.add(service)
        session.flush()
        session.add(ServiceNeed(service_id=service.id, need="shelter.emergency"))
        service_changed(session, service.id)
        return service.id


@pytest.mark.parametrize("reason", [Reason.NOT_ELIGIBLE, Reason.UNSAFE_HERE, Reason.NEED_NOT_MET])
def test_who_declined_for_a_lasting_reason_is_not_offered_to_this_case_again(
        store: Store, match: Matcher, reason: Reason) -> None:
    cast = people.build(store)
    case_id, _, handoff_id = people.request(store, cast)
    assert names(match(cast, case_id)) == ["Harbour Shelter (invented)"]
    decline(store, cast, handoff_id, reason)
    answer = match(cast, case_id, NOW + timedelta(days=60))
    assert (names(answer), nearly(answer)) == ([], {})
    other_case = people.new_case(store, cast)
    assert names(match(cast, other_case)) == ["Harbour Shelter (invented)"], "to others it is"


def test_who_was_full_is_a_near_miss_until_it_says_otherwise(store: Store, match: Matcher) -> None:
    cast = people.build(store)
    case_id, _, handoff_id = people.request(store, cast)
    decline(store, cast, handoff_id, Reason.FULL)
    answer = match(cast, case_id, NOW + timedelta(minutes=5))
    assert (names(answer), nearly(answer)) == ([], {"Harbour Shelter (invented)": ["declined"]})
    with transaction(store) as session:
        session.get_one(ServiceCapacity, cast.beds).updated = NOW + timedelta(minutes=10)
        service_changed(session, cast.shelter)
    assert names(match(cast, case_id, NOW + timedelta(minutes=11))) == ["Harbour Shelter (invented)"]


def test_a_conflict_of_interest_keeps_its_whole_organization_away(store: Store, match: Matcher) -> None:
    cast = people.build(store)
    second_shelter(store, cast)
    case_id, _, handoff_id = people.request(store, cast)
    assert len(names(match(cast, case_id))) == 2
    decline(store, cast, handoff_id, Reason.CONFLICT_OF_INTEREST)
    assert names(match(cast, case_id)) == []


def test_an_interpreter_is_named_with_the_match_and_asked_for_together(store: Store, match: Matcher) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        session.add(Language(service_id=cast.shelter, code="en", name="English"))
        service_changed(session, cast.shelter)
    case_id = people.new_case(store, cast)
    assert nearly(match(cast, case_id)) == {"Harbour Shelter (invented)": ["language"]}
    voice = people.interpreter(store, "Voice (invented)")
    [found] = match(cast, case_id).matches
    assert found.language.interpreter is not None
    assert found.language.interpreter.service_id == voice
    people.consent(store, cast, case_id, cast.shelter)
    with transaction(store) as session:
        row = handoffs.request(session, cast.olga, case_id, cast.shelter, NOW, interpreter_service_id=voice)
        asked_with = handoffs.read_incoming(session, cast.petra, row.id, NOW).interpreter
        assert asked_with is not None
        assert asked_with.id == voice


def test_who_does_not_interpret_can_not_be_asked_to(store: Store) -> None:
    cast = people.build(store)
    case_id = people.new_case(store, cast)
    people.consent(store, cast, case_id, cast.shelter)
    with pytest.raises(Invalid, match="interpreter"), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW, interpreter_service_id=cast.clinic)
    assert people.free_beds(store, cast) == 3, "nothing is held"


def test_a_community_to_avoid_keeps_its_services_and_interpreters_away(store: Store, match: Matcher) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        session.add(Language(service_id=cast.shelter, code="en", name="English"))
        service_changed(session, cast.shelter)
    people.interpreter(store, "Neighbour (invented)", criterion="community", code="little haiti", effect="serves")
    open_case = people.new_case(store, cast)
    assert [m.language.interpreter.name for m in match(cast, open_case).matches if m.language.interpreter] == [
        "Neighbour (invented)"]
    with transaction(store) as session:
        careful = cases.open_case(session, cast.olga, cases.NewCase(
            needs=["shelter.emergency"], languages=["ht"], place=MIAMI, excluded_communities=["Little Haiti"]), NOW).id
    answer = match(cast, careful)
    assert (names(answer), nearly(answer)) == ([], {"Harbour Shelter (invented)": ["language"]})


def test_a_service_to_avoid_can_not_be_asked_either(store: Store) -> None:
    cast = people.build(store)
    with transaction(store) as session:
        case_id = cases.open_case(session, cast.olga, cases.NewCase(
            needs=["shelter.emergency"], languages=[], place=MIAMI,
            excluded_organizations=[cast.petra.organization_id]), NOW).id
    with pytest.raises(NotFound), transaction(store) as session:
        handoffs.request(session, cast.olga, case_id, cast.shelter, NOW)
