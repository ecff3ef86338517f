"""Paying an invoice: the payment method, the payment intent, the charge, and what a decline leaves."""

from stripe_simulator import cards
from stripe_simulator.database import Record
from stripe_simulator.errors import not_simulated
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id, random_text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


def payment_method_for(work: Work, invoice: Record) -> Record | None:
    """The invoice's, the subscription's or the customer's default payment method, in Stripe's order."""
    subscription = work.find("subscription", invoice["_subscription"])
    customer = work.get("customer", invoice["customer"])
    named = (
        invoice["default_payment_method"],
        subscription["default_payment_method"] if subscription else None,
        customer["invoice_settings"]["default_payment_method"],
        customer["default_source"],
    )
    methods = (work.find("payment_method", id) for id in named)
    return next((method for method in methods if method and method["customer"] == customer["id"]), None)


def open_payment(work: Work, invoice: Record) -> Record:
    """The payment intent of a finalised invoice that still asks for money, with its invoice payment."""
    now = work.now(invoice["_clock"])
    intent_id = new_id("payment_intent")
    intent = work.insert("payment_intent", _intent_body(invoice, intent_id, now), clock=invoice["_clock"], id=intent_id)
    body: Record = {
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": now,
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    work.insert("invoice_payment", body, clock=invoice["_clock"])
    emit(work, "payment_intent.created", intent)
    return intent


def intent_of(work: Work, invoice: Record) -> Record | None:
    """The payment intent that the invoice is to be paid with."""
    payments = work.related("invoice_payment", "invoice", invoice["id"])
    return work.find("payment_intent", payments[-1]["payment"]["payment_intent"]) if payments else None


def charge(work: Work, intent: Record, method: Record, description: str | None) -> str | None:
    """Charge the intent's amount to a payment method; the decline code, or None when it succeeded."""
    decline = cards.by_number(method["_number"], "number").decline
    charged = work.insert("charge", _charge_body(work, intent, method, decline, description), clock=intent["_clock"])
    charged_error = None if decline is None else _last_error(work, charged, method, decline)
    with work.edit(intent):
        intent |= {
            "latest_charge": charged["id"],
            "payment_method": method["id"] if decline is None else None,
            "status": "succeeded" if decline is None else "requires_payment_method",
            "amount_received": intent["amount"] if decline is None else 0,
            "last_payment_error": charged_error,
        }
    emit(work, "charge.failed" if decline else "charge.succeeded", charged)
    emit(work, "payment_intent.payment_failed" if decline else "payment_intent.succeeded", intent)
    return decline


def settle(work: Work, invoice: Record, amount: int) -> None:
    """Mark the invoice's payment as made."""
    for payment in work.related("invoice_payment", "invoice", invoice["id"]):
        if payment["status"] != "open":
            continue
        with work.edit(payment):
            payment |= {"status": "paid", "amount_paid": amount}
            payment["status_transitions"] = {"canceled_at": None, "paid_at": work.now(invoice["_clock"])}
        emit(work, "invoice_payment.paid", payment)


def cancel_payment(work: Work, invoice: Record) -> None:
    """Cancel what was to pay a voided invoice."""
    now = work.now(invoice["_clock"])
    for payment in work.related("invoice_payment", "invoice", invoice["id"]):
        intent = work.get("payment_intent", payment["payment"]["payment_intent"])
        with work.edit(payment):
            payment["status"] = "canceled"
            payment["status_transitions"] = {"canceled_at": now, "paid_at": None}
        with work.edit(intent):
            intent |= {"status": "canceled", "canceled_at": now, "cancellation_reason": "void_invoice"}
        emit(work, "payment_intent.canceled", intent)


def change_amount(work: Work, invoice: Record) -> None:
    """Ask for what is still to be paid, after a credit note changed that."""
    intent = intent_of(work, invoice)
    if intent is None:
        return
    with work.edit(intent):
        intent["amount"] = invoice["amount_remaining"]
    for payment in work.related("invoice_payment", "invoice", invoice["id"]):
        if payment["status"] == "open":
            with work.edit(payment):
                payment["amount_requested"] = invoice["amount_remaining"]


def give_back(work: Work, invoice: Record, amount: int) -> Record:
    """Refund so much of what was charged for an invoice."""
    raise not_simulated("refunds", "refund_amount")


def fail_without_method(work: Work, intent: Record) -> None:
    """A try to collect where there is nothing to charge."""
    with updating(work, intent, "payment_intent.payment_failed"):
        intent["last_payment_error"] = {
            "code": "payment_intent_unexpected_state",
            "message": "The customer has no default payment method.",
            "type": "invalid_request_error",
        }


def _intent_body(invoice: Record, id: str, now: int) -> Json:
    return {
        "amount": invoice["amount_due"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic",
        "client_secret": f"{id}_secret_{random_text(25)}",
        "confirmation_method": "automatic",
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "description": _description(invoice),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "managed_payments": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_details": {"customer_reference": None, "order_reference": None},
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": "off_session" if invoice["billing_reason"] == "subscription_create" else None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def _description(invoice: Record) -> str:
    reasons = {"subscription_create": "Subscription creation", "manual": "Payment for Invoice"}
    return reasons.get(invoice["billing_reason"], "Subscription update")


def _charge_body(work: Work, intent: Record, method: Record, decline: str | None, description: str | None) -> Json:
    paid = decline is None
    return {
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if paid else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": new_id("transaction") if paid else None,
        "billing_details": dict(method["billing_details"]),
        "calculated_statement_descriptor": "BILLINGOS SIMULATOR",
        "captured": paid,
        "created": work.now(intent["_clock"]),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": description or intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if paid else "card_declined",
        "failure_message": None if decline is None else cards.decline_message(decline),
        "fraud_details": {},
        "metadata": {},
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _charged_card(method, intent["amount"]), "type": "card"},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded" if paid else "failed",
        "transfer_data": None,
        "transfer_group": None,
    }


def _outcome(decline: str | None) -> Json:
    return {
        "advice_code": "try_again_later" if decline else None,
        "network_advice_code": None,
        "network_decline_code": {"insufficient_funds": "51", "generic_decline": "01"}.get(decline or ""),
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "The bank declined the payment." if decline else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def _charged_card(method: Record, amount: int) -> Json:
    card = method["card"]
    unavailable = {"status": "unavailable"}
    return {
        "amount_authorized": amount,
        "authorization_code": None,
        "brand": card["brand"],
        "checks": dict(card["checks"]),
        "country": card["country"],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "incremental_authorization": dict(unavailable),
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": dict(unavailable),
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": card["regulated_status"],
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }


def _last_error(work: Work, charged: Record, method: Record, decline: str) -> Json:
    return {
        "advice_code": "try_again_later",
        "charge": charged["id"],
        "code": "card_declined",
        "decline_code": decline,
        "doc_url": "https://stripe.com/docs/error-codes/card-declined",
        "message": cards.decline_message(decline),
        "payment_method": render(work, method),
        "type": "card_error",
    }
