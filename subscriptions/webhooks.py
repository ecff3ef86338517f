"""Stripe events about the catalog, subscriptions, discounts, invoices and payments.

`record_subscription` must see every event of a subscription, stale ones too; `apply_object` sees only those that the
drainer found to be news.
"""

from uuid import UUID

from billingos.common.registries import StripeEvent, handles, project, witnesses
from subscriptions.cards import leave_new_card_to_sweep
from subscriptions.history import record_change
from subscriptions.services import take_in
from subscriptions.sync import (
    invoice_subscription_id,
    require_payment_of,
    require_subscription,
    take_in_refunds,
    write_discount,
)

SUBSCRIPTION_EVENTS = (
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.trial_will_end",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
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
    "coupon.created",
    "coupon.updated",
    "promotion_code.created",
    "promotion_code.updated",
    "subscription_schedule.created",
    "subscription_schedule.updated",
    "subscription_schedule.released",
    "subscription_schedule.canceled",
    "subscription_schedule.completed",
    "subscription_schedule.aborted",
    "subscription_schedule.expiring",
    "invoice.created",
    "invoice.updated",
    "invoice.finalized",
    "invoice.finalization_failed",
    "invoice.sent",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.marked_uncollectible",
    "invoice.voided",
    "invoice.overdue",
    "invoice.overpaid",
    "invoice.payment_attempt_required",
    "invoice.will_be_due",
    "invoice_payment.paid",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.amount_capturable_updated",
    "payment_intent.partially_funded",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "credit_note.created",
    "credit_note.updated",
    "credit_note.voided",
    "tax_rate.created",
    "tax_rate.updated",
    only_projects=True,
)
def apply_object(merchant_id: UUID, event: StripeEvent) -> None:
    """The event's object becomes its row."""
    project(merchant_id, event.object, event_at=event.created)


@handles("invoice.payment_failed", "invoice.payment_action_required")
def know_its_payment(merchant_id: UUID, event: StripeEvent) -> None:
    """Of a payment that was tried and has not succeeded, no event says which invoice it is for: Stripe is asked."""
    require_payment_of(merchant_id, event.object["id"])


@handles("invoice.paid")
def know_what_paid_it(merchant_id: UUID, event: StripeEvent) -> None:
    """An endpoint that gets events in the shape before basil gets no `invoice_payment.paid`: Stripe is asked."""
    if event.object.get("payment_intent"):
        require_payment_of(merchant_id, event.object["id"])


@handles("charge.refunded")
def apply_refunds(merchant_id: UUID, event: StripeEvent) -> None:
    take_in_refunds(merchant_id, event.object, event.created)


@handles("invoice.upcoming")
def know_its_subscription(merchant_id: UUID, event: StripeEvent) -> None:
    """What is announced has no id yet, and is asked for when somebody looks at it. Its subscription must be here."""
    require_subscription(merchant_id, invoice_subscription_id(event.object))


@handles("product.deleted", "price.deleted", "coupon.deleted", "invoice.deleted")
def apply_deletion(merchant_id: UUID, event: StripeEvent) -> None:
    project(merchant_id, {**event.object, "deleted": True}, event_at=event.created)


@handles("customer.discount.created", "customer.discount.updated")
def apply_discount(merchant_id: UUID, event: StripeEvent) -> None:
    write_discount(merchant_id, event.object)


@handles("customer.discount.deleted")
def end_discount(merchant_id: UUID, event: StripeEvent) -> None:
    """What it took off until now it has taken off; the subscription's own event says the rest."""
    write_discount(merchant_id, event.object, removed_at=event.created)


@handles(
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
def finish_till(merchant_id: UUID, event: StripeEvent) -> None:
    take_in(merchant_id, event.object)


@handles("setup_intent.succeeded")
def use_new_card(merchant_id: UUID, event: StripeEvent) -> None:
    """A card that a customer has entered on Stripe's page, for us."""
    leave_new_card_to_sweep(merchant_id=merchant_id, setup_intent=event.object)
