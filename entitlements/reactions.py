"""What happens to entitlements when something below them changes."""

from django.db import transaction

from billingos.common.registries import on
from billingos.merchants.events import BillingSettingsChanged
from entitlements.following import has_to_follow, wake
from entitlements.services import refresh_entitlements, refresh_past_due, set_product_features
from subscriptions.events import SubscriptionChanged, VersionDescribed


@on(VersionDescribed)
def include_features(event: VersionDescribed) -> None:
    merchant_id, version_id = event.merchant_id, event.version_id
    news = set_product_features(merchant_id=merchant_id, version_id=version_id, included=event.features)
    if news and has_to_follow(merchant_id=merchant_id, version_id=version_id):
        transaction.on_commit(lambda: wake(merchant_id, version_id))


@on(SubscriptionChanged)
def grant_or_end(event: SubscriptionChanged) -> None:
    refresh_entitlements(merchant_id=event.merchant_id, subscription_id=event.subscription_id)


@on(BillingSettingsChanged)
def end_or_give_back(event: BillingSettingsChanged) -> None:
    if "past_due_keeps_access" in event.changed:
        refresh_past_due(merchant_id=event.merchant_id)
