"""The one path through the whole: product, customer, subscription; webhooks; entitlement; cancellation."""

from typing import Any

import stripe

from billingos.merchants.models import Merchant
from tests.fixtures import Api, Deliveries


def build_catalog(api: Api) -> dict[str, Any]:
    api.made("/meters", {"key": "api_calls", "name": "API calls", "aggregation": "sum"})
    api.made("/features", {"lookup_key": "sso", "name": "Single sign-on"})
    api.made("/features", {"lookup_key": "api_calls", "name": "API calls", "type": "limit", "meter": "api_calls"})
    product = api.made(
        "/products",
        {"name": "Pro", "features": [{"feature": "sso"}, {"feature": "api_calls", "limit": 1000}]},
    )
    price = api.made("/prices", {"product": product["id"], "currency": "usd", "unit_amount": 4900, "interval": "month"})
    return {"product": product, "price": price}


def test_from_product_to_access_and_back(
    api: Api, merchant: Merchant, stripe_client: stripe.StripeClient, deliveries: Deliveries
) -> None:
    options: Any = {"stripe_account": merchant.stripe_account_id}
    start = 1767225600  # 2026-01-01
    clock = stripe_client.v1.test_helpers.test_clocks.create({"frozen_time": start}, options)
    price = build_catalog(api)["price"]
    customer = api.made(
        "/customers",
        {
            "external_id": "ada",
            "email": "ada@example.com",
            "payment_method": "pm_card_visa",
            "test_clock": clock.id,
        },
    )
    subscription = api.made("/subscriptions", {"customer_id": "ada", "items": [{"price": price["id"]}]})
    assert subscription["status"] == "active"
    assert subscription["mrr"] == 4900
    assert stripe_client.v1.subscriptions.retrieve(subscription["stripe_id"], None, options).status == "active"

    deliveries.flush()
    events = api.found("/webhooks/events", object_id=subscription["stripe_id"])["data"]
    assert {event["status"] for event in events} == {"processed"}
    assert "customer.subscription.created" in {event["type"] for event in events}

    check = api.found("/entitlements/check", customer_id="ada", feature="sso")
    assert check["allowed"] is True
    assert (
        api.made("/usage/track", {"customer_id": "ada", "meter": "api_calls", "event_id": "e1", "value": 400})["status"]
        == "accepted"
    )
    calls = api.found("/entitlements/check", customer_id=customer["id"], feature="api_calls")
    assert (calls["allowed"], calls["limit"], calls["used"], calls["remaining"]) == (True, 1000, 400, 600)

    canceled = api.made(f"/subscriptions/{subscription['id']}/cancel", {"at_period_end": True})
    assert canceled["cancel_at_period_end"] is True
    deliveries.flush()
    assert api.found("/entitlements/check", customer_id="ada", feature="sso")["allowed"] is True

    stripe_client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": start + 40 * 86400}, options)
    deliveries.flush()
    assert api.found("/entitlements/check", customer_id="ada", feature="sso")["allowed"] is False
    assert api.found(f"/subscriptions/{subscription['id']}")["status"] == "canceled"
    mrr = api.found("/analytics/mrr", **{"from": "2026-01-01", "to": "2026-02-10"})["data"]
    assert mrr[0] == {"date": "2026-01-01", "mrr": 4900, "customers": 1}
    assert mrr[-1] == {"date": "2026-02-10", "mrr": 0, "customers": 0}
