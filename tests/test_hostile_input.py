"""Every input is hostile: a wrong request gets the right 4xx, in the error shape, naming the parameter; never a 5xx."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.test import Client
from django.utils import timezone

from billingos.common.tenancy import platform_scope
from billingos.merchants.models import ApiKey, Merchant
from billingos.merchants.services import create_api_key, revoke_api_key
from stripe_simulator.signatures import sign
from tests.fixtures import Api, connected_merchant
from tests.scenes import Scene

HUGE = 10**29
NUL = "a\x00b"


@pytest.fixture(scope="module")
def quiet_merchant(request: pytest.FixtureRequest) -> dict[str, Api]:
    """One merchant for the whole table: nothing in it may succeed."""
    return {}


@pytest.fixture
def caller(committed_db: None, stripe_client: stripe.StripeClient, quiet_merchant: dict[str, Api]) -> Api:
    if "api" not in quiet_merchant:
        quiet_merchant["api"] = Api(connected_merchant(stripe_client))
        quiet_merchant["api"].made("/meters", {"key": "calls", "name": "Calls", "aggregation": "sum"})
        quiet_merchant["api"].made("/features", {"lookup_key": "sso", "name": "SSO"})
        quiet_merchant["api"].made("/customers", {"external_id": "known", "name": "Known"})
    return quiet_merchant["api"]


def refused(answer: Any, status: int, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    """The error of an answer in the one shape."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.content[:500]!r}"
    body = answer.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"code", "message", "param", "request_id", "doc_url"}
    assert error["message"]
    assert error["request_id"] == answer["X-Request-Id"]
    if code:
        assert error["code"] == code
    assert error["param"] == param
    return error


