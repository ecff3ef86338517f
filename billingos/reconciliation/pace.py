"""How fast Stripe may be asked: reconciliation takes a share of what Stripe allows, the rest is for people."""

import time

from django.conf import settings


class Pace:
    """Lets through so many requests a second, evenly, and waits in between."""

    def __init__(self, per_second: float | None = None) -> None:
        self._gap = 1 / (per_second or settings.RECONCILE_REQUESTS_PER_SECOND)
        self._next = 0.0

    def wait(self) -> None:
        now = time.monotonic()
        if now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._gap
