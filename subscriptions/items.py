"""What is subscribed to, as people ask for it and as Stripe is asked. Pure: rows in, parameters out."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from billingos.common.errors import InvalidRequest
from subscriptions.models import Price, SubscriptionItem
from subscriptions.mrr import item_mrr
from subscriptions.recounting import as_stripe_has_it


@dataclass(frozen=True, slots=True)
class Item:
    """What is subscribed to; `quantity` is None for a metered price."""

    price: Price
    quantity: int | None = 1

    @property
    def terms(self) -> dict[str, Any]:
        """Price and quantity as Stripe takes them."""
        quantity = {} if self.quantity is None else {"quantity": self.quantity}
        return {"price": self.price.stripe_id, **quantity}

    @property
    def monthly(self) -> Fraction:
        """Minor units per month as listed, exactly: before discounts and tax."""
        return item_mrr({"price": as_stripe_has_it(self.price), "quantity": self.quantity})


def as_items(held: Sequence[SubscriptionItem]) -> list[Item]:
    return [Item(row.price, None if is_metered(row.price) else row.quantity) for row in held]


def is_metered(price: Price) -> bool:
    return price.usage_type == Price.UsageType.METERED


def rhythm(price: Price) -> tuple[str, int]:
    return price.interval, price.interval_count


def check_items(items: Sequence[Item], *, currency: str = "") -> None:
    """Raises InvalidRequest for what no subscription can hold together, naming the first item that does not fit."""
    for index, item in enumerate(items):
        param, first = f"items[{index}]", items[0].price
        if not item.price.interval:
            raise InvalidRequest("This price is paid once: subscriptions need recurring ones.", param=f"{param}[price]")
        if item.price.currency != (currency or first.currency):
            raise InvalidRequest(
                f"All items must be in {(currency or first.currency).upper()}; this price is in "
                f"{item.price.currency.upper()}.",
                code="currency_mismatch",
                param=f"{param}[price]",
            )
        if rhythm(item.price) != rhythm(first):
            raise InvalidRequest(
                "All items must be billed at the same interval.", code="interval_mismatch", param=f"{param}[price]"
            )
        if item.price.id in {other.price.id for other in items[:index]}:
            raise InvalidRequest("Name each price once, with its quantity.", param=f"{param}[price]")
        if is_metered(item.price) and item.quantity is not None:
            raise InvalidRequest("A metered price has no quantity.", param=f"{param}[quantity]")


Pairs = list[tuple[SubscriptionItem | None, Item]]


def paired(held: Sequence[SubscriptionItem], wanted: Sequence[Item]) -> Pairs:
    """Each wanted item with the held one that it goes on from: of the same price, else of the same product, else one
    that nothing else goes on from. Stripe prorates an item that stays as a change of this item."""
    left = list(held)
    found: dict[int, SubscriptionItem] = {}
    for alike in (_same_price, _same_product, _same_kind):
        for index, item in enumerate(wanted):
            match = next((row for row in left if index not in found and alike(row.price, item.price)), None)
            if match:
                left.remove(match)
                found[index] = match
    return [(found.get(index), item) for index, item in enumerate(wanted)]


def _same_price(one: Price, other: Price) -> bool:
    return one.id == other.id


def _same_product(one: Price, other: Price) -> bool:
    return one.version.product_id == other.version.product_id and _same_kind(one, other)


def _same_kind(one: Price, other: Price) -> bool:
    return one.usage_type == other.usage_type


def replacing(held: Sequence[SubscriptionItem], wanted: Sequence[Item]) -> list[dict[str, Any]]:
    """Stripe's `items` of an update after which there are the wanted ones and no others. An unchanged price is not
    named: it may have been archived since."""
    pairs = paired(held, wanted)
    sent = [{**({"id": row.stripe_id} if row else {}), **_changed(row, item)} for row, item in pairs]
    kept = {row.id for row, _ in pairs if row}
    return sent + [{"id": row.stripe_id, "deleted": True} for row in held if row.id not in kept]


def _changed(row: SubscriptionItem | None, item: Item) -> dict[str, Any]:
    terms = item.terms
    if row and row.price_id == item.price.id:
        del terms["price"]
    return terms


def leaving(held: Sequence[SubscriptionItem], wanted: Sequence[Item]) -> set[str]:
    """The Stripe ids of the held items that do not stay as they are billed now."""
    staying = {row.stripe_id for row, item in paired(held, wanted) if row and row.price_id == item.price.id}
    return {row.stripe_id for row in held} - staying


def differ(held: Sequence[SubscriptionItem], wanted: Sequence[Item]) -> bool:
    return _terms(as_items(held)) != _terms(wanted)


def _terms(items: Sequence[Item]) -> set[tuple[Any, int | None]]:
    return {(item.price.id, item.quantity) for item in items}
