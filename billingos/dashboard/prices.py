"""Prices of every kind in words: $79.00 / month, from what Stripe calls unit amounts, intervals and tiers."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billingos.common.money import decimals
from billingos.ui.money import money_text
from subscriptions.models import Price
from subscriptions.mrr import unit_price


def price_words(price: Price) -> str:
    """$79.00 / month; €490.00 / 2 years; $10.00 once; Tiers / month for what tier_texts tells."""
    return f"{_amount(price)}{_rhythm(price)}"


def tier_texts(price: Price) -> list[str]:
    """One line a tier: `Units 11 to 50: $4.00 each plus $20.00`; none for a price without tiers."""
    lines, first = [], 1
    for tier in price.tiers or []:
        up_to = tier.get("up_to")
        units = f"{first:,} and more" if up_to is None else f"{first:,} to {up_to:,}"
        lines.append(f"{units}: {_tier_amount(tier, price.currency)}")
        first = (up_to or 0) + 1
    return lines


def tiers_rule(price: Price) -> str:
    """What the tiers of `price` mean, in a sentence."""
    if price.tiers_mode == "volume":
        return "By volume: all units cost what the tier of the whole quantity says."
    return "Graduated: each unit costs what its own tier says."


def _amount(price: Price) -> str:
    if price.billing_scheme == "tiered":
        return "Tiers"
    exact = price.unit_amount_decimal if price.unit_amount_decimal is not None else Decimal(price.unit_amount or 0)
    return exact_money(exact, price.currency)


def _rhythm(price: Price) -> str:
    if not price.interval:
        return " once"
    every = price.interval if price.interval_count == 1 else f"{price.interval_count} {price.interval}s"
    return f" / {every}" + (", by use" if price.usage_type == Price.UsageType.METERED else "")


def _tier_amount(tier: Mapping[str, Any], currency: str) -> str:
    each = unit_price(tier)
    flat = unit_price({"unit_amount": tier.get("flat_amount"), "unit_amount_decimal": tier.get("flat_amount_decimal")})
    parts = [f"{exact_money(_decimal(each), currency)} each"] if each or not flat else []
    return " plus ".join([*parts, *([f"{exact_money(_decimal(flat), currency)} flat"] if flat else [])])


def _decimal(amount: Fraction) -> Decimal:
    return Decimal(amount.numerator) / Decimal(amount.denominator)


def exact_money(minor: Decimal, currency: str) -> str:
    """`minor` units that may be a fraction: 0.5 usd → $0.005; whole ones as everywhere."""
    if minor == minor.to_integral_value():
        return money_text(int(minor), currency)
    whole = money_text(0, currency)
    symbol = whole[: whole.index("0")]
    return f"{symbol}{(minor / 10 ** decimals(currency)).normalize():f}"
