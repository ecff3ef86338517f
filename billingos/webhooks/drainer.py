"""Draining the inbox. A batch goes through four short steps, none of which holds a transaction while Stripe is asked:

1. claim: lease some pending events and count the attempt (committed, so that a killed worker loses nothing and a poison
   event uses up its attempts);
2. apply together what can be: some dozens of events in one transaction, in the merchant's scope, under their customers'
   locks (`together`, `verdicts`);
3. apply alone what could not be: by asking Stripe for the truth, or for what an event points to;
4. finish: raw objects to the mirror, outcomes to the inbox.

Every step may run twice: applying is idempotent and a row never goes back.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from django.utils import timezone

from billingos.common.errors import BillingError, MissingReference, StripeUnavailable, Unavailable
from billingos.common.events import AppliedObject, ObjectsApplied
from billingos.common.locks import lock
from billingos.common.mirrored import reference
from billingos.common.registries import (
    StripeEvent,
    StripeObject,
    handlers_of,
    publish,
    witnesses_of,
)
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.merchants.selectors import get_merchant
from billingos.stripe_gateway.settling import settle
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.together import apply_together
from billingos.webhooks.verdicts import Verdict, apply_event, keys_of, on_test_clock

log = structlog.get_logger(__name__)

CHUNK = 50  # about so many events make one transaction, for which their customers' writes wait
OF_A_CUSTOMER = ("invoice", "payment_intent", "charge", "subscription")  # where what has no customer points to
BATCH = 300  # the more, the more events of one object are settled by one question
MAX_REFERENCES = 10  # each round brings in one object that an event points to
BACKOFF = timedelta(seconds=2)
MAX_BACKOFF = timedelta(hours=1)
OUTAGE_PAUSE = timedelta(seconds=15)
Status = WebhookEvent.Status


@dataclass
class Outcome:
    """`passing` failures are nobody's fault but an outage's: they use up no attempt, so that none parks an event."""

    status: Status
    reason: str = ""
    passing: bool = False
    pause: timedelta = OUTAGE_PAUSE


@dataclass
class Work:
    """One leased event on its way."""

    row: WebhookEvent
    event: StripeEvent
    outcome: Outcome | None = None
    applied: StripeObject | None = None


@dataclass
class Batch:
    """What the events of one batch know of each other."""

    begun: bool = False
    settled: set[tuple[UUID, str, str]] = field(default_factory=set)
    outages: dict[UUID, StripeUnavailable] = field(default_factory=dict)  # by merchant


def drain(limit: int = BATCH) -> int:
    """Works off one batch; returns how many events it took."""
    batch = Batch()
    leased = claim(limit)
    by_merchant: dict[UUID | None, list[Work]] = defaultdict(list)
    for row in leased:
        by_merchant[row.merchant_id].append(Work(row, as_stripe_event(row)))
    for merchant_id, works in by_merchant.items():
        _drain_merchant(merchant_id, works, batch)
    return len(leased)


def claim(limit: int) -> list[WebhookEvent]:
    """Leases pending events, oldest first; another drainer skips them."""
    now = timezone.now()
    with platform_scope():
        rows = list(
            WebhookEvent.objects.filter(status=Status.PENDING, next_attempt_at__lte=now)
            .order_by("next_attempt_at", "id")
            .select_for_update(skip_locked=True)[:limit]
        )
        lease = now + timedelta(seconds=settings.INBOX_LEASE_SECONDS)
        for row in rows:
            # The lease is the next attempt: if this worker dies, the event is due again when the lease runs out.
            row.attempts, row.next_attempt_at, row.leased_until = row.attempts + 1, lease, lease
        claimed = WebhookEvent.objects.filter(id__in=[row.id for row in rows])
        claimed.update(attempts=F("attempts") + 1, next_attempt_at=lease, leased_until=lease)
        deadly = [row.id for row in rows if row.attempts > settings.INBOX_MAX_ATTEMPTS]  # they took their worker down
        if deadly:
            WebhookEvent.objects.filter(id__in=deadly).update(status=Status.FAILED, reason="worker died")
    return sorted(
        (row for row in rows if row.id not in deadly),
        key=lambda row: (row.created, row.stripe_event_id),
    )


def as_stripe_event(row: WebhookEvent) -> StripeEvent:
    """The event of the inbox, as its handlers see it."""
    data = row.payload["data"]
    return StripeEvent(
        id=row.stripe_event_id,
        type=row.type,
        created=row.created,
        account=row.account,
        object=data["object"],
        previous_attributes=data.get("previous_attributes") or {},
    )


def _drain_merchant(merchant_id: UUID | None, works: list[Work], batch: Batch) -> None:
    if merchant_id is None:
        for work in works:
            work.outcome = Outcome(Status.IGNORED, "unknown account")
    else:
        _apply_all(get_merchant(merchant_id), works, batch)
    _finish(works)


def _apply_all(merchant: Merchant, works: list[Work], batch: Batch) -> None:
    """All outcomes; a failure that no event is to blame for (the database, Stripe) leaves events to their back-off."""
    for chunk in _chunks(works):
        known = _together(merchant, chunk, batch)
        for work in chunk:
            if work.outcome:
                continue
            if _is_late(work, batch):
                work.outcome = Outcome(Status.PENDING, "its batch took too long", passing=True, pause=timedelta(0))
                continue
            batch.begun = True
            _apply_alone(merchant, work, batch, known.get(work.row.id))


def _chunks(works: Sequence[Work]) -> Iterator[list[Work]]:
    """First what is nobody's, for others point to it; then customer by customer, the events of each as they came."""
    owners = {work.row.object_id: owner for work in works if (owner := _owner(work.event.object))}
    by_owner: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        found = work.event.object
        pointed_to = (owners.get(str(reference(found.get(name)))) for name in OF_A_CUSTOMER)
        by_owner[_owner(found) or next(filter(None, pointed_to), "")].append(work)
    chunk: list[Work] = []
    for own in [by_owner.pop("", []), *by_owner.values()]:
        if chunk and len(chunk) + len(own) > CHUNK:
            yield chunk
            chunk = []
        chunk += own
    if chunk:
        yield chunk


