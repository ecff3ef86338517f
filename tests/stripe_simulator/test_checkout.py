"""Checkout and the billing portal through the API; their pages are in ``test_pages``."""

import time
from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, moment

OK = "https://shop.test/ok?session={CHECKOUT_SESSION_ID}"


def one_off(shop: Shop, amount: int = 2500) -> str:
    product = shop.client.v1.products.create({"name": "Mug"}).id
    return shop.client.v1.prices.create({"product": product, "currency": "usd", "unit_amount": amount}).id


def session(shop: Shop, mode: str = "payment", **values: Any) -> stripe.checkout.Session:
    if mode != "setup" and "line_items" not in values:
        price = one_off(shop) if mode == "payment" else shop.price(900)
        values["line_items"] = [{"price": price, "quantity": 2}]
    asked: Any = {"mode": mode, "success_url": OK, "cancel_url": "https://shop.test/cart", **values}
    return shop.client.v1.checkout.sessions.create(asked)


def test_a_session_says_what_it_sells(shop: Shop) -> None:
    made = session(shop, metadata={"order": "7"}, client_reference_id="cart-7")
    assert made.id.startswith("cs_test_")
    assert (made.status, made.payment_status, made.amount_total, made.currency) == ("open", "unpaid", 5000, "usd")
    assert made.url == f"{shop.url}/c/pay/{made.id}"
    assert made.expires_at - made.created == 24 * 3600
    [line] = shop.client.v1.checkout.sessions.line_items.list(made.id).data
    assert (line.description, line.quantity, line.amount_total) == ("Mug", 2, 5000)
    expanded = shop.client.v1.checkout.sessions.retrieve(made.id, {"expand": ["line_items"]})
    assert expanded.line_items is not None
    assert [one.id for one in expanded.line_items] == [line.id]
    assert [one.id for one in shop.client.v1.checkout.sessions.list({"status": "open"})] == [made.id]
    assert shop.client.v1.checkout.sessions.list({"status": "complete"}).data == []


def test_discounts_and_taxes_are_in_the_total(shop: Shop) -> None:
    coupon = shop.client.v1.coupons.create({"percent_off": 10, "duration": "once"}).id
    rate = shop.client.v1.tax_rates.create({"display_name": "VAT", "percentage": 20, "inclusive": False}).id
    line: Any = {"price": one_off(shop, 1000), "quantity": 3, "tax_rates": [rate]}
    made = session(shop, line_items=[line], discounts=[{"coupon": coupon}])
    # 3 × 10.00 = 30.00, less 10 % = 27.00, plus 20 % = 32.40
    assert made.total_details is not None
    details = (made.total_details.amount_discount, made.total_details.amount_tax)
    assert (made.amount_subtotal, made.amount_total, *details) == (3000, 3240, 300, 540)


def test_prices_can_be_described(shop: Shop) -> None:
    data = {"currency": "eur", "unit_amount": 700, "product_data": {"name": "Tea"}}
    made = session(shop, line_items=[{"price_data": data, "quantity": 1}])
    assert (made.amount_total, made.currency) == (700, "eur")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"mode": "subscription", "recurring": False}, "one-time prices"),
        ({"mode": "payment", "recurring": True}, "recurring price"),
        ({"success_url": "shop"}, "Invalid URL"),
        ({"line_items": []}, "line_items"),
        ({"expires_at": 5}, "expires_at"),
        ({"mode": "payment", "subscription_data": {"description": "x"}}, "subscription_data"),
        ({"shipping_options": [{"shipping_rate": "shr_1"}]}, "No such shipping rate"),
        ({"mode": "setup", "line_items": [{"price": "p", "quantity": 1}]}, "line_items"),
    ],
)
def test_what_can_not_be_is_refused(shop: Shop, values: dict[str, Any], match: str) -> None:
    recurring = values.pop("recurring", None)
    if recurring is not None:
        price = shop.price(900) if recurring else one_off(shop)
        values["line_items"] = [{"price": price, "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError, match=match):
        session(shop, **values)


def test_sessions_expire(shop: Shop) -> None:
    made = session(shop)
    assert shop.client.v1.checkout.sessions.expire(made.id).status == "expired"
    assert shop.types()[-1] == "checkout.session.expired"
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        shop.client.v1.checkout.sessions.expire(made.id)

    clock = shop.clock(moment(2026, 1, 1))
    timed = session(shop, customer=shop.customer(clock))
    shop.advance(clock, moment(2026, 1, 3))
    found = shop.client.v1.checkout.sessions.retrieve(timed.id)
    assert (found.status, found.url) == ("expired", None)


def test_portal_sessions_have_a_configuration(shop: Shop) -> None:
    customer = shop.customer()
    portal = shop.client.v1.billing_portal
    made = portal.sessions.create({"customer": customer, "return_url": "https://shop.test/account"})
    assert made.url.startswith(f"{shop.url}/p/session/")
    [default] = portal.configurations.list().data
    assert (default.id, default.is_default) == (made.configuration, True)
    assert default.features.subscription_cancel.enabled
    own = portal.configurations.create(
        {"features": {"subscription_cancel": {"enabled": True, "mode": "immediately"}}, "metadata": {"a": "1"}}
    )
    assert (own.is_default, own.features.subscription_cancel.mode) == (False, "immediately")
    assert not own.features.invoice_history.enabled
    changed = portal.configurations.update(own.id, {"active": False, "business_profile": {"headline": "Hello"}})
    assert (changed.active, changed.business_profile.headline) == (False, "Hello")
    with pytest.raises(stripe.InvalidRequestError, match="not active"):
        portal.sessions.create({"customer": customer, "configuration": own.id})
    assert changed.updated <= int(time.time())