BODIES: list[tuple[str, Any, int, str, str | None]] = [
    # path, body, status, code, param
    ("/customers", {}, 400, "parameter_missing", "external_id"),
    ("/customers", {"name": "A", "nmae": "B"}, 400, "parameter_unknown", "nmae"),
    ("/customers", {"name": NUL}, 400, "invalid_request", "name"),
    ("/customers", {"name": 7}, 400, "parameter_invalid", "name"),
    ("/customers", {"name": "x" * 300}, 400, "parameter_invalid", "name"),
    ("/customers", {"email": "not an address"}, 400, "parameter_invalid", "email"),
    ("/customers", {"external_id": "cus_taken"}, 400, "invalid_request", "external_id"),
    ("/customers", {"external_id": "known"}, 409, "external_id_taken", "external_id"),
    ("/customers", {"name": "A", "metadata": {"k": NUL}}, 400, "invalid_request", "metadata[k]"),
    ("/customers", {"name": "A", "metadata": {"billingos_x": "1"}}, 400, "parameter_invalid", "metadata"),
    ("/customers", {"name": "A", "metadata": {str(i): "" for i in range(41)}}, 400, "parameter_invalid", "metadata"),
    ("/customers", {"name": "A", "metadata": []}, 400, "parameter_invalid", "metadata"),
    ("/customers", {"name": "A", "test_clock": "clock_unknown"}, 400, "resource_missing", "test_clock"),
    ("/customers", {"name": "A", "payment_method": "pm_unknown"}, 400, "resource_missing", "payment_method"),
    ("/customers", {"name": "A\ud800"}, 400, "invalid_request", "name"),
    ("/products", {}, 400, "parameter_missing", "name"),
    ("/products", {"name": ""}, 400, "parameter_invalid", "name"),
    ("/products", {"name": "P", "features": {}}, 400, "parameter_invalid", "features"),
    ("/products", {"name": "P", "features": [{}]}, 400, "parameter_missing", "features[0][feature]"),
    ("/products", {"name": "P", "features": [{"feature": "none"}]}, 404, "resource_missing", "features[0][feature]"),
    ("/products", {"name": "P", "features": [{"feature": "sso", "limit": 1}]}, 400, "invalid_request",
     "features[0][limit]"),
    ("/products", {"name": "P", "features": [{"feature": "sso"}, {"feature": "sso"}]}, 400, "invalid_request",
     "features[1][feature]"),
    ("/products", {"name": "P", "features": [{"feature": "sso", "limit": HUGE}]}, 400, "parameter_invalid",
     "features[0][limit]"),
    ("/features", {"lookup_key": "Not A Key", "name": "F"}, 400, "parameter_invalid", "lookup_key"),
    ("/features", {"lookup_key": "sso", "name": "F"}, 409, "feature_exists", "lookup_key"),
    ("/features", {"lookup_key": "f", "name": "F", "type": "magic"}, 400, "parameter_invalid", "type"),
    ("/features", {"lookup_key": "f", "name": "F", "meter": "calls"}, 400, "invalid_request", "meter"),
    ("/features", {"lookup_key": "f", "name": "F", "type": "limit", "meter": "no"}, 404, "resource_missing", "meter"),
    ("/meters", {"key": "calls", "name": "C", "aggregation": "sum"}, 409, "meter_exists", "key"),
    ("/meters", {"key": "m", "name": "M", "aggregation": "median"}, 400, "parameter_invalid", "aggregation"),
    ("/prices", {"product": "nope", "currency": "usd", "unit_amount": 1}, 404, "resource_missing", "product"),
    ("/prices", {"product": "p", "currency": "us", "unit_amount": 1}, 400, "parameter_invalid", "currency"),
    ("/prices", {"product": "p", "currency": "üsd", "unit_amount": 1}, 400, "parameter_invalid", "currency"),
    ("/prices", {"product": "p", "currency": "usd"}, 400, "parameter_missing", "unit_amount"),
    ("/prices", {"product": "p", "currency": "usd", "unit_amount": -1}, 400, "parameter_invalid", "unit_amount"),
    ("/prices", {"product": "p", "currency": "usd", "unit_amount": 1.5}, 400, "parameter_invalid", "unit_amount"),
    ("/prices", {"product": "p", "currency": "usd", "unit_amount": "100"}, 400, "parameter_invalid", "unit_amount"),
    ("/prices", {"product": "p", "currency": "usd", "unit_amount": True}, 400, "parameter_invalid", "unit_amount"),
    ("/prices", {"product": "p", "currency": "usd", "unit_amount": HUGE}, 400, "parameter_invalid", "unit_amount"),
    ("/prices", {"product": "p", "currency": "usd", "unit_amount": 1, "usage_type": "licensed"}, 400,
     "parameter_missing", "interval"),
    ("/prices", {"product": "p", "currency": "usd", "billing_scheme": "tiered"}, 400, "parameter_missing", "tiers"),
    ("/subscriptions", {"items": [{"price": "p"}]}, 400, "parameter_missing", "customer_id"),
    ("/subscriptions", {"customer_id": "known", "items": []}, 400, "parameter_invalid", "items"),
    ("/subscriptions", {"customer_id": "known", "items": "p"}, 400, "parameter_invalid", "items"),
    ("/subscriptions", {"customer_id": "known", "items": [{"price": "p"}]}, 404, "resource_missing",
     "items[0][price]"),
    ("/subscriptions", {"customer_id": "unknown", "items": [{"price": "p"}]}, 404, "resource_missing", "customer_id"),
    ("/subscriptions", {"customer_id": "known", "items": [{"price": "p", "quantity": -1}]}, 400, "parameter_invalid",
     "items[0][quantity]"),
    ("/subscriptions", {"customer_id": "known", "items": [{"price": "p"}], "trial_days": HUGE}, 400,
     "parameter_invalid", "trial_days"),
    ("/subscriptions/sub_unknown/cancel", {}, 404, "resource_missing", "id"),
    ("/subscriptions/x/cancel", {"at_period_end": "perhaps"}, 400, "parameter_invalid", "at_period_end"),
    ("/subscriptions/x/cancel", {"feedback": "bored"}, 400, "parameter_invalid", "feedback"),
    ("/subscriptions/x/cancel", {"comment": "x" * 1001}, 400, "parameter_invalid", "comment"),
    ("/portal/sessions", {}, 400, "parameter_missing", "customer_id"),
    ("/portal/sessions", {"customer_id": "unknown"}, 404, "resource_missing", "customer_id"),
    ("/portal/sessions", {"customer_id": NUL}, 400, "invalid_request", "customer_id"),
    ("/portal/sessions", {"customer_id": ["known"]}, 400, "parameter_invalid", "customer_id"),
    ("/portal/sessions", {"customer_id": "known", "for": "me"}, 400, "parameter_unknown", "for"),
    ("/portal/sessions", {"customer_id": "known", "return_url": 7}, 400, "parameter_invalid", "return_url"),
    *(("/portal/sessions", {"customer_id": "known", "return_url": url}, 400, "invalid_request", "return_url")
      for url in ("nonsense", "/settings", "//example.com", "http://example.com/", "javascript:alert(1)", "https://",
                  "https:///x", "ftp://example.com", "https://user@example.com/", "https://exämple.com/",
                  "https://example.com\\@evil.example", "https://example.com/a b", "https://example.com:port/",
                  "https://[::1", "http://127.0.0.1.example.com/", "https://exam\nple.com/")),
    ("/portal/sessions", {"customer_id": "known", "return_url": "https://example.com/" + "x" * 2000}, 400,
     "parameter_invalid", "return_url"),
    ("/usage/track", {"meter": "calls", "event_id": "e"}, 400, "parameter_missing", "customer_id"),
    ("/usage/track", {"customer_id": "known", "meter": "calls"}, 400, "parameter_missing", "event_id"),
    ("/usage/track", {"customer_id": "unknown", "meter": "calls", "event_id": "e"}, 404, "resource_missing",
     "customer_id"),
    ("/usage/track", {"customer_id": "known", "meter": "none", "event_id": "e"}, 404, "resource_missing", "meter"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "value": -1}, 400,
     "parameter_invalid", "value"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "value": HUGE}, 400,
     "parameter_invalid", "value"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "value": "NaN"}, 400,
     "parameter_invalid", "value"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "timestamp": "yesterday"}, 400,
     "parameter_invalid", "timestamp"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "timestamp": "2026-01-01T00:00:00"},
     400, "parameter_invalid", "timestamp"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "properties": {"a": "x" * 501}}, 400,
     "parameter_invalid", "properties"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "timestamp": "2999-01-01T00:00:00Z"},
     400, "timestamp_in_future", "timestamp"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "timestamp": "0001-01-01T00:00:00Z"},
     400, "timestamp_too_old", "timestamp"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e",
                      "timestamp": "0001-01-01T00:00:00+14:00"}, 400, "parameter_invalid", "timestamp"),
    ("/usage/track", {"customer_id": "known", "meter": "calls", "event_id": "e", "properties": {"a": {}}}, 400,
     "parameter_invalid", "properties"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "body", "status", "code", "param"), BODIES)
