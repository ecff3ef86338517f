"""Charges made directly, without a payment intent."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.billing import disputes
from stripe_simulator.billing.payment_shapes import charge_body, intent_body
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit
from stripe_simulator.ids import new_id
from stripe_simulator.params import merged_metadata
from stripe_simulator.work import Work

_TEXTS = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix")


def create(work: Work, customer: Record | None, method: Record, values: dict[str, Any]) -> tuple[Record, str | None]:
    """The charge, and the decline code where it failed. A card that wants its holder can only decline here."""
    clock = customer["_clock"] if customer else None
    card = cards.by_number(method["_number"], "number")
    decline = cards.AUTHENTICATION if card.wants_holder(bool(method.get("_set_up"))) else card.decline
    named = customer["id"] if customer else None
    terms = intent_body("", work.now(clock), values["amount"], values["currency"].lower(), named)
    terms |= {name: values[name] for name in _TEXTS if name in values}
    terms |= {"id": None, "_clock": clock, "metadata": merged_metadata({}, values.get("metadata") or {})}
    terms["shipping"] = values.get("shipping")
    terms["capture_method"] = "automatic" if values.get("capture", True) else "manual"
    charge = work.insert("charge", charge_body(work, terms, method, decline), clock=clock)
    with work.edit(charge):
        charge["transfer_group"] = values.get("transfer_group")
    emit(work, "charge.failed" if decline else "charge.succeeded", charge)
    if decline is None:
        disputes.expect(work, charge, card.dispute)
    return charge, decline


def capture(work: Work, charge: Record, values: dict[str, Any]) -> None:
    """Take what was held; ``amount`` is in minor units."""
    amount = values.get("amount", charge["amount"])
    if amount > charge["amount"]:
        raise invalid("You cannot capture more than was authorised.", "amount", "amount_too_large")
    with work.edit(charge):
        charge |= {name: values[name] for name in (*_TEXTS, "transfer_group") if name in values}
        charge |= {"amount_captured": amount, "captured": True, "balance_transaction": new_id("transaction")}
    emit(work, "charge.captured", charge)
