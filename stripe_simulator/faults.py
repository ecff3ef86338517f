"""Faults on demand: rate limits, server errors, lost connections and slow answers, for tests of clients.

Set by ``POST /_simulator/faults`` for the next requests, of one account or of all, or for one request by its
header ``Simulator-Fault``.
"""

import threading
from dataclasses import asdict, dataclass
from typing import Any, Literal

from stripe_simulator.errors import StripeError, invalid, unknown_param

Fault = Literal["rate_limit", "error_500", "drop_connection", "lose_answer"]
KINDS: tuple[Fault, ...] = ("rate_limit", "error_500", "drop_connection", "lose_answer")
HEADER = "Simulator-Fault"
_ALL = "*"


@dataclass
class Plan:
    """What is still to go wrong: requests by kind, and milliseconds that every answer takes longer."""

    rate_limit: int = 0
    error_500: int = 0
    drop_connection: int = 0
    lose_answer: int = 0
    latency_ms: int = 0


class Faults:
    """The plans, by account; ``*`` holds for every account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plans: dict[str, Plan] = {}

    def plan(self, sent: dict[str, Any]) -> dict[str, Any]:
        """Replace the plan of an account (``account``, or all); what is not sent is zero. All plans as they are."""
        values = {name: _count(name, value) for name, value in sent.items() if name != "account"}
        with self._lock:
            self._plans[str(sent.get("account") or _ALL)] = Plan(**values)
        return self.shown()

    def shown(self) -> dict[str, Any]:
        """The plans by account."""
        with self._lock:
            return {account: asdict(plan) for account, plan in self._plans.items()}

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._plans.clear()

    def next(self, account: str, wish: str | None) -> tuple[Fault | None, int]:
        """What goes wrong with this request, and the milliseconds it waits; a wish is its header's value."""
        named, _, number = (wish or "").partition("=")
        if named == "latency_ms":
            return None, _count(named, number)
        for kind in KINDS:
            if named == kind:
                return kind, 0
        if named:
            raise unknown_param(HEADER)
        with self._lock:
            return self._take(account), sum(plan.latency_ms for plan in self._for(account))

    def _take(self, account: str) -> Fault | None:
        for plan in self._for(account):
            for kind in KINDS:
                left = getattr(plan, kind)
                if left > 0:
                    setattr(plan, kind, left - 1)
                    return kind
        return None

    def _for(self, account: str) -> list[Plan]:
        return [self._plans[name] for name in (account, _ALL) if name in self._plans]


def rate_limited() -> StripeError:
    """Stripe's 429."""
    return StripeError(
        "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.",
        status=429,
        code="rate_limit",
    )


def server_error() -> StripeError:
    """Stripe's 500."""
    return StripeError("An unknown error occurred", status=500, type="api_error")


def _count(name: str, value: Any) -> int:
    if name not in Plan.__dataclass_fields__:
        raise unknown_param(name)
    if not str(value).isdigit():
        raise invalid(f"Invalid integer: {value}", name, "parameter_invalid_integer")
    return int(value)
