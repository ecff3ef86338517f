"""Coupons and promotion codes through the API, as Stripe has them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.fixtures import Api
from tests.scenes import Scene
from tests.subscriptions.test_versions import patched


def refused(api: Api, path: str, body: Any) -> tuple[int, str, str | None]:
    answer = api.post(path, body)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["param"]


def test_a_coupon_is_made_changed_and_deleted(scene: Scene) -> None:
    api, coupons = scene.api, scene.stripe_client.v1.coupons
    next_year = (timezone.now() + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {
        "id": "SPRING", "name": "Spring", "percent_off": "12.5", "duration": "repeating", "duration_in_months": 3,
        "products": [scene.product["id"]], "max_redemptions": 10, "redeem_by": next_year,
        "metadata": {"a": "1"},
    }  # fmt: skip
    made = api.made("/coupons", body)
    assert (made["stripe_id"], made["percent_off"], made["products"]) == ("SPRING", "12.5", [scene.product["id"]])
    assert (made["redeem_by"], made["valid"], made["times_redeemed"]) == (next_year, True, 0)
    in_stripe = coupons.retrieve("SPRING", {"expand": ["applies_to"]}, scene.account)
    assert in_stripe.percent_off == 12.5
    assert in_stripe.applies_to is not None
    assert in_stripe.applies_to.products == [scene.product["stripe_id"]]
    assert api.found("/coupons/SPRING") == api.found(f"/coupons/{made['id']}") == made
    changed = patched(api, "/coupons/SPRING", {"name": "May", "metadata": {"a": "", "b": "2"}})
    assert (changed["name"], changed["metadata"], changed["products"]) == ("May", {"b": "2"}, [scene.product["id"]])
    assert [row["name"] for row in api.found("/coupons")["data"]] == ["May"]
    gone = api.request("DELETE", "/coupons/SPRING")
    assert (gone.status_code, gone.json()) == (200, {"id": made["id"], "object": "coupon", "deleted": True})
    assert api.found("/coupons")["data"] == []
    assert api.request("DELETE", "/coupons/SPRING").status_code == 404
    assert refused(api, "/coupons", {"id": "SPRING", "percent_off": "5", "duration": "once"}) == (
        409, "coupon_exists", "id",
    )  # fmt: skip


def test_an_amount_off_in_minor_units(api: Api, deliveries: Any) -> None:
    body = {"amount_off": 500, "currency": "EUR", "duration": "forever"}
    made = api.made("/coupons", body, key="coupon-1")
    assert (made["amount_off"], made["currency"], made["percent_off"], made["products"]) == (500, "eur", None, [])
    assert api.made("/coupons", body, key="coupon-1") == made


@pytest.mark.parametrize(
    ("percent", "told"), [("100", "100"), ("33.33", "33.33"), ("0.5", "0.5"), ("20.00", "20"), ("10", "10")]
)
def test_a_percentage_is_exact(api: Api, deliveries: Any, percent: str, told: str) -> None:
    assert api.made("/coupons", {"percent_off": percent, "duration": "once"})["percent_off"] == told


def test_a_promotion_code_is_made_and_switched_off(scene: Scene) -> None:
    api = scene.api
    coupon = api.made("/coupons", {"id": "SPRING", "percent_off": "20", "duration": "once"})
    body = {
        "coupon": "SPRING", "code": "Hello-1", "customer_id": scene.customer["id"], "max_redemptions": 5,
        "expires_at": "2099-01-01T00:00:00Z", "first_time_transaction": True, "minimum_amount": 1000,
        "minimum_amount_currency": "usd",
    }  # fmt: skip
    made = api.made("/promotion-codes", body)
    told = {name: made[name] for name in body if name not in {"coupon", "customer_id"}}
    assert told == {name: value for name, value in body.items() if name not in {"coupon", "customer_id"}}
    assert (made["coupon"], made["customer"], made["active"]) == (coupon["id"], scene.customer["id"], True)
    in_stripe = scene.stripe_client.v1.promotion_codes.retrieve(made["stripe_id"], None, scene.account)
    assert (in_stripe.code, in_stripe.customer) == ("Hello-1", scene.customer["stripe_id"])
    assert in_stripe.restrictions.minimum_amount == 1000
    again = {"coupon": "SPRING", "code": "HELLO-1"}
    assert refused(api, "/promotion-codes", again) == (409, "promotion_code_exists", "code")
    path = f"/promotion-codes/{made['id']}"
    assert patched(api, path, {"active": False, "metadata": {"why": "over"}})["active"] is False
    other = api.made("/promotion-codes", again)
    assert [row["id"] for row in api.found("/promotion-codes", code="hello-1")["data"]] == [other["id"], made["id"]]
    assert [row["id"] for row in api.found("/promotion-codes", active="true")["data"]] == [other["id"]]
    assert len(api.found("/promotion-codes", coupon=coupon["id"])["data"]) == 2
    assert api.found(path)["metadata"] == {"why": "over"}
    assert api.made("/promotion-codes", {"coupon": coupon["id"]})["code"]  # Stripe's own word


def test_a_browsers_key_reads_no_codes(api: Api, deliveries: Any) -> None:
    browser = Api(api.merchant, kind="publishable")
    for path in ("/coupons", "/promotion-codes"):
        assert browser.get(path).status_code == 403


BAD: list[tuple[dict[str, Any], str]] = [
    ({"duration": "once"}, "percent_off"),
    ({"percent_off": "5"}, "duration"),
    ({"percent_off": 5, "duration": "once"}, "percent_off"),
    ({"percent_off": "0", "duration": "once"}, "percent_off"),
    ({"percent_off": "100.01", "duration": "once"}, "percent_off"),
    ({"percent_off": "1e1", "duration": "once"}, "percent_off"),
    ({"percent_off": "NaN", "duration": "once"}, "percent_off"),
    ({"percent_off": "٣", "duration": "once"}, "percent_off"),
    ({"percent_off": "5", "amount_off": 5, "duration": "once"}, "amount_off"),
    ({"amount_off": 5, "duration": "once"}, "currency"),
    ({"percent_off": "5", "currency": "usd", "duration": "once"}, "currency"),
    ({"percent_off": "5", "duration": "repeating"}, "duration_in_months"),
    ({"percent_off": "5", "duration": "once", "duration_in_months": 3}, "duration_in_months"),
    ({"percent_off": "5", "duration": "once", "redeem_by": "2020-01-01T00:00:00Z"}, "redeem_by"),
    ({"percent_off": "5", "duration": "once", "redeem_by": "2099-01-01T00:00:00"}, "redeem_by"),
    ({"percent_off": "5", "duration": "once", "id": "has space"}, "id"),
    ({"percent_off": "5", "duration": "once", "products": []}, "products"),
]


@pytest.mark.parametrize(("body", "param"), BAD)
def test_a_wrong_coupon_is_refused(api: Api, deliveries: Any, body: dict[str, Any], param: str) -> None:
    status, code, named = refused(api, "/coupons", body)
    assert (status, named) == (400, param), code
    assert api.found("/coupons")["data"] == []
