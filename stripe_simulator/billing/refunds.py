"""Refunds of charges, whole or in part."""

from typing import Any

from stripe_simulator import cards
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.params import merged_metadata
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

SETTLES_SECONDS = 60  # until a pending refund is paid out, or one that fails comes back


def create(work: Work, charge: Record, values: dict[str, Any]) -> Record:
    """Give back ``amount`` (minor units), by default all that is left of a charge; with ``reason``, ``metadata``."""
    left = refundable(charge)
    amount = values.get("amount", left)
    _check(work, charge, amount, left)
    card = cards.by_number(work.get("payment_method", charge["payment_method"])["_number"], "number")
    now = work.now(charge["_clock"])
    refund = work.insert("refund", _body(charge, amount, now, card.refund, values), clock=charge["_clock"])
    if card.refund is not None:
        with work.edit(refund):
            refund |= {"_fate": card.refund, "_due": now + SETTLES_SECONDS}
    with updating(work, charge, "charge.refunded"):
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    emit(work, "refund.created", refund)
    return refund


def refundable(charge: Record) -> int:
    """What is left of a charge, in minor units."""
    return int(charge["amount_captured"] - charge["amount_refunded"])


def _check(work: Work, charge: Record, amount: int, left: int) -> None:
    id = charge["id"]
    if not charge["paid"] or not charge["captured"]:
        raise invalid(f"Charge {id} has not been captured and can't be refunded.", None, "charge_not_refundable")
    if charge["refunded"]:
        raise invalid(f"Charge {id} has already been refunded.", None, "charge_already_refunded")
    if any(not dispute["is_charge_refundable"] for dispute in work.related("dispute", "charge", id)):
        raise invalid(f"Charge {id} has been charged back; cannot issue a refund.", None, "charge_disputed")
    if amount > left:
        raise invalid(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
            "amount",
            "refund_amount_exceeded",
        )


def process(work: Work, refund: Record) -> None:
    """A pending refund arrives; one that fails gives the charge its money back."""
    failing = refund["_fate"] == "fails"
    with updating(work, refund):
        refund["_due"] = None
        refund["status"] = "failed" if failing else "succeeded"
        if failing:
            refund |= {
                "failure_balance_transaction": new_id("transaction"),
                "failure_reason": "expired_or_canceled_card",
            }
    emit(work, "charge.refund.updated", refund)
    if failing:
        charge = work.get("charge", refund["charge"])
        with updating(work, charge):
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False
        emit(work, "refund.failed", refund)


def _body(charge: Record, amount: int, now: int, fate: str | None, values: dict[str, Any]) -> Json:
    return {
        "amount": amount,
        "balance_transaction": None if fate == "pending" else new_id("transaction"),
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"},
            "type": "card",
        },
        "metadata": merged_metadata({}, values.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": values.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if fate == "pending" else "succeeded",
        "transfer_reversal": None,
    }
