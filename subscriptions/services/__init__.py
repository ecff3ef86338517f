"""Every write to the catalog, to subscriptions, invoices and payments: verb first, keyword-only, Stripe before us."""

from subscriptions.services.catalog import create_price, create_product
from subscriptions.services.checkouts import (
    Terms,
    expire_checkout,
    finish_checkout,
    is_free,
    open_checkout,
    start_free_plan,
    take_in,
)
from subscriptions.services.lifecycle import Item, cancel_subscription, create_subscription, keep_subscription

__all__ = [
    "Item",
    "Terms",
    "cancel_subscription",
    "create_price",
    "create_product",
    "create_subscription",
    "expire_checkout",
    "finish_checkout",
    "is_free",
    "keep_subscription",
    "open_checkout",
    "start_free_plan",
    "take_in",
]
