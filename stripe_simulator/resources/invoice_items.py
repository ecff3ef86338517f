"""Invoice items: amounts put on a draft, or left waiting for the customer's next invoice."""

from typing import Any

from stripe_simulator.billing import discounts, drafts, taxes
from stripe_simulator.billing import invoice_items as engine
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, missing_param, not_simulated
from stripe_simulator.events import emit
from stripe_simulator.lists import page, within
from stripe_simulator.params import (
    LISTING,
    Fields,
    Flag,
    Hash,
    Integer,
    Metadata,
    Number,
    Range,
    Text,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

PERIOD = Hash(fields={"end": Integer(required=True), "start": Integer(required=True)})
PRICE_DATA = Hash(
    fields={
        "currency": Text(required=True),
        "product": Text(required=True),
        "tax_behavior": Text(),
        "unit_amount": Integer(),
        "unit_amount_decimal": Number(),
    }
)
FIELDS: Fields = {
    "amount": Integer(),
    "description": Text(),
    "discountable": Flag(),
    "discounts": discounts.DISCOUNTS,
    "metadata": Metadata(),
    "period": PERIOD,
    "price_data": PRICE_DATA,
    "pricing": Hash(fields={"price": Text(required=True)}),
    "quantity": Integer(least=0),
    "quantity_decimal": Number(),
    "tax_behavior": Text(),
    "tax_code": Text(),
    "tax_rates": taxes.TAX_RATES,
    "unit_amount_decimal": Number(),
}
_PRICED = ("amount", "price_data", "pricing", "quantity", "unit_amount_decimal")


@endpoint(
    "POST",
    "/v1/invoiceitems",
    FIELDS | {"currency": Text(longest=3), "customer": Text(), "invoice": Text(), "subscription": Text()},
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """An item, on the draft that is named or pending."""
    check_simulated(values)
    draft = work.get("invoice", values["invoice"], "invoice") if values.get("invoice") else None
    owner = values.get("customer") or (draft or {}).get("customer")
    if owner is None:
        raise missing_param("customer")
    customer = work.get("customer", owner, "customer")
    _check_belonging(work, customer, draft, values)
    item = engine.add(work, customer, values)
    apply(work, item, values)
    if draft is not None:
        drafts.put(work, draft, item)
    engine.announce(work, item)
    return render(work, item)


@endpoint("GET", "/v1/invoiceitems/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """An item."""
    return render(work, work.get("invoiceitem", id))


@endpoint("POST", "/v1/invoiceitems/<id>", FIELDS)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change an item that no finalised invoice holds."""
    check_simulated(values)
    item = work.get("invoiceitem", id)
    draft = drafts.holding(work, item)
    with work.edit(item):
        change(work, item, values)
        apply(work, item, values)
    if draft is not None:
        drafts.refresh(work, draft, item)
    return render(work, item)


@endpoint("DELETE", "/v1/invoiceitems/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Delete an item, and its line on a draft."""
    item = work.get("invoiceitem", id)
    draft = drafts.holding(work, item)
    if draft is not None:
        drafts.take_off(work, draft, item)
    work.delete(item)
    emit(work, "invoiceitem.deleted", item)
    return {"id": id, "object": "invoiceitem", "deleted": True}


@endpoint(
    "GET",
    "/v1/invoiceitems",
    LISTING | {"created": Range(), "customer": Text(), "invoice": Text(), "pending": Flag()},
)
def list_items(work: Work, values: dict[str, Any]) -> Json:
    """Items; ``pending`` tells those on no invoice from the others."""
    customer, invoice = values.get("customer"), values.get("invoice")
    if invoice is not None:
        found: Any = work.related("invoiceitem", "invoice", invoice)
    elif customer is not None:
        found = work.related("invoiceitem", "customer", customer)
    else:
        found = work.all("invoiceitem")
    chosen = [
        item
        for item in found
        if customer in (None, item["customer"])
        and values.get("pending") in (None, item["invoice"] is None)
        and within(values.get("created"), item["date"])
    ]
    chosen.sort(key=lambda item: (item["date"], item["id"]), reverse=True)
    return page(work, chosen, values, "/v1/invoiceitems", ordered=True)


def check_simulated(values: dict[str, Any]) -> None:
    """A StripeError for what would be calculated by Stripe Tax, and for fractions of a quantity."""
    for name in ("quantity_decimal", "tax_behavior", "tax_code"):
        if values.get(name) is not None:
            raise not_simulated(f"{name} of invoice items", name)


def apply(work: Work, item: Record, values: dict[str, Any]) -> None:
    """Discounts and tax rates of an item (within an ``edit`` block)."""
    if "tax_rates" in values:
        item["tax_rates"] = taxes.check_rates(work, values["tax_rates"], "tax_rates")
    if "discounts" in values:
        customer = work.get("customer", item["customer"])
        terms: dict[str, Any] = {"currency": item["currency"], "amount": item["amount"], "invoice_item": item["id"]}
        item["discounts"] = discounts.redeem(work, customer, values["discounts"], **terms)


def change(work: Work, item: Record, values: dict[str, Any]) -> None:
    """Set what was sent, but for discounts and tax rates (within an ``edit`` block)."""
    for name in ("description", "discountable", "period"):
        if name in values:
            item[name] = values[name]
    if "metadata" in values:
        item["metadata"] = merged_metadata(item["metadata"], values["metadata"])
    if not any(name in values for name in _PRICED):
        return
    if item["proration"]:
        raise invalid("You cannot change the price or the quantity of a proration.", "amount")
    if "quantity" in values and not any(name in values for name in _PRICED if name != "quantity"):
        values = values | _unit_of(item)
    customer = work.get("customer", item["customer"])
    item |= engine.priced(work, customer, {"quantity": item["quantity"], "currency": item["currency"]} | values)


def _unit_of(item: Record) -> dict[str, Any]:
    details = item["pricing"]["price_details"]
    if details is not None:
        return {"price": details["price"]}
    return {"unit_amount_decimal": Number().read(item["pricing"]["unit_amount_decimal"], "unit_amount_decimal")}


def _check_belonging(work: Work, customer: Record, draft: Record | None, values: dict[str, Any]) -> None:
    if draft is not None:
        drafts.require_draft(draft)
        if draft["customer"] != customer["id"]:
            raise invalid("The invoice belongs to another customer.", "invoice")
        if values.setdefault("currency", draft["currency"]) != draft["currency"]:
            raise invalid("The currency of the item must be that of the invoice.", "currency")
    if values.get("subscription"):
        subscription = work.get("subscription", values["subscription"], "subscription")
        if subscription["customer"] != customer["id"]:
            raise invalid("The subscription belongs to another customer.", "subscription")
