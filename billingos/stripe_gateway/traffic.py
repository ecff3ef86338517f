"""Each single request to Stripe, retries and pages of lists among them: asks the gate first, tells it the end."""

import contextlib
import math
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any

import stripe
import structlog
from django.conf import settings

from billingos.common.errors import StripeUnavailable
from billingos.stripe_gateway.gate import Answer, gate, rules

log = structlog.get_logger(__name__)

PLATFORM = "platform"
TAP_SECONDS = 2.0  # after a 429 that names no time
_background: ContextVar[bool] = ContextVar("stripe_in_background", default=False)


@contextlib.contextmanager
def in_background() -> Iterator[None]:
    """What is called within may take only a share of Stripe's limit, and waits its turn: for sweeps over an account,
    such as reconciliation and backfill. Raises StripeUnavailable after STRIPE_BACKGROUND_WAIT_SECONDS."""
    token = _background.set(True)
    try:
        yield
    finally:
        _background.reset(token)


def refuse_while_open() -> None:
    """Before anything is begun that needs Stripe: raises StripeUnavailable while the breaker is open."""
    if (wait := gate.state()["open_for"]) > 0:
        raise _refusal(Answer("open", wait))


def pass_gate(account: str) -> None:
    """Returns when a request of this account may go. Raises StripeUnavailable, whose `retry_after` says when to ask
    again."""
    background = _background.get()
    patience = time.monotonic() + (settings.STRIPE_BACKGROUND_WAIT_SECONDS if background else 0)
    while (answer := gate.ask(account, background=background, rules=rules())).reason:
        if answer.reason == "open" or time.monotonic() + answer.wait > patience:
            raise _refusal(answer)
        time.sleep(answer.wait)


def _refusal(answer: Answer) -> StripeUnavailable:
    message = {
        "open": "Stripe does not answer at the moment. Nothing was asked of it; try again later.",
        "closed": "Stripe asks us to slow down. Nothing was asked of it; try again shortly.",
    }.get(answer.reason, "Stripe's limit leaves no room for background work now.")
    return StripeUnavailable(message, retry_after=max(1, math.ceil(answer.wait)))


class GuardedClient(stripe.RequestsClient):
    """The library's own, behind the gate. That a `hurried` one gave up says nothing of Stripe."""

    def __init__(self, *, timeout: float, hurried: bool = False) -> None:
        super().__init__(timeout=timeout)
        self._hurried = hurried

    def request(  # type: ignore[override]  # as RequestsClient has it, which differs from its own base
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        account = (headers or {}).get("Stripe-Account") or PLATFORM
        pass_gate(account)
        try:
            body, status, answered = super().request(method, url, headers, post_data)
        except stripe.APIConnectionError:
            if not self._hurried:
                gate.tell("failed", rules())
            raise
        gate.tell("failed" if status >= 500 else "answered", rules())
        if status == 429 and b'"lock_timeout"' not in body:  # that one is about a single object
            gate.close_tap(account, _seconds(answered.get("Retry-After")))
        return body, status, answered


def _seconds(retry_after: str | None) -> float:
    try:
        return min(max(float(retry_after or TAP_SECONDS), 0.0), 60.0)
    except ValueError:
        return TAP_SECONDS
