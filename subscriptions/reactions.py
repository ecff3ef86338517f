"""What happens to subscriptions when something below them changes."""

from billingos.common.registries import on
from billingos.merchants.events import BillingSettingsChanged
from customers.events import CustomerSynced
from subscriptions.discounting import customer_has
from subscriptions.events import DiscountWritten, SubscriptionChanged
from subscriptions.models import Discount
from subscriptions.recounting import recount_discounted, recount_paused
from subscriptions.services.moves import settle_scheduled


@on(BillingSettingsChanged)
def recount(event: BillingSettingsChanged) -> None:
    if "paused_counts" in event.changed:
        recount_paused(event.merchant_id)


@on(CustomerSynced)
def discount_customer(event: CustomerSynced) -> None:
    customer_has(event.merchant_id, event.customer_id, event.discount)


@on(DiscountWritten)
def recount_what_it_lowers(event: DiscountWritten) -> None:
    rows = Discount.objects.for_merchant(event.merchant_id).select_related("customer")
    recount_discounted(rows.get(id=event.discount_id))


@on(SubscriptionChanged)
def note_its_move(event: SubscriptionChanged) -> None:
    settle_scheduled(merchant_id=event.merchant_id, subscription_id=event.subscription_id)
