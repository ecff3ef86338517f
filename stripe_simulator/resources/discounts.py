"""Taking discounts off customers and subscriptions."""

from typing import Any

from stripe_simulator.billing import discounts
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import not_found
from stripe_simulator.events import updating
from stripe_simulator.rendering import Json, render
from stripe_simulator.work import Work


@endpoint("DELETE", "/v1/customers/<id>/discount")
def delete_of_customer(work: Work, values: dict[str, Any], id: str) -> Json:
    """End the customer's discount."""
    customer = work.get("customer", id)
    return _end(work, customer, [customer["discount"]] if customer["discount"] else [])


@endpoint("DELETE", "/v1/subscriptions/<id>/discount")
def delete_of_subscription(work: Work, values: dict[str, Any], id: str) -> Json:
    """End the subscription's discounts; those of its items stay."""
    subscription = work.get("subscription", id)
    return _end(work, subscription, list(subscription["discounts"]))


def _end(work: Work, holder: Record, ids: list[str]) -> Json:
    if not ids:
        raise not_found("active discount for", holder["id"], "id")
    with updating(work, holder):
        for id in ids:
            discounts.end(work, work.get("discount", id))
    return render(work, work.get("discount", ids[0])) | {"deleted": True}
