"""Writing the catalog and subscriptions: Stripe first, then our rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billingos.common.errors import Conflict, InvalidRequest
from billingos.common.ids import uuid7
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from customers.models import Customer
from subscriptions.features import Features, to_metadata
from subscriptions.models import Price, Product, Subscription


@dataclass(frozen=True, slots=True)
class Item:
    """What is subscribed to; `quantity` is None for a metered price."""

    price: Price
    quantity: int | None = 1


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
        "expand": ["tiers"],
    }
    price: Price = execute(merchant=merchant, calls=[Call("prices.create", params)], key=key)[0]
    return price


def create_subscription(
    *,
    merchant: Merchant,
    customer: Customer,
    items: Sequence[Item],
    trial_days: int = 0,
    payment_behavior: str = "allow_incomplete",
    metadata: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Subscription:
    """Subscribes the customer. Stripe charges at once unless there is a trial (days). Raises PaymentRequired when the
    card is declined and `payment_behavior` is error_if_incomplete; else the subscription is left incomplete."""
    params: dict[str, Any] = {
        "customer": customer.stripe_id,
        "items": [
            {"price": item.price.stripe_id, **({} if item.quantity is None else {"quantity": item.quantity})}
            for item in items
        ],
        "payment_behavior": payment_behavior,
    }
    if trial_days:
        params["trial_period_days"] = trial_days
    if metadata:
        params["metadata"] = dict(metadata)
    subscription: Subscription = execute(merchant=merchant, calls=[Call("subscriptions.create", params)], key=key)[0]
    return subscription


def cancel_subscription(
    *,
    merchant: Merchant,
    subscription: Subscription,
    at_period_end: bool,
    feedback: str | None = None,
    comment: str | None = None,
    key: str | None = None,
) -> Subscription:
    """Ends the subscription when the paid period ends, or at once without a refund.

    `feedback` is one of `CancellationFeedback`, `comment` the customer's own words; both are kept in Stripe. Raises
    Conflict if it has ended.
    """

    def check() -> None:
        if subscription.has_ended:
            raise Conflict("This subscription has ended already.", code="subscription_ended")

    said = {name: value for name, value in (("feedback", feedback), ("comment", comment)) if value}
    params: dict[str, Any] = {"cancellation_details": said} if said else {}
    call = (
        Call("subscriptions.update", {"cancel_at_period_end": True, **params}, target=subscription.stripe_id)
        if at_period_end
        else Call("subscriptions.cancel", params, target=subscription.stripe_id)
    )
    canceled: Subscription = execute(merchant=merchant, calls=[call], key=key, check=check)[0]
    return canceled


def keep_subscription(*, merchant: Merchant, subscription: Subscription, key: str | None = None) -> Subscription:
    """Takes back a cancellation at the period's end that has not come yet; why it was asked for is forgotten. Raises
    Conflict if there is none, or if it is too late."""

    def check() -> None:
        if subscription.has_ended:
            raise Conflict("This subscription has ended already.", code="subscription_ended")
        if not subscription.cancel_at_period_end:
            raise Conflict("This subscription is not about to end.", code="not_canceling")

    params = {"cancel_at_period_end": False, "cancellation_details": {"feedback": "", "comment": ""}}
    call = Call("subscriptions.update", params, target=subscription.stripe_id)
    kept: Subscription = execute(merchant=merchant, calls=[call], key=key, check=check)[0]
    return kept