def test_a_wrong_body(caller: Api, path: str, body: Any, status: int, code: str, param: str | None) -> None:
    refused(caller.post(path, body), status, code, param)


RAW_BODIES = [
    b"{",
    b"[]",
    b'"text"',
    b"null",
    b"\xff\xfe",
    b'{"name": "A", "name": "B"}',
    b'{"name": NaN}',
    b'{"name": 1e999}',
    b'{"name": 1e-999999999999}',
    b'{"name": ' + b"9" * 5000 + b"}",
    b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"name": ' + b"[" * 30 + b"]" * 30 + b"}",
    b"a=b&c=d",
]


@pytest.mark.parametrize("raw", RAW_BODIES, ids=[repr(raw[:24]) for raw in RAW_BODIES])
def test_a_body_that_is_not_json(caller: Api, raw: bytes) -> None:
    refused(caller.post("/customers", raw=raw), 400, "invalid_json")


def test_an_empty_body_is_an_empty_object(caller: Api) -> None:
    refused(caller.post("/customers", raw=b""), 400, "parameter_missing", "external_id")


def test_a_body_that_is_too_large(caller: Api) -> None:
    refused(caller.post("/customers", {"name": "x" * 6_000_000}), 413, "body_too_large")


QUERIES: list[tuple[str, str, int, str]] = [
    # path, query, status, param
    ("/customers", "limit=0", 400, "limit"),
    ("/customers", "limit=101", 400, "limit"),
    ("/customers", "limit=many", 400, "limit"),
    ("/customers", "limit=" + "9" * 40, 400, "limit"),
    ("/customers", "limit=1.5", 400, "limit"),
    ("/customers", "page=2", 400, "page"),
    ("/customers", "cursor=%00", 400, "cursor"),
    ("/customers", "cursor=!!!", 400, "cursor"),
    ("/customers", "cursor=YWJj", 400, "cursor"),
    ("/customers", "email=%00", 400, "email"),
    ("/customers/cus_unknown", "", 404, "id"),
    ("/customers/%00", "", 404, "id"),
    ("/customers/01980000-0000-7000-8000-000000000000", "", 404, "id"),
    ("/products/prod_unknown", "", 404, "id"),
    ("/subscriptions", "customer_id=unknown", 404, "customer_id"),
    ("/subscriptions", "status=happy", 400, "status"),
    ("/prices", "active=perhaps", 400, "active"),
    ("/prices", "product=unknown", 404, "product"),
    ("/entitlements/check", "customer_id=known", 400, "feature"),
    ("/entitlements/check", "feature=sso", 400, "customer_id"),
    ("/entitlements/check", "customer_id=known&feature=none", 404, "feature"),
    ("/entitlements/check", "customer_id=unknown&feature=sso", 404, "customer_id"),
    ("/analytics/mrr", "from=yesterday", 400, "from"),
    ("/analytics/mrr", "from=2026-02-01&to=2026-01-01", 400, "from"),
    ("/analytics/mrr", "from=0001-01-01", 400, "from"),
    ("/analytics/mrr", "to=0001-01-01", 400, "to"),
    ("/analytics/mrr", "to=9999-12-31", 400, "to"),
    ("/analytics/mrr", "currency=dollars", 400, "currency"),
    ("/insights", "kind=gossip", 400, "kind"),
]


