"""Properties of period boundaries, whatever the anchor."""

import calendar
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from stripe_simulator.periods import boundary, next_boundary

ANCHORS = st.integers(min_value=946_684_800, max_value=4_102_444_800)  # 2000 to 2100
INTERVALS = st.sampled_from(["day", "week", "month", "year"])


@given(ANCHORS, INTERVALS, st.integers(1, 3), st.integers(0, 40))
def test_the_next_boundary_is_the_next(anchor: int, interval: str, count: int, number: int) -> None:
    here, there = (boundary(anchor, interval, count, step) for step in (number, number + 1))
    assert here < there
    assert next_boundary(anchor, interval, count, here) == there
    assert next_boundary(anchor, interval, count, there - 1) == there


@given(ANCHORS, st.integers(1, 12), st.integers(0, 60))
def test_months_keep_the_day_or_the_last_of_the_month(anchor: int, count: int, number: int) -> None:
    start = datetime.fromtimestamp(anchor, UTC)
    then = datetime.fromtimestamp(boundary(anchor, "month", count, number), UTC)
    assert then.time() == start.time()
    assert (then.year - start.year) * 12 + then.month - start.month == count * number
    assert then.day == min(start.day, calendar.monthrange(then.year, then.month)[1])
