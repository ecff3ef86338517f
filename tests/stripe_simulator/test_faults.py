"""Rate limits, errors and lost connections on demand, and what the ``stripe`` library makes of them."""

import time
from typing import Any

import pytest
import requests
import stripe

from stripe_simulator import Simulator
from tests.stripe_simulator.conftest import Shop, client_of


def plan(shop: Shop, **values: Any) -> None:
    assert requests.post(f"{shop.url}/_simulator/faults", json=values, timeout=5).status_code == 200


def test_rate_limits(shop: Shop) -> None:
    plan(shop, rate_limit=2)
    for _ in range(2):
        with pytest.raises(stripe.RateLimitError) as caught:
            shop.client.v1.customers.list()
        body: Any = caught.value.json_body
        assert (caught.value.http_status, body["error"]["code"]) == (429, "rate_limit")
    assert shop.client.v1.customers.list().data == []


def test_the_library_retries_what_it_may(shop: Shop) -> None:
    patient = stripe.StripeClient("sk_test_simulator", base_addresses={"api": shop.url}, max_network_retries=2)
    for fault in ("error_500", "drop_connection", "lose_answer"):
        plan(shop, **{fault: 1})
        patient.v1.customers.create({"name": fault})
    names = [one.name for one in shop.client.v1.customers.list()]
    assert names == ["lose_answer", "drop_connection", "error_500"]  # once each, though one was carried out twice


def test_a_lost_answer_was_carried_out(shop: Shop) -> None:
    plan(shop, lose_answer=1)
    with pytest.raises(stripe.APIConnectionError):
        shop.client.v1.customers.create({"name": "A"})
    plan(shop, drop_connection=1)
    with pytest.raises(stripe.APIConnectionError):
        shop.client.v1.customers.create({"name": "B"})
    assert [one.name for one in shop.client.v1.customers.list()] == ["A"]


def test_faults_of_one_account_spare_the_others(shop: Shop) -> None:
    account = shop.client.v1.accounts.create({"type": "express"}).id
    plan(shop, account=account, error_500=1)
    assert shop.client.v1.customers.list().data == []
    with pytest.raises(stripe.APIError):
        shop.client.v1.customers.list(options={"stripe_account": account})
    assert requests.get(f"{shop.url}/_simulator/faults", timeout=5).json()[account]["error_500"] == 0
    assert requests.delete(f"{shop.url}/_simulator/faults", timeout=5).json() == {}


def test_one_request_may_ask_for_its_own_fault(shop: Shop) -> None:
    def get(fault: str) -> requests.Response:
        headers = {"Simulator-Fault": fault}
        return requests.get(f"{shop.url}/v1/customers", headers=headers, auth=("sk_test_simulator", ""), timeout=5)

    assert get("rate_limit").status_code == 429
    assert get("error_500").json()["error"]["type"] == "api_error"
    assert get("nonsense").status_code == 400
    began = time.monotonic()
    assert get("latency_ms=150").status_code == 200
    assert time.monotonic() - began > 0.14


def test_every_answer_can_be_slow(shop: Shop) -> None:
    plan(shop, latency_ms=120)
    began = time.monotonic()
    shop.client.v1.customers.list()
    assert time.monotonic() - began > 0.11


@pytest.mark.parametrize("values", [{"rate_limit": -1}, {"rate_limit": "x"}, {"earthquake": 1}])
def test_bad_faults_are_refused(shop: Shop, values: dict[str, Any]) -> None:
    assert requests.post(f"{shop.url}/_simulator/faults", json=values, timeout=5).status_code == 400


def test_another_sites_page_can_do_nothing(shop: Shop) -> None:
    headers = {"Origin": "http://evil.test"}
    answer = requests.post(f"{shop.url}/_simulator/faults", data={"rate_limit": "9"}, headers=headers, timeout=5)
    assert answer.status_code == 403
    assert requests.get(f"{shop.url}/_simulator/nothing", timeout=5).status_code == 404


def test_idempotency_keys_are_forgotten_after_a_day() -> None:
    wall = [1_800_000_000.0]
    simulator = Simulator(deliver=lambda url, body, headers: 200, now=lambda: wall[0])
    with simulator.serve() as server:
        client = client_of(server.url)

        def create(name: str) -> str:
            return client.v1.customers.create({"name": name}, options={"idempotency_key": "k"}).id

        first = create("A")
        wall[0] += 24 * 3_600 - 1
        assert create("A") == first
        wall[0] += 1
        second = create("B")
        assert second != first
        assert create("B") == second
