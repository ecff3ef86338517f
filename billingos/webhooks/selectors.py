"""Reading the inbox."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from billingos.common.errors import NotFound
from billingos.common.tenancy import platform_scope
from billingos.merchants.models import Merchant
from billingos.webhooks.models import WebhookEvent


def events(
    merchant_id: UUID,
    *,
    object_id: str | None = None,
    status: str | None = None,
    type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    search: str = "",
) -> QuerySet[WebhookEvent]:
    """A merchant's events, without their payloads; `[since, until)` is when they came, `search` an event's id, an
    object's, a customer's, or how a type begins. Inside its scope."""
    rows = WebhookEvent.objects.filter(merchant_id=merchant_id).defer("payload")
    filters = {
        "object_id": object_id,
        "status": status,
        "type": type,
        "received_at__gte": since,
        "received_at__lt": until,
    }
    if search.startswith("evt_"):
        rows = rows.filter(stripe_event_id=search)
    elif search:
        by_id = Q(object_id=search) | Q(customer_stripe_id=search)
        rows = rows.filter(by_id | Q(type__startswith=search.lower()))
    return rows.filter(**{name: value for name, value in filters.items() if value})


def get_event(merchant_id: UUID, event_id: UUID) -> WebhookEvent:
    """One of the merchant's events, with its payload. Inside its scope. Raises NotFound."""
    found = WebhookEvent.objects.filter(merchant_id=merchant_id, id=event_id).first()
    if found is None:
        raise NotFound("No such event.")
    return found


def backlog_age() -> float:
    """Seconds that the oldest event which is due has waited beyond its time; 0 when none waits."""
    now = timezone.now()
    with platform_scope():
        due = WebhookEvent.objects.filter(status=WebhookEvent.Status.PENDING, next_attempt_at__lt=now)
        oldest = due.aggregate(oldest=Min("next_attempt_at"))["oldest"]
    return (now - oldest).total_seconds() if oldest else 0.0


@dataclass(frozen=True, slots=True)
class InboxHealth:
    """How a merchant's events fare: how many wait, how many were given up, when the last one came."""

    waiting: int = 0
    failed: int = 0
    last_received_at: datetime | None = None


def inbox_health(merchant_ids: Collection[UUID]) -> dict[UUID, InboxHealth]:
    """For each of the merchants. Two statements, which read unfinished events and one event a merchant."""
    status = WebhookEvent.Status
    newest = WebhookEvent.objects.filter(merchant_id=OuterRef("id")).order_by("-id").values("received_at")[:1]
    with platform_scope():
        counts = {
            merchant_id: (waiting, failed)
            for merchant_id, waiting, failed in WebhookEvent.objects.filter(
                merchant_id__in=merchant_ids, status__in=[status.PENDING, status.FAILED]
            )
            .values_list("merchant_id")
            .annotate(waiting=Count("id", filter=Q(status=status.PENDING)))
            .annotate(failed=Count("id", filter=Q(status=status.FAILED)))
        }
        merchants = Merchant.objects.filter(id__in=merchant_ids).values_list("id", Subquery(newest))
        return {merchant_id: InboxHealth(*counts.get(merchant_id, (0, 0)), last) for merchant_id, last in merchants}
