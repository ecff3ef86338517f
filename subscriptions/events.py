"""What the rest of BillingOS may react to (`@on`), inside the transaction in which it happened."""

from dataclasses import dataclass
from uuid import UUID

from billingos.common.registries import DomainEvent


@dataclass(frozen=True, slots=True)
class ProductSynced(DomainEvent):
    """A product was written. `features` is what its Stripe metadata says it includes (`features.py`)."""

    merchant_id: UUID
    version_id: UUID
    features: dict[str, "int | bool | None"]


@dataclass(frozen=True, slots=True)
class SubscriptionChanged(DomainEvent):
    """A subscription's row was written; `before` is its status until now, empty for a new one."""

    merchant_id: UUID
    subscription_id: UUID
    before: str
