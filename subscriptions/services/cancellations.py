"""A subscription ends, is kept after all, or begins again."""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from billingos.common.errors import Conflict, InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from subscriptions.changing import ALLOW_INCOMPLETE, seconds
from subscriptions.items import Item, as_items
from subscriptions.models import Subscription
from subscriptions.services.changes import release_calls
from subscriptions.services.claims import claim_on
from subscriptions.services.lifecycle import NO_TERMS, Terms, create_subscription

REACTIVATES = "reactivates"  # the metadata of a new subscription that goes on from one that has ended


def cancel_subscription(
    *,
    merchant: Merchant,
    subscription: Subscription,
    at_period_end: bool,
    at: datetime | None = None,
    invoice_now: bool = False,
    prorate: bool = False,
    feedback: str | None = None,
    comment: str | None = None,
    key: str | None = None,
) -> Subscription:
    """Ends the subscription when the paid period ends, at an instant to come (`at`), or at once.

    Ended at once, `prorate` credits what is left of the period and `invoice_now` invoices what is pending, that credit
    too; with neither nothing is given back. `feedback` is one of `CancellationFeedback`, `comment` the customer's own
    words; both are kept in Stripe. A change that was scheduled is taken back. Raises Conflict if it has ended.
    """

    def check() -> None:
        if subscription.has_ended:
            raise Conflict("This subscription has ended already.", code="subscription_ended")

    if at and at <= subscription.customer.now():
        raise InvalidRequest("An instant to come; to end it now, send at_period_end: false.", param="at")
    said = {name: value for name, value in (("feedback", feedback), ("comment", comment)) if value}
    params: dict[str, Any] = {"cancellation_details": said} if said else {}
    options = [subscription.stripe_id, at_period_end, at and at.isoformat(), invoice_now, prorate]
    later = {"cancel_at": seconds(at)} if at else {"cancel_at_period_end": True}
    if at or at_period_end:
        calls = [
            *release_calls(subscription),
            Call("subscriptions.update", {**later, **params}, target=subscription.stripe_id),
        ]
    else:
        asked = {name: True for name, wanted in (("invoice_now", invoice_now), ("prorate", prorate)) if wanted}
        calls = [Call("subscriptions.cancel", {**asked, **params}, target=subscription.stripe_id)]
    canceled: Subscription = execute(
        merchant=merchant,
        calls=calls,
        key=key,
        claim=claim_on(subscription),
        check=check,
        request=["cancel", *options, said],
    )[-1]
    return canceled


def keep_subscription(*, merchant: Merchant, subscription: Subscription, key: str | None = None) -> Subscription:
    """Takes back a cancellation that has not come yet; why it was asked for is forgotten. Raises Conflict if there is
    none, or if it is too late."""

    def check() -> None:
        if subscription.has_ended:
            raise Conflict("This subscription has ended already.", code="subscription_ended")
        if not subscription.is_canceling:
            raise Conflict("This subscription is not about to end.", code="not_canceling")

    back: dict[str, Any] = {"cancel_at_period_end": False} if subscription.cancel_at_period_end else {"cancel_at": ""}
    params = {**back, "cancellation_details": {"feedback": "", "comment": ""}}
    kept: Subscription = execute(
        merchant=merchant,
        calls=[*release_calls(subscription), Call("subscriptions.update", params, target=subscription.stripe_id)],
        key=key,
        claim=claim_on(subscription),
        check=check,
        request=["keep", subscription.stripe_id],
    )[-1]
    return kept


def reactivate_subscription(
    *,
    merchant: Merchant,
    subscription: Subscription,
    items: Sequence[Item] | None = None,
    terms: Terms = NO_TERMS,
    payment_behavior: str = ALLOW_INCOMPLETE,
    key: str | None = None,
) -> Subscription:
    """A pending cancellation is undone; for a subscription that has ended a new one begins, on the same prices unless
    there are other `items`, with the old one's Stripe id in its metadata (`reactivates`).

    Raises Conflict for one that goes on anyway, and for a price that is no longer sold; InvalidRequest for `items` and
    `terms` where no new one begins.
    """
    if not subscription.has_ended:
        _refuse(items, terms)
        return keep_subscription(merchant=merchant, subscription=subscription, key=key)
    with scope(merchant.id):
        wanted = items if items is not None else _sold(subscription)
    linked = replace(terms, metadata={**terms.metadata, REACTIVATES: subscription.stripe_id})
    return create_subscription(
        merchant=merchant,
        customer=subscription.customer,
        items=wanted,
        terms=linked,
        payment_behavior=payment_behavior,
        key=key,
    )


def _refuse(items: Sequence[Item] | None, terms: Terms) -> None:
    """A subscription that is kept stays as it is. Raises InvalidRequest for what was said of a new one."""
    said = {"items": items, **{field.name: getattr(terms, field.name) for field in fields(terms)}}
    for name, value in said.items():
        if value not in (None, {}):
            raise InvalidRequest(
                "It has not ended, and is kept as it is: reactivate it without this, then change it.", param=name
            )


def _sold(subscription: Subscription) -> list[Item]:
    """The items as they were. Raises Conflict for a price that was archived or deleted since."""
    held = list(subscription.items.select_related("price__version__product").order_by("id"))
    for index, row in enumerate(held):
        if not row.price.active or row.price.deleted_at:
            raise Conflict(
                f"The price {row.price.id} of {row.price.version.product.name} is no longer sold: send items.",
                code="price_archived",
                param=f"items[{index}][price]",
            )
    return as_items(held)
