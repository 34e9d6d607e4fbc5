"""What is withheld from a table of counts: that nobody who knows the rule and the total finds a small one."""

from hypothesis import given
from hypothesis import strategies as st

from referral_dir.domain.disclosure import SMALLEST, Kept, Protected, protect, quantile, together

tables = st.dictionaries(st.integers(0, 30), st.integers(0, 40), max_size=7)


def possible(table: Protected[int], key: int) -> set[int]:
    """Every value that a small count could have, for who knows the rule and what is shown."""
    small = [k for k, count in table.cells.items() if count is Kept.SMALL]
    withheld = [k for k, count in table.cells.items() if count is Kept.WITHHELD]
    if table.total is None:
        return set(range(1, SMALLEST))
    missing = table.total - sum(count for count in table.cells.values() if isinstance(count, int))
    others = {0}
    for k in small:
        others = {n + more for n in others for more in range(1, SMALLEST)} if k != key else others
    return {value for value in range(1, SMALLEST) for n in others
            if (missing - value - n >= SMALLEST * len(withheld) if withheld else missing - value - n == 0)}


@given(tables)
def test_every_small_count_could_still_be_any_small_number(counts: dict[int, int]) -> None:
    shown = protect(counts)
    for key, count in counts.items():
        if 0 < count < SMALLEST:
            assert shown.cells[key] is Kept.SMALL
            assert possible(shown, key) == {1, 2, 3, 4}
        else:
            assert shown.cells[key] in (count, Kept.WITHHELD)
    if shown.total is not None:
        assert shown.total == sum(counts.values())


def test_a_table_without_small_counts_is_shown_as_it_is() -> None:
    assert protect({"a": 7, "b": 0, "c": 5}) == Protected({"a": 7, "b": 0, "c": 5}, 12)


def test_one_small_count_takes_another_with_it_and_alone_takes_the_total() -> None:
    assert protect({"a": 30, "b": 9, "c": 2}) == Protected({"a": 30, "b": Kept.WITHHELD, "c": Kept.SMALL}, 41)
    assert protect({"c": 2}) == Protected({"c": Kept.SMALL}, None)
    assert protect({"c": 2, "d": 1}).total is None, "three, one and one would be the only way"


def test_tables_of_one_sum_do_not_give_each_other_away() -> None:
    by_need, by_place = together([protect({"shelter": 8}), protect({"here": 4, "there": 4})])
    assert by_need == Protected({"shelter": Kept.WITHHELD}, None)
    assert by_place.total is None


def test_the_middle_and_the_ninth_of_ten_are_values_that_were_there() -> None:
    assert quantile([5.0], 0.5) == 5
    assert quantile([float(n) for n in range(1, 11)], 0.5) == 5
    assert quantile([float(n) for n in range(1, 11)], 0.9) == 9
