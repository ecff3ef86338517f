"""Invoice items: amounts that wait for an invoice, or were put on a draft."""

from fractions import Fraction
from typing import Any

from stripe_simulator import catalog
from stripe_simulator.billing import standing
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, missing_param
from stripe_simulator.events import emit
from stripe_simulator.money import amount_of, decimal_text, rounded
from stripe_simulator.params import merged_metadata
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work


def waiting(work: Work, subscription: Record) -> list[Record]:
    """The pending items that the next invoice of a subscription takes: its own, and those of no other one."""
    return [
        item
        for item in pending(work, subscription["customer"])
        if item["currency"] == subscription["currency"] and _free_for(work, item, subscription)
    ]


def pending(work: Work, customer: str) -> list[Record]:
    """A customer's items that are on no invoice yet, oldest first."""
    return [item for item in work.related("invoiceitem", "customer", customer) if item["invoice"] is None]


def _free_for(work: Work, item: Record, subscription: Record) -> bool:
    if item["_subscription"] in (None, subscription["id"]):
        return True
    other = work.find("subscription", item["_subscription"])
    return other is None or other["status"] in standing.ENDED


def add(work: Work, customer: Record, values: dict[str, Any], prefix: str = "") -> Record:
    """A pending item of these parameters, announced. Discounts, tax rates and an invoice come afterwards."""
    now = work.now(customer["_clock"])
    subscription = values.get("subscription")
    period = values.get("period") or {"start": now, "end": now}
    if period["end"] < period["start"]:
        raise invalid("The period's end must not be before its start.", "period[end]")
    body: Record = {
        "customer": customer["id"],
        "customer_account": None,
        "date": now,
        "description": values.get("description"),
        "discountable": values.get("discountable", True),
        "discounts": [],
        "invoice": None,
        "metadata": merged_metadata({}, values.get("metadata") or {}),
        "net_amount": None,
        "parent": _parent(subscription),
        "period": dict(period),
        "proration": False,
        "proration_details": None,
        "tax_rates": [],
        "test_clock": customer["test_clock"],
    }
    body |= priced(work, customer, values, prefix)
    if body["discountable"] and body["amount"] < 0:
        body["discountable"] = bool(values.get("discountable", False))
    return work.insert("invoiceitem", body, clock=customer["_clock"], subscription=subscription)


def announce(work: Work, item: Record) -> None:
    """Say that it was made."""
    emit(work, "invoiceitem.created", item)


def priced(work: Work, customer: Record, values: dict[str, Any], prefix: str = "") -> Json:
    """Amount, currency, pricing and quantity of what was sent: an amount, a unit amount, or a one-off price."""
    quantity = values.get("quantity", 1)
    price = _price(work, values, prefix)
    if price is not None:
        amount, unit = rounded(amount_of(price, quantity)), price["unit_amount_decimal"]
        details: Json | None = {"price": price["id"], "product": price["product"]}
    elif values.get("unit_amount_decimal") is not None:
        exact = values["unit_amount_decimal"]
        amount, unit, details = rounded(Fraction(exact) * quantity), decimal_text(exact), None
    elif values.get("amount") is not None:
        amount, unit, details = values["amount"], decimal_text(values["amount"]), None
        quantity = 1
    else:
        raise missing_param(f"{prefix}[amount]" if prefix else "amount")
    return {
        "amount": amount,
        "currency": _currency(customer, values, price),
        "pricing": {"price_details": details, "type": "price_details", "unit_amount_decimal": unit},
        "quantity": quantity,
        "quantity_decimal": str(quantity),
    }


def _price(work: Work, values: dict[str, Any], prefix: str) -> Record | None:
    name = f"{prefix}[pricing]" if prefix else "pricing"
    if values.get("price_data"):
        return catalog.add_price(work, values["price_data"] | {"active": False}, "price_data")
    id = (values.get("pricing") or {}).get("price") or values.get("price")
    if id is None:
        return None
    price = work.get("price", id, f"{name}[price]")
    if not price["active"]:
        raise invalid("The price specified is inactive. This field only accepts active prices.", f"{name}[price]")
    if price["recurring"] is not None:
        raise invalid(
            "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`.",
            f"{name}[price]",
        )
    return price


def _currency(customer: Record, values: dict[str, Any], price: Record | None) -> str:
    currency = str(values.get("currency") or (price or {}).get("currency") or customer["currency"] or "usd").lower()
    if price is not None and price["currency"] != currency:
        raise invalid("The currency must match that of the price.", "currency")
    if customer["currency"] not in (None, currency):
        raise invalid(
            "You cannot combine currencies on a single customer. This customer has had a subscription, "
            f"coupon, or invoice item with currency {customer['currency']}.",
            "currency",
        )
    return currency


def _parent(subscription: str | None) -> Json | None:
    if subscription is None:
        return None
    details = {"subscription": subscription, "subscription_item": None}
    return {"subscription_details": details, "type": "subscription_details"}
