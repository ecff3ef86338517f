"""What timelines are told from: rows → the pure values of `timeline`, in a constant number of statements, a page at a
time. Everything here runs inside the merchant's scope."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from billingos.common.mirrored import instant, reference
from billingos.dashboard.plan_words import Line
from billingos.dashboard.timeline import ACCESS_LAG, Access, Bill, Change, Entry, State, by_month, tell
from customers.models import Customer
from entitlements.models import Entitlement
from entitlements.selectors import entitlements
from subscriptions.models import Invoice, Product, Subscription, SubscriptionChange
from subscriptions.order import step
from subscriptions.selectors import all_invoices, changes

PAGE = 25  # entries
READ = 100  # rows of a kind for one page
READ_ACCESS = 500  # entitlements: they are few, and changed in place
CLOCK_LEAP = timedelta(days=14)  # so far may a test clock have moved on before its events were applied
AROUND = timedelta(days=14)  # an entry's cause, or what it has caused, may lie on the other side of the page's end
CREATION = 0  # the position of a subscription's first change


@dataclass(frozen=True, slots=True)
class Story:
    """One page of a timeline; what is older is reached with `older`. `invoices` are those that it was told from, newest
    first."""

    months: list[tuple[str, list[Entry]]]
    older: datetime | None
    invoices: list[Invoice]


def story_of_customer(customer: Customer, *, before: datetime | None = None) -> Story:
    """Everything that happened to the customer, newest first. Four statements."""
    theirs = Subscription.objects.for_merchant(customer.merchant_id).filter(customer=customer)
    told_by = _Sources(
        _read(changes(customer.merchant_id, theirs.values_list("stripe_id")), before, "position"),
        _read(all_invoices(customer.merchant_id, customer=customer), before),
        list(entitlements(customer).order_by("-updated_at", "-id")[:READ_ACCESS]),
    )
    access_lag = CLOCK_LEAP if customer.test_clock_id else ACCESS_LAG
    return _told(customer.merchant_id, told_by, before, created_at=customer.stripe_created_at, access_lag=access_lag)


def story_of_subscription(subscription: Subscription, *, before: datetime | None = None) -> Story:
    """What happened to the subscription. Three statements."""
    merchant_id = subscription.merchant_id
    told_by = _Sources(
        _read(changes(merchant_id, [subscription.stripe_id]), before, "position"),
        _read(all_invoices(merchant_id, subscription=subscription), before),
    )
    return _told(merchant_id, told_by, before)


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows with an `at`, newest first; `whole_since` is the instant after which none is missing, None if none is."""

    rows: list[Any]
    whole_since: datetime | None


def _read(rows: QuerySet[Any], before: datetime | None, *ties: str) -> _Read:
    """The newest rows before `before`, and in the same statement the first ones after it, which may belong to them."""
    down = ("-at", *(f"-{name}" for name in ties), "-id")
    if before is None:
        found = list(rows.order_by(*down)[:READ])
    else:
        up = [name.removeprefix("-") for name in down]
        after = rows.filter(at__gte=before, at__lt=before + AROUND).order_by(*up)[:READ]
        found = list(rows.filter(at__lt=before).order_by(*down)[:READ].union(after, all=True))
        found.sort(key=lambda row: [getattr(row, name) for name in up], reverse=True)
    asked = [row for row in found if before is None or row.at < before]
    return _Read(found, asked[-1].at if len(asked) == READ else None)


@dataclass(frozen=True, slots=True)
class _Sources:
    changes: _Read
    bills: _Read
    access: Sequence[Entitlement] = ()


def _told(merchant_id: UUID, told_by: _Sources, before: datetime | None, **about: Any) -> Story:
    rows, bills = told_by.changes.rows, told_by.bills.rows
    product_names = _product_names(merchant_id, rows)
    entries = tell(
        [change_of(row, product_names) for row in reversed(rows)],
        [bill_of(row) for row in reversed(bills)],
        list(chain.from_iterable(access_of(row) for row in told_by.access)),
        **about,
    )
    limits = [one.whole_since for one in (told_by.changes, told_by.bills) if one.whole_since]
    shown, older = _page(entries, before, max(limits, default=None))
    return Story(by_month(shown), older, bills)


