"""What a supervisor must survive: kill -9 of each part and of itself, Ctrl-C, and a start after either."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from billingos.embedded.postgres import Cluster
from billingos.embedded.state import read_json
from tests.stack.running import RunningStack

pytestmark = pytest.mark.stack
COMMAND = [sys.executable, "-m", "tests.embedded.stub_stack", "supervise"]


class StubStack(RunningStack):
    def is_ready(self) -> bool:
        return self.answers() and {"web", "worker", "postgres", "valkey"} <= set(self.processes())

    def connect(self) -> psycopg.Connection[tuple[int]]:
        return Cluster(self.state).connect()


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StubStack]:
    with StubStack(tmp_path / "state", command=COMMAND) as stack:
        stack.start(30)
        yield stack


@pytest.fixture
def stubborn_stack(tmp_path: Path) -> Iterator[StubStack]:
    """Its worker ignores SIGTERM."""
    with StubStack(tmp_path / "state", command=COMMAND, STUBBORN="1") as stack:
        stack.start(30)
        yield stack


def eventually(condition: Callable[[], bool], timeout_seconds: float = 5) -> bool:
    deadline = time.monotonic() + timeout_seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def test_postgres_comes_back_after_kill_with_everything_committed(stack: StubStack) -> None:
    port = Cluster(stack.state).port
    with stack.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    # A backend at work does not notice that the postmaster died: it would hold the shared memory.
    busy = stack.connect()
    busy.pgconn.send_query(b"SELECT sum(n) FROM generate_series(1, 10000000000) n")
    stack.kill("postgres")
    busy.close()
    stack.wait_until(lambda: "postgres  | runs again" in stack.output())
    assert Cluster(stack.state).port == port
    with stack.connect() as connection:
        assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]


def test_valkey_comes_back_after_kill_on_its_port(stack: StubStack) -> None:
    port = read_json(stack.state.file("ports.json"))["valkey"]
    stack.kill("valkey")
    password = read_json(stack.state.file("secrets.json"))["valkey"]

    def answers() -> bool:
        with redis.Redis(port=port, password=password) as client:
            return bool(client.ping())

    stack.wait_until(answers)


def test_web_comes_back_after_kill_although_its_worker_held_the_port(stack: StubStack) -> None:
    workers = psutil.Process(stack.processes()["web"]).children()
    assert workers
    stack.kill("web")
    stack.wait_until(stack.answers)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_everything_within_five_seconds(stubborn_stack: StubStack, number: signal.Signals) -> None:
    stack = stubborn_stack
    assert stack.stop(number) < 5
    assert stack.supervisor.returncode == 0
    assert stack.members() == []
    assert not stack.state.file("processes.json").exists()


def test_a_killed_supervisor_takes_its_children_along_and_the_next_start_adopts_postgres(
    stubborn_stack: StubStack,
) -> None:
    stack = stubborn_stack
    with stack.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    before = stack.processes()
    os.kill(before["supervisor"], signal.SIGKILL)
    stack.supervisor.wait()
    if sys.platform.startswith("linux"):
        assert eventually(lambda: not stack.answers())
    stack.start(30)
    after = stack.processes()
    assert after["postgres"] == before["postgres"]
    worker = before["worker"]  # this one ignores SIGTERM: the next start ends it
    assert not psutil.pid_exists(worker) or psutil.Process(worker).status() == psutil.STATUS_ZOMBIE
    with stack.connect() as connection:
        assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]


def test_a_second_start_from_the_same_folder_says_who_runs(stack: StubStack, tmp_path: Path) -> None:
    second = StubStack(stack.state.path)
    second.log = tmp_path / "second.log"
    second.spawn()
    assert second.supervisor.wait(20) == 1
    assert f"process {stack.supervisor.pid}" in second.output()
    assert "Traceback" not in second.output()
    assert stack.answers()


def test_a_postgres_whose_pid_was_taken_by_another_process_starts(stack: StubStack) -> None:
    """As after a reboot: the pid file names a living process that is not PostgreSQL."""
    assert stack.stop() < 5
    pid_file = Cluster(stack.state).data / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1\n1\n")
    stack.start(30)
