"""Stripe first, then PostgreSQL: whatever breaks in between, nothing happens twice and nothing is lost."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import requests
import stripe
from django.db import transaction
from django.utils import timezone

from billingos.common.errors import BillingError, InvalidRequest, PaymentRequired, StripeUnavailable
from billingos.common.ids import uuid7
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.merchants.tasks import resume_write_intents
from billingos.stripe_gateway import intents
from billingos.stripe_gateway.client import client as gateway_client
from billingos.stripe_gateway.models import WriteIntent
from billingos.stripe_gateway.operations import Call, retrieve, send
from customers.models import Customer
from customers.services import create_customer
from stripe_simulator import Simulator
from subscriptions.models import Price
from subscriptions.services import Item, create_subscription
from tests.factories import MerchantFactory, unique
from tests.fixtures import Api
from tests.scenes import Scene


class Road(BaseHTTPRequestHandler):
    """The way to Stripe, with accidents: `lose_answers` requests arrive but their answers are lost; `lose_requests` are
    lost on the way there; with `lose_gets` nothing can be asked for."""

    protocol_version = "HTTP/1.1"
    upstream: ClassVar[str]
    lose_answers: ClassVar[int] = 0
    lose_requests: ClassVar[int] = 0
    lose_gets: ClassVar[bool] = False
    meanwhile: ClassVar[Callable[[], None] | None] = None
    passed: ClassVar[int] = 0

    def _pass(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.command == "GET" and Road.lose_gets:
            self.close_connection = True
            return
        if self.command == "POST" and Road.lose_requests:
            Road.lose_requests -= 1
            self.close_connection = True
            return
        headers = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection", "accept-encoding"}}
        answer = requests.request(self.command, f"{Road.upstream}{self.path}", data=body, headers=headers, timeout=10)
        Road.passed += 1
        if self.command == "POST" and (accident := Road.meanwhile):
            Road.meanwhile = None
            accident()
        if self.command == "POST" and Road.lose_answers:
            Road.lose_answers -= 1
            self.close_connection = True
            return
        self.send_response(answer.status_code)
        for name in ("Content-Type", "Request-Id", "Idempotent-Replayed"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_DELETE = _pass

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def road(merchant: Merchant, settings: Any) -> Iterator[type[Road]]:
    Road.upstream = settings.STRIPE_API_BASE
    Road.lose_answers = Road.lose_requests = Road.passed = 0
    Road.lose_gets = False
    Road.meanwhile = None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Road)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.server_port}"
    settings.STRIPE_BREAKER_FAILURES = 1000  # or after some accidents nothing would be asked for a while
    gateway_client.cache_clear()
    yield Road
    server.shutdown()
    server.server_close()
    gateway_client.cache_clear()


def in_stripe(merchant: Merchant, stripe_client: stripe.StripeClient) -> list[stripe.Customer]:
    account: Any = {"stripe_account": merchant.stripe_account_id}
    return stripe_client.v1.customers.list({"limit": 100}, account).data


def intents_of(merchant: Merchant) -> list[WriteIntent]:
    with scope(merchant.id):
        return list(WriteIntent.objects.for_merchant(merchant.id).order_by("id"))


@pytest.mark.parametrize("accident", ["lose_answers", "lose_requests"])
def test_stripe_out_of_reach_is_503_and_the_same_key_finishes_it(
    api: Api, road: type[Road], stripe_client: stripe.StripeClient, accident: str
) -> None:
    setattr(road, accident, 5)  # more than the library's own tries
    body, key = {"name": "Ada", "external_id": unique("x")}, unique("key-")
    answer = api.post("/customers", body, key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "stripe_unavailable")
    assert answer["Retry-After"]
    assert [intent.status for intent in intents_of(api.merchant)] == ["unknown"]
    setattr(road, accident, 0)
    again = api.post("/customers", body, key=key)
    assert again.status_code == 201, again.content
    assert [found.name for found in in_stripe(api.merchant, stripe_client)] == ["Ada"]
    assert len(api.found("/customers")["data"]) == 1
    assert [intent.status for intent in intents_of(api.merchant)] == ["succeeded"]


def test_died_after_stripe_before_our_commit(api: Api, merchant: Merchant, stripe_client: stripe.StripeClient) -> None:
    """The intent is committed and Stripe has answered, but nobody has written it down. The sweep does."""
    intent = begun(merchant, Call("customers.create", {"name": "Ada"}))
    send(merchant, Call(intent.operation, intent.params), f"{intent.id}:{intent.step}:{intent.attempt}")
    assert api.found("/customers")["data"] == []
    resume_write_intents()
    assert [found["name"] for found in api.found("/customers")["data"]] == ["Ada"]
    assert len(in_stripe(merchant, stripe_client)) == 1
    assert intents_of(merchant)[0].status == "succeeded"


def test_died_before_stripe(api: Api, merchant: Merchant, stripe_client: stripe.StripeClient) -> None:
    begun(merchant, Call("customers.create", {"name": "Ada"}))
    resume_write_intents()
    resume_write_intents()
    assert [found["name"] for found in api.found("/customers")["data"]] == ["Ada"]
    assert len(in_stripe(merchant, stripe_client)) == 1


@pytest.mark.parametrize("on_a_clock", [False, True])
def test_a_day_later_stripe_is_searched_before_it_is_asked_again(
    merchant: Merchant, stripe_client: stripe.StripeClient, on_a_clock: bool
) -> None:
    """Stripe forgets idempotency keys after a day; the intent's id in the metadata is what remains."""
    params: dict[str, Any] = {"name": "Ada"}
    if on_a_clock:
        account: Any = {"stripe_account": merchant.stripe_account_id}
        clock = stripe_client.v1.test_helpers.test_clocks.create({"frozen_time": 1_767_225_600}, account)
        params["test_clock"] = clock.id
    intent = begun(merchant, Call("customers.create", params))
    send(merchant, Call(intent.operation, intent.params), "a key that Stripe has since forgotten")
    with platform_scope():
        WriteIntent.objects.filter(id=intent.id).update(created_at=timezone.now() - timedelta(hours=23, minutes=1))
    listed: Any = {"test_clock": params["test_clock"]} if on_a_clock else {}
    resume_write_intents()
    account = {"stripe_account": merchant.stripe_account_id}
    assert [found.name for found in stripe_client.v1.customers.list(listed, account).data] == ["Ada"]
    assert intents_of(merchant)[0].status == "succeeded"


