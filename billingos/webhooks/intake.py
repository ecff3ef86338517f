"""Taking a delivery in: check the signature, store the event, answer. Nothing is worked on here."""

import json
import math
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from billingos.common.errors import InvalidRequest
from billingos.common.ids import uuid7
from billingos.common.mirrored import reference
from billingos.common.periods import from_stripe
from billingos.common.tenancy import execute_as_platform
from billingos.stripe_gateway.signatures import is_signed

INSERT = """
INSERT INTO webhook_events (id, merchant_id, livemode, account, stripe_event_id, type, api_version, object_type,
    object_id, customer_stripe_id, created, payload, status, reason, attempts, next_attempt_at, received_at,
    processed_at)
VALUES (%(id)s, (SELECT id FROM merchants WHERE CASE WHEN %(account)s::text IS NULL THEN is_platform_account
    ELSE stripe_account_id = %(account)s END), %(livemode)s, %(account)s, %(stripe_event_id)s, %(type)s,
    %(api_version)s, %(object_type)s, %(object_id)s, %(customer)s, %(created)s,
    %(payload)s, %(status)s, %(reason)s, 0, %(now)s, %(now)s, %(processed_at)s)
ON CONFLICT (livemode, account, stripe_event_id) DO NOTHING
"""

# A NUL or a surrogate can stand in a valid body only so. (A raw one is no JSON, or no UTF-8.)
UNSTORABLE = (b"\\u0000", b"\\ud", b"\\uD")
NO_JSON = "The body is not valid JSON."
SHAPE: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "type": (str,),
    "created": (int,),
    "livemode": (bool,),
    "data": (dict,),
    "account": (str, type(None)),
}


def verified(body: bytes, signature: str, secrets: Sequence[str]) -> tuple[dict[str, Any], str]:
    """The event that `body` is, and as PostgreSQL takes it, if any of `secrets` (several while one rotates) has signed
    it.

    Raises InvalidRequest for a bad signature and for what is no event.
    """
    if not is_signed(body, signature, secrets):
        raise InvalidRequest(
            "The signature does not fit. Check the endpoint's signing secret.",
            param="Stripe-Signature",
            code="invalid_signature",
        )
    try:
        text = body.decode()
        event = json.loads(text, parse_float=_number, parse_constant=_number)
        if any(escape in body for escape in UNSTORABLE):
            event = storable(event)
            text = json.dumps(event)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(NO_JSON, code="invalid_json") from error
    _refuse_what_is_no_event(event)
    return event, text


def _number(text: str) -> float:
    """Raises ValueError for NaN and for what is too large, such as 1e400: it could not be written as JSON again."""
    found = float(text)
    if not math.isfinite(found):
        raise ValueError(text)
    return found


def storable(value: Any) -> Any:
    """The same without what PostgreSQL's jsonb cannot hold: NUL characters and lone surrogates."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [storable(inner) for inner in value]
    if isinstance(value, dict):
        return {storable(key): storable(inner) for key, inner in value.items()}
    return value


def _refuse_what_is_no_event(event: Any) -> None:
    for name, kind in SHAPE.items():
        if not isinstance(event, dict) or type(event.get(name)) not in kind:
            raise InvalidRequest("This is not a Stripe event.", param=name)
    if not isinstance(event["data"].get("object"), dict):
        raise InvalidRequest("This is not a Stripe event.", param="data[object]")
    if not 0 <= event["created"] < 2**35:
        raise InvalidRequest("Not a time.", param="created")


def store(event: dict[str, Any], text: str = "", *, finished: str = "") -> bool:
    """Puts the event into the inbox; False if it is there already. `text` is the event as JSON, where it is at hand.
    Of the other mode, it is kept as ignored: an error would make Stripe disable the endpoint. `finished` is the reason
    why nothing is left to do about it. Raises ValueError for numbers that JSON cannot say."""
    found = event["data"]["object"]
    status, reason = ("processed", finished) if finished else ("pending", "")
    if event["livemode"] != settings.STRIPE_LIVE_MODE:
        status, reason = "ignored", "other mode"
    now = timezone.now()
    is_customer = found.get("object") == "customer"
    values = {
        "id": uuid7(),
        "livemode": event["livemode"],
        "account": event.get("account"),
        "stripe_event_id": event["id"],
        "type": event["type"],
        "api_version": str(event.get("api_version") or ""),
        "object_type": str(found.get("object", "")),
        "object_id": str(found.get("id") or ""),
        "customer": str(found.get("id", "")) if is_customer else str(reference(found.get("customer"))),
        "created": from_stripe(event["created"]),
        "payload": text or json.dumps(event, allow_nan=False),
        "status": status,
        "reason": reason,
        "now": now,
        "processed_at": now if status == "processed" else None,
    }
    return execute_as_platform(INSERT, values) == 1
