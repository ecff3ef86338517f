"""A subscription begins: its terms, its first payment, and what a customer may not have twice."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from billingos.api.models import IdempotencyRecord
from billingos.common.tenancy import scope
from subscriptions.models import SubscriptionChange
from tests.fixtures import Api
from tests.scenes import JANUARY
from tests.subscriptions.shop import Shop
from tests.test_hostile_input import refused

NEEDS_3DS = "pm_card_authenticationRequired"
DECLINED = "pm_card_chargeCustomerFail"
START = datetime.fromtimestamp(JANUARY, UTC)


def order(shop: Shop, *names: str, **terms: Any) -> dict[str, Any]:
    return {"customer_id": shop.customer, "items": shop.items(dict.fromkeys(names or ("basic",), 1)), **terms}


# --- Terms -----------------------------------------------------------------------------------------------------------


def test_several_items_with_quantities_under_a_coupon(shop: Shop) -> None:
    shop.open()
    shop.v1.coupons.create({"id": "FIFTH", "percent_off": 20, "duration": "forever"}, shop.account)
    shop.deliveries.flush()
    made = shop.subscribe({"basic": 1, "seat": 3, "metered": None}, coupon="FIFTH", metadata={"team": "red"})
    assert [item["quantity"] for item in made["items"]] == [1, 3, 0]
    assert (made["status"], made["metadata"], made["payment"]) == ("active", {"team": "red"}, None)
    assert made["mrr"] == round((1999 + 3 * 777) * 0.8)
    assert shop.invoices()[0].amount_due == 1999 + 3 * 777 - 866  # 400 and 466 are taken off


def test_a_promotion_code_as_customers_type_it(shop: Shop) -> None:
    shop.open()
    shop.v1.coupons.create({"id": "FIFTH", "percent_off": 20, "duration": "once"}, shop.account)
    code = shop.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": "FIFTH"}, "code": "HI"}, shop.account
    )
    shop.deliveries.flush()
    shop.subscribe({"basic": 1}, promotion_code="hi")
    assert shop.invoices()[0].amount_due == 1599
    assert shop.v1.promotion_codes.retrieve(code.id, None, shop.account).times_redeemed == 1


def test_a_trial_until_an_instant(shop: Shop) -> None:
    shop.open()
    made = shop.subscribe({"basic": 1}, trial_end="2026-01-11T12:00:00Z")
    assert (made["status"], made["trial_end"], made["mrr"]) == ("trialing", "2026-01-11T12:00:00Z", 0)


def test_an_invoice_that_is_sent(shop: Shop) -> None:
    shop.open(card=None)
    made = shop.subscribe({"basic": 1}, collection_method="send_invoice", days_until_due=14)
    assert (made["status"], made["collection_method"], made["days_until_due"]) == ("active", "send_invoice", 14)
    assert shop.invoices()[0].due_at == START + timedelta(days=14)


@pytest.mark.parametrize(
    ("terms", "status", "code", "param"),
    [
        ({"trial_days": 3, "trial_end": "2026-02-01T00:00:00Z"}, 400, "parameter_invalid", "trial_end"),
        ({"trial_end": "2025-12-31T00:00:00Z"}, 400, "invalid_request", "trial_end"),
        ({"trial_end": "2026-02-01T00:00:00"}, 400, "parameter_invalid", "trial_end"),
        ({"coupon": "NONE"}, 404, "resource_missing", "coupon"),
        ({"promotion_code": "NONE"}, 404, "resource_missing", "promotion_code"),
        ({"coupon": "A", "promotion_code": "B"}, 400, "parameter_invalid", "promotion_code"),
        ({"collection_method": "send_invoice"}, 400, "parameter_missing", "days_until_due"),
        ({"default_payment_method": "pm_unknown"}, 400, "resource_missing", "default_payment_method"),
    ],
)
def test_terms_that_can_not_be(shop: Shop, terms: dict[str, Any], status: int, code: str, param: str) -> None:
    shop.open()
    refused(shop.api.post("/subscriptions", order(shop, **terms)), status, code, param)
    assert shop.api.found("/subscriptions")["data"] == []


# --- The first payment -----------------------------------------------------------------------------------------------


def test_an_incomplete_payment_is_finished_with_3d_secure(shop: Shop) -> None:
    shop.open(card=NEEDS_3DS)
    shop.api.made("/features", {"lookup_key": "sso", "name": "Single sign-on"})
    product = shop.api.made("/products", {"name": "Secure", "features": [{"feature": "sso"}]})
    price = shop.api.made(
        "/prices", {"product": product["id"], "currency": "usd", "unit_amount": 900, "interval": "month"}
    )
    body = {"customer_id": shop.customer, "items": [{"price": price["id"]}]}
    made = shop.subscription = shop.api.made("/subscriptions", body, key="once")
    shop.deliveries.flush()
    assert (made["status"], made["payment"]["status"]) == ("incomplete", "requires_action")
    assert made["payment"]["hosted_invoice_url"].startswith("http")
    assert made["latest_invoice_id"] == shop.invoices()[0].stripe_id
    check: dict[str, Any] = {"customer_id": shop.customer, "feature": "sso"}
    assert not shop.api.found("/entitlements/check", **check)["allowed"]
    again = shop.api.post("/subscriptions", body, key="once")
    assert again["Idempotent-Replayed"] == "true"
    assert again.json()["payment"] == shop.now()["payment"] == made["payment"]

    intent = made["payment"]["client_secret"].split("_secret_")[0]
    shop.client.raw_request("post", f"/v1/test_helpers/3ds/{intent}", stripe_account=shop.account["stripe_account"])
    shop.deliveries.flush()
    assert (shop.now()["status"], shop.now()["payment"]) == ("active", None)
    assert shop.api.found("/entitlements/check", **check)["allowed"]


def test_the_secret_is_not_kept_with_the_answer(shop: Shop) -> None:
    shop.open(card=NEEDS_3DS)
    made = shop.api.made("/subscriptions", order(shop), key="kept")
    with scope(shop.api.merchant.id):
        kept = IdempotencyRecord.objects.for_merchant(shop.api.merchant.id).get(key="kept").body or {}
    assert made["payment"]["client_secret"]
    assert kept["id"] == made["id"]
    assert "payment" not in kept


def test_a_declined_first_payment(shop: Shop) -> None:
    shop.open(card=DECLINED)
    refused(shop.api.post("/subscriptions", order(shop, payment_behavior="error_if_incomplete")), 402, "card_declined")
    assert shop.api.found("/subscriptions")["data"] == []
    made = shop.api.made("/subscriptions", order(shop))
    assert (made["status"], made["payment"]["status"]) == ("incomplete", "requires_payment_method")


# --- What a customer may not have ------------------------------------------------------------------------------------


def test_one_subscription_of_a_product(shop: Shop) -> None:
    shop.open()
    first = shop.subscribe({"basic": 1})
    error = refused(
        shop.api.post("/subscriptions", order(shop, "addon", "basic")), 409, "already_subscribed", "items[1][price]"
    )
    assert first["id"] in error["message"]
    shop.api.made("/subscriptions", order(shop, "addon"))  # another product
    shop.rule(one_subscription_per_product=False)
    shop.api.made("/subscriptions", order(shop, "basic"))
    shop.rule(one_subscription_per_product=True)
    for row in shop.api.found("/subscriptions")["data"]:
        shop.api.made(f"/subscriptions/{row['id']}/cancel", {"at_period_end": False})
    shop.api.made("/subscriptions", order(shop, "basic"))


def test_two_requests_at_once_do_not_both_subscribe(shop: Shop) -> None:
    shop.open()
    body = order(shop)
    start, answers = threading.Barrier(4), []

    def subscribe() -> None:
        caller = Api(shop.api.merchant)
        start.wait()
        answers.append(caller.post("/subscriptions", body))
        connections.close_all()

    threads = [threading.Thread(target=subscribe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    codes = {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409}
    assert codes <= {"in_flight", "already_subscribed"}
    listed = shop.v1.subscriptions.list({"customer": shop.stripe_customer, "status": "all"}, shop.account)
    assert len(listed.data) == 1


@pytest.mark.parametrize("terms", [{"trial_days": 7}, {"trial_end": "2026-06-01T00:00:00Z"}])
def test_one_trial_of_a_product(shop: Shop, terms: dict[str, Any]) -> None:
    shop.open()
    shop.subscribe({"basic": 1}, trial_days=14)
    shop.api.made(shop.path("cancel"), {"at_period_end": False})
    shop.deliveries.flush()
    refused(shop.api.post("/subscriptions", order(shop, **terms)), 409, "trial_used", next(iter(terms)))
    shop.api.made("/subscriptions", order(shop))  # without a trial


def test_a_trial_that_only_the_history_knows(shop: Shop) -> None:
    """Pro was tried, but the subscription is for Basic since."""
    shop.open()
    shop.subscribe({"pro": 1}, trial_days=14)
    shop.api.made(shop.path("change"), {"items": shop.items({"basic": 1})})
    shop.deliveries.flush()
    shop.api.made(shop.path("cancel"), {"at_period_end": False})
    shop.deliveries.flush()
    refused(shop.api.post("/subscriptions", order(shop, "pro", trial_days=3)), 409, "trial_used", "trial_days")
    refused(shop.api.post("/subscriptions", order(shop, "basic", trial_days=3)), 409, "trial_used", "trial_days")
    shop.api.made("/subscriptions", order(shop, "addon", trial_days=3))


def test_a_trial_whose_history_is_not_here(shop: Shop) -> None:
    shop.open()
    shop.subscription = shop.api.made("/subscriptions", order(shop, trial_days=14))
    shop.api.made(shop.path("cancel"), {"at_period_end": False})
    with scope(shop.api.merchant.id):
        assert not SubscriptionChange.objects.for_merchant(shop.api.merchant.id).exists()
    refused(shop.api.post("/subscriptions", order(shop, trial_days=3)), 409, "trial_used", "trial_days")
    shop.rule(one_trial_per_product=False)
    shop.api.made("/subscriptions", order(shop, trial_days=3))


def test_one_currency(shop: Shop) -> None:
    shop.open()
    refused(shop.api.post("/subscriptions", order(shop, "pro", "euro")), 400, "currency_mismatch", "items[1][price]")
    shop.subscribe({"pro": 1})
    refused(shop.api.post("/subscriptions", order(shop, "euro")), 400, "currency_mismatch", "items[0][price]")


@pytest.mark.parametrize(
    ("names", "code", "param"),
    [
        (("basic", "addon_year"), "interval_mismatch", "items[1][price]"),
        (("once",), "invalid_request", "items[0][price]"),
        (("metered",), "invalid_request", "items[0][quantity]"),
    ],
)
def test_items_that_do_not_go_together(shop: Shop, names: tuple[str, ...], code: str, param: str) -> None:
    shop.open()
    refused(shop.api.post("/subscriptions", order(shop, *names)), 400, code, param)


def test_a_price_twice(shop: Shop) -> None:
    shop.open()
    body = order(shop) | {"items": [*shop.items({"basic": 1}), *shop.items({"basic": 2})]}
    refused(shop.api.post("/subscriptions", body), 400, "invalid_request", "items[1][price]")
