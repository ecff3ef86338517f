"""A subscription begins, and its terms are changed: Stripe first, then our rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billingos.common.errors import BillingError, InvalidRequest
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.merchants.selectors import settings_of
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call, discounts_of, payment_to_finish
from billingos.stripe_gateway.settling import settle
from customers.models import Customer
from subscriptions.changing import ALLOW_INCOMPLETE, seconds
from subscriptions.guards import check_currency, check_not_subscribed, check_trial_unused
from subscriptions.items import Item, check_items
from subscriptions.models import Subscription
from subscriptions.redeeming import named_discounts
from subscriptions.scheduled import laid_again
from subscriptions.selectors import schedule_of
from subscriptions.services.claims import claim_of, claim_on

Status = Subscription.Status
OWING = {Status.INCOMPLETE, Status.PAST_DUE}


@dataclass(frozen=True, slots=True)
class Terms:
    """How a subscription is paid and what is taken off. `coupon` and `promotion_code` are as callers name them; None
    leaves a thing as it is, an empty text takes it away."""

    coupon: str | None = None
    promotion_code: str | None = None
    default_payment_method: str | None = None
    collection_method: str | None = None
    days_until_due: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def params(self, merchant: Merchant) -> dict[str, Any]:
        """For Stripe. Raises NotFound for a coupon or code that there is not."""
        names = ("default_payment_method", "collection_method", "days_until_due")
        params = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        with scope(merchant.id):
            discounts = named_discounts(merchant.id, coupon=self.coupon, promotion_code=self.promotion_code)
        if discounts or "" in (self.coupon, self.promotion_code):
            params["discounts"] = discounts or ""
        if self.metadata:
            params["metadata"] = dict(self.metadata)
        return params


NO_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Trial:
    """How long a new subscription costs nothing: for some days, or until an instant."""

    days: int = 0
    end: datetime | None = None

    @property
    def params(self) -> dict[str, Any]:
        if self.end:
            return {"trial_end": seconds(self.end)}
        return {"trial_period_days": self.days} if self.days else {}

    @property
    def param(self) -> str:
        return "trial_end" if self.end else "trial_days"


NO_TRIAL = Trial()


def create_subscription(
    *,
    merchant: Merchant,
    customer: Customer,
    items: Sequence[Item],
    trial: Trial = NO_TRIAL,
    terms: Terms = NO_TERMS,
    payment_behavior: str = ALLOW_INCOMPLETE,
    key: str | None = None,
) -> Subscription:
    """Subscribes the customer. Stripe charges at once unless there is a trial or the invoice is sent.

    Raises PaymentRequired when the card is declined and `payment_behavior` is error_if_incomplete; else the
    subscription is left incomplete (`payment_of`). Raises Conflict for a product that the customer has already, or has
    tried already, if the merchant's rules say so; InvalidRequest for items that do not go together.
    """
    check_items(items)
    _check_trial(customer, trial)

    def check() -> None:
        rules = settings_of(merchant.id)
        check_currency(customer, items)
        check_not_subscribed(customer, items, rules)
        if trial.params:
            check_trial_unused(customer, items, rules, param=trial.param)

    params: dict[str, Any] = {
        "customer": customer.stripe_id,
        "items": [item.terms for item in items],
        **({} if terms.collection_method == "send_invoice" else {"payment_behavior": payment_behavior}),
        **trial.params,
        **terms.params(merchant),
    }
    calls = [Call("subscriptions.create", params)]
    subscription: Subscription = execute(
        merchant=merchant, calls=calls, key=key, claim=claim_of(customer), check=check
    )[0]
    return subscription


def _check_trial(customer: Customer, trial: Trial) -> None:
    if trial.end and trial.days:
        raise InvalidRequest("Either trial_days or trial_end.", param="trial_end")
    if trial.end and trial.end <= customer.now():
        raise InvalidRequest("The trial must end in the future.", param="trial_end")


def update_subscription(*, merchant: Merchant, subscription: Subscription, terms: Terms) -> Subscription:
    """Changes how a subscription is paid, what is taken off, and its metadata; also for what is scheduled. Stripe
    refuses most of it for one that has ended."""
    params = terms.params(merchant)
    if not params:
        return subscription
    if subscription.schedule_id:
        settle(merchant, "subscription_schedule", subscription.schedule_id)  # all its phases are going to be said again

    def calls() -> list[Call]:
        update = Call("subscriptions.update", params, target=subscription.stripe_id)
        return [update, *_in_its_schedule(subscription, params)]

    updated: Subscription = execute(merchant=merchant, calls=calls, claim=claim_on(subscription))[0]
    return updated


def _in_its_schedule(subscription: Subscription, params: Mapping[str, Any]) -> list[Call]:
    """What is told to the schedule after the first call has changed the subscription. Inside the merchant's scope."""
    schedule = schedule_of(subscription)
    if schedule is None:
        return []
    laid = laid_again(schedule, params, discounts=discounts_of(0), now=subscription.customer.now())
    return [Call("subscription_schedules.update", laid, target=schedule.stripe_id)] if laid else []


def payment_of(merchant: Merchant, subscription: Subscription) -> dict[str, Any] | None:
    """What the customer's browser needs to finish a payment that was not made: `{status, client_secret,
    hosted_invoice_url}`, asked of Stripe now; None where nothing waits, or Stripe does not answer soon, or refuses us:
    whatever becomes of that, the subscription itself is known."""
    if subscription.status not in OWING or not subscription.latest_invoice_id:
        return None
    try:
        return payment_to_finish(merchant, subscription.latest_invoice_id)
    except BillingError:
        return None
