"""An invoice's life: draft, open, paid, void; and what its payment or failure means for the subscription."""

from stripe_simulator import cards
from stripe_simulator.billing import (
    balance,
    discounts,
    invoice_items,
    lines,
    metering,
    payments,
    pending_updates,
    reminders,
    standing,
    totals,
)
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.rendering import Json, customer_tax_ids, list_object
from stripe_simulator.work import Work

DRAFT_SECONDS = 3_600  # how long a renewal stays a draft before it finalises


def create(work: Work, subscription: Record, reason: str, drawn: list[Json], period: tuple[int, int]) -> Record:
    """A draft with these lines and the subscription's pending items; ``announce`` says that it was made."""
    customer = work.get("customer", subscription["customer"])
    taken = invoice_items.waiting(work, subscription)
    body = subscription_body(work, subscription, customer, reason, period)
    body["discounts"] = discounts.of_subscription(work, subscription, customer)
    invoice = draft(work, customer, body, taken, drawn, subscription["id"])
    with work.edit(subscription):
        subscription["latest_invoice"] = invoice["id"]
        lines.remember_billed(subscription, invoice)
    return invoice


def subscription_body(work: Work, subscription: Record, customer: Record, reason: str, period: tuple[int, int]) -> Json:
    """What an invoice of a subscription says before it has lines."""
    body = _body(work, subscription, customer, reason, period)
    body["default_tax_rates"] = list(subscription["default_tax_rates"])
    body["parent"] = {
        "quote_details": None,
        "subscription_details": {
            "metadata": dict(subscription["metadata"]),
            "subscription": subscription["id"],
        },
        "type": "subscription_details",
    }
    return body


def create_by_hand(work: Work, customer: Record, terms: Json, taken: list[Record]) -> Record:
    """A draft of these invoice items; ``terms`` have what a subscription would say, and the body's own fields."""
    now = work.now(customer["_clock"])
    body = _body(work, terms, customer, "manual", (now, now)) | terms["body"]
    return draft(work, customer, body | {"auto_advance": terms["auto_advance"]}, taken, [], terms["subscription"])


def draft(
    work: Work, customer: Record, body: Json, taken: list[Record], drawn: list[Json], subscription: str | None
) -> Record:
    """A reckoned draft with invoice items and lines of periods; discounts for one invoice are used up by it."""
    id = new_id("invoice")
    data = [lines.pending_line(item) for item in taken] + drawn
    for line in data:
        line["invoice"] = id
    body["lines"] = list_object(f"/v1/invoices/{id}/lines", data)
    private = {"retries": 0, "first_try": None, "reckoned_at": body["created"]}
    invoice = work.insert("invoice", body, id=id, clock=customer["_clock"], subscription=subscription, **private)
    totals.reckon(work, invoice)
    for item in taken:
        with work.edit(item):
            item["invoice"] = id
    discounts.use_up(work, invoice)
    return invoice


def announce(work: Work, invoice: Record) -> None:
    """Say that the draft was made."""
    emit(work, "invoice.created", invoice)


def leave_draft(work: Work, invoice: Record) -> None:
    """Let the draft finalise by itself in about an hour."""
    finalizes_at = work.now(invoice["_clock"]) + DRAFT_SECONDS
    with work.edit(invoice):
        invoice |= {"automatically_finalizes_at": finalizes_at, "_due": finalizes_at}
        if invoice["collection_method"] == "charge_automatically":
            invoice["next_payment_attempt"] = finalizes_at


def finalize(work: Work, invoice: Record) -> None:
    """Number the draft, settle it against the customer's balance, and open it, or pay it if it is free."""
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.")
    with work.edit(invoice):
        if metering.recount(work, invoice):
            totals.reckon(work, invoice)
    now = work.now(invoice["_clock"])
    customer = work.get("customer", invoice["customer"])
    number = customer["next_invoice_sequence"]
    with work.edit(customer):
        customer |= {"next_invoice_sequence": number + 1}
    due = balance.settle(work, customer, invoice)
    with work.edit(invoice):
        invoice |= {
            "number": invoice["number"] or f"{customer['invoice_prefix']}-{number:04d}",
            "status": "open",
            "amount_due": due,
            "amount_remaining": due,
            "automatically_finalizes_at": None,
            "customer_tax_ids": customer_tax_ids(work, invoice["customer"]),
            "effective_at": invoice["effective_at"] or now,
            "hosted_invoice_url": f"{work.page_root}/i/{work.account}/{invoice['id']}",
            "invoice_pdf": f"{work.page_root}/i/{work.account}/{invoice['id']}/pdf",
            "_due": None,
        }
        invoice["status_transitions"]["finalized_at"] = now
    if due > 0:
        payments.open_payment(work, invoice)
        reminders.schedule(work, invoice)
    emit(work, "invoice.finalized", invoice)
    if due == 0:
        mark_paid(work, invoice)


