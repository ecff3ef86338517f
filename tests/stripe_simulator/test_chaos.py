"""Webhooks that come twice, late, out of order or never: the same for the same seed."""

from collections import Counter
from typing import Any

import pytest
import requests

from stripe_simulator import Chaos, Settings, Simulator
from stripe_simulator.chaos import Dice
from tests.stripe_simulator.conftest import SECRET, Shop, client_of

Run = list[tuple[int, str]]


def run(chaos: Chaos, customers: int = 40) -> list[str]:
    """The names of the customers whose creation arrived, in the order of arrival."""
    arrived: list[str] = []

    def deliver(url: str, body: bytes, headers: dict[str, str]) -> int:
        arrived.append(body.decode().split('"name":"')[1].split('"')[0])
        return 200

    simulator = Simulator(deliver=deliver, settings=Settings(chaos=chaos))
    simulator.add_webhook_endpoint("http://app.test/hook", secret=SECRET, enabled_events=["customer.created"])
    with simulator.serve() as server:
        client = client_of(server.url)
        for number in range(customers):
            client.v1.customers.create({"name": str(number)})
        assert simulator.drain_deliveries(10)
    return arrived


def test_nothing_goes_wrong_by_default() -> None:
    assert run(Chaos()) == [str(number) for number in range(40)]


def test_some_are_dropped_and_some_come_twice() -> None:
    arrived = Counter(run(Chaos(drop=0.3, duplicate=0.3, seed=1)))
    assert 5 <= 40 - len(arrived) <= 20
    assert set(arrived.values()) == {1, 2}


def test_shuffled_deliveries_all_arrive_once_in_another_order() -> None:
    arrived = run(Chaos(shuffle=0.5, seed=1))
    assert arrived != sorted(arrived, key=int)
    assert sorted(arrived, key=int) == [str(number) for number in range(40)]
    assert max(abs(int(name) - place) for place, name in enumerate(arrived)) <= 10


def test_a_seed_repeats_the_chaos() -> None:
    chaos: dict[str, Any] = {"duplicate": 0.2, "shuffle": 0.3, "drop": 0.1}
    assert run(Chaos(seed=5, **chaos)) == run(Chaos(seed=5, **chaos)) != run(Chaos(seed=6, **chaos))


def test_delayed_deliveries_arrive_late() -> None:
    assert sorted(run(Chaos(delay=0.5, delay_seconds=0.2), 10), key=int) == [str(number) for number in range(10)]


def test_one_probability_does_not_shift_another() -> None:
    alone, both = (Dice(Chaos(seed=3, **values), "e") for values in ({"drop": 0.5}, {"drop": 0.5, "duplicate": 0.5}))
    assert [alone.throw().dropped for _ in range(50)] == [both.throw().dropped for _ in range(50)]


def test_a_dropped_event_is_found_by_asking_for_it(shop: Shop) -> None:
    answer = requests.post(f"{shop.url}/_simulator/chaos", json={"drop": 1, "seed": 4}, timeout=5)
    assert answer.json()["drop"] == 1
    shop.client.v1.customers.create({})
    assert shop.received == []
    [lost] = shop.client.v1.events.list({"delivery_success": False}).data
    [logged] = requests.get(f"{shop.url}/_simulator/deliveries", params={"event": lost.id}, timeout=5).json()["data"]
    assert (logged["note"], logged["status"]) == ("dropped", 0)

    assert requests.post(f"{shop.url}/_simulator/chaos", json={}, timeout=5).json()["drop"] == 0
    again = requests.post(f"{shop.url}/_simulator/events/{lost.id}/redeliver", timeout=5)
    assert again.json() == {"event": lost.id, "endpoints": 1}
    assert [event["id"] for event in shop.received] == [lost.id]


def test_an_event_can_be_delivered_again_to_one_endpoint(shop: Shop) -> None:
    shop.client.v1.customers.create({})
    [event] = shop.received
    endpoint = shop.client.v1.webhook_endpoints.list().data[0].id
    assert shop.simulator.redeliver(event["id"], endpoint) == 1
    assert [one["id"] for one in shop.received] == [event["id"]] * 2
    url = f"{shop.url}/_simulator/events"
    assert requests.post(f"{url}/evt_none/redeliver", timeout=5).status_code == 404
    assert requests.post(f"{url}/{event['id']}/redeliver", data={"endpoint": "we_x"}, timeout=5).status_code == 400


@pytest.mark.parametrize("values", [{"drop": 2}, {"drop": "often"}, {"lose": 1}, {"seed": "x"}])
def test_bad_chaos_is_refused(shop: Shop, values: dict[str, Any]) -> None:
    assert requests.post(f"{shop.url}/_simulator/chaos", json=values, timeout=5).status_code == 400


def test_an_endpoint_disabled_between_tries_gets_no_more() -> None:
    simulator = Simulator(deliver=lambda url, body, headers: 500, settings=Settings(delivery_delays=(0.2, 0.2)))
    endpoint = simulator.add_webhook_endpoint("http://app.test/hook", secret=SECRET)["id"]
    with simulator.serve() as server:
        client = client_of(server.url)
        client.v1.customers.create({})
        client.v1.webhook_endpoints.update(endpoint, {"disabled": True})
        assert simulator.drain_deliveries(5)
        assert [attempt.status for attempt in simulator.delivery_log] == [500]
        assert client.v1.events.list().data[0].pending_webhooks == 1
