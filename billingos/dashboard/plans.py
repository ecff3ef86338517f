"""A subscription as pages show it. No queries: its items are at hand."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from billingos.dashboard.plan_words import Line, line_of, line_price, names, price_of
from billingos.merchants.models import Merchant
from subscriptions.models import Subscription
from subscriptions.selectors import ComingChange

REAL_STRIPE = "https://api.stripe.com"


@dataclass(frozen=True, slots=True)
class PricedItem:
    """`version` is the number of the product's version that was bought."""

    name: str
    product_id: UUID
    version: int
    price: str
    price_id: str
    item_id: str


@dataclass(frozen=True, slots=True)
class Plan:
    subscription: Subscription
    name: str
    price: str
    lines: tuple[Line, ...]

    @property
    def state(self) -> str:
        """Its status, or "canceling" when its end is settled."""
        return "canceling" if self.ends_at else self.subscription.status

    @property
    def ends_at(self) -> datetime | None:
        """When it is going to end; None when it goes on, or has ended."""
        row = self.subscription
        if row.has_ended:
            return None
        return row.cancel_at or (row.current_period_end if row.cancel_at_period_end else None)

    @property
    def is_metered(self) -> bool:
        return any(line.quantity is None for line in self.lines)

    @property
    def items(self) -> list[PricedItem]:
        return [
            PricedItem(
                line.name,
                item.version.product_id,
                item.version.number,
                line_price(line, self.subscription.currency),
                line.price,
                line.item,
            )
            for item, line in zip(self.subscription.items.all(), self.lines, strict=True)
        ]


def plan_of(subscription: Subscription) -> Plan:
    lines = tuple(line_of(item) for item in subscription.items.all())
    return Plan(subscription, names(lines), price_of(lines, subscription.currency), lines)


@dataclass(frozen=True, slots=True)
class ComingPlan:
    """What the subscription is going to be for, from an instant on."""

    at: datetime
    name: str
    price: str


def coming_plan(subscription: Subscription, change: ComingChange) -> ComingPlan:
    lines = tuple(line_of(item) for item in change.items)
    return ComingPlan(change.at, names(lines), price_of(lines, subscription.currency))


def stripe_url(merchant: Merchant, kind: str, stripe_id: str) -> str:
    """Where Stripe's own dashboard shows an object of the merchant's account; empty while a simulator stands in."""
    if settings.STRIPE_API_BASE != REAL_STRIPE:
        return ""
    account = f"{merchant.stripe_account_id}/" if merchant.stripe_account_id else ""
    return f"https://dashboard.stripe.com/{account}{'' if settings.STRIPE_LIVE_MODE else 'test/'}{kind}/{stripe_id}"
