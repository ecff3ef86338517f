"""A subscription as its customer sees it: what it is called, what it costs, when it goes on or ends."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billingos.common.money import Money
from subscriptions.models import Price, Subscription, SubscriptionItem
from subscriptions.selectors import ComingChange

Status = Subscription.Status
CANCELABLE = {Status.TRIALING, Status.ACTIVE, Status.PAST_DUE, Status.UNPAID, Status.PAUSED}
LABELS = {"trialing": "Free trial", "past_due": "Payment failed", "unpaid": "On hold", "incomplete": "Not paid yet"}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing in a plan. `amount` per period is None where use or tiers decide."""

    name: str
    quantity: int
    amount: Money | None
    every: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`total` per period is None where the lines differ in their periods, or one has no fixed amount; `ends_at` is None
    for what goes on."""

    subscription: Subscription
    name: str
    lines: tuple[Line, ...]
    total: Money | None
    every: str
    ends_at: datetime | None
    coming: "Coming | None" = None

    @property
    def status(self) -> str:
        """The one to show: what is about to end says so."""
        return "canceling" if self.ends_at and not self.subscription.has_ended else self.subscription.status

    @property
    def status_label(self) -> str:
        """In words that a customer would use."""
        return LABELS.get(self.status, "")

    @property
    def in_trial(self) -> bool:
        return self.subscription.status == Status.TRIALING

    @property
    def is_incomplete(self) -> bool:
        return self.subscription.status == Status.INCOMPLETE

    @property
    def can_cancel(self) -> bool:
        return self.subscription.status in CANCELABLE and self.ends_at is None

    @property
    def can_keep(self) -> bool:
        return self.subscription.cancel_at_period_end and not self.subscription.has_ended


@dataclass(frozen=True, slots=True)
class Coming:
    """What the plan changes to, and when."""

    at: datetime
    plan: Plan


def plan_of(subscription: Subscription, change: ComingChange | None = None) -> Plan:
    """Of a subscription that has its items at hand."""
    plan = _plan_for(subscription, list(subscription.items.all()))
    if change is None or plan.ends_at:
        return plan
    return replace(plan, coming=Coming(change.at, _plan_for(subscription, change.items)))


def _plan_for(subscription: Subscription, items: Sequence[SubscriptionItem]) -> Plan:
    lines = tuple(_line(item) for item in items)
    periods = {line.every for line in lines}
    amounts = [line.amount for line in lines if line.amount]
    whole = len(periods) == 1 and len(amounts) == len(lines)
    return Plan(
        subscription=subscription,
        name=" + ".join(dict.fromkeys(line.name for line in lines)) or "Subscription",
        lines=lines,
        total=Money(sum(amount.amount for amount in amounts), subscription.currency) if whole else None,
        every=periods.pop() if whole else "",
        ends_at=_ends_at(subscription),
    )


def _line(item: SubscriptionItem) -> Line:
    price = item.price
    fixed = price.unit_amount is not None and price.usage_type == Price.UsageType.LICENSED
    amount = Money((price.unit_amount or 0) * item.quantity, price.currency) if fixed else None
    return Line(item.version.product.name, item.quantity, amount, every(price))


def every(price: Price) -> str:
    """month, 3 months, year; empty for what is paid once."""
    if not price.interval or price.interval_count == 1:
        return price.interval
    return f"{price.interval_count} {price.interval}s"


def _ends_at(subscription: Subscription) -> datetime | None:
    if subscription.has_ended:
        return subscription.ended_at
    return subscription.cancel_at or (subscription.current_period_end if subscription.cancel_at_period_end else None)
