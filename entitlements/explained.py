"""Every feature of a customer and why: what is used of it, who gives it, who once gave it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from billingos.common.periods import Period
from customers.models import Customer
from entitlements.balances import Balance, Grant, boolean_balance, limit_balance
from entitlements.models import Entitlement, Feature
from entitlements.selectors import entitlements, features
from entitlements.services import source_of
from subscriptions.models import Subscription, SubscriptionItem
from usage.selectors import PeriodUse

AT_RISK = {Subscription.Status.PAST_DUE, Subscription.Status.UNPAID}


@dataclass(frozen=True, slots=True)
class Source:
    """A subscription item that gives the feature, or gave it until `ended_at`; `item` is None once it was removed.
    `limit` is per billing period, None for no limit (or a boolean feature)."""

    item: SubscriptionItem | None
    limit: int | None
    granted_at: datetime
    ended_at: datetime | None

    @property
    def name(self) -> str:
        return self.item.version.product.name if self.item else "a removed item"

    @property
    def ending(self) -> str:
        """How it ended, after its date: with the subscription to Team."""
        if self.item is None:
            return "when the item was removed from the subscription"
        if self.item.subscription.has_ended:
            return f"with the subscription to {self.name}"
        if self.item.subscription.status in AT_RISK:
            return f"because {self.name} is not paid"
        if self.item.subscription.status == Subscription.Status.PAUSED:
            return f"because {self.name} is paused"
        return f"when the subscription changed to {self.name}"


@dataclass(frozen=True, slots=True)
class ExplainedFeature:
    feature: Feature
    balance: Balance
    given_by: tuple[Source, ...]
    lost: tuple[Source, ...]


def explain_features(
    customer: Customer, rows: Iterable[Subscription], period: Period, uses: Iterable[PeriodUse]
) -> list[ExplainedFeature]:
    """All active features of the merchant, those that the customer has first, by name; each balance as `check` gives
    it. `rows` are the customer's subscriptions, ended ones too, with their items; `period` is the present billing
    period, `uses` what was counted. Two statements, however many features there are."""
    used = {use.meter.id: use.value for use in uses if use.period == period}
    by_source = {source_of(item): item for row in rows for item in row.items.all()}
    sources: dict[UUID, list[Source]] = defaultdict(list)
    for row in entitlements(customer).order_by("source"):
        sources[row.feature_id].append(_source(row, by_source))
    known = [feature for feature in features(customer.merchant_id) if feature.active or feature.id in sources]
    explained = [_explained(feature, sources[feature.id], period, used) for feature in known]
    return sorted(explained, key=lambda one: (not one.given_by, not one.lost, one.feature.name.lower()))


def _source(row: Entitlement, by_source: dict[str, SubscriptionItem]) -> Source:
    return Source(by_source.get(row.source), row.limit, row.granted_at, None if row.active else row.ended_at)


def _explained(
    feature: Feature, sources: Sequence[Source], period: Period, used: dict[UUID, Decimal]
) -> ExplainedFeature:
    given = tuple(source for source in sources if source.ended_at is None)
    lost = tuple(source for source in sources if source.ended_at is not None)
    grants = [Grant(source_of(source.item) if source.item else "", source.limit) for source in given]
    if feature.type == Feature.Type.BOOLEAN:
        balance = boolean_balance(feature.lookup_key, grants)
    elif feature.meter_id is None:
        balance = limit_balance(feature.lookup_key, grants, Decimal(0), None)
    else:
        balance = limit_balance(feature.lookup_key, grants, used.get(feature.meter_id, Decimal(0)), period.end)
    return ExplainedFeature(feature, balance, given, lost)
