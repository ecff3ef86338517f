"""Reading the catalog, subscriptions and invoices. Everything here runs inside the merchant's scope."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TextField,
    Window,
)
from django.db.models.functions import Coalesce, JSONObject, Lag

from billingos.common.mirrored import reference
from billingos.common.periods import Period, calendar_month, from_stripe, period_containing
from customers.models import Customer
from subscriptions.models import (
    CheckoutSession,
    Coupon,
    Invoice,
    Price,
    Product,
    ProductVersion,
    PromotionCode,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
    SubscriptionSchedule,
    VersionMigrationStep,
)
from subscriptions.payment_selectors import merchant_invoices

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
    """`active` are those that can be bought: an archived product sells nothing."""
    rows = Price.objects.for_merchant(merchant_id).filter(deleted_at=None).select_related("version__product")
    if product:
        rows = rows.filter(version__product=product)
    if active is None:
        return rows
    sold = Q(active=True, version__product__active=True)
    return rows.filter(sold if active else ~sold)


def version_in_use(version: ProductVersion) -> bool:
    """Whether somebody has it, or is about to get it."""
    items = SubscriptionItem.objects.for_merchant(version.merchant_id).filter(version=version)
    coming = VersionMigrationStep.objects.for_merchant(version.merchant_id).filter(
        migration__target=version,
        status__in=[VersionMigrationStep.Status.PENDING, VersionMigrationStep.Status.SCHEDULED],
    )
    return items.exclude(subscription__status__in=ENDED).exists() or coming.exists()


def subscriptions(
    merchant_id: UUID, *, customer: Customer | None = None, status: str | None = None
) -> QuerySet[Subscription]:
    """With customer, items and `scheduled` (a later change, as `scheduled_change` reads it) at hand: two statements."""
    items = SubscriptionItem.objects.select_related("price", "version__product").order_by("id")
    rows = (
        Subscription.objects.for_merchant(merchant_id)
        .select_related("customer")
        .prefetch_related(Prefetch("items", items))
        .annotate(
            scheduled=Subquery(
                _schedules(OuterRef("merchant_id"), OuterRef("schedule_id")).values(
                    json=JSONObject(phases="phases", ends_at="current_phase_end")
                )[:1]
            )
        )
    )
    if customer:
        rows = rows.filter(customer=customer)
    return rows.filter(status=status) if status else rows


def coupons(merchant_id: UUID) -> QuerySet[Coupon]:
    return Coupon.objects.for_merchant(merchant_id).filter(deleted_at=None)


def coupons_with_products(merchant_id: UUID) -> QuerySet[Coupon]:
    """With `product_ids`: our ids of the products that each is good for."""
    wanted = ExpressionWrapper(OuterRef("product_stripe_ids"), output_field=ArrayField(TextField()))
    named = Product.objects.filter(merchant_id=OuterRef("merchant_id")).annotate(wanted=wanted)
    good_for = named.filter(wanted__contains=[F("stripe_id")])  # type: ignore[misc]  # an array, of texts
    return coupons(merchant_id).annotate(product_ids=ArraySubquery(good_for.order_by("id").values("id")))


def coupon_id_taken(merchant_id: UUID, stripe_id: str) -> bool:
    """Also by one that was deleted."""
    return Coupon.objects.for_merchant(merchant_id).filter(stripe_id=stripe_id).exists()


def promotion_codes(
    merchant_id: UUID, *, coupon: Coupon | None = None, code: str | None = None, active: bool | None = None
) -> QuerySet[PromotionCode]:
    """`code` in any case, as Stripe takes it."""
    rows = PromotionCode.objects.for_merchant(merchant_id).filter(deleted_at=None).select_related("coupon", "customer")
    if coupon:
        rows = rows.filter(coupon=coupon)
    if code:
        rows = rows.filter(code__iexact=code)
    return rows if active is None else rows.filter(active=active)


def code_taken(merchant_id: UUID, code: str) -> bool:
    return promotion_codes(merchant_id, code=code, active=True).exists()


def checkout_sessions(
    merchant_id: UUID, *, customer: Customer | None = None, status: str | None = None
) -> QuerySet[CheckoutSession]:
    rows = CheckoutSession.objects.for_merchant(merchant_id).select_related("customer", "price__version__product")
    if customer:
        rows = rows.filter(customer=customer)
    return rows.filter(status=status) if status else rows


def _schedules(merchant_id: Any, stripe_id: Any) -> QuerySet[SubscriptionSchedule]:
    open_ = (SubscriptionSchedule.Status.ACTIVE, SubscriptionSchedule.Status.NOT_STARTED)
    return SubscriptionSchedule.objects.filter(merchant_id=merchant_id, stripe_id=stripe_id, status__in=open_)


def schedule_of(subscription: Subscription) -> SubscriptionSchedule | None:
    """What keeps a change of the subscription for later, if anything does."""
    return _schedules(subscription.merchant_id, subscription.schedule_id).first()


def scheduled_change(subscription: Subscription) -> dict[str, Any] | None:
    """`{at, items: [{price, quantity}]}` of the next change that Stripe will make by itself, prices by their Stripe
    ids; of a row of `subscriptions`."""
    scheduled = getattr(subscription, "scheduled", None)
    if not scheduled or not scheduled["ends_at"] or subscription.has_ended:
        return None
    ends_at = datetime.fromisoformat(scheduled["ends_at"]).astimezone(UTC)
    phase = next((phase for phase in scheduled["phases"] if phase["start_date"] >= ends_at.timestamp()), None)
    if phase is None:
        return None
    items = [{"price": reference(item["price"]), "quantity": item.get("quantity")} for item in phase["items"]]
    return {"at": from_stripe(phase["start_date"]), "items": items}


@dataclass(frozen=True, slots=True)
class ComingChange:
    """What a subscription is going to be for. `items` are no rows; they have price, version, product and quantity."""

    at: datetime
    items: tuple[SubscriptionItem, ...]


def coming_changes(rows: Collection[Subscription]) -> dict[UUID, ComingChange]:
    """Of each row of `subscriptions` the next change of what is sold, if one is scheduled. One statement, if any is."""
    scheduled = {row: found for row in rows if (found := scheduled_change(row)) and _sells_other(row, found["items"])}
    if not scheduled:
        return {}
    wanted = {item["price"] for found in scheduled.values() for item in found["items"]}
    (merchant_id,) = {row.merchant_id for row in scheduled}
    prices = Price.objects.for_merchant(merchant_id).filter(stripe_id__in=wanted).select_related("version__product")
    by_id = {price.stripe_id: price for price in prices}
    return {
        row.id: ComingChange(
            found["at"],
            tuple(
                SubscriptionItem(price=price, version=price.version, quantity=item["quantity"] or 0)
                for item in found["items"]
                if (price := by_id.get(item["price"]))
            ),
        )
        for row, found in scheduled.items()
    }


def _sells_other(row: Subscription, items: Sequence[dict[str, Any]]) -> bool:
    now = {(item.price.stripe_id, item.quantity) for item in row.items.all()}
    return now != {(item["price"], item["quantity"] or 0) for item in items}


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


def mrr_of_customers(merchant_id: UUID, customers: Collection[Customer]) -> dict[UUID, list[tuple[int, str]]]:
    """(minor units, currency) that each customer pays a month, largest first; those who pay nothing are left out. One
    statement."""
    found: dict[UUID, list[tuple[int, str]]] = defaultdict(list)
    rows = Subscription.objects.for_merchant(merchant_id).filter(customer__in=customers, mrr__gt=0)
    sums = rows.values("customer_id", "currency").annotate(total=Sum("mrr")).order_by("-total", "currency")
    for row in sums:
        found[row["customer_id"]].append((row["total"], row["currency"]))
    return found


def find_subscriptions(
    merchant_id: UUID, *, search: str = "", status: str | None = None, product: str | None = None
) -> QuerySet[Subscription]:
    """Those whose customer's name, e-mail or external id has `search` in it, or whose Stripe id it is (or their
    customer's). `status` may also be "canceling": the end is settled and has not come. `product` is an id of ours."""
    rows = subscriptions(merchant_id)
    if search:
        wanted = Q(stripe_id=search) | Q(customer__stripe_id=search)
        for name in ("name", "email", "external_id"):
            wanted |= Q(**{f"customer__{name}__icontains": search})
        rows = rows.filter(wanted)
    if status == "canceling":
        rows = rows.exclude(status__in=ENDED).filter(Q(cancel_at_period_end=True) | Q(cancel_at__isnull=False))
    elif status:
        rows = rows.filter(status=status)
    if product:
        items = SubscriptionItem.objects.filter(merchant_id=OuterRef("merchant_id"), subscription_id=OuterRef("id"))
        rows = rows.filter(Exists(items.filter(version__product_id=product)))
    return rows


