"""One supervised process and everything it starts: a process group of its own, with labelled output."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from billingos.embedded.state import BASE_DIR
from billingos.embedded.valkey import leashed, supervisor_mark

SHORT_LIFE_SECONDS = 10
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 4.0


@dataclass(frozen=True)
class Program:
    """What to run. `once` is for work that ends: it is started again only when it fails, a few times."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = BASE_DIR
    once: bool = False


class Child:
    """A program over all its lives.

    The thread that starts it must live as long as it: the kernel ties it to that thread.
    """

    ATTEMPTS_OF_ONCE = 5

    def __init__(self, program: Program, on_line: Callable[[str, str], None]) -> None:
        self.program = program
        self.done = False
        self._on_line = on_line
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._failures = 0
        self._next_start_at = 0.0

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
            leashed(*self.program.command),
            env={**self.program.environment, **supervisor_mark()},
            cwd=self.program.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._started_at = time.monotonic()
        threading.Thread(target=self._pass_on_lines, args=[self._process], daemon=True).start()

    def tend(self) -> None:
        """Notice an end, clean up after it, and start again after a growing pause."""
        if self.done or self.pid is not None:
            return
        if self._process is not None:
            self._bury(self._process)
        if not self.done and time.monotonic() >= self._next_start_at:
            self.start()

    def terminate(self) -> None:
        """Ask the process itself: granian and celery pass it on to their workers."""
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def kill_group(self) -> None:
        """End whatever is left of the process and of those it started."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # nothing left (macOS answers a zombie with the latter)
            return

    def _bury(self, process: subprocess.Popen[bytes]) -> None:
        self.kill_group()  # workers of a killed granian would keep the port
        code = process.wait()
        self._process = None
        if self.program.once and (code == 0 or self._failures + 1 >= self.ATTEMPTS_OF_ONCE):
            self.done = True
            if code:
                self._on_line(self.name, f"failed {self.ATTEMPTS_OF_ONCE} times; giving up (the reason is above)")
            return
        self._postpone(code)

    def _postpone(self, code: int) -> None:
        """The pause grows while the program fails by itself; one that was killed from outside is not at fault."""
        short = time.monotonic() - self._started_at < SHORT_LIFE_SECONDS
        self._failures = self._failures + 1 if short and code != -signal.SIGKILL else 0
        pause = min(FIRST_PAUSE_SECONDS * 2**self._failures, LONGEST_PAUSE_SECONDS)
        self._next_start_at = time.monotonic() + pause
        self._on_line(self.name, f"{_how_it_ended(code)}; starting again in {pause:.1f} s")

    def _pass_on_lines(self, process: subprocess.Popen[bytes]) -> None:
        for line in process.stdout or ():
            self._on_line(self.name, line.decode("utf-8", "replace").rstrip())


def _how_it_ended(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
