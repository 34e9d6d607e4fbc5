"""The index ranks as the plain rules do: for any directory, any question, any edits, everywhere on the globe."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from referral_dir.domain import matching, narrowing
from referral_dir.domain.availability import Capacity
from referral_dir.domain.distance import grid_point
from referral_dir.domain.interpreting import choose_interpreters
from referral_dir.domain.need import Area, Candidate, Declined, EligibilityRule, Need, ServedArea
from referral_dir.domain.needs import expand
from referral_dir.domain.opening import Schedule
from referral_dir.domain.vocabulary import Place, Reason
from referral_dir.index import compiled, match, snapshot
from referral_dir.index.columns import Columns
from referral_dir.index.match import MatchIndex, Proposal
from referral_dir.store.feed import Position

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
# Where rounding, wrapping and the poles can hurt, and a town where everything is near everything.
MIDDLES = ((25.77, -80.19), (0.0, 0.0), (-16.8, 179.97), (-16.8, -179.97), (89.95, 20.0), (-90.0, 0.0), (60.0, 180.0))
CODES = ("shelter.emergency", "shelter", "legal", "legal.immigration", "interpretation",
         "interpretation.sign", "interpretation.documents", "not.known")
TONGUES = ("en", "ht", "fr", "ar", "ar-JO", "prs", "fa", "ase", "kmr")
ORGANIZATIONS = tuple(UUID(int=n) for n in range(1, 5))
IDS = tuple(UUID(int=(n << 90) + n) for n in range(1, 40))
ACCESS = ("wheelchair", "step_free")
RULES = [EligibilityRule(criterion, code, effect) for criterion, codes in (
    ("gender", ("female", "male", "trans")), ("household", ("family", "alone")), ("nationality", ("HT", "UA")),
    ("status", ("asylum",)),
    ("accessibility", ACCESS), ("community", ("oromo", "roma"))) for code in codes for effect in ("serves", "excludes")]
NOSHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
HOURS = [
    (), (Schedule("09:00", "17:00", "WEEKLY", "MO,TU,WE,TH,FR"),), (Schedule("22:00", "06:00", "WEEKLY", "FR,SA"),),
    (Schedule("00:00", "23:59", "WEEKLY"),), (Schedule("09:00", "12:00", "MONTHLY", "1MO"),)]


def near(middle: tuple[float, float]) -> st.SearchStrategy[tuple[float, float]]:
    def move(offsets: tuple[float, float]) -> tuple[float, float]:
        lat = max(-90.0, min(90.0, middle[0] + offsets[0]))
        point = grid_point(lat, (middle[1] + offsets[1] + 540) % 360 - 180)
        assert point is not None
        return point

    step = st.floats(-1.5, 1.5) | st.floats(-0.01, 0.01) | st.sampled_from((0.0, 90.0, 180.0))
    return st.tuples(step, step).map(move)


points = st.sampled_from(MIDDLES).flatmap(near)
capacities = st.builds(
    Capacity, st.sampled_from(("bed", "beds", "interpreter hour", "appointment", "seat")), st.integers(0, 4), st.none(),
    st.sampled_from((0, 1, -299, -301, 3600, 43_199, 43_200, 43_201, 86_400, 10**7, 77)).map(
        lambda s: NOW - timedelta(seconds=s, microseconds=s % 7)))
areas = st.builds(
    ServedArea, st.sampled_from(("US", "JO")), st.sampled_from((None, "Florida", "florida "))) | st.builds(
    lambda point, radius: ServedArea(None, None, *point, radius), points, st.floats(1, 400))
years = st.none() | st.sampled_from((0.0, 12.0, 17.0, 18.0, 25.0, 64.5))
candidates = st.builds(
    Candidate, service_id=st.sampled_from(IDS), organization_id=st.sampled_from(ORGANIZATIONS),
    name=st.just("Invented"), organization=st.just("Invented"),
    confirmed_needs=st.frozensets(st.sampled_from(CODES), max_size=3),
    suggested_needs=st.frozensets(st.sampled_from(CODES), max_size=2),
    status=st.sampled_from(("active", "active", "active", "active", "inactive")),
    offered_until=st.none() | st.sampled_from((date(2026, 11, 23), date(2026, 11, 24), date(2027, 1, 1))),
    confidential=st.booleans(), zone=st.just("zone"),
    points=st.lists(points, max_size=3).map(tuple) | points.map(lambda p: (p,)),
    areas=st.just(()) | st.lists(areas, max_size=2).map(tuple), country=st.sampled_from((None, "US", "JO")),
    remote=st.sampled_from((False, False, False, True)), languages=st.frozensets(st.sampled_from(TONGUES), max_size=3),
    own_interpretation=st.sampled_from((None, None, None, "by phone")), minimum_age=years, maximum_age=years,
    maximum_household=st.none() | st.integers(1, 4),
    eligibility=st.lists(st.sampled_from(RULES), max_size=3, unique_by=lambda r: (r.criterion, r.code)).map(tuple),
    eligibility_text=st.sampled_from((None, "", "Call first")), capacity=st.none() | capacities,
    schedules=st.sampled_from(HOURS), timezone=st.sampled_from(("America/New_York", "Asia/Amman", None)))
directories = st.lists(candidates, max_size=25, unique_by=lambda c: c.service_id)


@st.composite
def needs(draw: st.DrawFn) -> Need:
    lat, lon = draw(points)
    asked = draw(st.lists(st.sampled_from(("shelter", "legal", "legal.immigration", "interpretation")), min_size=1,
                          max_size=3, unique=True))
    ages = draw(st.none() | st.sampled_from(((17, 17), (12, 17), (18, 25), (64, 64), (0, 110))))
    declined = draw(st.dictionaries(st.sampled_from(IDS), st.builds(
        Declined, st.sampled_from((Reason.FULL, Reason.NOT_ELIGIBLE, Reason.NO_RESPONSE, Reason.MORE_INFORMATION)),
        st.sampled_from((60, 3600, 50_000, 10**6)).map(lambda s: NOW - timedelta(seconds=s))), max_size=3))
    return Need(
        needs={code: expand(code) for code in asked},
        place=Place("Here", draw(st.sampled_from(("US", "JO", ""))), lat, lon, draw(st.sampled_from(("", "Florida")))),
        languages=tuple(draw(st.lists(st.sampled_from(TONGUES), max_size=2, unique=True))),
        radius_km=draw(st.sampled_from((0.5, 5.0, 50.0, 300.0, 5000.0))), ages=ages,
        gender=draw(st.sampled_from((None, "female", "trans", "unknown"))), household=draw(st.integers(1, 4)),
        nationality=draw(st.sampled_from((None, "HT", "SY"))), status=draw(st.sampled_from((None, "asylum"))),
        accessibility=tuple(draw(st.lists(st.sampled_from(ACCESS), max_size=2, unique=True))),
        excluded_organizations=draw(st.frozensets(st.sampled_from(ORGANIZATIONS), max_size=1)),
        excluded_areas=tuple(draw(st.lists(st.builds(
            lambda p, km: Area("there", *p, km), points, st.sampled_from((1.0, 60.0))), max_size=1))),
        excluded_communities=draw(st.frozensets(st.sampled_from(("roma", "oromo", "other")), max_size=1)),
        declined=declined, open_now=draw(st.booleans()),
        open_by=draw(st.none() | st.just(NOW + timedelta(hours=20))))


def index_of(columns: Columns) -> MatchIndex:
    index = MatchIndex()
    index._columns, index._position = columns, Position(1)
    return index


@pytest.fixture(scope="module", autouse=True)
def loops(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compiled where numba is installed, and used by `check` alone."""
    cache = request.config.cache
    match.warm(cache.mkdir("match") if cache else None)
    WAYS.append((compiled.loops(), 0)) if compiled.loops() else None
    compiled.use(None)
    yield
    compiled.use(None)


