"""Insights that can be told at once, from what has just changed."""

from billingos.common.registries import on
from insights.services import review_subscription
from subscriptions.events import SubscriptionChanged


@on(SubscriptionChanged)
def review(event: SubscriptionChanged) -> None:
    review_subscription(merchant_id=event.merchant_id, subscription_id=event.subscription_id)
