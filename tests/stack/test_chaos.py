"""Chaos on a cluster of its own: deliveries doubled, shuffled, late and lost; drainers and servers killed under them.
In the end PostgreSQL is what Stripe says, and what was lost is known to have been lost.
"""

import contextlib
import itertools
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import requests
import stripe

from billingos.embedded.pytest_plugin import outside_environment
from billingos.embedded.state import BASE_DIR, write_private
from tests.stack.running import RunningStack
from tests.stack.shop import Shop
from tests.stack.test_kill import connected

pytestmark = pytest.mark.stack

SLUG = "chaos"
DRAINERS = 3
LEASE = "4"  # seconds


class Drainers:
    """Three at work at once, each replaced when it was killed."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._running = [self._start() for _ in range(DRAINERS)]
        self.killed = 0

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "tests.stack.inside", "drain_for_ever"],
            cwd=BASE_DIR,
            env=environment_of(self._stack),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, number: int) -> None:
        self._running[number].kill()
        self._running[number].wait()
        self._running[number] = self._start()
        self.killed += 1

    def stop(self) -> None:
        for one in self._running:
            one.kill()
            one.wait()


class Misfortune(threading.Thread):
    """One after the other: a drainer dies, Redis forgets all, PostgreSQL crashes, Celery's worker dies."""

    def __init__(self, stack: RunningStack, drainers: Drainers, pause: float) -> None:
        super().__init__(daemon=True)
        self._stack, self._drainers, self._pause = stack, drainers, pause
        self._over = threading.Event()
        self.counts: dict[str, int] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        chance = random.Random(7)  # noqa: S311 - a seed, not secrecy
        strokes = itertools.cycle(("drainer", "drainer", "flush", "drainer", "postgres", "drainer", "worker"))
        try:
            while not self._over.wait(self._pause * (0.5 + chance.random())):
                stroke = next(strokes)
                self._strike(stroke, chance.randrange(DRAINERS))
                self.counts[stroke] = self.counts.get(stroke, 0) + 1
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.error = error

    def _strike(self, stroke: str, drainer: int) -> None:
        if stroke == "drainer":
            self._drainers.kill(drainer)
        elif stroke == "flush":
            redis.Redis.from_url(values_of(self._stack)["REDIS_URL"]).flushall()
        else:
            self._stack.kill(stroke)

    def end(self) -> None:
        self._over.set()
        self.join()
        assert self.error is None, self.error


@pytest.mark.parametrize(
    ("subscriptions", "at_least", "late_seconds"),
    [
        pytest.param(12, 1_000, 4, id="small"),
        pytest.param(200, 10_000, 150, id="full", marks=pytest.mark.long),
    ],
)
def test_chaos_ends_in_stripes_truth(tmp_path: Path, subscriptions: int, at_least: int, late_seconds: float) -> None:
    with (
        RunningStack(tmp_path / "state", INBOX_LEASE_SECONDS=LEASE, RECONCILE_GRACE_SECONDS="0") as stack,
        chaos_in(stack, late_seconds) as shop,
    ):
        drainers = Drainers(stack)
        misfortune = Misfortune(stack, drainers, pause=1.0 if at_least < 10_000 else 4.0)
        misfortune.start()
        try:
            made = live(stack, shop, subscriptions, at_least)
            assert quiet_stripe(stack)
            misfortune.end()
            wait_for_inbox(stack)
        finally:
            drainers.stop()
        assert misfortune.counts.keys() == {"drainer", "flush", "postgres", "worker"}, misfortune.counts

        with worker_asleep(stack):  # so that nothing but the comparison repairs
            assert_losses_are_found_and_repaired(stack, shop, made)
        wait_for_inbox(stack)
        compared = inside(stack, "compare", SLUG)
        assert (compared["customers"], compared["unequal"]) == (subscriptions, {})
        assert {"active", "canceled"} <= set(compared["statuses"])
        assert reconciled(stack, "--full")["drifts"] == []
        print(f"\n{made} events; {misfortune.counts}; {compared['statuses']}")  # noqa: T201 - the figures, with -s


