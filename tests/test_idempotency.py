"""An Idempotency-Key makes a POST safe to send again."""

import threading
from datetime import timedelta
from typing import Any

import stripe
from django.db import connections
from django.utils import timezone

from billingos.api.idempotency import forget_old_records
from billingos.api.models import IdempotencyRecord
from billingos.common.ids import uuid7
from billingos.common.locks import held
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway import intents
from billingos.stripe_gateway.models import WriteIntent
from billingos.stripe_gateway.operations import Call
from tests.factories import unique
from tests.fixtures import Api


def test_the_same_request_gets_the_same_answer_and_happens_once(api: Api, stripe_client: stripe.StripeClient) -> None:
    key, body = unique("key-"), {"name": "Once"}
    first, second = (api.post("/customers", body, key=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first
    assert second["Idempotent-Replayed"] == "true"
    assert len(api.found("/customers")["data"]) == 1
    account: Any = {"stripe_account": api.merchant.stripe_account_id}
    assert len(stripe_client.v1.customers.list(None, account).data) == 1


def test_another_body_or_address_under_the_same_key_is_409(api: Api) -> None:
    key = unique("key-")
    api.made("/customers", {"name": "A"}, key=key)
    for path, body in (("/customers", {"name": "B"}), ("/meters", {"name": "A"})):
        answer = api.post(path, body, key=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_key_reused")
        assert answer.json()["error"]["param"] == "Idempotency-Key"


def test_a_refusal_is_remembered(api: Api) -> None:
    key = unique("key-")
    first = api.post("/customers", {"name": "A", "external_id": "taken"}, key=key)
    clash = unique("key-")
    refusals = [api.post("/customers", {"name": "B", "external_id": "taken"}, key=clash) for _ in range(2)]
    assert first.status_code == 201
    assert [answer.status_code for answer in refusals] == [409, 409]
    assert refusals[0].json()["error"]["code"] == refusals[1].json()["error"]["code"] == "external_id_taken"
    assert refusals[1]["Idempotent-Replayed"] == "true"


def test_keys_belong_to_their_merchant(api: Api, other_merchant: Merchant) -> None:
    key = unique("key-")
    mine = api.made("/customers", {"name": "A"}, key=key)
    theirs = Api(other_merchant).made("/customers", {"name": "B"}, key=key)
    assert (mine["name"], theirs["name"]) == ("A", "B")


def test_while_one_is_under_way_another_waits(api: Api) -> None:
    key = unique("key-")
    holding, done = threading.Event(), threading.Event()

    def another_process() -> None:
        with held(f"idempotency/{api.merchant.id}/{key}") as mine:
            assert mine
            holding.set()
            done.wait(10)
        connections.close_all()

    thread = threading.Thread(target=another_process)
    thread.start()
    holding.wait(10)
    answer = api.post("/customers", {"name": "A"}, key=key)
    done.set()
    thread.join()
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_in_flight")
    assert answer["Retry-After"] == "1"
    assert api.post("/customers", {"name": "A"}, key=key).status_code == 201


def test_a_process_that_died_lets_go_at_once(api: Api) -> None:
    """It left a record without an answer; its session, and so its lock, is gone."""
    key = unique("key-")
    dead = threading.Thread(target=die_holding, args=(f"idempotency/{api.merchant.id}/{key}",))
    dead.start()
    dead.join()
    assert api.post("/customers", {"name": "A"}, key=key).status_code == 201


def die_holding(name: str) -> None:
    with held(name):
        connections.close_all()  # what the operating system does for a killed process


def test_keys_that_are_no_keys(api: Api) -> None:
    for key in ("x" * 256, "with space", "ü"):
        answer = api.post("/customers", {"name": "A"}, key=key)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "Idempotency-Key")


def test_a_day_later_the_key_is_free_again(api: Api) -> None:
    key = unique("key-")
    api.made("/meters", {"key": "a", "name": "A", "aggregation": "sum"}, key=key)
    with platform_scope():
        yesterday = timezone.now() - timedelta(hours=25)
        IdempotencyRecord.objects.filter(key=key).update(created_at=yesterday)
    api.made("/meters", {"key": "b", "name": "B", "aggregation": "sum"}, key=key)
    with platform_scope():
        IdempotencyRecord.objects.filter(key=key).update(created_at=yesterday)
    assert forget_old_records() >= 1
    with scope(api.merchant.id):
        assert not IdempotencyRecord.objects.filter(key=key).exists()


def test_a_day_later_the_key_is_free_again_for_what_goes_to_stripe(api: Api) -> None:
    key = unique("key-")
    first = api.made("/customers", {"name": "First"}, key=key)
    with platform_scope():
        yesterday = timezone.now() - timedelta(hours=25)
        IdempotencyRecord.objects.filter(key=key).update(created_at=yesterday)
        WriteIntent.objects.filter(idempotency_key=key).update(created_at=yesterday)
    second = api.made("/customers", {"name": "Second"}, key=key)
    assert second["id"] != first["id"]
    assert second["name"] == "Second"


def test_an_intent_is_finished_only_by_the_same_request(api: Api) -> None:
    """The answer was never kept, the intent was: another body under its key must not pass for it."""
    key = unique("key-")
    api.made("/customers", {"name": "First"}, key=key)
    with platform_scope():
        IdempotencyRecord.objects.filter(key=key).delete()
    other = api.post("/customers", {"name": "Second"}, key=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "idempotency_key_reused")


def test_what_was_made_and_deleted_since_is_a_409(
    api: Api, stripe_client: stripe.StripeClient, deliveries: Any
) -> None:
    key = unique("key-")
    made = api.made("/customers", {"name": "Gone"}, key=key)
    account: Any = {"stripe_account": api.merchant.stripe_account_id}
    stripe_client.v1.customers.delete(made["stripe_id"], None, account)
    deliveries.flush()
    with platform_scope():
        IdempotencyRecord.objects.filter(key=key).delete()  # as if the process had died before it kept the answer
    answer = api.post("/customers", {"name": "Gone"}, key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "deleted_since")


def test_old_intents_are_forgotten_but_not_unfinished_ones(api: Api) -> None:
    intents._begin(api.merchant, [Call("customers.create", {})], None, uuid7(), None, None)
    api.made("/customers", {"name": "Done"})
    with platform_scope():
        mine = WriteIntent.objects.filter(merchant=api.merchant)
        mine.update(created_at=timezone.now() - timedelta(days=31))
    assert intents.forget_old_intents() >= 1
    with platform_scope():
        assert [intent.status for intent in mine.all()] == ["pending"]


def test_what_passes_is_not_remembered(api: Api) -> None:
    key, claim = unique("key-"), unique("x")
    intents._begin(api.merchant, [Call("customers.create", {})], None, uuid7(), f"customer {claim}", None)
    body = {"name": "A", "external_id": claim}
    assert api.post("/customers", body, key=key).json()["error"]["code"] == "in_flight"
    with platform_scope():
        WriteIntent.objects.filter(claim=f"customer {claim}").update(status="failed")
    assert api.post("/customers", body, key=key).status_code == 201


def test_usage_is_counted_once_by_its_event_id(api: Api) -> None:
    api.made("/meters", {"key": "calls", "name": "Calls", "aggregation": "sum"})
    customer = api.made("/customers", {"name": "A", "external_id": unique("u")})
    event = {"customer_id": customer["id"], "meter": "calls", "event_id": "e1", "value": 5}
    later = {**event, "value": 7, "timestamp": (timezone.now() - timedelta(days=40)).isoformat()}
    statuses = [api.made("/usage/track", body)["status"] for body in (event, event, later)]
    assert statuses == ["accepted", "duplicate", "duplicate"]
