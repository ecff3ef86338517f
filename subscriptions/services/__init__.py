"""Every write to the catalog, to subscriptions, invoices and payments: verb first, keyword-only, Stripe before us."""

from subscriptions.items import Item
from subscriptions.services.cancellations import cancel_subscription, keep_subscription, reactivate_subscription
from subscriptions.services.catalog import create_price, create_product
from subscriptions.services.changes import change_subscription, preview_change, unschedule_change
from subscriptions.services.lifecycle import Terms, Trial, create_subscription, payment_of, update_subscription
from subscriptions.services.pauses import extend_trial, pause_subscription, resume_subscription

__all__ = [
    "Item",
    "Terms",
    "Trial",
    "cancel_subscription",
    "change_subscription",
    "create_price",
    "create_product",
    "create_subscription",
    "extend_trial",
    "keep_subscription",
    "pause_subscription",
    "payment_of",
    "preview_change",
    "reactivate_subscription",
    "resume_subscription",
    "unschedule_change",
    "update_subscription",
]
