"""Exact money: integers in minor units; fractions of a unit live in Fraction until a line is rounded."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any


def rounded(amount: Fraction) -> int:
    """The nearest minor unit; halves go away from zero, so that a credit mirrors its debit."""
    whole, rest = divmod(abs(amount), 1)
    units = int(whole) + (1 if rest * 2 >= 1 else 0)
    return units if amount >= 0 else -units


def decimal_text(amount: Decimal | int) -> str:
    """A ``*_decimal`` field: plain digits without an exponent and without trailing zeros."""
    text = format(Decimal(amount), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def json_number(text: str | None) -> Any:
    """A percentage kept as text, as the JSON number that Stripe sends for it."""
    return None if text is None else json.loads(text)


def percentage(amount: int, percent: str) -> Fraction:
    """So many percent (decimal text) of minor units, before rounding."""
    return amount * Fraction(percent) * Fraction(1, 100)


def spread(amount: int, weights: Sequence[int]) -> list[int]:
    """Minor units divided in proportion to the weights; what is left goes to the largest remainders, first come."""
    total = sum(weights)
    if total == 0:
        return [0 for _ in weights]
    parts = [divmod(amount * weight, total) for weight in weights]
    shares = [whole for whole, _ in parts]
    order = sorted(range(len(parts)), key=lambda position: (-parts[position][1], position))
    for position in order[: amount - sum(shares)]:
        shares[position] += 1
    return shares


_WITHOUT_MINOR = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf",
                  "xof", "xpf"}  # fmt: skip
_SYMBOLS = {"eur": "€", "gbp": "£", "jpy": "¥", "usd": "$"}


def readable(amount: int, currency: str) -> str:
    """An amount in minor units as people write it: ``$12.50``, ``CHF 1,200.00``."""
    code = currency.lower()
    whole, minor = (abs(amount), None) if code in _WITHOUT_MINOR else divmod(abs(amount), 100)
    digits = f"{whole:,}" if minor is None else f"{whole:,}.{minor:02d}"
    return f"{'-' if amount < 0 else ''}{_SYMBOLS.get(code) or code.upper() + ' '}{digits}".strip()


def amount_of(price: dict[str, Any], quantity: int) -> Fraction:
    """What ``quantity`` of a price costs for one whole period, in minor units, before rounding."""
    quantity = _transformed(price, quantity)
    if price["billing_scheme"] == "per_unit":
        return Fraction(price["unit_amount_decimal"] or "0") * quantity
    if price["tiers_mode"] == "volume":
        return _volume(price["_tiers"], quantity)
    return _graduated(price["_tiers"], quantity)


def _transformed(price: dict[str, Any], quantity: int) -> int:
    transform = price["transform_quantity"]
    if transform is None:
        return quantity
    whole, rest = divmod(quantity, transform["divide_by"])
    return int(whole + (1 if rest and transform["round"] == "up" else 0))


def _volume(tiers: list[dict[str, Any]], quantity: int) -> Fraction:
    tier = next(tier for tier in tiers if tier["up_to"] is None or quantity <= tier["up_to"])
    return _tier_amount(tier, quantity)


def _graduated(tiers: list[dict[str, Any]], quantity: int) -> Fraction:
    total, below = Fraction(0), 0
    for position, tier in enumerate(tiers):
        top = quantity if tier["up_to"] is None else min(quantity, tier["up_to"])
        if position and top <= below:
            break
        total += _tier_amount(tier, top - below)
        below = top
    return total


def _tier_amount(tier: dict[str, Any], quantity: int) -> Fraction:
    unit, flat = tier["unit_amount_decimal"] or "0", tier["flat_amount_decimal"] or "0"
    return Fraction(unit) * quantity + Fraction(flat)