# In which the index ranks: a few rows one by one, and many in columns; the loop compiled.
WAYS: list[tuple[compiled.Loops | None, int]] = [(None, match.FEW), (None, 0)]


def check(directory: list[Candidate], columns: Columns, need: Need, shown: int) -> None:
    """All ways in which the index ranks against the plain rules."""
    ranking = matching.rank(need, directory, directory, NOW)
    lent = {i.service_id for i in choose_interpreters(need, directory, NOW).values()}
    for loops, few in WAYS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(match, "FEW", few)
            patch.setattr(match, "VERY_FEW", 0)
            patch.setattr(compiled, "loops", lambda loops=loops: loops)
            check_one_way(columns, need, shown, ranking, lent)


def check_one_way(columns: Columns, need: Need, shown: int, ranking: matching.Ranking, lent: set[UUID]) -> None:
    found = index_of(columns).propose(need, NOW, matches=shown, near_misses=shown)
    assert _plain(found.matches) == [(m.candidate.service_id, m.distance_km, m.score) for m in ranking.matches[:shown]]
    assert _plain(found.near_misses) == [
        (m.candidate.service_id, m.distance_km, m.score) for m in ranking.near_misses[:shown]]
    assert found.total == len(ranking.matches)
    far = [m.distance_km for m in ranking.near_misses if [c.name for c in m.unmet] == ["distance"]]
    assert found.wider_km == min(far, default=None)
    assert lent <= set(found.interpreters)
    strict = index_of(columns).propose(need, NOW, matches=shown, near_misses=0)
    assert (strict.matches, strict.total) == (found.matches, found.total)
    every = [m.candidate.service_id for m in ranking.matches]
    assert index_of(columns).counts(need, NOW, every) == narrowing.counts(ranking.matches, ())


def _plain(found: Any) -> list[tuple[UUID, float | None, float]]:
    return [tuple(each) for each in found]


@examples(max_examples=400, phases=NOSHRINK)
@given(directories, st.lists(needs(), min_size=1, max_size=4), st.sampled_from((1, 3, 50)))
def test_the_index_answers_as_the_plain_rules_over_all_services(
        directory: list[Candidate], asked: list[Need], shown: int) -> None:
    columns = Columns.of(directory)
    for need in asked:
        check(directory, columns, need, shown)


@examples(max_examples=200, phases=NOSHRINK)
@given(directories, st.lists(candidates, max_size=12), st.lists(st.sampled_from(IDS), max_size=4),
       st.lists(needs(), min_size=1, max_size=3))
def test_the_index_answers_so_after_any_edits(directory: list[Candidate], edits: list[Candidate], gone: list[UUID],
                                              asked: list[Need]) -> None:
    columns = Columns.of(directory)
    now = {c.service_id: c for c in directory}
    for edit in edits:
        now[edit.service_id] = edit
        columns.apply(edit.service_id, edit)
    for service_id in gone:
        now.pop(service_id, None)
        columns.apply(service_id, None)
    for need in asked:
        check(list(now.values()), columns, need, 50)
    columns._merge()
    for need in asked:
        check(list(now.values()), columns, need, 50)


@examples(max_examples=60)
@given(directories, st.lists(candidates, max_size=4), needs())
def test_a_snapshot_answers_as_what_was_saved(tmp_path_factory: pytest.TempPathFactory, directory: list[Candidate],
                                              edits: list[Candidate], need: Need) -> None:
    path: Path = tmp_path_factory.mktemp("kept") / "match-index"
    columns = Columns.of(directory)
    now = {c.service_id: c for c in directory} | {c.service_id: c for c in edits}
    for edit in edits:
        columns.apply(edit.service_id, edit)
    snapshot.save(path, columns, Position(7, IDS[0], NOW))
    loaded = snapshot.load(path)
    assert loaded is not None
    assert loaded[1] == Position(7, IDS[0], NOW)
    check(list(now.values()), loaded[0], need, 50)
    loaded[0].apply(IDS[0], None)
    now.pop(IDS[0], None)
    check(list(now.values()), loaded[0], need, 50)


@given(st.sampled_from(MIDDLES).flatmap(near), st.lists(points, max_size=40), st.floats(0.01, 21_000))
def test_a_radius_holds_everything_within_it(here: tuple[float, float], there: list[tuple[float, float]],
                                             radius: float) -> None:
    from referral_dir.domain.distance import haversine_km

    directory = [Candidate(UUID(int=n + 1), ORGANIZATIONS[0], "x", "x", frozenset({"legal"}), points=(p,))
                 for n, p in enumerate(there)]
    need = Need({"legal": expand("legal")}, Place("Here", "", *here), radius_km=min(radius, 5000.0))
    found: Proposal = index_of(Columns.of(directory)).propose(need, NOW, matches=50, near_misses=0)
    within = {c.service_id for c in directory if round(haversine_km(*here, *c.points[0]), 1) <= need.radius_km}
    assert {p.service_id for p in found.matches} == within
    scores = [p.score for p in found.matches]
    assert all(a >= b for a, b in pairwise(scores))
