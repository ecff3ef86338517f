"""Stripe events about merchants' own accounts."""

from uuid import UUID

from billingos.common.errors import MissingReference
from billingos.common.registries import StripeEvent, handles, project
from billingos.merchants.models import ConnectedAccount
from billingos.merchants.services.connect import note_access


@handles("account.updated")
def apply_account(merchant_id: UUID, event: StripeEvent) -> None:
    project(merchant_id, event.object, event_at=event.created)


@handles("capability.updated")
def ask_for_account(merchant_id: UUID, event: StripeEvent) -> None:
    """A capability comes without the rest of its account: unless Stripe was asked since, it is asked for all."""
    if event.account is None:
        return
    known = ConnectedAccount.objects.for_merchant(merchant_id).filter(stripe_id=event.account)
    if not known.filter(stripe_written_at__gt=event.created).exists():
        raise MissingReference("account", event.account)


@handles("account.application.deauthorized")
def stop_access(merchant_id: UUID, event: StripeEvent) -> None:
    note_access(merchant_id=merchant_id, allowed=False, at=event.created)


@handles("account.application.authorized")
def allow_access(merchant_id: UUID, event: StripeEvent) -> None:
    note_access(merchant_id=merchant_id, allowed=True, at=event.created)
