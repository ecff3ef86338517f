"""Writing usage: meters, and events through the ingestion."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from billingos.common.errors import Conflict, InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from customers.selectors import get_customer
from subscriptions.selectors import billing_period
from usage.ingestion import Event, ingest
from usage.models import Meter
from usage.selectors import get_meter

FUTURE = timedelta(minutes=5)  # how far ahead of the customer's present an event may lie
OLDEST = timedelta(days=5 * 366)  # beyond this a timestamp is a mistake, and would make partitions for nothing


def create_meter(*, merchant: Merchant, key: str, name: str, aggregation: str) -> Meter:
    """Raises Conflict for a key that is taken."""
    try:
        with scope(merchant.id), transaction.atomic():
            return Meter.objects.create(merchant=merchant, key=key, name=name, aggregation=aggregation)
    except IntegrityError as error:
        raise Conflict("A meter with this key exists.", param="key", code="meter_exists") from error


def track(
    *,
    merchant: Merchant,
    customer_id: str,
    meter: str,
    event_id: str,
    value: Decimal = Decimal(1),
    timestamp: datetime | None = None,
    properties: dict[str, Any] | None = None,
) -> bool:
    """Counts one event; False if its id was seen before, whatever else it says. Raises NotFound for an unknown customer
    or meter, InvalidRequest for a timestamp ahead of the customer's present."""
    with scope(merchant.id):
        customer = get_customer(merchant.id, customer_id)
        counted_by = get_meter(merchant.id, meter)
        present = customer.now()
        at = timestamp or present
        if at > present + FUTURE:
            raise InvalidRequest("More than 5 minutes in the future.", param="timestamp", code="timestamp_in_future")
        if at < present - OLDEST:
            raise InvalidRequest("More than 5 years ago.", param="timestamp", code="timestamp_too_old")
        event = Event(
            event_id=event_id,
            meter_id=counted_by.id,
            customer_id=customer.id,
            timestamp=at,
            value=value,
            amount=Decimal(1) if counted_by.aggregation == Meter.Aggregation.COUNT else value,
            period=billing_period(customer, at),
            properties=properties or {},
        )
        return event_id in ingest(merchant_id=merchant.id, events=[event])
