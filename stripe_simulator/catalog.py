"""The catalog: how products and prices are made, whoever asks for them."""

from decimal import Decimal
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.errors import invalid, missing_param
from stripe_simulator.events import emit, updating
from stripe_simulator.ids import new_id
from stripe_simulator.money import decimal_text
from stripe_simulator.params import (
    Fields,
    Flag,
    Hash,
    Integer,
    Metadata,
    Number,
    Sequenced,
    Text,
    merged_metadata,
)
from stripe_simulator.rendering import Json
from stripe_simulator.work import Work

TAX_BEHAVIORS = ("exclusive", "inclusive", "unspecified")
_LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}  # three years
_TIER: Fields = {
    "flat_amount": Integer(least=0),
    "flat_amount_decimal": Number(),
    "unit_amount": Integer(least=0),
    "unit_amount_decimal": Number(),
    "up_to": Integer(required=True, least=1, words=("inf",)),
}
_RECURRING: Fields = {
    "interval": Text(required=True, choices=tuple(_LONGEST)),
    "interval_count": Integer(least=1),
    "meter": Text(),
    "trial_period_days": Integer(least=1),
    "usage_type": Text(choices=("licensed", "metered")),
}
PRICE: Fields = {
    "billing_scheme": Text(choices=("per_unit", "tiered")),
    "currency": Text(required=True, longest=3),
    "metadata": Metadata(),
    "nickname": Text(),
    "recurring": Hash(fields=_RECURRING),
    "tax_behavior": Text(choices=TAX_BEHAVIORS),
    "tiers": Sequenced(of=Hash(fields=_TIER)),
    "tiers_mode": Text(choices=("graduated", "volume")),
    "transform_quantity": Hash(
        fields={
            "divide_by": Integer(required=True, least=1),
            "round": Text(required=True, choices=("down", "up")),
        }
    ),
    "unit_amount": Integer(least=0, most=99_999_999_999),
    "unit_amount_decimal": Number(),
}
PRODUCT: Fields = {
    "active": Flag(),
    "description": Text(),
    "images": Sequenced(of=Text(required=True), most=8),
    "marketing_features": Sequenced(of=Hash(fields={"name": Text(required=True)}), most=15),
    "shippable": Flag(),
    "statement_descriptor": Text(longest=22),
    "tax_code": Text(),
    "unit_label": Text(),
    "url": Text(),
}


def add_product(work: Work, values: dict[str, Any]) -> Record:
    """A product, with its default price if ``default_price_data`` is there, and their events."""
    id = values.get("id") or new_id("product")
    if work.find("product", id) is not None:
        raise invalid("Product already exists.", "id", "resource_already_exists")
    now = work.now()
    body: Record = {
        "active": True,
        "created": now,
        "default_price": None,
        "description": None,
        "images": [],
        "marketing_features": [],
        "metadata": merged_metadata({}, values.get("metadata", {})),
        "name": values["name"],
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": values.get("type", "service"),
        "unit_label": None,
        "updated": now,
        "url": None,
    }
    body |= {name: value for name, value in values.items() if name in PRODUCT}
    product = work.insert("product", body, id=id)
    price = None
    if values.get("default_price_data"):
        price = add_price(work, values["default_price_data"] | {"product": id}, "default_price_data")
        product["default_price"] = price["id"]
    emit(work, "product.created", product)
    if price is not None:
        emit(work, "price.created", price)
    return product


