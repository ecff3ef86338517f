"""Tax on one line, by tax rates that the merchant made. Each rate is rounded on each line by itself.

Exclusive tax comes on top of what is left after discounts. Inclusive tax is inside of it: with rates of
together r, an amount a holds a · r / (1 + r) of tax.
"""

from fractions import Fraction
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.money import rounded
from stripe_simulator.params import Sequenced, Text
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

TAX_RATES = Sequenced(of=Text(required=True), most=5)
_REASONS = {"none": "not_available", "exempt": "customer_exempt", "reverse": "reverse_charge"}


def check_rates(work: Work, ids: list[str], param: str) -> list[str]:
    """The same ids, once each of them is known to be an active tax rate."""
    for position, id in enumerate(ids):
        if not work.get("tax_rate", id, f"{param}[{position}]")["active"]:
            raise invalid(f"The tax rate {id} is archived and cannot be used.", f"{param}[{position}]")
    if len(set(ids)) < len(ids):
        raise invalid("Cannot use the same tax rate twice.", param)
    return ids


def taxes_on(net: int, rates: list[Record], exemption: str) -> list[Json]:
    """The ``taxes`` of a line of ``net`` minor units after discounts; ``exemption`` is the customer's."""
    shares = [Fraction(rate["percentage"]) * Fraction(1, 100) if exemption == "none" else Fraction(0) for rate in rates]
    inside = sum((share for rate, share in zip(rates, shares, strict=True) if rate["inclusive"]), Fraction(0))
    before = net * Fraction(1, 1 + inside)
    amounts = [rounded(before * share) if rate["inclusive"] else 0 for rate, share in zip(rates, shares, strict=True)]
    taxable = net - sum(amounts)
    for position, rate in enumerate(rates):
        if not rate["inclusive"]:
            amounts[position] = rounded(taxable * shares[position])
    return [_tax(rate, amount, taxable, exemption) for rate, amount in zip(rates, amounts, strict=True)]


def inclusive(taxes: list[Json]) -> int:
    """What is inside of the amounts."""
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")


def exclusive(taxes: list[Json]) -> int:
    """What comes on top of the amounts."""
    return sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")


def totalled(taxes: list[Json]) -> list[Json]:
    """One entry a tax rate, in the order in which they first appear."""
    totals: dict[str, Json] = {}
    for tax in taxes:
        known = totals.get(tax["tax_rate_details"]["tax_rate"])
        if known is None:
            totals[tax["tax_rate_details"]["tax_rate"]] = {**tax, "tax_rate_details": dict(tax["tax_rate_details"])}
        else:
            known["amount"] += tax["amount"]
            known["taxable_amount"] += tax["taxable_amount"]
    return list(totals.values())


def _tax(rate: Record, amount: int, taxable: int, exemption: str) -> dict[str, Any]:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": _REASONS[exemption],
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }
