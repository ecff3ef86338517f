"""What the platform tells the rest of BillingOS (`@on`)."""

from dataclasses import dataclass
from datetime import datetime

from billingos.common.registries import DomainEvent, StripeObject


@dataclass(frozen=True, slots=True)
class AppliedObject:
    """A Stripe object that has become a row. `created` is the stamp of the event that led to it; `account` None is the
    platform account."""

    account: str | None
    created: datetime
    object: StripeObject


@dataclass(frozen=True, slots=True)
class ObjectsApplied(DomainEvent):
    """A batch of events was applied. Published in the platform's scope, after the rows were committed."""

    objects: tuple[AppliedObject, ...]
