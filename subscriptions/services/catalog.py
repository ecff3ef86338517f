"""Writing the catalog: Stripe first, then our rows."""

from collections.abc import Mapping, Sequence
from typing import Any

from billingos.common.errors import InvalidRequest
from billingos.common.ids import uuid7
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from subscriptions.features import Features, to_metadata
from subscriptions.models import Price, Product


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
    try:
        stored = to_metadata(features or {})
    except ValueError as error:
        raise InvalidRequest(str(error), param="features") from error
    product_id = f"prod_{uuid7().hex}"  # chosen here, so that every call is known before the first is made
    params: dict[str, Any] = {"id": product_id, "name": name, "metadata": {**(metadata or {}), **stored}}
    if description:
        params["description"] = description
    attach = [
        Call("products.features.create", {"entitlement_feature": feature}, target=product_id)
        for feature in stripe_feature_ids
    ]
    product: Product = execute(merchant=merchant, calls=[Call("products.create", params), *attach], key=key)[0]
    return product


def create_price(*, merchant: Merchant, product: Product, key: str | None = None, **fields: Any) -> Price:
    """A price of `product` in Stripe and here; `fields` as in `CreatePrice`, with Stripe's names. Amounts are in minor
    units."""
    recurring = {name: fields.pop(name) for name in ("interval", "interval_count", "usage_type") if name in fields}
    params = {
        "product": product.stripe_id,
        **fields,
        **({"recurring": recurring} if recurring.get("interval") else {}),
    }
    price: Price = execute(merchant=merchant, calls=[Call("prices.create", params)], key=key)[0]
    return price
