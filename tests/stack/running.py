"""A stack of a test's own: `python -m billingos.embedded run` on a folder and a port of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from billingos.embedded.ports import free_port
from billingos.embedded.postgres import remove_cluster
from billingos.embedded.pytest_plugin import outside_environment
from billingos.embedded.state import BASE_DIR, StateFolder, read_json

SMALL_DEMO = {"BILLINGOS_DEMO_MONTHS": "1", "BILLINGOS_DEMO_CUSTOMERS": "2"}


class RunningStack:
    """Use as a context: on leaving, everything is stopped and its database deleted. Its demo is small unless the
    environment says otherwise.

    >>> with RunningStack(tmp_path / "state") as stack:
    ...     stack.start()
    ...     stack.kill("worker")
    """

    def __init__(self, folder: Path, *, command: list[str] | None = None, **environment: str) -> None:
        self.state = StateFolder(folder)
        self.port = free_port()
        self.log = folder.parent / f"{folder.name}.log"
        self._command = command or [sys.executable, "-m", "billingos.embedded", "run"]
        self._environment = {**SMALL_DEMO, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def supervisor(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def start(self, timeout_seconds: float = 180) -> float:
        """Start and wait until it answers and its demo, if any, is ready. Returns the seconds it took."""
        began = time.monotonic()
        self.spawn()
        self.wait_until(self.is_ready, timeout_seconds)
        return time.monotonic() - began

    def spawn(self) -> None:
        own = {"BILLINGOS_STATE_DIR": str(self.state.path), "PORT": str(self.port), **self._environment}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._command,
                cwd=BASE_DIR,
                env={**outside_environment(), **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        demo = read_json(self.state.file("demo.json"))
        return self.answers() and (demo.get("ready") is True or "BillingOS is ready" in self.output())

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=1) as response:  # noqa: S310 - loopback
                return bool(response.status == 200)
        except OSError:
            return False

    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def demo(self) -> dict[str, Any]:
        return read_json(self.state.file("demo.json"))

    def processes(self) -> dict[str, int]:
        """What runs now, by name: web, worker, sweeper, beat, simulator, seed, postgres, valkey, supervisor."""
        return {str(name): int(pid) for name, pid in read_json(self.state.file("processes.json")).items()}

    def kill(self, name: str, timeout_seconds: float = 60) -> int:
        """kill -9 by name; returns the pid of what the supervisor started in its place."""
        killed = self.processes()[name]
        os.kill(killed, signal.SIGKILL)
        self.wait_until(lambda: self.processes().get(name, killed) != killed, timeout_seconds)
        return self.processes()[name]

    def wait_until(self, condition: Any, timeout_seconds: float = 30) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            ended = self.supervisor.poll()
            assert ended is None, f"the stack ended with {ended}:\n{self.output()[-4000:]}"
            assert time.monotonic() < deadline, f"still waiting after {timeout_seconds} s:\n{self.output()[-4000:]}"
            time.sleep(0.05)

    def stop(self, number: signal.Signals = signal.SIGINT, timeout_seconds: float = 15) -> float:
        """Stop as Ctrl-C does. Returns the seconds it took."""
        began = time.monotonic()
        self.supervisor.send_signal(number)
        self.supervisor.wait(timeout_seconds)
        return time.monotonic() - began

    def members(self) -> list[psutil.Process]:
        """Every living process of this stack, PostgreSQL included, found without asking the supervisor."""
        return [process for process in psutil.process_iter() if self._is_member(process)]

    def _is_member(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                return False
            folders = {str(self.state.path), self.state.fingerprint}
            words = [*process.cmdline(), process.cwd(), process.environ().get("BILLINGOS_SUPERVISED", "")]
            return any(folder in word for folder in folders for word in words)
        except (psutil.Error, OSError):
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
        remove_cluster(self.state)
