"""Invoices made by hand: drafts of pending invoice items, changed, sent, written off or deleted."""

from typing import Any

from stripe_simulator.billing import discounts, drafts, invoice_items, taxes
from stripe_simulator.billing import invoices as engine
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid
from stripe_simulator.events import emit, updating
from stripe_simulator.params import Fields, Flag, Hash, Integer, Metadata, Sequenced, Text, merged_metadata
from stripe_simulator.rendering import Json, render
from stripe_simulator.resources.payment_methods import resolve
from stripe_simulator.work import Work

_DAY = 86_400  # seconds
_METHODS = ("charge_automatically", "send_invoice")
_CUSTOM = Sequenced(of=Hash(fields={"name": Text(required=True), "value": Text(required=True)}), most=4)
_FIELDS: Fields = {
    "account_tax_ids": Sequenced(of=Text(required=True)),
    "auto_advance": Flag(),
    "collection_method": Text(choices=_METHODS),
    "custom_fields": _CUSTOM,
    "days_until_due": Integer(least=0),
    "default_payment_method": Text(),
    "default_tax_rates": taxes.TAX_RATES,
    "description": Text(longest=1500),
    "discounts": discounts.DISCOUNTS,
    "due_date": Integer(),
    "effective_at": Integer(clearable=True),
    "footer": Text(),
    "metadata": Metadata(),
    "number": Text(longest=26),
    "statement_descriptor": Text(longest=22),
}
_ALWAYS = {"auto_advance", "metadata"}  # may change on a finalised invoice too


