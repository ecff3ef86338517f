"""The import of what the merchant's Stripe account held before: how far it is, and what it could not find out."""

from django.db import transaction
from django.db.models import Count
from django.http import HttpResponseBase

from billingos.backfill.models import Backfill, BackfillGap
from billingos.backfill.selectors import latest_backfill
from billingos.backfill.services import start_backfill
from billingos.backfill.stages import EVENTS, OBJECTS
from billingos.backfill.tasks import wake_backfill
from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.roles import CONNECT_MANAGE

SHOWN = 50  # gaps
NAMES = {
    "events": "Events",
    "entitlements.feature": "Features",
    "test_helpers.test_clock": "Test clocks",
}


@merchant_page("settings", methods=("GET", "HEAD", "POST"))
def backfill(visit: Visit) -> HttpResponseBase:
    if visit.request.method == "POST":
        return _start(visit)
    merchant_id = visit.merchant.id
    with scope(merchant_id):
        row = latest_backfill(merchant_id)
        gaps = BackfillGap.objects.for_merchant(merchant_id)
        by_kind = list(gaps.values_list("kind").annotate(Count("id")).order_by("kind"))
        shown = list(gaps.order_by("-id")[:SHOWN])
    context = {
        "backfill": row,
        "counts": _counts(row) if row else [],
        "gaps": shown,
        "gap_count": sum(count for _, count in by_kind),
        "may_start": visit.may(CONNECT_MANAGE) and visit.merchant.is_connected,
        "tab": "stripe_connection",
    }
    return visit.render("dashboard/backfill/page.html", context)


def _counts(row: Backfill) -> list[tuple[str, int]]:
    """What came, in the order in which it came."""
    return [(name_of(stage), row.counts[stage]) for stage in (EVENTS, *OBJECTS) if row.counts.get(stage)]


def name_of(stage: str) -> str:
    """`payment_intent` is "Payment intents"."""
    return NAMES.get(stage, f"{stage.replace('_', ' ').capitalize()}s")


def _start(visit: Visit) -> HttpResponseBase:
    visit.demand(CONNECT_MANAGE)
    with visit.told("The import has begun. It goes on by itself."), scope(visit.merchant.id):
        start_backfill(merchant=visit.merchant, by=visit.user)
        transaction.on_commit(lambda: wake_backfill(visit.merchant.id))
    return visit.redirect("backfill")


def running_backfill(visit: Visit) -> Backfill | None:
    """What other pages show while it lasts. Inside the merchant's scope."""
    row = latest_backfill(visit.merchant.id)
    return row if row and row.is_running else None
