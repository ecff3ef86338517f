"""Reading migrations: who would be moved, what it would mean, how far one has got. Everything here but
`preview_migration` runs inside the merchant's scope."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet

from billingos.common.errors import BillingError, Unavailable
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.merchants.selectors import settings_of
from billingos.stripe_gateway.client import NotConnected
from billingos.stripe_gateway.operations import preview_invoice
from subscriptions.changing import Change, update_params
from subscriptions.models import (
    Discount,
    ProductVersion,
    Subscription,
    SubscriptionItem,
    VersionMigration,
    VersionMigrationStep,
)
from subscriptions.moving import Goal, Move, Obstacle, difference, plan_move
from subscriptions.mrr import NO_DISCOUNTS, subscription_mrr
from subscriptions.recounting import subscription_as_stripe_has_it
from subscriptions.selectors import ENDED, prices
from subscriptions.sync import known_discounts

Step = VersionMigrationStep.Status
EXACT = 20  # so many times Stripe is asked what would be due at once
SHOWN = 100  # subscriptions of a preview that are listed


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is to be moved where, and how."""

    target: ProductVersion
    when: str
    proration: str
    from_numbers: Collection[int] = ()
    subscription_ids: Collection[UUID] = ()


def chosen(choice: Choice) -> QuerySet[Subscription]:
    """The subscriptions on another version of the target's product that have not ended; with `from_numbers` on one of
    these, with `subscription_ids` only those."""
    target = choice.target
    items = SubscriptionItem.objects.filter(
        merchant_id=target.merchant_id, subscription_id=OuterRef("id"), version__product_id=target.product_id
    ).exclude(version=target)
    if choice.from_numbers:
        items = items.filter(version__number__in=choice.from_numbers)
    rows = Subscription.objects.for_merchant(target.merchant_id).exclude(status__in=ENDED).filter(Exists(items))
    return rows.filter(id__in=choice.subscription_ids) if choice.subscription_ids else rows


def with_items(rows: QuerySet[Subscription]) -> QuerySet[Subscription]:
    items = SubscriptionItem.objects.select_related("version", "price__version__product").order_by("id")
    return rows.select_related("customer__test_clock").prefetch_related(Prefetch("items", items))


def goal_of(choice: Choice) -> Goal:
    target = choice.target
    sold = prices(target.merchant_id, active=True).filter(version=target).exclude(interval="").order_by("id")
    return Goal(target, list(sold), choice.when, choice.proration, settings_of(target.merchant_id))


@dataclass(slots=True)
class Outlook:
    """What a migration would mean for one subscription: MRR in minor units a month, and what is due at once, None where
    that is not known; `reason` says why it cannot be moved."""

    subscription: Subscription
    move: Move | None = None
    reason: str = ""
    mrr_after: int | None = None
    due_now: int | None = None


@dataclass(slots=True)
class Sums:
    """Of one currency, in minor units: MRR of those who would be moved, and what is due at once of those of whom it is
    known; `unknown` is of how many it is not."""

    mrr_before: int = 0
    mrr_after: int = 0
    due_now: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class MigrationPreview:
    choice: Choice
    outlooks: Sequence[Outlook]
    sums: dict[str, Sums]
    versions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def shown(self) -> Sequence[Outlook]:
        return self.outlooks[:SHOWN]

    @property
    def movable(self) -> int:
        return sum(1 for outlook in self.outlooks if outlook.move)


def preview_migration(*, merchant: Merchant, choice: Choice) -> MigrationPreview:
    """What moving the chosen would mean; Stripe is asked what up to EXACT of them would owe at once. Writes nothing,
    and runs outside of a scope."""
    with scope(merchant.id):
        rows = list(with_items(chosen(choice)).order_by("id"))
        outlooks = _outlooks(choice, rows)
        versions = _versions(choice, outlooks)
    asked = 0
    for outlook in outlooks:
        if outlook.move is None:
            continue
        change = outlook.move.change
        if not (change.at_once and change.is_billed_at_once):
            outlook.due_now = 0
        elif asked < EXACT:
            asked += 1
            outlook.due_now = _due_now(merchant, change)
    return MigrationPreview(choice, outlooks, _sums(outlooks), versions)


def _outlooks(choice: Choice, rows: Sequence[Subscription]) -> list[Outlook]:
    goal, merchant_id = goal_of(choice), choice.target.merchant_id
    discounted = set(
        Discount.objects.for_merchant(merchant_id)
        .filter(customer__in={row.customer_id for row in rows})
        .values_list("customer_id", flat=True)
    )
    found = []
    for row in rows:
        try:
            move = plan_move(row, list(row.items.all()), goal)
        except Obstacle as obstacle:
            found.append(Outlook(row, reason=obstacle.reason))
            continue
        after = mrr_after(move, goal, discounted=row.customer_id in discounted)
        found.append(Outlook(row, move, mrr_after=after))
    return found


def mrr_after(move: Move, goal: Goal, *, discounted: bool = True) -> int:
    """The subscription's MRR with the other prices; without `discounted` nobody looks for discounts."""
    row = move.subscription
    shown = subscription_as_stripe_has_it(row, instead=move.prices)
    at = row.customer.now()
    discounts = known_discounts(row.merchant_id, shown, row.customer, at) if discounted else NO_DISCOUNTS
    return subscription_mrr(shown, paused_counts=goal.rules.paused_counts, discounts=discounts, at=at)


def _due_now(merchant: Merchant, change: Change) -> int | None:
    """None where Stripe refuses this one to say. Raises Unavailable or NotConnected, which go for all of them."""
    asked = {"subscription": change.subscription.stripe_id, "subscription_details": update_params(change)}
    try:
        return int(preview_invoice(merchant, asked)["amount_due"])
    except (Unavailable, NotConnected):
        raise
    except BillingError:
        return None


def _sums(outlooks: Iterable[Outlook]) -> dict[str, Sums]:
    found: dict[str, Sums] = defaultdict(Sums)
    for outlook in outlooks:
        if outlook.move is None:
            continue
        sums = found[outlook.subscription.currency]
        sums.mrr_before += outlook.subscription.mrr
        sums.mrr_after += outlook.mrr_after or 0
        sums.due_now += outlook.due_now or 0
        sums.unknown += outlook.due_now is None
    return dict(sorted(found.items()))


def _versions(choice: Choice, outlooks: Iterable[Outlook]) -> list[dict[str, Any]]:
    """The versions that are left, with what changes for those who were on them."""
    target = choice.target
    leaving = Counter(version for outlook in outlooks if outlook.move for version in outlook.move.left)
    return [
        {"number": version.number, "subscriptions": count, "features": difference(version.includes, target.includes)}
        for version, count in sorted(leaving.items(), key=lambda entry: entry[0].number)
    ]


def migrations(merchant_id: UUID) -> QuerySet[VersionMigration]:
    """With how many of their steps are in each state."""
    counts = {f"steps_{status}": Count("steps", filter=Q(steps__status=status)) for status in Step.values}
    return VersionMigration.objects.for_merchant(merchant_id).select_related("product", "target").annotate(**counts)


def progress(migration: VersionMigration) -> dict[str, int]:
    """How many steps are in each state, of a row of `migrations`."""
    return {status: getattr(migration, f"steps_{status}") for status in Step.values}


def steps(migration: VersionMigration, *, status: str | None = None) -> QuerySet[VersionMigrationStep]:
    rows = VersionMigrationStep.objects.for_merchant(migration.merchant_id).filter(migration=migration)
    rows = rows.select_related("subscription")
    return rows.filter(status=status) if status else rows
