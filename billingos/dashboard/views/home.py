"""How business is: MRR and its movement, what needs somebody, and the first steps of a merchant that is new."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings
from django.http import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.dashboard.onboarding import checklist
from billingos.dashboard.pages import Visit, merchant_page
from billingos.dashboard.progress import progress_of
from billingos.dashboard.views.backfill import running_backfill
from billingos.reconciliation.selectors import standing_alert
from billingos.ui.charts import Chart, Point, line_chart
from billingos.ui.money import money_text, short_money_text, signed_money_text
from billingos.ui.statuses import Tone
from insights.movements import Movements, movements
from insights.overview import Overview, overview
from insights.revenue import Day, History, histories, mrr_series
from insights.selectors import alerts

MONTH = timedelta(days=30)
ALERTS = 5

WORDS: Mapping[str, tuple[str, Tone]] = {
    "new": ("New", "good"),
    "expansion": ("Upgraded", "good"),
    "contraction": ("Downgraded", "warn"),
    "churn": ("Churned", "bad"),
    "reactivation": ("Came back", "good"),
    "recovery": ("Recovered after a failed payment", "good"),
}
CURL = """curl {base_url}/api/subscriptions \\
  -H "Authorization: Bearer $BILLINGOS_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"customer_id": "user_1", "items": [{{"price": "price_…"}}]}}'"""


@dataclass(frozen=True, slots=True)
class Range:
    """`step` days lie between two points of the line."""

    key: str
    label: str
    days: int
    step: int


RANGES = (
    Range("30d", "30 days", 30, 1),
    Range("90d", "90 days", 90, 1),
    Range("12m", "12 months", 364, 7),
)
DEFAULT_RANGE = RANGES[-1]


@dataclass(frozen=True, slots=True)
class Revenue:
    """`days` are all days needed, the last one the present; `changes` are those of the last 30 days."""

    currency: str
    days: Sequence[Day]
    changes: Mapping[str, Movements]
    chosen: Range

    @property
    def now(self) -> Day:
        return self.days[-1]

    @property
    def month_ago(self) -> Day:
        return self.days[-1 - MONTH.days]

    @property
    def growth(self) -> int:
        return self.now.mrr - self.month_ago.mrr

    @property
    def last_month(self) -> list[int]:
        return [day.mrr for day in self.days[-1 - MONTH.days :]]

    def chart(self, first: date) -> Chart:
        """The line of the chosen range; it begins where something is known, not with made-up noughts."""
        days = [day for day in self.days[-1 - self.chosen.days :][:: -self.chosen.step] if day.date >= first][::-1]
        points = [
            Point(f"{day.date:%-d %b %Y}", day.mrr, money_text(day.mrr, self.currency), axis=f"{day.date:%-d %b}")
            for day in days
        ]
        return line_chart(
            f"MRR, last {self.chosen.label}",
            points,
            show=lambda cents: short_money_text(cents, self.currency),
            value_name="MRR",
        )


@dataclass(frozen=True, slots=True)
class Card:
    """What the component `metric` shows."""

    label: str
    value: str
    note: str
    definition: str
    tone: Tone = "neutral"
    url: str = ""
    series: Sequence[int] = ()


@merchant_page("home")
def home(visit: Visit) -> HttpResponseBase:
    merchant = visit.merchant
    progress = progress_of(merchant)
    chosen = next((one for one in RANGES if one.key == visit.request.GET.get("range")), DEFAULT_RANGE)
    with scope(merchant.id):
        known = histories(merchant.id)
        currency = _currency(visit, known)
        history = known.get(currency)
        at = present(history, progress.known_until if progress else timezone.now())
        revenue = _revenue(visit, currency, at.date(), chosen) if history else None
        standing = overview(merchant.id, currency=currency)
        first_steps = None if history else checklist(visit.membership)
        drifted = standing_alert(merchant.id)
        running = running_backfill(visit)
        open_insights = list(alerts(merchant.id)[: ALERTS + 1])
    context = {
        "progress": progress,
        "backfill": running,
        "currency": currency,
        "currencies": sorted({*known, currency}) if len({*known, currency}) > 1 else [],
        "at": at,
        "is_ahead": at > timezone.now(),
        "history": history,
        "failed_events": standing.failed_events,
        "drifted": drifted,
        "revenue": revenue,
        "cards": _cards(visit, revenue, standing) if revenue else [],
        "chart": revenue.chart(history.first.date()) if revenue and history else None,
        "ranges": RANGES,
        "chosen": chosen,
        "checklist": first_steps,
        "groups": [(*WORDS[kind], group) for kind, group in revenue.changes.items()] if revenue else [],
        "curl": CURL.format(base_url=settings.BASE_URL),
        "alerts": open_insights[:ALERTS],
        "more_alerts": len(open_insights) > ALERTS,
    }
    return visit.render("dashboard/home/page.html", context)


def present(history: History | None, at: datetime) -> datetime:
    """The newest instant that something is known of: test clocks may have gone beyond `at`."""
    return max(at, history.newest) if history else at


def _currency(visit: Visit, known: Mapping[str, History]) -> str:
    """The asked one if anything is known of it; else the merchant's own, or the only one there is."""
    asked = visit.request.GET.get("currency", "")
    if asked in known:
        return asked
    own = visit.merchant.default_currency
    return own if own in known or len(known) != 1 else next(iter(known))


def _revenue(visit: Visit, currency: str, today: date, chosen: Range) -> Revenue:
    merchant_id = visit.merchant.id
    start = today - timedelta(days=max(chosen.days, MONTH.days))
    return Revenue(
        currency=currency,
        days=mrr_series(merchant_id, currency=currency, start=start, end=today),
        changes=movements(merchant_id, currency=currency, opening=today - MONTH, closing=today),
        chosen=chosen,
    )


def _cards(visit: Visit, revenue: Revenue, standing: Overview) -> list[Card]:
    churn = revenue.changes.get("churn")
    metrics = reverse("docs", kwargs={"name": "metrics"})
    subscriptions = visit.url("subscriptions")
    return [
        Card(
            "MRR",
            money_text(revenue.now.mrr, revenue.currency),
            f"{signed_money_text(revenue.growth, revenue.currency)} in 30 days",
            f"{metrics}#mrr-by-day",
            tone="good" if revenue.growth > 0 else "bad" if revenue.growth < 0 else "neutral",
            url="#mrr",
            series=revenue.last_month,
        ),
        Card(
            "Active subscriptions",
            f"{standing.active:,}",
            f"{revenue.now.customers:,} paying customer{'' if revenue.now.customers == 1 else 's'}",
            f"{metrics}#subscriptions-by-state",
            url=f"{subscriptions}?status=active",
        ),
        Card(
            "Trials",
            f"{standing.trialing:,}",
            "Not part of MRR yet",
            f"{metrics}#subscriptions-by-state",
            url=f"{subscriptions}?status=trialing",
        ),
        Card(
            "Churned in 30 days",
            f"{churn.customers if churn else 0:,}",
            f"{money_text(-churn.amount, revenue.currency)} of MRR" if churn else "Nobody has left",
            f"{metrics}#what-changed",
            tone="bad" if churn else "good",
            url=f"{subscriptions}?status=canceled",
        ),
        Card(
            "Past due",
            f"{standing.past_due:,}",
            f"{money_text(standing.owed, revenue.currency)} to recover"
            if standing.past_due
            else "Every payment went through",
            f"{metrics}#past-due",
            tone="warn" if standing.past_due else "good",
            url=f"{subscriptions}?status=past_due",
        ),
    ]
