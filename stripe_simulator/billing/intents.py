"""Payment intents: made, confirmed, authenticated, captured and canceled; those of invoices settle their invoice."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.billing import authentication, invoices, payments, standing
from stripe_simulator.billing.payment_shapes import intent_body
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.events import emit
from stripe_simulator.ids import new_id
from stripe_simulator.work import Work

CONFIRMABLE = ("requires_action", "requires_confirmation", "requires_payment_method")
CANCELABLE = (*CONFIRMABLE, "processing", "requires_capture")


def create(work: Work, amount: int, currency: str, customer: Record | None, **fields: Any) -> Record:
    """A payment intent of one's own, over ``amount`` in minor units; ``fields`` are its other attributes."""
    clock = customer["_clock"] if customer else None
    id = new_id("payment_intent")
    body = intent_body(id, work.now(clock), amount, currency, customer["id"] if customer else None) | fields
    intent = work.insert("payment_intent", body, clock=clock, id=id)
    emit(work, "payment_intent.created", intent)
    return intent


def invoice_of(work: Work, intent: Record) -> Record | None:
    """The invoice that an intent pays, or None."""
    joined = work.related("invoice_payment", "payment_intent", intent["id"])
    return work.find("invoice", joined[-1]["invoice"]) if joined else None


def confirm(work: Work, intent: Record, method: Record | None, *, alone: bool = False) -> str | None:
    """Try to pay; None, or the decline code. ``alone``: the holder of the card is not there to authenticate."""
    if intent["status"] not in CONFIRMABLE:
        raise unexpected(intent, "confirm", CONFIRMABLE)
    method = method or work.find("payment_method", intent["payment_method"])
    if method is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken.",
            None,
            "payment_intent_unexpected_state",
        )
    _check_owner(intent, method)
    return _settle(work, intent, method, payments.charge(work, intent, method, alone=alone))


def _check_owner(intent: Record, method: Record) -> None:
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise invalid(
            f"The provided PaymentMethod ({method['id']}) belongs to another customer, or to a customer where this "
            "PaymentIntent has none.",
            "payment_method",
        )


def _settle(work: Work, intent: Record, method: Record, decline: str | None) -> str | None:
    """Let the invoice, if there is one, follow its intent."""
    invoice = invoice_of(work, intent)
    if invoice is None or invoice["status"] not in ("open", "uncollectible"):
        return decline
    if decline is None:
        invoices.save_method(work, invoice, method)
        invoices.mark_paid(work, invoice)
    elif intent["status"] == "requires_action":
        emit(work, "invoice.payment_action_required", invoice)
    else:
        standing.after_failure(work, invoice, by_hand=True)
    return decline


def authenticate(work: Work, intent: Record, *, succeeds: bool) -> str | None:
    """The holder's answer to 3-D Secure: the payment goes on, or the intent asks for another payment method."""
    if intent["status"] != "requires_action":
        raise unexpected(intent, "authenticate", ("requires_action",))
    if succeeds:
        method = work.get("payment_method", intent["payment_method"])
        return _settle(work, intent, method, payments.charge(work, intent, method, authenticated=True))
    authentication.refuse(work, intent)
    invoice = invoice_of(work, intent)
    if invoice is not None:
        standing.after_failure(work, invoice, by_hand=True)
    return cards.AUTHENTICATION


def capture(work: Work, intent: Record, amount: int | None) -> None:
    """Take what was authorised, or a part of it; the rest is let go."""
    if intent["status"] != "requires_capture":
        raise unexpected(intent, "capture", ("requires_capture",))
    taken = intent["amount_capturable"] if amount is None else amount
    if taken > intent["amount_capturable"]:
        raise invalid(
            f"The amount_to_capture of {taken} is greater than the amount_capturable, {intent['amount_capturable']}.",
            "amount_to_capture",
            "amount_too_large",
        )
    charge = work.get("charge", intent["latest_charge"])
    with work.edit(charge):
        charge |= {"amount_captured": taken, "captured": True, "balance_transaction": new_id("transaction")}
    with work.edit(intent):
        intent |= {"amount_capturable": 0, "amount_received": taken, "status": "succeeded"}
    emit(work, "charge.captured", charge)
    emit(work, "payment_intent.succeeded", intent)


def cancel(work: Work, intent: Record, reason: str | None) -> None:
    """Give a payment up; what was held is let go."""
    if intent["status"] not in CANCELABLE:
        raise unexpected(intent, "cancel", CANCELABLE)
    if invoice_of(work, intent) is not None:
        raise invalid("You cannot cancel this PaymentIntent because it pays an invoice. Void the invoice instead.")
    held = intent["status"] == "requires_capture"
    with work.edit(intent):
        intent |= {
            "amount_capturable": 0,
            "canceled_at": work.now(intent["_clock"]),
            "cancellation_reason": reason,
            "next_action": None,
            "status": "canceled",
        }
    if held:
        charge = work.get("charge", intent["latest_charge"])
        with work.edit(charge):
            charge |= {"amount_refunded": charge["amount"], "refunded": True}
        emit(work, "charge.refunded", charge)
    emit(work, "payment_intent.canceled", intent)


def unexpected(intent: Record, verb: str, wanted: tuple[str, ...]) -> StripeError:
    """Stripe's 400 where the status forbids what was asked."""
    return invalid(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
        f"with one of the following statuses may be used so: {', '.join(wanted)}.",
        None,
        "payment_intent_unexpected_state",
    )
