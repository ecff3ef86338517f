"""Stripe events about customers, what they pay with, and test clocks."""

from uuid import UUID

from billingos.common.registries import StripeEvent, handles, project


@handles(
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "payment_method.attached",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "test_helpers.test_clock.created",
    "test_helpers.test_clock.advancing",
    "test_helpers.test_clock.ready",
    "test_helpers.test_clock.internal_failure",
    "test_helpers.test_clock.deleted",
    only_projects=True,
)
def apply_object(merchant_id: UUID, event: StripeEvent) -> None:
    """The event's object becomes its row."""
    deleted = event.type.endswith(".deleted")
    project(merchant_id, {**event.object, "deleted": True} if deleted else event.object, event_at=event.created)
