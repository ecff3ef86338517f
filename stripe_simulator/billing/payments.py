"""Paying an invoice: the payment method, the payment intent, the charge, and what a decline leaves."""

from stripe_simulator import cards
from stripe_simulator.billing import authentication, disputes
from stripe_simulator.billing.payment_shapes import charge_body, intent_body, last_error
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
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
    asked = intent_body(intent_id, now, invoice["amount_due"], invoice["currency"], invoice["customer"])
    asked["description"] = _description(invoice)
    asked["setup_future_usage"] = "off_session" if invoice["billing_reason"] == "subscription_create" else None
    intent = work.insert("payment_intent", asked, clock=invoice["_clock"], id=intent_id)
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


def charge(
    work: Work, intent: Record, method: Record, *, authenticated: bool = False, alone: bool = False
) -> str | None:
    """Charge the intent's amount to a payment method; None, or the decline code.

    A card that wants its holder leaves the intent in ``requires_action``, unless it is ``authenticated``; with the
    holder known to be away (``alone``) it declines instead. Both give ``authentication_required``.
    """
    card = cards.by_number(method["_number"], "number")
    decline = card.decline
    if not authenticated and card.wants_holder(bool(method.get("_set_up"))):
        if not alone:
            authentication.require(work, intent, method)
            return cards.AUTHENTICATION
        decline = cards.AUTHENTICATION
    charged = work.insert("charge", charge_body(work, intent, method, decline), clock=intent["_clock"])
    _conclude(work, intent, method, charged, decline)
    emit(work, "charge.failed" if decline else "charge.succeeded", charged)
    emit(work, _outcome_event(intent, decline), intent)
    if decline is None:
        _keep_method(work, intent, method, authenticated)
        disputes.expect(work, charged, card.dispute)
    return decline


def _conclude(work: Work, intent: Record, method: Record, charged: Record, decline: str | None) -> None:
    held = intent["capture_method"] == "manual"
    paid = "requires_capture" if held else "succeeded"
    with work.edit(intent):
        intent |= {
            "amount_capturable": intent["amount"] if decline is None and held else 0,
            "amount_received": intent["amount"] if decline is None and not held else 0,
            "last_payment_error": None if decline is None else last_error(work, charged, method, decline),
            "latest_charge": charged["id"],
            "next_action": None,
            "payment_method": method["id"] if decline is None else None,
            "status": paid if decline is None else "requires_payment_method",
        }


def _outcome_event(intent: Record, decline: str | None) -> str:
    if decline is not None:
        return "payment_intent.payment_failed"
    held = intent["status"] == "requires_capture"
    return "payment_intent.amount_capturable_updated" if held else "payment_intent.succeeded"


def _keep_method(work: Work, intent: Record, method: Record, authenticated: bool) -> None:
    """``setup_future_usage``: what paid is attached, and need not be authenticated again off session."""
    if intent["setup_future_usage"] is None:
        return
    customer = work.find("customer", intent["customer"])
    with work.edit(method):
        method["_set_up"] = bool(method.get("_set_up")) or authenticated
    if customer is not None and method["customer"] is None:
        with work.edit(method):
            method |= {"customer": customer["id"], "_clock": customer["_clock"]}
        emit(work, "payment_method.attached", method)


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


def fail_without_method(work: Work, intent: Record) -> None:
    """A try to collect where there is nothing to charge."""
    with updating(work, intent, "payment_intent.payment_failed"):
        intent["last_payment_error"] = {
            "code": "payment_intent_unexpected_state",
            "message": "The customer has no default payment method.",
            "type": "invalid_request_error",
        }


def needs_action(what: str) -> StripeError:
    """Stripe's 402 where the holder of the card must act; the payment itself stays open."""
    return StripeError(
        "This payment requires additional user action before it can be completed successfully. Payment can be "
        "completed using the PaymentIntent associated with this object.",
        status=402,
        type="card_error",
        code=f"{what}_payment_intent_requires_action",
        keeps_changes=True,
    )


def _description(invoice: Record) -> str:
    reasons = {"subscription_create": "Subscription creation", "manual": "Payment for Invoice"}
    return reasons.get(invoice["billing_reason"], "Subscription update")
