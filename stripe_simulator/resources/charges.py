"""Charges, read only: payment intents make them."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Range, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


@endpoint("GET", "/v1/charges/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A charge."""
    return render(work, work.get("charge", id))


@endpoint("GET", "/v1/charges", LISTING | {"created": Range(), "customer": Text(), "payment_intent": Text()})
def list_charges(work: Work, values: dict[str, Any]) -> Json:
    """Charges, by customer or by payment intent."""
    customer, intent = values.get("customer"), values.get("payment_intent")
    if intent is not None:
        found: Any = work.related("charge", "payment_intent", intent)
    elif customer is not None:
        found = work.related("charge", "customer", customer)
    else:
        found = work.all("charge")
    chosen = (
        charge
        for charge in found
        if customer in (None, charge["customer"]) and within(values.get("created"), charge["created"])
    )
    return page(work, chosen, values, "/v1/charges")
