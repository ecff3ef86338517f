"""Reading features and entitlements. Everything here runs inside the merchant's scope."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from billingos.common.errors import NotFound
from customers.models import Customer
from entitlements.balances import Balance, Grant, boolean_balance, limit_balance
from entitlements.models import Entitlement, Feature, ProductFeature
from subscriptions.models import Product, ProductVersion
from subscriptions.selectors import billing_period
from subscriptions.selectors import products as plain_products
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
    """Products with their versions and what each includes."""
    versions = ProductVersion.objects.for_merchant(merchant_id).order_by("-number")
    included = (
        ProductFeature.objects.for_merchant(merchant_id).select_related("feature").order_by("feature__lookup_key")
    )
    return plain_products(merchant_id, active=active).prefetch_related(
        Prefetch("versions", versions), Prefetch("versions__features", included)
    )


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
