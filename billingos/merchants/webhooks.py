"""Stripe events about merchants' own accounts."""

from uuid import UUID

from billingos.common.registries import StripeEvent, handles, project


@handles("account.updated")
def apply_account(merchant_id: UUID, event: StripeEvent) -> None:
    project(merchant_id, event.object, event_at=event.created)
