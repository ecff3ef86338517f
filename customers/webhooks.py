"""Stripe events about customers and test clocks."""

from uuid import UUID

from billingos.common.registries import StripeEvent, handles, project


@handles(
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "test_helpers.test_clock.created",
    "test_helpers.test_clock.advancing",
    "test_helpers.test_clock.ready",
    "test_helpers.test_clock.deleted",
)
def apply_object(merchant_id: UUID, event: StripeEvent) -> None:
    """The event's object becomes its row."""
    deleted = event.type.endswith(".deleted")
    project(merchant_id, {**event.object, "deleted": True} if deleted else event.object, event_at=event.created)
