"""Subscription items, read on their own."""

from typing import Any

from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import not_found
from stripe_simulator.lists import page
from stripe_simulator.params import LISTING, Text
from stripe_simulator.rendering import Json, render_item
from stripe_simulator.work import Work


@endpoint("GET", "/v1/subscription_items/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """An item."""
    for subscription in work.related("subscription", "item", id):
        for item in subscription["items"]["data"]:
            if item["id"] == id:
                return render_item(work, item)
    raise not_found("subscription_item", id, "id")


@endpoint("GET", "/v1/subscription_items", LISTING | {"subscription": Text(required=True)})
def list_items(work: Work, values: dict[str, Any]) -> Json:
    """The items of a subscription."""
    subscription = work.get("subscription", values["subscription"], "subscription")
    items = subscription["items"]["data"]
    return page(work, items, values, "/v1/subscription_items", show=render_item, ordered=True)
