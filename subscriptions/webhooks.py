"""Stripe events about products, prices, subscriptions and invoices.

`record_subscription` must see every event of a subscription, stale ones too; `apply_object` sees only those that the
drainer found to be news.
"""

from uuid import UUID

from billingos.common.registries import StripeEvent, handles, project, witnesses
from subscriptions.cards import leave_new_card_to_sweep
from subscriptions.history import record_change

SUBSCRIPTION_EVENTS = (
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
)


@witnesses(*SUBSCRIPTION_EVENTS)
def record_subscription(merchant_id: UUID, event: StripeEvent) -> None:
    record_change(merchant_id, event)


@handles(
    *SUBSCRIPTION_EVENTS,
    "product.created",
    "product.updated",
    "price.created",
    "price.updated",
    "invoice.created",
    "invoice.updated",
    "invoice.finalized",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.marked_uncollectible",
    "invoice.voided",
)
def apply_object(merchant_id: UUID, event: StripeEvent) -> None:
    """The event's object becomes its row."""
    project(merchant_id, event.object, event_at=event.created)


@handles("product.deleted", "price.deleted", "invoice.deleted")
def apply_deletion(merchant_id: UUID, event: StripeEvent) -> None:
    project(merchant_id, {**event.object, "deleted": True}, event_at=event.created)


@handles("setup_intent.succeeded")
def use_new_card(merchant_id: UUID, event: StripeEvent) -> None:
    """A card that a customer has entered on Stripe's page, for us."""
    leave_new_card_to_sweep(merchant_id=merchant_id, setup_intent=event.object)
