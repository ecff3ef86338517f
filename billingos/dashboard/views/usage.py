"""What is metered: each meter's rhythm, who uses most, and the events as they come. Days are UTC days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponseBase
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.ui.charts import Chart, Point, bar_chart
from billingos.ui.listing import Filter, Listing, Order
from billingos.ui.money import short_number
from billingos.ui.templatetags.ui import quantity
from customers.models import Customer
from entitlements.selectors import meter_limits
from usage.models import Meter, UsageCounter
from usage.selectors import current_counters, daily_totals, events, meters

DAY = timedelta(days=1)
MONTH = 30  # days of a sparkline
RANGES = {"30": "30 days", "90": "90 days"}
DAYS = Filter("days", "Range", list(RANGES.items()))
NEWEST_EVENT = Order("newest", "Newest first", "timestamp")
NEWEST_METER = Order("newest", "Newest first")
BY_NAME = Order("name", "Name", "name", descending=False)
TOP = 10  # customers
CURL = """curl {base_url}/api/usage/track \\
  -H "Authorization: Bearer $BILLINGOS_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"customer_id": "user_1", "meter": "{meter}", "value": 1, "event_id": "a-unique-id"}}'"""
CURL_METER = """curl {base_url}/api/meters \\
  -H "Authorization: Bearer $BILLINGOS_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"key": "api_calls", "name": "API calls", "aggregation": "sum"}}'"""


@dataclass(frozen=True, slots=True)
class Row:
    """`month` is the total since the first of the month; `series` has one value for each of the last days."""

    meter: Meter
    month: Decimal
    series: Sequence[int]
    summary: str


@merchant_page("usage")
def usage(visit: Visit) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=[BY_NAME, NEWEST_METER])
    found = meters(merchant_id)
    if listing.search:
        found = found.filter(name__icontains=listing.search) | found.filter(key__icontains=listing.search)
    now = timezone.now().date()
    start = min(now.replace(day=1), now - MONTH * DAY)
    with scope(merchant_id):
        page = listing.page(found)
        totals = daily_totals(merchant_id, page.rows, start=_midnight(start))
    today = _present(now, totals)
    rows = [_row(meter, totals.get(meter.id, {}), today) for meter in page.rows]
    code = CURL_METER.format(base_url=settings.BASE_URL)
    return visit.render(
        "dashboard/usage/list.html", {"listing": listing, "page": page, "rows": rows, "today": today, "curl": code}
    )


@dataclass(frozen=True, slots=True)
class Consumer:
    """What a customer has used in its billing period; `limit` None: there is none."""

    counter: UsageCounter
    customer: Customer
    limit: int | None


@merchant_page("usage")
def meter(visit: Visit, meter_id: UUID) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=[NEWEST_EVENT], filters=[DAYS])
    days = int(listing.value("days") or MONTH)
    is_part = visit.request.headers.get("HX-Target") == "events"
    now = timezone.now()
    start = _midnight(now.date() - (days - 1) * DAY)
    with scope(merchant_id):
        found = meters(merchant_id).filter(id=meter_id).first()
        if found is None:
            raise Http404
        page = listing.page(events(merchant_id, found, start=start))
        totals = {} if is_part else daily_totals(merchant_id, [found], start=start)
        consumers = [] if is_part else _consumers(merchant_id, found, now)
    context = {
        "meter": found,
        "now": now,
        "listing": listing,
        "page": page,
        "live": "live" in visit.request.GET and listing.at_start,
        "live_address": listing.address(live="1"),
    }
    if is_part:
        return visit.render("dashboard/usage/events.html", context)
    today = _present(now.date(), totals)
    every = [today - back * DAY for back in reversed(range(days))]
    by_day = {day: totals.get(found.id, {}).get(day, Decimal(0)) for day in every}
    context |= {
        "chart": _bars(found, by_day),
        "total": sum(by_day.values(), Decimal(0)),
        "consumers": consumers,
        "days": days,
        "ranges": [
            (listing.address(days=value, cursor=None), label, int(value) == days) for value, label in RANGES.items()
        ],
        "curl": CURL.format(base_url=settings.BASE_URL, meter=found.key),
    }
    return visit.render("dashboard/usage/meter.html", context)


def _present(now: date, totals: Mapping[UUID, Mapping[date, Decimal]]) -> date:
    """Today, or the day of the newest event where test clocks have gone beyond."""
    return max([now, *(day for days in totals.values() for day in days)])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _row(meter: Meter, totals: Mapping[date, Decimal], today: date) -> Row:
    every = [today - back * DAY for back in range(MONTH, 0, -1)]  # today is not over: its line would only fall
    scale = _scale(totals)
    series = [int(totals.get(day, 0) * scale) for day in every]
    month = sum((total for day, total in totals.items() if day >= today.replace(day=1)), Decimal(0))
    highest = quantity(max(totals.get(day, Decimal(0)) for day in every))
    return Row(meter, month, series, f"{meter.name} by day over {MONTH} days, at most {highest}")


def _bars(meter: Meter, by_day: Mapping[date, Decimal]) -> Chart:
    """One bar a day; weekends are paler, so that the week's rhythm can be seen."""
    scale = _scale(by_day)
    points = [
        Point(f"{day:%a %-d %b %Y}", int(total * scale), quantity(total), f"{day:%-d %b}")
        for day, total in by_day.items()
    ]
    return bar_chart(
        f"{meter.name} by day",
        points,
        show=lambda value: short_number(value // scale) if value % scale == 0 else quantity(Decimal(value) / scale),
        value_name=meter.name,
        tones=["quiet" if day.isoweekday() > 5 else "accent" for day in by_day],
    )


def _scale(totals: Mapping[date, Decimal]) -> int:
    """Charts are drawn from integers: where there are fractions, of thousandths."""
    return 1 if all(total == total.to_integral_value() for total in totals.values()) else 1000


def _consumers(merchant_id: UUID, meter: Meter, at: datetime) -> list[Consumer]:
    """Who has used most in the billing period they are in."""
    counters = list(current_counters(merchant_id, meter, at=at).order_by("-value", "id")[:TOP])
    limits = meter_limits(merchant_id, meter, [counter.customer for counter in counters])
    return [Consumer(counter, counter.customer, limits.get(counter.customer_id)) for counter in counters]
