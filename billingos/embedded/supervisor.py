"""Keeps servers and processes alive until a signal comes, then stops all of them within five seconds."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Protocol

import psutil

from billingos.embedded.child import Child, Program
from billingos.embedded.console import Console
from billingos.embedded.environment import MARK
from billingos.embedded.errors import StartError
from billingos.embedded.state import StateFolder, read_json, write_private

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TICK_SECONDS = 0.1
CHILDREN_STOP_SECONDS = 3.0
ALL_STOP_SECONDS = 4.5
SERVER_RETRY_SECONDS = 2.0


class Server(Protocol):
    """PostgreSQL and Valkey as the supervisor sees them: started by their own means, watched here."""

    @property
    def name(self) -> str: ...
    @property
    def pid(self) -> int | None: ...
    def start(self) -> None: ...
    def is_running(self) -> bool: ...
    def stop(self, timeout_seconds: float = ...) -> None: ...


class Supervisor:
    """Servers are stopped last, in the reverse of the order in which they are watched."""

    def __init__(self, state: StateFolder, console: Console) -> None:
        self._state = state
        self._console = console
        self._servers: list[Server] = []
        self._children: list[Child] = []
        self._retry_at: dict[str, float] = {}
        self._stop = threading.Event()
        self._written: dict[str, int] = {}

    def watch(self, server: Server) -> None:
        self._servers.append(server)

    def add(self, program: Program) -> Child:
        child = Child(program, self._console.line)
        self._children.append(child)
        return child

    def run(self, on_tick: Callable[[], None] = lambda: None) -> None:
        """Tend everything until a stop signal. Call it in the main thread, which owns the children."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        while not self._stop.is_set():
            self.tend()
            on_tick()
            self._stop.wait(TICK_SECONDS)

    def tend(self) -> None:
        for server in self._servers:
            self._tend_server(server)
        for child in self._children:
            child.tend()
        self._write_processes()

    def stop(self) -> None:
        """Stop all. Further signals are ignored: this ends by itself, and in time."""
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        deadline = time.monotonic() + ALL_STOP_SECONDS
        self._console.say("stopping")
        self._stop_children()
        for server in reversed(self._servers):
            server.stop(max(1.0, deadline - time.monotonic()))
        processes_file(self._state).unlink(missing_ok=True)
        self._console.say("stopped; the data is kept for the next start")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _tend_server(self, server: Server) -> None:
        """A server that died is started again on its port, so that its clients find it where it was."""
        if server.is_running() or time.monotonic() < self._retry_at.get(server.name, 0):
            return
        self._console.line(server.name, "has ended; starting it again")
        try:
            server.start()
        except StartError as error:
            self._retry_at[server.name] = time.monotonic() + SERVER_RETRY_SECONDS
            self._console.line(server.name, str(error))
        else:
            self._console.line(server.name, "runs again")

    def _stop_children(self) -> None:
        for child in self._children:
            child.terminate()
        deadline = time.monotonic() + CHILDREN_STOP_SECONDS
        while any(child.pid for child in self._children) and time.monotonic() < deadline:
            time.sleep(0.02)
        for child in self._children:
            child.kill_group()

    def _write_processes(self) -> None:
        members: list[Server | Child] = [*self._servers, *self._children]
        running = {member.name: member.pid for member in members if member.pid}
        running["supervisor"] = os.getpid()
        if running != self._written:
            write_private(processes_file(self._state), json.dumps(running, indent=1))
            self._written = running


def processes_file(state: StateFolder) -> Path:
    """`{name: pid}` of what runs now, for scripts and tests; absent after an orderly stop."""
    return state.file("processes.json")


def end_leftovers(state: StateFolder) -> int:
    """End what a killed supervisor left behind (its PostgreSQL is adopted instead); returns how many."""
    if not read_json(processes_file(state)):
        return 0
    leftovers = [process for process in psutil.process_iter() if _is_marked(process, str(state.path))]
    for process in leftovers:
        process.kill()
    psutil.wait_procs(leftovers, timeout=5)
    processes_file(state).unlink(missing_ok=True)
    return len(leftovers)


def _is_marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.pid != os.getpid() and process.environ().get(MARK) == mark
    except (psutil.Error, OSError):
        return False
