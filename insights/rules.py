"""What is worth telling of a subscription, from its row alone. No writes, no clock."""

from dataclasses import dataclass
from typing import Any

from billingos.ui.money import money_text
from insights.models import Insight
from subscriptions.models import Subscription

Kind = Insight.Kind
WATCHED = (Kind.PAYMENT_FAILED, Kind.CANCELLATION_PENDING)


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Insight.Kind
    severity: Insight.Severity
    title: str
    body: str
    evidence: dict[str, Any]


def findings(subscription: Subscription) -> list[Finding]:
    """At most one of each kind."""
    found = [payment_failed(subscription), cancellation_pending(subscription)]
    return [finding for finding in found if finding]


def payment_failed(subscription: Subscription) -> Finding | None:
    if subscription.status not in {Subscription.Status.PAST_DUE, Subscription.Status.UNPAID}:
        return None
    return Finding(
        Kind.PAYMENT_FAILED,
        Insight.Severity.CRITICAL,
        f"{subscription.customer} could not be charged",
        f"The renewal was declined. {_worth(subscription)} a month is at risk until a payment succeeds.",
        _evidence(subscription),
    )


def cancellation_pending(subscription: Subscription) -> Finding | None:
    ends = subscription.cancel_at or (subscription.current_period_end if subscription.cancel_at_period_end else None)
    if subscription.has_ended or ends is None:
        return None
    return Finding(
        Kind.CANCELLATION_PENDING,
        Insight.Severity.WARNING,
        f"{subscription.customer} is about to leave",
        f"The subscription ends on {ends:%-d %B %Y}. {_worth(subscription)} a month goes with it.",
        {**_evidence(subscription), "ends_at": ends.isoformat()},
    )


def _worth(subscription: Subscription) -> str:
    return money_text(subscription.mrr, subscription.currency)


def _evidence(subscription: Subscription) -> dict[str, Any]:
    return {
        "subscription": str(subscription.id),
        "subscription_stripe_id": subscription.stripe_id,
        "status": subscription.status,
        "mrr": subscription.mrr,
        "currency": subscription.currency,
    }
