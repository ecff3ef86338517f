"""Redeeming coupons and promotion codes: who may, for how much, and how often."""

from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError, invalid
from stripe_simulator.rendering import Json
from stripe_simulator.validity import code_is_active, coupon_is_valid
from stripe_simulator.work import Work


def claim(
    work: Work, customer: Record, given: dict[str, Any], param: str, *, currency: str, amount: int | None
) -> tuple[Record, Record | None]:
    """The coupon, and the promotion code that led to it; a StripeError where they can't be redeemed."""
    now = work.now(customer["_clock"])
    if "coupon" in given:
        coupon, code = work.get("coupon", given["coupon"], _in(param, "coupon")), None
    else:
        code = work.get("promotion_code", given["promotion_code"], _in(param, "promotion_code"))
        coupon = work.get("coupon", code["promotion"]["coupon"], _in(param, "promotion_code"))
        _check_code(work, customer, code, _in(param, "promotion_code"), now, currency, amount)
    _check_coupon(coupon, param, now, currency)
    return coupon, code


def count(work: Work, coupon: Record, code: Record | None) -> None:
    """One more redemption."""
    for record in (coupon, code):
        if record is not None:
            with work.edit(record):
                record["times_redeemed"] += 1


def amount_in(terms: Json, options: Json, currency: str) -> int | None:
    """The fixed amount off in a currency, or None where there is none."""
    if terms["currency"] == currency:
        return int(terms["amount_off"])
    option = options.get(currency)
    return None if option is None else int(option["amount_off"])


def _in(param: str, name: str) -> str:
    return f"{param}[{name}]" if param else name


def _check_coupon(coupon: Record, param: str, now: int, currency: str) -> None:
    if not coupon_is_valid(coupon, now):
        raise _refused(f"Coupon expired or used up: {coupon['id']}", param, "coupon_expired")
    if coupon["percent_off"] is None and amount_in(coupon, coupon["_currency_options"], currency) is None:
        raise _refused(
            f"The coupon {coupon['id']} is in {coupon['currency']} and cannot be applied to {currency}.",
            param,
        )


def _check_code(
    work: Work, customer: Record, code: Record, param: str, now: int, currency: str, amount: int | None
) -> None:
    coupon = work.find("coupon", code["promotion"]["coupon"])
    if not code_is_active(code, coupon, now):
        raise _refused("This promotion code is not active or has expired.", param, "promotion_code_expired")
    if code["customer"] not in (None, customer["id"]):
        raise _refused("This promotion code is restricted to another customer.", param)
    limits = code["restrictions"]
    if limits["first_time_transaction"] and _has_paid(work, customer):
        raise _refused(
            "This promotion code cannot be redeemed because the associated customer has prior transactions.", param
        )
    least = _least(limits, currency)
    if least is not None and amount is not None and amount < least:
        raise _refused(f"This promotion code asks for a purchase of at least {least} ({currency} minor units).", param)


def _least(limits: Json, currency: str) -> int | None:
    if limits["minimum_amount"] is None:
        return None
    if limits["minimum_amount_currency"] == currency:
        return int(limits["minimum_amount"])
    option = (limits.get("currency_options") or {}).get(currency)
    return None if option is None else int(option["minimum_amount"])


def _has_paid(work: Work, customer: Record) -> bool:
    invoices = work.related("invoice", "customer", customer["id"])
    return any(invoice["amount_paid"] > 0 or invoice["status"] == "open" for invoice in invoices) or any(
        charge["paid"] for charge in work.related("charge", "customer", customer["id"])
    )


def _refused(message: str, param: str, code: str | None = None) -> StripeError:
    return invalid(message, param, code)
