"""What happens to entitlements when something below them changes."""

from billingos.common.registries import on
from billingos.merchants.events import BillingSettingsChanged
from entitlements.services import refresh_entitlements, refresh_past_due, set_product_features
from subscriptions.events import SubscriptionChanged, VersionDescribed


@on(VersionDescribed)
def include_features(event: VersionDescribed) -> None:
    set_product_features(merchant_id=event.merchant_id, version_id=event.version_id, included=event.features)


@on(SubscriptionChanged)
def grant_or_end(event: SubscriptionChanged) -> None:
    refresh_entitlements(merchant_id=event.merchant_id, subscription_id=event.subscription_id)


@on(BillingSettingsChanged)
def end_or_give_back(event: BillingSettingsChanged) -> None:
    if "past_due_keeps_access" in event.changed:
        refresh_past_due(merchant_id=event.merchant_id)
