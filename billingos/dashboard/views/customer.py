"""One customer: what they have, what happened, and why."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponseBase
from django.utils.dateparse import parse_datetime

from billingos.common.tenancy import scope
from billingos.dashboard.histories import story_of_customer
from billingos.dashboard.pages import Visit, merchant_page
from billingos.dashboard.plans import plan_of, stripe_url
from billingos.merchants.roles import EXPORT
from billingos.ui.charts import Sparkline, sparkline
from billingos.ui.listing import Filter, Listing, Order
from billingos.ui.money import plain_amount
from billingos.ui.statuses import words
from customers.models import Customer
from customers.selectors import customers
from entitlements.explained import explain_features
from insights.models import Insight
from insights.selectors import insights
from subscriptions.models import Invoice, Subscription
from subscriptions.selectors import (
    BY_URGENCY,
    all_invoices,
    rhythm_of,
    subscriptions,
)
from usage.selectors import PeriodUse, uses_of_customer

LATEST = 10  # invoices beside the story
SHOWN = 100  # subscriptions
PERIODS = 12  # of a meter's use, drawn
YEAR = timedelta(days=400)
INVOICE_STATUS = Filter("status", "Status", [(one.value, words(one)) for one in Invoice.Status])
INVOICE_ORDERS = (
    Order("newest", "Newest first", "stripe_created_at"),
    Order("largest", "Largest first", "total"),
)
INVOICE_COLUMNS: Mapping[str, Callable[[Invoice], Any]] = {
    "id": lambda row: row.stripe_id,
    "number": lambda row: row.number,
    "status": lambda row: row.status,
    "currency": lambda row: row.currency,
    "total": lambda row: plain_amount(row.total, row.currency),
    "remaining": lambda row: plain_amount(row.amount_remaining, row.currency),
    "created": lambda row: row.stripe_created_at,
    "paid": lambda row: row.paid_at,
}


@merchant_page("customers")
def customer(visit: Visit, customer_id: UUID) -> HttpResponseBase:
    """Subscriptions and story; `before` shows what is older."""
    merchant_id = visit.merchant.id
    before = moment_in(visit, "before")
    with scope(merchant_id):
        found, rows = _with_subscriptions(visit, customer_id)
        alerts = list(insights(merchant_id, status=Insight.Status.OPEN, customer=found).order_by("-id")[:5])
        story = story_of_customer(found, before=before)
    rows.sort(key=lambda row: (row.has_ended, BY_URGENCY.index(Subscription.Status(row.status))))
    context = {
        "plans": [plan_of(row) for row in rows],
        "alerts": alerts,
        "story": story,
        "before": before,
        "invoices": story.invoices[:LATEST],
        "mrr": _mrr(rows),
    }
    return visit.render("dashboard/customers/detail.html", {**_frame(visit, found, "customer"), **context})


@merchant_page("customers")
def access(visit: Visit, customer_id: UUID) -> HttpResponseBase:
    """What the customer may use and why, and what they have used."""
    with scope(visit.merchant.id):
        found, rows = _with_subscriptions(visit, customer_id)
        now = found.now()
        period = rhythm_of(sorted(rows, key=_beginning)).period(now)
        uses = uses_of_customer(found, since=now - YEAR)
        features = explain_features(found, rows, period, uses)
    context = {
        "has": [one for one in features if one.given_by],
        "has_not": [one for one in features if not one.given_by],
        "meters": [metered for _, of in groupby(uses, _meter) if (metered := _metered(list(of), now))],
        "period": period,
    }
    return visit.render("dashboard/customers/access.html", {**_frame(visit, found, "customer_access"), **context})


@merchant_page("customers")
def invoices(visit: Visit, customer_id: UUID) -> HttpResponseBase:
    listing = Listing(visit.request, orders=INVOICE_ORDERS, filters=[INVOICE_STATUS])
    with scope(visit.merchant.id):
        found = _customer(visit, customer_id)
        rows = all_invoices(visit.merchant.id, customer=found)
        if status := listing.value("status"):
            rows = rows.filter(status=status)
        if listing.wants_csv:
            visit.demand(EXPORT)
            return listing.csv("invoices", lambda: rows, INVOICE_COLUMNS, lambda: scope(visit.merchant.id))
        page = listing.page(rows)
    context = {"listing": listing, "page": page, "rows": page.rows, "can_export": visit.may(EXPORT)}
    return visit.render("dashboard/customers/invoices.html", {**_frame(visit, found, "customer_invoices"), **context})


def moment_in(visit: Visit, name: str) -> datetime | None:
    """The instant that the query names; None for anything that is none."""
    try:
        found = parse_datetime(visit.request.GET.get(name, ""))
    except ValueError:
        return None
    return found if found and found.tzinfo and 1970 <= found.year < 9000 else None


def _customer(visit: Visit, customer_id: UUID) -> Customer:
    found = customers(visit.merchant.id).filter(id=customer_id).first()
    if found is None:
        raise Http404
    return found


def _with_subscriptions(visit: Visit, customer_id: UUID) -> tuple[Customer, list[Subscription]]:
    """The customer comes along with their subscriptions; who has none is asked for."""
    rows = subscriptions(visit.merchant.id).filter(customer_id=customer_id, customer__deleted_at=None)
    found = list(rows.select_related("customer__test_clock").order_by("-started_at", "-id")[:SHOWN])
    return (found[0].customer if found else _customer(visit, customer_id)), found


def _beginning(row: Subscription) -> tuple[Any, ...]:
    """What ended first stands first; what goes on stands last, in the order in which it began."""
    return (row.ended_at is None, row.ended_at or row.started_at, row.started_at, row.id)


def _frame(visit: Visit, found: Customer, tab: str) -> dict[str, Any]:
    """What the head of each page of a customer shows."""
    return {
        "customer": found,
        "now": found.now(),
        "tab": tab,
        "stripe_url": stripe_url(visit.merchant, "customers", found.stripe_id),
    }


def _mrr(rows: Iterable[Subscription]) -> list[tuple[int, str]]:
    """(minor units, currency), largest first."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.currency] = totals.get(row.currency, 0) + row.mrr
    return sorted(((amount, currency) for currency, amount in totals.items() if amount), reverse=True)


@dataclass(frozen=True, slots=True)
class Metered:
    """A meter's use in the present period, with how it went before."""

    use: PeriodUse | None
    name: str
    key: str
    last: PeriodUse
    spark: Sparkline | None
    periods: int


def _meter(use: PeriodUse) -> UUID:
    return use.meter.id


def _metered(uses: list[PeriodUse], now: datetime) -> Metered:
    current = next((use for use in uses if use.period.start <= now < use.period.end), None)
    drawn = uses[-PERIODS:]
    summary = f"{uses[0].meter.name} in the last {len(drawn)} billing periods"
    spark = sparkline([int(use.value) for use in drawn], summary) if len(drawn) > 1 else None
    return Metered(current, uses[0].meter.name, uses[0].meter.key, uses[-1], spark, len(drawn))
