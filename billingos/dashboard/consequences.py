"""What the end of a subscription means: for the customer's access and for the money."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from billingos.dashboard.plans import Plan
from entitlements.models import Entitlement
from entitlements.selectors import entitlements
from subscriptions.models import Invoice, Subscription
from subscriptions.selectors import all_invoices

WAITING = {Subscription.Status.INCOMPLETE, Subscription.Status.UNPAID, Subscription.Status.PAUSED}


@dataclass(frozen=True, slots=True)
class Consequences:
    """`until` is the end of what is paid for (or of the trial), None where the end can only be now. `loses` are names
    of features that nothing else gives, `keeps` those that something else gives. `open_amount` is what is due, minor
    units."""

    until: datetime | None
    loses: list[str]
    keeps: list[str]
    open_count: int
    open_amount: int


def consequences_of(plan: Plan) -> Consequences:
    """Two statements, inside the merchant's scope."""
    row = plan.subscription
    given = list(entitlements(row.customer).filter(active=True).order_by("feature__name", "source"))
    bills = list(all_invoices(row.merchant_id, subscription=row).filter(status=Invoice.Status.OPEN)[:100])
    loses, keeps = _split(given, {f"subscription_item:{line.item}" for line in plan.lines})
    due = sum(bill.amount_remaining for bill in bills)
    can_wait = not plan.ends_at and row.status not in WAITING and not row.has_ended
    return Consequences(row.current_period_end if can_wait else None, loses, keeps, len(bills), due)


def _split(given: Iterable[Entitlement], sources: set[str]) -> tuple[list[str], list[str]]:
    """Names of the features that only `sources` give, and of all others."""
    theirs = {row.feature.name for row in given if row.source in sources}
    others = {row.feature.name for row in given if row.source not in sources}
    return sorted(theirs - others), sorted(others)
