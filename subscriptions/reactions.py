"""What happens to subscriptions when a rule of the merchant changes."""

from billingos.common.registries import on
from billingos.merchants.events import BillingSettingsChanged
from subscriptions.recounting import recount_paused


@on(BillingSettingsChanged)
def recount(event: BillingSettingsChanged) -> None:
    if "paused_counts" in event.changed:
        recount_paused(event.merchant_id)
