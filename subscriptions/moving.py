"""What it is to move a subscription to another version of a product: which price takes the place of which, and how
Stripe is asked for it. Pure: rows in, parameters out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billingos.merchants.models import Proration
from subscriptions.features import Features
from subscriptions.models import Price, ProductVersion, Subscription, SubscriptionItem, VersionMigration

Status = Subscription.Status
When = VersionMigration.When
BEHAVIOR = {
    Proration.PRORATE: "always_invoice",
    Proration.PRORATE_AT_RENEWAL: "create_prorations",
    Proration.NONE: "none",
}
RUNNING = {Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID}
REASONS = {
    "subscription_ended": "It has ended.",
    "not_running": "It waits for its first payment, or for a card.",
    "ends_before": "It ends before it would renew.",
    "change_scheduled": "Another change of it is scheduled.",
    "no_counterpart": "The version sells no price for the same interval, currency and usage, or several that fit.",
    "not_on_another_version": "It is on no other version of the product any more.",
    "migration_canceled": "The migration was canceled before.",
}


class Obstacle(Exception):
    """Why a subscription cannot be moved: one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Move:
    """A subscription with all its items, and the price that takes the place of an item's own, by the item's id."""

    subscription: Subscription
    items: Sequence[SubscriptionItem]
    prices: Mapping[UUID, Price]

    @property
    def gets_paid(self) -> bool:
        """A free subscription that is to cost something: Stripe begins a new period then, and charges for it."""
        before, after = [item.price for item in self.items], list(self.prices.values())
        return all(_is_free(price) for price in before) and not all(_is_free(price) for price in after)


def _is_free(price: Price) -> bool:
    return price.unit_amount == 0 and price.billing_scheme == "per_unit"


def counterpart(price: Price, sold: Collection[Price]) -> Price | None:
    """The one of the prices `sold` that takes the place of `price`: of the same interval, currency and usage; of
    several, the one that was made from it, else of its name. None where there is none, or where it is not clear."""
    alike = [other for other in sold if _terms(other) == _terms(price)]
    line = price.origin_id or price.stripe_id
    narrowed = (
        [other for other in alike if line in (other.origin_id, other.stripe_id)],
        [other for other in alike if price.lookup_key and other.lookup_key == price.lookup_key],
        [other for other in alike if price.nickname and other.nickname == price.nickname],
        alike,
    )
    return next((found[0] for found in narrowed if len(found) == 1), None)


def _terms(price: Price) -> tuple[str, str, int, str]:
    return price.currency, price.interval, price.interval_count, price.usage_type


def plan_move(
    subscription: Subscription,
    items: Sequence[SubscriptionItem],
    target: ProductVersion,
    sold: Collection[Price],
    when: str,
) -> Move:
    """What moving takes. `items` are all that the subscription has, with their prices and versions; `sold` the prices
    of the version that it is to be on. Raises Obstacle."""
    _check_standing(subscription, when)
    leaving = [item for item in items if item.version.product_id == target.product_id and item.version_id != target.id]
    if not leaving:
        raise Obstacle("not_on_another_version")
    prices = {item.id: counterpart(item.price, sold) for item in leaving}
    taken = {item.price_id for item in items if item not in leaving}
    found = {item_id: price for item_id, price in prices.items() if price is not None and price.id not in taken}
    if len({price.id for price in found.values()}) < len(leaving):
        raise Obstacle("no_counterpart")
    return Move(subscription, items, found)


def _check_standing(subscription: Subscription, when: str) -> None:
    if subscription.has_ended:
        raise Obstacle("subscription_ended")
    if subscription.status not in RUNNING:
        raise Obstacle("not_running")
    if subscription.schedule_id:
        raise Obstacle("change_scheduled")
    if when == When.RENEWAL:
        ends_at, renews_at = subscription.cancel_at, subscription.current_period_end
        if subscription.cancel_at_period_end or (ends_at and renews_at and ends_at <= renews_at):
            raise Obstacle("ends_before")


def update_params(move: Move, proration: str) -> dict[str, Any]:
    """Of the subscription's update, and of its preview. Items keep their ids, and with them their discounts."""
    items = [
        {"id": item.stripe_id, **_item_terms(item, move.prices[item.id])}
        for item in move.items
        if item.id in move.prices
    ]
    return {"items": items, "proration_behavior": BEHAVIOR[Proration(proration)]}


def phases(move: Move) -> list[dict[str, Any]]:
    """Of the schedule that moves it when it renews: the period as it is, then one with the other prices."""
    subscription, first = move.subscription, move.items[0]
    shared = _named(discounts=subscription.discount_ids, default_tax_rates=subscription.default_tax_rates)
    trial_end = subscription.trial_end if subscription.status == Status.TRIALING else None
    rhythm = {"interval": first.price.interval, "interval_count": first.price.interval_count}
    return [
        {
            "start_date": int(first.current_period_start.timestamp()),
            "end_date": int(first.current_period_end.timestamp()),
            "items": [_phase_item(item, item.price) for item in move.items],
            "proration_behavior": "none",
            **({"trial_end": int(trial_end.timestamp())} if trial_end else {}),
            **shared,
        },
        {
            "items": [_phase_item(item, move.prices.get(item.id, item.price)) for item in move.items],
            "duration": rhythm,
            "proration_behavior": "none",
            **shared,
        },
    ]


def _item_terms(item: SubscriptionItem, price: Price) -> dict[str, Any]:
    metered = price.usage_type == Price.UsageType.METERED
    return {"price": price.stripe_id, **({} if metered else {"quantity": item.quantity})}


def _phase_item(item: SubscriptionItem, price: Price) -> dict[str, Any]:
    return {**_item_terms(item, price), **_named(discounts=item.discount_ids, tax_rates=item.tax_rates)}


def _named(*, discounts: Sequence[str], **rates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    named: dict[str, Any] = {"discounts": [{"discount": discount} for discount in discounts]} if discounts else {}
    return named | {name: [rate["id"] for rate in held] for name, held in rates.items() if held}


def difference(before: Features, after: Features) -> dict[str, Any]:
    """What a subscriber gets, loses, and has another limit of; null is no limit."""
    return {
        "added": sorted(after.keys() - before.keys()),
        "removed": sorted(before.keys() - after.keys()),
        "changed": [
            {"feature": name, "from": before[name], "to": after[name]}
            for name in sorted(before.keys() & after.keys())
            if before[name] != after[name]
        ],
    }
