"""Reading the inbox."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Min, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from billingos.common.errors import NotFound
from billingos.common.ids import first_id_at
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


@dataclass(frozen=True, slots=True)
class InboxLoad:
    """`age`: seconds that the oldest event which is due has waited beyond its time; 0 when none waits. `due`: how many
    wait so; `leased`: how many are being worked on, the longest of them for `lease_age` seconds. `received` and
    `finished` are of the last minute."""

    age: float
    due: int
    leased: int
    lease_age: float
    received: int
    finished: int


def inbox_load() -> InboxLoad:
    """Of all merchants. Three statements, which read what is pending, and the rows of the last minute."""
    now = timezone.now()
    minute_ago = now - timedelta(minutes=1)
    events = WebhookEvent.objects
    pending = events.filter(status=WebhookEvent.Status.PENDING)
    with platform_scope():
        waits = Q(next_attempt_at__lt=now)
        found = pending.aggregate(
            oldest=Min("next_attempt_at", filter=waits),
            due=Count("id", filter=waits),
            leased=Count("id", filter=Q(leased_until__gt=now)),
            lease=Min("leased_until", filter=Q(leased_until__gt=now)),
        )
        received = events.filter(id__gte=first_id_at(minute_ago)).count()
        finished = events.filter(processed_at__gte=minute_ago).count()
    lease_age = settings.INBOX_LEASE_SECONDS - (found["lease"] - now).total_seconds() if found["lease"] else 0.0
    age = (now - found["oldest"]).total_seconds() if found["oldest"] else 0.0
    return InboxLoad(age, found["due"], found["leased"], max(lease_age, 0.0), received, finished)


def events_by_status() -> dict[str, int]:
    """Of all merchants. It reads an index of the whole table: not for each request."""
    with platform_scope():
        counted = WebhookEvent.objects.order_by().values_list("status").annotate(count=Count("id"))
        return {**dict.fromkeys(WebhookEvent.Status.values, 0), **dict(counted)}


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
