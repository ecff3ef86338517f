"""Reading the inbox."""

from uuid import UUID

from django.db.models import Min, QuerySet
from django.utils import timezone

from billingos.common.tenancy import platform_scope
from billingos.webhooks.models import WebhookEvent


def events(
    merchant_id: UUID, *, object_id: str | None = None, status: str | None = None, type: str | None = None
) -> QuerySet[WebhookEvent]:
    """A merchant's events; inside its scope."""
    rows = WebhookEvent.objects.filter(merchant_id=merchant_id).defer("payload")
    for name, value in {"object_id": object_id, "status": status, "type": type}.items():
        if value:
            rows = rows.filter(**{name: value})
    return rows


def backlog_age() -> float:
    """Seconds that the oldest event which is due has waited beyond its time; 0 when none waits."""
    now = timezone.now()
    with platform_scope():
        due = WebhookEvent.objects.filter(status=WebhookEvent.Status.PENDING, next_attempt_at__lt=now)
        oldest = due.aggregate(oldest=Min("next_attempt_at"))["oldest"]
    return (now - oldest).total_seconds() if oldest else 0.0