def begun(merchant: Merchant, *calls: Call) -> WriteIntent:
    """What a process leaves behind that dies right after its intents were committed, once the lease has run out."""
    created, _ = intents._begin(merchant, calls, None, uuid7(), None, None)
    with platform_scope():
        past = timezone.now() - timedelta(seconds=1)
        WriteIntent.objects.filter(group=created[0].group).update(lease_until=past)
    return created[0]


def test_an_outage_during_the_sweep_loses_no_request(
    api: Api, merchant: Merchant, stripe_client: stripe.StripeClient, settings: Any
) -> None:
    """Nobody is waiting for the answer any more, so that nobody but the sweep would ask again."""
    intent = begun(merchant, Call("customers.create", {"name": "Ada"}))
    truth, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:9"
    gateway_client.cache_clear()
    resume_write_intents()
    assert intents_of(merchant)[0].status == "pending"
    with platform_scope():  # older than Stripe's memory of keys: now it is searched, and cannot be
        WriteIntent.objects.filter(id=intent.id).update(created_at=timezone.now() - timedelta(hours=25))
    resume_write_intents()
    settings.STRIPE_API_BASE = truth
    gateway_client.cache_clear()
    resume_write_intents()
    assert [found["name"] for found in api.found("/customers")["data"]] == ["Ada"]
    assert intents_of(merchant)[0].status == "succeeded"


def test_one_request_that_cannot_be_finished_keeps_no_other_waiting(api: Api, merchant: Merchant) -> None:
    broken = begun(merchant, Call("no.such.call"))
    begun(merchant, Call("customers.create", {"name": "Ada"}))
    resume_write_intents()
    assert [found["name"] for found in api.found("/customers")["data"]] == ["Ada"]
    with platform_scope():
        WriteIntent.objects.filter(id=broken.id).update(status="failed")


def test_what_was_begun_in_the_other_mode_is_not_finished_in_this_one(
    merchant: Merchant, stripe_client: stripe.StripeClient
) -> None:
    intent = begun(merchant, Call("customers.create", {"name": "Ada"}))
    with platform_scope():
        WriteIntent.objects.filter(id=intent.id).update(livemode=True)
    resume_write_intents()
    assert in_stripe(merchant, stripe_client) == []
    assert intents_of(merchant)[0].status == "pending"


