"""Writing the catalog: Stripe first, then our rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billingos.common.errors import InvalidRequest
from billingos.common.ids import uuid7
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call, active_meter, made_by
from subscriptions.features import Features, of_version
from subscriptions.models import Price, Product
from subscriptions.services.terms import Params, price_params
from subscriptions.sync import current_version


@dataclass(frozen=True, slots=True)
class Metering:
    """What a metered price bills: events of the name `key`, summed up by `formula` (Stripe's word for it)."""

    key: str
    name: str
    formula: str


def create_product(
    *,
    merchant: Merchant,
    name: str,
    description: str = "",
    features: Features | None = None,
    stripe_feature_ids: Sequence[str] = (),
    metadata: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Product:
    """A product in Stripe and here.

    `features` says what it includes, by lookup key: true, a limit, or None for no limit; `stripe_feature_ids` are the
    same as Stripe entitlement features, which Stripe attaches to the product. Raises InvalidRequest when the
    features do not fit into Stripe's metadata.
    """
    product_id = f"prod_{uuid7().hex}"  # chosen here, so that every call is known before the first is made
    stored = described(1, features or {})
    params: dict[str, Any] = {"id": product_id, "name": name, "metadata": {**(metadata or {}), **stored}}
    if description:
        params["description"] = description
    attach = [
        Call("products.features.create", {"entitlement_feature": feature}, target=product_id)
        for feature in stripe_feature_ids
    ]
    product: Product = execute(merchant=merchant, calls=[Call("products.create", params), *attach], key=key)[0]
    return product


def described(number: int, features: Features, before: Features | None = None) -> dict[str, str]:
    """The metadata that says what a version includes. Raises InvalidRequest where it does not fit."""
    try:
        return of_version(number, features, before)
    except ValueError as error:
        raise InvalidRequest(str(error), param="features") from error


def create_price(
    *, merchant: Merchant, product: Product, metering: Metering | None = None, key: str | None = None, **fields: Any
) -> Price:
    """A price of the product's present version in Stripe and here; `fields` as in `CreatePrice`, with Stripe's names.
    Amounts are in minor units. Stripe's meter for a metered price is made along with it, if there is none."""
    before, meter = metered(metering, step=0, known=active_meter(merchant, metering.key) if metering else None)

    def calls() -> list[Call]:
        version = current_version(product)
        stamp = described(version.number, version.includes) if version else {}
        params = {"product": product.stripe_id, **price_params(fields)}
        params["metadata"] = {**fields.get("metadata", {}), **stamp}
        if meter:
            params["recurring"]["meter"] = meter
        return [*before, Call("prices.create", params)]

    claim = f"meter {metering.key}" if metering else None
    price: Price = execute(merchant=merchant, calls=calls, key=key, claim=claim)[-1]
    return price


def metered(metering: Metering | None, *, step: int, known: str | None) -> tuple[list[Call], Any]:
    """What a price names as its meter: the id of Stripe's, where one is `known`; else what the call at `step` makes."""
    if metering is None or known:
        return [], known
    params: Params = {
        "event_name": metering.key,
        "display_name": metering.name,
        "default_aggregation": {"formula": metering.formula},
    }
    return [Call("meters.create", params)], made_by(step)
