"""What a price costs, as parameters for Stripe: from a request's fields, and copied from a price that there is."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from subscriptions.features import ORIGIN

Params = dict[str, Any]
AMOUNTS = ("unit_amount", "unit_amount_decimal", "billing_scheme", "tiers_mode", "tiers")
RECURRING = ("interval", "interval_count", "usage_type")


def price_params(fields: Mapping[str, Any]) -> Params:
    """Stripe's parameters for `fields`, which have Stripe's names, with `interval`, `interval_count`, `usage_type` and
    `meter` (Stripe's id) beside the others."""
    recurring = {name: fields[name] for name in (*RECURRING, "meter") if name in fields}
    params = {name: value for name, value in fields.items() if name not in recurring}
    params |= amount_params(fields)
    return {**params, "recurring": recurring} if recurring.get("interval") else params


def amount_params(fields: Mapping[str, Any]) -> Params:
    """Of `fields` those that say the amount, as Stripe's parameters; empty if none does."""
    found = {name: fields[name] for name in AMOUNTS if name in fields}
    if "tiers" in found:
        found["billing_scheme"] = "tiered"
    return found


def copied(price: Mapping[str, Any], changes: Mapping[str, Any]) -> Params:
    """The parameters of a price that is as `price`, Stripe's object, but for `changes`: amounts, nickname, metadata."""
    kept = ("product", "currency", "nickname", "tax_behavior", "transform_quantity")
    params = {name: price[name] for name in kept if price.get(name) is not None}
    if price.get("recurring"):
        params["recurring"] = {name: value for name, value in price["recurring"].items() if value is not None}
    if options := _other_currencies(price):
        params["currency_options"] = options
    amounts = amount_params(changes) or _amounts(price)
    own = {key: value for key, value in (price.get("metadata") or {}).items() if not key.startswith("billingos_")}
    metadata = {**own, **changes.get("metadata", {}), ORIGIN: origin_of(price)}
    others = {name: value for name, value in changes.items() if name not in (*AMOUNTS, "metadata", "lookup_key")}
    return {**params, **amounts, **others, "metadata": {key: value for key, value in metadata.items() if value}}


def origin_of(price: Mapping[str, Any]) -> str:
    """The Stripe id of the price that the line of `price` began with: its own, if it is the first."""
    return str((price.get("metadata") or {}).get(ORIGIN) or price["id"])


def _amounts(price: Mapping[str, Any]) -> Params:
    if price.get("billing_scheme") == "tiered":
        tiers = [_tier(tier) for tier in price["tiers"]]
        return {"billing_scheme": "tiered", "tiers_mode": price["tiers_mode"], "tiers": tiers}
    return _exact(price, "unit_amount")


def _tier(tier: Mapping[str, Any]) -> Params:
    up_to = "inf" if tier["up_to"] is None else tier["up_to"]
    return {"up_to": up_to, **_exact(tier, "unit_amount"), **_exact(tier, "flat_amount")}


def _exact(holder: Mapping[str, Any], name: str) -> Params:
    """The amount in whole minor units, or where it is a fraction of one, exactly."""
    if holder.get(name) is not None:
        return {name: holder[name]}
    exact = holder.get(f"{name}_decimal")
    return {} if exact is None else {f"{name}_decimal": str(exact)}


def _other_currencies(price: Mapping[str, Any]) -> Params:
    options = {
        code: terms for code, terms in (price.get("currency_options") or {}).items() if code != price["currency"]
    }
    return {
        code: {
            **_exact(terms, "unit_amount"),
            **({"tiers": [_tier(tier) for tier in terms["tiers"]]} if terms.get("tiers") else {}),
            **({"tax_behavior": terms["tax_behavior"]} if terms.get("tax_behavior") else {}),
        }
        for code, terms in options.items()
    }


def same_amount(price: Mapping[str, Any], changes: Mapping[str, Any]) -> bool:
    """Whether `changes` say no other amount than Stripe's object `price` has."""
    wanted = amount_params(changes)
    return not wanted or _comparable(wanted) == _comparable(_amounts(price))


def _comparable(amounts: Mapping[str, Any]) -> tuple[Any, ...]:
    tiers = [
        (str(tier["up_to"]), _number(tier, "unit_amount"), _number(tier, "flat_amount"))
        for tier in amounts.get("tiers", [])
    ]
    return _number(amounts, "unit_amount"), amounts.get("tiers_mode"), tiers


def _number(holder: Mapping[str, Any], name: str) -> Decimal:
    value = holder[name] if holder.get(name) is not None else holder.get(f"{name}_decimal")
    return Decimal(str(value or 0))
