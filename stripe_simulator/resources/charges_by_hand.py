"""Charges without a payment intent, as older integrations make them."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.billing import disputes
from stripe_simulator.billing.payment_shapes import charge_body
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import StripeError, invalid, missing_param, not_found
from stripe_simulator.events import emit
from stripe_simulator.ids import new_id
from stripe_simulator.params import Fields, Flag, Hash, Integer, Metadata, Text, Unsimulated, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.payment_methods import resolve
from stripe_simulator.resources.shapes import SHIPPING, shipping
from stripe_simulator.work import Work

_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix")
_UNSIMULATED: Fields = dict.fromkeys(
    ("application_fee_amount", "on_behalf_of", "radar_options", "transfer_data", "transfer_group"), Unsimulated()
)


@endpoint(
    "POST",
    "/v1/charges",
    _UNSIMULATED
    | {
        **{name: Text() for name in _TEXTS},
        "amount": Integer(required=True, least=1, most=99_999_999),
        "capture": Flag(),
        "currency": Text(required=True, longest=3),
        "customer": Text(),
        "metadata": Metadata(),
        "shipping": Hash(fields=SHIPPING),
        "source": Text(),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """Charge a card at once; 402 where it declines, and the failed charge is kept."""
    customer = work.get("customer", values["customer"], "customer") if values.get("customer") else None
    method = _method(work, customer, values.get("source"))
    card = cards.by_number(method["_number"], "number")
    decline = cards.AUTHENTICATION if card.wants_holder(bool(method.get("_set_up"))) else card.decline
    asked = _asked(values, customer)
    charge = work.insert("charge", charge_body(work, asked, method, decline), clock=asked["_clock"])
    emit(work, "charge.failed" if decline else "charge.succeeded", charge)
    if decline is not None:
        raise cards.declined(decline, charge=charge["id"])
    disputes.expect(work, charge, card.dispute)
    return render(work, charge)


@endpoint(
    "POST",
    "/v1/charges/<id>/capture",
    _UNSIMULATED | {**{name: Text() for name in _TEXTS[1:]}, "amount": Integer(least=1)},
)
def capture(work: Work, values: dict[str, Any], id: str) -> Json:
    """Take what ``capture=false`` held."""
    charge = work.get("charge", id)
    if charge["payment_intent"] is not None and not charge["captured"]:
        raise invalid("This charge belongs to a PaymentIntent: capture that instead.", "charge")
    if charge["captured"]:
        raise StripeError(f"Charge {id} has already been captured.", code="charge_already_captured")
    if charge["refunded"] or not charge["paid"]:
        raise invalid(f"Charge {id} can't be captured.", "charge")
    taken = values.get("amount", charge["amount"])
    if taken > charge["amount"]:
        raise invalid("You cannot capture more than was authorised.", "amount", "amount_too_large")
    with work.edit(charge):
        charge |= {"amount_captured": taken, "captured": True, "balance_transaction": new_id("transaction")}
        charge |= {name: values[name] for name in _TEXTS[1:] if name in values}
    emit(work, "charge.captured", charge)
    return render(work, charge)


def _method(work: Work, customer: Record | None, source: str | None) -> Record:
    if source is None and customer is not None:
        source = customer["default_source"]
    if source is None:
        raise missing_param("source")
    if source.startswith("tok_") and cards.by_token(source, "tok_") is None:
        raise not_found("token", source, "source", 400)
    method = resolve(work, source, "source")
    if method["customer"] is not None and (customer is None or method["customer"] != customer["id"]):
        raise invalid("The card belongs to another customer.", "source")
    return method


def _asked(values: dict[str, Any], customer: Record | None) -> Record:
    """What a charge's body reads from a payment intent."""
    return {
        **{name: values.get(name) for name in _TEXTS},
        "_clock": customer["_clock"] if customer else None,
        "amount": values["amount"],
        "capture_method": "automatic" if values.get("capture", True) else "manual",
        "currency": values["currency"].lower(),
        "customer": customer["id"] if customer else None,
        "id": None,
        "metadata": merged_metadata({}, values.get("metadata", {})),
        "shipping": shipping(values.get("shipping")),
    }
