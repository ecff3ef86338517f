"""The engine: state behind one lock, time, and what comes due by itself."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stripe_simulator.billing import due
from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.events import emit
from stripe_simulator.settings import Settings
from stripe_simulator.store import Store
from stripe_simulator.work import Work

log = logging.getLogger("stripe_simulator")
BATCH = 200  # records moved between two commits while time advances


class Engine:
    """Everything that changes state. No HTTP call is made while its lock is held."""

    def __init__(self, store: Store, settings: Settings, wall: Callable[[], int]) -> None:
        self.store = store
        self.settings = settings
        self.wall = wall
        self.lock = threading.RLock()
        self.page_root = settings.public_url or "http://127.0.0.1:12111"  # until a server says where it listens
        self.dispatch: Callable[[list[Record]], None] = lambda deliveries: None

    def work(self, account: str, *, request_id: str | None = None, idempotency_key: str | None = None) -> Work:
        """A unit of work for an account. The caller holds the lock, and commits."""
        return Work(
            store=self.store,
            settings=self.settings,
            account=account,
            wall=self.wall,
            page_root=self.page_root,
            run_clock=self.run_clock,
            run_clock_in_background=self.run_clock_in_background,
            request_id=request_id,
            idempotency_key=idempotency_key,
        )

    @contextmanager
    def unit(self, account: str) -> Iterator[Work]:
        """A unit of work that commits at the end, or undoes itself, and then hands its deliveries over."""
        with self.lock:
            work = self.work(account)
            try:
                yield work
            except BaseException as error:
                if not (isinstance(error, StripeError) and error.keeps_changes):
                    self.store.rollback()
                raise
            self.store.commit()
        self.dispatch(work.deliveries)

    def run_clock(self, account: str, clock_id: str, hand_over: Callable[[list[Record]], None]) -> None:
        """Move a test clock to its target in batches, each with its own commit and its deliveries."""
        while True:
            deliveries: list[Record] = []
            with self.lock:
                clock = self.store.find(account, "test_helpers.test_clock", clock_id)
                if clock is None or clock["status"] != "advancing":
                    return
                if self._batch(clock, clock["_target"], deliveries):
                    self._arrive(clock, deliveries)
                self.store.commit()
            hand_over(deliveries)

    def run_clock_in_background(self, account: str, clock_id: str) -> None:
        """The same in a thread of its own."""

        def run() -> None:
            self.run_clock(account, clock_id, self.dispatch)

        threading.Thread(target=run, name="clock", daemon=True).start()

    def tick(self) -> None:
        """Process what the wall clock has made due."""
        deliveries: list[Record] = []
        done = False
        while not done:
            with self.lock:
                done = self._batch(None, self.wall(), deliveries)
                self.store.commit()
        self.dispatch(deliveries)

    def _batch(self, clock: Record | None, until: int, deliveries: list[Record]) -> bool:
        """Process up to BATCH due records in the order of their times; whether none is left."""
        self.store.commit()
        made: list[Record] = []
        for _ in range(BATCH):
            record = self.store.next_due(clock["id"] if clock else None, until)
            if record is None:
                deliveries += made
                return True
            try:
                made += self._process(clock, record)
            except Exception:
                log.exception("cannot process %s %s", record["_kind"], record["id"])
                self._park(record)
                return False
        deliveries += made
        return False

    def _process(self, clock: Record | None, record: Record) -> list[Record]:
        moment = record["_due"]
        work = self.work(record["_account"])
        if clock is None:
            work.wall = lambda: int(moment)
        else:
            self.store.touch(clock)
            clock["_now"] = max(clock["_now"], moment)
        due.process(work, record)
        return work.deliveries

    def _park(self, record: Record) -> None:
        """Undo the batch and leave the record that failed alone, so that the others can go on."""
        self.store.rollback()
        again = self.store.find(record["_account"], record["_kind"], record["id"])
        if again is not None:
            self.store.touch(again)
            again["_due"] = None

    def _arrive(self, clock: Record, deliveries: list[Record]) -> None:
        work = self.work(clock["_account"])
        with work.edit(clock):
            clock |= {"_now": clock["_target"], "frozen_time": clock["_target"], "status": "ready"}
            clock["status_details"] = {}
        emit(work, "test_helpers.test_clock.ready", clock)
        deliveries += work.deliveries
