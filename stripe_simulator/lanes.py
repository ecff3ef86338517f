"""How deliveries travel: a lane an endpoint, which waits and keeps the order, and the HTTP request itself."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

import requests

from stripe_simulator.database import Record

log = logging.getLogger("stripe_simulator")


class Lane:
    """The thread that delivers to one endpoint, in order; a retry does not hold up what comes after it."""

    def __init__(self, attempt: Callable[[Record, int], None]) -> None:
        self._attempt = attempt
        self._heap: list[tuple[float, int, Record, int]] = []
        self._count = itertools.count()
        self._wake = threading.Condition()
        self._stopped = False
        threading.Thread(target=self._run, name="deliveries", daemon=True).start()

    def put(self, delivery: Record, turn: int, not_before: float) -> None:
        """Deliver when its time (Unix seconds) has come, unless another turn came first."""
        with self._wake:
            heapq.heappush(self._heap, (not_before, next(self._count), delivery, turn))
            self._wake.notify()

    def stop(self) -> None:
        """End after the try under way."""
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            try:
                self._attempt(*due)
            except Exception:
                log.exception("delivery %s failed inside the simulator", due[0]["id"])

    def _next(self) -> tuple[Record, int] | None:
        with self._wake:
            while not self._stopped:
                wait = self._heap[0][0] - time.time() if self._heap else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._heap)[2:]
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
