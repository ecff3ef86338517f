"""Changing what a subscription is for: preview it, do it now or later, take back what was to come later."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from billingos.common.errors import Conflict
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.merchants.selectors import settings_of
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call, target_made_by
from billingos.stripe_gateway.settling import settle
from subscriptions import selectors
from subscriptions.changing import AUTOMATIC, Change, Wish, laid_out, plan_change, update_params
from subscriptions.items import Item, as_items
from subscriptions.models import Subscription, SubscriptionSchedule
from subscriptions.mrr import subscription_mrr
from subscriptions.previews import ChangePreview, invoices_of
from subscriptions.recounting import as_stripe_has_it
from subscriptions.services.claims import claim_on
from subscriptions.sync import known_discounts


def preview_change(*, merchant: Merchant, subscription: Subscription, wish: Wish) -> ChangePreview:
    """What `change_subscription` would do and bill, asked of Stripe; nothing is written. Raises a BillingError."""
    with scope(merchant.id):
        change = _planned(subscription, wish)
        schedule = selectors.schedule_of(subscription)
        before, after = _mrr(change, as_items(change.held)), _mrr(change, change.items)
    now, coming = invoices_of(merchant, change, schedule)
    return ChangePreview(change, now, coming, before, after)


def change_subscription(
    *, merchant: Merchant, subscription: Subscription, wish: Wish, key: str | None = None
) -> Subscription:
    """The subscription as it is then. What was scheduled before is taken back.

    Raises PaymentRequired where the change has to be paid at once and is not: then nothing is changed, and what was
    scheduled is still to come, unless `payment_behavior` says otherwise.
    """

    def calls() -> list[Call]:
        change = _planned(subscription, wish)
        return change_calls(change, selectors.schedule_of(change.subscription))

    row = execute(
        merchant=merchant,
        calls=calls,
        key=key,
        claim=claim_on(subscription),
        request=["change", subscription.stripe_id, _as_json(wish)],
    )[-1]
    return row if isinstance(row, Subscription) else settled(merchant, subscription)


def unschedule_change(*, merchant: Merchant, subscription: Subscription, key: str | None = None) -> Subscription:
    """Takes back a change that was to come later. Raises Conflict if there is none."""

    def check() -> None:
        if not subscription.schedule_id:
            raise Conflict("No change of this subscription is scheduled.", code="nothing_scheduled")

    calls = release_calls(subscription) or [Call("subscription_schedules.release")]
    execute(
        merchant=merchant,
        calls=calls,
        key=key,
        claim=claim_on(subscription),
        check=check,
        request=["unschedule", subscription.stripe_id],
    )
    return settled(merchant, subscription)


def settled(merchant: Merchant, subscription: Subscription) -> Subscription:
    """The row, after its schedule has come or gone."""
    row: Subscription = settle(merchant, "subscription", subscription.stripe_id).row
    return row


def release_calls(subscription: Subscription) -> list[Call]:
    """Lets the subscription go on without its schedule, if it has one: Stripe refuses some changes until then."""
    return [Call("subscription_schedules.release", target=subscription.schedule_id)] if subscription.schedule_id else []


def _planned(subscription: Subscription, wish: Wish) -> Change:
    """By how things stand now, whatever they were when the request came."""
    rows = Subscription.objects.for_merchant(subscription.merchant_id).select_related("customer__test_clock")
    row = rows.get(id=subscription.id)
    held = list(row.items.select_related("price__version__product").order_by("id"))
    return plan_change(row, held, wish, settings_of(row.merchant_id), row.customer.now())


def change_calls(change: Change, schedule: SubscriptionSchedule | None = None) -> list[Call]:
    """The calls that carry out a change, and let go of the one that was to come later (`schedule`). First comes what
    Stripe may refuse, as long as nothing is lost by it."""
    released, target = release_calls(change.subscription), change.subscription.stripe_id
    if change.at_once:
        pays = change.subscription.collection_method == AUTOMATIC
        paying = {"payment_behavior": change.payment_behavior} if pays else {}
        return [Call("subscriptions.update", {**update_params(change), **paying}, target=target), *released]
    before = [*_tried(change, schedule), *released]
    return [
        *before,
        Call("subscription_schedules.create", {"from_subscription": target}),
        Call("subscription_schedules.update", laid_out(change), target=target_made_by(len(before))),
    ]


def _tried(change: Change, schedule: SubscriptionSchedule | None) -> list[Call]:
    """Lays the change in the schedule that there is: if Stripe refuses it, what that was to bring still comes. It does
    not stay there, for whoever has scheduled what it was to bring knows it by its id."""
    if schedule is None:
        return []
    return [Call("subscription_schedules.update", laid_out(change, schedule), target=schedule.stripe_id)]


def _mrr(change: Change, items: Sequence[Item]) -> int:
    """Minor units per month that the subscription counts with these items, under its discounts as they are now."""
    row = change.subscription
    discounts = {item.price_id: item.discount_ids for item in change.held}
    rates = {item.price_id: item.tax_rates for item in change.held}
    shown: dict[str, Any] = {
        "status": row.status,
        "pause_collection": {"behavior": row.pause_behavior} if row.collection_paused else None,
        "discounts": row.discount_ids,
        "default_tax_rates": row.default_tax_rates,
        "items": {
            "data": [
                {
                    "quantity": item.quantity,
                    "price": as_stripe_has_it(item.price),
                    "discounts": discounts.get(item.price.id, []),
                    "tax_rates": rates.get(item.price.id, []),
                }
                for item in items
            ]
        },
    }
    at = row.customer.now()
    known = known_discounts(row.merchant_id, shown, row.customer, at)
    return subscription_mrr(shown, paused_counts=settings_of(row.merchant_id).paused_counts, discounts=known, at=at)


def _as_json(wish: Wish) -> dict[str, Any]:
    """What the caller has said, and nothing of how things stood."""
    at = {name: _said(getattr(wish, name)) for name in ("when", "proration", "proration_at", "payment_behavior")}
    items = None if wish.items is None else [item.terms for item in wish.items]
    return {"items": items, "quantity": wish.quantity, **at}


def _said(value: str | datetime | None) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else value
