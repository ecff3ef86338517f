"""Writing insights."""

from uuid import UUID

from billingos.common.errors import Conflict
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant, User
from billingos.merchants.services import record_audit
from insights.models import Insight
from insights.rules import WATCHED, Finding, findings
from insights.selectors import get_insight
from subscriptions.models import Subscription
from subscriptions.sync import subscription_in_hand


def review_subscription(*, merchant_id: UUID, subscription_id: UUID) -> None:
    """Opens what there is to tell of the subscription, and closes what is no longer so. Idempotent; what a person has
    dismissed is not opened again while it lasts."""
    subscription = subscription_in_hand(merchant_id, subscription_id)
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


def dismiss_insight(*, merchant: Merchant, insight_id: UUID, by: User) -> Insight:
    """A person has seen it and wants no more of it; a second time changes nothing. While its cause lasts it can be
    reopened. Raises NotFound, Conflict for one that is resolved."""
    return _decide(merchant, insight_id, Insight.Status.DISMISSED, by)


def reopen_insight(*, merchant: Merchant, insight_id: UUID, by: User) -> Insight:
    """Takes a dismissal back. Raises NotFound, Conflict where the cause is gone."""
    return _decide(merchant, insight_id, Insight.Status.OPEN, by)


def _decide(merchant: Merchant, insight_id: UUID, status: Insight.Status, by: User) -> Insight:
    with scope(merchant.id):
        insight = get_insight(merchant.id, insight_id, lock=True)
        if insight.closed_at is not None:
            raise Conflict("What it tells of is no longer so: there is nothing to dismiss or to reopen.", param="id")
        if insight.status != status:
            insight.status = status
            insight.save(update_fields=["status"])
            action = "insight.dismissed" if status == Insight.Status.DISMISSED else "insight.reopened"
            record_audit(
                merchant_id=merchant.id,
                action=action,
                target=f"insight {insight.id}",
                user=by,
                details={"kind": insight.kind, "title": insight.title},
            )
    return insight
