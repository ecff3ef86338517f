"""Subscription items on their own: each change is a change of their subscription."""

from typing import Any

from stripe_simulator.billing import adjustments
from stripe_simulator.database import Record
from stripe_simulator.endpoints import endpoint
from stripe_simulator.errors import not_found
from stripe_simulator.lists import page
from stripe_simulator.params import LISTING, Fields, Flag, Hash, Integer, Metadata, Text, Unsimulated
from stripe_simulator.rendering import Json, render_item
from stripe_simulator.resources import subscriptions
from stripe_simulator.work import Work

_CHANGE: Fields = {
    "payment_behavior": subscriptions.BEHAVIOR,
    "proration_behavior": subscriptions.PRORATION,
    "proration_date": Integer(),
}
_ITEM: Fields = {
    **adjustments.ITEM,
    "billing_thresholds": Unsimulated(),
    "metadata": Metadata(),
    "off_session": Flag(),
    "plan": Unsimulated(),
    "price": Text(),
    "price_data": Hash(fields=subscriptions.PRICE_DATA),
    "quantity": Integer(least=0),
}


@endpoint("POST", "/v1/subscription_items", _ITEM | _CHANGE | {"subscription": Text(required=True)})
def create(work: Work, values: dict[str, Any]) -> Json:
    """Add an item to a subscription."""
    subscription = work.get("subscription", values.pop("subscription"), "subscription")
    before = {item["id"] for item in subscription["items"]["data"]}
    _change(work, subscription, values, {})
    return render_item(work, next(item for item in subscription["items"]["data"] if item["id"] not in before))


@endpoint("GET", "/v1/subscription_items/<id>")
def retrieve(work: Work, values: dict[str, Any], id: str) -> Json:
    """An item."""
    return render_item(work, _item(_holder(work, id), id))


@endpoint("POST", "/v1/subscription_items/<id>", _ITEM | _CHANGE)
def update(work: Work, values: dict[str, Any], id: str) -> Json:
    """Change an item."""
    subscription = _holder(work, id)
    _change(work, subscription, values, {"id": id})
    return render_item(work, _item(subscription, id))


@endpoint("DELETE", "/v1/subscription_items/<id>", _CHANGE | {"clear_usage": Unsimulated()})
def delete(work: Work, values: dict[str, Any], id: str) -> Json:
    """Take an item from its subscription, which must keep another one."""
    _change(work, _holder(work, id), values, {"id": id, "deleted": True})
    return {"id": id, "object": "subscription_item", "deleted": True}


@endpoint("GET", "/v1/subscription_items", LISTING | {"subscription": Text(required=True)})
def list_items(work: Work, values: dict[str, Any]) -> Json:
    """The items of a subscription."""
    subscription = work.get("subscription", values["subscription"], "subscription")
    items = subscription["items"]["data"]
    return page(work, items, values, "/v1/subscription_items", show=render_item, ordered=True)


def _change(work: Work, subscription: Record, values: dict[str, Any], item: Json) -> None:
    sent = {name: value for name, value in values.items() if name in _ITEM and name != "off_session"}
    asked = {name: value for name, value in values.items() if name in _CHANGE}
    subscriptions.change(work, subscription, asked | {"items": [item | sent]})


def _holder(work: Work, id: str) -> Record:
    for subscription in work.related("subscription", "item", id):
        if any(item["id"] == id for item in subscription["items"]["data"]):
            return subscription
    raise not_found("subscription_item", id, "id")


def _item(subscription: Record, id: str) -> Json:
    found: Json = next(item for item in subscription["items"]["data"] if item["id"] == id)
    return found
