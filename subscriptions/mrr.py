"""Monthly recurring revenue of a subscription: exact arithmetic on Stripe's own object, no ORM, no clock.

`unit_amount × quantity × f / interval_count`, with f: month 1, year 1/12, week 52/12, day 365/12 (docs/metrics.md).
Tiers are evaluated at the quantity, packages at how many it fills. Minus discounts that recur (`forever`, and
`repeating` while it lasts; `once` does not count) and minus tax that the price includes. Metered prices and one-off
lines do not count.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from billingos.common.money import round_half_up, spread

PER_MONTH = {
    "month": Fraction(1),
    "year": Fraction(1, 12),
    "week": Fraction(52, 12),
    "day": Fraction(365, 12),
}
COUNTING = {"active", "past_due"}

StripeObject = Mapping[str, Any]


def unit_price(price: StripeObject) -> Fraction:
    """Minor units of one unit, exactly: `unit_amount_decimal` where Stripe gives one."""
    amount = price.get("unit_amount_decimal")
    return Fraction(str(amount)) if amount is not None else Fraction(price.get("unit_amount") or 0)


def _tier_amount(tier: StripeObject, units: int) -> Fraction:
    unit = tier.get("unit_amount_decimal") if tier.get("unit_amount_decimal") is not None else tier.get("unit_amount")
    flat = tier.get("flat_amount_decimal") if tier.get("flat_amount_decimal") is not None else tier.get("flat_amount")
    return Fraction(str(unit or 0)) * units + Fraction(str(flat or 0))


def tiered_amount(tiers: Iterable[StripeObject], mode: str, quantity: int) -> Fraction:
    """Minor units for `quantity` units: `volume` prices all at one tier, `graduated` each at its own.

    Source: Stripe's guide to tiered pricing. Nought units fall into the first tier of volume pricing and cost nothing
    when graduated.
    """
    total, floor = Fraction(0), 0
    for tier in tiers:
        up_to = tier.get("up_to")
        inside = up_to is None or quantity <= up_to
        if mode == "volume":
            if inside:
                return _tier_amount(tier, quantity)
            continue
        ceiling = quantity if up_to is None else min(quantity, int(up_to))
        units = ceiling - floor
        if units > 0:
            total += _tier_amount(tier, units)
        if inside:
            return total
        floor = ceiling
    return total


@dataclass(frozen=True, slots=True)
class DiscountTerms:
    """What a discount takes off each invoice: `percent_off` (of 100), or `amount_off` minor units. `products` are the
    Stripe ids of those that it is good for, empty for all; it ends at `ends_at`."""

    percent_off: Fraction | None
    amount_off: int | None
    recurs: bool
    products: frozenset[str] = frozenset()
    ends_at: datetime | None = None

    def counts(self, at: datetime | None) -> bool:
        return self.recurs and (self.ends_at is None or at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class Discounts:
    """The terms of discounts by Stripe id, those not known are left out; `of_customer` are the ids of the customer's
    own, which hold for a subscription that has none."""

    terms: Mapping[str, DiscountTerms] = field(default_factory=dict)
    of_customer: Sequence[str] = ()

    def standing(self, ids: Iterable[Any], at: datetime | None) -> list[DiscountTerms]:
        known = (self.terms.get(discount if isinstance(discount, str) else discount["id"]) for discount in ids)
        return [terms for terms in known if terms and terms.counts(at)]


NO_DISCOUNTS = Discounts()


def item_mrr(item: StripeObject) -> Fraction:
    """Minor units per month of one subscription item, exactly, as it is listed: before discounts and tax."""
    price = item["price"]
    if not _recurs(price):
        return Fraction(0)
    quantity = _billed_units(item.get("quantity") or 0, price.get("transform_quantity"))
    if price.get("billing_scheme") == "tiered":
        amount = tiered_amount(price.get("tiers") or [], price.get("tiers_mode") or "volume", quantity)
    else:
        amount = unit_price(price) * quantity
    return amount * _invoices_a_month(price)


def _billed_units(quantity: int, packages: StripeObject | None) -> int:
    """How many packages a quantity fills, where a price is for packages of `divide_by` units."""
    if not packages:
        return quantity
    whole, rest = divmod(quantity, int(packages["divide_by"]))
    return whole + (1 if rest and packages["round"] == "up" else 0)


def _recurs(price: StripeObject) -> bool:
    recurring = price.get("recurring")
    return recurring is not None and recurring.get("usage_type") != "metered"


def _invoices_a_month(price: StripeObject) -> Fraction:
    recurring = price["recurring"]
    return PER_MONTH[recurring["interval"]] / (recurring.get("interval_count") or 1)


def own_discounts(subscription: Mapping[str, Any]) -> list[Any]:
    """Of the subscription itself, ids or whole: several since 2024, one in `discount` before."""
    one = subscription.get("discount")
    return subscription.get("discounts") or ([one] if one else [])


def item_amounts(
    subscription: StripeObject, *, discounts: Discounts = NO_DISCOUNTS, at: datetime | None = None
) -> list[Fraction]:
    """Minor units per month of each item, exactly: after discounts, those of the item first, and without tax."""
    items = subscription["items"]["data"]
    amounts = [item_mrr(item) for item in items]
    for index, item in enumerate(items):
        for terms in discounts.standing(item.get("discounts") or [], at):
            amounts[index : index + 1] = _discounted([item], [amounts[index]], terms)
    own = own_discounts(subscription) or discounts.of_customer
    for terms in discounts.standing(own, at):
        amounts = _discounted(items, amounts, terms)
    rates = subscription.get("default_tax_rates") or []
    return [
        amount / (1 + _included(item.get("tax_rates") or rates)) for item, amount in zip(items, amounts, strict=True)
    ]


def _discounted(items: Sequence[StripeObject], amounts: Sequence[Fraction], terms: DiscountTerms) -> list[Fraction]:
    """An amount is taken off each invoice, spread over the items in proportion, and never below nought."""
    good_for = [not terms.products or _product(item) in terms.products for item in items]
    base = sum((amount for amount, good in zip(amounts, good_for, strict=True) if good), Fraction(0))
    if terms.percent_off is not None:
        share = terms.percent_off / 100
    else:
        invoices = [_invoices_a_month(item["price"]) for item in items if _recurs(item["price"])]
        share = Fraction(terms.amount_off or 0) * max(invoices, default=Fraction(0)) / base if base else Fraction(0)
    left = 1 - min(share, Fraction(1))
    return [amount * left if good else amount for amount, good in zip(amounts, good_for, strict=True)]


def _product(item: StripeObject) -> str:
    product = item["price"].get("product")
    return str(product["id"] if isinstance(product, Mapping) else product)


def _included(tax_rates: Iterable[StripeObject]) -> Fraction:
    """The share that the price's own tax adds to what is left without it."""
    return sum((Fraction(str(rate["percentage"])) / 100 for rate in tax_rates if rate.get("inclusive")), Fraction(0))


def counts_as_recurring(subscription: StripeObject, *, paused_counts: bool = False) -> bool:
    """Only active and past_due; paused collection by setting."""
    return subscription["status"] in COUNTING and (paused_counts or not subscription.get("pause_collection"))


def subscription_mrr(
    subscription: StripeObject,
    *,
    paused_counts: bool = False,
    discounts: Discounts = NO_DISCOUNTS,
    at: datetime | None = None,
) -> int:
    """Minor units per month at the instant `at`, rounded once; nought for a subscription that does not count."""
    if not counts_as_recurring(subscription, paused_counts=paused_counts):
        return 0
    return round_half_up(sum(item_amounts(subscription, discounts=discounts, at=at), Fraction(0)))


def item_mrrs(
    subscription: StripeObject,
    *,
    paused_counts: bool = False,
    discounts: Discounts = NO_DISCOUNTS,
    at: datetime | None = None,
) -> list[int]:
    """The subscription's MRR spread over its items, in their order: they add up to it exactly."""
    amounts = item_amounts(subscription, discounts=discounts, at=at)
    if not counts_as_recurring(subscription, paused_counts=paused_counts):
        return [0 for _ in amounts]
    return spread(round_half_up(sum(amounts, Fraction(0))), amounts)
