"""Writing features, what products include, and what customers have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from billingos.common.errors import Conflict, InvalidRequest
from billingos.common.readahead import forget, remembered
from billingos.merchants.models import Merchant
from billingos.merchants.selectors import rules_in_force
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from entitlements.models import Entitlement, Feature, ProductFeature
from entitlements.selectors import features
from entitlements.sync import METER, TYPE
from subscriptions.features import Features
from subscriptions.models import Product, ProductVersion, Subscription, SubscriptionItem
from subscriptions.services import Addition, Edit, create_product, edit_product
from subscriptions.sync import subscription_in_hand
from usage.models import Meter

GRANT_COLUMNS = ("active", "ended_at", "granted_at", "limit")
ITEM_SOURCE = "subscription_item:"
ENTITLING = {Subscription.Status.TRIALING, Subscription.Status.ACTIVE}


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A feature as a product includes it; `limit` None is no limit, and what a boolean feature has."""

    feature: Feature
    limit: int | None = None


def create_feature(
    *,
    merchant: Merchant,
    lookup_key: str,
    name: str,
    type: str,
    meter: Meter | None = None,
    key: str | None = None,
) -> Feature:
    """A feature in Stripe and here. Raises Conflict for a lookup key that is taken."""
    if meter and type != Feature.Type.LIMIT:
        raise InvalidRequest("Only a limit is counted by a meter.", param="meter")

    def check() -> None:
        if features(merchant.id).filter(lookup_key=lookup_key).exists():
            raise Conflict("A feature with this lookup_key exists.", param="lookup_key", code="feature_exists")

    params = {
        "lookup_key": lookup_key,
        "name": name,
        "metadata": {TYPE: type, **({METER: meter.key} if meter else {})},
    }
    feature: Feature = execute(
        merchant=merchant,
        calls=[Call("features.create", params)],
        key=key,
        claim=f"feature {lookup_key}",
        check=check,
    )[0]
    return feature


def create_product_with_features(
    *,
    merchant: Merchant,
    name: str,
    description: str = "",
    inclusions: Sequence[Inclusion] = (),
    metadata: Mapping[str, str] | None = None,
    key: str | None = None,
) -> Product:
    """A product that includes features. Stripe gets the features attached, and the limits in the product's metadata."""
    return create_product(
        merchant=merchant,
        name=name,
        description=description,
        features=_as_features(inclusions),
        stripe_feature_ids=[inclusion.feature.stripe_id for inclusion in inclusions],
        metadata=metadata,
        key=key,
    )


def _as_features(inclusions: Sequence[Inclusion]) -> Features:
    return {
        inclusion.feature.lookup_key: True if inclusion.feature.type == Feature.Type.BOOLEAN else inclusion.limit
        for inclusion in inclusions
    }


def update_product(
    *,
    merchant: Merchant,
    product: Product,
    fields: Mapping[str, Any],
    inclusions: Sequence[Inclusion] | None = None,
    changed: Mapping[str, Mapping[str, Any]] | None = None,
    added: Sequence[Addition] = (),
    dropped: Sequence[str] = (),
    key: str | None = None,
) -> ProductVersion:
    """The product with other fields, features or prices, and the version that is sold then: see
    `subscriptions.services.edit_product`. `inclusions` None leaves the features as they are."""
    edit = Edit(
        fields=fields,
        features=None if inclusions is None else _as_features(inclusions),
        feature_ids=[inclusion.feature.stripe_id for inclusion in inclusions or ()],
        changed=changed or {},
        added=added,
        dropped=dropped,
    )
    return edit_product(merchant=merchant, product=product, edit=edit, key=key)


