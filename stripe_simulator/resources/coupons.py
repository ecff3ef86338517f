"""Coupons: a percentage or an amount off, once, for some months or forever."""

from decimal import Decimal
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import invalid, missing_param
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import random_text
from stripe_simulator.lists import page, within
from stripe_simulator.money import decimal_text
from stripe_simulator.params import (
    LISTING,
    Fields,
    Hash,
    Integer,
    Metadata,
    Named,
    Number,
    Range,
    Sequenced,
    Text,
    merged_metadata,
)
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work

_FIVE_YEARS = 5 * 366 * 86_400  # seconds
_OPTIONS = Named(of=Hash(fields={"amount_off": Integer(required=True, least=1)}))
_FIELDS: Fields = {"currency_options": _OPTIONS, "metadata": Metadata(), "name": Text(longest=40)}


@endpoint(
    "POST",
    "/v1/coupons",
    _FIELDS
    | {
        "amount_off": Integer(least=1),
        "applies_to": Hash(fields={"products": Sequenced(of=Text(required=True))}),
        "currency": Text(longest=3),
        "duration": Text(choices=("forever", "once", "repeating")),
        "duration_in_months": Integer(least=1),
        "id": Text(),
        "max_redemptions": Integer(least=1),
        "percent_off": Number(),
        "redeem_by": Integer(),
    },
)
def create(work: Work, values: dict[str, Any]) -> Json:
    """A coupon with either ``percent_off`` or ``amount_off`` and its currency."""
    id = values.get("id") or random_text(8)
    if work.find("coupon", id) is not None:
        raise invalid("Coupon already exists.", "id", "resource_already_exists")
    duration = values.get("duration", "once")
    months = values.get("duration_in_months")
    _check_duration(duration, months)
    products = (values.get("applies_to") or {}).get("products") or None
    for position, product in enumerate(products or []):
        work.get("product", product, f"applies_to[products][{position}]")
    body: Record = {
        "created": work.now(),
        "duration": duration,
        "duration_in_months": months,
        "max_redemptions": values.get("max_redemptions"),
        "metadata": merged_metadata({}, values.get("metadata") or {}),
        "name": values.get("name"),
        "redeem_by": _redeem_by(work, values.get("redeem_by")),
        "times_redeemed": 0,
        "valid": True,
    }
    body |= _worth(values)
    options = _options(values.get("currency_options"))
    coupon = work.insert("coupon", body, id=id, products=products, currency_options=options)
    emit(work, "coupon.created", coupon)
    return render(work, coupon)


@endpoint("GET", "/v1/coupons/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """A coupon."""
    return render(work, work.get("coupon", id))


@endpoint("POST", "/v1/coupons/<id>", _FIELDS)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change its name, its metadata, and amounts in further currencies."""
    coupon = work.get("coupon", id)
    with updating(work, coupon):
        if "name" in values:
            coupon["name"] = values["name"]
        if "metadata" in values:
            coupon["metadata"] = merged_metadata(coupon["metadata"], values["metadata"])
        coupon["_currency_options"] = coupon["_currency_options"] | _options(values.get("currency_options"))
    return render(work, coupon)


@endpoint("DELETE", "/v1/coupons/<id>")
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Delete a coupon; whoever has redeemed it keeps the discount."""
    coupon = work.get("coupon", id)
    work.delete(coupon)
    emit(work, "coupon.deleted", coupon)
    return {"id": id, "object": "coupon", "deleted": True}


@endpoint("GET", "/v1/coupons", LISTING | {"created": Range()})
def list_coupons(work: Work, values: dict[str, Any]) -> Json:
    """Coupons."""
    found = [coupon for coupon in work.all("coupon") if within(values.get("created"), coupon["created"])]
    return page(work, found, values, "/v1/coupons")


def _worth(values: dict[str, Any]) -> Json:
    percent, amount = values.get("percent_off"), values.get("amount_off")
    if (percent is None) == (amount is None):
        raise invalid("You must pass either percent_off or amount_off, and not both.", "percent_off")
    if percent is not None:
        if not Decimal(0) < percent <= Decimal(100):
            raise invalid("Invalid percent_off: must be greater than 0 and at most 100.", "percent_off")
        return {"amount_off": None, "currency": None, "percent_off": decimal_text(percent)}
    if not values.get("currency"):
        raise missing_param("currency")
    return {"amount_off": amount, "currency": values["currency"].lower(), "percent_off": None}


def _check_duration(duration: str, months: int | None) -> None:
    if duration == "repeating" and months is None:
        raise missing_param("duration_in_months")
    if duration != "repeating" and months is not None:
        raise invalid("You can only pass duration_in_months if the duration is repeating.", "duration_in_months")


def _redeem_by(work: Work, at: int | None) -> int | None:
    if at is not None and not work.now() < at <= work.now() + _FIVE_YEARS:
        raise invalid("Invalid redeem_by: must be in the future, and at most five years ahead.", "redeem_by")
    return at


def _options(sent: dict[str, Any] | None) -> dict[str, Any]:
    return {currency.lower(): option for currency, option in (sent or {}).items()}
