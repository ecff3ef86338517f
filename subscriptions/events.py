"""What the rest of BillingOS may react to (`@on`), inside the transaction in which it happened."""

from dataclasses import dataclass
from uuid import UUID

from billingos.common.registries import DomainEvent


@dataclass(frozen=True, slots=True)
class VersionDescribed(DomainEvent):
    """`features` is what a version of a product includes, as Stripe's metadata says it (`features.py`)."""

    merchant_id: UUID
    version_id: UUID
    features: dict[str, "int | bool | None"]


@dataclass(frozen=True, slots=True)
class DiscountWritten(DomainEvent):
    """Something of a discount is new, also that it was taken away."""

    merchant_id: UUID
    discount_id: UUID


@dataclass(frozen=True, slots=True)
class SubscriptionChanged(DomainEvent):
    """A subscription's row was written; `before` is its status until now, empty for a new one."""

    merchant_id: UUID
    subscription_id: UUID
    before: str
