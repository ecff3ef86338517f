"""Credit notes: what is taken back of a finalised invoice, line by line, and where the money goes.

Of an open invoice a credit note first lowers what is still to be paid (the pre-payment part). What is above
that (the post-payment part) is refunded, credited to the customer's balance, or settled outside of Stripe.
"""

from dataclasses import dataclass
from typing import Any

from stripe_simulator.billing import balance, invoices, note_lines, note_refunds, payments
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.params import merged_metadata
from stripe_simulator.rendering import Json, list_object
from stripe_simulator.work import Work


@dataclass(frozen=True)
class Shares:
    """A credit note's total in minor units, and where it goes; ``refund`` is to be made anew."""

    total: int
    pre: int
    refund: int
    credit: int
    out_of_band: int

    @property
    def post(self) -> int:
        """What does not lower the amount that is still to be paid."""
        return self.total - self.pre


def issue(work: Work, values: dict[str, Any]) -> Record:
    """A credit note as asked for, with all that follows from it."""
    invoice = work.get("invoice", values["invoice"], "invoice")
    if invoice["status"] not in ("open", "paid", "uncollectible"):
        raise invalid("You can only create a credit note for an invoice that is open, paid or uncollectible.")
    lines = note_lines.drawn(work, invoice, values)
    sums = note_lines.sums(invoice, lines)
    linked = note_refunds.named(work, invoice, values.get("refunds", []))
    _check_room(work, invoice, sums["total"], sum(entry["amount_refunded"] for entry in linked))
    shares = _shares(invoice, sums["total"], values, linked)
    note = _insert(work, invoice, values, lines, sums, shares)
    if shares.pre:
        _lower(work, invoice, shares.pre)
    _pay_out(work, invoice, note, shares, linked)
    emit(work, "credit_note.created", note)
    if shares.pre and invoice["amount_remaining"] == 0:
        invoices.mark_paid_elsewhere(work, invoice)
    return note


def void(work: Work, note: Record) -> None:
    """Take back a credit note that only lowered an invoice which is still open."""
    invoice = work.get("invoice", note["invoice"])
    if note["status"] == "void":
        raise invalid("This credit note is already void.")
    if note["type"] != "pre_payment" or invoice["status"] != "open":
        raise invalid("You can only void a credit note of an open invoice.")
    with work.edit(note):
        note |= {"status": "void", "voided_at": work.now(note["_clock"])}
    _lower(work, invoice, -note["pre_payment_amount"])
    emit(work, "credit_note.voided", note)


def _check_room(work: Work, invoice: Record, total: int, linked: int) -> None:
    earlier = [note for note in work.related("credit_note", "invoice", invoice["id"]) if note["status"] == "issued"]
    unaccounted = note_refunds.made_without_notes(work, invoice, earlier) - linked
    left = invoice["total"] - sum(note["total"] for note in earlier) - unaccounted
    if total <= 0:
        raise invalid("A credit note must credit more than nothing.", "amount")
    if total > left:
        raise invalid(f"The credit note's total ({total}) is more than what is left of the invoice ({left}).", "amount")


def _shares(invoice: Record, total: int, values: dict[str, Any], linked: list[Json]) -> Shares:
    remaining = invoice["amount_remaining"] if invoice["status"] in ("open", "uncollectible") else 0
    refund, credit, outside = (values.get(f"{name}_amount", 0) for name in ("refund", "credit", "out_of_band"))
    shares = Shares(total, min(total, remaining), refund, credit, outside)
    given = refund + credit + outside + sum(entry["amount_refunded"] for entry in linked)
    if given != shares.post:
        raise invalid(
            f"The sum of credit_amount, refund_amount, refunds and out_of_band_amount ({given}) must equal "
            f"the post-payment amount of the credit note ({shares.post}).",
        )
    return shares


def _lower(work: Work, invoice: Record, amount: int) -> None:
    """Take an amount off what is still to be paid; a negative one brings it back."""
    with updating(work, invoice):
        invoice["amount_due"] -= amount
        invoice["amount_remaining"] -= amount
        invoice["pre_payment_credit_notes_amount"] += amount
    if invoice["amount_remaining"]:
        payments.change_amount(work, invoice)


def _pay_out(work: Work, invoice: Record, note: Record, shares: Shares, linked: list[Json]) -> None:
    if shares.post == 0:
        return
    with updating(work, invoice):
        invoice["post_payment_credit_notes_amount"] += shares.post
    with work.edit(note):
        made = [note_refunds.make(work, invoice, shares.refund)] if shares.refund else []
        note["refunds"] = linked + made
    if shares.credit:
        customer = work.get("customer", invoice["customer"])
        named = {"invoice": invoice["id"], "credit_note": note["id"]}
        moved = balance.adjust(work, customer, -shares.credit, "credit_note", **named)
        with work.edit(note):
            note["customer_balance_transaction"] = moved["id"]


def _insert(
    work: Work, invoice: Record, values: dict[str, Any], lines: list[Json], sums: Json, shares: Shares
) -> Record:
    now = work.now(invoice["_clock"])
    id = new_id("credit_note")
    number = 1 + len(work.related("credit_note", "invoice", invoice["id"]))
    body: Record = {
        "amount": shares.total,
        "amount_shipping": 0,
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "effective_at": values.get("effective_at") or now,
        "invoice": invoice["id"],
        "lines": list_object(f"/v1/credit_notes/{id}/lines", lines),
        "memo": values.get("memo"),
        "metadata": merged_metadata({}, values.get("metadata") or {}),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": shares.out_of_band or None,
        "pdf": f"https://pay.stripe.com/credit_notes/{work.account}/test_{id}/pdf",
        "post_payment_amount": shares.post,
        "pre_payment_amount": shares.pre,
        "reason": values.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "type": _type(shares),
        "voided_at": None,
    }
    return work.insert("credit_note", body | sums, id=id, clock=invoice["_clock"])


def _type(shares: Shares) -> str:
    if shares.post == 0:
        return "pre_payment"
    return "post_payment" if shares.pre == 0 else "mixed"
