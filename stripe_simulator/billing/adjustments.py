"""Discounts and tax rates that a request puts on a subscription or on one of its items."""

from typing import Any

from stripe_simulator.billing import discounts, invoice_items, lines, taxes
from stripe_simulator.database import Record
from stripe_simulator.money import rounded
from stripe_simulator.params import Fields, Flag, Hash, Integer, Metadata, Number, Sequenced, Text
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

CUSTOMER: Fields = {"coupon": Text(), "promotion_code": Text()}
_EXTRA_PRICE: Fields = {
    "currency": Text(required=True),
    "product": Text(required=True),
    "tax_behavior": Text(),
    "unit_amount": Integer(),
    "unit_amount_decimal": Number(),
}
_EXTRA: Fields = {
    "discountable": Flag(),
    "discounts": discounts.DISCOUNTS,
    "metadata": Metadata(),
    "price": Text(),
    "price_data": Hash(fields=_EXTRA_PRICE),
    "quantity": Integer(least=0),
    "tax_rates": taxes.TAX_RATES,
}
SUBSCRIPTION: Fields = {
    "add_invoice_items": Sequenced(of=Hash(fields=_EXTRA), most=20),
    "default_tax_rates": taxes.TAX_RATES,
    "discounts": discounts.DISCOUNTS,
}
ITEM: Fields = {"discounts": discounts.DISCOUNTS, "tax_rates": taxes.TAX_RATES}


def of_subscription(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    """Set what was sent (within an ``edit`` block). Discounts that the new list leaves out end."""
    if "default_tax_rates" in values:
        subscription["default_tax_rates"] = taxes.check_rates(work, values["default_tax_rates"], "default_tax_rates")
    if "discounts" in values:
        before = subscription["discounts"]
        held = {"subscription": subscription["id"]}
        subscription["_bare"] = values.get("_bare", False)
        subscription["discounts"] = _redeem(work, subscription, values["discounts"], "discounts", held)
        discounts.replace(work, before, subscription["discounts"])


def of_item(work: Work, subscription: Record, item: Json, values: dict[str, Any], prefix: str) -> None:
    """The same for one item."""
    if "tax_rates" in values:
        item["tax_rates"] = taxes.check_rates(work, values["tax_rates"], f"{prefix}[tax_rates]")
    if "discounts" in values:
        before = item["discounts"]
        held = {"subscription": subscription["id"], "subscription_item": item["id"]}
        item["discounts"] = _redeem(work, subscription, values["discounts"], f"{prefix}[discounts]", held)
        discounts.replace(work, before, item["discounts"])


def of_customer(work: Work, customer: Record, values: dict[str, Any]) -> None:
    """Set, replace or (by an empty string) remove a customer's one discount."""
    given = {name: values[name] for name in CUSTOMER if name in values}
    if not given:
        return
    before = work.find("discount", customer["discount"])
    chosen = {name: value for name, value in given.items() if value}
    if before is not None and not chosen:
        discounts.end(work, before)
    if chosen:
        customer["discount"] = discounts.switch(work, customer, chosen, before)["id"]


def add_extras(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    """One-off items (``add_invoice_items``) for the subscription's next invoice."""
    customer = work.get("customer", subscription["customer"])
    for index, sent in enumerate(values.get("add_invoice_items", [])):
        name = f"add_invoice_items[{index}]"
        item = invoice_items.add(work, customer, {**sent, "subscription": subscription["id"]}, name)
        with work.edit(item):
            item["tax_rates"] = taxes.check_rates(work, sent.get("tax_rates", []), f"{name}[tax_rates]")
            terms: dict[str, Any] = {"currency": item["currency"], "amount": item["amount"], "invoice_item": item["id"]}
            item["discounts"] = discounts.redeem(
                work, customer, sent.get("discounts", []), param=f"{name}[discounts]", **terms
            )
        invoice_items.announce(work, item)


def of_new(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    """What a new subscription and its items were made with."""
    of_subscription(work, subscription, values)
    add_extras(work, subscription, values)
    for index, (item, sent) in enumerate(zip(subscription["items"]["data"], values["items"], strict=True)):
        of_item(work, subscription, item, sent, f"items[{index}]")


def _redeem(
    work: Work, subscription: Record, sent: list[dict[str, Any]], param: str, held: dict[str, str]
) -> list[str]:
    customer = work.get("customer", subscription["customer"])
    amount = rounded(sum((lines.item_amount(work, item) for item in subscription["items"]["data"]), start=lines.FREE))
    return discounts.redeem(work, customer, sent, currency=subscription["currency"], amount=amount, param=param, **held)
