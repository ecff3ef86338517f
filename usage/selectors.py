"""Reading meters and counters. Everything here runs inside the merchant's scope."""

from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from billingos.common.errors import NotFound
from billingos.common.periods import Period
from customers.models import Customer
from usage.models import Meter, UsageCounter


def meters(merchant_id: UUID) -> QuerySet[Meter]:
    return Meter.objects.for_merchant(merchant_id)


def get_meter(merchant_id: UUID, key: str, *, param: str = "meter") -> Meter:
    """Raises NotFound."""
    found = meters(merchant_id).filter(key=key).first()
    if found is None:
        raise NotFound("No such meter.", param=param)
    return found


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
