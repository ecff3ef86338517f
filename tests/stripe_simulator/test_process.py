"""The simulator as a process: its command line, and what survives a kill."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import stripe

from stripe_simulator import Simulator
from tests.stripe_simulator.conftest import Shop, client_of, item_of, moment

ROOT = Path(__file__).parents[2]


class Process:
    """A running ``python -m stripe_simulator``."""

    def __init__(self, *arguments: str) -> None:
        self.popen = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "stripe_simulator", "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        assert line.startswith("Stripe simulator ready on http://127.0.0.1:")
        self.url = line.split()[-1]

    def end(self, number: int) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(timeout=5)


def test_a_killed_simulator_loses_nothing_that_it_answered(tmp_path: Path) -> None:
    state = str(tmp_path / "state.db")
    process = Process("--state", state, "--synchronous-clocks")
    shop: Any = Shop(None, client_of(process.url), process.url)  # type: ignore[arg-type]  # none in this process
    clock = shop.clock(moment(2026, 1, 31))
    subscription = shop.subscribe(shop.customer(clock), shop.price(500)).id
    options = {"idempotency_key": "k"}
    names = [shop.client.v1.customers.create({"name": str(n)}).id for n in range(20)]
    keyed = shop.client.v1.customers.create({"name": "keyed"}, options=options).id
    assert process.end(signal.SIGKILL) == -signal.SIGKILL

    process = Process("--state", state, "--synchronous-clocks")
    shop = Shop(None, client_of(process.url), process.url)  # type: ignore[arg-type]  # none in this process
    found = [one.id for one in shop.client.v1.customers.list({"limit": 100})]
    assert found == [keyed, *reversed(names)]
    assert shop.client.v1.customers.create({"name": "keyed"}, options=options).id == keyed
    shop.advance(clock, moment(2026, 3, 1))
    assert item_of(shop.subscription(subscription)).current_period_end == moment(2026, 3, 31)
    assert [one.status for one in shop.invoices(subscription)] == ["paid", "paid"]
    began = time.monotonic()
    assert process.end(signal.SIGTERM) == 0
    assert time.monotonic() - began < 2


def test_undelivered_webhooks_and_moving_clocks_continue_after_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    simulator = Simulator(state_path=state, deliver=lambda url, body, headers: 500)
    simulator.add_webhook_endpoint("http://app.test/hook", enabled_events=["customer.created"])
    with simulator.serve() as server:
        shop = Shop(simulator, client_of(server.url), server.url)
        clock = shop.clock(moment(2026, 1, 1))
        customer = shop.customer(clock)
        subscription = shop.subscribe(customer, shop.price(500)).id
        with simulator.engine.unit(simulator.settings.platform_account) as work:
            moving = work.get("test_helpers.test_clock", clock)
            with work.edit(moving):
                moving |= {"status": "advancing", "_target": moment(2026, 2, 2)}

    events: list[bytes] = []

    def accept(url: str, body: bytes, headers: dict[str, str]) -> int:
        events.append(body)
        return 200

    again = Simulator(state_path=state, deliver=accept)
    with again.serve() as server:
        assert again.drain_deliveries(5)
        assert [customer.encode() in body for body in events] == [True]
        shop = Shop(again, client_of(server.url), server.url)
        for _ in range(100):
            if shop.client.v1.test_helpers.test_clocks.retrieve(clock).status == "ready":
                break
            time.sleep(0.02)
        assert len(shop.invoices(subscription)) == 2


def test_clocks_advance_in_the_background_by_default(tmp_path: Path) -> None:
    simulator = Simulator(synchronous_clocks=False)
    with simulator.serve() as server:
        shop = Shop(simulator, client_of(server.url), server.url)
        clock = shop.clock(moment(2026, 1, 1))
        subscription = shop.subscribe(shop.customer(clock), shop.price(500)).id
        target = moment(2027, 1, 1)
        moved = shop.client.v1.test_helpers.test_clocks.advance(clock, {"frozen_time": target})
        assert moved.status == "advancing"
        assert moved.status_details.advancing is not None
        assert moved.status_details.advancing.target_frozen_time == target
        for _ in range(200):
            now = shop.client.v1.test_helpers.test_clocks.retrieve(clock)
            if now.status == "ready":
                break
            time.sleep(0.02)
        assert (now.status, now.frozen_time) == ("ready", target)
        assert len(shop.invoices(subscription)) == 13


def test_webhooks_of_the_command_line_are_registered_once(tmp_path: Path) -> None:
    arguments = ["--state", str(tmp_path / "state.db"), "--webhook-url", "http://127.0.0.1:9/hook"]
    arguments += ["--webhook-secret", "whsec_x", "--secret-key", "sk_test_simulator"]
    for _ in range(2):
        process = Process(*arguments)
        client = client_of(process.url)
        assert len(client.v1.webhook_endpoints.list().data) == 2
        assert process.end(signal.SIGTERM) == 0


def test_a_taken_port_is_said_clearly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "stripe_simulator", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: the port is taken" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals")
def test_a_batch_of_renewals_is_quick(shop: Shop) -> None:
    clock = shop.clock(moment(2026, 1, 1))
    price = shop.price(500)
    subscriptions = [shop.subscribe(shop.customer(clock), price).id for _ in range(30)]
    began = time.monotonic()
    shop.advance(clock, moment(2026, 7, 2))
    assert time.monotonic() - began < 10
    assert {len(shop.invoices(id)) for id in subscriptions} == {7}


def test_chaos_and_limits_of_the_command_line() -> None:
    process = Process("--chaos", "duplicate=1,seed=3", "--clock-limits", "--public-url", "https://pay.example.com")
    assert requests.get(f"{process.url}/_simulator/chaos", timeout=5).json()["duplicate"] == 1
    shop: Any = Shop(None, client_of(process.url), process.url)  # type: ignore[arg-type]  # none in this process
    clock = shop.clock(moment(2026, 1, 1))
    customers = [shop.customer(clock) for _ in range(3)]
    with pytest.raises(stripe.InvalidRequestError, match="at most 3 customers"):
        shop.customer(clock)
    portal = shop.client.v1.billing_portal.sessions.create({"customer": customers[0]})
    assert portal.url.startswith("https://pay.example.com/p/session/")
    assert process.end(signal.SIGTERM) == 0


def test_bad_chaos_of_the_command_line_is_refused() -> None:
    command = [sys.executable, "-m", "stripe_simulator", "--port", "0", "--chaos", "drop=7"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20)  # noqa: S603 - our own
    assert done.returncode == 2
    assert "between 0 and 1" in done.stderr


@pytest.mark.long
def test_a_thousand_subscriptions_renew_for_a_year_within_a_minute(tmp_path: Path) -> None:
    simulator = Simulator(state_path=tmp_path / "state.db")
    with simulator.serve() as server:
        shop = Shop(simulator, client_of(server.url), server.url)
        clock, price = shop.clock(moment(2026, 1, 1)), shop.price(500)
        subscriptions = [shop.subscribe(shop.customer(clock), price).id for _ in range(1_000)]
        began, target = time.process_time(), {"frozen_time": moment(2027, 1, 2)}
        url = f"{server.url}/v1/test_helpers/test_clocks/{clock}/advance"
        assert requests.post(url, data=target, auth=("sk_test_simulator", ""), timeout=300).json()["status"] == "ready"
        assert time.process_time() - began < 60  # of the processor, whatever else it does
        assert {len(shop.invoices(id)) for id in subscriptions[::250]} == {13}
