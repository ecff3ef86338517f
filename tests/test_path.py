"""The one path through the whole: product, customer, subscription; webhooks; entitlement; cancellation."""

from billingos.common.tenancy import scope
from billingos.merchants.models import BillingSettings
from entitlements.models import Entitlement
from tests.scenes import Scene


def test_from_product_to_access_and_back(scene: Scene) -> None:
    api, subscription, customer = scene.api, scene.subscription, scene.customer
    assert (subscription["status"], subscription["mrr"]) == ("active", 4900)
    in_stripe = scene.stripe_client.v1.subscriptions.retrieve(subscription["stripe_id"], None, scene.account)
    assert in_stripe.status == "active"

    events = api.found("/webhooks/events", object_id=subscription["stripe_id"])["data"]
    assert {event["status"] for event in events} == {"processed"}
    assert "customer.subscription.created" in {event["type"] for event in events}

    assert scene.allowed("sso") is True
    usage = {"customer_id": customer["external_id"], "meter": "api_calls", "event_id": "e1", "value": 400}
    assert api.made("/usage/track", usage)["status"] == "accepted"
    calls = api.found("/entitlements/check", customer_id=customer["id"], feature="api_calls")
    assert (calls["allowed"], calls["limit"], calls["used"], calls["remaining"]) == (True, 1000, 400, 600)
    assert calls["resets_at"] == "2026-02-01T00:00:00Z"

    canceled = api.made(f"/subscriptions/{subscription['id']}/cancel", {"at_period_end": True})
    assert canceled["cancel_at_period_end"] is True
    scene.deliveries.flush()
    assert scene.allowed("sso") is True

    scene.advance(days=40)
    assert scene.allowed("sso") is False
    assert scene.allowed("api_calls") is False
    ended = api.found(f"/subscriptions/{subscription['id']}")
    assert (ended["status"], ended["ended_at"], ended["mrr"]) == ("canceled", "2026-02-01T00:00:00Z", 0)


def test_mrr_is_what_held_at_the_end_of_each_day(scene: Scene) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    scene.advance(days=40)
    days = scene.api.found("/analytics/mrr", **{"from": "2025-12-31", "to": "2026-02-02"})
    assert days["currency"] == "usd"
    by_date = {day["date"]: (day["mrr"], day["customers"]) for day in days["data"]}
    assert by_date["2025-12-31"] == (0, 0)
    assert by_date["2026-01-01"] == (4900, 1)
    assert by_date["2026-01-31"] == (4900, 1)
    assert by_date["2026-02-01"] == (0, 0)


def test_an_insight_comes_and_goes_with_its_reason(scene: Scene) -> None:
    assert scene.api.found("/insights")["data"] == []
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    (insight,) = scene.api.found("/insights", status="open")["data"]
    assert (insight["kind"], insight["customer"]) == ("cancellation_pending", scene.customer["id"])
    assert insight["evidence"]["mrr"] == 4900
    scene.advance(days=40)
    assert scene.api.found("/insights", status="open")["data"] == []
    assert scene.api.found("/insights", status="resolved")["data"][0]["id"] == insight["id"]


def test_canceled_at_once_ends_access_at_once(scene: Scene) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": False})
    assert scene.allowed("sso") is False
    again = scene.api.post(f"/subscriptions/{scene.subscription['id']}/cancel", {})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "subscription_ended")


def test_entitlements_are_dated_in_the_customers_time(scene: Scene) -> None:
    scene.api.made(f"/subscriptions/{scene.subscription['id']}/cancel", {"at_period_end": True})
    scene.advance(days=40)
    with scope(scene.api.merchant.id):
        rows = Entitlement.objects.for_merchant(scene.api.merchant.id)
        dates = {(f"{row.granted_at:%Y-%m-%d}", f"{row.ended_at:%Y-%m-%d}") for row in rows}
    assert dates == {("2026-01-01", "2026-02-01")}


def test_a_failed_renewal_ends_access_at_once_where_the_merchant_wants_it_so(scene: Scene) -> None:
    with scope(scene.api.merchant.id):
        BillingSettings.objects.for_merchant(scene.api.merchant.id).update(past_due_keeps_access=False)
    fail_renewal(scene)
    assert scene.api.found(f"/subscriptions/{scene.subscription['id']}")["status"] == "past_due"
    assert scene.allowed("sso") is False


def fail_renewal(scene: Scene) -> None:
    method = scene.stripe_client.v1.payment_methods.attach(
        "pm_card_chargeCustomerFail", {"customer": scene.customer["stripe_id"]}, scene.account
    )
    scene.stripe_client.v1.customers.update(
        scene.customer["stripe_id"], {"invoice_settings": {"default_payment_method": method.id}}, scene.account
    )
    scene.advance(days=32)


def test_a_failed_renewal_keeps_access_while_it_is_retried(scene: Scene) -> None:
    fail_renewal(scene)
    assert scene.api.found(f"/subscriptions/{scene.subscription['id']}")["status"] == "past_due"
    assert scene.allowed("sso") is True
    kinds = {insight["kind"] for insight in scene.api.found("/insights", status="open")["data"]}
    assert kinds == {"payment_failed"}
    scene.advance(days=30)
    assert scene.api.found(f"/subscriptions/{scene.subscription['id']}")["status"] == "canceled"
    assert scene.allowed("sso") is False
