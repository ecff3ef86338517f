"""Webhook deliveries: one lane an endpoint, retries with back-off under the same event id, a bounded log."""

import heapq
import itertools
import json
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import requests

from stripe_simulator.database import Record
from stripe_simulator.engine import Engine
from stripe_simulator.rendering import render
from stripe_simulator.signatures import sign

log = logging.getLogger("stripe_simulator")
Deliver = Callable[[str, bytes, dict[str, str]], int]
LOG_LENGTH = 1_000


@dataclass(frozen=True)
class Attempt:
    """One try to deliver an event. ``status`` is the HTTP status, or 0 where no answer came."""

    at: float
    event: str
    type: str
    account: str | None
    endpoint: str
    url: str
    number: int = 1
    status: int = 0


class Deliveries:
    """Sends queued events. With ``deliver``, the first try is made by the thread that caused the event."""

    def __init__(self, engine: Engine, deliver: Deliver | None) -> None:
        self._engine = engine
        self._inline = deliver is not None
        self._send: Deliver = deliver or HttpSender(engine.settings.delivery_timeout)
        self._lanes: dict[str, Lane] = {}
        self._changed = threading.Condition()
        self._open: set[str] = set()
        self._stopped = False
        self.log: deque[Attempt] = deque(maxlen=LOG_LENGTH)

    def resume(self) -> None:
        """Take up what an earlier process left undelivered."""
        platform = self._engine.settings.platform_account
        with self._engine.lock:
            left = sorted(self._engine.store.all(platform, "delivery"), key=lambda record: str(record["id"]))
        for delivery in left:
            self._queue(delivery)

    def dispatch(self, deliveries: list[Record]) -> None:
        """Send what a unit of work has queued: at once when in-process, else in the background."""
        with self._changed:
            self._open.update(delivery["id"] for delivery in deliveries)
        for delivery in deliveries:
            if self._inline:
                self.attempt(delivery)
            else:
                self._queue(delivery)

    def drain(self, timeout: float) -> bool:
        """Wait until nothing is left to deliver; False if that takes longer than ``timeout`` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, timeout)

    def stop(self) -> None:
        """End the lanes; what is undelivered stays in the state."""
        self._stopped = True
        for lane in list(self._lanes.values()):
            lane.stop()

    def attempt(self, delivery: Record) -> None:
        """Try once. Success and exhaustion end the delivery; a failure puts it back with a delay."""
        if self._stopped:
            return
        prepared = self._prepare(delivery)
        if prepared is None:
            self._close(delivery)
            return
        body, headers, note = prepared
        try:
            status = self._send(note.url, body, headers)
        except Exception:
            log.exception("webhook to %s raised", note.url)
            status = 0
        self.log.append(replace(note, number=delivery["attempts"] + 1, status=status))
        self._record(delivery, 200 <= status < 300)

    def _prepare(self, delivery: Record) -> tuple[bytes, dict[str, str], Attempt] | None:
        engine, platform = self._engine, self._engine.settings.platform_account
        with engine.lock:
            event = engine.store.find(delivery["event_account"], "event", delivery["event"])
            endpoint = engine.store.find(platform, "webhook_endpoint", delivery["endpoint"])
            if event is None or endpoint is None or endpoint["status"] != "enabled":
                return None
            shown = render(engine.work(event["_account"]), event)
            shown["api_version"] = endpoint["api_version"] or shown["api_version"]
            url, secret = endpoint["url"], endpoint["_secret"]
        body = json.dumps(shown, separators=(",", ":")).encode()
        now = time.time()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(body, secret, int(now)),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        note = Attempt(now, shown["id"], shown["type"], shown.get("account"), delivery["endpoint"], url)
        return body, headers, note

    def _record(self, delivery: Record, delivered: bool) -> None:
        delays = self._engine.settings.delivery_delays
        ended = delivered or delivery["attempts"] >= len(delays)
        with self._engine.lock:
            store = self._engine.store
            if ended:
                self._settle_event(delivery)
                store.delete(delivery)
            else:
                store.touch(delivery)
                delivery["not_before"] = time.time() + delays[delivery["attempts"]]
                delivery["attempts"] += 1
            store.commit()
        if ended:
            self._close(delivery)
        else:
            self._queue(delivery)

    def _settle_event(self, delivery: Record) -> None:
        event = self._engine.store.find(delivery["event_account"], "event", delivery["event"])
        if event is not None:
            self._engine.store.touch(event)
            event["pending_webhooks"] = max(event["pending_webhooks"] - 1, 0)

    def _queue(self, delivery: Record) -> None:
        if self._stopped:
            return
        with self._changed:
            self._open.add(delivery["id"])
            lane = self._lanes.get(delivery["endpoint"])
            if lane is None:
                lane = self._lanes[delivery["endpoint"]] = Lane(self.attempt)
        lane.put(delivery)

    def _close(self, delivery: Record) -> None:
        with self._changed:
            self._open.discard(delivery["id"])
            self._changed.notify_all()


class Lane:
    """The thread that delivers to one endpoint, in order; a retry does not hold up what comes after it."""

    def __init__(self, attempt: Callable[[Record], None]) -> None:
        self._attempt = attempt
        self._heap: list[tuple[float, int, Record]] = []
        self._count = itertools.count()
        self._wake = threading.Condition()
        self._stopped = False
        threading.Thread(target=self._run, name="deliveries", daemon=True).start()

    def put(self, delivery: Record) -> None:
        """Deliver when its time has come."""
        with self._wake:
            heapq.heappush(self._heap, (delivery["not_before"], next(self._count), delivery))
            self._wake.notify()

    def stop(self) -> None:
        """End after the try under way."""
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def _run(self) -> None:
        while (delivery := self._next()) is not None:
            try:
                self._attempt(delivery)
            except Exception:
                log.exception("delivery %s failed inside the simulator", delivery["id"])

    def _next(self) -> Record | None:
        with self._wake:
            while not self._stopped:
                wait = self._heap[0][0] - time.time() if self._heap else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._heap)[2]
                self._wake.wait(wait)
            return None


class HttpSender:
    """Posts over HTTP with one session a thread."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._local = threading.local()

    def __call__(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The HTTP status, or 0 where no answer came."""
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
        try:
            answer = session.post(url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False)
        except requests.RequestException as error:
            log.info("webhook to %s: %s", url, error)
            return 0
        return int(answer.status_code)
