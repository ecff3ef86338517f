"""Idempotency keys, per account: one execution, whose status and body are replayed, failures included."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stripe_simulator.database import Record
from stripe_simulator.errors import StripeError
from stripe_simulator.store import Store

KIND = "idempotency"
LIFETIME = 24 * 3_600  # seconds of wall time


def fingerprint(method: str, path: str, raw: dict[str, Any]) -> str:
    """What must be the same when a key is used again."""
    return hashlib.sha256(json.dumps([method, path, raw], sort_keys=True).encode()).hexdigest()


def recall(store: Store, account: str, key: str, print: str, now: int) -> Record | None:
    """What was answered under this key in the last day, or None; a StripeError where the request was another one."""
    found = store.find(account, KIND, key)
    if found is not None and now - found.get("created", now) >= LIFETIME:
        store.delete(found)
        return None
    if found is not None and found["fingerprint"] != print:
        raise StripeError(
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{key}' if you meant to execute a different request.",
            type="idempotency_error",
        )
    return found


def remember(
    store: Store, account: str, key: str, print: str, status: int, body: str, request_id: str, now: int
) -> None:
    """Keep an answer; it is committed together with what the request changed."""
    store.insert(
        {
            "id": key,
            "_account": account,
            "_kind": KIND,
            "_clock": None,
            "_due": None,
            "created": now,
            "fingerprint": print,
            "status": status,
            "body": body,
            "request_id": request_id,
        }
    )


class InFlight:
    """The keys in use at this moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[tuple[str, str]] = set()

    @contextmanager
    def claim(self, account: str, key: str | None) -> Iterator[None]:
        """Hold a key while its request runs; a 409 for a second request under it."""
        if key is None:
            yield
            return
        with self._lock:
            if (account, key) in self._keys:
                raise StripeError(
                    "There is currently another in-progress request using this Idempotency Key (that "
                    "probably means you submitted twice, and the other request is still going through). "
                    "Please try again later.",
                    status=409,
                    type="idempotency_error",
                    code="idempotency_key_in_use",
                )
            self._keys.add((account, key))
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard((account, key))
