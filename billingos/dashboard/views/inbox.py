"""The webhook inbox: what Stripe has told, how far it got, and once more from the start."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase, QueryDict
from django.utils import timezone

from billingos.common.ids import parse_uuid
from billingos.common.redaction import readable_json, redacted
from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.roles import EXPORT, WEBHOOKS_REPLAY
from billingos.ui.listing import NEWEST, Filter, Listing, Order
from billingos.ui.statuses import words
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.selectors import events, get_event
from billingos.webhooks.services import replay_events, replay_failed

STATUS = Filter("status", "Status", [(status.value, words(status)) for status in WebhookEvent.Status])
PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
PERIOD = Filter(
    "period",
    "Received",
    [("hour", "Last hour"), ("day", "Last 24 hours"), ("week", "Last 7 days"), ("month", "Last 30 days")],
)
ORDERS = (NEWEST, Order("oldest", "Oldest first", descending=False))
COLUMNS: Mapping[str, Callable[[WebhookEvent], Any]] = {
    "id": lambda event: event.stripe_event_id,
    "type": lambda event: event.type,
    "object": lambda event: event.object_id,
    "status": lambda event: event.status,
    "reason": lambda event: redacted(event.reason),
    "attempts": lambda event: event.attempts,
    "created": lambda event: event.created,
    "received": lambda event: event.received_at,
    "processed": lambda event: event.processed_at,
}


@merchant_page("inbox")
def inbox(visit: Visit) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=ORDERS, filters=[STATUS, PERIOD])
    since = since_of(listing.value("period"))

    def found() -> Any:
        return events(merchant_id, search=listing.search, status=listing.value("status"), since=since)

    if listing.wants_csv:
        visit.demand(EXPORT)
        return listing.csv("webhook-events", found, COLUMNS, lambda: scope(merchant_id))
    with scope(merchant_id):
        page = listing.page(found())
        failed = events(merchant_id, status=WebhookEvent.Status.FAILED, since=since)[:1].exists()
    context = {
        "listing": listing,
        "page": page,
        "failed": failed,
        "can_export": visit.may(EXPORT),
        "may_replay": visit.may(WEBHOOKS_REPLAY),
    }
    return visit.render("dashboard/inbox/list.html", context)


@merchant_page("inbox")
def event(visit: Visit, event_id: UUID) -> HttpResponseBase:
    with visit.told(), scope(visit.merchant.id):
        found = get_event(visit.merchant.id, event_id)
    context = {
        "event": found,
        "payload": readable_json(found.payload),
        "reason": redacted(found.reason),
        "lag": lag_text(found.lag),
        "may_replay": visit.may(WEBHOOKS_REPLAY) and found.status != WebhookEvent.Status.PENDING,
    }
    return visit.render("dashboard/inbox/detail.html", context)


def lag_text(lag: timedelta | None) -> str:
    """after 0.4 s, after 12 s, after 3 min, after 5 h."""
    if lag is None:
        return ""
    seconds = lag.total_seconds()
    if seconds < 10:
        return f"after {max(seconds, 0):.1f} s"
    if seconds < 120:
        return f"after {seconds:.0f} s"
    return f"after {seconds / 60:.0f} min" if seconds < 7200 else f"after {seconds / 3600:,.0f} h"


@merchant_page("inbox", needs=WEBHOOKS_REPLAY, methods=("POST",))
def replay_one(visit: Visit, event_id: UUID) -> HttpResponseBase:
    with visit.told(), scope(visit.merchant.id):
        get_event(visit.merchant.id, event_id)
    count = replay_events(merchant=visit.merchant, event_ids=[event_id], by=visit.user)
    visit.say("It is applied again, in a moment." if count else "It was waiting already; nothing was done.")
    return visit.redirect("event", event_id=event_id)


@merchant_page("inbox", needs=WEBHOOKS_REPLAY, methods=("POST",))
def replay_chosen(visit: Visit) -> HttpResponseBase:
    chosen = [found for text in visit.request.POST.getlist("event")[:200] if (found := parse_uuid(text))]
    count = replay_events(merchant=visit.merchant, event_ids=chosen, by=visit.user) if chosen else 0
    visit.say(counted(count, len(chosen)))
    return visit.redirect("inbox")


def counted(count: int, chosen: int) -> str:
    if not chosen:
        return "No event was chosen."
    text = f"{count} event{'' if count == 1 else 's'} will be applied again, in a moment."
    return text + (f" {chosen - count} were waiting already." if chosen > count else "")


@merchant_page("inbox", needs=WEBHOOKS_REPLAY, methods=("GET", "HEAD", "POST"))
def replay_all_failed(visit: Visit) -> HttpResponseBase:
    """Of a period, whose beginning is fixed when the question is asked: what is counted is what will be replayed."""
    asked = visit.request.POST if visit.request.method == "POST" else visit.request.GET
    period = asked.get("period", "")
    until = instant_of(asked) or timezone.now()
    since = since_of(period, until)
    if visit.request.method == "POST":
        count = replay_failed(merchant=visit.merchant, by=visit.user, since=since, until=until)
        visit.say(f"{count} failed event{'' if count == 1 else 's'} will be applied again, in a moment.")
        return visit.redirect("inbox")
    with scope(visit.merchant.id):
        rows = events(visit.merchant.id, status=WebhookEvent.Status.FAILED, since=since, until=until)
        count = rows.count()
    context = {"count": count, "since": since, "until": until, "period": period if since else ""}
    return visit.render("dashboard/inbox/replay_failed.html", context)


def since_of(period: str | None, until: datetime | None = None) -> datetime | None:
    length = PERIODS.get(period or "")
    return (until or timezone.now()) - length if length else None


def instant_of(asked: QueryDict) -> datetime | None:
    """The instant up to which the question counted; None for anything else."""
    try:
        found = datetime.fromisoformat(asked.get("until", ""))
    except ValueError:
        return None
    return found if timezone.is_aware(found) and 2000 < found.year < 3000 else None
