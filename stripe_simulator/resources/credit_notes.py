"""Credit notes on finalised invoices."""

from typing import Any

from stripe_simulator.billing import credit_notes as engine
from stripe_simulator.billing import taxes
from stripe_simulator.endpoints import endpoint
from stripe_simulator.events import updating
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Hash,
    Integer,
    Metadata,
    Number,
    Range,
    Sequenced,
    Text,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render, render_note_line
from stripe_simulator.work import Work

_LINE: Fields = {
    "amount": Integer(),
    "description": Text(),
    "invoice_line_item": Text(),
    "metadata": Metadata(),
    "quantity": Integer(least=1),
    "tax_amounts": Sequenced(of=Hash(fields={"amount": Integer(), "tax_rate": Text(), "taxable_amount": Integer()})),
    "tax_rates": taxes.TAX_RATES,
    "type": Text(required=True, choices=("custom_line_item", "invoice_line_item")),
    "unit_amount": Integer(),
    "unit_amount_decimal": Number(),
}
_REFUND: Fields = {
    "amount_refunded": Integer(least=1),
    "refund": Text(required=True),
    "type": Text(choices=("refund",)),
}
_NOTE: Fields = {
    "amount": Integer(least=1),
    "credit_amount": Integer(least=0),
    "effective_at": Integer(),
    "email_type": Text(choices=("credit_note", "none")),
    "invoice": Text(required=True),
    "lines": Sequenced(of=Hash(fields=_LINE)),
    "memo": Text(),
    "metadata": Metadata(),
    "out_of_band_amount": Integer(least=0),
    "reason": Text(choices=("duplicate", "fraudulent", "order_change", "product_unsatisfactory")),
    "refund_amount": Integer(least=0),
    "refunds": Sequenced(of=Hash(fields=_REFUND)),
}


@endpoint("POST", "/v1/credit_notes", _NOTE)
def create(work: Work, values: dict[str, Any]) -> Json:
    """Issue a credit note; the money moves at once."""
    return _issue(work, values)


@endpoint("GET", "/v1/credit_notes/preview", _NOTE, dry=True)
def preview(work: Work, values: dict[str, Any]) -> Json:
    """What ``create`` would answer."""
    return _issue(work, values)


@endpoint("GET", "/v1/credit_notes/preview/lines", LISTING | _NOTE, dry=True)
def preview_lines(work: Work, values: dict[str, Any]) -> Json:
    """The lines that ``create`` would make."""
    lines = engine.issue(work, values)["lines"]["data"]
    return page(work, lines, values, "/v1/credit_notes/preview/lines", show=render_note_line, ordered=True)


@endpoint("GET", "/v1/credit_notes/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A credit note."""
    return render(work, work.get("credit_note", id))


@endpoint("GET", "/v1/credit_notes/<id>/lines", LISTING)
def list_lines(work: Work, values: dict[str, Any], id: str) -> Json:
    """All lines of a credit note."""
    lines = work.get("credit_note", id)["lines"]["data"]
    return page(work, lines, values, f"/v1/credit_notes/{id}/lines", show=render_note_line, ordered=True)


@endpoint("POST", "/v1/credit_notes/<id>", {"memo": Text(), "metadata": Metadata()})
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change what is said about it."""
    note = work.get("credit_note", id)
    with updating(work, note):
        if "memo" in values:
            note["memo"] = values["memo"]
        if "metadata" in values:
            note["metadata"] = merged_metadata(note["metadata"], values["metadata"])
    return render(work, note)


@endpoint("POST", "/v1/credit_notes/<id>/void")
def void(work: Work, values: dict[str, Any], id: str) -> Json:
    """Void the credit note of an open invoice."""
    note = work.get("credit_note", id)
    engine.void(work, note)
    return render(work, note)


@endpoint("GET", "/v1/credit_notes", LISTING | {"created": Range(), "customer": Text(), "invoice": Text()})
def list_notes(work: Work, values: dict[str, Any]) -> Json:
    """Credit notes, by invoice or by customer."""
    invoice, customer = values.get("invoice"), values.get("customer")
    if invoice is not None:
        found: Any = work.related("credit_note", "invoice", invoice)
    elif customer is not None:
        found = work.related("credit_note", "customer", customer)
    else:
        found = work.all("credit_note")
    chosen = [
        note
        for note in found
        if customer in (None, note["customer"]) and within(values.get("created"), note["created"])
    ]
    return page(work, chosen, values, "/v1/credit_notes")


def _issue(work: Work, values: dict[str, Any]) -> Json:
    return render(work, engine.issue(work, values))