@pytest.mark.parametrize(("path", "query", "status", "param"), QUERIES)
def test_a_wrong_query(caller: Api, path: str, query: str, status: int, param: str) -> None:
    refused(caller.request("GET", f"{path}?{query}"), status, None, param)


def test_addresses_and_methods_that_do_not_exist(caller: Api) -> None:
    refused(caller.get("/nothing"), 404, "resource_missing")
    refused(caller.get("/customers/"), 404)
    refused(caller.request("DELETE", "/customers"), 405)
    assert caller.request("HEAD", "/customers").status_code == 200


# --- Keys -----------------------------------------------------------------------------------------------------------


def with_header(value: str | None) -> Any:
    headers = {"Authorization": value} if value is not None else {}
    return Client(raise_request_exception=False).get("/api/customers", headers=headers)


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Bearer bos_sk_test_wrong", "Basic Ym9zOg==", "Bearer sk_test_simulator",
     "Bearer bos_sk_test_" + "x" * 5000, "Bearer bos_sk_test_é"],
)  # fmt: skip
def test_a_wrong_key(committed_db: None, header: str | None) -> None:
    answer = with_header(header)
    refused(answer, 401)
    assert "Bearer" in answer["WWW-Authenticate"]


def test_a_revoked_key_and_a_suspended_merchant(merchant: Merchant) -> None:
    key, plain = create_api_key(merchant=merchant, name="k")
    assert with_header(f"Bearer {plain}").status_code == 200
    revoke_api_key(merchant=merchant, key_id=key.id)
    refused(with_header(f"Bearer {plain}"), 401, "invalid_api_key")
    other = create_api_key(merchant=merchant, name="k")[1]
    with platform_scope():
        Merchant.objects.filter(id=merchant.id).update(status=Merchant.Status.SUSPENDED)
    refused(with_header(f"Bearer {other}"), 401, "invalid_api_key")


def test_a_key_that_has_expired(merchant: Merchant) -> None:
    now = timezone.now()
    for ends, status in ((now + timedelta(minutes=5), 200), (now - timedelta(seconds=1), 401)):
        plain = create_api_key(merchant=merchant, name="k", expires_at=ends)[1]
        assert with_header(f"Bearer {plain}").status_code == status


def test_a_test_clock_in_live_mode(caller: Api, settings: Any) -> None:
    settings.STRIPE_LIVE_MODE = True
    refused(caller.post("/customers", {"name": "A", "test_clock": "clock_1"}), 400, "parameter_invalid", "test_clock")


