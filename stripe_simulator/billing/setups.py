"""Setup intents: a payment method made ready for later, with its holder's consent where the card wants that."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.billing import authentication
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id, random_text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

CONFIRMABLE = ("requires_action", "requires_confirmation", "requires_payment_method")


def create(work: Work, customer: Record | None, **fields: Any) -> Record:
    """A setup intent; ``fields`` are its attributes."""
    clock = customer["_clock"] if customer else None
    id = new_id("setup_intent")
    body = _body(id, work.now(clock), customer["id"] if customer else None) | fields
    intent = work.insert("setup_intent", body, clock=clock, id=id)
    emit(work, "setup_intent.created", intent)
    return intent


def confirm(work: Work, intent: Record, method: Record | None) -> str | None:
    """Set a payment method up; None, or the decline code."""
    if intent["status"] not in CONFIRMABLE:
        raise unexpected(intent, "confirm")
    method = method or work.find("payment_method", intent["payment_method"])
    if method is None:
        raise invalid(
            "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a "
            "payment method and then confirm it again.",
            None,
            "setup_intent_unexpected_state",
        )
    if method["customer"] not in (None, intent["customer"]):
        raise invalid("The payment method belongs to another customer.", "payment_method")
    card = cards.by_number(method["_number"], "number")
    if card.holder is not None:
        authentication.require(work, intent, method)
        return cards.AUTHENTICATION
    decline = None if card.attaches else card.decline
    if decline is None:
        _succeed(work, intent, method)
    else:
        _fail(work, intent, method, decline)
    return decline


def authenticate(work: Work, intent: Record, *, succeeds: bool) -> str | None:
    """The holder's answer to 3-D Secure."""
    if intent["status"] != "requires_action":
        raise unexpected(intent, "authenticate")
    if not succeeds:
        authentication.refuse(work, intent)
        return cards.AUTHENTICATION
    _succeed(work, intent, work.get("payment_method", intent["payment_method"]))
    return None


def _succeed(work: Work, intent: Record, method: Record) -> None:
    customer = work.find("customer", intent["customer"])
    with work.edit(method):
        method["_set_up"] = True
    if customer is not None and method["customer"] is None:
        with work.edit(method):
            method |= {"customer": customer["id"], "_clock": customer["_clock"]}
        emit(work, "payment_method.attached", method)
    with work.edit(intent):
        intent |= {
            "last_setup_error": None,
            "next_action": None,
            "payment_method": method["id"],
            "status": "succeeded",
        }
    emit(work, "setup_intent.succeeded", intent)
    _fulfil(work, intent, method)


def _fulfil(work: Work, intent: Record, method: Record) -> None:
    """A subscription that waited for it has a payment method now."""
    subscription = work.find("subscription", intent.get("_subscription"))
    if subscription is None or subscription["pending_setup_intent"] != intent["id"]:
        return
    with updating(work, subscription):
        subscription["pending_setup_intent"] = None
        if subscription["default_payment_method"] is None:
            subscription["default_payment_method"] = method["id"]


def _fail(work: Work, intent: Record, method: Record, decline: str) -> None:
    with work.edit(intent):
        intent |= {
            "last_setup_error": {
                "code": cards.error_code(decline),
                "decline_code": decline,
                "doc_url": f"https://stripe.com/docs/error-codes/{cards.error_code(decline).replace('_', '-')}",
                "message": cards.decline_message(decline),
                "payment_method": render(work, method),
                "type": "card_error",
            },
            "payment_method": None,
            "status": "requires_payment_method",
        }
    emit(work, "setup_intent.setup_failed", intent)


def cancel(work: Work, intent: Record, reason: str | None) -> None:
    """Give it up."""
    if intent["status"] not in CONFIRMABLE:
        raise unexpected(intent, "cancel")
    with work.edit(intent):
        intent |= {"cancellation_reason": reason, "next_action": None, "status": "canceled"}
    emit(work, "setup_intent.canceled", intent)


def unexpected(intent: Record, verb: str) -> StripeError:
    """Stripe's 400 where the status forbids what was asked."""
    return invalid(
        f"You cannot {verb} this SetupIntent because it has a status of {intent['status']}.",
        None,
        "setup_intent_unexpected_state",
    )


def _body(id: str, now: int, customer: str | None) -> Json:
    return {
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": f"{id}_secret_{random_text(25)}",
        "created": now,
        "customer": customer,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }
