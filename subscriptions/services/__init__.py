"""Every write to the catalog, to subscriptions, invoices and payments: verb first, keyword-only, Stripe before us."""

from subscriptions.services.balances import adjust_balance
from subscriptions.services.catalog import create_price, create_product
from subscriptions.services.charges import (
    ChargeLine,
    create_invoice,
    finalize_invoice,
    pay_invoice,
    send_invoice,
    void_invoice,
)
from subscriptions.services.credit_notes import (
    Crediting,
    CreditLine,
    create_credit_note,
    preview_of_credit_note,
    void_credit_note,
)
from subscriptions.services.lifecycle import Item, cancel_subscription, create_subscription, keep_subscription
from subscriptions.services.payment_methods import attach_payment_method, detach_payment_method
from subscriptions.services.refunds import create_refund, payment_of_invoice

__all__ = [
    "ChargeLine",
    "CreditLine",
    "Crediting",
    "Item",
    "adjust_balance",
    "attach_payment_method",
    "cancel_subscription",
    "create_credit_note",
    "create_invoice",
    "create_price",
    "create_product",
    "create_refund",
    "create_subscription",
    "detach_payment_method",
    "finalize_invoice",
    "keep_subscription",
    "pay_invoice",
    "payment_of_invoice",
    "preview_of_credit_note",
    "send_invoice",
    "void_credit_note",
    "void_invoice",
]
