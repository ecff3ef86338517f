"""Every write to the catalog, to subscriptions, invoices and payments: verb first, keyword-only, Stripe before us."""

from subscriptions.items import Item
from subscriptions.services.cancellations import cancel_subscription, keep_subscription, reactivate_subscription
from subscriptions.services.catalog import Metering, create_price, create_product
from subscriptions.services.changes import change_subscription, preview_change, unschedule_change
from subscriptions.services.checkouts import (
    Sale,
    expire_checkout,
    finish_checkout,
    is_free,
    open_checkout,
    start_free_plan,
    take_in,
)
from subscriptions.services.lifecycle import Terms, Trial, create_subscription, payment_of, update_subscription
from subscriptions.services.pauses import extend_trial, pause_subscription, resume_subscription
from subscriptions.services.versions import Addition, Edit, edit_product, update_price

__all__ = [
    "Addition",
    "Edit",
    "Item",
    "Metering",
    "Sale",
    "Terms",
    "Trial",
    "cancel_subscription",
    "change_subscription",
    "create_price",
    "create_product",
    "create_subscription",
    "edit_product",
    "expire_checkout",
    "extend_trial",
    "finish_checkout",
    "is_free",
    "keep_subscription",
    "open_checkout",
    "pause_subscription",
    "payment_of",
    "preview_change",
    "reactivate_subscription",
    "resume_subscription",
    "start_free_plan",
    "take_in",
    "update_price",
    "unschedule_change",
    "update_subscription",
]
