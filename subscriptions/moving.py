"""What it is to move a subscription to another version of a product: which price takes the place of which. Pure. How
Stripe is asked for it is as with any change (`changing`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billingos.common.errors import BillingError
from billingos.merchants.models import BillingSettings, Proration
from subscriptions.changing import Change, Wish, plan_change
from subscriptions.features import Features
from subscriptions.items import Item, is_metered
from subscriptions.models import Price, ProductVersion, Subscription, SubscriptionItem, VersionMigration

When = VersionMigration.When
PRORATIONS = [(one.value, one.label) for one in (Proration.NONE, Proration.PRORATE, Proration.PRORATE_AT_RENEWAL)]
REASONS = {
    "subscription_ended": "It has ended.",
    "subscription_incomplete": "It waits for its first payment.",
    "not_renewing": "It does not renew as it is now.",
    "canceling": "It is about to end.",
    "change_scheduled": "Another change of it is scheduled.",
    "no_counterpart": "The version sells no price for the same interval, currency and usage, or several that fit.",
    "not_on_another_version": "It is on no other version of the product any more.",
    "unscheduled": "Its move was scheduled, and the schedule was let go of.",
    "migration_canceled": "The migration was canceled before.",
}


class Obstacle(Exception):
    """Why a subscription cannot be moved: one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Goal:
    """Where subscriptions are to be moved, the prices that are sold there, how, and the merchant's rules."""

    target: ProductVersion
    sold: Collection[Price]
    when: str
    proration: str
    rules: BillingSettings


@dataclass(frozen=True, slots=True)
class Move:
    """The change of a subscription, and the price that takes the place of an item's own, by the item's id."""

    change: Change
    prices: Mapping[UUID, Price]

    @property
    def subscription(self) -> Subscription:
        return self.change.subscription

    @property
    def left(self) -> set[ProductVersion]:
        """The versions that it leaves."""
        return {item.version for item in self.change.held if item.id in self.prices}


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


def plan_move(subscription: Subscription, items: Sequence[SubscriptionItem], goal: Goal) -> Move:
    """What moving takes. `items` are all that the subscription has, with their prices and versions. Raises Obstacle."""
    if subscription.schedule_id:
        raise Obstacle("change_scheduled")
    prices = _instead(items, goal)
    wanted = [
        Item(prices.get(item.id, item.price), None if is_metered(item.price) else item.quantity) for item in items
    ]
    wish = Wish(items=wanted, when=goal.when, proration=goal.proration)
    try:
        return Move(plan_change(subscription, items, wish, goal.rules, subscription.customer.now()), prices)
    except BillingError as error:
        raise Obstacle(error.code) from error


def _instead(items: Sequence[SubscriptionItem], goal: Goal) -> dict[UUID, Price]:
    product_id, target_id = goal.target.product_id, goal.target.id
    leaving = [item for item in items if item.version.product_id == product_id and item.version_id != target_id]
    if not leaving:
        raise Obstacle("not_on_another_version")
    kept = {item.price_id for item in items if item not in leaving}
    prices = {item.id: counterpart(item.price, goal.sold) for item in leaving}
    found = {item_id: price for item_id, price in prices.items() if price is not None and price.id not in kept}
    if len({price.id for price in found.values()}) < len(leaving):
        raise Obstacle("no_counterpart")
    return found


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