def _owner(found: StripeObject) -> str:
    """The customer whose the object is, as far as it says so itself."""
    return str(reference(found.get("id") if found.get("object") == "customer" else found.get("customer")))


def _together(merchant: Merchant, works: Sequence[Work], batch: Batch) -> dict[UUID, Verdict]:
    """Applies what can be in one transaction, and says of which events Stripe is to be asked; the rest is left."""
    chosen = []
    for work in works:
        if not handlers_of(work.event.type) and not witnesses_of(work.event.type):
            work.outcome = Outcome(Status.IGNORED, "no handler")
        elif not _tells_nothing(work.event):
            chosen.append(work)
    if len(chosen) < 2 or _is_late(chosen[0], batch):
        return {}
    batch.begun = True
    verdicts = apply_together(merchant.id, [work.event for work in chosen])
    for work, verdict in zip(chosen, verdicts, strict=True):
        if verdict in ("apply", "skip"):
            _conclude(work, verdict)
    return {work.row.id: verdict for work, verdict in zip(chosen, verdicts, strict=True) if verdict}


def _conclude(work: Work, verdict: Verdict) -> None:
    if verdict == "apply" and work.event.object.get("id"):
        work.applied = work.event.object
    work.outcome = Outcome(Status.PROCESSED, "stale" if verdict == "skip" else "")


def _apply_alone(merchant: Merchant, work: Work, batch: Batch, verdict: Verdict | None) -> None:
    """In a transaction of its own, and with Stripe's help where it needs some. `verdict` is what is known of it."""
    try:
        _apply(merchant, work, batch, verdict)
    except BillingError as error:
        pause = timedelta(seconds=error.retry_after) if error.retry_after else OUTAGE_PAUSE
        work.outcome = Outcome(
            Status.PENDING, f"{error.code}: {error.message}", passing=isinstance(error, Unavailable), pause=pause
        )
    except (OperationalError, InterfaceError) as error:
        if not _database_answers():
            raise  # the lease brings them back
        work.outcome = Outcome(Status.PENDING, f"the database refused it: {error}"[:500])  # a deadlock, say
    except Exception as error:  # whatever it is: one event must not keep the rest of its batch from finishing
        log.exception("event_failed", event_id=work.row.stripe_event_id, type=work.row.type)
        work.outcome = Outcome(Status.PENDING, _reason(error)[:500])


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (OperationalError, InterfaceError):
        return False
    return True


def _reason(error: Exception) -> str:
    """For whoever decides whether to replay the event."""
    said = f"{type(error).__name__}: {error}"
    is_shape = isinstance(error, KeyError | TypeError | AttributeError | ValueError)
    return f"the object has not the shape that its type has: {said}" if is_shape else said


