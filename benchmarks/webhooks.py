"""Stripe's events: how fast they are taken in, worked off and visible, beside a bare view and dj-stripe's own handling.

Goals: docs/performance.md.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.deliveries import Delivery, Sender, Shared, Shop, delivery
from benchmarks.inside import ACCOUNT
from benchmarks.report import FOLDER, Goal, Report
from benchmarks.servers import SECRET, Servers, process, wait_for, web, worker
from billingos.embedded.ports import free_port
from billingos.embedded.state import BASE_DIR

GOALS = {
    "intake / bare view": Goal(least=0.6),
    "event to visible row, p99 in ms": Goal(most=250),
    "all of 300 events / dj-stripe": Goal(least=50),
}
PATH = "/api/webhooks/stripe"
CONNECTIONS = 8
ROUNDS = 4
MOST_PER_SECOND = 6000  # more deliveries than this are not made ready
PACE = 100  # events a second, where the lag is measured
SAME_EVENTS = 300
EACH = 6  # events of one customer


def measure_webhooks(seconds: float) -> Report:
    report = Report("webhooks", GOALS)
    with Servers() as servers, _canned(_same_shop()) as stripe:
        environment = servers.environment("bench_webhooks", stripe)
        _inside(environment, "prepare")
        _measure_intake(report, environment, seconds)
        _measure_drain(report, environment, seconds)
        environment = servers.environment("bench_lag", stripe)
        _inside(environment, "prepare")
        _measure_lag(report, environment, seconds)
        _compare_with_djstripe(report, servers, stripe)
    return report


def _deliveries(tag: str, customers: int, account: str | None = ACCOUNT) -> list[Delivery]:
    shop = Shop(tag)
    told = shop.catalog() + [entry for number in range(customers) for entry in shop.life(number)]
    return [delivery(type, found, created, SECRET, account) for type, found, created in told]


# --- Intake ----------------------------------------------------------------------------------------------------------


def _measure_intake(report: Report, environment: dict[str, str], seconds: float) -> None:
    """In turns, against both servers at once, so that what else the machine does hits both alike."""
    span = seconds / ROUNDS
    found: dict[str, list[tuple[int, float, list[float]]]] = {"BillingOS": [], "bare view": []}
    with (
        web(environment, "billingos.wsgi:application") as ours,
        web(environment, "benchmarks.bare_wsgi:application") as bare,
    ):
        _flood(ours, PATH, _deliveries("warm", 50), 2)
        _flood(bare, "/take", _deliveries("warm", 50), 2)
        for number in range(ROUNDS):
            same = _deliveries(f"r{number}", int(MOST_PER_SECOND * span / EACH))
            found["BillingOS"].append(_flood(ours, PATH, same, span))
            found["bare view"].append(_flood(bare, "/take", same, span))
    rates = {name: _row(report, name, rounds) for name, rounds in found.items()}
    report.ratios["intake / bare view"] = rates["BillingOS"] / rates["bare view"]


def _flood(port: int, path: str, deliveries: list[Delivery], seconds: float) -> tuple[int, float, list[float]]:
    """How many were taken, in how many seconds, and how long each took."""
    began = time.monotonic()
    shared = Shared(deliveries)
    senders = [Sender(port, path, iter(shared), began + seconds) for _ in range(CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    if any(sender.refused or not sender.done for sender in senders):
        raise RuntimeError(f"Deliveries to {path} were refused.")
    latencies = [latency for sender in senders for latency in sender.latencies]
    return len(latencies), time.monotonic() - began, latencies


def _row(report: Report, name: str, rounds: list[tuple[int, float, list[float]]]) -> float:
    rate = sum(count for count, _, _ in rounds) / sum(seconds for _, seconds, _ in rounds)
    latencies = sorted(latency for _, _, found in rounds for latency in found)
    report.rows.append({"what": f"intake: {name}", "events/s": rate, **_percentiles(latencies)})
    return rate


def _percentiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds, of sorted seconds."""
    return {"p50 ms": seconds[len(seconds) // 2] * 1000, "p99 ms": seconds[int(len(seconds) * 0.99)] * 1000}


# --- Draining, and from event to row ----------------------------------------------------------------------------------


def _measure_drain(report: Report, environment: dict[str, str], seconds: float) -> None:
    """Of what the intake has left, by one process."""
    found = _inside(environment, "drain_for", str(seconds))
    report.rows.append({"what": "drain: one process", "events/s": found["events"] / found["seconds"]})


def _measure_lag(report: Report, environment: dict[str, str], seconds: float) -> None:
    """At a steady pace, on a whole stack: from sending to the end of the event's work, when its row is visible."""
    warm, told = 3 * PACE, _deliveries("lag", int((seconds + 3) * PACE / EACH))
    with web(environment, "billingos.wsgi:application") as port, worker(environment):
        sent = _paced(port, told)
        ended = _wait_for_all(environment, len(told))
    lags = sorted(ended[name] - at for name, at in list(sent.items())[warm:])
    report.rows.append({"what": f"event to row at {PACE}/s", "events/s": float(PACE), **_percentiles(lags)})
    report.ratios["event to visible row, p99 in ms"] = _percentiles(lags)["p99 ms"]


def _paced(port: int, deliveries: list[Delivery]) -> dict[str, float]:
    """Event id → when it was sent (Unix time)."""
    sent: dict[str, float] = {}

    def on_time() -> Iterator[Delivery]:
        began = time.monotonic()
        for number, found in enumerate(deliveries):
            time.sleep(max(0.0, began + number / PACE - time.monotonic()))
            sent[found.event_id] = time.time()
            yield found

    sender = Sender(port, PATH, on_time(), time.monotonic() + 3600)
    sender.start()
    sender.join()
    return sent


def _wait_for_all(environment: dict[str, str], count: int) -> dict[str, float]:
    for _ in range(30):
        found = _inside(environment, "finished")
        if len(found["at"]) == count:
            if found["ends"]["failed"]:
                raise RuntimeError(f"Events failed: {found['ends']}")
            at: dict[str, float] = found["at"]
            return at
        time.sleep(1)
    raise TimeoutError(f"Not all events were finished: {found['ends']}")


# --- dj-stripe -------------------------------------------------------------------------------------------------------


def _same_shop() -> Shop:
    shop = Shop("same")
    for number in range(SAME_EVENTS // EACH):
        shop.life(number)
    return shop


def _compare_with_djstripe(report: Report, servers: Servers, stripe: str) -> None:
    """The same events, in one process each, whose Stripe answers at once. dj-stripe's are of the platform's account."""
    environment = servers.environment("bench_same", stripe)
    _inside(environment, "prepare")
    ours = _inside(environment, "take_all", str(_same_file("ours", ACCOUNT)))
    theirs = servers.environment("bench_djstripe", stripe, owner=True)
    other = _inside(theirs, "djstripe_takes_all", str(_same_file("theirs", None)))
    for name, found in (("BillingOS", ours), ("dj-stripe", other)):
        rate = found["events"] / found["seconds"]
        ended = {name: found[name] for name in ("ends", "kept", "failures") if found.get(name)}
        report.rows.append({"what": f"{SAME_EVENTS} events: {name}", "events/s": rate, "note": ended})
    report.ratios["all of 300 events / dj-stripe"] = other["seconds"] / ours["seconds"]


def _same_file(name: str, account: str | None) -> Path:
    path = FOLDER / f"{name}.json"
    catalog = 2  # its events are not among them: both sides ask Stripe for product and price
    same = _deliveries("same", SAME_EVENTS // EACH, account)[catalog:]
    found = [(one.body.decode(), one.signature) for one in same]
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


@contextlib.contextmanager
def _canned(shop: Shop) -> Iterator[str]:
    """The address of a Stripe that knows the shop's objects."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path, port = FOLDER / "canned.json", free_port()
    platform = {"id": "acct_platform", "object": "account", "livemode": False}
    path.write_text(json.dumps({**shop.objects, "account": platform, "acct_platform": platform}), encoding="utf-8")
    with process(dict(os.environ), "-m", "benchmarks.canned", str(port), str(path)):
        wait_for(port)
        yield f"http://127.0.0.1:{port}"


def _inside(environment: dict[str, str], *arguments: str) -> dict[str, Any]:
    with (FOLDER / "processes.log").open("ab") as log:
        done = subprocess.run(  # noqa: S603  (our own program)
            [sys.executable, "-m", "benchmarks.inside", *arguments],
            cwd=BASE_DIR, env=environment, stdout=subprocess.PIPE, stderr=log, check=True,
        )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
