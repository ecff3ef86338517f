"""The stack of `make run`: which servers and processes there are, and in which order they come up."""

import importlib.util
import sys
import time
from pathlib import Path

from billingos.embedded import readiness
from billingos.embedded.child import Child, Program
from billingos.embedded.console import Console
from billingos.embedded.environment import (
    basic_values,
    child_environment,
    given_environment,
    simulator_values,
    web_port,
    write_env_file,
)
from billingos.embedded.ports import remembered_port, require_free
from billingos.embedded.postgres import Cluster
from billingos.embedded.roles import OWNER, app_url, ensure_roles, owner_url
from billingos.embedded.state import BASE_DIR, StateFolder, read_json
from billingos.embedded.supervisor import Supervisor, end_leftovers
from billingos.embedded.template import ensure_migrated, run_migrate
from billingos.embedded.valkey import Valkey

DATABASE = OWNER
FIRST_START_MEGABYTES = 400
LATER_START_MEGABYTES = 60


class Stack:
    """One start of everything. `prepare` may take a minute the first time; `run` lasts until a signal."""

    def __init__(self, state: StateFolder, console: Console) -> None:
        self.state = state
        self.console = console
        self.given = given_environment()
        self.port = web_port(self.given)
        self.values: dict[str, str] = {}
        self.supervisor = Supervisor(state, console)
        self._simulator_port: int | None = None
        self._seed: Child | None = None
        self._web_is_up = self._greeted = self._announced = False
        self._began_at = time.monotonic()

    # --- Coming up ------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Servers, database, settings. Fails before anything is started where it can."""
        if ended := end_leftovers(self.state):
            self.console.say(f"ended {ended} processes that the last run left behind")
        require_free(self.port)
        first = not self.state.file("ports.json").exists()
        self.state.require_space(FIRST_START_MEGABYTES if first else LATER_START_MEGABYTES)
        self.values = basic_values(self.state, self.given, self.port)
        if "STRIPE_SECRET_KEY" not in self.given:
            self._simulator_port = remembered_port(self.state, "simulator")
            self.values |= simulator_values(self.state, self._simulator_port)
        cluster = self._start_postgres()
        self._start_valkey()
        self._migrate(cluster)
        write_env_file(self.state, self.values)

    def _start_valkey(self) -> None:
        if "REDIS_URL" in self.given:
            self.console.say("using the Redis of REDIS_URL")
            return
        valkey = Valkey(self.state)
        self.supervisor.watch(valkey)
        valkey.start()
        self.values["REDIS_URL"] = valkey.url()
        self.console.line("valkey", f"listens on 127.0.0.1:{valkey.port}")

    def _start_postgres(self) -> Cluster | None:
        if "DATABASE_URL" in self.given:
            self.console.say("using the PostgreSQL of DATABASE_URL")
            return None
        cluster = Cluster(self.state)
        self.supervisor.watch(cluster)
        cluster.start()
        self.console.line("postgres", f"listens on 127.0.0.1:{cluster.port}")
        ensure_roles(cluster)
        self.values["DATABASE_URL"] = app_url(cluster, DATABASE)
        self.values["DATABASE_OWNER_URL"] = owner_url(cluster, DATABASE)
        return cluster

    def _migrate(self, cluster: Cluster | None) -> None:
        if cluster is None:
            run_migrate(self.environment, self.console.say)
        else:
            ensure_migrated(cluster, DATABASE, self.environment, self.console.say)

    # --- Running --------------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        return child_environment(self.state, self.given, self.values)

    @property
    def base_url(self) -> str:
        return self.environment["BASE_URL"].rstrip("/")

    def run(self) -> None:
        """Until a stop signal."""
        for program in self.programs():
            self.supervisor.add(program)
        self.supervisor.run(self._follow_start)

    def stop(self) -> None:
        """Whatever had been started by then."""
        self.supervisor.stop()

    def programs(self) -> list[Program]:
        found = [self._web(), self._worker(), self._sweeper(), self._beat()]
        if self._simulator_port is not None and importlib.util.find_spec("stripe_simulator"):
            found.insert(0, self._simulator(self._simulator_port))
        return found

    def _program(self, name: str, *arguments: str, once: bool = False) -> Program:
        return Program(name, [sys.executable, *arguments], self.environment, once=once)

    def _web(self) -> Program:
        options = ["--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", str(self.port)]
        options += ["--workers", "2", "--blocking-threads", "4", "--respawn-failed-workers"]
        options += ["--workers-kill-timeout", "2"]
        return self._program("web", "-m", "granian", *options, "billingos.wsgi:application")

    def _worker(self) -> Program:
        return self._celery("worker", "--concurrency", "2")

    def _sweeper(self) -> Program:
        return self._celery("sweeper", "--pool", "solo", "--queues", "sweeps", "--hostname", "sweeper@%h")

    def _celery(self, name: str, *options: str) -> Program:
        # The advice not to run as root takes nine lines at each start; whoever runs as root has decided so.
        hush = ["-W", "ignore:You're running the worker with superuser:UserWarning"]
        quiet = ["--loglevel", "INFO", "--without-gossip", "--without-mingle"]
        return self._program(name, *hush, "-m", "celery", "-q", "-A", "billingos", "worker", *quiet, *options)

    def _beat(self) -> Program:
        schedule = str(self.state.file("celerybeat-schedule"))
        return self._program("beat", "-m", "celery", "-q", "-A", "billingos", "beat", "-s", schedule, "--pidfile=")

    def _simulator(self, port: int) -> Program:
        arguments = ["--port", str(port), "--state", str(self.state.file("stripe.sqlite3"))]
        arguments += ["--secret-key", self.values["STRIPE_SECRET_KEY"]]
        arguments += ["--webhook-url", f"http://127.0.0.1:{self.port}/api/webhooks/stripe"]
        arguments += ["--webhook-secret", self.values["STRIPE_WEBHOOK_SECRETS"]]
        return self._program("simulator", "-m", "stripe_simulator", *arguments)

    # --- Ready ----------------------------------------------------------------------------------------------

    @property
    def demo_file(self) -> Path:
        return self.state.file("demo.json")

    def _follow_start(self) -> None:
        """Seed once the web answers, for its webhooks are part of the seeding; say where to go once people can sign in,
        and then once all is ready."""
        if self._announced:
            return
        if not self._web_is_up:
            self._web_is_up = readiness.web_answers(self.port)
            if self._web_is_up and self._must_seed():
                self._seed = self.supervisor.add(self._program("seed", "manage.py", "seed_demo", once=True))
        elif self._seed is None or self._seed.done or readiness.demo_is_ready(self.demo_file, self.base_url):
            self._announced = True
            self._announce_end() if self._greeted else self._greet()
        elif not self._greeted and readiness.people_can_sign_in(self.demo_file, self.base_url):
            self._greet()

    def _must_seed(self) -> bool:
        """Only into the simulator, never into somebody's Stripe account."""
        exists = any(BASE_DIR.glob("**/management/commands/seed_demo.py"))
        return (
            exists and self._simulator_port is not None and not readiness.demo_is_ready(self.demo_file, self.base_url)
        )

    def _greet(self) -> None:
        """Where to go and as whom; the demo's history may still be on its way."""
        self._greeted = True
        self.console.frame(
            readiness.summary(
                base_url=self.base_url,
                simulator_url=self.values.get("STRIPE_API_BASE"),
                demo=read_json(self.demo_file),
                seconds=self._seconds,
                ready=self._announced,
            )
        )

    def _announce_end(self) -> None:
        if readiness.demo_is_ready(self.demo_file, self.base_url):
            self.console.say(readiness.headline(self._seconds))
        else:
            self.console.say("the demo's year stopped half-way: the lines above say why, and the next start goes on")

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began_at
