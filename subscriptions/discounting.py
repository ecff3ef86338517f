"""A customer's own discount as it comes and goes. (Those of subscriptions are in `sync.discounts`.)"""

from uuid import UUID

from billingos.common.registries import StripeObject, publish
from customers.models import Customer
from subscriptions.events import DiscountWritten
from subscriptions.models import Discount
from subscriptions.sync import has_discounts, write_discount


def customer_has(merchant_id: UUID, customer_id: UUID, discount: StripeObject | None) -> None:
    """The customer's own discount is this one, or none: it holds for subscriptions without one."""
    if discount is None and not has_discounts(merchant_id):
        return
    customer = Customer.objects.for_merchant(merchant_id).get(id=customer_id)
    rows = Discount.objects.for_merchant(merchant_id).filter(customer=customer, removed_at=None)
    before = rows.filter(subscription_stripe_id="", item_stripe_id="").first()
    if before and (discount is None or before.stripe_id != discount["id"]):
        before.removed_at = customer.now()
        before.save(update_fields=["removed_at"])
        publish(DiscountWritten(merchant_id, before.id))
    if discount:
        write_discount(merchant_id, discount)
