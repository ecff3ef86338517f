"""PostgreSQL, Valkey and processes of a benchmark's own, in .billingos/bench: durable, as in production."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from benchmarks.report import FOLDER
from billingos.embedded.ports import answers, free_port
from billingos.embedded.postgres import Cluster
from billingos.embedded.roles import app_url, ensure_roles, owner_url
from billingos.embedded.state import BASE_DIR, StateFolder
from billingos.embedded.template import clone_database, drop_database, ensure_template
from billingos.embedded.valkey import Valkey

SECRET = "whsec_bench"  # noqa: S105  (of no endpoint but the benchmark's)


class Servers:
    """Use as a context; `database(name)` makes one, `process(…)` starts a program against it."""

    def __init__(self) -> None:
        self._state = StateFolder(FOLDER / "state")
        self._cluster, self._valkey = Cluster(self._state), Valkey(self._state)
        self._names: list[str] = []
        self._databases = 0

    def __enter__(self) -> Self:
        self._state.prepare()
        self._valkey.start()
        self._cluster.start()
        ensure_roles(self._cluster)
        settled = {**os.environ, **_fixed("http://127.0.0.1:1"), "REDIS_URL": self._valkey.url()}
        settled |= {"DATABASE_URL": app_url(self._cluster, "x"), "DATABASE_OWNER_URL": owner_url(self._cluster, "x")}
        self._template = ensure_template(self._cluster, settled, print)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in self._names:
            with contextlib.suppress(Exception):  # a process that has not ended yet: the next run drops it
                drop_database(self._cluster, name)
        self._cluster.stop()
        self._valkey.stop()

    def environment(self, name: str, stripe: str, *, owner: bool = False) -> dict[str, str]:
        """Of a new database and an empty Redis; `owner`: connect as the owner of the tables."""
        with contextlib.suppress(Exception):  # there is none to drop, as a rule
            drop_database(self._cluster, name)
        clone_database(self._cluster, self._template, name)
        self._names.append(name)
        self._databases += 1
        owned = owner_url(self._cluster, name)
        return {
            **os.environ,
            **_fixed(stripe),
            "REDIS_URL": self._valkey.url(self._databases),
            "DATABASE_URL": owned if owner else app_url(self._cluster, name),
            "DATABASE_OWNER_URL": owned,
        }


def _fixed(stripe: str) -> dict[str, str]:
    return {
        "BILLINGOS_STATE_DIR": str(FOLDER / "state"),
        "BILLINGOS_DEMO": "1",
        "SECRET_KEY": "benchmark-only-" * 4,
        "STRIPE_SECRET_KEY": "sk_test_" + "bench" * 5,
        "STRIPE_API_BASE": stripe,
        "STRIPE_WEBHOOK_SECRETS": SECRET,
        "LOG_LEVEL": "WARNING",
    }


@contextlib.contextmanager
def process(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of ours, ended on leaving; what it says goes to .billingos/bench/processes.log."""
    with (FOLDER / "processes.log").open("ab") as log:
        started = subprocess.Popen(  # noqa: S603  (our own program)
            [sys.executable, *arguments], cwd=BASE_DIR, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield started
    finally:
        started.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(10)
        started.kill()


@contextlib.contextmanager
def web(environment: dict[str, str], application: str) -> Iterator[int]:
    """The web server with the options of `make run`; its port, once it answers."""
    port = free_port()
    options = ["--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", str(port)]
    options += ["--workers", "2", "--blocking-threads", "4", "--log-level", "warning"]
    with process(environment, "-m", "granian", *options, application):
        wait_for(port)
        time.sleep(2)  # the second process
        yield port


@contextlib.contextmanager
def worker(environment: dict[str, str]) -> Iterator[None]:
    """Celery's worker and clock, as `make run` has them."""
    options = ["--concurrency", "2", "--loglevel", "WARNING", "--without-gossip", "--without-mingle"]
    beat = ["beat", "-s", str(FOLDER / "beat"), "--pidfile="]
    with (
        process(environment, "-m", "celery", "-q", "-A", "billingos", "worker", *options),
        process(environment, "-m", "celery", "-q", "-A", "billingos", *beat),
    ):
        time.sleep(8)
        yield


def wait_for(port: int, seconds: float = 30) -> None:
    patience = time.monotonic() + seconds
    while not answers(port):
        if time.monotonic() > patience:
            raise TimeoutError(f"Nothing answers on port {port}; see {FOLDER / 'processes.log'}")
        time.sleep(0.1)
