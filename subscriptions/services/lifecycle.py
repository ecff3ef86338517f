"""The life of a subscription: Stripe first, then our rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billingos.common.errors import Conflict
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from customers.models import Customer
from subscriptions.models import Price, Subscription


@dataclass(frozen=True, slots=True)
class Item:
    """What is subscribed to; `quantity` is None for a metered price."""

    price: Price
    quantity: int | None = 1


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
