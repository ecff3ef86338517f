"""Billing periods. Every boundary is counted from the anchor, never from the boundary before it.

That is what brings a subscription of the 31st back to the 31st: 31 January, 28 February, 31 March.
"""

import calendar
from datetime import UTC, datetime, timedelta

_LONGEST = {"day": 86_400, "week": 604_800, "month": 2_678_400, "year": 31_622_400}  # seconds


def boundary(anchor: int, interval: str, count: int, number: int) -> int:
    """Unix seconds of the ``number``-th boundary after the anchor, for ``count`` intervals a period.

    Days and weeks are 86,400 and 604,800 seconds; months and years keep the anchor's day of the month and
    time (UTC), or the month's last day where the month is too short.
    """
    if interval == "day":
        return anchor + timedelta(days=count * number) // timedelta(seconds=1)
    if interval == "week":
        return anchor + timedelta(weeks=count * number) // timedelta(seconds=1)
    months = count * number * (12 if interval == "year" else 1)
    start = datetime.fromtimestamp(anchor, UTC)
    years, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last_day = calendar.monthrange(years, month + 1)[1]
    moved = start.replace(year=years, month=month + 1, day=min(start.day, last_day))
    return int(moved.timestamp())


def whole_period(anchor: int, interval: str, count: int, start: int, end: int) -> int:
    """When the whole period that ends at ``end`` began; ``start`` itself where ``end`` is no boundary.

    A first period up to an anchor of one's own is shorter than what its price is for.
    """
    number = max((end - anchor) // _LONGEST[interval] // count, 0)
    while boundary(anchor, interval, count, number) < end:
        number += 1
    return boundary(anchor, interval, count, number - 1) if boundary(anchor, interval, count, number) == end else start


def next_boundary(anchor: int, interval: str, count: int, after: int) -> int:
    """The first boundary later than ``after``, which is not before the anchor."""
    seconds = _LONGEST[interval] * count
    number = (after - anchor) // seconds  # never too far: every period is at most this long
    while boundary(anchor, interval, count, number) <= after:
        number += 1
    return boundary(anchor, interval, count, number)
