"""What a change of a subscription is: when it takes effect, how it is billed, and how Stripe is asked for it. Pure.

Stripe begins a new period, with its invoice, when the interval changes and when a free subscription becomes a paid one:
such a change at once *restarts* (docs.stripe.com/api/subscriptions/update); whatever the proration, the new period is
paid for. A change at a later time is kept in a subscription schedule, which Stripe carries out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from billingos.common.errors import Conflict, InvalidRequest
from billingos.merchants.models import BillingSettings, ChangeWhen, Proration
from subscriptions.items import Item, as_items, check_items, differ, is_metered, paired, replacing, rhythm
from subscriptions.models import Subscription, SubscriptionItem, SubscriptionSchedule

Status = Subscription.Status
BEHAVIOR = {
    Proration.PRORATE: "always_invoice",
    Proration.PRORATE_AT_RENEWAL: "create_prorations",
    Proration.FULL_PRICE: "none",
    Proration.NONE: "none",
}
AUTOMATIC = "charge_automatically"
ALLOW_INCOMPLETE, ERROR_IF_INCOMPLETE = "allow_incomplete", "error_if_incomplete"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for. `items` is all that there shall be; `quantity` alone changes the only item. `when` is
    None, ChangeWhen or an instant; what is None follows the merchant's rules."""

    items: Sequence[Item] | None = None
    quantity: int | None = None
    when: str | datetime | None = None
    proration: str | None = None
    proration_at: datetime | None = None
    payment_behavior: str = ERROR_IF_INCOMPLETE


@dataclass(frozen=True, slots=True)
class Change:
    """A wish as it will be carried out. `at` is when it takes effect; `proration_at` the instant from which on the rest
    of the period is charged."""

    subscription: Subscription
    held: Sequence[SubscriptionItem]
    items: Sequence[Item]
    kind: str
    when: ChangeWhen | None
    at: datetime
    proration: Proration
    proration_at: datetime
    payment_behavior: str

    @property
    def at_once(self) -> bool:
        return self.when == ChangeWhen.NOW

    @property
    def at_renewal(self) -> bool:
        return self.at == self.subscription.current_period_end

    @property
    def in_trial(self) -> bool:
        return self.subscription.status == Status.TRIALING

    @property
    def new_rhythm(self) -> bool:
        return rhythm(self.items[0].price) != rhythm(self.held[0].price)

    @property
    def restarts(self) -> bool:
        """Whether a new period begins with the change, in the middle of another."""
        if self.in_trial or self.at_renewal:
            return False
        return self.new_rhythm or self.proration == Proration.FULL_PRICE or self._gets_paid

    @property
    def _gets_paid(self) -> bool:
        return _costs_nothing(as_items(self.held)) and not _costs_nothing(self.items)

    @property
    def is_billed_at_once(self) -> bool:
        """Whether an invoice comes the moment the change takes effect."""
        prorates = self.subscription.status in {Status.ACTIVE, Status.PAST_DUE} and not self.at_renewal
        return self.restarts or (prorates and self.proration == Proration.PRORATE and differ(self.held, self.items))


def _costs_nothing(items: Sequence[Item]) -> bool:
    return not any(item.monthly or is_metered(item.price) for item in items)


def plan_change(
    subscription: Subscription, held: Sequence[SubscriptionItem], wish: Wish, rules: BillingSettings, now: datetime
) -> Change:
    """Raises InvalidRequest for what can't be wished for, Conflict for a subscription that can't be changed so."""
    _check_standing(subscription)
    items = list(wish.items) if wish.items is not None else _with_quantity(held, wish.quantity)
    check_items(items, currency=subscription.currency)
    kind = "downgrade" if _monthly(items) < _monthly(as_items(held)) else "upgrade"
    when, at = _when(subscription, wish, kind, rules, now)
    if when != ChangeWhen.NOW and subscription.is_canceling:
        raise Conflict("This subscription is about to end: keep it first, or change it now.", code="canceling")
    return Change(
        subscription=subscription,
        held=held,
        items=items,
        kind=kind,
        when=when,
        at=at,
        proration=_proration(subscription, wish, rules, at),
        proration_at=_proration_at(subscription, wish, at if when != ChangeWhen.NOW else now),
        payment_behavior=wish.payment_behavior,
    )


def _check_standing(subscription: Subscription) -> None:
    if subscription.has_ended:
        raise Conflict("This subscription has ended already.", code="subscription_ended")
    if subscription.status == Status.INCOMPLETE:
        raise Conflict("This subscription waits for its first payment.", code="subscription_incomplete")


def _with_quantity(held: Sequence[SubscriptionItem], quantity: int | None) -> list[Item]:
    if len(held) != 1:
        raise InvalidRequest("This subscription has several items: send items.", param="quantity")
    if is_metered(held[0].price):
        raise InvalidRequest("A metered price has no quantity.", param="quantity")
    return [Item(held[0].price, quantity)]


def _monthly(items: Sequence[Item]) -> Fraction:
    return sum((item.monthly for item in items), Fraction(0))


