"""`Idempotency-Key`: a POST that is sent again gets the first answer again, and changes nothing twice.

Same key and same body: the stored answer. Another body: 409. Still under way: 409. What may pass (401, 429, 5xx) is not
stored, so that a later try can succeed. Keys live for 24 hours, per merchant.
"""

import contextlib
import hashlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from billingos.api.authentication import merchant_of
from billingos.api.errors import as_billing_error, error_body
from billingos.api.models import IdempotencyRecord
from billingos.common.errors import Conflict, InvalidRequest
from billingos.common.locks import held
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant

P = ParamSpec("P")
Method = Callable[Concatenate[Any, Request, P], Response]
LIFE = timedelta(hours=24)
SHAPE = re.compile(r"[\x21-\x7e]{1,255}")
NOT_STORED = {401, 429}
PASSING_CODES = {"idempotency_in_flight", "in_flight"}


def idempotency_key(request: Request) -> str | None:
    """The caller's key, or None. Raises InvalidRequest for one that is not 1 to 255 visible ASCII characters."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not SHAPE.fullmatch(key):
        raise InvalidRequest("Send 1 to 255 visible ASCII characters.", param="Idempotency-Key")
    return key


def idempotent(method: Method[P]) -> Method[P]:
    """For the `post` of a view that writes to Stripe first: gives the same answer to the same key.

    If the process dies before the answer is kept, the write intents know what was done (`stripe_gateway.intents`).
    """
    return _idempotent(method, around=lambda merchant: contextlib.nullcontext())


def idempotent_here(method: Method[P]) -> Method[P]:
    """For a `post` that writes to PostgreSQL alone: what it writes and its answer are committed together."""
    return _idempotent(method, around=lambda merchant: scope(merchant.id))


def _idempotent(method: Method[P], around: Callable[[Merchant], AbstractContextManager[None]]) -> Method[P]:
    @wraps(method)
    def wrapped(view: Any, request: Request, /, *args: P.args, **kwargs: P.kwargs) -> Response:
        key = idempotency_key(request)
        if key is None:
            return method(view, request, *args, **kwargs)
        merchant = merchant_of(request)
        with held(f"idempotency/{merchant.id}/{key}") as mine:
            if not mine:
                raise Conflict(
                    "A request with this Idempotency-Key is still under way.",
                    param="Idempotency-Key",
                    code="idempotency_in_flight",
                    retry_after=1,
                )
            record = _record(merchant, key, _fingerprint(request))
            if record.status is not None:
                return Response(record.body, status=record.status, headers={"Idempotent-Replayed": "true"})
            try:
                with around(merchant):
                    response = method(view, request, *args, **kwargs)
                    _remember(merchant, record, response.status_code, response.data)
            except Exception as raised:
                _remember_refusal(merchant, record, raised, request)
                raise
            return response

    return wrapped


def _fingerprint(request: Request) -> str:
    raw = request._request
    content = b"\n".join([(raw.method or "").encode(), raw.get_full_path().encode(), raw.body])
    return hashlib.sha256(content).hexdigest()


def _record(merchant: Merchant, key: str, fingerprint: str) -> IdempotencyRecord:
    """The key's record: finished, to be replayed, or ours to finish (new, or left by a request that failed or died)."""
    with scope(merchant.id):
        records = IdempotencyRecord.objects.for_merchant(merchant.id)
        records.filter(key=key, created_at__lt=timezone.now() - LIFE).delete()
        record, _ = records.get_or_create(merchant=merchant, key=key, defaults={"fingerprint": fingerprint})
    if record.fingerprint != fingerprint:
        raise Conflict(
            "This Idempotency-Key was used with another request.",
            param="Idempotency-Key",
            code="idempotency_key_reused",
        )
    return record


def _remember_refusal(merchant: Merchant, record: IdempotencyRecord, raised: Exception, request: Request) -> None:
    error = as_billing_error(raised)
    passes = error is None or error.status >= 500 or error.status in NOT_STORED or error.code in PASSING_CODES
    if error and not passes:
        _remember(merchant, record, error.status, error_body(error, getattr(request, "request_id", "")))


def _remember(merchant: Merchant, record: IdempotencyRecord, status: int, body: Any) -> None:
    with scope(merchant.id):
        IdempotencyRecord.objects.for_merchant(merchant.id).filter(id=record.id).update(status=status, body=body)


def forget_old_records() -> int:
    """Deletes what is older than a day; returns how many."""
    with platform_scope():
        return IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - LIFE).delete()[0]
