"""What a Checkout session sells, and what it comes to: prices, discounts, taxes."""

from typing import Any

from stripe_simulator import catalog
from stripe_simulator.billing import discounts, redemption, taxes
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, missing_param, not_simulated
from stripe_simulator.ids import new_id
from stripe_simulator.money import amount_of, rounded
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

STRANGER: Record = {"id": "", "_clock": None, "tax_exempt": "none"}  # a buyer who is not a customer yet


def read(work: Work, sent: list[dict[str, Any]], mode: str) -> list[Json]:
    """Line items as sent, with their prices made where ``price_data`` describes them."""
    made = [_read(work, entry, mode, f"line_items[{position}]") for position, entry in enumerate(sent)]
    currencies = {work.get("price", line["price"])["currency"] for line in made}
    if len(currencies) > 1:
        raise invalid("All prices on a Checkout session must have the same currency.", "line_items")
    return made


def _read(work: Work, entry: dict[str, Any], mode: str, param: str) -> Json:
    price = _price(work, entry, param)
    if mode == "payment" and price["recurring"] is not None:
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            f"{param}[price]",
        )
    if mode == "subscription" and price["recurring"] is None:
        raise not_simulated("one-time prices in subscription mode", f"{param}[price]")
    metered = (price["recurring"] or {}).get("usage_type") == "metered"
    if not metered and entry.get("quantity") is None:
        raise missing_param(f"{param}[quantity]")
    return {
        "id": new_id("item"),
        "metadata": entry.get("metadata") or {},
        "price": price["id"],
        "quantity": None if metered else entry["quantity"],
        "tax_rates": taxes.check_rates(work, entry.get("tax_rates") or [], f"{param}[tax_rates]"),
    }


def _price(work: Work, entry: dict[str, Any], param: str) -> Record:
    if entry.get("price_data"):
        values = dict(entry["price_data"])
        if not values.get("product"):
            if not values.get("product_data"):
                raise missing_param(f"{param}[price_data][product]")
            values["product"] = catalog.add_product(work, values.pop("product_data"))["id"]
        return catalog.add_price(work, values | {"active": False}, f"{param}[price_data]")
    if not entry.get("price"):
        raise missing_param(f"{param}[price]")
    price = work.get("price", entry["price"], f"{param}[price]")
    if not price["active"]:
        raise invalid("The price specified is inactive. This field only accepts active prices.", f"{param}[price]")
    return price


def coupon_of(work: Work, session: Record) -> tuple[Record | None, Record | None]:
    """The coupon that the session has, and the promotion code that led to it."""
    if not session["_reductions"]:
        return None, None
    customer = work.find("customer", session["customer"]) or STRANGER
    given = session["_reductions"][0]
    amount = sum(_amount(work, line) for line in session["_lines"])
    return redemption.claim(work, customer, given, "discounts[0]", currency=session["currency"], amount=amount)


def shown(work: Work, session: Record) -> list[Json]:
    """The line items as the API shows them."""
    lines = [_pending(work, session, line) for line in session["_lines"]]
    left = [line["amount"] for line in lines]
    coupon, _ = coupon_of(work, session)
    if coupon is not None and lines:
        discounts.take(_as_discount(coupon), lines, left, range(len(lines)), session["currency"])
    customer = work.find("customer", session["customer"]) or STRANGER
    return [
        _item(work, sold, line["amount"], net, customer["tax_exempt"])
        for sold, line, net in zip(session["_lines"], lines, left, strict=True)
    ]


def total(work: Work, session: Record) -> Json:
    """The sums that a session shows."""
    items = shown(work, session)
    sums = {
        name: sum(int(item[name]) for item in items)
        for name in ("amount_subtotal", "amount_total", "amount_discount", "amount_tax")
    }
    return {
        "amount_subtotal": sums["amount_subtotal"],
        "amount_total": sums["amount_total"],
        "total_details": {
            "amount_discount": sums["amount_discount"],
            "amount_shipping": 0,
            "amount_tax": sums["amount_tax"],
        },
    }


def _amount(work: Work, line: Json) -> int:
    return rounded(amount_of(work.get("price", line["price"]), line["quantity"] or 0))


def _pending(work: Work, session: Record, line: Json) -> Json:
    price = work.get("price", line["price"])
    free = bool(
        session["_subscription_values"].get("trial_period_days") or session["_subscription_values"].get("trial_end")
    )
    return {
        "amount": 0 if free else _amount(work, line),
        "discount_amounts": [],
        "discountable": True,
        "pretax_credit_amounts": [],
        "pricing": {"price_details": {"price": price["id"], "product": price["product"]}},
    }


def _as_discount(coupon: Record) -> Record:
    terms = {name: coupon[name] for name in ("amount_off", "currency", "duration", "percent_off")}
    terms |= {"currency_options": dict(coupon["_currency_options"]), "products": coupon["_products"]}
    return {"id": coupon["id"], "_terms": terms}


def _item(work: Work, sold: Json, amount: int, net: int, exemption: str) -> Json:
    price = work.get("price", sold["price"])
    charged = taxes.taxes_on(net, [work.get("tax_rate", id) for id in sold["tax_rates"]], exemption)
    return {
        "id": sold["id"],
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": amount - net,
        "amount_subtotal": amount,
        "amount_tax": taxes.inclusive(charged) + taxes.exclusive(charged),
        "amount_total": net + taxes.exclusive(charged),
        "currency": price["currency"],
        "description": work.get("product", price["product"])["name"],
        "metadata": dict(sold["metadata"]),
        "price": render(work, price),
        "quantity": sold["quantity"],
    }