def _when(
    subscription: Subscription, wish: Wish, kind: str, rules: BillingSettings, now: datetime
) -> tuple[ChangeWhen | None, datetime]:
    renewal, wanted = subscription.current_period_end, wish.when
    if wanted is None:
        running = subscription.status in {Status.ACTIVE, Status.PAST_DUE}
        wanted = (rules.upgrade_when if kind == "upgrade" else rules.downgrade_when) if running else ChangeWhen.NOW
    if isinstance(wanted, datetime) and wanted != renewal:
        if wanted <= now:
            raise InvalidRequest("An instant to come, or now.", param="when")
        if subscription.status == Status.TRIALING and subscription.trial_end and wanted < subscription.trial_end:
            raise InvalidRequest("Within the trial it is changed now; or name an instant after its end.", param="when")
        return None, wanted
    if wanted == ChangeWhen.NOW:
        return ChangeWhen.NOW, now
    if renewal is None or subscription.status not in {Status.TRIALING, Status.ACTIVE, Status.PAST_DUE}:
        raise Conflict("This subscription does not renew as it is now: change it now.", code="not_renewing")
    return ChangeWhen.RENEWAL, renewal


def _proration(subscription: Subscription, wish: Wish, rules: BillingSettings, at: datetime) -> Proration:
    """In a trial, and where a period begins anyway, there is nothing to prorate."""
    if subscription.status == Status.TRIALING or at == subscription.current_period_end:
        return Proration.NONE
    return Proration(wish.proration or rules.proration)


def _proration_at(subscription: Subscription, wish: Wish, at: datetime) -> datetime:
    start, wanted = subscription.current_period_start, wish.proration_at
    if wanted is None:
        return at.replace(microsecond=0)
    if wish.when not in (None, ChangeWhen.NOW) or (start and wanted < start) or wanted > at:
        raise InvalidRequest("An instant of the current period that is not to come.", param="proration_at")
    return wanted


# --- As Stripe is asked ----------------------------------------------------------------------------------------------


def seconds(at: datetime) -> int:
    return int(at.timestamp())


def update_params(change: Change) -> dict[str, Any]:
    """Of a subscription's update, also of its preview: all but how it is to be paid."""
    params: dict[str, Any] = {
        "items": replacing(change.held, change.items),
        "proration_behavior": _behavior(change),
    }
    if params["proration_behavior"] != "none":
        params["proration_date"] = seconds(change.proration_at)
    if change.restarts:
        params["billing_cycle_anchor"] = "now"
    return params


def _behavior(change: Change) -> str:
    return "always_invoice" if change.restarts and _credits(change) else BEHAVIOR[change.proration]


def _credits(change: Change) -> bool:
    return change.proration in {Proration.PRORATE, Proration.PRORATE_AT_RENEWAL}


def current_phase(change: Change, start: datetime, until: datetime) -> dict[str, Any]:
    """The phase of a schedule that a subscription is in, as it goes on."""
    subscription = change.subscription
    trial = {"trial_end": seconds(subscription.trial_end)} if change.in_trial and subscription.trial_end else {}
    return {
        "start_date": seconds(start),
        "end_date": seconds(until),
        "items": [
            {**item.terms, **_adjustments(row)} for row, item in zip(change.held, as_items(change.held), strict=True)
        ],
        "proration_behavior": "none",
        **trial,
        **_adjustments_of_all(subscription),
    }


def coming_phase(change: Change) -> dict[str, Any]:
    """The phase that brings the change. It lasts for one period; then the subscription goes on by itself."""
    price = change.items[0].price
    return {
        "items": [{**item.terms, **_adjustments(row)} for row, item in paired(change.held, change.items)],
        "duration": {"interval": price.interval, "interval_count": price.interval_count},
        "proration_behavior": _behavior(change),
        **({"billing_cycle_anchor": "phase_start"} if change.restarts else {}),
        **_adjustments_of_all(change.subscription),
    }


def laid_out(change: Change, schedule: SubscriptionSchedule | None = None) -> dict[str, Any]:
    """What a schedule is told of a later change: the one that there is, else one made of the subscription."""
    subscription = change.subscription
    begun = (schedule and schedule.current_phase_start) or subscription.current_period_start or subscription.started_at
    phases = [current_phase(change, begun, change.at), coming_phase(change)]
    return {"phases": phases, "end_behavior": "release", "proration_behavior": "none"}


def _adjustments(row: SubscriptionItem | None) -> dict[str, Any]:
    """The discounts and taxes of an item, which a phase must say again."""
    if row is None:
        return {}
    return _named(discounts=row.discount_ids, tax_rates=row.tax_rates)


def _adjustments_of_all(subscription: Subscription) -> dict[str, Any]:
    return _named(discounts=subscription.discount_ids, default_tax_rates=subscription.default_tax_rates)


def _named(*, discounts: Sequence[str], **rates: Sequence[dict[str, Any]]) -> dict[str, Any]:
    named: dict[str, Any] = {"discounts": [{"discount": discount} for discount in discounts]} if discounts else {}
    return named | {name: [rate["id"] for rate in held] for name, held in rates.items() if held}