def test_what_a_resumed_call_answers_is_not_taken_for_the_present(
    api: Api, merchant: Merchant, stripe_client: stripe.StripeClient
) -> None:
    """Stripe repeats what it said at first; meanwhile the customer was renamed, and the event is not here yet."""
    intent = begun(merchant, Call("customers.create", {"name": "Older"}))
    made = send(merchant, Call(intent.operation, intent.params), f"{intent.id}:{intent.step}:{intent.attempt}")
    account: Any = {"stripe_account": merchant.stripe_account_id}
    stripe_client.v1.customers.update(made["id"], {"name": "Newer"}, account)
    resume_write_intents()
    assert [found["name"] for found in api.found("/customers")["data"]] == ["Newer"]


def test_half_of_several_calls_is_finished_by_the_sweep(
    api: Api, merchant: Merchant, stripe_client: stripe.StripeClient
) -> None:
    feature = api.made("/features", {"lookup_key": "sso", "name": "SSO"})
    name = f"prod_{uuid7().hex}"
    first = begun(
        merchant,
        Call("products.create", {"id": name, "name": "Pro", "metadata": {"billingos_features": '{"sso":true}'}}),
        Call("products.features.create", {"entitlement_feature": feature["stripe_id"]}, target=name),
    )
    send(merchant, Call(first.operation, first.params), f"{first.id}:{first.step}:{first.attempt}")
    resume_write_intents()
    account: Any = {"stripe_account": merchant.stripe_account_id}
    attached = stripe_client.v1.products.features.list(name, None, account).data
    assert [row.entitlement_feature.lookup_key for row in attached] == ["sso"]
    assert [row["feature"] for row in api.found(f"/products/{name}")["features"]] == ["sso"]


def test_a_webhook_that_overtakes_our_own_answer_wins(
    api: Api, merchant: Merchant, road: type[Road], stripe_client: stripe.StripeClient, deliveries: Any
) -> None:
    """While Stripe's answer is on its way, the customer is renamed and the webhooks are taken in: the row stays new."""
    account: Any = {"stripe_account": merchant.stripe_account_id}

    def rename_and_deliver() -> None:
        (made,) = in_stripe(merchant, stripe_client)
        stripe_client.v1.customers.update(made.id, {"name": "Newer"}, account)
        deliveries.flush()

    road.meanwhile = staticmethod(rename_and_deliver)
    made = api.made("/customers", {"name": "Older"})
    assert made["name"] == "Newer"
    assert api.found(f"/customers/{made['id']}")["name"] == "Newer"


def test_a_webhook_that_overtakes_the_answer_to_a_change_wins(
    scene: Scene, road: type[Road], stripe_client: stripe.StripeClient
) -> None:
    """The row was there before: only its revision tells that it has moved while the answer was on its way."""
    name = scene.subscription["stripe_id"]

    def note_and_deliver() -> None:
        stripe_client.v1.subscriptions.update(name, {"metadata": {"note": "newer"}}, scene.account)
        scene.deliveries.flush()

    road.meanwhile = staticmethod(note_and_deliver)
    canceled = scene.api.made(f"/subscriptions/{name}/cancel", {"at_period_end": True})
    assert (canceled["cancel_at_period_end"], canceled["metadata"]) == (True, {"note": "newer"})


def test_a_refusal_is_definite_and_a_later_try_has_a_new_key(merchant: Merchant) -> None:
    for _ in range(2):
        with pytest.raises(InvalidRequest):
            create_customer(merchant=merchant, name="A", payment_method="pm_unknown", key="k")
    (intent,) = intents_of(merchant)
    assert (intent.status, intent.attempt) == ("failed", 2)
    assert intent.error is not None
    assert intent.error["code"] == "resource_missing"


def test_a_declined_card_that_was_replaced_is_charged_under_the_same_key(scene: Scene) -> None:
    """Stripe repeats its refusal to whoever repeats its key: after a definite failure the attempt makes a new one."""
    merchant = scene.api.merchant
    poor = scene.api.made("/customers", {"name": "Poor", "payment_method": "pm_card_chargeCustomerFail"})
    with scope(merchant.id):
        customer = Customer.objects.for_merchant(merchant.id).get(id=poor["id"])
        item = Item(Price.objects.for_merchant(merchant.id).get(id=scene.price["id"]))
    order: Any = {"customer": customer, "items": [item], "payment_behavior": "error_if_incomplete", "key": "k"}
    with pytest.raises(PaymentRequired):
        create_subscription(merchant=merchant, **order)
    methods = scene.stripe_client.v1.payment_methods
    method = methods.attach("pm_card_visa", {"customer": poor["stripe_id"]}, scene.account)
    settings: Any = {"invoice_settings": {"default_payment_method": method.id}}
    scene.stripe_client.v1.customers.update(poor["stripe_id"], settings, scene.account)
    assert create_subscription(merchant=merchant, **order).status == "active"


