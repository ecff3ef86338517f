"""Payment intents, read only: invoices make them."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Range, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


@endpoint("GET", "/v1/payment_intents/<id>", {"client_secret": Text()})
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A payment intent."""
    return render(work, work.get("payment_intent", id))


@endpoint("GET", "/v1/payment_intents", LISTING | {"created": Range(), "customer": Text()})
def list_intents(work: Work, values: dict[str, Any]) -> Json:
    """Payment intents."""
    customer = values.get("customer")
    found = work.all("payment_intent") if customer is None else work.related("payment_intent", "customer", customer)
    chosen = (intent for intent in found if within(values.get("created"), intent["created"]))
    return page(work, chosen, values, "/v1/payment_intents")
