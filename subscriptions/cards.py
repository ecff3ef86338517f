"""A customer's new card: asked for on Stripe's own page, then made the one that pays, and what is owed is tried again.

Two ways lead from Stripe's page to `use_new_card`: the customer's browser coming back, and Stripe's event, for when it
does not. Both ask for the same changes under the same keys, so that each is made once.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import structlog

from billingos.common.errors import BillingError, Conflict, PaymentRequired
from billingos.common.ids import uuid7
from billingos.common.mirrored import reference
from billingos.common.periods import from_stripe
from billingos.common.registries import StripeObject
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute, leave_to_sweep
from billingos.stripe_gateway.operations import Call, retrieve, send
from billingos.stripe_gateway.settling import settle
from customers.models import Customer
from subscriptions.models import Invoice
from subscriptions.selectors import owed_invoices, subscriptions

log = structlog.get_logger(__name__)
PURPOSE = {"billingos_purpose": "default_card"}


class Outcome(StrEnum):
    SAVED = "saved"
    PAID = "paid"  # saved, and what was owed is paid
    DECLINED = "declined"  # saved, but it did not pay what is owed
    LATER = "later"  # it will be done


@dataclass(frozen=True, slots=True)
class CardPage:
    """Stripe's page for a new card."""

    url: str
    expires_at: datetime


def open_card_page(*, merchant: Merchant, customer: Customer, success_url: str, cancel_url: str) -> CardPage:
    """A page of Stripe's that saves a card for the customer, and then leads to `success_url`.

    There is no write intent: a page that nobody opens changes nothing, and expires by itself.
    """
    params: dict[str, Any] = {
        "mode": "setup",
        "customer": customer.stripe_id,
        "payment_method_types": ["card"],
        "success_url": success_url,
        "cancel_url": cancel_url,
        "metadata": PURPOSE,
        "setup_intent_data": {"metadata": PURPOSE},
    }
    page = send(merchant, Call("checkout.sessions.create", params), f"card-page-{uuid7()}")
    return CardPage(page["url"], from_stripe(page["expires_at"]))


def finish_card_page(*, merchant: Merchant, customer: Customer, checkout_session_id: str) -> Outcome | None:
    """Uses the card that the page has saved; None where it has saved none for this customer. Raises a BillingError."""
    page = retrieve(merchant, "checkout.session", checkout_session_id)
    intent = page.get("setup_intent")
    if not isinstance(intent, dict) or reference(page.get("customer")) != customer.stripe_id or not _is_ours(intent):
        return None
    return use_new_card(merchant=merchant, customer=customer, setup_intent=intent)


def use_new_card(*, merchant: Merchant, customer: Customer, setup_intent: StripeObject) -> Outcome:
    """Makes the card that `setup_intent` has set up the customer's and their subscriptions' default, and pays with it
    what a former card did not. Raises a BillingError if Stripe refuses the first part."""
    method, name = reference(setup_intent["payment_method"]), setup_intent["id"]
    with scope(merchant.id):
        defaults, owed = default_calls(customer, method), list(owed_invoices(customer))
    for call in defaults:
        _once(merchant, call, name)
    outcomes = {_pay(merchant, invoice, method, name) for invoice in owed}
    return Outcome.DECLINED if Outcome.DECLINED in outcomes else Outcome.PAID if outcomes else Outcome.SAVED


def leave_new_card_to_sweep(*, merchant_id: UUID, setup_intent: StripeObject) -> None:
    """For an event's handler: the same changes, made a little later unless the browser comes back first."""
    if setup_intent.get("status") != "succeeded" or not _is_ours(setup_intent):
        return
    stripe_id = reference(setup_intent.get("customer"))
    customer = Customer.objects.for_merchant(merchant_id).filter(stripe_id=stripe_id, deleted_at=None).first()
    if customer is None:
        return
    method = reference(setup_intent["payment_method"])
    payments = [_payment(invoice, method) for invoice in owed_invoices(customer)]
    for call in [*default_calls(customer, method), *payments]:
        leave_to_sweep(merchant_id=merchant_id, calls=[call], key=_key(setup_intent["id"], call))


def default_calls(customer: Customer, method: str | dict[str, int]) -> list[Call]:
    """A subscription may have a default of its own, which would go on paying. `method` may be a `made_by`."""
    settings = {"invoice_settings": {"default_payment_method": method}}
    living = [row for row in subscriptions(customer.merchant_id, customer=customer) if not row.has_ended]
    return [
        Call("customers.update", settings, target=customer.stripe_id),
        *(Call("subscriptions.update", {"default_payment_method": method}, target=row.stripe_id) for row in living),
    ]


def _pay(merchant: Merchant, invoice: Invoice, method: str, name: str) -> Outcome:
    try:
        _once(merchant, _payment(invoice, method), name)
        if invoice.subscription:  # its event is on the way, but the customer looks now
            settle(merchant, "subscription", invoice.subscription.stripe_id)
    except PaymentRequired:
        return Outcome.DECLINED
    except BillingError as error:
        log.info("invoice_not_paid", invoice=invoice.stripe_id, code=error.code)
        return Outcome.LATER
    return Outcome.PAID


def _payment(invoice: Invoice, method: str) -> Call:
    return Call("invoices.pay", {"payment_method": method}, target=invoice.stripe_id)


def _once(merchant: Merchant, call: Call, name: str) -> None:
    try:
        execute(merchant=merchant, calls=[call], key=_key(name, call))
    except Conflict as error:
        if error.code not in {"in_flight", "idempotency_in_flight"}:
            raise
        log.info("card_change_in_flight", operation=call.operation)  # the sweep is at it, or will be


def _key(name: str, call: Call) -> str:
    """With a blank, which no caller's Idempotency-Key has."""
    return f"card {name} {call.operation} {call.target}"


def _is_ours(stripe_object: StripeObject) -> bool:
    return (stripe_object.get("metadata") or {}).get("billingos_purpose") == PURPOSE["billingos_purpose"]