def attempt(work: Work, invoice: Record, method: Record | None = None, *, by_hand: bool = False) -> str | None:
    """Try to collect an open invoice; the decline code (``no_payment_method`` where there is none), or None.

    A try ``by_hand`` leaves the schedule of automatic tries as it is.
    """
    method = method or payments.payment_method_for(work, invoice)
    intent = payments.intent_of(work, invoice)
    if intent is None:
        mark_paid(work, invoice)
        return None
    with work.edit(invoice):
        invoice |= {
            "attempted": True,
            "attempt_count": invoice["attempt_count"] + 1,
        }
    if method is None:
        payments.fail_without_method(work, intent)
        decline: str | None = "no_payment_method"
    else:
        decline = payments.charge(work, intent, method)
        if decline is None:
            save_method(work, invoice, method)
    if decline == cards.AUTHENTICATION:
        emit(work, "invoice.payment_action_required", invoice)
    if decline is None:
        mark_paid(work, invoice)
    else:
        standing.after_failure(work, invoice, by_hand=by_hand)
    return decline


def save_method(work: Work, invoice: Record, method: Record) -> None:
    """``save_default_payment_method=on_subscription``: what paid becomes the subscription's default."""
    subscription = work.find("subscription", invoice["_subscription"])
    if subscription and subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        with updating(work, subscription):
            subscription["default_payment_method"] = method["id"]


def mark_paid(work: Work, invoice: Record) -> None:
    """Money is in, or none was due: ``invoice.paid``, and the subscription catches up."""
    amount = invoice["amount_due"]
    with updating(work, invoice):
        invoice |= {
            "status": "paid",
            "attempted": True,
            "auto_advance": False,
            "amount_paid": amount,
            "amount_remaining": 0,
            "next_payment_attempt": None,
            "_due": None,
        }
        invoice["status_transitions"]["paid_at"] = work.now(invoice["_clock"])
    payments.settle(work, invoice, amount)
    emit(work, "invoice.paid", invoice)
    emit(work, "invoice.payment_succeeded", invoice)
    standing.after_payment(work, invoice)


def mark_paid_elsewhere(work: Work, invoice: Record) -> None:
    """The merchant was paid outside of Stripe; nothing is charged."""
    payments.cancel_payment(work, invoice)
    mark_paid(work, invoice)


def void(work: Work, invoice: Record) -> None:
    """Void an open invoice."""
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid(
            f"You can only pass in open invoices. This invoice's status is {invoice['status']}.",
            None,
            "invoice_not_editable",
        )
    with updating(work, invoice):
        invoice |= {"status": "void", "auto_advance": False, "next_payment_attempt": None, "_due": None}
        invoice["status_transitions"]["voided_at"] = work.now(invoice["_clock"])
    payments.cancel_payment(work, invoice)
    balance.give_back(work, invoice)
    emit(work, "invoice.voided", invoice)
    subscription = work.find("subscription", invoice["_subscription"])
    if subscription is not None and pending_updates.held_by(subscription, invoice):
        pending_updates.drop(work, subscription)
        standing.schedule(work, subscription)


def mark_uncollectible(work: Work, invoice: Record) -> None:
    """Write off an open invoice."""
    if invoice["status"] != "open":
        raise invalid(
            f"You can only mark open invoices uncollectible. This invoice's status is {invoice['status']}.",
            None,
            "invoice_not_editable",
        )
    with updating(work, invoice):
        invoice |= {"status": "uncollectible", "auto_advance": False, "next_payment_attempt": None, "_due": None}
        invoice["status_transitions"]["marked_uncollectible_at"] = work.now(invoice["_clock"])
    emit(work, "invoice.marked_uncollectible", invoice)
    standing.after_write_off(work, invoice)


def decline_error(work: Work, invoice: Record, decline: str) -> StripeError:
    """The 402 (or, without a payment method, 400) that a failed try answers with."""
    if decline == "no_payment_method":
        return no_payment_method()
    if decline == cards.AUTHENTICATION:
        return payments.needs_action("invoice")
    intent = payments.intent_of(work, invoice)
    return cards.declined(decline, charge=intent["latest_charge"] if intent else None)


def no_payment_method() -> StripeError:
    """Stripe's 400 where there is nothing to charge."""
    return invalid(
        "This customer has no attached payment source or default payment method. Please consider adding a "
        "default payment method. For more information, visit "
        "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
        None,
        "resource_missing",
    )


def _body(work: Work, subscription: Record, customer: Record, reason: str, period: tuple[int, int]) -> Json:
    now = work.now(customer["_clock"])
    account = work.store.find(work.account, "account", work.account) or {}
    automatic = subscription["collection_method"] == "charge_automatically"
    days = subscription["days_until_due"]
    return {
        "account_country": account.get("country"),
        "account_name": (account.get("business_profile") or {}).get("name"),
        "account_tax_ids": None,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"],
        "created": now,
        "currency": subscription["currency"],
        "custom_fields": None,
        "customer": customer["id"],
        "customer_account": None,
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None if automatic else now + 86_400 * (days or 30),
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": period[1],
        "period_start": period[0],
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": customer["balance"],
        "statement_descriptor": None,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "test_clock": customer["test_clock"],
        "total_discount_amounts": [],
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": None,
    }
