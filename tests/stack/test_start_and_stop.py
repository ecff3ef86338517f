"""The real stack, on a folder and port of its own: it comes up, heals, stops, and comes back."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from billingos.embedded.pytest_plugin import outside_environment
from billingos.embedded.state import BASE_DIR
from tests.stack.running import RunningStack

pytestmark = pytest.mark.stack


def test_the_stack_comes_up_heals_stops_and_comes_back(tmp_path: Path) -> None:
    with RunningStack(tmp_path / "state") as stack:
        stack.start()
        stack.wait_until(lambda: "Ctrl-C stops everything" in stack.output())
        assert_settings_are_private_and_complete(stack)
        for name in ("web", "worker", "sweeper", "beat", "valkey", "postgres"):
            stack.kill(name)
            stack.wait_until(stack.answers)
        assert stack.stop() < 5
        assert stack.members() == []
        assert stack.start(30) < 20  # 10 s are promised for a machine that does nothing else meanwhile
        assert_a_killed_supervisor_leaves_nothing_but_postgres(stack)
        stack.start(30)


def assert_settings_are_private_and_complete(stack: RunningStack) -> None:
    """`manage.py` beside a running stack needs nothing but the state folder."""
    assert stat.S_IMODE(stack.state.file("env").stat().st_mode) == 0o600
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--database", "owner", "--check", "--skip-checks"],
        cwd=BASE_DIR,
        env={**outside_environment(), "BILLINGOS_STATE_DIR": str(stack.state.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def assert_a_killed_supervisor_leaves_nothing_but_postgres(stack: RunningStack) -> None:
    if not sys.platform.startswith("linux"):
        return
    os.kill(stack.processes()["supervisor"], signal.SIGKILL)
    stack.supervisor.wait()
    deadline = time.monotonic() + 15
    while (left := {process.name() for process in living(stack)} - {"postgres"}) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == set()


def living(stack: RunningStack) -> list[psutil.Process]:
    return [process for process in stack.members() if process.is_running()]
