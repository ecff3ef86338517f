"""Connect: each account is a world of its own."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop


def connected(shop: Shop, name: str) -> Any:
    account = shop.client.v1.accounts.create({"type": "standard", "business_profile": {"name": name}})
    return {"stripe_account": account.id}


def test_accounts_never_see_each_other(shop: Shop) -> None:
    first, second = connected(shop, "One"), connected(shop, "Two")
    for options, name in ((first, "A"), (second, "B")):
        product = shop.client.v1.products.create({"id": "pro", "name": name}, options=options)
        assert product.id == "pro"
    assert shop.client.v1.products.retrieve("pro", options=first).name == "A"
    assert shop.client.v1.products.retrieve("pro", options=second).name == "B"
    with pytest.raises(stripe.InvalidRequestError, match="No such product"):
        shop.client.v1.products.retrieve("pro")
    assert shop.client.v1.products.list().data == []

    customer = shop.client.v1.customers.create({}, options=first)
    nobody: Any = {}
    for options in (second, nobody):
        with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
            shop.client.v1.customers.retrieve(customer.id, options=options)
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        shop.client.v1.products.create({"id": "pro", "name": "C"}, options=first)


def test_events_carry_their_account_and_go_to_connect_endpoints(shop: Shop) -> None:
    options = connected(shop, "One")
    platform = shop.client.v1.webhook_endpoints.list().data
    shop.received.clear()
    shop.client.v1.customers.create({}, options=options)
    shop.client.v1.customers.create({})
    assert [event.get("account") for event in shop.received] == [options["stripe_account"], None]
    log = shop.simulator.delivery_log[-2:]
    assert [attempt.endpoint for attempt in log] == [platform[0].id, platform[1].id]
    assert len(shop.client.v1.events.list({}, options=options).data) == 1


def test_idempotency_keys_are_scoped_by_account(shop: Shop) -> None:
    first, second = connected(shop, "One"), connected(shop, "Two")
    made = set()
    options: Any
    for options in (first, second, {}):
        keyed: Any = {**options, "idempotency_key": "k"}
        made.add(shop.client.v1.customers.create({}, options=keyed).id)
    assert len(made) == 3


def test_an_unknown_account_is_refused(shop: Shop) -> None:
    with pytest.raises(stripe.PermissionError) as refused:
        shop.client.v1.customers.list(options={"stripe_account": "acct_1nobody"})
    assert refused.value.http_status == 403
    body: Any = refused.value.json_body
    assert body["error"]["code"] == "account_invalid"


def test_accounts_are_read_changed_and_linked(shop: Shop) -> None:
    options = connected(shop, "One")
    id = options["stripe_account"]
    shop.client.v1.accounts.update(id, {"metadata": {"k": "v"}})
    assert shop.received[-1]["type"] == "account.updated"
    assert shop.received[-1]["account"] == id
    assert [one.id for one in shop.client.v1.accounts.list()] == [id]
    assert shop.client.v1.accounts.retrieve(id).charges_enabled
    link = shop.client.v1.account_links.create(
        {
            "account": id,
            "type": "account_onboarding",
            "refresh_url": "http://a.test",
            "return_url": "http://b.test",
        }
    )
    assert link.url.startswith(f"{shop.url}/setup/s/")


def test_coupons_of_one_name_belong_to_their_accounts(shop: Shop) -> None:
    first, second = connected(shop, "One"), connected(shop, "Two")
    totals = {}
    for options, percent in ((first, 10), (second, 50)):
        shop.client.v1.coupons.create({"id": "LAUNCH", "percent_off": percent, "duration": "once"}, options=options)
        price = shop.client.v1.prices.create(
            {"currency": "usd", "unit_amount": 1000, "recurring": {"interval": "month"}, "product_data": {"name": "P"}},
            options=options,
        )
        card: Any = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
        customer = shop.client.v1.customers.create(card, options=options)
        order: Any = {"customer": customer.id, "items": [{"price": price.id}], "discounts": [{"coupon": "LAUNCH"}]}
        shop.client.v1.subscriptions.create(order, options=options)
        totals[percent] = [invoice.total for invoice in shop.client.v1.invoices.list({}, options=options).data]
    assert totals == {10: [900], 50: [500]}
    assert [coupon.percent_off for coupon in shop.client.v1.coupons.list({}, options=first).data] == [10]
    with pytest.raises(stripe.InvalidRequestError, match="No such coupon"):
        shop.client.v1.coupons.retrieve("LAUNCH")