def assert_losses_are_found_and_repaired(stack: RunningStack, shop: Shop, made: int) -> None:
    every = {event["id"]: event for event in events_of(stack, shop, {})}
    lost = {event["id"]: event["type"] for event in events_of(stack, shop, {"delivery_success": False})}
    assert 0.05 * made < len(lost) < 0.15 * made
    here = {row[0] for row in asked(stack, "SELECT stripe_event_id FROM webhook_events WHERE account = %s", shop)}
    assert here == every.keys() - lost.keys()  # every delivery that was made was kept, whatever happened then
    assert asked(stack, "SELECT reason FROM webhook_events WHERE account = %s AND status = 'failed'", shop) == []
    before = inside(stack, "compare", SLUG)
    unequal, handled = before["unequal"], set(before["handled"])

    found = reconciled(stack, "--full")
    told = {drift["stripe_id"] for drift in found["drifts"] if drift["object_type"] == "event"}
    assert told == {name for name, kind in lost.items() if kind in handled}
    objects = {drift["stripe_id"] for drift in found["drifts"] if drift["object_type"] != "event"}
    differed = {
        owner_of(event["data"]["object"]) for event in every.values() if event["data"]["object"]["id"] in objects
    }
    assert unequal.keys() <= differed  # whoever was not as Stripe has them, of theirs something was told
    assert inside(stack, "compare", SLUG)["unequal"] == {}
    print(  # noqa: T201 - the figures, with -s
        f"\n{len(lost)} lost, {len(unequal)} customers not as in Stripe; drifts: {len(told)} events, "
        f"{len(found['drifts']) - len(told)} differences of {len(objects)} objects"
    )


def owner_of(found: Any) -> str:
    return str(found["id"] if found["object"] == "customer" else found.get("customer") or "")


@contextlib.contextmanager
def worker_asleep(stack: RunningStack) -> Iterator[None]:
    """Its processes are stopped where they are."""
    parent = psutil.Process(stack.processes()["worker"])
    members = [parent, *parent.children(recursive=True)]
    for member in members:
        member.suspend()
    yield
    for member in members:
        member.resume()


@contextlib.contextmanager
def chaos_in(stack: RunningStack, late_seconds: float) -> Iterator[Shop]:
    """A stack without a demo, with a merchant of whom BillingOS knows the account; from now on little is delivered as
    it should be."""
    stack.state.prepare()
    write_private(stack.state.file("demo.json"), json.dumps({"ready": True, "url": stack.url}))
    stack.start(timeout_seconds=300)
    values = values_of(stack)
    client = stripe.StripeClient(values["STRIPE_SECRET_KEY"], base_addresses={"api": values["STRIPE_API_BASE"]})
    account = client.v1.accounts.create({"type": "express", "country": "US"}).id
    inside(stack, "open_business", SLUG, account)
    unleash(stack, duplicate=0.2, shuffle=0.3, delay=0.3, drop=0.1, delay_seconds=late_seconds, seed=5)
    shop = Shop(client, account, seed=5)
    shop.open()
    yield shop


def live(stack: RunningStack, shop: Shop, subscriptions: int, at_least: int) -> int:
    """Until Stripe has told enough; how many events that were."""
    for number in range(subscriptions):
        shop.welcome(number)
    while (made := len(list(events_of(stack, shop, {})))) < at_least:
        for _ in shop.live():
            pass
    return made


def quiet_stripe(stack: RunningStack) -> bool:
    """Everything is delivered that will be: late ones, and those that are tried again."""
    unleash(stack)
    deadline = time.monotonic() + 600
    while not admin(stack, "drain", timeout=10)["drained"]:
        assert time.monotonic() < deadline, "Stripe still has something to deliver"
    return True


def unleash(stack: RunningStack, **chaos: float) -> None:
    admin(stack, "chaos", **chaos)


def admin(stack: RunningStack, what: str, **sent: float) -> dict[str, Any]:
    answer = requests.post(f"{values_of(stack)['STRIPE_API_BASE']}/_simulator/{what}", json=sent, timeout=60)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def wait_for_inbox(stack: RunningStack) -> None:
    deadline = time.monotonic() + 900
    waiting = "SELECT type, attempts, reason FROM webhook_events WHERE status = 'pending' LIMIT 5"
    while rows := asked(stack, waiting):
        assert time.monotonic() < deadline, rows
        time.sleep(0.2)


def asked(stack: RunningStack, sql: str, shop: Shop | None = None) -> list[Any]:
    with connected(stack) as database:
        return database.execute(sql, [shop.account] if shop else []).fetchall()


def events_of(stack: RunningStack, shop: Shop, filters: dict[str, Any]) -> Iterator[Any]:
    on: Any = {"stripe_account": shop.account}
    given: Any = {**filters, "limit": 100}
    return iter(shop.v1.events.list(given, on).auto_paging_iter())


def reconciled(stack: RunningStack, option: str) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "manage.py", "reconcile", "--merchant", SLUG, "--json", option],
        cwd=BASE_DIR, env=environment_of(stack), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == (1 if found["drifts"] else 0)
    return found


def inside(stack: RunningStack, *command: str) -> Any:
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.stack.inside", *command],
        cwd=BASE_DIR, env=environment_of(stack), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else None


def environment_of(stack: RunningStack) -> dict[str, str]:
    own = {"INBOX_LEASE_SECONDS": LEASE, "RECONCILE_GRACE_SECONDS": "0"}
    return {**outside_environment(), "BILLINGOS_STATE_DIR": str(stack.state.path), **own}


def values_of(stack: RunningStack) -> dict[str, str]:
    """The settings that the stack has made for itself."""
    lines = stack.state.file("env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
