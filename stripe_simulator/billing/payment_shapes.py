"""The shapes of payment intents and charges, and what a decline says in them."""

from stripe_simulator import cards
from stripe_simulator.database import Record
from stripe_simulator.ids import new_id, random_text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


def intent_body(id: str, now: int, amount: int, currency: str, customer: str | None) -> Json:
    """A payment intent that waits for a payment method; ``amount`` in minor units."""
    return {
        "amount": amount,
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
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": None,
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
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def charge_body(work: Work, intent: Record, method: Record, decline: str | None) -> Json:
    """A charge of an intent's amount, or the failed try; captured at once unless capture is manual."""
    paid = decline is None
    captured = paid and intent["capture_method"] != "manual"
    return {
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if captured else 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": new_id("transaction") if captured else None,
        "billing_details": dict(method["billing_details"]),
        "calculated_statement_descriptor": "BILLINGOS SIMULATOR",
        "captured": captured,
        "created": work.now(intent["_clock"]),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None if decline is None else cards.error_code(decline),
        "failure_message": None if decline is None else cards.decline_message(decline),
        "fraud_details": {},
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": _outcome(decline),
        "paid": paid,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": _charged_card(method, intent["amount"]), "type": "card"},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
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


def last_error(work: Work, charged: Record, method: Record, decline: str) -> Json:
    """What a payment intent keeps of its last decline."""
    return {
        "advice_code": "try_again_later",
        "charge": charged["id"],
        "code": cards.error_code(decline),
        "decline_code": decline,
        "doc_url": f"https://stripe.com/docs/error-codes/{cards.error_code(decline).replace('_', '-')}",
        "message": cards.decline_message(decline),
        "payment_method": render(work, method),
        "type": "card_error",
    }
