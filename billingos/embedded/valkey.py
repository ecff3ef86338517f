"""One Valkey of our own: cache, locks and broker. Nothing in it is missed, so it writes nothing to disk."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import redis

from billingos.embedded import leash
from billingos.embedded.errors import StartError
from billingos.embedded.ports import LOOPBACK, remembered_port
from billingos.embedded.programs import valkey_binary
from billingos.embedded.state import StateFolder, write_private

START_TIMEOUT_SECONDS = 10
DATABASES = 64  # a test run takes one for each worker


def leashed(*command: str) -> list[str]:
    """The command line that ties `command` to the life of this process. -I and -S: it starts in 15 ms."""
    return [sys.executable, "-I", "-S", str(leash.__file__), *command]


def supervisor_mark() -> dict[str, str]:
    return {"BILLINGOS_SUPERVISOR": str(os.getpid())}


class Valkey:
    """A server of the state folder, a child of this process."""

    name = "valkey"

    def __init__(self, state: StateFolder) -> None:
        self.state = state
        self.log = state.file("valkey.log")
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.poll() is None else None

    def url(self, database: int = 0) -> str:
        return f"redis://:{self.state.secret('valkey')}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> None:
        self.port = remembered_port(self.state, self.name)
        write_private(self._configuration_file, self._configuration())
        with self.log.open("wb") as log:
            self._process = self._spawn(log)
        self._wait_until_it_answers()

    def is_running(self) -> bool:
        return self.pid is not None

    def stop(self, timeout_seconds: float = 2) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def _configuration_file(self) -> Path:
        return self.state.file("valkey.conf")

    def _configuration(self) -> str:
        """In a file, as a password on a command line could be read by every user of the machine."""
        return (
            f"bind {LOOPBACK}\nport {self.port}\nprotected-mode yes\nrequirepass "
            f"{self.state.secret('valkey')}\n"
            f'save ""\nappendonly no\ndatabases {DATABASES}\ndir "{self.state.path.resolve()}"\n'
        )

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """In a session of its own: Ctrl-C on the terminal leaves the order of stopping to the supervisor."""
        return subprocess.Popen(  # noqa: S603 - our own program, no shell
            leashed(str(valkey_binary()), str(self._configuration_file)),
            env={**os.environ, **supervisor_mark()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline and self.is_running():
            if self._answers():
                return
            time.sleep(0.03)
        self.stop()
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no reason given"]
        raise StartError(
            f"Valkey did not start: {lines[-1]}. Its log is {self.log}. Start a Redis or Valkey server of "
            "your own and name it, for example REDIS_URL=redis://127.0.0.1:6379/0 make run, if it can't run "
            "here."
        )

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url(), socket_timeout=1, socket_connect_timeout=1) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False
