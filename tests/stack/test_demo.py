"""A small demo on a real stack: played, killed and stopped half-way, played to its end, and alive afterwards."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from billingos.demo.cast import MERCHANTS
from billingos.demo.life import Kind
from billingos.demo.rhythm import Rhythm
from billingos.demo.script import Script, write_script
from billingos.embedded.pytest_plugin import outside_environment
from billingos.embedded.state import BASE_DIR, read_json
from tests.stack.running import RunningStack
from tests.stack.test_kill import connected

pytestmark = [pytest.mark.stack, pytest.mark.long]

MONTHS, CUSTOMERS = 3, 8


def test_an_interrupted_demo_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    size = {"BILLINGOS_DEMO_MONTHS": str(MONTHS), "BILLINGOS_DEMO_CUSTOMERS": str(CUSTOMERS)}
    with RunningStack(tmp_path / "state", command=None, **size) as stack:
        stack.spawn()
        stack.wait_until(lambda: played(stack) >= 0.2, 240)
        assert "You can sign in" in stack.output()
        os.kill(stack.processes()["seed"], signal.SIGKILL)  # the supervisor starts it again
        stack.wait_until(lambda: played(stack) >= 0.5, 240)
        stack.stop()
        assert stack.demo["ready"] is False
        stack.spawn()
        stack.wait_until(lambda: stack.demo["ready"] is True, 240)
        for script in scripts(stack):
            assert_played_once(stack, script)
        assert stack.output().count("here as in Stripe") == len(MERCHANTS)
        assert_it_lives_on(stack)
        assert_a_later_start_is_quick(stack)


def played(stack: RunningStack) -> float:
    """The part of the history that is done."""
    history = stack.demo.get("history") or {"done": 0, "total": 1}
    return float(history["done"] / history["total"])


def scripts(stack: RunningStack) -> Iterator[Script]:
    notes = read_json(stack.state.file("demo-progress.json"))
    start, end = (datetime.fromisoformat(notes[name]) for name in ("start", "end"))
    for merchant in MERCHANTS:
        yield write_script(merchant, seed=notes["seed"], start=start, end=end, customers=CUSTOMERS)


def every(stack: RunningStack, script: Script, path: str, **params: Any) -> list[dict[str, Any]]:
    merchant = next(one for one in stack.demo["merchants"] if one["slug"] == script.merchant.slug)
    headers = {"Authorization": f"Bearer {merchant['secret_key']}"}
    answer = requests.get(f"{stack.url}/api{path}", params={"limit": 100, **params}, headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


def assert_played_once(stack: RunningStack, script: Script) -> None:
    kinds = Counter(act.kind for act in script.acts)
    joined = {act.customer for act in script.acts if act.kind == Kind.JOIN}
    customers = every(stack, script, "/customers")
    assert sorted(one["external_id"] for one in customers) == sorted(joined)
    assert len(every(stack, script, "/subscriptions")) == kinds[Kind.SUBSCRIBE]
    assert len(every(stack, script, "/products")) == len(script.merchant.plans)
    assert len(every(stack, script, "/prices")) == 2 * len(script.merchant.plans)
    assert every(stack, script, "/webhooks/events", status="failed") == []
    expected = list(Rhythm(script).usage(script.start.date(), script.end.date()))
    with connected(stack) as database:
        counted = database.execute(
            "SELECT coalesce(sum(counter.events), 0), coalesce(sum(counter.value), 0) FROM usage_counters AS counter "
            "JOIN merchants ON merchants.id = counter.merchant_id WHERE slug = %s",
            [script.merchant.slug],
        ).fetchone()
    assert counted == (len(expected), sum(event.value for event in expected))


def assert_it_lives_on(stack: RunningStack) -> None:
    """Nine days later, all of them have happened: the clocks have moved, and the usage went on."""
    later = datetime.now().astimezone() + timedelta(days=9)
    program = (
        "import django; django.setup(); from datetime import datetime; from billingos.demo.following import follow; "
        f"assert follow(datetime.fromisoformat('{later.isoformat()}'))"
    )
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", program],
        cwd=BASE_DIR,
        env={
            **outside_environment(),
            "BILLINGOS_STATE_DIR": str(stack.state.path),
            "DJANGO_SETTINGS_MODULE": "billingos.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with connected(stack) as database:
        clocks = database.execute("SELECT frozen_at FROM test_clocks").fetchall()
        latest = database.execute('SELECT max("timestamp") FROM usage_records').fetchone()
    assert {frozen_at for (frozen_at,) in clocks} == {later.replace(microsecond=0)}
    assert latest is not None
    assert latest[0] > later - timedelta(days=2, hours=12)


def assert_a_later_start_is_quick(stack: RunningStack) -> None:
    stack.stop()
    assert stack.start(60) < 20  # 10 s are promised for a machine that does nothing else meanwhile
    assert "seed" not in stack.processes()
