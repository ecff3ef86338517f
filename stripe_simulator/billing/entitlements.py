"""Active entitlements: what a customer's running subscriptions give, announced when it changes.

As at Stripe they are drawn anew when a subscription starts, changes, renews or ends, not when a feature is
attached to a product: customers who already subscribe get it with their next period.
"""

from stripe_simulator.database import Record
from stripe_simulator.events import emit_snapshot
from stripe_simulator.rendering import Json, list_object, render
from stripe_simulator.work import Work

GIVING = ("active", "trialing", "past_due")
_EMBEDDED = 10


def refresh(work: Work, customer: str) -> None:
    """Bring a customer's active entitlements up to date."""
    wanted = _features(work, customer)
    current = {record["feature"]: record for record in work.related(_KIND, "customer", customer)}
    if wanted.keys() == current.keys():
        return
    before = [_show(work, record) for record in current.values()]
    clock = work.get("customer", customer)["_clock"]
    for feature, record in current.items():
        if feature not in wanted:
            work.delete(record)
    for feature in wanted.keys() - current.keys():
        body = {"feature": feature, "lookup_key": wanted[feature]["lookup_key"]}
        work.insert(_KIND, body, clock=clock, customer=customer)
    after = [_show(work, record) for record in work.related(_KIND, "customer", customer)]
    previous = {"entitlements": {"data": before[:_EMBEDDED]}}
    emit_snapshot(
        work,
        "entitlements.active_entitlement_summary.updated",
        _summary(customer, after),
        clock=clock,
        previous=previous,
    )


_KIND = "entitlements.active_entitlement"


def _show(work: Work, record: Record) -> Json:
    return render(work, record)


def _summary(customer: str, shown: list[Json]) -> Json:
    url = f"/v1/customer/{customer}/entitlements"
    return {
        "object": "entitlements.active_entitlement_summary",
        "customer": customer,
        "entitlements": list_object(url, shown[:_EMBEDDED], len(shown) > _EMBEDDED),
        "livemode": False,
    }


def _features(work: Work, customer: str) -> dict[str, Record]:
    """The features of all products that the customer's running subscriptions contain, by id."""
    products = {
        work.get("price", item["price"])["product"]
        for subscription in work.related("subscription", "customer", customer)
        if subscription["status"] in GIVING
        for item in subscription["items"]["data"]
    }
    return {
        attached["_feature"]: work.get("entitlements.feature", attached["_feature"])
        for product in sorted(products)
        for attached in work.related("product_feature", "product", product)
    }
