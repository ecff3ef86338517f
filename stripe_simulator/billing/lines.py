"""Invoice lines: what one subscription item, or one pending invoice item, puts on an invoice."""

from fractions import Fraction

from stripe_simulator.database import Record
from stripe_simulator.ids import new_id
from stripe_simulator.money import amount_of, readable, rounded
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

FREE = Fraction(0)


def item_amount(work: Work, item: Record) -> Fraction:
    """What an item costs for one whole period, in minor units, before rounding; metered ones are billed after it."""
    price = work.get("price", item["price"])
    return Fraction(0) if price["recurring"]["usage_type"] == "metered" else amount_of(price, item["quantity"])


def period_line(work: Work, subscription: Record, item: Record, *, free: bool = False) -> Json:
    """The line for an item's current period; free during a trial."""
    price = work.get("price", item["price"])
    quantity = item["quantity"] or 0  # a metered item has none
    amount = 0 if free else rounded(item_amount(work, item))
    name = work.get("product", price["product"])["name"]
    description = f"Trial period for {name}" if free else f"{quantity} × {name}{rate(price)}"
    line = base_line(price, quantity, amount, description)
    if free:
        line["pricing"]["unit_amount_decimal"] = "0"
    line["discounts"] = list(item["discounts"])
    line["_tax_rates"] = list(item["tax_rates"])
    line["metadata"] = dict(subscription["metadata"])
    line["period"] = {"start": item["current_period_start"], "end": item["current_period_end"]}
    line["subscription"] = subscription["id"]
    line["parent"] = {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription["id"],
            "subscription_item": item["id"],
        },
        "type": "subscription_item_details",
    }
    return line


def pending_line(pending: Record) -> Json:
    """The line that a pending invoice item becomes."""
    line = base_line(None, pending["quantity"], pending["amount"], pending["description"])
    line["currency"] = pending["currency"]
    line["pricing"] = pending["pricing"]
    line["period"] = dict(pending["period"])
    line["metadata"] = dict(pending["metadata"])
    line["discountable"] = pending["discountable"]
    line["discounts"] = list(pending["discounts"])
    line["_tax_rates"] = list(pending["tax_rates"])
    line["_invoice_item"] = pending["id"]
    details = (pending["parent"] or {}).get("subscription_details")
    line["subscription"] = details["subscription"] if details else None
    if details is None or details["subscription_item"] is None:
        line["parent"] = {
            "invoice_item_details": {
                "invoice_item": pending["id"],
                "proration": pending["proration"],
                "proration_details": {"credited_items": None},
                "subscription": line["subscription"],
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        }
    else:
        line["parent"] = {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": pending["id"],
                "proration": pending["proration"],
                "proration_details": {"credited_items": _credited(pending)},
                "subscription": details["subscription"],
                "subscription_item": details["subscription_item"],
            },
            "type": "subscription_item_details",
        }
    return line


def _credited(pending: Record) -> Json | None:
    """The lines that a credit gives a share of back."""
    found = ((pending["proration_details"] or {}).get("credited_items") or {}).get("invoice_line_item_details")
    return None if found is None else dict(found)


def remember_billed(subscription: Record, invoice: Record) -> None:
    """Keep on each item what this invoice bills for its period: a later credit gives back a share of that."""
    items = {item["id"]: item for item in subscription["items"]["data"]}
    for line in invoice["lines"]["data"]:
        details = (line["parent"] or {}).get("subscription_item_details")
        item = items.get(details["subscription_item"]) if details else None
        if details is None or item is None or "_usage" in line:
            continue
        source = {"invoice": invoice["id"], "invoice_line_items": [line["id"]]}
        if "_invoice_item" not in line:
            net = line["amount"] - sum(entry["amount"] for entry in line["discount_amounts"])
            item["_billed"] = {"gross": line["amount"], "net": net, **line["period"], "source": source}
        elif item.get("_billed", {}).get("item") == line["_invoice_item"]:
            item["_billed"]["source"] = source


def base_line(price: Record | None, quantity: int, amount: int, description: str | None) -> Json:
    """What all lines have in common."""
    pricing = None
    if price is not None:
        pricing = {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        }
    return {
        "id": new_id("line_item"),
        "object": "line_item",
        "amount": amount,
        "currency": price["currency"] if price else "",
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "parent": None,
        "period": {"start": 0, "end": 0},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": None,
        "subtotal": amount,
        "taxes": [],
    }


def rate(price: Record) -> str:
    """What a period costs, as the end of a description."""
    recurring = price["recurring"]
    count = recurring["interval_count"]
    every = recurring["interval"] if count == 1 else f"{count} {recurring['interval']}s"
    if price["unit_amount"] is None:
        return f" (per {every})"
    return f" (at {readable(price['unit_amount'], price['currency'])} / {every})"
