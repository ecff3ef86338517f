"""Writing usage: meters, and events through the ingestion."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from billingos.common.errors import BillingError, Conflict, InvalidRequest, NotFound
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from customers.selectors import get_customers
from subscriptions.selectors import billing_rhythms
from usage.ingestion import Event, ingest
from usage.models import Meter
from usage.selectors import meters

FUTURE = timedelta(minutes=5)  # how far ahead of the customer's present an event may lie
OLDEST = timedelta(days=5 * 366)  # beyond this a timestamp is a mistake, and would make partitions for nothing


def create_meter(*, merchant: Merchant, key: str, name: str, aggregation: str) -> Meter:
    """Raises Conflict for a key that is taken."""
    try:
        with scope(merchant.id), transaction.atomic():
            return Meter.objects.create(merchant=merchant, key=key, name=name, aggregation=aggregation)
    except IntegrityError as error:
        raise Conflict("A meter with this key exists.", param="key", code="meter_exists") from error


def track(*, merchant: Merchant, **fields: Any) -> bool:
    """Counts one event, with the fields of `TrackUsage`; False if its id was seen before, whatever else it says. Raises
    NotFound for an unknown customer or meter, InvalidRequest for a timestamp ahead of the customer's present."""
    outcome = track_many(merchant=merchant, events=[fields])[0]
    if isinstance(outcome, BillingError):
        raise outcome
    return outcome


def track_many(*, merchant: Merchant, events: Sequence[Mapping[str, Any]]) -> list[bool | BillingError]:
    """What became of each event, in order: counted (True), seen before (False), or why it was refused. Of two events
    with one id the first counts. The number of statements does not grow with the number of events."""
    with scope(merchant.id):
        books = _Books(merchant.id, events)
        checked = [_checked(books, fields) for fields in events]
        first: dict[str, Event] = {}
        for event in checked:
            if isinstance(event, Event):
                first.setdefault(event.event_id, event)
        fresh = ingest(merchant_id=merchant.id, events=list(first.values())) if first else set()
    return [
        event if isinstance(event, BillingError) else event.event_id in fresh and event is first[event.event_id]
        for event in checked
    ]


class _Books:
    """What the events of one batch speak of: customers, meters, and each customer's present and billing periods."""

    def __init__(self, merchant_id: UUID, events: Sequence[Mapping[str, Any]]) -> None:
        self.customers = get_customers(merchant_id, {fields["customer_id"] for fields in events})
        wanted = {fields["meter"] for fields in events}
        self.meters = {meter.key: meter for meter in meters(merchant_id).filter(key__in=wanted)}
        everybody = {customer.id: customer for customer in self.customers.values()}
        self.rhythms = billing_rhythms(merchant_id, everybody.values())
        self.presents = {key: customer.now() for key, customer in everybody.items()}


def _checked(books: _Books, fields: Mapping[str, Any]) -> Event | BillingError:
    customer, meter = books.customers.get(fields["customer_id"]), books.meters.get(fields["meter"])
    if customer is None:
        return NotFound("No such customer.", param="customer_id")
    if meter is None:
        return NotFound("No such meter.", param="meter")
    present, value = books.presents[customer.id], fields.get("value", Decimal(1))
    at = fields.get("timestamp") or present
    if at > present + FUTURE:
        return InvalidRequest("More than 5 minutes in the future.", param="timestamp", code="timestamp_in_future")
    if at < present - OLDEST:
        return InvalidRequest("More than 5 years ago.", param="timestamp", code="timestamp_too_old")
    return Event(
        event_id=fields["event_id"],
        meter_id=meter.id,
        customer_id=customer.id,
        timestamp=at,
        value=value,
        amount=Decimal(1) if meter.aggregation == Meter.Aggregation.COUNT else value,
        period=books.rhythms[customer.id].period(at),
        properties=fields.get("properties") or {},
    )
