"""The history of subscriptions: one line per event, at the instant Stripe says it happened."""

from uuid import UUID

from billingos.common.errors import MissingReference
from billingos.common.mirrored import instant, reference
from billingos.common.registries import StripeEvent
from billingos.merchants.selectors import settings_of
from subscriptions.models import Price, SubscriptionChange
from subscriptions.mrr import subscription_mrr
from subscriptions.sync import with_tiers

# Among events of one second a creation comes first and a deletion last.
POSITIONS = {"customer.subscription.created": 0, "customer.subscription.deleted": 1000}
MIDDLE = 500


def record_change(merchant_id: UUID, event: StripeEvent) -> None:
    """Adds the event's line; a second time changes nothing. Raises MissingReference for a price not here yet."""
    subscription = event.object
    items = subscription["items"]["data"]
    wanted = [reference(item["price"]) for item in items]
    rows = Price.objects.for_merchant(merchant_id).filter(stripe_id__in=wanted)
    prices = {price.stripe_id: price for price in rows}
    for stripe_id in wanted:
        if stripe_id not in prices:
            raise MissingReference("price", stripe_id)
    whole = with_tiers(subscription, {item["id"]: prices[reference(item["price"])] for item in items})
    SubscriptionChange.objects.get_or_create(
        merchant_id=merchant_id,
        event_id=event.id,
        defaults={
            "subscription_stripe_id": subscription["id"],
            "customer_stripe_id": reference(subscription["customer"]),
            "at": event.created,
            "status": subscription["status"],
            "currency": subscription["currency"],
            "mrr": subscription_mrr(whole, paused_counts=settings_of(merchant_id).paused_counts),
            "cancels_at": instant(subscription.get("cancel_at")),
            "position": POSITIONS.get(event.type, MIDDLE),
            "payload": {"object": subscription, "previous_attributes": event.previous_attributes},
        },
    )
