"""What every request meets: limits, ids, health, pages of a list, and nothing left behind in migrations."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billingos.api.pagination import decode_cursor
from billingos.common.tenancy import scope
from billingos.merchants.models import ApiKey, Merchant
from billingos.merchants.services import create_api_key
from customers.models import Customer
from tests.factories import unique
from tests.fixtures import Api
from tests.scenes import Scene
from tests.webhooks.events import customer, deliver, event


def test_the_limit_is_per_merchant_and_says_so(api: Api, other_merchant: Merchant, settings: Any) -> None:
    settings.API_RATE_LIMIT_PER_MINUTE = 3
    answers = [api.get("/customers") for _ in range(5)]
    # A minute may end in between: then the count begins anew, and one more passes.
    assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
    assert answers[0]["RateLimit-Limit"] == "3"
    assert 0 < int(answers[0]["RateLimit-Reset"]) <= 60
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0].json()["error"]["code"] == "rate_limited"
    assert 0 < int(refused[0]["Retry-After"]) <= 60
    assert refused[0]["RateLimit-Remaining"] == "0"
    assert Api(other_merchant).get("/customers").status_code == 200


def test_without_redis_nobody_is_held_back_and_events_are_still_taken(api: Api, settings: Any) -> None:
    broken = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": broken}
    assert api.get("/customers").status_code == 200
    ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["redis"]) == (200, "unavailable")


def test_health(committed_db: None) -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}
    ready = Client().get("/readyz")
    assert ready.status_code == 200
    assert set(ready.json()["checks"]) == {"database", "redis", "inbox"}


def test_an_inbox_that_falls_behind_is_not_ready(merchant: Merchant, settings: Any) -> None:
    deliver(event(merchant, "customer.created", customer(unique("cus_")), 1_767_225_700))
    settings.INBOX_MAX_LAG_SECONDS = -1
    ready = Client().get("/readyz")
    assert (ready.status_code, ready.json()["checks"]["inbox"]["status"]) == (503, "behind")


def test_request_ids(api: Api) -> None:
    client = Client()
    sent = client.get("/healthz", headers={"X-Request-Id": "trace-0123456789"})
    assert sent["X-Request-Id"] == "trace-0123456789"
    for forged in ("short", "x" * 100, "with space and more", "<script>alert(1)</script>"):
        assert client.get("/healthz", headers={"X-Request-Id": forged})["X-Request-Id"].startswith("req_")


def test_a_list_is_paged_newest_first_without_gaps(api: Api) -> None:
    made = [api.made("/customers", {"name": f"C{i}"})["id"] for i in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        page = api.found("/customers", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            break
        assert str(decode_cursor(cursor)) == seen[-1]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    "path", ["/customers", "/products", "/prices", "/features", "/subscriptions", "/webhooks/events", "/insights"]
)
def test_a_list_costs_the_same_however_long_it_is(scene: Scene, path: str) -> None:
    api = scene.api

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.found(path)["data"] or path == "/insights"
        return len(queries)

    before = cost()
    for number in range(3):
        product = api.made("/products", {"name": f"P{number}", "features": [{"feature": "sso"}]})
        price = api.made("/prices", {"product": product["id"], "currency": "usd", "unit_amount": 1, "interval": "day"})
        customer = api.made("/customers", {"name": f"C{number}", "payment_method": "pm_card_visa"})
        subscription = api.made("/subscriptions", {"customer_id": customer["id"], "items": [{"price": price["id"]}]})
        api.made(f"/subscriptions/{subscription['id']}/cancel", {})
    assert cost() <= before
    assert before <= 20


def test_a_customer_is_named_in_three_ways(api: Api) -> None:
    made = api.made("/customers", {"external_id": unique("user-"), "name": "A"})
    for reference in (made["id"], made["stripe_id"], made["external_id"]):
        assert api.found(f"/customers/{reference}")["id"] == made["id"]
    uuid_like = api.made("/customers", {"external_id": "6f9619ff-8b86-4011-b42d-00c04fc964ff", "name": "B"})
    assert api.found(f"/customers/{uuid_like['external_id']}")["id"] == uuid_like["id"]


def test_a_key_is_shown_once_and_kept_as_a_digest(merchant: Merchant) -> None:
    key, plain = create_api_key(merchant=merchant, name="k")
    stored = {field.name: str(getattr(key, field.name)) for field in ApiKey._meta.concrete_fields}
    assert plain.startswith("bos_sk_test_")
    assert not [name for name, value in stored.items() if plain in value]
    assert str(key) == f"bos_sk_test_…{plain[-4:]}"


def test_models_and_migrations_agree(committed_db: None) -> None:
    out = io.StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out, verbosity=1)


def test_updated_at_follows_every_update(merchant: Merchant, api: Api) -> None:
    made = api.made("/customers", {"name": "A"})
    with scope(merchant.id):
        rows = Customer.objects.for_merchant(merchant.id).filter(id=made["id"])
        before = rows.get().updated_at
    with scope(merchant.id):
        rows.update(name="B")
        assert rows.get().updated_at > before