def test_a_key_does_only_what_its_scopes_allow(merchant: Merchant) -> None:
    reader = Api(merchant, scopes=["customers:read"])
    assert reader.get("/customers").status_code == 200
    refused(reader.post("/customers", {"name": "A"}), 403, "scope_missing")
    refused(reader.get("/products"), 403, "scope_missing")
    writer = Api(merchant, scopes=["customers:write"])
    assert writer.get("/customers").status_code == 200
    browser = Api(merchant, kind=ApiKey.Kind.PUBLISHABLE)
    assert browser.key.startswith("bos_pk_")
    assert browser.get("/products").status_code == 200
    refused(browser.get("/customers"), 403, "scope_missing")
    refused(browser.post("/products", {"name": "P"}), 403, "scope_missing")


# --- Cards ----------------------------------------------------------------------------------------------------------


def test_a_declined_card_is_402_and_says_why(scene: Scene) -> None:
    poor = scene.api.made("/customers", {"name": "Poor", "payment_method": "pm_card_chargeCustomerFail"})
    order = {
        "customer_id": poor["id"],
        "items": [{"price": scene.price["id"]}],
        "payment_behavior": "error_if_incomplete",
    }
    refused(scene.api.post("/subscriptions", order), 402, "card_declined")
    assert scene.api.found("/subscriptions", customer_id=poor["id"])["data"] == []


# --- Webhooks -------------------------------------------------------------------------------------------------------


def deliver(body: bytes, signature: str | None) -> Any:
    headers = {"Stripe-Signature": signature} if signature is not None else {}
    return Client(raise_request_exception=False).post(
        "/api/webhooks/stripe", data=body, content_type="application/json", headers=headers
    )


def signed(body: bytes, secret: str = "whsec_test", at: int | None = None) -> str:
    return sign(body, secret, int(time.time()) if at is None else at)


EVENT = {"id": "evt_1", "object": "event", "type": "customer.created", "created": 1, "livemode": False,
         "data": {"object": {"id": "cus_1", "object": "customer"}}}  # fmt: skip


@pytest.mark.parametrize("signature", [None, "", "t=1,v1=00", "nonsense", "t=now,v1=zz", "v1=" + "0" * 64])
def test_a_bad_signature(committed_db: None, signature: str | None) -> None:
    refused(deliver(json.dumps(EVENT).encode(), signature), 400, "invalid_signature", "Stripe-Signature")


def test_a_signature_of_another_secret_or_of_long_ago(committed_db: None) -> None:
    body = json.dumps(EVENT).encode()
    refused(deliver(body, signed(body, "whsec_other")), 400, "invalid_signature", "Stripe-Signature")
    refused(deliver(body, signed(body, at=1_600_000_000)), 400, "invalid_signature", "Stripe-Signature")


NO_EVENTS: list[tuple[Any, str | None]] = [
    ([], "id"),
    ({}, "id"),
    ({**EVENT, "id": 7}, "id"),
    ({**EVENT, "created": "now"}, "created"),
    ({**EVENT, "created": 10**18}, "created"),
    ({**EVENT, "created": True}, "created"),
    ({**EVENT, "livemode": "no"}, "livemode"),
    ({**EVENT, "data": {}}, "data[object]"),
    ({**EVENT, "data": {"object": []}}, "data[object]"),
    ({**EVENT, "account": 7}, "account"),
    ({**EVENT, "data": {"object": {"id": "cus_1", "balance": float("inf")}}}, None),
]


@pytest.mark.parametrize(("event", "param"), NO_EVENTS)
def test_a_signed_body_that_is_no_event(committed_db: None, event: Any, param: str | None) -> None:
    body = json.dumps(event).encode()
    refused(deliver(body, signed(body)), 400, None, param)


def test_the_intake_takes_nothing_but_posts_of_a_fair_size(committed_db: None) -> None:
    answer = Client().get("/api/webhooks/stripe")
    refused(answer, 405, "method_not_allowed")
    body = b"x" * (2 * 1024 * 1024 + 1)
    refused(deliver(body, signed(body)), 413, "body_too_large")


def test_a_signed_body_that_is_not_json(committed_db: None) -> None:
    refused(deliver(b"{", signed(b"{")), 400, "invalid_json")