def test_two_at_once_cannot_take_the_same_external_id(api: Api, stripe_client: stripe.StripeClient) -> None:
    begun_elsewhere = Call("customers.create", {"name": "A", "metadata": {"billingos_external_id": "same"}})
    intents._begin(api.merchant, [begun_elsewhere], None, uuid7(), "customer same", None)
    answer = api.post("/customers", {"name": "B", "external_id": "same"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in_flight")
    assert in_stripe(api.merchant, stripe_client) == []


def test_a_retry_while_another_request_holds_the_claim_is_told_to_wait(scene: Scene, road: type[Road]) -> None:
    """After a 503 the caller asks again; meanwhile something else has begun to change the same subscription."""
    path, key = f"/subscriptions/{scene.subscription['id']}/cancel", unique("key-")
    road.lose_requests = 5
    assert scene.api.post(path, {}, key=key).status_code == 503
    road.lose_requests = 0
    name = scene.subscription["stripe_id"]
    other = Call("subscriptions.update", {"metadata": {"note": "other"}}, target=name)
    intents._begin(scene.api.merchant, [other], None, uuid7(), f"subscription {name}", None)
    answer = scene.api.post(path, {}, key=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "in_flight")
    with platform_scope():
        WriteIntent.objects.filter(operation=other.operation, params=other.params).update(status="failed")
    assert scene.api.made(path, {}, key=key)["cancel_at_period_end"]


def test_stripe_is_never_called_inside_a_transaction(merchant: Merchant) -> None:
    with pytest.raises(RuntimeError, match="inside a transaction"), transaction.atomic():
        create_customer(merchant=merchant, name="A")
    with pytest.raises(RuntimeError, match="inside a transaction"), scope(merchant.id):
        create_customer(merchant=merchant, name="A")
    with pytest.raises(RuntimeError, match="inside a transaction"), scope(merchant.id):
        send(merchant, Call("customers.create", {"name": "A"}), "key")
    with pytest.raises(RuntimeError, match="inside a transaction"), scope(merchant.id):
        retrieve(merchant, "customer", "cus_any")
    assert intents_of(merchant) == []


def test_a_merchant_without_an_account_is_told_to_connect(committed_db: None) -> None:
    merchant = MerchantFactory.create(stripe_account_id=None)
    answer = Api(merchant).post("/customers", {"name": "A"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "stripe_not_connected")


def test_a_wrong_platform_key_is_not_the_callers_fault_nor_a_crash(merchant: Merchant, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_wrong"
    gateway_client.cache_clear()
    with pytest.raises(BillingError) as refused:
        create_customer(merchant=merchant, name="A")
    assert refused.value.code == "stripe_not_connected"


def past_due(scene: Scene) -> str:
    """The subscription's path, after its renewal was declined."""
    card = scene.stripe_client.v1.payment_methods.attach(
        "pm_card_chargeCustomerFail", {"customer": scene.customer["stripe_id"]}, scene.account
    )
    method: Any = {"invoice_settings": {"default_payment_method": card.id}}
    scene.stripe_client.v1.customers.update(scene.customer["stripe_id"], method, scene.account)
    scene.advance(days=32)
    path = f"/subscriptions/{scene.subscription['id']}"
    found = scene.api.found(path)
    assert (found["status"], found["payment"]["status"]) == ("past_due", "requires_payment_method")
    return path


def test_what_is_owed_is_shown_without_its_payment_when_stripe_refuses_us(scene: Scene, settings: Any) -> None:
    path = past_due(scene)
    settings.STRIPE_SECRET_KEY = "sk_test_wrong"
    gateway_client.cache_clear()
    found = scene.api.found(path)
    assert (found["status"], found["payment"]) == ("past_due", None)


def test_what_is_owed_is_shown_without_its_payment_when_stripe_is_slow(
    scene: Scene, simulator: Simulator, settings: Any
) -> None:
    path = past_due(scene)
    settings.STRIPE_TIMEOUT_SECONDS = 20
    gateway_client.cache_clear()
    simulator.faults.plan({"latency_ms": 6000})
    try:
        began = time.monotonic()
        assert scene.api.found(path)["payment"] is None
        assert time.monotonic() - began < 5
    finally:
        simulator.faults.clear()


def test_the_simulator_out_of_reach_is_unavailable(merchant: Merchant, settings: Any) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    gateway_client.cache_clear()
    with pytest.raises(StripeUnavailable):
        create_customer(merchant=merchant, name="A")