def all_invoices(
    merchant_id: UUID, *, customer: Customer | None = None, subscription: Subscription | None = None
) -> QuerySet[Invoice]:
    """Drafts too. `at` is when an invoice came to what it is: paid, else finalized, else created."""
    rows = merchant_invoices(merchant_id, customer=customer, subscription=subscription)
    return rows.select_related("subscription").annotate(at=Coalesce("paid_at", "finalized_at", "stripe_created_at"))


def changes(merchant_id: UUID, subscriptions: QuerySet[Any, Any] | Sequence[str]) -> QuerySet[SubscriptionChange]:
    """The history of subscriptions, by their Stripe ids. Of each change also `mrr_before` and `status_before`: those of
    the change before it, None for the first."""
    rows = SubscriptionChange.objects.for_merchant(merchant_id).filter(subscription_stripe_id__in=subscriptions)
    order = (F("at").asc(), F("position").asc(), F("id").asc())
    before = {
        f"{name}_before": Window(Lag(name), partition_by="subscription_stripe_id", order_by=order)
        for name in ("mrr", "status")
    }
    return rows.annotate(**before)


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
    return {key: rhythm_of(of_customer[key]) for key in keys}


def rhythm_of(rows: Sequence[Subscription]) -> Rhythm:
    """Of one customer's subscriptions, in the order in which they ended and, of those that have not, began; with their
    items and prices at hand."""
    living = next((row for row in rows if row.status in LIVING), rows[-1] if rows else None)
    item = next(iter(living.items.all()), None) if living else None
    if living is None or item is None or not item.price.interval:
        return Rhythm()
    current = Period(item.current_period_start, item.current_period_end)
    return Rhythm(living.billing_cycle_anchor, item.price.interval, item.price.interval_count, current)


def billing_period(customer: Customer, at: datetime) -> Period:
    """The period in which the customer's usage at `at` counts."""
    return billing_rhythms(customer.merchant_id, [customer])[customer.id].period(at)
