"""kill -9 of every part while the quickstart runs and asks again: nothing is lost, nothing is doubled."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import requests
import stripe

from billingos.embedded.state import BASE_DIR
from tests.stack.running import RunningStack

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with RunningStack(tmp_path_factory.mktemp("kill") / "state", INBOX_LEASE_SECONDS="3") as running:
        running.start(timeout_seconds=300)
        yield running


def run_quickstart(stack: RunningStack, run: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "examples/quickstart.py",
        "--demo",
        str(stack.state.file("demo.json")),
        "--run",
        run,
    ]
    return subprocess.Popen(  # noqa: S603 - our own script
        [*command, "--patience", "90"],
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_again_and_again(stack: RunningStack, victim: str, stop: threading.Event) -> int:
    """Kills the victim up to four times, each time a little later in its life; returns how often."""
    for kills in range(4):
        if stop.wait(0.4 + kills * 0.5):
            return kills
        stack.wait_until(stack.answers, 60)
        stack.kill(victim)
    return 4


@pytest.mark.parametrize(
    "victim", ["web", "postgres", *(pytest.param(name, marks=pytest.mark.long) for name in ("worker", "valkey"))]
)
def test_nothing_is_lost_or_doubled(stack: RunningStack, victim: str) -> None:
    run = f"kill{victim}{int(time.time())}"
    stop, kills = threading.Event(), []
    killer = threading.Thread(target=lambda: kills.append(kill_again_and_again(stack, victim, stop)))
    process = run_quickstart(stack, run)
    killer.start()
    try:
        output, _ = process.communicate(timeout=240)
    finally:
        stop.set()
        killer.join()
    assert process.returncode == 0, f"{output}\n{stack.output()[-6000:]}"
    assert kills[0] >= 1

    stack.wait_until(stack.answers, 60)
    again, _ = (repeated := run_quickstart(stack, run)).communicate(timeout=120)
    assert repeated.returncode == 0, again
    assert_once_here(stack, run)
    assert_once_in_stripe(stack, run)
    assert_settled(stack)


def assert_once_here(stack: RunningStack, run: str) -> None:
    merchant = stack.demo["merchants"][0]

    def found(path: str, **params: str) -> dict[str, Any]:
        answer = requests.get(
            f"{stack.url}/api{path}",
            params=params,
            headers={"Authorization": f"Bearer {merchant['secret_key']}"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    assert len([p for p in found("/products", limit="100")["data"] if p["name"] == f"Pro {run}"]) == 1
    assert len([f for f in found("/features", limit="100")["data"] if f["lookup_key"].endswith(f"_{run}")]) == 2
    subscriptions = found("/subscriptions", customer_id=f"user_{run}")["data"]
    assert [subscription["status"] for subscription in subscriptions] == ["canceled"]
    check = found("/entitlements/check", customer_id=f"user_{run}", feature=f"calls_{run}")
    assert check["allowed"] is False
    with connected(stack) as database:
        counted = database.execute(
            "SELECT value, events FROM usage_counters JOIN meters ON meters.id = meter_id WHERE key = %s",
            [f"calls_{run}"],
        ).fetchall()
    assert counted == [(250, 1)]


def assert_once_in_stripe(stack: RunningStack, run: str) -> None:
    demo = stack.demo
    client = stripe.StripeClient(demo["stripe"]["secret_key"], base_addresses={"api": demo["stripe"]["api_base"]})
    account: Any = {"stripe_account": demo["merchants"][0]["stripe_account_id"]}
    clocks = [c for c in client.v1.test_helpers.test_clocks.list({"limit": 100}, account).data if c.name == run]
    assert len(clocks) == 1
    customers = client.v1.customers.list({"test_clock": clocks[0].id}, account).data
    assert [customer.email for customer in customers] == [f"user_{run}@example.com"]
    ours: Any = {"customer": customers[0].id, "status": "all"}
    assert [row.status for row in client.v1.subscriptions.list(ours, account).data] == ["canceled"]
    invoices = client.v1.invoices.list({"customer": customers[0].id}, account).data
    assert [(invoice.status, invoice.amount_paid) for invoice in invoices] == [("paid", 4900)]
    products = client.v1.products.list({"limit": 100}, account).data
    assert len([product for product in products if product.name == f"Pro {run}"]) == 1


def assert_settled(stack: RunningStack) -> None:
    """No event waits, none failed, no write is half-done, and Stripe knows nothing that is not here."""

    def unsettled() -> list[Any]:
        with connected(stack) as database:
            return database.execute(
                "SELECT 'event', type, status, reason FROM webhook_events WHERE status IN ('pending', 'failed') "
                "UNION ALL SELECT 'intent', operation, status, '' FROM write_intents WHERE status = 'pending'"
            ).fetchall()

    deadline = time.monotonic() + 90
    while rows := unsettled():
        assert time.monotonic() < deadline, rows
        time.sleep(0.5)


def connected(stack: RunningStack) -> psycopg.Connection[Any]:
    """As the owner, whom row-level security does not bind."""
    lines = stack.state.file("env").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return psycopg.connect(values["DATABASE_OWNER_URL"].strip("'\""), autocommit=True)
