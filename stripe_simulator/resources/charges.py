"""Charges: payment intents make them, or older code (``charges_by_hand``); of their own they change little."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.events import updating
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Hash, Metadata, Range, Text, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.shapes import SHIPPING, shipping
from stripe_simulator.work import Work


@endpoint("GET", "/v1/charges/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A charge."""
    return render(work, work.get("charge", id))


@endpoint(
    "POST",
    "/v1/charges/<id>",
    {
        "customer": Text(),
        "description": Text(),
        "fraud_details": Hash(fields={"user_report": Text(choices=("fraudulent", "safe"))}),
        "metadata": Metadata(),
        "receipt_email": Text(),
        "shipping": Hash(fields=SHIPPING),
        "transfer_group": Text(),
    },
)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is not money."""
    charge = work.get("charge", id)
    if values.get("customer") and charge["customer"] not in (None, values["customer"]):
        raise invalid("The customer of a charge that has one can't be changed.", "customer")
    if values.get("customer"):
        work.get("customer", values["customer"], "customer")
    with updating(work, charge):
        for name in ("customer", "description", "fraud_details", "receipt_email", "transfer_group"):
            if name in values:
                charge[name] = values[name]
        if "metadata" in values:
            charge["metadata"] = merged_metadata(charge["metadata"], values["metadata"])
        if "shipping" in values:
            charge["shipping"] = shipping(values["shipping"])
    return render(work, charge)


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
