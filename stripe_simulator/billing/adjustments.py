"""Discounts and tax rates that a request puts on a subscription or on one of its items."""

from typing import Any

from stripe_simulator.billing import discounts, lines, taxes
from stripe_simulator.database import Record
from stripe_simulator.money import rounded
from stripe_simulator.params import Fields, Text
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

SUBSCRIPTION: Fields = {"default_tax_rates": taxes.TAX_RATES, "discounts": discounts.DISCOUNTS}
CUSTOMER: Fields = {"coupon": Text(), "promotion_code": Text()}
ITEM: Fields = {"discounts": discounts.DISCOUNTS, "tax_rates": taxes.TAX_RATES}


def of_subscription(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    """Set what was sent (within an ``edit`` block). Discounts that the new list leaves out end."""
    if "default_tax_rates" in values:
        subscription["default_tax_rates"] = taxes.check_rates(work, values["default_tax_rates"], "default_tax_rates")
    if "discounts" in values:
        before = subscription["discounts"]
        held = {"subscription": subscription["id"]}
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


def of_new(work: Work, subscription: Record, values: dict[str, Any]) -> None:
    """What a new subscription and its items were made with."""
    of_subscription(work, subscription, values)
    for index, (item, sent) in enumerate(zip(subscription["items"]["data"], values["items"], strict=True)):
        of_item(work, subscription, item, sent, f"items[{index}]")


def _redeem(
    work: Work, subscription: Record, sent: list[dict[str, Any]], param: str, held: dict[str, str]
) -> list[str]:
    customer = work.get("customer", subscription["customer"])
    amount = rounded(sum((lines.item_amount(work, item) for item in subscription["items"]["data"]), start=lines.FREE))
    return discounts.redeem(work, customer, sent, currency=subscription["currency"], amount=amount, param=param, **held)
