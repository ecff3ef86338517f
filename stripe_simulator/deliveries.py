"""Webhook deliveries: retries with back-off under the same event id, chaos on demand, a bounded log."""

import json
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from stripe_simulator import events
from stripe_simulator.chaos import Chaos, Dice, Fate
from stripe_simulator.database import Record
from stripe_simulator.engine import Engine
from stripe_simulator.errors import not_found
from stripe_simulator.lanes import HttpSender, Lane
from stripe_simulator.rendering import render
from stripe_simulator.signatures import sign

log = logging.getLogger("stripe_simulator")
Deliver = Callable[[str, bytes, dict[str, str]], int]
LOG_LENGTH = 1_000


@dataclass(frozen=True)
class Attempt:
    """One try to deliver an event.

    ``status`` is the HTTP status, or 0 where no answer came; ``note`` says ``dropped`` (chaos: nothing was sent)
    or ``duplicate`` (chaos: sent once more).
    """

    at: float
    event: str
    type: str
    account: str | None
    endpoint: str
    url: str
    number: int = 1
    status: int = 0
    note: str = ""


class Deliveries:
    """Sends queued events. With ``deliver``, the first try is made by the thread that caused the event."""

    def __init__(self, engine: Engine, deliver: Deliver | None) -> None:
        self._engine = engine
        self._inline = deliver is not None
        self._send: Deliver = deliver or HttpSender(engine.settings.delivery_timeout)
        self._lanes: dict[str, Lane] = {}
        self._changed = threading.Condition()
        self._open: dict[str, int] = {}  # delivery → its turn: only the lane entry of that turn is sent
        self._held: defaultdict[str, list[tuple[int, Record]]] = defaultdict(list)
        self._stopped = False
        self.log: deque[Attempt] = deque(maxlen=LOG_LENGTH)
        self.unleash(engine.settings.chaos)

    def unleash(self, chaos: Chaos) -> None:
        """From now on deliver so; every endpoint's dice begin anew."""
        with self._changed:
            self.chaos, self._dice = chaos, dict[str, Dice]()

    def resume(self) -> None:
        """Take up what an earlier process left undelivered."""
        platform = self._engine.settings.platform_account
        with self._engine.lock:
            left = sorted(self._engine.store.all(platform, "delivery"), key=lambda record: str(record["id"]))
        for delivery in left:
            self._queue(delivery, delivery["not_before"])

    def dispatch(self, deliveries: list[Record]) -> None:
        """Send what a unit of work has queued: at once when in-process, else in the background."""
        with self._changed:
            self._open.update((delivery["id"], 0) for delivery in deliveries)
        for delivery in deliveries:
            fate = self._fate(delivery)
            if fate.dropped:
                self._drop(delivery)
                continue
            self._go(delivery, fate)
            if fate.copies > 1:
                self._go(delivery | {"id": f"{delivery['id']}_copy", "copy": True}, Fate())
            self._overtake(delivery["endpoint"])

    def redeliver(self, event_id: str, endpoint_id: str | None = None) -> int:
        """Send an event again, to the endpoints that want it or to the one named; to how many."""
        engine, platform = self._engine, self._engine.settings.platform_account
        with engine.lock:
            accounts = engine.store.accounts_with("event")
            event = next((one for name in accounts if (one := engine.store.find(name, "event", event_id))), None)
            if event is None:
                raise not_found("event", event_id, "id")
            wanting = [
                endpoint
                for endpoint in engine.store.all(platform, "webhook_endpoint")
                if endpoint_id == endpoint["id"] or (endpoint_id is None and events.wants(endpoint, event, platform))
            ]
            if endpoint_id is not None and not wanting:
                raise not_found("webhook endpoint", endpoint_id, "endpoint", 400)
        with engine.unit(event["_account"]) as work, work.edit(event):
            for endpoint in wanting:
                events.queue_for(work, endpoint, event)
        return len(wanting)

    def drain(self, timeout: float) -> bool:
        """Wait until nothing is left to deliver; False if that takes longer than ``timeout`` seconds."""
        for endpoint in list(self._held):
            self._overtake(endpoint, everything=True)
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, timeout)

    def stop(self) -> None:
        """End the lanes; what is undelivered stays in the state."""
        self._stopped = True
        for lane in list(self._lanes.values()):
            lane.stop()

    @property
    def pending(self) -> int:
        """Deliveries that are still to be made."""
        with self._changed:
            return len(self._open)

    def _fate(self, delivery: Record) -> Fate:
        with self._changed:
            if self.chaos.quiet:
                return Fate()
            if delivery["endpoint"] not in self._dice:
                self._dice[delivery["endpoint"]] = Dice(self.chaos, self._name(delivery))
            return self._dice[delivery["endpoint"]].throw()

    def _name(self, delivery: Record) -> str:
        """What an endpoint is called in every run: not its id."""
        platform = self._engine.settings.platform_account
        endpoint = self._engine.store.find(platform, "webhook_endpoint", delivery["endpoint"])
        return "" if endpoint is None else f"{endpoint['url']} {endpoint['_connect']}"

    def _go(self, delivery: Record, fate: Fate) -> None:
        if fate.wait:
            self._queue(delivery, time.time() + fate.wait)
        elif fate.overtaken_by:
            with self._changed:
                self._held[delivery["endpoint"]].append((fate.overtaken_by, delivery))
            self._queue(delivery, time.time() + self.chaos.hold_seconds)
        else:
            self._send_now(delivery)

    def _send_now(self, delivery: Record) -> None:
        with self._changed:
            turn = self._open.setdefault(delivery["id"], 0)
        if self._inline:
            self.attempt(delivery, turn)
        else:
            self._queue(delivery, delivery["not_before"])

    def _overtake(self, endpoint: str, *, everything: bool = False) -> None:
        """Another delivery went by: let go of those that have waited for enough."""
        with self._changed:
            waiting = [(left - 1, held) for left, held in self._held[endpoint] if held["id"] in self._open]
            freed = [held for left, held in waiting if left < 0 or everything]
            self._held[endpoint] = [(left, held) for left, held in waiting if left >= 0 and not everything]
        for held in freed:
            self._send_now(held)

    def attempt(self, delivery: Record, turn: int) -> None:
        """Try once. Success and exhaustion end the delivery; a failure puts it back with a delay."""
        if self._stopped or not self._claim(delivery, turn):
            return
        prepared = self._prepare(delivery)
        if prepared is None:
            self._forget(delivery)
            return
        body, headers, note = prepared
        try:
            status = self._send(note.url, body, headers)
        except Exception:
            log.exception("webhook to %s raised", note.url)
            status = 0
        self.log.append(replace(note, number=delivery["attempts"] + 1, status=status))
        if delivery.get("copy"):
            self._close(delivery)
        else:
            self._record(delivery, 200 <= status < 300)

    def _claim(self, delivery: Record, turn: int) -> bool:
        """Whether this turn is the one to send; whoever else holds the delivery comes too late."""
        with self._changed:
            if self._open.get(delivery["id"]) != turn:
                return False
            self._open[delivery["id"]] = turn + 1
            return True

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
        account, note = shown.get("account"), "duplicate" if delivery.get("copy") else ""
        return body, headers, Attempt(now, shown["id"], shown["type"], account, endpoint["id"], url, note=note)

    def _drop(self, delivery: Record) -> None:
        """Chaos: never sent. The event keeps its pending webhook, so that ``delivery_success`` tells."""
        prepared = self._prepare(delivery)
        if prepared is not None:
            self.log.append(replace(prepared[2], note="dropped"))
        self._forget(delivery)

    def _forget(self, delivery: Record) -> None:
        """End a delivery that was not made; an endpoint that is enabled again gets only what happens then."""
        with self._engine.lock:
            if self._engine.store.find(delivery["_account"], "delivery", delivery["id"]) is not None:
                self._engine.store.delete(delivery)
                self._engine.store.commit()
        self._close(delivery)

    def _record(self, delivery: Record, delivered: bool) -> None:
        delays = self._engine.settings.delivery_delays
        ended = delivered or delivery["attempts"] >= len(delays)
        with self._engine.lock:
            store = self._engine.store
            if ended:
                if delivered:
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
            self._queue(delivery, delivery["not_before"])

    def _settle_event(self, delivery: Record) -> None:
        event = self._engine.store.find(delivery["event_account"], "event", delivery["event"])
        if event is not None:
            self._engine.store.touch(event)
            event["pending_webhooks"] = max(event["pending_webhooks"] - 1, 0)

    def _queue(self, delivery: Record, not_before: float) -> None:
        if self._stopped:
            return
        with self._changed:
            turn = self._open.setdefault(delivery["id"], 0)
            lane = self._lanes.get(delivery["endpoint"])
            if lane is None:
                lane = self._lanes[delivery["endpoint"]] = Lane(self.attempt)
        lane.put(delivery, turn, not_before)

    def _close(self, delivery: Record) -> None:
        with self._changed:
            self._open.pop(delivery["id"], None)
            self._changed.notify_all()
