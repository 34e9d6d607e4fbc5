"""The geometry of charts: nothing outside the drawing, true to the numbers, mirrored where one reads from the right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from referral_dir.web import charts

numbers = st.none() | st.integers(0, 10_000)


@given(st.lists(st.tuples(st.text(max_size=5), numbers), max_size=12), st.booleans())
def test_nothing_is_drawn_outside(rows: list[tuple[str, int | None]], rtl: bool) -> None:
    for chart in (charts.bars([(name, n, str(n)) for name, n in rows], rtl=rtl), charts.columns(rows, rtl=rtl),
                  charts.line(rows, rtl=rtl), charts.line(rows, top=50, rtl=rtl)):
        for rect in chart.rects:
            assert rect.x >= -0.1
            assert rect.x + rect.width <= charts.WIDTH + 0.1
            assert 0 <= rect.y <= rect.y + rect.height <= chart.height + 6
        assert all(0 <= x <= charts.WIDTH and 0 <= y <= chart.height + 6 for x, y in chart.dots)
        assert all(0 <= text.x <= charts.WIDTH for text in chart.texts)


@given(st.lists(st.tuples(st.text(max_size=5), numbers), max_size=12))
def test_from_right_to_left_is_the_mirror_of_from_left_to_right(rows: list[tuple[str, int | None]]) -> None:
    for draw in (lambda rtl: charts.bars([(name, n, str(n)) for name, n in rows], rtl=rtl),
                 lambda rtl: charts.columns(rows, rtl=rtl)):
        left, right = draw(False).rects, draw(True).rects
        assert [charts.WIDTH - r.x - r.width for r in right] == pytest.approx([r.x for r in left], abs=0.2)


def test_a_bar_is_as_long_as_its_number_says_and_parts_follow_each_other() -> None:
    one, two = charts.bars([("a", 10, "10"), ("b", 5, "5"), ("c", None, "fewer than 5")]).rects
    assert one.width == charts.WIDTH == two.width * 2
    parts = charts.stacked([("a", [3, 1], "4")]).rects
    assert (parts[0].x, parts[0].width, parts[1].x, parts[1].width) == (0, 240, 240, 80)
    assert [p.series for p in parts] == [1, 2]


def test_a_day_of_which_nothing_is_known_is_a_gap_in_the_line() -> None:
    chart = charts.line([("Mo", 3), ("Tu", None), ("We", 4), ("Th", 5)], top=5)
    assert chart.path.count("M") == 2
    assert len(chart.dots) == 3
    assert chart.dots[2][1] < chart.dots[0][1], "more is higher"


@pytest.mark.parametrize(("most", "top"), [(0, 1), (3, 4), (5, 5), (7, 10), (41, 50), (400, 400), (999, 1000)])
def test_an_axis_ends_with_a_round_number(most: float, top: float) -> None:
    assert charts.round_top(most) == top
