"""Reading features and entitlements. Everything here runs inside the merchant's scope."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from billingos.common.errors import NotFound
from customers.models import Customer
from entitlements.balances import Balance, Grant, boolean_balance, limit_balance
from entitlements.models import Entitlement, Feature, ProductFeature
from subscriptions.models import Price, Product, ProductVersion
from subscriptions.selectors import billing_period
from subscriptions.selectors import prices as plain_prices
from subscriptions.selectors import products as plain_products
from subscriptions.standing import Standing, standing_of_versions
from usage.models import Meter
from usage.selectors import used, used_by_meter


def features(merchant_id: UUID) -> QuerySet[Feature]:
    return Feature.objects.for_merchant(merchant_id).filter(deleted_at=None).select_related("meter")


def get_feature(merchant_id: UUID, lookup_key: str, *, param: str = "feature") -> Feature:
    """Raises NotFound."""
    found = features(merchant_id).filter(lookup_key=lookup_key).first()
    if found is None:
        raise NotFound("No such feature.", param=param)
    return found


def products(merchant_id: UUID, *, active: bool | None = None) -> QuerySet[Product]:
    """Products with their versions, the present one first, and what each includes."""
    versions = ProductVersion.objects.for_merchant(merchant_id).filter(published=True).order_by("-number")
    included = (
        ProductFeature.objects.for_merchant(merchant_id).select_related("feature").order_by("feature__lookup_key")
    )
    return plain_products(merchant_id, active=active).prefetch_related(
        Prefetch("versions", versions), Prefetch("versions__features", included)
    )


@dataclass(frozen=True, slots=True)
class DescribedVersion:
    """A version of a product with what was sold in it, and to how many."""

    version: ProductVersion
    current: bool
    features: list[ProductFeature]
    prices: list[Price]
    standing: Standing
    created_at: datetime


def described_versions(product: Product) -> list[DescribedVersion]:
    """The product's versions, the present one first; four statements. A version is as old as its oldest price."""
    rows = products(product.merchant_id).get(id=product.id).versions.all()
    prices: dict[UUID, list[Price]] = defaultdict(list)
    for price in plain_prices(product.merchant_id, product=product).order_by("stripe_created_at", "id"):
        prices[price.version_id].append(price)
    standings = standing_of_versions(product.merchant_id, rows)
    return [
        DescribedVersion(
            version=row,
            current=index == 0,
            features=list(row.features.all()),
            prices=prices[row.id],
            standing=standings[row.id],
            created_at=prices[row.id][0].stripe_created_at if prices[row.id] else product.stripe_created_at,
        )
        for index, row in enumerate(rows)
    ]


def entitlements(customer: Customer) -> QuerySet[Entitlement]:
    """All rows of a customer, ended ones too."""
    return Entitlement.objects.for_merchant(customer.merchant_id).filter(customer=customer).select_related("feature")


@dataclass(frozen=True, slots=True)
class HeldFeature:
    """A feature that a customer has, and how much of it remains."""

    feature: Feature
    balance: Balance


def balances(customer: Customer) -> list[HeldFeature]:
    """Every feature that the customer has now, by name, with how much of it remains; as `check` would answer for each,
    in four statements."""
    rows = entitlements(customer).filter(active=True).select_related("feature__meter")
    grants: dict[Feature, list[Grant]] = defaultdict(list)
    for row in rows.order_by("feature__name", "feature_id", "source"):
        grants[row.feature].append(Grant(row.source, row.limit))
    period = billing_period(customer, customer.now()) if any(feature.meter_id for feature in grants) else None
    counted = used_by_meter(customer, period) if period else {}
    found = []
    for feature, given in grants.items():
        if feature.type == Feature.Type.BOOLEAN:
            found.append(HeldFeature(feature, boolean_balance(feature.lookup_key, given)))
        else:
            resets_at = period.end if period and feature.meter_id else None
            value = counted.get(feature.meter_id, Decimal(0)) if feature.meter_id else Decimal(0)
            found.append(HeldFeature(feature, limit_balance(feature.lookup_key, given, value, resets_at)))
    return found


def check(customer: Customer, feature: Feature) -> Balance:
    """Whether the customer may use the feature now, and how much of it remains."""
    grants = [
        Grant(row.source, row.limit)
        for row in Entitlement.objects.for_merchant(customer.merchant_id)
        .filter(customer=customer, feature=feature, active=True)
        .order_by("source")
    ]
    if feature.type == Feature.Type.BOOLEAN:
        return boolean_balance(feature.lookup_key, grants)
    if feature.meter is None:  # the merchant's application counts for itself and asks for the number
        return limit_balance(feature.lookup_key, grants, Decimal(0), None)
    period = billing_period(customer, customer.now())
    return limit_balance(feature.lookup_key, grants, used(customer, feature.meter, period), period.end)


def meter_limits(merchant_id: UUID, meter: Meter, customers: Collection[Customer]) -> dict[UUID, int]:
    """Customer id → how much of the meter it may use in a billing period, by the feature on the meter that runs out
    first. Customers who may use it without limit, or have no such feature, are left out. One statement."""
    rows = (
        Entitlement.objects.for_merchant(merchant_id)
        .filter(customer__in=customers, feature__meter=meter, feature__deleted_at=None, active=True)
        .values_list("customer_id", "feature__lookup_key", "source", "limit")
    )
    grants: dict[tuple[UUID, str], list[Grant]] = defaultdict(list)
    for customer_id, lookup_key, source, limit in rows:
        grants[customer_id, lookup_key].append(Grant(source, limit))
    found: dict[UUID, int] = {}
    for (customer_id, lookup_key), mine in grants.items():
        limit = limit_balance(lookup_key, mine, Decimal(0), None).limit
        if limit is not None:
            found[customer_id] = min(limit, found.get(customer_id, limit))
    return found
