"""What becomes of one event: its payload is news, or stale, or Stripe has to be asked."""

import contextlib
from collections.abc import Collection, Iterable, Iterator
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import Q

from billingos.common.locks import lock_key
from billingos.common.models import StripeMirrored
from billingos.common.readahead import mirrored_row
from billingos.common.registries import StripeEvent, handlers_of, mirrored_model, witnesses_of
from billingos.stripe_gateway.operations import is_whole
from billingos.webhooks.models import WebhookEvent

Verdict = Literal["apply", "skip", "ask"]
ENDINGS = (".deleted", ".detached")
_gone: ContextVar[frozenset[str] | None] = ContextVar("billingos_gone", default=None)


def apply_event(merchant_id: UUID, event: StripeEvent) -> Verdict:
    """Runs the event's witnesses and, where its payload is news, its handlers; returns the verdict on the payload.
    Inside the merchant's scope, under the object's lock. Raises MissingReference."""
    for witness in witnesses_of(event.type):
        witness(merchant_id, event)
    verdict = _verdict(merchant_id, event)
    if verdict == "apply":
        for handler in handlers_of(event.type):
            handler(merchant_id, event)
    return verdict


def _verdict(merchant_id: UUID, event: StripeEvent) -> Verdict:
    """Whether the payload is news (`apply`), old (`skip`), or cannot be told from here (`ask`)."""
    model = mirrored_model(event.object.get("object", ""))
    if model is None or not event.object.get("id"):  # what is only announced has no id
        return "apply"
    if event.type.endswith(".deleted") and event.object["object"] != "subscription":
        return "apply"
    row = mirrored_row(model, merchant_id, event.object["id"])
    if not is_whole(event.object) or row is None and _has_gone(merchant_id, event.object["id"]):
        return "ask"
    return judge(row, event.created, on_test_clock=on_test_clock(event.object, row))


def keys_of(event: StripeEvent) -> list[str]:
    """What to lock for an event: its customer, and the one whom what it is about was taken from."""
    before = event.previous_attributes.get("customer")
    keys = [lock_key(event.account, event.object)]
    return [*keys, lock_key(event.account, {"customer": before})] if before else keys


def _has_gone(merchant_id: UUID, stripe_id: str) -> bool:
    """Whether the object's ending has overtaken its creation: there was no row then to remember it by."""
    known = _gone.get()
    return stripe_id in (gone_of(merchant_id, [stripe_id]) if known is None else known)


@contextlib.contextmanager
def knowing_the_gone(merchant_id: UUID, events: Iterable[StripeEvent]) -> Iterator[None]:
    """Asks at once of which objects of a batch the ending has come."""
    ids = {str(event.object["id"]) for event in events if event.object.get("id")}
    token = _gone.set(gone_of(merchant_id, ids))
    try:
        yield
    finally:
        _gone.reset(token)


def gone_of(merchant_id: UUID, stripe_ids: Collection[str]) -> frozenset[str]:
    rows = WebhookEvent.objects.filter(merchant_id=merchant_id, object_id__in=stripe_ids)
    ended = rows.filter(Q(type__endswith=".deleted") | Q(type__endswith=".detached"))
    return frozenset(ended.values_list("object_id", flat=True))


def judge(row: StripeMirrored | None, created: datetime, *, on_test_clock: bool) -> Verdict:
    """From the row's stamps. Stamps of events compare with stamps of events of the same object, never with our clock;
    only whether Stripe may have made the event before it answered our last write is judged by wall time, to the second.
    """
    if row is None:
        return "ask" if on_test_clock else "apply"
    if on_test_clock:
        return "ask"  # a frozen clock stamps many states with one second
    if row.stripe_written_at and created <= row.stripe_written_at:
        return "ask"
    if row.last_event_at is None or created > row.last_event_at:
        return "apply"
    return "ask" if created == row.last_event_at else "skip"


def on_test_clock(stripe_object: dict[str, Any], row: StripeMirrored | None) -> bool:
    if stripe_object.get("object") == "test_helpers.test_clock":
        return True
    return bool(stripe_object.get("test_clock") or getattr(row, "test_clock_id", None))
