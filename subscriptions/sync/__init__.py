"""Stripe's objects of the catalog, of subscriptions, invoices and payments → rows. The only writer of these columns.

Idempotent and order-proof: what is deleted, canceled or settled stays so, whatever comes after.
"""

from subscriptions.sync.catalog import coupon_of, current_version, price_of, sync_price, sync_product
from subscriptions.sync.discounts import bearing_on, discounts_known, has_discounts, known_discounts, write_discount
from subscriptions.sync.invoices import (
    invoice_columns,
    invoice_subscription_id,
    line_columns,
    price_id_of,
    prices_of,
    require_payment_of,
    sync_invoice,
)
from subscriptions.sync.payments import (
    sync_credit_note,
    sync_dispute,
    sync_payment,
    sync_refund,
    take_in_refunds,
)
from subscriptions.sync.subscriptions import (
    require_subscription,
    subscription_in_hand,
    sync_schedule,
    sync_subscription,
    with_tiers,
)

__all__ = [
    "bearing_on",
    "coupon_of",
    "current_version",
    "discounts_known",
    "has_discounts",
    "invoice_columns",
    "invoice_subscription_id",
    "known_discounts",
    "line_columns",
    "price_id_of",
    "price_of",
    "prices_of",
    "require_payment_of",
    "require_subscription",
    "subscription_in_hand",
    "sync_credit_note",
    "sync_dispute",
    "sync_invoice",
    "sync_payment",
    "sync_price",
    "sync_product",
    "sync_refund",
    "sync_schedule",
    "sync_subscription",
    "take_in_refunds",
    "with_tiers",
    "write_discount",
]
