"""Lowering invoices that were finalized: Stripe first, then our rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billingos.common.errors import Conflict
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call, preview_credit_note
from subscriptions.models import CreditNote, Invoice, InvoiceLine
from subscriptions.services.effects import settle_all, settle_around


@dataclass(frozen=True, slots=True)
class CreditLine:
    """A part of a line of the invoice: `amount` (minor units, before tax) or so many of its `quantity`."""

    line: InvoiceLine
    amount: int | None = None
    quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Crediting:
    """What is taken off an invoice, `amount` (minor units, tax included) or some of its `lines`, and where what was
    paid of it goes: back to the card, to the customer's balance, or elsewhere. Left out, all of it goes to the card."""

    invoice: Invoice
    amount: int | None = None
    lines: Sequence[CreditLine] = ()
    refund_amount: int | None = None
    credit_amount: int | None = None
    out_of_band_amount: int | None = None
    reason: str | None = None
    memo: str | None = None

    def params(self) -> dict[str, Any]:
        """As Stripe takes it."""
        names = ("amount", "refund_amount", "credit_amount", "out_of_band_amount", "reason", "memo")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        lines = [_line(one) for one in self.lines]
        return {"invoice": self.invoice.stripe_id, **given, **({"lines": lines} if lines else {})}


def _line(one: CreditLine) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "invoice_line_item", "invoice_line_item": one.line.stripe_id}
    return found | ({"quantity": one.quantity} if one.quantity is not None else {"amount": one.amount})


def create_credit_note(
    *, merchant: Merchant, crediting: Crediting, metadata: Mapping[str, str] | None = None, key: str | None = None
) -> CreditNote:
    """Lowers the invoice. Of one that is not paid yet, first what is due; the rest goes where `crediting` says. Raises
    InvalidRequest for more than is left of the invoice, and for parts that do not add up."""
    about = {"metadata": dict(metadata or {})}
    note: CreditNote = execute(
        merchant=merchant,
        calls=lambda: [Call("credit_notes.create", {**_distributed(crediting), **about})],
        request=["credit_notes.create", {**crediting.params(), **about}],
        key=key,
        claim=f"credit {crediting.invoice.stripe_id}",  # two at once would each find the whole invoice left
    )[0]
    settle_all(merchant, [("refund", name) for name in note.refund_stripe_ids])
    _settle_customer(merchant, note)
    return note


def preview_of_credit_note(*, merchant: Merchant, crediting: Crediting) -> dict[str, Any]:
    """Stripe's credit note as it would be; nothing is kept of it. Refuses what `create_credit_note` refuses."""
    return preview_credit_note(merchant, _distributed(crediting))


def _distributed(crediting: Crediting) -> dict[str, Any]:
    """Stripe wants to be told where what was paid goes, also when that is plain."""
    params = crediting.params()
    told = {"refund_amount", "credit_amount", "out_of_band_amount"} & params.keys()
    if told or crediting.invoice.status != Invoice.Status.PAID or crediting.amount is None:
        return params
    return {**params, "refund_amount": crediting.amount}


def void_credit_note(*, merchant: Merchant, note: CreditNote, key: str | None = None) -> CreditNote:
    """Takes back a credit note that has only lowered what an open invoice asks for. Raises Conflict for a void one."""

    def check() -> None:
        if note.status == CreditNote.Status.VOID:
            raise Conflict("This credit note is void already.", code="credit_note_void", param="id")

    calls = [Call("credit_notes.void", {}, target=note.stripe_id)]
    voided: CreditNote = execute(merchant=merchant, calls=calls, key=key, check=check)[0]
    _settle_customer(merchant, voided)
    return voided


def _settle_customer(merchant: Merchant, note: CreditNote) -> None:
    with scope(merchant.id):
        invoice = Invoice.objects.for_merchant(merchant.id).get(id=note.invoice_id)
        customer = invoice.customer.stripe_id
    settle_around(merchant, invoice)
    settle_all(merchant, [("customer", customer)])
