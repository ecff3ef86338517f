"""Lines of a draft, added, changed and removed in one request. Each of them is an invoice item behind."""

from typing import Any

from stripe_simulator.billing import drafts
from stripe_simulator.billing import invoice_items as engine
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, not_found, not_simulated
from stripe_simulator.events import emit, updating
from stripe_simulator.params import Fields, Hash, Integer, Metadata, Sequenced, Text, merged_metadata
from stripe_simulator.rendering import Json, public, render
from stripe_simulator.resources.invoice_items import FIELDS, apply, change, check_simulated
from stripe_simulator.work import Work

_TAX_AMOUNTS = Sequenced(of=Hash(fields={"amount": Integer(), "taxable_amount": Integer()}))
_NOT_OF_LINES = ("tax_behavior", "tax_code", "unit_amount_decimal")
_LINE: Fields = {name: param for name, param in FIELDS.items() if name not in _NOT_OF_LINES} | {
    "tax_amounts": _TAX_AMOUNTS
}
_ADDED = Sequenced(of=Hash(fields=_LINE | {"invoice_item": Text()}), required=True, most=250)
_CHANGED = Sequenced(of=Hash(fields=_LINE | {"id": Text(required=True)}), required=True, most=250)
_REMOVED_LINE: Fields = {
    "behavior": Text(required=True, choices=("delete", "unassign")),
    "id": Text(required=True),
}
_REMOVED = Sequenced(of=Hash(fields=_REMOVED_LINE), required=True, most=250)


@endpoint("POST", "/v1/invoices/<id>/add_lines", {"invoice_metadata": Metadata(), "lines": _ADDED})
def add_lines(work: Work, values: dict[str, Any], id: str) -> Json:
    """Put pending items, or new ones, on a draft."""
    invoice = _draft(work, id, values)
    customer = work.get("customer", invoice["customer"])
    for index, sent in enumerate(values["lines"]):
        if sent.get("invoice_item"):
            item = work.get("invoiceitem", sent["invoice_item"], f"lines[{index}][invoice_item]")
            _check_pending(invoice, item, f"lines[{index}][invoice_item]")
        else:
            _check(sent)
            item = engine.add(work, customer, {**sent, "currency": invoice["currency"]}, f"lines[{index}]")
            apply(work, item, sent)
            engine.announce(work, item)
        drafts.put(work, invoice, item)
    return render(work, invoice)


@endpoint("POST", "/v1/invoices/<id>/update_lines", {"invoice_metadata": Metadata(), "lines": _CHANGED})
def update_lines(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change some lines of a draft."""
    invoice = _draft(work, id, values)
    for sent in values["lines"]:
        _change(work, invoice, sent["id"], {name: value for name, value in sent.items() if name != "id"})
    return render(work, invoice)


@endpoint("POST", "/v1/invoices/<id>/remove_lines", {"invoice_metadata": Metadata(), "lines": _REMOVED})
def remove_lines(work: Work, values: dict[str, Any], id: str) -> Json:
    """Take lines off a draft; their items are deleted, or pending again."""
    invoice = _draft(work, id, values)
    for sent in values["lines"]:
        item = _item(work, _line(invoice, sent["id"]))
        drafts.take_off(work, invoice, item)
        if sent["behavior"] == "delete":
            work.delete(item)
            emit(work, "invoiceitem.deleted", item)
    return render(work, invoice)


@endpoint("POST", "/v1/invoices/<id>/lines/<line>", _LINE)
def update_line(work: Work, values: dict[str, Any], id: str, line: str) -> Json:
    """Change one line of a draft."""
    invoice = _draft(work, id, {})
    _change(work, invoice, line, values)
    shown: Json = public(_line(invoice, line))
    return shown


def _draft(work: Work, id: str, values: dict[str, Any]) -> Record:
    invoice = work.get("invoice", id)
    drafts.require_draft(invoice)
    if "invoice_metadata" in values:
        with updating(work, invoice):
            invoice["metadata"] = merged_metadata(invoice["metadata"] or {}, values["invoice_metadata"])
    return invoice


def _change(work: Work, invoice: Record, line: str, sent: dict[str, Any]) -> None:
    _check(sent)
    item = _item(work, _line(invoice, line))
    with work.edit(item):
        change(work, item, sent)
        apply(work, item, sent)
    drafts.refresh(work, invoice, item)


def _check(sent: dict[str, Any]) -> None:
    check_simulated(sent)
    if "tax_amounts" in sent:
        raise not_simulated("tax amounts of one's own on lines", "tax_amounts")


def _check_pending(invoice: Record, item: Record, param: str) -> None:
    if item["invoice"] is not None or item["customer"] != invoice["customer"]:
        raise invalid("The invoice item is not a pending one of the invoice's customer.", param)
    if item["currency"] != invoice["currency"]:
        raise invalid("The currency of the item must be that of the invoice.", param)


def _line(invoice: Record, id: str) -> Json:
    for line in invoice["lines"]["data"]:
        if line["id"] == id:
            return dict(line)
    raise not_found("invoice line item", id, "id")


def _item(work: Work, line: Json) -> Record:
    item = work.find("invoiceitem", line.get("_invoice_item"))
    if item is None:
        raise not_simulated("changes by hand to the lines of a subscription's period", "lines")
    return item
