"""/api/portal/…: what a customer token opens, and what it does not."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from tests.fixtures import Api
from tests.portal.conftest import CustomerApi, session_for
from tests.scenes import Scene, allow_several
from tests.test_hostile_input import refused

GETS = ("/portal/subscription", "/portal/invoices")


def test_a_session_is_made_with_a_secret_key(scene: Scene) -> None:
    body = {"customer_id": scene.customer["external_id"], "return_url": "http://127.0.0.1:3000/account?tab=1"}
    made = scene.api.made("/portal/sessions", body)
    assert set(made) == {"id", "object", "customer", "url", "customer_token", "return_url", "expires_at"}
    assert (made["object"], made["customer"], made["return_url"]) == (
        "portal_session", scene.customer["id"], body["return_url"],
    )  # fmt: skip
    assert made["url"].startswith("http://127.0.0.1:8000/portal/s/")
    assert made["customer_token"].startswith("bos_ct_")
    assert (
        scene.api.made("/portal/sessions", body, key="same")["url"]
        != scene.api.made("/portal/sessions", body, key="same")["url"]
    )


def test_a_session_needs_the_scope(scene: Scene) -> None:
    body = {"customer_id": scene.customer["id"]}
    for scopes in (["customers:write", "subscriptions:write"], ["portal:read"]):
        refused(Api(scene.api.merchant, scopes=scopes).post("/portal/sessions", body), 403, "scope_missing")
    assert Api(scene.api.merchant, scopes=["portal:write"]).post("/portal/sessions", body).status_code == 201


def test_the_customers_subscription(scene: Scene, customer_api: CustomerApi) -> None:
    usage = {"customer_id": scene.customer["id"], "meter": "api_calls", "event_id": "one", "value": 400}
    scene.api.made("/usage/track", usage)
    found = customer_api.found("/portal/subscription")
    assert (found["id"], found["status"], found["currency"]) == (scene.subscription["id"], "active", "usd")
    price = {
        "currency": "usd", "unit_amount": 4900, "billing_scheme": "per_unit", "interval": "month", "interval_count": 1,
        "usage_type": "licensed",
    }  # fmt: skip
    assert found["items"] == [{"product": "Pro", "price": price, "quantity": 1}]
    calls, sso = found["features"]
    assert (calls["feature"], calls["limit"], calls["used"], calls["remaining"]) == ("api_calls", 1000, 400, 600)
    assert calls["resets_at"] == found["current_period_end"]
    assert (sso["feature"], sso["name"], sso["limit"], sso["used"]) == ("sso", "Single sign-on", None, None)
    for secret in ("mrr", "metadata", "stripe_id", "source"):
        assert secret not in found


def test_of_several_subscriptions_the_one_to_look_at(scene: Scene, customer_api: CustomerApi) -> None:
    allow_several(scene)
    order = {"customer_id": scene.customer["id"], "items": [{"price": scene.price["id"]}]}
    trial = scene.api.made("/subscriptions", {**order, "trial_days": 14})
    assert customer_api.found("/portal/subscription")["id"] == trial["id"]
    for subscription in (trial, scene.subscription):
        scene.api.made(f"/subscriptions/{subscription['id']}/cancel", {"at_period_end": False})
    assert customer_api.found("/portal/subscription")["status"] == "canceled"


def test_without_a_subscription_there_is_none(api: Api) -> None:
    api.made("/customers", {"external_id": "new", "name": "New"})
    mine = CustomerApi(session_for(api, "new").customer_token)
    refused(mine.get("/portal/subscription"), 404, "resource_missing")
    assert mine.found("/portal/invoices") == {"data": [], "has_more": False, "next_cursor": None}


def test_the_customers_invoices(scene: Scene, customer_api: CustomerApi) -> None:
    for _ in range(2):
        scene.advance(32)
    first = customer_api.found("/portal/invoices", limit=2)
    rest = customer_api.found("/portal/invoices", limit=2, cursor=first["next_cursor"])
    assert [row["status"] for row in first["data"] + rest["data"]] == ["paid"] * 3
    assert {row["total"] for row in first["data"]} == {4900}
    assert first["data"][0]["hosted_invoice_url"].startswith("http")
    assert "subscription" not in first["data"][0]


def test_a_customer_sees_nothing_of_others(scene: Scene, other_merchant: Any) -> None:
    scene.api.made("/customers", {"external_id": "neighbour", "name": "Neighbour"})
    stranger = Api(other_merchant)
    stranger.made("/customers", {"external_id": "stranger", "name": "Stranger"})
    for token in (session_for(scene.api, "neighbour").customer_token, session_for(stranger, "stranger").customer_token):
        api = CustomerApi(token)
        assert api.found("/portal/invoices")["data"] == []
        refused(api.get("/portal/subscription"), 404)


# --- Keys and tokens are not the same ------------------------------------------------------------------------------


def test_a_secret_key_is_no_customer_token(scene: Scene) -> None:
    for path in GETS:
        error = refused(scene.api.get(path), 401, "invalid_customer_token")
        assert "customer token" in error["message"]
    refused(scene.api.post("/portal/payment-method", {}), 401, "invalid_customer_token")


def test_a_customer_token_is_no_key(scene: Scene, customer_api: CustomerApi) -> None:
    for path in ("/customers", "/subscriptions", f"/customers/{scene.customer['id']}", "/insights"):
        error = refused(customer_api.get(path), 401, "invalid_api_key")
        assert "customer token" in error["message"]
    body = {"customer_id": scene.customer["id"]}
    refused(customer_api.post("/portal/sessions", body), 401, "invalid_api_key")
    refused(customer_api.post(f"/subscriptions/{scene.subscription['id']}/cancel", {}), 401, "invalid_api_key")


@pytest.mark.parametrize(
    ("header", "code"),
    [(None, "authentication_required"), ("", "authentication_required"), ("Bearer", "invalid_customer_token"),
     ("Bearer bos_ct_wrong", "invalid_customer_token"), ("Basic Ym9zOg==", "invalid_customer_token"),
     ("Bearer bos_ct_" + "x" * 5000, "invalid_customer_token"), ("Bearer bos_ct_é", "invalid_customer_token")],
)  # fmt: skip
def test_a_wrong_token(committed_db: None, header: str | None, code: str) -> None:
    headers = {"Authorization": header} if header is not None else {}
    answer = Client(raise_request_exception=False).get("/api/portal/invoices", headers=headers)
    refused(answer, 401, code)
    assert "Bearer" in answer["WWW-Authenticate"]


def test_a_token_lasts_half_an_hour(customer_api: CustomerApi) -> None:
    now = timezone.now()
    for minutes, status in ((29, 200), (31, 401)):
        with time_machine.travel(now + timedelta(minutes=minutes), tick=False):
            assert customer_api.get("/portal/invoices").status_code == status


WRONG_REQUESTS: list[tuple[str, str, Any, int, str | None]] = [
    ("GET", "/portal/invoices?limit=0", None, 400, "limit"),
    ("GET", "/portal/invoices?cursor=%00", None, 400, "cursor"),
    ("GET", "/portal/invoices?customer_id=other", None, 400, "customer_id"),
    ("POST", "/portal/invoices", {}, 405, None),
    ("DELETE", "/portal/subscription", None, 405, None),
    ("POST", "/portal/payment-method", {"return_url": "javascript:x"}, 400, "return_url"),
    ("POST", "/portal/payment-method", {"customer_id": "other"}, 400, "customer_id"),
    ("POST", "/portal/payment-method", {"return_url": "a\x00"}, 400, "return_url"),
]


def test_a_wrong_request(customer_api: CustomerApi, subtests: pytest.Subtests) -> None:
    for method, path, body, status, param in WRONG_REQUESTS:
        with subtests.test(path=path, body=body):
            refused(customer_api.request(method, path, body), status, None, param)
