"""What BillingOS has noticed: the feed, with the evidence, and what somebody makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase

from billingos.common.ids import parse_uuid
from billingos.common.tenancy import scope
from billingos.dashboard.pages import Visit, merchant_page
from billingos.merchants.roles import INSIGHTS_ACT
from billingos.ui.listing import NEWEST, Filter, Listing, Order
from billingos.ui.money import money_text
from billingos.ui.statuses import words
from insights.models import Insight
from insights.selectors import insights as insights_of
from insights.services import dismiss_insight, reopen_insight

ORDERS = (NEWEST, Order("oldest", "Oldest first", descending=False))
ALL = "all"
CLOSED = [("dismissed", "Dismissed"), ("resolved", "Resolved"), (ALL, "All")]
STATUS = Filter("status", "Status", CLOSED, unchosen="open")
KIND = Filter("kind", "Kind", [(kind, words(kind)) for kind in Insight.Kind.values])
SEVERITY = Filter("severity", "Severity", list(Insight.Severity.choices))


@dataclass(frozen=True, slots=True)
class Fact:
    """One piece of evidence: text, or an instant."""

    label: str
    text: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """An insight as it is read. `subscription_id` is what it is about, if it is about one."""

    insight: Insight
    facts: Sequence[Fact]
    subscription_id: UUID | None


@merchant_page("insights")
def insights(visit: Visit) -> HttpResponseBase:
    merchant_id = visit.merchant.id
    listing = Listing(visit.request, orders=ORDERS, filters=[STATUS, SEVERITY, KIND])
    status = listing.value("status") or Insight.Status.OPEN
    with scope(merchant_id):
        page = listing.page(
            insights_of(
                merchant_id,
                status=None if status == ALL else status,
                kind=listing.value("kind"),
                severity=listing.value("severity"),
            )
        )
    context = {
        "listing": listing,
        "page": page,
        "cards": [_card(insight) for insight in page.rows],
        "may_act": visit.may(INSIGHTS_ACT),
    }
    return visit.render("dashboard/insights/list.html", context)


@merchant_page("insights", needs=INSIGHTS_ACT, methods=("POST",))
def dismiss(visit: Visit, insight_id: UUID) -> HttpResponseBase:
    with visit.told("Dismissed. It is under “Dismissed”, where you can take it back."):
        dismiss_insight(merchant=visit.merchant, insight_id=insight_id, by=visit.user)
    return visit.redirect("insights")


@merchant_page("insights", needs=INSIGHTS_ACT, methods=("POST",))
def reopen(visit: Visit, insight_id: UUID) -> HttpResponseBase:
    with visit.told("It is open again."):
        reopen_insight(merchant=visit.merchant, insight_id=insight_id, by=visit.user)
    return visit.redirect("insights")


def _card(insight: Insight) -> Card:
    return Card(insight, _facts(insight.evidence), parse_uuid(str(insight.evidence.get("subscription", ""))))


def _facts(evidence: dict[str, Any]) -> list[Fact]:
    """The evidence in words; what no rule of today writes is shown as it stands."""
    rest = dict(evidence)
    rest.pop("subscription", None)
    facts = []
    if status := rest.pop("status", None):
        facts.append(Fact("Subscription", words(str(status))))
    mrr, currency = rest.pop("mrr", None), rest.pop("currency", None)
    if isinstance(mrr, int) and isinstance(currency, str):
        facts.append(Fact("Worth", f"{money_text(mrr, currency)} a month"))
    if ends_at := rest.pop("ends_at", None):
        facts.append(_instant("Ends", str(ends_at)))
    labels = {"subscription_stripe_id": "In Stripe"}
    return facts + [Fact(labels.get(name, words(name)), str(value)) for name, value in rest.items()]


def _instant(label: str, text: str) -> Fact:
    try:
        return Fact(label, at=datetime.fromisoformat(text))
    except ValueError:
        return Fact(label, text)