def _page(
    entries: Sequence[Entry], before: datetime | None, whole_since: datetime | None
) -> tuple[list[Entry], datetime | None]:
    """Whole instants only, so that the next page can begin before the last one shown."""
    left = [entry for entry in entries if before is None or entry.at < before]
    told = [entry for entry in left if whole_since is None or entry.at > whole_since] or left
    end = told[PAGE - 1].at if len(told) > PAGE else None
    shown = [entry for entry in told if end is None or entry.at >= end]
    more = len(shown) < len(left) or (whole_since is not None and bool(shown))
    return shown, shown[-1].at if shown and more else None


# --- Rows to values -------------------------------------------------------------------------------------------------


def _product_names(merchant_id: UUID, rows: Iterable[SubscriptionChange]) -> dict[str, str]:
    """By Stripe's id, also of products that are sold no more."""
    found = {
        reference((item.get("price") or {}).get("product"))
        for row in rows
        for state in (row.payload["object"], row.payload["previous_attributes"])
        for item in (state.get("items") or {}).get("data") or ()
    }
    known = Product.objects.for_merchant(merchant_id).filter(stripe_id__in=found)
    return dict(known.values_list("stripe_id", "name"))


def change_of(row: SubscriptionChange, product_names: Mapping[str, str]) -> Change:
    """A row as `subscriptions.selectors.changes` gives it."""
    subscription, previous = row.payload["object"], row.payload["previous_attributes"]
    before = None
    if row.position != CREATION:
        found = step("", subscription, previous).before
        status = previous.get("status") or row.status_before or subscription["status"]  # type: ignore[attr-defined]  # annotated by the selector
        before = _state({**found, "status": status}, product_names)
    mrr_before = row.mrr_before  # type: ignore[attr-defined]  # annotated by the selector
    details = subscription.get("cancellation_details") or {}
    return Change(
        at=row.at,
        subscription=row.subscription_stripe_id,
        before=before,
        after=_state(subscription, product_names),
        currency=row.currency,
        mrr=row.mrr,
        mrr_before=(0 if before is None else row.mrr) if mrr_before is None else mrr_before,
        invoice=reference(subscription.get("latest_invoice")),
        reason=details.get("reason") or "",
        feedback=details.get("feedback") or "",
        comment=details.get("comment") or "",
    )


def _state(subscription: Mapping[str, Any], product_names: Mapping[str, str]) -> State:
    items = (subscription.get("items") or {}).get("data") or ()
    return State(
        status=subscription["status"],
        lines=tuple(_line(item, product_names) for item in items),
        cancels_at=instant(subscription.get("cancel_at")) or _period_end(subscription, items),
        trial_end=instant(subscription.get("trial_end")),
        collection_paused=bool(subscription.get("pause_collection")),
    )


def _period_end(subscription: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> datetime | None:
    """When a subscription ends that is to end with its period, and does not say when."""
    if not subscription.get("cancel_at_period_end"):
        return None
    ends = [one.get("current_period_end") for one in (subscription, *items)]
    return instant(max((end for end in ends if end), default=None))


def _line(item: Mapping[str, Any], product_names: Mapping[str, str]) -> Line:
    price = item["price"]
    recurring = price.get("recurring") or {}
    product = reference(price.get("product"))
    return Line(
        item=item["id"],
        product=product,
        name=product_names.get(product) or price.get("nickname") or "a product",
        price=price["id"],
        amount=_amount(price),
        interval=recurring.get("interval") or "",
        interval_count=recurring.get("interval_count") or 1,
        quantity=None if recurring.get("usage_type") == "metered" else item.get("quantity") or 0,
    )


def _amount(price: Mapping[str, Any]) -> Decimal | None:
    exact = price.get("unit_amount_decimal") or price.get("unit_amount")
    return None if price.get("billing_scheme") == "tiered" else Decimal(str(exact or 0))


def bill_of(row: Invoice) -> Bill:
    """A row as `subscriptions.selectors.all_invoices` gives it, with the subscription at hand."""
    return Bill(
        id=row.stripe_id,
        at=row.at,  # type: ignore[attr-defined]  # annotated by the selector
        created_at=row.stripe_created_at,
        status=row.status,
        total=row.total,
        currency=row.currency,
        number=row.number,
        subscription=row.subscription.stripe_id if row.subscription else "",
        attempts=row.attempt_count,
        paid_at=row.paid_at,
    )


def access_of(row: Entitlement) -> list[Access]:
    """That it was given, and if so, that it ended. Without its limit: the row has today's, which a change of plan may
    have moved since."""
    item = row.source.removeprefix("subscription_item:")
    given = [Access(row.granted_at, row.feature.name, item, given=True)]
    return given if row.ended_at is None else [*given, Access(row.ended_at, row.feature.name, item, given=False)]
