"""What people do with the inbox: replay and retention.

Applying an event twice changes nothing, so any event may be replayed. Left out are events that wait already, and those
of the other mode (live or test), which must never be applied here.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant, User
from billingos.merchants.services import record_audit
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.wakeup import wake_drainer

RETENTION = timedelta(days=90)
MOST_AT_ONCE = 10_000
Status = WebhookEvent.Status


def adopt(merchant: Merchant, stripe_event_id: str) -> None:
    """An event that came for the account while it was nobody's is the merchant's now, and is worked on."""
    with platform_scope():
        rows = WebhookEvent.objects.filter(merchant=None, account=merchant.stripe_account_id)
        rows.filter(stripe_event_id=stripe_event_id, livemode=settings.STRIPE_LIVE_MODE).update(
            merchant=merchant, status=Status.PENDING, reason="", attempts=0, next_attempt_at=timezone.now()
        )


def replay(*, event_ids: Sequence[UUID], by: User | None = None) -> int:
    """For operations staff: puts events of any merchants back to the start; returns how many."""
    with platform_scope():
        return _replay_each(WebhookEvent.objects.filter(id__in=event_ids), by)


def replay_events(*, merchant: Merchant, event_ids: Sequence[UUID], by: User) -> int:
    """Puts events of this merchant back to the start; returns how many. Others' are passed over as if they were not
    there."""
    with scope(merchant.id):
        return _replay_each(WebhookEvent.objects.filter(merchant_id=merchant.id, id__in=event_ids), by)


def replay_failed(*, merchant: Merchant, by: User, since: datetime | None = None, until: datetime | None = None) -> int:
    """Puts all failed events that came in `[since, until)` back to the start, the oldest 10,000 at most; returns how
    many."""
    with scope(merchant.id):
        rows = WebhookEvent.objects.filter(merchant_id=merchant.id, status=Status.FAILED)
        if since:
            rows = rows.filter(received_at__gte=since)
        if until:
            rows = rows.filter(received_at__lt=until)
        count = len(_restart(rows.order_by("id")))
        if count:
            span = {"since": since and since.isoformat(), "until": until and until.isoformat()}
            record_audit(
                merchant_id=merchant.id,
                action="webhook_event.failed_replayed",
                user=by,
                details={"count": count, **span},
            )
    return count


def _replay_each(rows: QuerySet[WebhookEvent], by: User | None) -> int:
    restarted = _restart(rows)
    for event in restarted:
        record_audit(
            merchant_id=event.merchant_id,
            action="webhook_event.replayed",
            target=f"event {event.stripe_event_id}",
            user=by,
            details={"type": event.type},
        )
    return len(restarted)


def _restart(rows: QuerySet[WebhookEvent]) -> list[WebhookEvent]:
    """The events that go through the inbox again, from now on."""
    rows = rows.exclude(status=Status.PENDING).filter(livemode=settings.STRIPE_LIVE_MODE).defer("payload")
    found = list(rows.select_for_update(of=("self",))[:MOST_AT_ONCE])
    WebhookEvent.objects.filter(id__in=[event.id for event in found]).update(
        status=Status.PENDING, attempts=0, next_attempt_at=timezone.now(), reason="", processed_at=None
    )
    transaction.on_commit(wake_drainer)  # a caller may hold a scope of its own open, as the ops admin does
    return found


def forget_old_events() -> int:
    """Deletes finished events older than 90 days; what waits or failed stays."""
    finished = [Status.PROCESSED, Status.IGNORED]
    with platform_scope():
        rows = WebhookEvent.objects.filter(status__in=finished, received_at__lt=timezone.now() - RETENTION)
        return rows.delete()[0]
