"""Invoices: reading, and what can be done to them by hand."""

from typing import Any

from stripe_simulator.billing import invoices as engine
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, not_simulated
from stripe_simulator.lists import page, within
from stripe_simulator.params import LISTING, Flag, Range, Text
from stripe_simulator.rendering import Json, public, render
from stripe_simulator.resources.payment_methods import resolve
from stripe_simulator.work import Work

_STATUSES = ("draft", "open", "paid", "uncollectible", "void")


@endpoint("GET", "/v1/invoices/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """An invoice, with at most ten of its lines."""
    return render(work, work.get("invoice", id))


@endpoint("GET", "/v1/invoices/<id>/lines", LISTING)
def list_lines(work: Work, values: dict[str, Any], id: str) -> Json:
    """All lines of an invoice."""
    invoice = work.get("invoice", id)
    url = f"/v1/invoices/{id}/lines"
    return page(work, invoice["lines"]["data"], values, url, show=lambda _, line: public(line), ordered=True)


@endpoint("POST", "/v1/invoices/<id>/finalize", {"auto_advance": Flag()})
def finalize(work: Work, values: dict[str, Any], id: str) -> Json:
    """Open a draft; with ``auto_advance`` it is collected within about an hour."""
    invoice = work.get("invoice", id)
    engine.finalize(work, invoice)
    advance = values.get("auto_advance", invoice["auto_advance"])
    if invoice["status"] == "open":
        with work.edit(invoice):
            invoice["auto_advance"] = advance
            if advance and invoice["collection_method"] == "charge_automatically":
                at = work.now(invoice["_clock"]) + engine.DRAFT_SECONDS
                invoice |= {"next_payment_attempt": at, "_due": at}
    return render(work, invoice)


@endpoint(
    "POST",
    "/v1/invoices/<id>/pay",
    {
        "forgive": Flag(),
        "off_session": Flag(),
        "paid_out_of_band": Flag(),
        "payment_method": Text(),
        "source": Text(),
    },
)
def pay(work: Work, values: dict[str, Any], id: str) -> Json:
    """Collect now; 402 where the card declines."""
    invoice = work.get("invoice", id)
    if values.get("forgive"):
        raise not_simulated("forgiven invoices", "forgive")
    if invoice["status"] == "draft":
        engine.finalize(work, invoice)
        if invoice["status"] == "paid":
            return render(work, invoice)
    _require_open(invoice)
    if values.get("paid_out_of_band"):
        engine.mark_paid_elsewhere(work, invoice)
        return render(work, invoice)
    chosen = values.get("payment_method") or values.get("source")
    method = _method(work, invoice, chosen) if chosen else None
    decline = engine.attempt(work, invoice, method, by_hand=True)
    if decline is not None:
        raise engine.decline_error(work, invoice, decline)
    return render(work, invoice)


@endpoint("POST", "/v1/invoices/<id>/void")
def void(work: Work, values: dict[str, Any], id: str) -> Json:
    """Void an open invoice."""
    invoice = work.get("invoice", id)
    engine.void(work, invoice)
    return render(work, invoice)


@endpoint(
    "GET",
    "/v1/invoices",
    LISTING
    | {
        "collection_method": Text(),
        "created": Range(),
        "customer": Text(),
        "due_date": Range(),
        "status": Text(choices=_STATUSES),
        "subscription": Text(),
    },
)
def list_invoices(work: Work, values: dict[str, Any]) -> Json:
    """Invoices."""
    customer, subscription = values.get("customer"), values.get("subscription")
    if subscription is not None:
        found: Any = work.related("invoice", "subscription", subscription)
    elif customer is not None:
        found = work.related("invoice", "customer", customer)
    else:
        found = work.all("invoice")
    chosen = (
        invoice
        for invoice in found
        if customer in (None, invoice["customer"])
        and values.get("status") in (None, invoice["status"])
        and values.get("collection_method") in (None, invoice["collection_method"])
        and within(values.get("created"), invoice["created"])
        and within(values.get("due_date"), invoice["due_date"])
    )
    return page(work, chosen, values, "/v1/invoices")


def _require_open(invoice: Record) -> None:
    if invoice["status"] == "paid":
        raise invalid("Invoice is already paid")
    if invoice["status"] not in ("open", "uncollectible"):
        raise invalid(f"Invoices with status {invoice['status']} can't be paid.", None, "invoice_not_editable")


def _method(work: Work, invoice: Record, id: str) -> Record:
    method = resolve(work, id, "payment_method")
    if method["customer"] not in (None, invoice["customer"]):
        raise invalid("The payment method belongs to another customer.", "payment_method")
    return method
