import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented_directory import Directory
from sqlalchemy import event

from referral_dir.domain.distance import haversine_km
from referral_dir.domain.need import Need
from referral_dir.domain.needs import expand, needs
from referral_dir.domain.vocabulary import Place
from referral_dir.index import grid
from referral_dir.index.match import MatchIndex, Proposed
from referral_dir.store import Store, feed, reading, transaction
from referral_dir.store.candidates import active_ids, load_candidates
from referral_dir.store.directory import SecretLocation, Service
from referral_dir.store.feed import START, changes_since, last_change, load_text_rows
from referral_dir.store.records import ChangeLog, services_changed

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MIAMI = (25.7743, -80.1937)
MIAMI_BEACH = (25.7906, -80.1300)
TAMPA = (27.9475, -82.4584)
AMMAN = (31.9552, 35.9450)
LEGAL = (expand("legal"),)

Propose = Callable[..., dict[str, Proposed]]


@pytest.fixture
def match() -> MatchIndex:
    return MatchIndex()


@pytest.fixture
def propose(store: Store, directory: Directory, match: MatchIndex) -> Propose:
    """What matches, by name, near Miami unless told."""

    def ask(codes: tuple[frozenset[str], ...] = LEGAL, here: tuple[float, float] = MIAMI, km: float = 50,
            country: str = "US", admin1: str = "Florida", now: datetime = NOW) -> dict[str, Proposed]:
        with reading(store) as session:
            match.refresh(session)
        need = Need({str(n): each for n, each in enumerate(codes)}, Place("Here", country, *here, admin1), radius_km=km)
        found = match.propose(need, now, matches=100, near_misses=0).matches
        return {directory.name(each.service_id): each for each in found}

    return ask


def ask_of(index: MatchIndex, km: float) -> tuple[Proposed, ...]:
    need = Need({"legal": LEGAL[0]}, Place("Miami", "US", *MIAMI, "Florida"), radius_km=km)
    return index.propose(need, NOW, matches=100, near_misses=0).matches


def test_a_need_for_a_parent_is_met_by_a_child_confirmed_or_suggested(directory: Directory, propose: Propose) -> None:
    directory.add("visa help", needs=("legal.immigration",), at=(MIAMI,))
    directory.add("court help", suggested=("legal.criminal",), at=(MIAMI,))
    directory.add("soup", needs=("basic.food",), at=(MIAMI,))
    assert set(propose()) == {"visa help", "court help"}
    assert set(propose((expand("legal.immigration"),))) == {"visa help"}
    assert set(propose((expand("legal.immigration"), expand("basic.food")))) == {"visa help", "soup"}


def test_nothing_is_proposed_when_no_need_is_asked(directory: Directory, propose: Propose) -> None:
    directory.add("visa help", needs=("legal.immigration",), at=(MIAMI,))
    assert propose(()) == {}
    assert propose((frozenset({"not.a.need"}),)) == {}


def test_a_service_with_a_need_that_left_the_tree_is_found_by_its_other_needs(
        directory: Directory, propose: Propose) -> None:
    directory.add("visa help", needs=("legal.immigration", "no.longer.there"), at=(MIAMI,))
    assert set(propose()) == {"visa help"}


def test_the_nearest_of_several_places_counts(directory: Directory, propose: Propose) -> None:
    directory.add("two offices", needs=("legal",), at=(TAMPA, MIAMI_BEACH))
    assert propose()["two offices"].distance_km == pytest.approx(haversine_km(*MIAMI, *MIAMI_BEACH), abs=0.05)


def test_what_is_beyond_the_radius_is_not_proposed(directory: Directory, propose: Propose) -> None:
    directory.add("tampa office", needs=("legal",), at=(TAMPA,), country="US")
    assert propose() == {}
    assert set(propose(km=400)) == {"tampa office"}


def test_a_town_stands_in_where_no_point_is_known(directory: Directory, propose: Propose) -> None:
    directory.add("somewhere in town", needs=("legal",), near=("Miami Beach", *MIAMI_BEACH))
    assert propose()["somewhere in town"].distance_km == pytest.approx(6.6, abs=0.3)


def test_an_exact_point_is_preferred_to_a_town(directory: Directory, propose: Propose) -> None:
    directory.add("both", needs=("legal",), at=(TAMPA,), near=("Miami Beach", *MIAMI_BEACH))
    assert propose() == {}


