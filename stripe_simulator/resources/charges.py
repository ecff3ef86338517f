"""Charges: payment intents make them, or older code directly; of their own they change little."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.billing import direct
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.events import updating
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Flag, Hash, Integer, Metadata, Range, Text, Unsimulated, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.payment_methods import resolve
from stripe_simulator.resources.shapes import SHIPPING, shipping
from stripe_simulator.work import Work


@endpoint(
    "POST",
    "/v1/charges",
    {
        **dict.fromkeys(
            (
                "application_fee",
                "application_fee_amount",
                "destination",
                "on_behalf_of",
                "radar_options",
                "transfer_data",
            ),
            Unsimulated(),
        ),
        "amount": Integer(required=True, least=1),
        "capture": Flag(),
        "currency": Text(required=True, longest=3),
        "customer": Text(),
        "description": Text(),
        "metadata": Metadata(),
        "receipt_email": Text(),
        "shipping": Hash(fields=SHIPPING),
        "source": Text(),
        "statement_descriptor": Text(),
        "statement_descriptor_suffix": Text(),
        "transfer_group": Text(),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A charge without a payment intent, as older code makes them: a token, or a customer's default source."""
    customer = work.get("customer", values["customer"], "customer") if values.get("customer") else None
    method = _source(work, customer, values.get("source"))
    shown = values | {"shipping": shipping(values.get("shipping"))}
    charge, decline = direct.create(work, customer, method, shown)
    if decline is not None:
        raise cards.declined(decline, charge=charge["id"])
    return render(work, charge)


def _source(work: Work, customer: Record | None, source: str | None) -> Record:
    named = source or (customer["default_source"] if customer else None)
    if named is None:
        raise invalid("Must provide source or customer.", "source", "missing")
    method = resolve(work, named, "source")
    if method["customer"] is not None and (customer is None or method["customer"] != customer["id"]):
        raise invalid(f"Customer does not have a source with ID {named}.", "source", "missing")
    return method


@endpoint(
    "POST",
    "/v1/charges/<id>/capture",
    {
        **dict.fromkeys(("application_fee", "application_fee_amount", "transfer_data"), Unsimulated()),
        "amount": Integer(least=1),
        "receipt_email": Text(),
        "statement_descriptor": Text(),
        "statement_descriptor_suffix": Text(),
        "transfer_group": Text(),
    },
)
def capture(work: Work, values: dict[str, Any], id: str) -> Json:
    """Take what ``capture=false`` held, or a part of it."""
    charge = work.get("charge", id)
    if charge["captured"]:
        raise invalid(f"Charge {id} has already been captured.", None, "charge_already_captured")
    if charge["payment_intent"] is not None:
        raise invalid("This charge belongs to a PaymentIntent: capture that instead.")
    direct.capture(work, charge, values)
    return render(work, charge)


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
