"""Two directories that differ only in where inside their zone the hidden services are: nobody can tell them apart.

Answers are compared byte by byte without nonces, and with them the work: every SQL statement and how many rows were
read of it. One of the two was imported from a file with other streets, points, telephones, names and postcodes.
"""

import inspect
from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from referral_dir.desk import find
from referral_dir.store.cases import AddressReveal
from referral_dir.store.db import Base, reading
from referral_dir.store.directory import SecretLocation
from tests.noninterference import commands, questions, visits
from tests.noninterference.documents import HIDDEN
from tests.noninterference.questions import Chance
from tests.noninterference.twins import WALKERS, Side, Twins

pytestmark = pytest.mark.usefixtures("no_budgets")

# Not random but of the clock: when the import ran, when a session was begun.
CLOCKS = {"change_log.at", "capacity_history.at", "login_session.created", "login_session.last_seen"}

chances = st.builds(
    Chance, st.integers(0, 2**64).map(Random), st.lists(st.text(max_size=30), min_size=1, max_size=5),
    st.lists(st.floats(), min_size=1, max_size=4))


def ask_many(twins: Twins, chance: Chance, count: int) -> None:
    """Move everything, then ask the desk many questions."""
    twins.move(chance.random.getrandbits(40))
    with reading(twins.left.store) as left, reading(twins.right.store) as right:
        sessions = {id(twins.left): left, id(twins.right): right}
        for kind, question in questions.questions(chance, count):
            twins.compare(kind, lambda side, q=question: questions.answered(q, side, sessions[id(side)]))


def test_the_databases_differ_in_what_is_sealed_and_in_nothing_else(twins: Twins) -> None:
    def everything(side: Side) -> dict[str, list[str]]:
        with reading(side.store) as session:
            return {table.name: sorted(repr(tuple(row)) for row in session.execute(select(
                *(c for c in table.columns if f"{table.name}.{c.name}" not in CLOCKS))))
                for table in Base.metadata.sorted_tables if table.name != SecretLocation.__tablename__}

    left, right = everything(twins.left), everything(twins.right)
    assert left["service"]
    for name, rows in left.items():
        assert rows == right[name], name
    with reading(twins.left.store) as one, reading(twins.right.store) as other:
        sealed = [{row.service_id: (row.address, row.coordinates) for row in session.query(SecretLocation)}
                  for session in (one, other)]
    assert len(sealed[0]) == HIDDEN
    assert sealed[0].keys() == sealed[1].keys()
    for service_id, values in sealed[0].items():
        assert values != sealed[1][service_id]
        assert [len(v or b"") for v in values] == [len(v or b"") for v in sealed[1][service_id]], "equally long"


def test_no_question_to_the_desk_tells_where_a_hidden_service_is(twins: Twins, counted: Counter[str]) -> None:
    before = twins.pairs

    @settings(max_examples=80)
    @given(chances)
    def ask(chance: Chance) -> None:
        ask_many(twins, chance, 100)

    ask()
    assert twins.pairs - before >= 8000


def test_every_function_of_the_finding_desk_is_asked() -> None:
    public = {name for name, function in inspect.getmembers(find, inspect.isfunction)
              if function.__module__ == find.__name__ and not name.startswith("_")}
    # A need is made of words alone; it is made for every question.
    assert public - {"make_need"} <= set(questions.KINDS)


def test_no_page_tells_where_a_hidden_service_is(twins: Twins, counted: Counter[str]) -> None:
    walk, before, statuses = visits.begin(twins), twins.pairs, Counter[int]()

    @settings(max_examples=50)
    @given(chances)
    def visit(chance: Chance) -> None:
        walk.begin()
        twins.move(chance.random.getrandbits(40))
        for _ in range(40):
            statuses[walk.visit(chance)[0]] += 1

    visit()
    assert twins.pairs - before >= 2000
    assert statuses[200] > 600, statuses
    assert statuses[302] > 100, statuses


def test_every_route_is_visited_by_everyone(twins: Twins, counted: Counter[str]) -> None:
    walk, chance = visits.begin(twins), Chance(Random(11))
    twins.move(11)
    for who in WALKERS:
        walk.begin()
        for rule, method in walk.routes:
            walk.go(chance, rule, method, who)
    every = {(rule.endpoint, method) for rule in twins.left.app.url_map.iter_rules() for method in rule.methods or ()
             if method in ("GET", "POST") and rule.endpoint != "static"}
    for rule in twins.left.app.url_map.iter_rules():
        for method in {"GET", "POST"} & (rule.methods or set()) if rule.endpoint != "static" else ():
            if (rule.endpoint, method) not in walk.visited:
                walk.begin()
                walk.go(chance, rule, method, "olga")
    assert walk.visited >= every


def test_no_command_and_no_export_tells_where_a_hidden_service_is(twins: Twins, counted: Counter[str]) -> None:
    before = twins.pairs
    for seed in range(2):
        twins.restore()
        twins.move(seed)
        commands.move_files(twins, 100 + seed)
        chance = Chance(Random(seed), ("é", "x y", "' OR 1"), (0.0, -1.0, float("nan"), 1e9))
        for path, command in commands.commands():
            for _ in range(6 if path[0] in commands.OFTEN else seed == 0 or path[0] == "import"):
                commands.run(twins, chance, path, command)
    twins.restore()
    assert twins.pairs - before >= 45


def test_nobody_has_been_shown_an_address_in_all_this(twins: Twins) -> None:
    with reading(twins.left.store) as session:
        assert session.query(AddressReveal).count() == 0


@pytest.mark.parametrize("number", range(HIDDEN))
def test_each_hidden_service_is_found_all_the_same(twins: Twins, number: int) -> None:
    """A directory that shows nothing would pass everything above."""
    from referral_dir.domain.need import Need
    from tests.noninterference.twins import NOW, zone_of

    zone = zone_of(number)
    with reading(twins.left.store) as session:
        service = find.read_service(session, twins.left.cast.olga, twins.hidden[number], NOW)
        wanted = [n.need for n in service.parts.needs]
        need: Need = find.make_need(needs=wanted, near=f"{zone[3]},{zone[4]}", radius_km=5)
        told = find.explain_match(session, twins.left.indexes, need, twins.hidden[number], NOW)
        distance = next(line for line in told.lines if line.criterion == "distance")
        assert service.service.zone_name == zone[0]
        assert distance.verdict == "met", distance
