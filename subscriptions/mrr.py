"""Monthly recurring revenue of a subscription: exact arithmetic on Stripe's own object, no ORM, no clock.

`unit_amount × quantity × f / interval_count`, with f: month 1, year 1/12, week 52/12, day 365/12 (docs/metrics.md).
Tiers are evaluated at the quantity. Metered prices, tax and one-off lines do not count; recurring discounts are the
ledger's to subtract.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from billingos.common.money import round_half_up

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


def item_mrr(item: StripeObject) -> Fraction:
    """Minor units per month of one subscription item, exactly."""
    price = item["price"]
    recurring = price.get("recurring")
    if not recurring or recurring.get("usage_type") == "metered":
        return Fraction(0)
    quantity = item.get("quantity") or 0
    if price.get("billing_scheme") == "tiered":
        amount = tiered_amount(price.get("tiers") or [], price.get("tiers_mode") or "volume", quantity)
    else:
        amount = unit_price(price) * quantity
    return amount * PER_MONTH[recurring["interval"]] / (recurring.get("interval_count") or 1)


def subscription_mrr(subscription: StripeObject, *, paused_counts: bool = False) -> int:
    """Minor units per month, rounded once. Only active and past_due count; paused collection counts by setting."""
    if subscription["status"] not in COUNTING:
        return 0
    if subscription.get("pause_collection") and not paused_counts:
        return 0
    return round_half_up(sum((item_mrr(item) for item in subscription["items"]["data"]), Fraction(0)))