def _is_late(work: Work, batch: Batch) -> bool:
    """Whether another worker may have the event by now. During an outage nothing waits for Stripe, so that the rest of
    the batch is soon done."""
    lease = work.row.leased_until
    return batch.begun and not batch.outages and lease is not None and timezone.now() >= lease


def _apply(merchant: Merchant, work: Work, batch: Batch, verdict: Verdict | None) -> None:
    event = work.event
    if _tells_nothing(event) and _is_settled(merchant, event, batch):
        work.outcome = Outcome(Status.PROCESSED)
        return
    fetched: set[tuple[str, str]] = set()
    for _ in range(MAX_REFERENCES):
        try:
            if verdict is None:
                with scope(merchant.id):  # one transaction: what fails leaves nothing of the event behind
                    lock(keys_of(event))
                    verdict = apply_event(merchant.id, event)
            if verdict == "ask":
                work.applied = _ask(merchant, event, batch)
                work.outcome = Outcome(Status.PROCESSED)
            else:
                _conclude(work, verdict)
            return
        except MissingReference as missing:
            wanted = (missing.object_type, missing.stripe_id)
            if wanted in fetched:  # Stripe has said what it has of it, and that was not enough
                work.outcome = Outcome(Status.PENDING, f"it points to what Stripe does not have: {' '.join(wanted)}")
                return
            fetched.add(wanted)
            _settle(merchant, *wanted, batch)
    work.outcome = Outcome(Status.PENDING, "its references do not end")


def _tells_nothing(event: StripeEvent) -> bool:
    """Whether asking Stripe is all that can be done about the event: once for its object is enough, and it is spared a
    transaction of its own."""
    is_plain = not witnesses_of(event.type) and not event.type.endswith(".deleted")
    return is_plain and bool(event.object.get("id")) and on_test_clock(event.object, None)


def _ask(merchant: Merchant, event: StripeEvent, batch: Batch) -> StripeObject | None:
    """Applies Stripe's present state of the event's object, once per batch: all its events came before this answer."""
    if _is_settled(merchant, event, batch):
        return None
    object_type, stripe_id = event.object["object"], event.object["id"]
    return _settle(merchant, object_type, stripe_id, batch)


def _is_settled(merchant: Merchant, event: StripeEvent, batch: Batch) -> bool:
    """Whether Stripe was asked for the object in this batch: then the event's payload can be no news."""
    return (merchant.id, event.object.get("object", ""), event.object.get("id", "")) in batch.settled


def _settle(merchant: Merchant, object_type: str, stripe_id: str, batch: Batch) -> StripeObject:
    """As `settle`; but a Stripe that has not answered is not asked again in this batch: it would outlast its lease."""
    if outage := batch.outages.get(merchant.id):
        raise StripeUnavailable(outage.message, retry_after=outage.retry_after)
    try:
        found = settle(merchant, object_type, stripe_id).object
    except StripeUnavailable as error:
        batch.outages[merchant.id] = error
        raise
    batch.settled.add((merchant.id, object_type, stripe_id))
    return found


def _finish(works: list[Work]) -> None:
    """Objects to the mirror and outcomes to the inbox, together."""
    now = timezone.now()
    done = [work for work in works if work.outcome]
    with platform_scope():
        applied = [AppliedObject(work.event.account, work.event.created, work.applied) for work in done if work.applied]
        if applied:
            publish(ObjectsApplied(tuple(applied)))
        alike: dict[tuple[Any, ...], list[UUID]] = defaultdict(list)  # most events of a batch end the same way
        for work in done:
            alike[tuple(_columns(work.row, work.outcome, now).items())].append(work.row.id)
        for columns, ids in alike.items():
            WebhookEvent.objects.filter(id__in=ids).update(**dict(columns))


def _columns(row: WebhookEvent, outcome: Outcome | None, now: datetime) -> dict[str, Any]:
    """What the outcome changes of the event's row."""
    if outcome is None:
        return {}
    columns: dict[str, Any] = {"status": outcome.status, "reason": outcome.reason, "leased_until": None}
    if outcome.passing:
        return {**columns, "attempts": row.attempts - 1, "next_attempt_at": now + outcome.pause}
    if outcome.status != Status.PENDING:
        return {**columns, "processed_at": now}
    if row.attempts >= settings.INBOX_MAX_ATTEMPTS:
        columns["status"] = Status.FAILED  # parked, for replay from dashboard and admin
    return {**columns, "next_attempt_at": now + min(BACKOFF * 2 ** (row.attempts - 1), MAX_BACKOFF)}
