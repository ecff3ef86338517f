"""Reading the catalog, subscriptions and invoices. Everything here runs inside the merchant's scope."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from billingos.common.periods import Period, calendar_month, period_containing
from customers.models import Customer
from subscriptions.models import Invoice, Price, Product, Subscription, SubscriptionItem

LIVING = (Subscription.Status.TRIALING, Subscription.Status.ACTIVE, Subscription.Status.PAST_DUE)

BY_URGENCY = tuple(
    Subscription.Status(status)
    for status in (
        "unpaid", "past_due", "incomplete", "paused", "trialing", "active", "canceled", "incomplete_expired",
    )
)  # fmt: skip
ENDED = {Subscription.Status.CANCELED, Subscription.Status.INCOMPLETE_EXPIRED}


def products(merchant_id: UUID, *, active: bool | None = None) -> QuerySet[Product]:
    rows = Product.objects.for_merchant(merchant_id).filter(deleted_at=None)
    return rows if active is None else rows.filter(active=active)


def prices(merchant_id: UUID, *, active: bool | None = None, product: Product | None = None) -> QuerySet[Price]:
    rows = Price.objects.for_merchant(merchant_id).filter(deleted_at=None).select_related("version__product")
    if product:
        rows = rows.filter(version__product=product)
    return rows if active is None else rows.filter(active=active)


def subscriptions(
    merchant_id: UUID, *, customer: Customer | None = None, status: str | None = None
) -> QuerySet[Subscription]:
    """With customer and items at hand: two statements."""
    items = SubscriptionItem.objects.select_related("price", "version__product").order_by("id")
    rows = (
        Subscription.objects.for_merchant(merchant_id)
        .select_related("customer")
        .prefetch_related(Prefetch("items", items))
    )
    if customer:
        rows = rows.filter(customer=customer)
    return rows.filter(status=status) if status else rows


def main_subscription(customer: Customer) -> Subscription | None:
    """The customer's subscription to look at first: the most urgent of those that have not ended, of these the newest;
    else the one that ended last."""
    rows = list(subscriptions(customer.merchant_id, customer=customer).order_by("-id"))
    return min(rows, key=lambda row: BY_URGENCY.index(Subscription.Status(row.status)), default=None)


def invoices(customer: Customer) -> QuerySet[Invoice]:
    """What the customer may see: no drafts, which may yet change."""
    rows = Invoice.objects.for_merchant(customer.merchant_id).filter(customer=customer, deleted_at=None)
    return rows.exclude(status=Invoice.Status.DRAFT)


def owed_invoices(customer: Customer) -> QuerySet[Invoice]:
    """What a card was charged for and did not pay, oldest first. An invoice that waits for a bank transfer is not owed
    in this sense: nothing was tried."""
    rows = invoices(customer).filter(status=Invoice.Status.OPEN, attempt_count__gt=0, amount_remaining__gt=0)
    return rows.select_related("subscription").order_by("id")


def statuses_of_customers(merchant_id: UUID, customers: Collection[Customer]) -> dict[UUID, list[Subscription.Status]]:
    """The states that each customer's subscriptions are in, the one to look at first in front; those that have ended
    count only where nothing else does. Customers without a subscription are left out. One statement."""
    found: dict[UUID, set[str]] = defaultdict(set)
    rows = Subscription.objects.for_merchant(merchant_id).filter(customer__in=customers)
    for customer_id, status in rows.values_list("customer_id", "status").distinct():
        found[customer_id].add(status)
    return {
        customer_id: [status for status in BY_URGENCY if status in statuses - ENDED]
        or [status for status in BY_URGENCY if status in statuses][:1]
        for customer_id, statuses in found.items()
    }


def with_subscription(customers: QuerySet[Customer], status: str) -> QuerySet[Customer]:
    """Those of `customers` who have a subscription in `status`; for "none", those who have had none at all."""
    theirs = Subscription.objects.filter(merchant_id=OuterRef("merchant_id"), customer_id=OuterRef("id"))
    if status == "none":
        return customers.filter(~Exists(theirs))
    return customers.filter(Exists(theirs.filter(status=status)))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How the periods follow each other in which a customer's usage counts; without `anchor` they are UTC months.
    `current` is the period that Stripe has told of, which a change of the anchor may have made shorter or longer."""

    anchor: datetime | None = None
    interval: str = ""
    interval_count: int = 1
    current: Period | None = None

    def period(self, at: datetime) -> Period:
        """The period that an instant lies in."""
        if self.anchor is None:
            return calendar_month(at)
        if self.current and self.current.start <= at < self.current.end:
            return self.current
        return period_containing(self.anchor, self.interval, self.interval_count, at)


def billing_rhythms(merchant_id: UUID, customers: Iterable[Customer]) -> dict[UUID, Rhythm]:
    """The rhythm of each customer's usage: its subscription's, else months. Three statements.

    With several subscriptions the one that was begun first, of those that have not ended, sets the rhythm.
    """
    keys = [customer.id for customer in customers]
    rows = (
        Subscription.objects.for_merchant(merchant_id)
        .filter(customer__in=keys)
        .order_by("ended_at", "started_at", "id")  # NULL (not ended) sorts last in ascending order
        .prefetch_related(Prefetch("items", SubscriptionItem.objects.select_related("price").order_by("id")))
    )
    of_customer: dict[UUID, list[Subscription]] = defaultdict(list)
    for row in rows:
        of_customer[row.customer_id].append(row)
    return {key: _rhythm(of_customer[key]) for key in keys}


def _rhythm(rows: Sequence[Subscription]) -> Rhythm:
    living = next((row for row in rows if row.status in LIVING), rows[-1] if rows else None)
    item = next(iter(living.items.all()), None) if living else None
    if living is None or item is None or not item.price.interval:
        return Rhythm()
    current = Period(item.current_period_start, item.current_period_end)
    return Rhythm(living.billing_cycle_anchor, item.price.interval, item.price.interval_count, current)


def billing_period(customer: Customer, at: datetime) -> Period:
    """The period in which the customer's usage at `at` counts."""
    return billing_rhythms(customer.merchant_id, [customer])[customer.id].period(at)
