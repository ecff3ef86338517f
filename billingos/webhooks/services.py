"""What people do with the inbox: replay and retention."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from billingos.common.tenancy import platform_scope
from billingos.merchants.models import User
from billingos.merchants.services import record_audit
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.wakeup import wake_drainer

RETENTION = timedelta(days=90)
Status = WebhookEvent.Status


def replay(*, event_ids: Sequence[UUID], by: User | None = None) -> int:
    """Puts events back to the start; returns how many. Applying twice changes nothing, so any event may be replayed."""
    with platform_scope():
        rows: QuerySet[WebhookEvent] = WebhookEvent.objects.filter(id__in=event_ids).exclude(status=Status.PENDING)
        merchants = list(rows.values_list("id", "merchant_id", "stripe_event_id"))
        count = rows.update(
            status=Status.PENDING, attempts=0, next_attempt_at=timezone.now(), reason="", processed_at=None
        )
        for _, merchant_id, stripe_event_id in merchants:
            record_audit(
                merchant_id=merchant_id,
                action="webhook_event.replayed",
                target=f"event {stripe_event_id}",
                user=by,
            )
    transaction.on_commit(wake_drainer)  # a caller may hold a scope of its own open, as the ops admin does
    return count


def forget_old_events() -> int:
    """Deletes finished events older than 90 days; what waits or failed stays."""
    finished = [Status.PROCESSED, Status.IGNORED]
    with platform_scope():
        rows = WebhookEvent.objects.filter(status__in=finished, received_at__lt=timezone.now() - RETENTION)
        return rows.delete()[0]
