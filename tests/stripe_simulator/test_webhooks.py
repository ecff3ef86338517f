"""Deliveries over real HTTP: signed, retried under one event id, resumed."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import stripe

from stripe_simulator import Settings, Simulator
from tests.stripe_simulator.conftest import SECRET, Shop, client_of


class Receiver:
    """An HTTP server that answers with the statuses given, then 200."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.requests: list[tuple[bytes, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((body, self.headers["Stripe-Signature"]))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_signed_delivery(receiver: Receiver) -> None:
    simulator = Simulator()
    with simulator.serve() as server:
        client = client_of(server.url)
        endpoint = client.v1.webhook_endpoints.create(
            {"url": receiver.url, "enabled_events": ["customer.created"], "api_version": "2026-08-26.dahlia"}
        )
        assert endpoint.secret is not None
        assert client.v1.webhook_endpoints.retrieve(endpoint.id).to_dict().get("secret") is None
        made = client.v1.customers.create({"name": "A"}, options={"idempotency_key": "k9"})
        client.v1.customers.update(made.id, {"name": "B"})
        assert simulator.drain_deliveries(5)
        [(body, signature)] = receiver.requests
        event = stripe.Webhook.construct_event(body, signature, endpoint.secret)
        assert (event.type, event.data.object["id"]) == ("customer.created", made.id)
        assert json.loads(body)["request"]["idempotency_key"] == "k9"
        assert event.pending_webhooks == 1
        assert client.v1.events.retrieve(event.id).pending_webhooks == 0
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body, signature, "whsec_other")
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(body.replace(b"A", b"Z"), signature, endpoint.secret)


def test_failed_deliveries_are_retried_under_the_same_event_id(receiver: Receiver) -> None:
    receiver.answers = [500, 302]
    simulator = Simulator(settings=Settings(delivery_delays=(0.05, 0.05, 0.05)))
    with simulator.serve() as server:
        simulator.add_webhook_endpoint(receiver.url, secret=SECRET)
        client_of(server.url).v1.customers.create({})
        assert simulator.drain_deliveries(5)
        ids = [json.loads(body)["id"] for body, _ in receiver.requests]
        assert len(ids) == 3
        assert len(set(ids)) == 1
        assert [attempt.status for attempt in simulator.delivery_log] == [500, 302, 200]
        assert [attempt.number for attempt in simulator.delivery_log] == [1, 2, 3]


def test_a_delivery_is_given_up_in_the_end(receiver: Receiver) -> None:
    receiver.answers = [500] * 9
    simulator = Simulator(settings=Settings(delivery_delays=(0.01,)))
    with simulator.serve() as server:
        simulator.add_webhook_endpoint(receiver.url, secret=SECRET)
        client_of(server.url).v1.customers.create({})
        assert simulator.drain_deliveries(5)
        assert len(receiver.requests) == 2


def test_in_process_delivery_can_call_the_api_back() -> None:
    shops: list[Shop] = []
    seen: list[str] = []

    def deliver(url: str, body: bytes, headers: dict[str, str]) -> int:
        event = json.loads(body)
        fetched = shops[0].client.v1.customers.retrieve(event["data"]["object"]["id"])
        seen.append(fetched.id)
        return 200

    simulator = Simulator(deliver=deliver)
    simulator.add_webhook_endpoint("http://app.test/hook", secret=SECRET, enabled_events=["customer.created"])
    with simulator.serve() as server:
        shops.append(Shop(simulator, client_of(server.url), server.url))
        made = shops[0].client.v1.customers.create({})
        assert seen == [made.id]


def test_registering_twice_makes_no_duplicate() -> None:
    simulator = Simulator(deliver=lambda url, body, headers: 200)
    first = simulator.add_webhook_endpoint("http://app.test/hook", secret=SECRET)
    second = simulator.add_webhook_endpoint("http://app.test/hook", secret="whsec_new")
    connect = simulator.add_webhook_endpoint("http://app.test/hook", secret=SECRET, connect=True)
    assert first["id"] == second["id"] != connect["id"]
    assert second["secret"] == "whsec_new"
    simulator.close()


def test_a_disabled_endpoint_gets_nothing(shop: Shop) -> None:
    for endpoint in shop.client.v1.webhook_endpoints.list():
        shop.client.v1.webhook_endpoints.update(endpoint.id, {"disabled": True})
    shop.client.v1.customers.create({})
    assert shop.received == []
