"""Reading meters, events and counters. Everything here runs inside the merchant's scope.

Whatever reads events says from when on, so that the partitions of months before are not opened.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from billingos.common.errors import NotFound
from billingos.common.periods import Period
from customers.models import Customer
from usage.models import Meter, MeterEvent, UsageCounter


def meters(merchant_id: UUID) -> QuerySet[Meter]:
    return Meter.objects.for_merchant(merchant_id)


def get_meter(merchant_id: UUID, key: str, *, param: str = "meter") -> Meter:
    """Raises NotFound."""
    found = meters(merchant_id).filter(key=key).first()
    if found is None:
        raise NotFound("No such meter.", param=param)
    return found


@dataclass(frozen=True, slots=True)
class PeriodUse:
    """What a meter has counted in one billing period."""

    meter: Meter
    period: Period
    value: Decimal


def uses_of_customer(customer: Customer, *, since: datetime) -> list[PeriodUse]:
    """What was counted for the customer in each billing period that ended after `since`, by meter's name, oldest
    period first. One statement."""
    rows = UsageCounter.objects.for_merchant(customer.merchant_id).filter(customer=customer, period_end__gt=since)
    found = rows.select_related("meter").order_by("meter__name", "meter_id", "period_start")
    return [PeriodUse(row.meter, Period(row.period_start, row.period_end), row.value) for row in found]


def used(customer: Customer, meter: Meter, period: Period) -> Decimal:
    """What the meter has counted for the customer in the period."""
    counter = (
        UsageCounter.objects.for_merchant(customer.merchant_id)
        .filter(customer=customer, meter=meter, period_start=period.start)
        .first()
    )
    return counter.value if counter else Decimal(0)


def used_by_meter(customer: Customer, period: Period) -> dict[UUID, Decimal]:
    """What each meter has counted for the customer in the period, by the meter's id; one that counted nothing is left
    out. One statement."""
    rows = UsageCounter.objects.for_merchant(customer.merchant_id)
    rows = rows.filter(customer=customer, period_start=period.start)
    return dict(rows.values_list("meter_id", "value"))


def daily_totals(merchant_id: UUID, meters: Collection[Meter], *, start: datetime) -> dict[UUID, dict[date, Decimal]]:
    """Meter id → UTC day → what it counted from `start` on; days without an event are left out. One statement."""
    rows = (
        MeterEvent.objects.for_merchant(merchant_id)
        .filter(meter__in=meters, timestamp__gte=start)
        .annotate(day=TruncDate("timestamp", tzinfo=UTC))
        .values_list("meter_id", "day")
        .annotate(total=Sum("value"), events=Count("id"))
    )
    counted = {meter.id for meter in meters if meter.aggregation == Meter.Aggregation.COUNT}
    found: dict[UUID, dict[date, Decimal]] = defaultdict(dict)
    for meter_id, day, total, events in rows:
        found[meter_id][day] = Decimal(events) if meter_id in counted else total
    return found


def events(merchant_id: UUID, meter: Meter, *, start: datetime) -> QuerySet[MeterEvent]:
    """Accepted events of a meter from `start` on, with their customers."""
    rows = MeterEvent.objects.for_merchant(merchant_id).select_related("customer")
    return rows.filter(meter=meter, timestamp__gte=start)


def current_counters(merchant_id: UUID, meter: Meter, *, at: datetime) -> QuerySet[UsageCounter]:
    """What each customer has used in the billing period it is in: at `at`, or in the time of its test clock."""
    return (
        UsageCounter.objects.for_merchant(merchant_id)
        .filter(meter=meter)
        .annotate(present=Coalesce("customer__test_clock__frozen_at", at))
        .filter(Q(period_start__lte=F("present"), period_end__gt=F("present")))
        .select_related("customer")
    )
