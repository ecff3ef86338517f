"""The simulator as a Python object: state, engine, webhooks and a server to reach them."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import stripe_simulator.resources  # noqa: F401 - fills the table of endpoints
from stripe_simulator.admin import Admin
from stripe_simulator.app import App
from stripe_simulator.chaos import Chaos
from stripe_simulator.database import Database
from stripe_simulator.deliveries import Attempt, Deliver, Deliveries
from stripe_simulator.engine import Engine
from stripe_simulator.faults import Faults
from stripe_simulator.front import Front
from stripe_simulator.ids import random_text
from stripe_simulator.pages import views
from stripe_simulator.pages.site import Site
from stripe_simulator.rendering import Json
from stripe_simulator.resources.accounts import ensure_platform
from stripe_simulator.resources.webhook_endpoints import register
from stripe_simulator.retention import sweep
from stripe_simulator.server import Server
from stripe_simulator.settings import API_VERSION, Settings
from stripe_simulator.store import Store

TICK_SECONDS = 1.0
SWEEP_SECONDS = 3_600
log = logging.getLogger("stripe_simulator")


class Simulator:
    """An offline, stateful Stripe.

    ``state_path`` keeps everything in a SQLite file (None: in memory only).
    ``deliver(url, body, headers) -> status`` takes webhooks in-process, in the thread whose request caused
    them, after that request has let go of the lock. ``synchronous_clocks`` makes ``advance`` answer when the
    clock has arrived. ``now`` gives the wall time in Unix seconds. ``settings`` overrides dunning and delays.
    """

    def __init__(
        self,
        secret_key: str = "sk_test_simulator",  # noqa: S107 - the documented default of a fake
        state_path: str | Path | None = None,
        deliver: Deliver | None = None,
        synchronous_clocks: bool = True,
        now: Callable[[], float] | None = None,
        *,
        settings: Settings | None = None,
    ) -> None:
        self._database = Database(Path(state_path) if state_path is not None else None)
        platform = self._database.fact("platform_account", f"acct_1{random_text(15)}")
        base = settings or Settings()
        self.settings = base.with_values(
            secret_key=secret_key, platform_account=platform, synchronous_clocks=synchronous_clocks
        )
        read = now or time.time
        self.engine = Engine(Store(self._database), self.settings, lambda: int(read()))
        self._deliveries = Deliveries(self.engine, deliver)
        self.engine.dispatch = self._deliveries.dispatch
        self.faults = Faults()
        self.app = Front(
            App(self.engine),
            Admin(self.engine, self._deliveries, self.faults),
            Site(self.engine, views.all_views(self._deliveries)),
            self.faults,
            platform,
        )
        self._stopping = threading.Event()
        self._ticker: threading.Thread | None = None
        with self.engine.unit(platform) as work:
            ensure_platform(work)

    def serve(self, port: int = 0, host: str = "127.0.0.1") -> Server:
        """A server in the background (port 0 picks a free one); a context manager that stops it."""
        server = Server(self.app, host, port, on_close=self.close)
        self.engine.page_root = self.settings.public_url or server.url
        self.start()
        return server

    def start(self) -> None:
        """Take up what an earlier process left undone, and follow the wall clock."""
        self._deliveries.resume()
        self._resume_clocks()
        self._ticker = threading.Thread(target=self._tick, name="ticker", daemon=True)
        self._ticker.start()

    def close(self) -> None:
        """Stop the background threads and close the state."""
        self._stopping.set()
        self._deliveries.stop()
        if self._ticker is not None:
            self._ticker.join(timeout=1)
        with self.engine.lock:
            self._database.close()

    def tick(self) -> None:
        """Process at once what the wall clock has made due; the background does so every second."""
        self.engine.tick()

    def forget(self) -> int:
        """Forget at once what is too old (keys of a day, events by the settings); the background does so hourly."""
        return sweep(self.engine)

    def add_webhook_endpoint(
        self,
        url: str,
        secret: str | None = None,
        connect: bool = False,
        api_version: str | None = API_VERSION,
        enabled_events: Sequence[str] = ("*",),
    ) -> Json:
        """Register an endpoint; the same URL and ``connect`` again updates it instead of adding another."""
        with self.engine.unit(self.settings.platform_account) as work:
            return register(work, url, secret, connect, api_version, list(enabled_events))

    def unleash(self, chaos: Chaos) -> None:
        """Deliver webhooks so from now on."""
        self._deliveries.unleash(chaos)

    def redeliver(self, event: str, endpoint: str | None = None) -> int:
        """Send an event once more, to the endpoints that want it or to the one named; to how many."""
        return self._deliveries.redeliver(event, endpoint)

    def drain_deliveries(self, timeout: float = 30.0) -> bool:
        """Wait until every webhook is delivered or given up; False if ``timeout`` seconds did not suffice."""
        return self._deliveries.drain(timeout)

    @property
    def delivery_log(self) -> list[Attempt]:
        """The last thousand tries to deliver a webhook, oldest first."""
        return list(self._deliveries.log)

    def _tick(self) -> None:
        swept = -float(SWEEP_SECONDS)
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self.engine.tick()
                if time.monotonic() - swept > SWEEP_SECONDS:
                    swept = time.monotonic()
                    sweep(self.engine)
            except Exception:
                log.exception("the wall clock's tick failed")

    def _resume_clocks(self) -> None:
        with self.engine.lock:
            store = self.engine.store
            moving = [
                (clock["_account"], clock["id"])
                for account in store.accounts_with("test_helpers.test_clock")
                for clock in store.all(account, "test_helpers.test_clock")
                if clock["status"] == "advancing"
            ]
        for account, clock_id in moving:
            self.engine.run_clock_in_background(account, clock_id)
