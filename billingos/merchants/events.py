"""What the rest of BillingOS may react to (`@on`), inside the transaction in which it happened."""

from dataclasses import dataclass
from uuid import UUID

from billingos.common.registries import DomainEvent


@dataclass(frozen=True, slots=True)
class AccountConnected(DomainEvent):
    """Somebody has finished Stripe's questions about the merchant's account."""

    merchant_id: UUID


@dataclass(frozen=True, slots=True)
class BillingSettingsChanged(DomainEvent):
    """Some of a merchant's rules have other values now; `changed` names their columns in BillingSettings."""

    merchant_id: UUID
    changed: frozenset[str]