def add_price(work: Work, values: dict[str, Any], prefix: str = "") -> Record:
    """Insert a price; the caller emits ``price.created``."""
    work.get("product", values["product"], "product")
    scheme = values.get("billing_scheme") or "per_unit"
    recurring = _recurring(work, values.get("recurring"))
    tiers = _tiers(values) if scheme == "tiered" else None
    unit = None if tiers is not None else _amount(values, "unit_amount", prefix)
    lookup_key = values.get("lookup_key")
    if lookup_key:
        free_lookup_key(work, lookup_key, bool(values.get("transfer_lookup_key")))
    body: Record = {
        "active": values.get("active", True),
        "billing_scheme": scheme,
        "created": work.now(),
        "currency": values["currency"].lower(),
        "custom_unit_amount": None,
        "lookup_key": lookup_key,
        "metadata": merged_metadata({}, values.get("metadata", {})),
        "nickname": values.get("nickname"),
        "product": values["product"],
        "recurring": recurring,
        "tax_behavior": values.get("tax_behavior", "unspecified"),
        "tiers_mode": values.get("tiers_mode") if tiers is not None else None,
        "transform_quantity": values.get("transform_quantity"),
        "type": "recurring" if recurring else "one_time",
        "unit_amount": _whole(unit),
        "unit_amount_decimal": None if unit is None else decimal_text(unit),
    }
    return work.insert("price", body, tiers=tiers)


def _amount(values: dict[str, Any], name: str, prefix: str = "") -> Decimal:
    whole, exact = values.get(name), values.get(f"{name}_decimal")
    if whole is not None and exact is not None:
        raise invalid(f"You may only specify one of these parameters: {name}, {name}_decimal.", name)
    if exact is not None:
        return Decimal(exact)
    if whole is None:
        raise missing_param(f"{prefix}[{name}]" if prefix else name)
    return Decimal(whole)


def _whole(amount: Decimal | None) -> int | None:
    return None if amount is None or amount != int(amount) else int(amount)


def _recurring(work: Work, values: dict[str, Any] | None) -> Json | None:
    if values is None:
        return None
    _check_meter(work, values)
    count = values.get("interval_count") or 1
    if count > _LONGEST[values["interval"]]:
        raise invalid("The maximum billing interval is three years.", "recurring[interval_count]")
    return {
        "interval": values["interval"],
        "interval_count": count,
        "meter": values.get("meter"),
        "trial_period_days": values.get("trial_period_days"),
        "usage_type": values.get("usage_type") or "licensed",
    }


def _check_meter(work: Work, values: dict[str, Any]) -> None:
    """Metered prices and meters go together, since usage records are gone."""
    metered = values.get("usage_type") == "metered"
    if values.get("meter"):
        if not metered:
            raise invalid("A meter can only be used with `usage_type=metered`.", "recurring[meter]")
        meter = work.get("billing.meter", values["meter"], "recurring[meter]")
        if meter["status"] != "active":
            raise invalid(f"The meter {meter['id']} is inactive.", "recurring[meter]")
    elif metered:
        raise invalid("Metered prices must be backed by a meter: recurring[meter] is missing.", "recurring[meter]")


def _tiers(values: dict[str, Any]) -> list[Json]:
    if not values.get("tiers"):
        raise missing_param("tiers")
    if not values.get("tiers_mode"):
        raise missing_param("tiers_mode")
    tiers, below = [_tier(tier) for tier in values["tiers"]], 0
    for tier in tiers[:-1]:
        if tier["up_to"] is None or tier["up_to"] <= below:
            raise invalid("Tiers must be in ascending order of up_to; only the last may be inf.", "tiers")
        below = tier["up_to"]
    if tiers[-1]["up_to"] is not None:
        raise invalid("The last tier must have up_to set to inf.", "tiers")
    return tiers


def _tier(values: dict[str, Any]) -> Json:
    tier: Json = {"up_to": None if values["up_to"] == "inf" else values["up_to"]}
    for name in ("flat_amount", "unit_amount"):
        given = name in values or f"{name}_decimal" in values
        amount = _amount(values, name) if given else None
        tier |= {name: _whole(amount), f"{name}_decimal": None if amount is None else decimal_text(amount)}
    return tier


def free_lookup_key(work: Work, key: str, transfer: bool) -> None:
    """Make sure that no other price of the account has this lookup key; ``transfer`` takes it away."""
    for holder in work.related("price", "lookup_key", key):
        if not transfer:
            raise invalid(
                f"A price (`{holder['id']}`) already uses that lookup key.",
                "lookup_key",
            )
        with updating(work, holder):
            holder["lookup_key"] = None
