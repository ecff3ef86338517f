"""Every write to the catalog, to subscriptions, invoices and payments: verb first, keyword-only, Stripe before us."""

from subscriptions.services.catalog import create_price, create_product
from subscriptions.services.lifecycle import Item, cancel_subscription, create_subscription, keep_subscription

__all__ = [
    "Item",
    "cancel_subscription",
    "create_price",
    "create_product",
    "create_subscription",
    "keep_subscription",
]
