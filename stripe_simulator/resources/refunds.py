"""Refunds."""

from typing import Any

from stripe_simulator.billing import refunds as engine
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, missing_param
from stripe_simulator.events import emit, updating
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Integer, Metadata, Range, Text, Unsimulated, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


@endpoint(
    "POST",
    "/v1/refunds",
    {
        "amount": Integer(least=1),
        "charge": Text(),
        "currency": Unsimulated(),
        "customer": Unsimulated(),
        "instructions_email": Text(),
        "metadata": Metadata(),
        "origin": Unsimulated(),
        "payment_intent": Text(),
        "reason": Text(choices=("duplicate", "fraudulent", "requested_by_customer")),
        "refund_application_fee": Unsimulated(),
        "reverse_transfer": Unsimulated(),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """Give back a charge, or the charge of a payment intent, whole or in part."""
    return render(work, engine.create(work, _charge(work, values), values))


def _charge(work: Work, values: dict[str, Any]) -> Record:
    if values.get("charge"):
        return work.get("charge", values["charge"], "charge")
    if not values.get("payment_intent"):
        raise missing_param("charge")
    intent = work.get("payment_intent", values["payment_intent"], "payment_intent")
    charge = work.find("charge", intent["latest_charge"])
    if charge is None or not charge["paid"]:
        raise invalid(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return charge


@endpoint("GET", "/v1/refunds/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A refund."""
    return render(work, work.get("refund", id))


@endpoint("POST", "/v1/refunds/<id>", {"metadata": Metadata()})
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change its metadata."""
    refund = work.get("refund", id)
    before = dict(refund["metadata"])
    with updating(work, refund):
        if "metadata" in values:
            refund["metadata"] = merged_metadata(before, values["metadata"])
    if refund["metadata"] != before:
        emit(work, "charge.refund.updated", refund)
    return render(work, refund)


@endpoint("POST", "/v1/refunds/<id>/cancel")
def cancel(work: Work, values: dict[str, Any], id: str) -> Json:
    """Only refunds that wait for the customer's bank details can be canceled; cards never do."""
    refund = work.get("refund", id)
    raise invalid(
        f"Refund {id} cannot be canceled because its status is {refund['status']}.",
        None,
        "status_transition_invalid",
    )


@endpoint("GET", "/v1/refunds", LISTING | {"charge": Text(), "created": Range(), "payment_intent": Text()})
def list_refunds(work: Work, values: dict[str, Any]) -> Json:
    """Refunds, by charge or payment intent."""
    return page(work, _chosen(work, values), values, "/v1/refunds")


@endpoint("GET", "/v1/charges/<id>/refunds", LISTING)
def list_of_charge(work: Work, values: dict[str, Any], id: str) -> Json:
    """The refunds of a charge."""
    work.get("charge", id)
    return page(work, work.related("refund", "charge", id), values, f"/v1/charges/{id}/refunds")


def _chosen(work: Work, values: dict[str, Any]) -> list[Record]:
    charge, intent = values.get("charge"), values.get("payment_intent")
    return [
        refund
        for refund in work.all("refund")
        if charge in (None, refund["charge"])
        and intent in (None, refund["payment_intent"])
        and within(values.get("created"), refund["created"])
    ]
