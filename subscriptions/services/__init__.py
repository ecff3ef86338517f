"""Every write to the catalog, to subscriptions, invoices and payments: verb first, keyword-only, Stripe before us."""

from subscriptions.items import Item
from subscriptions.services.balances import adjust_balance
from subscriptions.services.cancellations import cancel_subscription, keep_subscription, reactivate_subscription
from subscriptions.services.catalog import Metering, create_price, create_product
from subscriptions.services.changes import change_subscription, preview_change, unschedule_change
from subscriptions.services.charges import (
    ChargeLine,
    create_invoice,
    finalize_invoice,
    pay_invoice,
    send_invoice,
    void_invoice,
)
from subscriptions.services.checkouts import (
    Sale,
    expire_checkout,
    finish_checkout,
    open_checkout,
    start_free_plan,
    take_in,
)
from subscriptions.services.credit_notes import (
    Crediting,
    CreditLine,
    create_credit_note,
    preview_of_credit_note,
    void_credit_note,
)
from subscriptions.services.lifecycle import Terms, Trial, create_subscription, payment_of, update_subscription
from subscriptions.services.pauses import extend_trial, pause_subscription, resume_subscription
from subscriptions.services.payment_methods import attach_payment_method, detach_payment_method
from subscriptions.services.refunds import create_refund, payment_of_invoice
from subscriptions.services.versions import Addition, Edit, edit_product, update_price

__all__ = [
    "Addition",
    "ChargeLine",
    "CreditLine",
    "Crediting",
    "Edit",
    "Item",
    "Metering",
    "Sale",
    "Terms",
    "Trial",
    "adjust_balance",
    "attach_payment_method",
    "cancel_subscription",
    "change_subscription",
    "create_credit_note",
    "create_invoice",
    "create_price",
    "create_product",
    "create_refund",
    "create_subscription",
    "detach_payment_method",
    "edit_product",
    "expire_checkout",
    "extend_trial",
    "finalize_invoice",
    "finish_checkout",
    "keep_subscription",
    "open_checkout",
    "pause_subscription",
    "pay_invoice",
    "payment_of",
    "payment_of_invoice",
    "preview_change",
    "preview_of_credit_note",
    "reactivate_subscription",
    "resume_subscription",
    "send_invoice",
    "start_free_plan",
    "take_in",
    "unschedule_change",
    "update_price",
    "update_subscription",
    "void_credit_note",
    "void_invoice",
]
