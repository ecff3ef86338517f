"""Gives every test run a PostgreSQL and a Valkey of its own, before Django reads its settings.

Loaded with `-p` (pyproject.toml), as a conftest would come after pytest-django. The process that is called
starts the servers in `.billingos/test` and stops them at the end; each xdist worker copies the migrated
template into a database of its own and takes a Valkey database of its own. A second run in the same checkout
waits for the first.
"""

import os
import sys
from collections.abc import Generator
from typing import IO

import pytest
import redis

from billingos.embedded.errors import StartError
from billingos.embedded.postgres import Cluster
from billingos.embedded.roles import app_url, ensure_roles, owner_url
from billingos.embedded.state import BASE_DIR, StateFolder
from billingos.embedded.template import clone_database, drop_database, ensure_template
from billingos.embedded.valkey import DATABASES, Valkey

TEMPLATE = "BILLINGOS_TEST_TEMPLATE"
PREFIX = "billingos_test_"
SPACE_MEGABYTES = 400
# Whatever `.env` or the shell say: tests see the same settings everywhere, and can't reach the real Stripe.
FIXED_VALUES = {
    "BASE_URL": "http://127.0.0.1:8000",
    "BILLINGOS_DEMO": "1",
    "DEBUG": "0",
    "EMAIL_URL": "memorymail://",
    "RECONCILE_GRACE_SECONDS": "0",
    "SECRET_KEY": "a key that signs nothing outside of a test",
    "STRIPE_API_BASE": "http://127.0.0.1:9",
    "STRIPE_SECRET_KEY": "sk_test_nothing",
    "STRIPE_WEBHOOK_SECRETS": "whsec_test",
    "UNSCOPED_QUERIES_RAISE": "1",
}
SERVER_VALUES = {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "BILLINGOS_STATE_DIR", TEMPLATE}


def outside_environment() -> dict[str, str]:
    """The environment without what this plugin set, for tests that start a stack of their own."""
    return {name: value for name, value in os.environ.items() if name not in {*FIXED_VALUES, *SERVER_VALUES}}


def prepare_database() -> None:
    """This worker's database, fresh from the template, and its Valkey database, empty."""
    clone_database(run_cluster(), os.environ[TEMPLATE], os.environ["DATABASE_URL"].rpartition("/")[2])
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        client.flushdb()


class RunServers:
    """The servers of a whole run, held by the process that was called."""

    def __init__(self) -> None:
        self.cluster = run_cluster()
        self.valkey = Valkey(run_state())
        self._lock: IO[str] | None = None

    def start(self) -> None:
        state = run_state()
        state.prepare()
        state.require_space(SPACE_MEGABYTES)
        self._lock = state.lock(lambda holder: _say(f"another test run ({holder}) uses this checkout: waiting for it"))
        self.valkey.start()
        self.cluster.start()
        ensure_roles(self.cluster)
        self._drop_databases_of_earlier_runs()
        os.environ.update(_values(self.cluster, self.valkey.url()))
        os.environ[TEMPLATE] = ensure_template(self.cluster, dict(os.environ), _say)

    def stop(self) -> None:
        self.cluster.stop()
        self.valkey.stop()
        if self._lock:
            self._lock.close()

    def _drop_databases_of_earlier_runs(self) -> None:
        query = "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        with self.cluster.connect() as connection:
            found = connection.execute(query, [PREFIX]).fetchall()
        for (name,) in found:
            drop_database(self.cluster, name)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    if TEMPLATE in os.environ:  # an xdist worker, or a pytest inside a test
        server = os.environ["REDIS_URL"].rpartition("/")[0]
        os.environ.update(_values(run_cluster(), f"{server}/{_valkey_database()}"))
    else:
        _start_servers(early_config)
    return (yield)


def _start_servers(config: pytest.Config) -> None:
    servers = RunServers()
    config.add_cleanup(servers.stop)
    try:
        servers.start()
    except StartError as error:
        servers.stop()
        raise pytest.UsageError(f"the servers for the tests did not start. {error}") from error


def _values(cluster: Cluster, redis_url: str) -> dict[str, str]:
    name = _database_name()
    return FIXED_VALUES | {
        "BILLINGOS_STATE_DIR": str(run_state().path),
        "DATABASE_URL": app_url(cluster, name),
        "DATABASE_OWNER_URL": owner_url(cluster, name),
        "REDIS_URL": redis_url,
    }


def run_state() -> StateFolder:
    return StateFolder(BASE_DIR / ".billingos" / "test")


def run_cluster() -> Cluster:
    return Cluster(run_state(), durable=False)


def _worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def _database_name() -> str:
    """A pytest that a test has started takes a database of its own, not that of the test."""
    return PREFIX + (_worker() if _worker() != "main" or TEMPLATE not in os.environ else f"inner{os.getpid()}")


def _valkey_database() -> int:
    number = int(_worker().removeprefix("gw")) + 1 if _worker() != "main" else 0
    if number >= DATABASES:
        raise pytest.UsageError(f"at most {DATABASES - 1} workers: each takes a Valkey database of its own")
    return number


def _say(text: str) -> None:
    print(f"billingos: {text}", file=sys.stderr, flush=True)
