"""Invoice payments: what joins an invoice to the payment intent that pays it."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Hash, Range, Text
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


@endpoint("GET", "/v1/invoice_payments/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """An invoice payment."""
    return render(work, work.get("invoice_payment", id))


@endpoint(
    "GET",
    "/v1/invoice_payments",
    LISTING
    | {
        "created": Range(),
        "invoice": Text(),
        "payment": Hash(fields={"type": Text(required=True), "payment_intent": Text()}),
        "status": Text(choices=("canceled", "open", "paid")),
    },
)
def list_payments(work: Work, values: dict[str, Any]) -> Json:
    """Invoice payments, by invoice or by payment intent."""
    invoice, intent = values.get("invoice"), (values.get("payment") or {}).get("payment_intent")
    if intent is not None:
        found: Any = work.related("invoice_payment", "payment_intent", intent)
    elif invoice is not None:
        found = work.related("invoice_payment", "invoice", invoice)
    else:
        found = work.all("invoice_payment")
    chosen = (
        payment
        for payment in found
        if invoice in (None, payment["invoice"])
        and values.get("status") in (None, payment["status"])
        and within(values.get("created"), payment["created"])
    )
    return page(work, chosen, values, "/v1/invoice_payments")