def test_a_point_off_the_globe_is_no_place(directory: Directory, propose: Propose) -> None:
    directory.add("example", needs=("legal",), at=((100.0, 101.0),), country="US")
    assert propose()["example"].distance_km is None
    assert propose(country="JO") == {}


def test_a_service_without_a_place_is_proposed_in_its_own_country_only(
        directory: Directory, propose: Propose) -> None:
    directory.add("no address", needs=("legal",), country="US")
    assert propose()["no address"].distance_km is None
    assert propose(here=AMMAN, country="JO", admin1="") == {}
    assert propose(country="") == {}


@pytest.mark.parametrize(("area", "covers"), [
    ({"country": "US"}, True),
    ({"country": "JO"}, False),
    ({"country": "US", "admin1": "FLORIDA"}, True),
    ({"country": "US", "admin1": "Georgia"}, False),
    ({"latitude": 25.0, "longitude": -80.0, "radius_km": 100.0}, True),
    ({"latitude": 25.0, "longitude": -80.0, "radius_km": 50.0}, False),
])
def test_an_area_covers_a_place_far_from_the_office(directory: Directory, propose: Propose, area: dict[str, object],
                                                    covers: bool) -> None:
    directory.add("far office", needs=("legal",), at=(AMMAN,), areas=(area,))
    found = propose()
    assert set(found) == ({"far office"} if covers else set())


def test_an_area_that_was_not_resolved_neither_covers_nor_excludes(directory: Directory, propose: Propose) -> None:
    directory.add("somewhere", needs=("legal",), country="US", areas=({"name": "The lower keys, mostly"},))
    assert propose()["somewhere"].distance_km is None
    assert propose(country="JO") == {}


def test_a_remote_service_counts_everywhere_unless_its_areas_say_otherwise(
        directory: Directory, propose: Propose) -> None:
    directory.add("phone line", needs=("legal",), at=(AMMAN,), remote=True)
    directory.add("jordan line", needs=("legal",), at=(AMMAN,), remote=True, areas=({"country": "JO"},))
    assert set(propose()) == {"phone line"}
    assert set(propose(here=TAMPA, country="JO", admin1="")) == {"phone line", "jordan line"}


@pytest.mark.parametrize("status", ["inactive", "defunct", "temporarily closed"])
def test_only_active_services_are_proposed(directory: Directory, propose: Propose, status: str) -> None:
    directory.add("legal desk", needs=("legal",), at=(MIAMI,))
    assert set(propose()) == {"legal desk"}
    directory.change("legal desk", status=status)
    assert propose() == {}


def test_a_service_is_proposed_through_its_last_day(directory: Directory, propose: Propose) -> None:
    directory.add("until june", needs=("legal",), at=(MIAMI,), offered_until=date(2026, 6, 30))
    assert set(propose(now=datetime(2026, 6, 30, 23, 0, tzinfo=UTC))) == {"until june"}
    assert propose(now=datetime(2026, 7, 1, 1, 0, tzinfo=UTC)) == {}


def test_distances_hold_across_the_date_line_and_at_the_poles(directory: Directory, propose: Propose) -> None:
    directory.add("taveuni", needs=("legal",), at=((-16.8, -179.97),))
    directory.add("pole station", needs=("legal",), at=((89.9, 170.0),))
    assert set(propose(here=(-16.8, 179.97), km=10)) == {"taveuni"}
    assert set(propose(here=(89.9, -10.0), km=30)) == {"pole station"}
    assert set(propose(here=(90.0, 0.0), km=12)) == {"pole station"}


@given(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), st.tuples(st.floats(-90, 90), st.floats(-180, 180)))
def test_the_distance_is_that_of_the_rank(here: tuple[float, float], there: tuple[float, float]) -> None:
    many = grid.kilometres(*here, grid.steps([there[0]]), grid.steps([there[1]]))
    assert many[0] == pytest.approx(haversine_km(*here, *there), abs=1e-4)


def test_asking_before_the_first_refresh_is_an_error_and_not_an_empty_answer(match: MatchIndex) -> None:
    with pytest.raises(RuntimeError, match="refresh"):
        ask_of(match, 50)


