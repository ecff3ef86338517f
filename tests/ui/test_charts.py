"""The arithmetic of charts."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billingos.ui.charts import HEIGHT, Point, bar_chart, line_chart, nice_scale, sparkline, spoken

values = st.integers(min_value=-(10**12), max_value=10**12)


def points(*numbers: int) -> list[Point]:
    return [Point(f"day {index}", number, str(number), str(index)) for index, number in enumerate(numbers)]


@given(values, values)
def test_the_scale_holds_zero_and_all_values_on_few_round_steps(one: int, other: int) -> None:
    low, high = sorted((one, other))
    bottom, top, step = nice_scale(low, high)
    assert bottom <= min(low, 0)
    assert top >= max(high, 0)
    assert bottom < top
    assert bottom % step == top % step == 0
    assert (top - bottom) // step <= 4
    assert str(step).rstrip("0") in {"1", "2", "5"}


@pytest.mark.parametrize(
    ("high", "scale"), [(0, (0, 1, 1)), (7, (0, 8, 2)), (83, (0, 100, 50)), (420_000, (0, 600_000, 200_000))]
)
def test_scales(high: int, scale: tuple[int, int, int]) -> None:
    assert nice_scale(0, high) == scale


def test_a_line_goes_through_its_values_from_left_to_right() -> None:
    chart = line_chart("MRR", points(0, 50, 100), show=str)
    assert chart.line == f"M166.7,{HEIGHT}.0 L500.0,150.0 L833.3,0.0"
    assert chart.axes.ticks == ["100", "50", "0"]
    assert chart.axes.labels == ["0", "1", "2"]


def test_bars_rise_from_zero_and_fall_below_it() -> None:
    up, down = bar_chart("Net", points(10, -10), show=str, tones=["good", "bad"]).bars
    assert (up.y, up.height, down.y, down.height) == ("0.0", "150.0", "150.0", "150.0")
    assert (up.tone, down.tone) == ("good", "bad")


@given(st.lists(values, min_size=2, max_size=400))
def test_long_axes_keep_few_labels_in_order(numbers: list[int]) -> None:
    labels = line_chart("MRR", points(*numbers), show=str).axes.labels
    assert len(labels) <= 7
    assert all(int(one) < int(other) for one, other in pairwise(labels))
    assert (labels[0], labels[-1]) == ("0", str(len(numbers) - 1))


def test_charts_of_nothing_draw_nothing_and_say_so() -> None:
    assert line_chart("MRR", [], show=str).line == ""
    assert bar_chart("Net", [], show=str).bars == []
    assert sparkline([], "MRR").line == ""
    assert spoken([]) == "No values."


def test_what_is_drawn_is_also_said() -> None:
    said = spoken(points(3, 9, 1, 5))
    assert said == "From 3 (day 0) to 5 (day 3); highest 9 (day 1), lowest 1 (day 2)."