@endpoint(
    "POST",
    "/v1/invoices",
    _FIELDS
    | {
        "currency": Text(longest=3),
        "customer": Text(required=True),
        "pending_invoice_items_behavior": Text(choices=("exclude", "include")),
        "subscription": Text(),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A draft; empty, or with the customer's pending items where asked."""
    customer = work.get("customer", values["customer"], "customer")
    subscription = _subscription(work, customer, values)
    method = values.get("collection_method", "charge_automatically")
    currency = str(values.get("currency") or customer["currency"] or "usd").lower()
    taken = _pending(work, customer, values, currency, subscription)
    body = {"default_tax_rates": taxes.check_rates(work, values.get("default_tax_rates", []), "default_tax_rates")}
    body["discounts"] = _inherited(work, customer, subscription) if "discounts" not in values else []
    terms: Json = {
        "auto_advance": values.get("auto_advance", False),
        "body": body | _parent(subscription),
        "collection_method": method,
        "currency": currency,
        "days_until_due": None,
        "subscription": subscription["id"] if subscription else None,
    }
    invoice = engine.create_by_hand(work, customer, terms, taken)
    _set(work, invoice, values)
    if values.get("discounts"):
        _redeem(work, invoice, values["discounts"])
    engine.announce(work, invoice)
    if invoice["auto_advance"]:
        engine.leave_draft(work, invoice)
    return render(work, invoice)


@endpoint("POST", "/v1/invoices/<id>", _FIELDS)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change a draft; of a finalised invoice only what is not money."""
    invoice = work.get("invoice", id)
    if invoice["status"] != "draft" and set(values) - _ALWAYS:
        raise invalid("Finalized invoices can't be updated in this way", None, "invoice_not_editable")
    with updating(work, invoice):
        _set(work, invoice, values)
        if "default_tax_rates" in values:
            rates = taxes.check_rates(work, values["default_tax_rates"], "default_tax_rates")
            invoice["default_tax_rates"] = rates
        if values.get("auto_advance") is False:
            invoice |= {"automatically_finalizes_at": None, "next_payment_attempt": None, "_due": None}
        if "discounts" in values:
            _redeem(work, invoice, values["discounts"])
        elif invoice["status"] == "draft":
            with drafts.reckoning(work, invoice):
                pass
    if values.get("auto_advance") and invoice["status"] == "draft":
        engine.leave_draft(work, invoice)
    return render(work, invoice)


@endpoint("DELETE", "/v1/invoices/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Delete a draft made by hand, with its invoice items."""
    invoice = work.get("invoice", id)
    drafts.require_draft(invoice)
    if invoice["billing_reason"] != "manual":
        raise invalid("You can only delete one-off invoices; those of subscriptions can be voided.")
    for item in work.related("invoiceitem", "invoice", id):
        work.delete(item)
        emit(work, "invoiceitem.deleted", item)
    work.delete(invoice)
    emit(work, "invoice.deleted", invoice)
    return {"id": id, "object": "invoice", "deleted": True}


@endpoint("POST", "/v1/invoices/<id>/send")
def send(work: Work, values: dict[str, Any], id: str) -> Json:
    """Send by mail, which nobody gets; a draft is finalised first."""
    invoice = work.get("invoice", id)
    if invoice["collection_method"] != "send_invoice":
        raise invalid("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if invoice["status"] == "draft":
        engine.finalize(work, invoice)
    elif invoice["status"] not in ("open", "paid", "uncollectible"):
        raise invalid(f"Invoices with status {invoice['status']} can't be sent.", None, "invoice_not_editable")
    emit(work, "invoice.sent", invoice)
    return render(work, invoice)


@endpoint("POST", "/v1/invoices/<id>/mark_uncollectible")
def mark_uncollectible(work: Work, values: dict[str, Any], id: str) -> Json:
    """Write an open invoice off; it can still be paid, or voided."""
    invoice = work.get("invoice", id)
    engine.mark_uncollectible(work, invoice)
    return render(work, invoice)


def _set(work: Work, invoice: Record, values: dict[str, Any]) -> None:
    for name in (
        "auto_advance", "collection_method", "custom_fields", "description", "effective_at", "footer", "number",
        "statement_descriptor",
    ):  # fmt: skip
        if name in values:
            invoice[name] = values[name]
    if "account_tax_ids" in values:
        invoice["account_tax_ids"] = _account_tax_ids(work, values["account_tax_ids"])
    if "metadata" in values:
        invoice["metadata"] = merged_metadata(invoice["metadata"] or {}, values["metadata"])
    if "default_payment_method" in values:
        invoice["default_payment_method"] = _method(work, invoice, values["default_payment_method"])
    invoice["due_date"] = _due_date(work, invoice, values)


def _account_tax_ids(work: Work, ids: list[str]) -> list[str] | None:
    for position, id in enumerate(ids):
        if work.get("tax_id", id, f"account_tax_ids[{position}]")["customer"] is not None:
            raise invalid("The tax id must be the account's own.", f"account_tax_ids[{position}]")
    return ids or None


def _due_date(work: Work, invoice: Record, values: dict[str, Any]) -> int | None:
    days, date = values.get("days_until_due"), values.get("due_date")
    if invoice["collection_method"] == "charge_automatically":
        if days is not None or date is not None:
            raise invalid("You can only set a due date where `collection_method` is `send_invoice`.", "due_date")
        return None
    if days is not None and date is not None:
        raise invalid("You may only specify one of these parameters: days_until_due, due_date.", "due_date")
    now = work.now(invoice["_clock"])
    if date is not None and date < now:
        raise invalid("Invalid due_date: must be in the future.", "due_date")
    return date or (invoice["due_date"] if days is None else None) or int(invoice["created"] + _DAY * _days(days))


def _days(days: int | None) -> int:
    return 30 if days is None else days


def _method(work: Work, invoice: Record, id: str | None) -> str | None:
    if id is None:
        return None
    method = resolve(work, id, "default_payment_method")
    if method["customer"] != invoice["customer"]:
        raise invalid("The payment method is not attached to the customer.", "default_payment_method")
    return str(method["id"])


def _redeem(work: Work, invoice: Record, sent: list[dict[str, Any]]) -> None:
    customer = work.get("customer", invoice["customer"])
    with drafts.reckoning(work, invoice):
        invoice["discounts"] = discounts.redeem(
            work, customer, sent, currency=invoice["currency"], amount=invoice["subtotal"], invoice=invoice["id"]
        )


def _subscription(work: Work, customer: Record, values: dict[str, Any]) -> Record | None:
    if not values.get("subscription"):
        return None
    subscription = work.get("subscription", values["subscription"], "subscription")
    if subscription["customer"] != customer["id"]:
        raise invalid("The subscription belongs to another customer.", "subscription")
    return subscription


def _pending(
    work: Work, customer: Record, values: dict[str, Any], currency: str, subscription: Record | None
) -> list[Record]:
    wanted = values.get("pending_invoice_items_behavior", "include" if subscription else "exclude")
    if wanted == "exclude":
        return []
    if subscription is not None:
        return [item for item in invoice_items.waiting(work, subscription) if item["_subscription"] is not None]
    return [item for item in invoice_items.pending(work, customer["id"]) if item["currency"] == currency]


def _inherited(work: Work, customer: Record, subscription: Record | None) -> list[str]:
    source = subscription or {"discounts": []}
    return discounts.of_subscription(work, source, customer)


def _parent(subscription: Record | None) -> Json:
    if subscription is None:
        return {}
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"parent": {"quote_details": None, "subscription_details": details, "type": "subscription_details"}}
