"""The one way out to Stripe. Nothing else imports `stripe`; nothing here runs inside a transaction."""

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import stripe
import structlog
from django.conf import settings
from django.db import connection

from billingos.common.errors import (
    BillingError,
    Conflict,
    InvalidRequest,
    PaymentRequired,
    StripeUnavailable,
)
from billingos.stripe_gateway.traffic import GuardedClient

if TYPE_CHECKING:
    from stripe._stripe_object import StripeObject

    from billingos.merchants.models import Merchant

log = structlog.get_logger(__name__)
T = TypeVar("T")


class NotConnected(BillingError):
    """The merchant has no Stripe account that we may use."""

    status = 409
    code = "stripe_not_connected"


HURRIED_SECONDS = 3


@cache
def client(*, hurried: bool = False) -> stripe.StripeClient:
    """The process's client, pinned to the API version that the projections were written for.

    `hurried` gives up soon: for what a page would rather leave out than wait for.
    """
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        stripe_version=settings.STRIPE_API_VERSION,
        base_addresses={"api": settings.STRIPE_API_BASE},
        max_network_retries=0 if hurried else 1,  # under one idempotency key; more is the caller's to decide
        http_client=GuardedClient(
            timeout=HURRIED_SECONDS if hurried else settings.STRIPE_TIMEOUT_SECONDS, hurried=hurried
        ),
    )


def options_for(merchant: "Merchant", idempotency_key: str | None = None) -> stripe.RequestOptions:
    """Whose account a call is about. Raises NotConnected."""
    if merchant.has_account and not merchant.is_connected:
        raise NotConnected("Our access to this business's Stripe account was withdrawn. Connect it again first.")
    if not merchant.is_connected:
        raise NotConnected("Connect a Stripe account first.")
    options: stripe.RequestOptions = {}
    if merchant.stripe_account_id:
        options["stripe_account"] = merchant.stripe_account_id
    if idempotency_key:
        options["idempotency_key"] = idempotency_key
    return options


def refuse_inside_transaction() -> None:
    """A call to Stripe holds no locks: raises RuntimeError inside any atomic block but a test case's own."""
    blocks = getattr(connection, "atomic_blocks", [])
    if any(not getattr(block, "_from_testcase", False) for block in blocks):
        raise RuntimeError("Stripe was about to be called inside a transaction.")


def call(send: Callable[[], "StripeObject"]) -> dict[str, Any]:
    """What Stripe answers, as plain JSON data. Raises a BillingError for every way that it can say no."""
    with calling():
        return send().to_dict(for_json=True)


@contextlib.contextmanager
def calling() -> Iterator[None]:
    """Around whatever calls Stripe, also once more for each page of a list. Raises a BillingError for its refusals."""
    refuse_inside_transaction()
    try:
        yield
    except stripe.StripeError as error:
        log.info("stripe_refused", code=error.code, status=error.http_status, request=error.request_id)
        raise translate(error) from error


def translate(error: stripe.StripeError) -> BillingError:
    """Stripe's refusal in our words. Only after StripeUnavailable is it unknown whether anything happened."""
    message = error.user_message or str(error)
    param = getattr(error, "param", None)
    match error:
        case stripe.CardError():
            return PaymentRequired(message, code=error.code or "card_declined", param=param)
        case stripe.IdempotencyError():
            return Conflict(message, code="idempotency_error")
        case stripe.StripeError(code="idempotency_key_in_use"):
            return StripeUnavailable("Stripe is still working on this request. Try again shortly.", retry_after=2)
        case stripe.RateLimitError():
            return StripeUnavailable("Stripe asks us to slow down. Try again shortly.", retry_after=2)
        case stripe.AuthenticationError() | stripe.PermissionError():
            return NotConnected("Stripe does not accept our key for this account. Check the connection.")
        case stripe.InvalidRequestError():
            return InvalidRequest(message, code=error.code or "invalid_request", param=param)
        case _:
            return StripeUnavailable("Stripe does not answer. Try again with the same Idempotency-Key.", retry_after=5)
