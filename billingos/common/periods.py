"""Billing periods: pure calendar arithmetic on aware UTC instants, half-open `[start, end)`."""

import calendar
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

INTERVAL_DAYS = {"day": 1, "week": 7, "month": 31, "year": 366}  # at most


class Period(NamedTuple):
    """From `start` up to, not including, `end`."""

    start: datetime
    end: datetime


def from_stripe(seconds: int) -> datetime:
    """Stripe's Unix seconds as an aware instant."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def add_months(anchor: datetime, months: int) -> datetime:
    """The anchor's day and time `months` later, on the month's last day where it is shorter (31 Jan + 1: 28 Feb)."""
    index = anchor.year * 12 + anchor.month - 1 + months
    year, month = divmod(index, 12)
    day = min(anchor.day, calendar.monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


def nth_boundary(anchor: datetime, interval: str, interval_count: int, n: int) -> datetime:
    """The start of period `n` counted from `anchor`; always from the anchor, so that month ends do not erode."""
    step = interval_count * n
    if interval == "day":
        return anchor + timedelta(days=step)
    if interval == "week":
        return anchor + timedelta(weeks=step)
    return add_months(anchor, step * (12 if interval == "year" else 1))


def period_containing(anchor: datetime, interval: str, interval_count: int, at: datetime) -> Period:
    """The billing period that holds `at`; `at` may lie before the anchor."""
    days = INTERVAL_DAYS[interval] * interval_count
    n = (at - anchor).days // days  # at most the true number for at >= anchor, and near it everywhere
    while nth_boundary(anchor, interval, interval_count, n) > at:
        n -= 1
    while nth_boundary(anchor, interval, interval_count, n + 1) <= at:
        n += 1
    return Period(
        nth_boundary(anchor, interval, interval_count, n),
        nth_boundary(anchor, interval, interval_count, n + 1),
    )


def calendar_month(at: datetime) -> Period:
    """The UTC month that holds `at`: the billing period of a customer who has none."""
    return period_containing(datetime(1970, 1, 1, tzinfo=UTC), "month", 1, at)
