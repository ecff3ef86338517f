"""The world of a test: a Stripe over HTTP, a merchant connected to it, a caller with a key, the webhooks between."""

import json
import random
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest
import stripe
from django.conf import settings as django_settings
from django.test import Client

from billingos.merchants.models import Merchant
from billingos.merchants.services import create_api_key
from billingos.stripe_gateway.client import client as gateway_client
from billingos.webhooks.drainer import drain
from stripe_simulator import Simulator
from tests.factories import MerchantFactory
from tests.webhooks.events import take_in

if TYPE_CHECKING:
    from tests.scenes import Scene

SECRET = "whsec_test"
KEY = "sk_test_simulator"


class Deliveries:
    """What the simulator has sent and nobody has taken in yet. `flush` takes it in, in any order, and drains."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.waiting: list[tuple[bytes, dict[str, str]]] = []
        self.hold = False

    def take(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        with self._lock:
            self.waiting.append((body, dict(headers)))
        return 200

    def pop(self) -> list[tuple[bytes, dict[str, str]]]:
        with self._lock:
            waiting, self.waiting = self.waiting, []
        return waiting

    def flush(self, *, shuffle: random.Random | None = None, copies: int = 1) -> list[dict[str, Any]]:
        """Delivers and drains; returns the events."""
        batch = self.pop() * copies
        if shuffle:
            shuffle.shuffle(batch)
        for body, headers in batch:
            take_in(body, headers)
        while drain():
            pass
        return [json.loads(body) for body, _ in batch]


@pytest.fixture(scope="session")
def deliveries_of_run() -> Deliveries:
    return Deliveries()


@pytest.fixture(scope="session")
def simulator_server(deliveries_of_run: Deliveries) -> Iterator[tuple[Simulator, str]]:
    simulator = Simulator(secret_key=KEY, deliver=deliveries_of_run.take)
    with simulator.serve(port=0) as server:
        simulator.add_webhook_endpoint("http://testserver/api/webhooks/stripe", secret=SECRET, connect=True)
        simulator.add_webhook_endpoint("http://testserver/api/webhooks/stripe", secret=SECRET, connect=False)
        yield simulator, server.url


@pytest.fixture
def simulator(
    simulator_server: tuple[Simulator, str], settings: Any, deliveries_of_run: Deliveries
) -> Iterator[Simulator]:
    """The Stripe of this test; the gateway talks to it."""
    settings.STRIPE_API_BASE = simulator_server[1]
    settings.STRIPE_SECRET_KEY = KEY
    gateway_client.cache_clear()
    deliveries_of_run.pop()
    yield simulator_server[0]
    gateway_client.cache_clear()


@pytest.fixture
def deliveries(simulator: Simulator, deliveries_of_run: Deliveries) -> Deliveries:
    return deliveries_of_run


@pytest.fixture
def stripe_client(simulator: Simulator) -> stripe.StripeClient:
    """The plain library, as a merchant's own code would use it, on the platform's account."""
    return stripe.StripeClient(KEY, base_addresses={"api": django_settings.STRIPE_API_BASE})


@pytest.fixture
def merchant(committed_db: None, stripe_client: stripe.StripeClient) -> Merchant:
    """A merchant with a connected account of its own."""
    return connected_merchant(stripe_client)


@pytest.fixture
def other_merchant(committed_db: None, stripe_client: stripe.StripeClient) -> Merchant:
    return connected_merchant(stripe_client)


def connected_merchant(stripe_client: stripe.StripeClient) -> Merchant:
    account = stripe_client.v1.accounts.create({"type": "express", "country": "US"})
    return MerchantFactory.create(stripe_account_id=account.id)


class Api:
    """A caller of the REST API with a secret key."""

    def __init__(self, merchant: Merchant, **key: Any) -> None:
        self.merchant = merchant
        self.key = create_api_key(merchant=merchant, name="test", **key)[1]
        self._client = Client(raise_request_exception=False)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        raw: bytes | None = None,
        **params: Any,
    ) -> Any:
        """The response; `.json()` is its body. `key` is an Idempotency-Key, `params` the query."""
        headers = {"Authorization": f"Bearer {self.key}", **({"Idempotency-Key": key} if key else {})}
        content = raw if raw is not None else (json.dumps(body) if body is not None else "")
        query = "?" + "&".join(f"{name}={value}" for name, value in params.items()) if params else ""
        return self._client.generic(
            method, f"/api{path}{query}", content, content_type="application/json", headers=headers
        )

    def get(self, path: str, **params: Any) -> Any:
        return self.request("GET", path, **params)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.request("POST", path, body, **options)

    def made(self, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """The object of a POST that must succeed."""
        answer = self.post(path, body, **options)
        assert answer.status_code in {200, 201}, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def found(self, path: str, **params: Any) -> dict[str, Any]:
        """The object of a GET that must succeed."""
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def api(merchant: Merchant) -> Api:
    return Api(merchant)


@pytest.fixture
def scene(api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries) -> "Scene":
    from tests.scenes import paying_customer  # the scenes are built with this module's callers

    return paying_customer(api, stripe_client, deliveries)
