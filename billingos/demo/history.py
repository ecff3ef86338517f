"""The demo's history: both merchants' scripts, played side by side, resumable, and checked in the end."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from itertools import islice
from typing import Any

from django.conf import settings
from django.utils import timezone

from billingos.common.periods import add_months
from billingos.demo import progress
from billingos.demo.caller import JSON, Caller, StripeDesk
from billingos.demo.cast import MERCHANTS, DemoMerchant
from billingos.demo.player import Player, wait_for
from billingos.demo.progress import Progress
from billingos.demo.rhythm import Rhythm, UsageEvent
from billingos.demo.script import Script, write_script

SEED = 2026
USAGE_BATCH = 5_000  # events a request
STEPS_BETWEEN_USAGE = 10

OnProgress = Callable[[Progress], None]


class Stage:
    """One merchant's part: its player, its usage, and how both are told to BillingOS."""

    def __init__(self, script: Script, document: JSON, notes: dict[str, Any]) -> None:
        entry = next(one for one in document["merchants"] if one["slug"] == script.merchant.slug)
        self.script = script
        self.notes = notes
        self.api = Caller(document["url"], entry["secret_key"])
        self.stripe = StripeDesk(
            document["stripe"]["api_base"], document["stripe"]["secret_key"], entry["stripe_account_id"]
        )
        self.player = Player(script, self.api, self.stripe, notes)
        self.rhythm = Rhythm(script)

    def perform(self, on_step: Callable[[datetime], None]) -> None:
        """What is left of the script."""
        self.player.open_shop()
        steps = self.script.steps
        for number in range(self.notes["steps"], len(steps)):
            self.player.play(steps[number])
            if number % STEPS_BETWEEN_USAGE == 0 or number + 1 == len(steps):
                self.post_usage(steps[number].date())
            on_step(steps[number])

    def _inbox_is_empty(self) -> bool:
        return not (self.api.get("/webhooks/events", status="pending", limit=1) or {"data": []})["data"]

    def post_usage(self, until: date, living: set[str] | None = None) -> None:
        """The usage of the days since the last time, up to the day before `until`, once the inbox is worked off:
        BillingOS must know where the clock stands. Events that were posted before count once."""
        wait_for(self._inbox_is_empty)
        since = date.fromisoformat(self.notes["used_until"])
        for events in _batches(self.rhythm.usage(since, until, living=living)):
            key = f"demo-usage-{self.script.merchant.slug}-{since}-{events[0].event_id}"
            answer = self.api.post("/usage/events", {"events": [event.body() for event in events]}, key)
            if answer["rejected"]:
                return  # next time
        self.notes["used_until"] = until.isoformat()

    def differences(self) -> list[str]:
        """What BillingOS says otherwise than Stripe; empty is as it should be."""
        here = Counter(one["status"] for one in self.api.every("/subscriptions"))
        clock = self.notes["clock"]
        there = Counter(one["status"] for one in self.stripe.every("/subscriptions", test_clock=clock, status="all"))
        people = sum(1 for one in self.api.every("/customers") if one["test_clock"] == clock)
        in_stripe = sum(1 for _ in self.stripe.every("/customers", test_clock=clock))
        found = [] if people == in_stripe else [f"{people} customers here, {in_stripe} in Stripe"]
        return found + [
            f"{here[status]} subscriptions {status} here, {there[status]} in Stripe"
            for status in sorted(here.keys() | there.keys())
            if here[status] != there[status]
        ]


def stages(document: JSON) -> tuple[dict[str, Any], list[Stage]]:
    """The notes of the demo, begun now if there are none, and a stage for each merchant."""
    notes = progress.read_notes()
    if "start" not in notes:
        end = timezone.now().replace(microsecond=0)
        start = add_months(end, -settings.DEMO_MONTHS)
        plan = {"seed": SEED, "start": start.isoformat(), "end": end.isoformat()}
        notes = {**plan, "customers": settings.DEMO_CUSTOMERS or None, "merchants": {}}
    for cast in MERCHANTS:
        notes["merchants"].setdefault(cast.slug, {"clock": "", "steps": 0, "used_until": notes["start"][:10]})
    return notes, [Stage(_script(cast, notes), document, notes["merchants"][cast.slug]) for cast in MERCHANTS]


def _script(cast: DemoMerchant, notes: dict[str, Any]) -> Script:
    start, end = (datetime.fromisoformat(notes[name]) for name in ("start", "end"))
    return write_script(cast, seed=notes["seed"], start=start, end=end, customers=notes["customers"])


class History:
    """Plays what is left; tells how far it is; keeps notes after each step, so that the next process goes on."""

    def __init__(self, document: JSON, on_progress: OnProgress) -> None:
        self._notes, self._stages = stages(document)
        self._on_progress = on_progress
        self._lock = threading.Lock()

    def play(self) -> None:
        """Both merchants at once. What went wrong with one is raised when both have ended."""
        self._tell(self._stages[0].script.start)
        with ThreadPoolExecutor(len(self._stages)) as pool:
            for ended in [pool.submit(stage.perform, self._tell) for stage in self._stages]:
                ended.result()

    def compare(self) -> list[str]:
        """A line a merchant: whether BillingOS says what Stripe says."""
        lines = []
        for stage in self._stages:
            found = self._settled_differences(stage)
            total = len(list(stage.api.every("/subscriptions")))
            told = "; ".join(found) or f"{total} subscriptions here as in Stripe, by state"
            lines.append(f"{stage.script.merchant.name}: {told}")
        return lines

    def finish(self) -> None:
        self._notes["shown"] = {**self._notes["shown"], "ready": True}
        progress.write_notes(self._notes)
        self._on_progress(Progress(**self._notes["shown"]))

    def _settled_differences(self, stage: Stage) -> list[str]:
        """What remains different once the inbox has had its time."""
        deadline = time.monotonic() + 30
        while (found := stage.differences()) and time.monotonic() < deadline:
            time.sleep(0.5)
        return found

    def _tell(self, at: datetime) -> None:
        with self._lock:
            done = sum(stage.notes["steps"] for stage in self._stages)
            total = sum(len(stage.script.steps) for stage in self._stages)
            self._notes["shown"] = {"done": done, "total": total, "ready": False, "at": at.isoformat()}
            progress.write_notes(self._notes)
            self._on_progress(Progress(**self._notes["shown"]))


def _batches(events: Iterable[UsageEvent]) -> Iterator[list[UsageEvent]]:
    left = iter(events)
    while batch := list(islice(left, USAGE_BATCH)):
        yield batch
