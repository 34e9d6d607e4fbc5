"""The rules on plain values: no database is needed to test one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_dir.domain import availability, consent, handoff, matching
from referral_dir.domain.access import ACTIONS, Actor, allowed, require
from referral_dir.domain.availability import Capacity, CapacityState
from referral_dir.domain.distance import haversine_km
from referral_dir.domain.errors import ConsentMissing, Forbidden, Invalid, Refused, WrongState
from referral_dir.domain.interpreting import Via
from referral_dir.domain.need import Area, Candidate, Declined, EligibilityRule, Need, ServedArea
from referral_dir.domain.needs import expand
from referral_dir.domain.opening import OpenState, Schedule, opening, opens_by
from referral_dir.domain.reference import ALPHABET, new_reference, short
from referral_dir.domain.vocabulary import (
    ConsentState,
    HandoffAction,
    HandoffState,
    Party,
    Place,
    Reason,
    Role,
)

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # a Tuesday, 10:00 in New York
MIAMI = Place("Miami", "US", 25.7743, -80.1937)
ORG = UUID(int=1)


def candidate(**values: object) -> Candidate:
    base = Candidate(service_id=uuid4(), organization_id=uuid4(), name="Invented", organization="Invented",
                     confirmed_needs=frozenset({"shelter.emergency"}), points=((25.78, -80.19),),
                     languages=frozenset({"en"}))
    return replace(base, **values)  # type: ignore[arg-type]


def need(**values: object) -> Need:
    return replace(Need({"shelter": expand("shelter")}, MIAMI), **values)  # type: ignore[arg-type]


def unmet(n: Need, c: Candidate, interpreters: tuple[Candidate, ...] = ()) -> list[str]:
    ranking = matching.rank(n, [c], interpreters, NOW)
    return [x.name for m in ranking.near_misses for x in m.unmet]


# --- opening hours

WEEK = Schedule("09:00", "17:00", "WEEKLY", "MO,TU,WE,TH,FR")
NIGHT = Schedule("22:00", "06:00", "WEEKLY", "FR,SA")


@pytest.mark.parametrize(("schedules", "at", "state"), [
    ([WEEK], datetime(2026, 11, 24, 14, 0, tzinfo=UTC), OpenState.OPEN),
    ([WEEK], datetime(2026, 11, 24, 22, 0, tzinfo=UTC), OpenState.CLOSED),
    ([NIGHT], datetime(2026, 11, 28, 8, 0, tzinfo=UTC), OpenState.OPEN),
    ([NIGHT], datetime(2026, 11, 28, 11, 0, tzinfo=UTC), OpenState.CLOSED),
    ([], NOW, OpenState.UNKNOWN),
    ([Schedule("soon", "later", "WEEKLY", "MO")], NOW, OpenState.UNKNOWN),
    ([WEEK, Schedule(closed=True, valid_from=date(2026, 11, 24), valid_to=date(2026, 11, 24))], NOW, OpenState.CLOSED),
    ([replace(WEEK, valid_to=date(2026, 1, 1))], NOW, OpenState.CLOSED),
    ([Schedule("09:00", "12:00", "MONTHLY", "4TU")], NOW, OpenState.OPEN),
    ([Schedule("09:00", "12:00", "MONTHLY", "-1TU")], NOW, OpenState.OPEN),
    ([Schedule("09:00", "12:00", "MONTHLY", "1TU")], NOW, OpenState.CLOSED),
    ([Schedule("09:00", "12:00", "MONTHLY", bymonthday="24")], NOW, OpenState.OPEN),
    ([Schedule("09:00", "12:00", "WEEKLY", "TU", interval=2, dtstart=date(2026, 11, 17))], NOW, OpenState.CLOSED),
])
def test_hours_are_read_on_the_services_own_clock(schedules: list[Schedule], at: datetime, state: OpenState) -> None:
    assert opening(schedules, "America/New_York", at).state is state


def test_day_and_night_never_closes_and_a_closed_one_says_when_it_opens() -> None:
    always = [Schedule("00:00", "23:59", "WEEKLY", "MO,TU,WE,TH,FR,SA,SU")]
    assert opening(always, "Asia/Amman", NOW).closes is None
    evening = datetime(2026, 11, 27, 23, 0, tzinfo=UTC)
    found = opening([WEEK], "America/New_York", evening)
    assert found.opens is not None
    assert f"{found.opens:%a %H:%M}" == "Mon 09:00"
    assert opens_by([WEEK], "America/New_York", evening, evening + timedelta(hours=12)) is False
    assert opens_by([WEEK], "America/New_York", evening, evening + timedelta(days=3)) is True


def test_a_night_is_an_hour_shorter_when_the_clocks_go_forward() -> None:
    before, after = (datetime(2026, 3, 8, h, 30, tzinfo=UTC) for h in (9, 10))
    rule = [Schedule("20:00", "06:00", "WEEKLY", "SA")]
    assert opening(rule, "America/New_York", before).state is OpenState.OPEN
    assert opening(rule, "America/New_York", after).state is OpenState.CLOSED


def test_without_a_time_zone_the_schedules_own_offset_counts() -> None:
    assert opening([replace(WEEK, utc_offset=-5.0)], None, NOW).state is OpenState.OPEN
    assert opening([WEEK], "No/Where", NOW).state is OpenState.UNKNOWN


# --- handoff

def test_every_move_that_the_table_lacks_raises() -> None:
    for state, action, party in product(HandoffState, HandoffAction, Party):
        reason = next(iter(sorted(handoff.REASONS.get(action, ()))), None)
        row = handoff.TRANSITIONS.get((state, action))
        if row and party in row[1]:
            assert handoff.advance(state, action, party, reason) is row[0]
        else:
            with pytest.raises(Refused):
                handoff.advance(state, action, party, reason)


def test_ended_states_have_no_way_out() -> None:
    assert not [key for key in handoff.TRANSITIONS if key[0] in handoff.ENDED]


def test_a_reason_is_asked_for_and_must_fit() -> None:
    with pytest.raises(Invalid):
        handoff.advance(HandoffState.REQUESTED, HandoffAction.REJECT, Party.RECIPIENT)
    with pytest.raises(Invalid):
        handoff.advance(HandoffState.REQUESTED, HandoffAction.ACCEPT, Party.RECIPIENT, Reason.FULL)
    assert Reason.CONSENT_WITHDRAWN not in handoff.choices(HandoffAction.CANCEL)


# --- consent

GIVEN = consent.Consent(ConsentState.ACTIVE, ORG, "referral", frozenset({"name"}), NOW, NOW + timedelta(days=14))


@pytest.mark.parametrize("change", [
    {"state": ConsentState.WITHDRAWN}, {"state": ConsentState.GIVEN}, {"expires": NOW}, {"given": None},
    {"given": NOW + timedelta(minutes=1)}, {"recipient_organization_id": UUID(int=2)}, {"purpose": "research"}])
def test_nothing_is_disclosed_unless_everything_fits(change: dict[str, object]) -> None:
    assert consent.disclosable(GIVEN, ORG, "referral", NOW, ["name", "health"]) == ("name",)
    with pytest.raises(ConsentMissing):
        consent.disclosable(replace(GIVEN, **change), ORG, "referral", NOW, ["name"])  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(ConsentState), max_size=8))
def test_no_path_leads_from_an_end_back_to_active(path: list[ConsentState]) -> None:
    state, ended = ConsentState.DRAFT, False
    for to in path:
        try:
            state = consent.advance(state, to)
        except WrongState:
            continue
        assert not (ended and state is ConsentState.ACTIVE)
        ended = ended or state in (ConsentState.WITHDRAWN, ConsentState.EXPIRED, ConsentState.SUPERSEDED,
                                   ConsentState.REFUSED)


# --- access and references

def test_only_declared_roles_may_act() -> None:
    for action, role in product(ACTIONS, Role):
        actor = Actor(uuid4(), uuid4(), role)
        if allowed(role, action):
            require(actor, action)
        else:
            with pytest.raises(Forbidden):
                require(actor, action)


def test_references_are_random_and_easy_to_say() -> None:
    many = {new_reference() for _ in range(500)}
    assert len(many) == 500
    assert all(len(r) == 26 and set(r) <= set(ALPHABET) for r in many)
    assert short("ABCDEFGHJK") == "ABCD-EFGH"


# --- capacity

@pytest.mark.parametrize(("available", "hours", "household", "state"), [
    (3, 1, 1, CapacityState.AVAILABLE), (0, 1, 1, CapacityState.FULL), (2, 1, 3, CapacityState.FULL),
    (3, 13, 1, CapacityState.UNCONFIRMED), (0, 13, 1, CapacityState.UNCONFIRMED),
    (3, -2, 1, CapacityState.UNCONFIRMED)])
def test_a_number_is_believed_within_its_shelf_life(available: int, hours: float, household: int,
                                                    state: CapacityState) -> None:
    capacity = Capacity("bed", available, 10, NOW - timedelta(hours=hours))
    assert availability.state(capacity, household, NOW) is state


# --- matching

def test_hard_rules_drop_a_candidate_without_a_word() -> None:
    gone = [candidate(status="inactive"), candidate(confirmed_needs=frozenset({"basic.food"})),
            candidate(organization_id=ORG)]
    asked = need(excluded_organizations=frozenset({ORG}))
    ranking = matching.rank(asked, gone, [], NOW)
    assert (ranking.matches, ranking.near_misses) == ((), ())
    near = need(excluded_areas=(Area("there", 25.77, -80.19, 5.0),))
    assert matching.rank(near, [candidate()], [], NOW).matches == ()


def test_what_is_unknown_does_not_exclude_but_ranks_lower_and_says_so() -> None:
    known = candidate(capacity=Capacity("bed", 2, 5, NOW), languages=frozenset({"ht"}))
    unknown = candidate(languages=frozenset())
    first, second = matching.rank(need(languages=("ht",)), [unknown, known], [], NOW).matches
    assert first.candidate is known
    assert any("Ask whether they speak" in r for r in second.reasons)
    assert any("not known" in r for r in second.reasons)


@pytest.mark.parametrize(("asked", "offered", "criterion"), [
    ({"ages": (15, 15)}, {"minimum_age": 18}, "age"),
    ({"household": 4}, {"maximum_household": 2}, "household"),
    ({"household": 1}, {"eligibility": (EligibilityRule("household", "family", "serves"),)}, "household"),
    ({"household": 2}, {"eligibility": (EligibilityRule("household", "alone", "serves"),)}, "household"),
    ({"gender": "male"}, {"eligibility": (EligibilityRule("gender", "female", "serves"),)}, "gender"),
    ({"nationality": "SY"}, {"eligibility": (EligibilityRule("nationality", "SY", "excludes"),)}, "nationality"),
    ({"accessibility": ("wheelchair",)},
     {"eligibility": (EligibilityRule("accessibility", "wheelchair", "excludes"),)}, "accessibility"),
    ({"languages": ("ti",)}, {}, "language"),
    ({"open_now": True}, {"schedules": (Schedule("01:00", "02:00", "WEEKLY", "TU"),), "timezone": "UTC"}, "open"),
    ({}, {"capacity": Capacity("bed", 0, 5, NOW)}, "capacity"),
    ({}, {"points": ((27.0, -80.0),)}, "distance"),
    ({}, {"offered_until": date(2026, 11, 23)}, "offered"),
])
def test_a_near_miss_names_exactly_what_is_unmet(asked: dict[str, object], offered: dict[str, object],
                                                 criterion: str) -> None:
    assert unmet(need(**asked), candidate(**offered)) == [criterion]


def test_three_unmet_criteria_are_no_near_miss() -> None:
    bad = candidate(minimum_age=30, maximum_household=1, capacity=Capacity("bed", 0, 5, NOW))
    assert unmet(need(ages=(10, 10), household=3), bad) == []


def test_seventeen_is_under_a_maximum_of_seventeen_and_a_band_across_it_is_asked() -> None:
    teens = candidate(minimum_age=13, maximum_age=17)
    assert matching.rank(need(ages=(17, 17)), [teens], [], NOW).matches
    assert unmet(need(ages=(18, 18)), teens) == ["age"]
    assert matching.rank(need(ages=(12, 17)), [teens], [], NOW).matches


def test_an_open_interpreter_makes_the_language_met_and_is_named() -> None:
    there = candidate(name="Voices (invented)", confirmed_needs=frozenset({"interpretation.remote"}), remote=True,
                      points=(), languages=frozenset({"ti"}), capacity=Capacity("hour", 2, 4, NOW))
    [match] = matching.rank(need(languages=("ti",)), [candidate()], [there], NOW).matches
    assert (match.language.via, match.language.interpreter) == (Via.INTERPRETER, there)
    full = replace(there, capacity=Capacity("hour", 0, 4, NOW))
    closed = replace(there, schedules=(Schedule("01:00", "02:00", "WEEKLY", "TU"),), timezone="UTC")
    excluded = need(languages=("ti",), excluded_organizations=frozenset({there.organization_id}))
    for asked, interpreter in ((need(languages=("ti",)), full), (need(languages=("ti",)), closed), (excluded, there)):
        assert unmet(asked, candidate(), (interpreter,)) == ["language"]


def test_an_interpreter_who_declined_the_case_for_good_is_not_brought_back_as_its_voice() -> None:
    voices = candidate(confirmed_needs=frozenset({"interpretation.remote"}), remote=True, points=(),
                       languages=frozenset({"ti"}), capacity=Capacity("hour", 2, 4, NOW))
    for reason, brought in ((Reason.CONFLICT_OF_INTEREST, False), (Reason.FULL, True)):
        asked = need(languages=("ti",), declined={voices.service_id: Declined(reason, NOW)})
        assert bool(matching.rank(asked, [candidate()], [voices], NOW).matches) is brought


def test_remote_and_covering_services_count_although_they_are_far() -> None:
    far = ((60.0, 10.0),)
    afar = [candidate(points=far, remote=True), candidate(points=far, areas=(ServedArea("US"),))]
    found = matching.rank(need(), afar, [], NOW)
    assert len(found.matches) == 2


@given(st.lists(st.tuples(st.floats(20, 30), st.floats(-85, -75), st.integers(0, 3)), min_size=1, max_size=12),
       st.randoms())
def test_equal_input_gives_equal_order_however_it_is_shuffled(rows: list[tuple[float, float, int]],
                                                             random: object) -> None:
    all_of_them = [candidate(service_id=UUID(int=n), points=((lat, lon),), capacity=Capacity("bed", beds, 5, NOW))
                   for n, (lat, lon, beds) in enumerate(rows)]
    shuffled = list(all_of_them)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (matching.rank(need(), order, [], NOW) for order in (all_of_them, shuffled))
    assert first == second


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_distance_is_symmetric_and_never_more_than_half_the_earth(a: float, b: float, c: float, d: float) -> None:
    one, other = haversine_km(a, b, c, d), haversine_km(c, d, a, b)
    assert one == pytest.approx(other, abs=1e-6)
    assert 0 <= one <= 20016


def test_distance_is_right_across_the_date_line_and_at_the_pole() -> None:
    assert haversine_km(0, 179.9, 0, -179.9) == pytest.approx(22.24, abs=0.1)
    assert haversine_km(90, 0, 90, 123) == pytest.approx(0, abs=1e-6)
