"""What a buyer and a customer leave behind on the pages: sessions in every state, a portal's configuration."""

from typing import Any

import requests

from tests.stripe_simulator.conftest import Shop

_CARD = {"email": "a@b.test", "number": "4242424242424242", "expiry": "12/40", "cvc": "123", "name": "Jo"}
_THEN = {"success_url": "https://shop.test/ok", "cancel_url": "https://shop.test/cart"}


def surface_objects(shop: Shop) -> list[dict[str, Any]]:
    """Checkout sessions with their lines, portal sessions, configurations, as raw JSON."""
    sessions, customer = _sessions(shop), shop.customer()
    made = _answer(shop, "post", "billing_portal/sessions", {"customer": customer, "return_url": "https://shop.test"})
    paths = [
        "checkout/sessions?limit=100&expand[]=data.line_items&expand[]=data.payment_intent&expand[]=data.subscription",
        *(f"checkout/sessions/{id}/line_items" for id in sessions),
        "billing_portal/configurations",
        "events?type=checkout.session.*&limit=100",
    ]
    return [made, *(body for path in paths for body in _answer(shop, "get", path)["data"])]


def _sessions(shop: Shop) -> list[str]:
    """Open, paid and expired ones, of every mode; the ids of those that sell something."""
    client = shop.client.v1
    coupon = client.coupons.create({"percent_off": 10, "duration": "once"}).id
    rate = client.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": True}).id
    data = {"currency": "usd", "unit_amount": 700, "product_data": {"name": "Tea"}}
    sold: Any = {"line_items": [{"price_data": data, "quantity": 2, "tax_rates": [rate]}], **_THEN}
    recurring: Any = {"line_items": [{"price": shop.price(900), "quantity": 1}], **_THEN}
    asked: list[Any] = [
        {"mode": "payment", "customer_creation": "always", "discounts": [{"coupon": coupon}], **sold},
        {"mode": "subscription", "allow_promotion_codes": True, **recurring},
        {"mode": "subscription", "subscription_data": {"trial_period_days": 9}, **recurring},
        {"mode": "setup", "customer": shop.customer(), "currency": "usd", **_THEN},
    ]
    for values in asked:
        made = client.checkout.sessions.create(values)
        paid = requests.post(str(made.url), data=_CARD, allow_redirects=False, timeout=10)
        assert paid.headers["Location"] == "https://shop.test/ok"
    still_open = [client.checkout.sessions.create(values).id for values in asked[:2]]
    client.checkout.sessions.expire(still_open[0])
    return still_open


def _answer(shop: Shop, method: str, path: str, data: dict[str, str] | None = None) -> dict[str, Any]:
    auth = ("sk_test_simulator", "")
    answer = requests.request(method, f"{shop.url}/v1/{path}", data=data, auth=auth, timeout=10)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
