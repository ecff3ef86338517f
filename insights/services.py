"""Writing insights."""

from uuid import UUID

from insights.models import Insight
from insights.rules import WATCHED, Finding, findings
from subscriptions.models import Subscription


def review_subscription(*, merchant_id: UUID, subscription_id: UUID) -> None:
    """Opens what there is to tell of the subscription, and closes what is no longer so. Idempotent; what a person has
    dismissed is not opened again while it lasts."""
    rows = Subscription.objects.for_merchant(merchant_id).select_related("customer__test_clock")
    subscription = rows.get(id=subscription_id)
    found = {finding.kind: finding for finding in findings(subscription)}
    existing = Insight.objects.for_merchant(merchant_id).filter(key=str(subscription.id), closed_at=None)
    current = {insight.kind: insight for insight in existing}
    for kind in WATCHED:
        if kind in found and kind not in current:
            _open(subscription, found[kind])
        elif kind in current and kind not in found:
            _close(current[kind], subscription)


def _open(subscription: Subscription, finding: Finding) -> None:
    Insight.objects.create(
        merchant_id=subscription.merchant_id,
        customer=subscription.customer,
        kind=finding.kind,
        severity=finding.severity,
        title=finding.title,
        body=finding.body,
        evidence=finding.evidence,
        key=str(subscription.id),
        detected_at=subscription.customer.now(),
    )


def _close(insight: Insight, subscription: Subscription) -> None:
    if insight.status == Insight.Status.OPEN:
        insight.status = Insight.Status.RESOLVED
    insight.closed_at = subscription.customer.now()
    insight.save(update_fields=["status", "closed_at"])
