"""What the rest of BillingOS may react to (`@on`), inside the transaction in which it happened."""

from dataclasses import dataclass
from uuid import UUID

from billingos.common.registries import DomainEvent, StripeObject


@dataclass(frozen=True, slots=True)
class CustomerSynced(DomainEvent):
    """A customer was written. `discount` is Stripe's object of the discount of their own, None without one."""

    merchant_id: UUID
    customer_id: UUID
    discount: StripeObject | None
