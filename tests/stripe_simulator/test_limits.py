"""Stripe's limits of test clocks, where they are switched on; and what is forgotten with time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from stripe_simulator import Settings, Simulator
from tests.stripe_simulator.conftest import Shop, client_of, moment

START = moment(2026, 1, 1)


@pytest.fixture
def strict() -> Iterator[Shop]:
    simulator = Simulator(deliver=lambda url, body, headers: 200, settings=Settings(clock_limits=True))
    with simulator.serve() as server:
        yield Shop(simulator, client_of(server.url), server.url)


def test_a_clock_has_three_customers(strict: Shop) -> None:
    clock = strict.clock(START)
    for _ in range(3):
        strict.customer(clock)
    with pytest.raises(stripe.InvalidRequestError, match="at most 3 customers"):
        strict.customer(clock)
    strict.customer(strict.clock(START))
    strict.customer()


def test_its_customers_have_three_subscriptions(strict: Shop) -> None:
    customer, price = strict.customer(strict.clock(START)), strict.price(500)
    made = [strict.subscribe(customer, price).id for _ in range(3)]
    with pytest.raises(stripe.InvalidRequestError, match="at most 3 subscriptions"):
        strict.subscribe(customer, price)
    strict.client.v1.subscriptions.cancel(made[0])
    strict.subscribe(customer, price)


def test_it_advances_by_two_of_the_shortest_intervals(strict: Shop) -> None:
    clock = strict.clock(START)
    strict.advance(clock, moment(2026, 1, 2))  # nothing there yet: no limit
    customer = strict.customer(clock)
    strict.subscribe(customer, strict.price(500, "year"))
    strict.subscribe(customer, strict.price(500))
    with pytest.raises(stripe.InvalidRequestError, match="up to 2 intervals"):
        strict.advance(clock, moment(2026, 3, 2) + 1)
    strict.advance(clock, moment(2026, 3, 2))


def test_there_are_no_limits_by_default(shop: Shop) -> None:
    clock, price = shop.clock(START), shop.price(500)
    customers = [shop.customer(clock) for _ in range(4)]
    for _ in range(4):
        shop.subscribe(customers[0], price)
    shop.advance(clock, moment(2026, 8, 1))


def test_old_events_and_keys_are_forgotten(tmp_path: Path) -> None:
    wall = [1_800_000_000.0]
    simulator = Simulator(
        state_path=tmp_path / "state.db",
        deliver=lambda url, body, headers: 200,
        now=lambda: wall[0],
        settings=Settings(event_days=30),
    )
    with simulator.serve() as server:
        shop = Shop(simulator, client_of(server.url), server.url)
        shop.customer(shop.clock(START))  # of the clock's time, and young for all that
        shop.client.v1.customers.create({}, options={"idempotency_key": "k"})
        before = len(shop.client.v1.events.list({"limit": 100}).data)
        wall[0] += 86_400
        shop.client.v1.customers.create({"name": "younger"})
        assert simulator.forget() >= 1  # the key
        assert len(shop.client.v1.events.list({"limit": 100}).data) == before + 1
        wall[0] += 29 * 86_400
        assert simulator.forget() >= before
        [left] = shop.client.v1.events.list().data
        assert left.data.object["name"] == "younger"


def test_events_are_read_back_from_the_file(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    simulator = Simulator(state_path=state, deliver=lambda url, body, headers: 200)
    with simulator.serve() as server:
        client_of(server.url).v1.customers.create({"name": "kept"})
    again = Simulator(state_path=state, deliver=lambda url, body, headers: 200)
    with again.serve() as server:
        [event] = client_of(server.url).v1.events.list({"type": "customer.created"}).data
        assert event.data.object["name"] == "kept"
