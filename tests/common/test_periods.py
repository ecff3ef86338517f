from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billingos.common.periods import calendar_month, nth_boundary, period_containing


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("anchor", "n", "boundary"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2026-01-31", 2, "2026-03-31"),
        ("2028-01-31", 1, "2028-02-29"),
        ("2026-01-31", -1, "2025-12-31"),
        ("2026-03-31", -1, "2026-02-28"),
    ],
)
def test_month_ends_are_counted_from_the_anchor(anchor: str, n: int, boundary: str) -> None:
    assert nth_boundary(day(anchor), "month", 1, n) == day(boundary)


def test_a_leap_day_anchor() -> None:
    assert nth_boundary(day("2028-02-29"), "year", 1, 1) == day("2029-02-28")
    assert nth_boundary(day("2028-02-29"), "year", 1, 4) == day("2032-02-29")


INSTANTS = st.datetimes(datetime(2000, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  (bounds)


@given(
    anchor=INSTANTS,
    at=INSTANTS,
    interval=st.sampled_from(["day", "week", "month", "year"]),
    count=st.integers(1, 12),
)
def test_every_instant_lies_in_exactly_one_period(anchor: datetime, at: datetime, interval: str, count: int) -> None:
    period = period_containing(anchor, interval, count, at)
    assert period.start <= at < period.end
    last = period.end - timedelta(microseconds=1)
    assert period_containing(anchor, interval, count, last) == period
    assert period_containing(anchor, interval, count, period.end).start == period.end


def test_the_calendar_month() -> None:
    assert calendar_month(day("2026-02-28")) == (day("2026-02-01"), day("2026-03-01"))