def set_product_features(*, merchant_id: UUID, version_id: UUID, included: Features) -> bool:
    """Makes the version include exactly `included`, and returns whether that is news; features that are unknown here
    are left out."""
    known = {row.lookup_key: row for row in features(merchant_id).filter(lookup_key__in=included)}
    rows = ProductFeature.objects.for_merchant(merchant_id).filter(version_id=version_id)
    before = dict(rows.values_list("feature_id", "limit"))
    after = {feature.id: _limit(included[lookup_key]) for lookup_key, feature in known.items()}
    for feature_id, limit in after.items():
        if feature_id not in before or before[feature_id] != limit:
            ProductFeature.objects.update_or_create(
                merchant_id=merchant_id, version_id=version_id, feature_id=feature_id, defaults={"limit": limit}
            )
    rows.exclude(feature_id__in=after).delete()
    if before != after:
        forget()  # what was remembered of the version
    return before != after


def _limit(value: "int | bool | None") -> int | None:
    return None if value is None or isinstance(value, bool) else max(value, 0)


def source_of(item: SubscriptionItem) -> str:
    return f"{ITEM_SOURCE}{item.stripe_id}"


def refresh_entitlements(*, merchant_id: UUID, subscription_id: UUID) -> None:
    """Makes the customer's entitlements say what the subscription says now: granted, changed or ended.

    Access ends when Stripe's status says so, never because a date has passed here. Idempotent.
    """
    subscription = subscription_in_hand(merchant_id, subscription_id)
    items = SubscriptionItem.objects.for_merchant(merchant_id).filter(subscription__customer=subscription.customer)
    own = [item for item in items if item.subscription_id == subscription.id]
    others = {source_of(item) for item in items if item.subscription_id != subscription.id}
    wanted = _wanted(merchant_id, subscription, own)
    here = Entitlement.objects.for_merchant(merchant_id).filter(
        customer=subscription.customer, source__startswith=ITEM_SOURCE
    )
    # What an item gave that was removed is to end: it is nobody's now.
    known = {(row.source, row.feature_id): row for row in here if row.source not in others}
    ended = [row for key, row in known.items() if row.active and key not in wanted]
    for row in ended:
        row.active, row.ended_at = False, subscription.ended_at or subscription.customer.now()
    new: list[Entitlement] = []
    changed: list[Entitlement] = []
    for (source, feature_id), limit in wanted.items():
        row = known.get((source, feature_id)) or Entitlement(
            merchant_id=merchant_id, customer=subscription.customer, feature_id=feature_id, source=source, active=False
        )
        if row.active and row.limit == limit:
            continue
        if not row.active:
            row.active, row.ended_at, row.granted_at = True, None, subscription.customer.now()
        row.limit = limit
        (changed if (source, feature_id) in known else new).append(row)
    if new:
        Entitlement.objects.bulk_create(
            new,
            update_conflicts=True,
            unique_fields=["merchant", "customer", "feature", "source"],
            update_fields=GRANT_COLUMNS,
        )
    if ended or changed:
        Entitlement.objects.bulk_update([*ended, *changed], GRANT_COLUMNS)


def refresh_past_due(*, merchant_id: UUID) -> int:
    """Entitlements of all who are past due, after the merchant has changed what they keep; returns how many
    subscriptions there were."""
    rows = Subscription.objects.for_merchant(merchant_id).filter(status=Subscription.Status.PAST_DUE)
    found = list(rows.values_list("id", flat=True))
    for subscription_id in found:
        refresh_entitlements(merchant_id=merchant_id, subscription_id=subscription_id)
    return len(found)


def _wanted(
    merchant_id: UUID, subscription: Subscription, items: Sequence[SubscriptionItem]
) -> dict[tuple[str, UUID], int | None]:
    """(source, feature) → limit, for all that the subscription gives now."""
    if not items or not _entitles(merchant_id, subscription):
        return {}
    versions = frozenset(item.version_id for item in items)
    included = remembered(
        ("included", merchant_id, versions),
        lambda: list(ProductFeature.objects.for_merchant(merchant_id).filter(version__in=versions)),
    )
    return {
        (source_of(item), row.feature_id): row.limit
        for item in items
        for row in included
        if row.version_id == item.version_id
    }


def _entitles(merchant_id: UUID, subscription: Subscription) -> bool:
    if subscription.status == Subscription.Status.PAST_DUE:
        return rules_in_force(merchant_id).past_due_keeps_access
    return subscription.status in ENTITLING
