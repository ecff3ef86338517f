"""Refunds that credit notes make, or name because they were made before."""

from typing import Any

from stripe_simulator.billing import payments, refunds
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, not_found
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work


def make(work: Work, invoice: Record, amount: int) -> Json:
    """Refund so much of what was charged for an invoice; the credit note's entry for it."""
    charge = _charge(work, invoice)
    if charge is None:
        raise invalid("Nothing was charged for this invoice, so that nothing can be refunded.", "refund_amount")
    return _entry(refunds.create(work, charge, {"amount": amount}), amount)


def named(work: Work, invoice: Record, sent: list[dict[str, Any]]) -> list[Json]:
    """Entries for refunds of this invoice that exist, each for all of its amount or a part."""
    charge, entries = _charge(work, invoice), []
    for index, values in enumerate(sent):
        refund = work.get("refund", values["refund"], f"refunds[{index}][refund]")
        if charge is None or refund["charge"] != charge["id"]:
            raise not_found("refund of this invoice", refund["id"], f"refunds[{index}][refund]", 400)
        amount = int(values.get("amount_refunded") or refund["amount"])
        if amount > refund["amount"]:
            raise invalid("More than the refund's amount.", f"refunds[{index}][amount_refunded]")
        entries.append(_entry(refund, amount))
    return entries


def made_without_notes(work: Work, invoice: Record, notes: list[Record]) -> int:
    """What was refunded of an invoice (minor units) and is in none of its credit notes."""
    charge = _charge(work, invoice)
    refunded = charge["amount_refunded"] if charge else 0
    return int(refunded - sum(entry["amount_refunded"] for note in notes for entry in note["refunds"]))


def _charge(work: Work, invoice: Record) -> Record | None:
    intent = payments.intent_of(work, invoice)
    charge = work.find("charge", intent["latest_charge"]) if intent else None
    return charge if charge and charge["paid"] else None


def _entry(refund: Record, amount: int) -> Json:
    return {"amount_refunded": amount, "payment_record_refund": None, "refund": refund["id"], "type": "refund"}