def test_a_confidential_service_is_found_by_its_zone_and_by_nothing_else(
        directory: Directory, propose: Propose) -> None:
    directory.add("hidden desk", needs=("legal",), confidential=True, zone_name="South Florida", zone_latitude=26.0,
                  zone_longitude=-80.5, at=(TAMPA,), near=("Tampa", *TAMPA),
                  areas=({"latitude": TAMPA[0], "longitude": TAMPA[1], "radius_km": 5.0},))
    assert propose()["hidden desk"].distance_km == pytest.approx(haversine_km(*MIAMI, 26.0, -80.5), abs=0.05)
    assert propose(here=TAMPA) == {}


def test_the_sealed_place_changes_nothing_that_an_index_reads(store: Store, directory: Directory,
                                                              propose: Propose) -> None:
    directory.add("hidden desk", needs=("legal",), confidential=True, zone_name="South Florida", zone_latitude=26.0,
                  zone_longitude=-80.5)
    directory.add("open desk", needs=("legal",), at=(MIAMI,))
    seen = []
    for place in (b"here", b"a wholly different place, far away"):
        with transaction(store) as session:
            session.query(SecretLocation).delete()
            session.add(SecretLocation(id=uuid4(), service_id=directory.id("hidden desk"), address=place,
                                       coordinates=place))
        directory.change("hidden desk")
        with reading(store) as session:
            rows = load_candidates(session, active_ids(session)), load_text_rows(session, None)
        seen.append((rows, propose(), propose(here=TAMPA), list(propose())))
    assert seen[0] == seen[1]


def test_a_change_is_seen_by_the_next_question_and_an_uncommitted_one_is_not(
        store: Store, directory: Directory, propose: Propose) -> None:
    directory.add("legal desk", needs=("legal",), at=(MIAMI,))
    directory.add("other desk", needs=("legal",), at=(MIAMI_BEACH,), areas=({"country": "US"},))
    before = propose()
    directory.change("other desk", remote=True)
    directory.remove("legal desk")
    directory.add("new desk", needs=("legal",), at=(MIAMI, TAMPA))
    after = propose()
    assert set(after) == {"other desk", "new desk"}
    assert after["other desk"] == before["other desk"]
    assert after["new desk"].distance_km == pytest.approx(0)


def test_many_small_changes_lead_to_what_a_new_index_reads(store: Store, directory: Directory, match: MatchIndex,
                                                           propose: Propose) -> None:
    areas = ({"country": "US", "admin1": "Florida"}, {"latitude": 26.0, "longitude": -80.0, "radius_km": 90.0})
    for n in range(12):
        directory.add(f"desk {n}", needs=("legal",) if n % 3 else ("work",), at=((26 + n, -80.0), (25.0, -80 - n)),
                      areas=areas[:n % 3])
        propose()
    for n in (3, 7, 1):
        directory.remove(f"desk {n}")
        directory.change(f"desk {n + 1}", status="inactive")
        directory.change(f"desk {n + 1}", status="active")
        propose()
    fresh = MatchIndex()
    with reading(store) as session:
        fresh.refresh(session)
    for km in (50, 200, 800):
        assert ask_of(fresh, km) == ask_of(match, km)


def test_an_index_that_is_ahead_of_a_restored_database_starts_afresh(
        store: Store, directory: Directory, propose: Propose, monkeypatch: pytest.MonkeyPatch) -> None:
    directory.add("legal desk", needs=("legal",), at=(MIAMI,))
    directory.add("gone desk", needs=("legal",), at=(MIAMI,))
    assert len(propose()) == 2
    with transaction(store) as session:
        session.query(ChangeLog).filter(ChangeLog.sequence > 1).delete()
        session.delete(session.get_one(Service, directory.id("gone desk")))
    monkeypatch.setattr(feed, "LONGEST_READ", timedelta(0))
    assert set(propose()) == {"legal desk"}


def test_the_change_log_is_read_in_steps_and_names_each_service_once(store: Store, directory: Directory) -> None:
    with reading(store) as session:
        assert last_change(session) == START
    first = directory.add("a", needs=("legal",))
    second = directory.add("b", needs=("legal",))
    directory.change("a")
    with reading(store) as session:
        assert changes_since(session, 0, 100) == (3, [first, second])
        assert changes_since(session, 0, 2) == (2, [first, second])
        assert changes_since(session, 2, 2) == (3, [first])
        assert changes_since(session, 3, 2) == (3, [])
        assert last_change(session).sequence == 3


