"""A subscription goes on without being paid for a while: its collection is paused, or its trial lasts longer."""

import contextlib
from datetime import datetime, timedelta
from typing import Any, Literal

from billingos.common.errors import Conflict, InvalidRequest, PaymentRequired
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from billingos.stripe_gateway.settling import settle
from subscriptions.changing import AUTOMATIC, ERROR_IF_INCOMPLETE, seconds
from subscriptions.models import Subscription
from subscriptions.services.changes import release_calls, settled
from subscriptions.services.claims import claim_on

Status = Subscription.Status
LONGEST_TRIAL = timedelta(days=730)  # Stripe's limit, from now on


def pause_subscription(
    *,
    merchant: Merchant,
    subscription: Subscription,
    behavior: str,
    resumes_at: datetime | None = None,
    key: str | None = None,
) -> Subscription:
    """Lets the subscription go on without collecting: invoices become void, drafts or uncollectible (`behavior`), until
    `resumes_at` or until it is resumed. Raises Conflict for one that has ended or waits for its first payment."""

    def check() -> None:
        if subscription.has_ended:
            raise Conflict("This subscription has ended already.", code="subscription_ended")
        if subscription.status == Status.INCOMPLETE:
            raise Conflict("This subscription waits for its first payment.", code="subscription_incomplete")

    if resumes_at and resumes_at <= subscription.customer.now():
        raise InvalidRequest("An instant to come.", param="resumes_at")
    pause = {"behavior": behavior, **({"resumes_at": seconds(resumes_at)} if resumes_at else {})}
    call = Call("subscriptions.update", {"pause_collection": pause}, target=subscription.stripe_id)
    paused: Subscription = execute(merchant=merchant, calls=[call], key=key, claim=claim_on(subscription), check=check)[
        0
    ]
    return paused


def resume_subscription(*, merchant: Merchant, subscription: Subscription, key: str | None = None) -> Subscription:
    """Collects again; a subscription that was paused after a trial without a card begins a period now and pays for it.

    If that payment fails it stays paused, and its invoice can be paid for 23 hours. Raises Conflict if nothing is
    paused.
    """

    def check() -> None:
        if subscription.has_ended:
            raise Conflict("This subscription has ended already.", code="subscription_ended")
        if not (subscription.collection_paused or subscription.status == Status.PAUSED):
            raise Conflict("This subscription is not paused.", code="not_paused")

    request = ["resume", subscription.stripe_id]
    call = Call("subscriptions.update", {"pause_collection": ""}, target=subscription.stripe_id)
    if subscription.status == Status.PAUSED:
        call = Call("subscriptions.resume", {"billing_cycle_anchor": "now"}, target=subscription.stripe_id)
    resumed: Subscription = execute(
        merchant=merchant, calls=[call], key=key, claim=claim_on(subscription), check=check, request=request
    )[0]
    return _paid(merchant, resumed, key) if resumed.status == Status.PAUSED else resumed


def _paid(merchant: Merchant, subscription: Subscription, key: str | None) -> Subscription:
    """Stripe leaves the invoice of a resumption to be paid."""
    if subscription.collection_method == AUTOMATIC and subscription.latest_invoice_id:
        call = Call("invoices.pay", target=subscription.latest_invoice_id)
        with contextlib.suppress(PaymentRequired, InvalidRequest):  # declined, or no card
            execute(merchant=merchant, calls=[call], key=f"{key} pay" if key else None)
    row: Subscription = settle(merchant, "subscription", subscription.stripe_id).row
    return row


def extend_trial(
    *,
    merchant: Merchant,
    subscription: Subscription,
    trial_end: datetime | Literal["now"],
    payment_behavior: str = ERROR_IF_INCOMPLETE,
    key: str | None = None,
) -> Subscription:
    """Lets a trial end at another time; "now" charges at once (raises PaymentRequired, and nothing is changed). Then a
    change that was scheduled is taken back. Raises Conflict for a subscription that is not in trial."""

    def check() -> None:
        if subscription.status != Status.TRIALING:
            raise Conflict("This subscription is not in trial.", code="not_trialing")

    now = subscription.customer.now()
    if trial_end != "now" and not now < trial_end <= now + LONGEST_TRIAL:
        raise InvalidRequest("An instant in the next two years, or now.", param="trial_end")
    params: dict[str, Any] = {
        "trial_end": trial_end if trial_end == "now" else seconds(trial_end),
        "proration_behavior": "none",
        **({"payment_behavior": payment_behavior} if subscription.collection_method == AUTOMATIC else {}),
    }
    said = trial_end if trial_end == "now" else trial_end.isoformat()
    released = release_calls(subscription)
    extended: Subscription = execute(
        merchant=merchant,
        calls=[Call("subscriptions.update", params, target=subscription.stripe_id), *released],
        key=key,
        claim=claim_on(subscription),
        check=check,
        request=["extend trial", subscription.stripe_id, said, payment_behavior],
    )[0]
    return settled(merchant, subscription) if released else extended
