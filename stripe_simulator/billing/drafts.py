"""Changing a draft: its lines come and go, and everything is reckoned anew."""

from collections.abc import Iterator
from contextlib import contextmanager

from stripe_simulator.billing import discounts, lines, totals
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.events import updating
from stripe_simulator.work import Work


def require_draft(invoice: Record) -> None:
    """A StripeError where the invoice is finalised."""
    if invoice["status"] != "draft":
        raise invalid(
            f"You can only change drafts. This invoice's status is {invoice['status']}.", None, "invoice_not_editable"
        )


@contextmanager
def changing(work: Work, invoice: Record) -> Iterator[Record]:
    """Change a draft within the block; it is reckoned anew, and ``invoice.updated`` follows."""
    with updating(work, invoice), reckoning(work, invoice):
        yield invoice


@contextmanager
def reckoning(work: Work, invoice: Record) -> Iterator[Record]:
    """The same without an event, where another block sends it."""
    require_draft(invoice)
    yield invoice
    totals.reckon(work, invoice)
    discounts.use_up(work, invoice)


def holding(work: Work, item: Record) -> Record | None:
    """The draft that an invoice item is on; a StripeError where that invoice is finalised."""
    invoice = work.find("invoice", item["invoice"])
    if invoice is not None:
        require_draft(invoice)
    return invoice


def put(work: Work, invoice: Record, item: Record) -> None:
    """Add an invoice item's line."""
    with changing(work, invoice), work.edit(item):
        item["invoice"] = invoice["id"]
        invoice["lines"]["data"].append(lines.pending_line(item) | {"invoice": invoice["id"]})


def refresh(work: Work, invoice: Record, item: Record) -> None:
    """Draw an item's line anew; it keeps its id and its place."""
    with changing(work, invoice):
        data = invoice["lines"]["data"]
        for position, line in enumerate(data):
            if line.get("_invoice_item") == item["id"]:
                data[position] = lines.pending_line(item) | {"id": line["id"], "invoice": invoice["id"]}


def take_off(work: Work, invoice: Record, item: Record) -> None:
    """Remove an item's line; the item is pending again."""
    with changing(work, invoice), work.edit(item):
        item["invoice"] = None
        invoice["lines"]["data"] = [
            line for line in invoice["lines"]["data"] if line.get("_invoice_item") != item["id"]
        ]
