"""The buyer pays: a payment, a card saved for later, or a subscription; 3-D Secure on the way where the card asks.

A declined card leaves what Stripe leaves: of a payment its failed intent, of a subscription nothing.
"""

from collections.abc import Callable

from stripe_simulator import cards
from stripe_simulator.billing import intents, payments, redemption, setups
from stripe_simulator.checkout import lines, sessions
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.events import updating
from stripe_simulator.rendering import Json
from stripe_simulator.resources import customers, payment_methods, subscriptions
from stripe_simulator.work import Work


def pay(work: Work, session: Record, method: Record, buyer: Json) -> str | None:
    """Try to pay; None, or the decline code. ``authentication_required``: the session's ``_intent`` waits.

    A StripeError says why nothing has happened at all.
    """
    sessions.require_open(session, "paid")
    with work.edit(session):
        session["_buyer"] = buyer
    customer = _customer(work, session, buyer)
    decline = _MODES[session["mode"]](work, session, customer, method)
    if decline is None:
        finish(work, session)
    return decline


def finish(work: Work, session: Record) -> bool:
    """Complete an open session whose intent has succeeded, or that needed none; whether it is complete."""
    intent = intent_of(work, session)
    if session["status"] == "open" and (intent is None or intent["status"] == "succeeded"):
        _complete(work, session)
    return bool(session["status"] == "complete")


def intent_of(work: Work, session: Record) -> Record | None:
    """The payment or setup intent that the session has begun, or None."""
    id = session["_intent"]
    return work.find("payment_intent", id) or work.find("setup_intent", id)


def _customer(work: Work, session: Record, buyer: Json) -> Record | None:
    known = session["customer"] or session["_customer"]
    if known:
        return work.get("customer", known)
    if session["mode"] != "subscription" and session["customer_creation"] != "always":
        return None
    made = customers.create(work, {name: buyer[name] for name in ("email", "name") if buyer.get(name)})
    with work.edit(session):
        session["_customer"] = made["id"]
    return work.get("customer", made["id"])


def _payment(work: Work, session: Record, customer: Record | None, method: Record) -> str | None:
    if not session["amount_total"]:
        return None
    intent = work.find("payment_intent", session["payment_intent"])
    if intent is None:
        fields = session["_intent_values"] | {"payment_method_types": ["card"]}
        intent = intents.create(work, session["amount_total"], session["currency"], customer, **fields)
        with work.edit(session):
            session |= {"payment_intent": intent["id"], "_intent": intent["id"]}
    return intents.confirm(work, intent, method)


def _setup(work: Work, session: Record, customer: Record | None, method: Record) -> str | None:
    intent = intent_of(work, session)
    if intent is None or intent["customer"] != (customer and customer["id"]):
        intent = setups.create(work, customer, **session["_intent_values"])
        with work.edit(session):
            session |= {"setup_intent": intent["id"], "_intent": intent["id"]}
    return setups.confirm(work, intent, method)


def _subscription(work: Work, session: Record, customer: Record | None, method: Record) -> str | None:
    assert customer is not None  # noqa: S101 - this mode always has one
    payment_methods.attach_to(work, method, customer)
    subscription = work.find("subscription", session["_subscription"])
    if subscription is None:
        subscription = _subscribe(work, session, customer, method)
    else:
        with updating(work, subscription):
            subscription["default_payment_method"] = method["id"]
    invoice = work.get("invoice", subscription["latest_invoice"])
    intent = payments.intent_of(work, invoice)
    if intent is None:
        return _consent(work, session, customer, method)
    with work.edit(session):
        session["_intent"] = intent["id"]
    decline = intents.confirm(work, intent, method)
    if decline is None or intent["status"] == "requires_action":
        return decline
    raise _undone(decline)


def _subscribe(work: Work, session: Record, customer: Record, method: Record) -> Record:
    items = [
        {"price": line["price"], "tax_rates": line["tax_rates"]}
        | ({} if line["quantity"] is None else {"quantity": line["quantity"]})
        for line in session["_lines"]
    ]
    values = session["_subscription_values"] | {
        "customer": customer["id"],
        "default_payment_method": method["id"],
        "items": items,
        "payment_behavior": "default_incomplete",
    }
    if session["_reductions"]:
        values["discounts"] = session["_reductions"]
    made = subscriptions.create(work, values)
    with work.edit(session):
        session["_subscription"] = made["id"]
    return work.get("subscription", made["id"])


def _consent(work: Work, session: Record, customer: Record, method: Record) -> str | None:
    """Nothing is due yet: a card that wants its holder is set up for what comes."""
    if cards.by_number(method["_number"], "number").holder is None:
        return None
    intent = setups.create(work, customer)
    with work.edit(session):
        session["_intent"] = intent["id"]
    return setups.confirm(work, intent, method)


def _undone(decline: str) -> StripeError:
    error = cards.declined(decline)
    error.keeps_changes = False
    return error


def _complete(work: Work, session: Record) -> None:
    customer = work.find("customer", session["customer"] or session["_customer"])
    paid: dict[str, str | None] = {}
    subscription = work.find("subscription", session["_subscription"])
    if subscription is not None:
        paid = {"subscription": subscription["id"], "invoice": subscription["latest_invoice"]}
    elif session["_reductions"]:
        coupon, code = lines.coupon_of(work, session)
        if coupon is not None:
            redemption.count(work, coupon, code)
    sessions.complete(work, session, customer, session["_buyer"], **paid)


_MODES: dict[str, Callable[[Work, Record, Record | None, Record], str | None]] = {
    "payment": _payment,
    "setup": _setup,
    "subscription": _subscription,
}