def test_readers_see_the_directory_before_or_after_a_change_never_between(
        store: Store, directory: Directory, match: MatchIndex) -> None:
    for n in range(20):
        directory.add(f"desk {n}", needs=("legal",), at=(MIAMI,))
    with reading(store) as session:
        match.refresh(session)
    counts: set[int] = set()
    failures: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                counts.add(len(ask_of(match, 50)))
        except BaseException as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(15):
            with transaction(store) as session:
                rows = session.query(Service).filter(Service.name.in_([f"desk {n}" for n in range(10)])).all()
                for row in rows:
                    row.status = "inactive" if row.status == "active" else "active"
                services_changed(session, [row.id for row in rows])
            with reading(store) as session:
                match.refresh(session)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert not failures
    assert counts == {10, 20}


def test_nothing_new_costs_one_query(store: Store, directory: Directory, match: MatchIndex) -> None:
    directory.add("legal desk", needs=("legal",), at=(MIAMI,))
    statements: list[str] = []
    with reading(store) as session:
        match.refresh(session)
        event.listen(session.get_bind(), "before_cursor_execute", lambda *args: statements.append(args[2]))
        match.refresh(session)
    assert len(statements) == 1


def test_equal_services_come_in_the_order_of_their_ids(directory: Directory, propose: Propose) -> None:
    for n in range(9):
        directory.add(f"desk {n}", needs=("legal",), at=(MIAMI,))
    ids = [found.service_id for found in propose().values()]
    assert ids == sorted(ids)


def test_the_tree_of_needs_fits_the_columns() -> None:
    assert len(needs()) <= 64


class TestSnapshot:
    @pytest.fixture
    def path(self, tmp_path: Path, store: Store, directory: Directory) -> Path:
        directory.add("legal desk", needs=("legal",), at=(MIAMI,))
        path = tmp_path / "kept" / "match-index"
        self.opened(path, store)
        assert path.stat().st_mode & 0o077 == 0, "nobody else may read it"
        return path

    def opened(self, path: Path, store: Store) -> MatchIndex:
        index = MatchIndex(path)
        with reading(store) as session:
            index.refresh(session)
        return index

    def test_a_process_starts_from_it_and_catches_up(self, path: Path, store: Store, directory: Directory,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
        directory.add("newer desk", needs=("legal",), at=(MIAMI,))
        monkeypatch.setattr("referral_dir.index.match.active_ids", lambda _session: pytest.fail("read everything"))
        assert len(ask_of(self.opened(path, store), 50)) == 2

    @pytest.mark.parametrize("damage", [
        lambda kept: kept[:-3], lambda kept: kept[:200] + b"!" + kept[201:], lambda _: b"", lambda _: b"\0" * 500])
    def test_a_torn_one_is_rebuilt_and_never_trusted(self, path: Path, store: Store,
                                                     damage: Callable[[bytes], bytes]) -> None:
        path.write_bytes(damage(path.read_bytes()))
        assert len(ask_of(self.opened(path, store), 50)) == 1
        assert len(ask_of(self.opened(path, store), 50)) == 1

    def test_one_of_another_schema_is_rebuilt(self, path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        before = path.read_bytes()
        monkeypatch.setattr("referral_dir.index.snapshot.SCHEMA", 999)
        assert len(ask_of(self.opened(path, store), 50)) == 1
        assert path.read_bytes() != before

    def test_a_folder_that_can_not_be_written_leaves_the_matching_working(
            self, tmp_path: Path, store: Store, directory: Directory, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "a file").write_text("not a folder")
        directory.add("legal desk", needs=("legal",), at=(MIAMI,))
        assert len(ask_of(self.opened(tmp_path / "a file" / "match-index", store), 50)) == 1
        assert "can't be kept on disk" in caplog.text

    def test_it_is_removed_when_a_place_in_it_becomes_confidential(self, path: Path, store: Store,
                                                                  directory: Directory) -> None:
        index = self.opened(path, store)
        directory.change("legal desk", confidential=True, zone_name="Florida", zone_latitude=28.0, zone_longitude=-81.0)
        with reading(store) as session:
            index.refresh(session)
        assert not path.exists()
