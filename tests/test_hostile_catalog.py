"""Wrong requests about the catalog: the right 4xx, in the error shape, naming the parameter; never a 5xx."""

from typing import Any

import pytest
import stripe

from tests.fixtures import Api, connected_merchant
from tests.test_hostile_input import HUGE, NUL, refused


@pytest.fixture(scope="module")
def known(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One merchant for the whole table: nothing in it may succeed."""
    return {}


@pytest.fixture
def caller(committed_db: None, stripe_client: stripe.StripeClient, known: dict[str, Any]) -> Api:
    if "api" not in known:
        api = known["api"] = Api(connected_merchant(stripe_client))
        api.made("/features", {"lookup_key": "sso", "name": "SSO"})
        product = api.made("/products", {"name": "P", "features": [{"feature": "sso"}]})
        price = api.made(
            "/prices", {"product": product["id"], "currency": "usd", "unit_amount": 1, "interval": "month"}
        )
        other = api.made("/products", {"name": "Other"})
        foreign = api.made("/prices", {"product": other["id"], "currency": "usd", "unit_amount": 1})
        api.made("/coupons", {"id": "TEN", "percent_off": "10", "duration": "once"})
        api.made("/customers", {"external_id": "known", "name": "Known"})
        known |= {"product": product["id"], "price": price["id"], "foreign": foreign["id"]}
        known["code"] = api.made("/promotion-codes", {"coupon": "TEN", "code": "HELLO"})["id"]
    found: Api = known["api"]
    return found


def filled(value: Any, known: dict[str, Any]) -> Any:
    """`{product}` and the like are the ids of what is known."""
    if isinstance(value, str):
        return (
            value.replace("{product}", known["product"])
            .replace("{price}", known["price"])
            .replace("{foreign}", known["foreign"])
            .replace("{code}", known["code"])
        )
    if isinstance(value, list):
        return [filled(inner, known) for inner in value]
    return {name: filled(inner, known) for name, inner in value.items()} if isinstance(value, dict) else value


VERSIONS, MOVES = "/products/{product}/versions", "/products/{product}/migrations"
MOVE_BODIES: list[tuple[Any, int, str, str]] = [
    ({"target_version": 7}, 404, "resource_missing", "target_version"),
    ({"target_version": 0}, 400, "parameter_invalid", "target_version"),
    ({"target_version": HUGE}, 400, "parameter_invalid", "target_version"),
    ({"target_version": "1"}, 400, "parameter_invalid", "target_version"),
    ({"from_versions": [1]}, 400, "invalid_request", "from_versions[0]"),
    ({"from_versions": [9]}, 404, "resource_missing", "from_versions[0]"),
    ({"from_versions": []}, 400, "parameter_invalid", "from_versions"),
    ({"subscriptions": ["sub_unknown"]}, 404, "resource_missing", "subscriptions[0]"),
    ({"subscriptions": NUL}, 400, "invalid_request", "subscriptions"),
    ({"when": "later"}, 400, "parameter_invalid", "when"),
    ({"proration": "full_price"}, 400, "parameter_invalid", "proration"),
    ({"dry_run": True}, 400, "parameter_unknown", "dry_run"),
]
TABLE: list[tuple[str, str, Any, int, str | None, str | None]] = [
    # method, path, body, status, code, param
    ("PATCH", "/products/{product}", {"name": ""}, 400, "parameter_invalid", "name"),
    ("PATCH", "/products/{product}", {"name": NUL}, 400, "invalid_request", "name"),
    ("PATCH", "/products/{product}", {"active": "perhaps"}, 400, "parameter_invalid", "active"),
    ("PATCH", "/products/{product}", {"active": None}, 400, "parameter_invalid", "active"),
    ("PATCH", "/products/{product}", {"price": 1}, 400, "parameter_unknown", "price"),
    ("PATCH", "/products/{product}", {"features": {}}, 400, "parameter_invalid", "features"),
    ("PATCH", "/products/{product}", {"features": [{"feature": "x"}]}, 404, "resource_missing", "features[0][feature]"),
    ("PATCH", "/products/{product}", {"features": [{"feature": "sso", "limit": 5}]}, 400, "invalid_request",
     "features[0][limit]"),
    ("PATCH", "/products/{product}", {"metadata": {"billingos_version": "9"}}, 400, "parameter_invalid", "metadata"),
    ("PATCH", "/products/{product}", [], 400, "invalid_json", None),
    ("PATCH", "/products/prod_unknown", {"name": "A"}, 404, "resource_missing", "id"),
    ("DELETE", "/products/{product}", {}, 405, "method_not_allowed", None),
    ("PATCH", "/prices/{price}", {"unit_amount": -1}, 400, "parameter_invalid", "unit_amount"),
    ("PATCH", "/prices/{price}", {"unit_amount": 1.5}, 400, "parameter_invalid", "unit_amount"),
    ("PATCH", "/prices/{price}", {"unit_amount": HUGE}, 400, "parameter_invalid", "unit_amount"),
    ("PATCH", "/prices/{price}", {"unit_amount": 5, "active": False}, 400, "parameter_invalid", "active"),
    ("PATCH", "/prices/{price}", {"currency": "eur"}, 400, "parameter_unknown", "currency"),
    ("PATCH", "/prices/{price}", {"tiers": [{"up_to": "inf", "unit_amount": 5}]}, 400, "parameter_missing",
     "tiers_mode"),
    ("PATCH", "/prices/{price}", {"tiers_mode": "volume", "tiers": []}, 400, "parameter_invalid", "tiers"),
    ("PATCH", "/prices/{price}", {"tiers_mode": "volume", "tiers": ["x"]}, 400, None, "tiers[0]"),
    ("PATCH", "/prices/price_unknown", {"nickname": "A"}, 404, "resource_missing", "id"),
    ("POST", VERSIONS, {}, 400, "invalid_request", "features"),
    ("POST", VERSIONS, {"prices": [{"unit_amount": 5}]}, 400, "parameter_missing", "prices[0][price]"),
    ("POST", VERSIONS, {"prices": [{"price": "{price}"}]}, 400, "parameter_missing", "prices[0][unit_amount]"),
    ("POST", VERSIONS, {"prices": [{"price": "{foreign}", "unit_amount": 5}]}, 404, "resource_missing",
     "prices[0][price]"),
    ("POST", VERSIONS, {"drop_prices": ["{foreign}"]}, 404, "resource_missing", "drop_prices[0]"),
    ("POST", VERSIONS, {"drop_prices": [7]}, 400, "parameter_invalid", "drop_prices[0]"),
    ("POST", VERSIONS, {"add_prices": [{"currency": "usd"}]}, 400, "parameter_missing", "add_prices[0][unit_amount]"),
    ("POST", VERSIONS, {"add_prices": [{"currency": "usd", "unit_amount": 5, "interval": "month",
                                        "usage_type": "metered", "meter": "none"}]}, 404, "resource_missing",
     "add_prices[0][meter]"),
    ("POST", VERSIONS, {"features": [{"feature": "x"}]}, 404, "resource_missing", "features[0][feature]"),
    ("POST", "/products/prod_unknown/versions", {"features": []}, 404, "resource_missing", "id"),
    ("GET", "/products/prod_unknown/versions", None, 404, "resource_missing", "id"),
    *(("POST", path, *row) for path in (MOVES, MOVES + "/preview") for row in MOVE_BODIES),
    ("POST", MOVES, {}, 409, "nothing_to_move", None),
    ("GET", "/migrations/unknown", None, 404, "resource_missing", "id"),
    ("GET", "/migrations/%00", None, 404, "resource_missing", "id"),
    ("GET", "/migrations/01980000-0000-7000-8000-000000000000/steps", None, 404, "resource_missing", "id"),
    ("POST", "/migrations/unknown/pause", {}, 404, "resource_missing", "id"),
    ("POST", "/coupons", {"id": "TEN", "percent_off": "10", "duration": "once"}, 409, "coupon_exists", "id"),
    ("POST", "/coupons", {"percent_off": "10", "duration": "daily"}, 400, "parameter_invalid", "duration"),
    ("POST", "/coupons", {"amount_off": HUGE, "currency": "usd", "duration": "once"}, 400, "parameter_invalid",
     "amount_off"),
    ("POST", "/coupons", {"percent_off": "10", "duration": "once", "products": ["x"]}, 404, "resource_missing",
     "products[0]"),
    ("POST", "/coupons", {"percent_off": "10", "duration": "once", "redeem_by": "9999-12-31T23:59:59Z"}, 400, None,
     "redeem_by"),
    ("PATCH", "/coupons/TEN", {"percent_off": "20"}, 400, "parameter_unknown", "percent_off"),
    ("PATCH", "/coupons/NONE", {"name": "A"}, 404, "resource_missing", "id"),
    ("DELETE", "/coupons/NONE", None, 404, "resource_missing", "id"),
    ("POST", "/promotion-codes", {}, 400, "parameter_missing", "coupon"),
    ("POST", "/promotion-codes", {"coupon": "NONE"}, 404, "resource_missing", "coupon"),
    ("POST", "/promotion-codes", {"coupon": "TEN", "code": "hello"}, 409, "promotion_code_exists", "code"),
    ("POST", "/promotion-codes", {"coupon": "TEN", "code": "two words"}, 400, "parameter_invalid", "code"),
    ("POST", "/promotion-codes", {"coupon": "TEN", "customer_id": "unknown"}, 404, "resource_missing", "customer_id"),
    ("POST", "/promotion-codes", {"coupon": "TEN", "minimum_amount": 5}, 400, "parameter_missing",
     "minimum_amount_currency"),
    ("POST", "/promotion-codes", {"coupon": "TEN", "minimum_amount_currency": "usd"}, 400, "parameter_missing",
     "minimum_amount"),
    ("POST", "/promotion-codes", {"coupon": "TEN", "expires_at": "2020-01-01T00:00:00Z"}, 400, "parameter_invalid",
     "expires_at"),
    ("PATCH", "/promotion-codes/{code}", {"code": "OTHER"}, 400, "parameter_unknown", "code"),
    ("PATCH", "/customers/known", {"external_id": "cus_1"}, 400, "invalid_request", "external_id"),
    ("PATCH", "/customers/known", {"email": "no address"}, 400, "parameter_invalid", "email"),
    ("PATCH", "/customers/known", {"tax_exempt": "maybe"}, 400, "parameter_invalid", "tax_exempt"),
    ("PATCH", "/customers/known", {"address": {"country": "Germany"}}, 400, "parameter_invalid", "address[country]"),
    ("PATCH", "/customers/known", {"address": {"planet": "Earth"}}, 400, "parameter_unknown", "address[planet]"),
    ("PATCH", "/customers/known", {"balance": 5}, 400, "parameter_unknown", "balance"),
    ("PATCH", "/customers/unknown", {"name": "A"}, 404, "resource_missing", "id"),
    ("DELETE", "/customers/unknown", None, 404, "resource_missing", "id"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "status", "code", "param"), TABLE)
def test_a_wrong_request(
    caller: Api,
    known: dict[str, Any],
    method: str,
    path: str,
    body: Any,
    status: int,
    code: str | None,
    param: str | None,
) -> None:
    refused(caller.request(method, filled(path, known), filled(body, known)), status, code, param)
