"""The history of subscriptions: one line per event, at the instant Stripe says it happened."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from billingos.common.mirrored import instant, reference
from billingos.common.readahead import mirrored_row
from billingos.common.registries import StripeEvent, StripeObject
from billingos.merchants.selectors import rules_in_force
from customers.models import Customer
from subscriptions.models import Price, SubscriptionChange
from subscriptions.mrr import subscription_mrr
from subscriptions.order import Step, in_order, step
from subscriptions.sync import bearing_on, discounts_known, known_discounts, price_of, with_tiers

# Among events of one second a creation comes first and a deletion last; between them, `order.py` decides.
FIRST, LAST = 0, 1_000_000
POSITIONS = {"customer.subscription.created": FIRST, "customer.subscription.deleted": LAST}


def record_change(merchant_id: UUID, event: StripeEvent) -> None:
    """Adds the event's line; a second time changes nothing. Raises MissingReference for a price not here yet."""
    subscription = event.object
    line = SubscriptionChange(
        merchant_id=merchant_id,
        event_id=event.id,
        subscription_stripe_id=subscription["id"],
        customer_stripe_id=reference(subscription["customer"]),
        at=event.created,
        status=subscription["status"],
        currency=subscription["currency"],
        mrr=mrr_of_change(merchant_id, subscription, event.created),
        cancels_at=instant(subscription.get("cancel_at")),
        position=POSITIONS.get(event.type, FIRST + 1),
        payload={"object": subscription, "previous_attributes": event.previous_attributes},
    )
    SubscriptionChange.objects.bulk_create([line], ignore_conflicts=True)
    if line.position != LAST:
        _order_within_second(merchant_id, subscription["id"], event.created)


def mrr_of_change(merchant_id: UUID, subscription: StripeObject, at: datetime) -> int:
    """MRR of the subscription as it was then, by all that is known now. Raises MissingReference."""
    prices = {item["id"]: price_of(merchant_id, item["price"]) for item in subscription["items"]["data"]}
    customer_id = reference(subscription["customer"])
    customer = mirrored_row(Customer, merchant_id, customer_id)
    return subscription_mrr(
        with_tiers(subscription, prices),
        paused_counts=rules_in_force(merchant_id).paused_counts,
        discounts=known_discounts(merchant_id, subscription, customer, at),
        at=at,
    )


def mrrs_of_lines(merchant_id: UUID, lines: Sequence[SubscriptionChange]) -> list[int]:
    """The same of each of these lines, all of one customer, in four statements however many they are."""
    objects = [line.payload["object"] for line in lines]
    named = {reference(item["price"]) for found in objects for item in found["items"]["data"]}
    prices = {row.stripe_id: row for row in Price.objects.for_merchant(merchant_id).filter(stripe_id__in=named)}
    customers = {line.customer_stripe_id for line in lines}
    customer = Customer.objects.for_merchant(merchant_id).filter(stripe_id__in=customers).first()
    known, counts = discounts_known(merchant_id, objects, customer), rules_in_force(merchant_id).paused_counts
    return [
        subscription_mrr(
            with_tiers(found, {item["id"]: prices[reference(item["price"])] for item in found["items"]["data"]}),
            paused_counts=counts,
            discounts=bearing_on(found, known, line.at),
            at=line.at,
        )
        for line, found in zip(lines, objects, strict=True)
    ]


def _order_within_second(merchant_id: UUID, subscription_id: str, at: datetime) -> None:
    """Each change stands after the one that it follows; of a row only its position may change."""
    rows = SubscriptionChange.objects.for_merchant(merchant_id).filter(subscription_stripe_id=subscription_id)
    within = {str(row.id): row for row in rows.filter(at=at).exclude(position__in=(FIRST, LAST)).order_by("id")}
    if len(within) < 2:
        return
    ordered = in_order([_step(row) for row in within.values()], _state_before(rows, at))
    for position, one in enumerate(ordered, FIRST + 1):
        if within[one.name].position != position:
            rows.filter(id=one.name).update(position=position)


def _state_before(rows: QuerySet[SubscriptionChange], at: datetime) -> Any:
    """What the creation, or else the last change before this second, has left; None where neither is here."""
    creation = rows.filter(at=at, position=FIRST).first()
    row = creation or rows.filter(at__lt=at).order_by("at", "position", "id").last()
    return _step(row).after if row else None


def _step(row: SubscriptionChange) -> Step:
    return step(str(row.id), row.payload["object"], row.payload["previous_attributes"])
