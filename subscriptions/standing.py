"""How products and their versions stand: who subscribes to them and what that is worth a month. Inside the merchant's
scope."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Count, Sum

from subscriptions.models import Product, ProductVersion, SubscriptionItem
from subscriptions.selectors import LIVING


@dataclass(slots=True)
class Standing:
    """`subscriptions` are those that live: trialing, active or past due. `mrr` is in minor units by currency."""

    subscriptions: int = 0
    mrr: dict[str, int] = field(default_factory=dict)


def standing_of_products(merchant_id: UUID, products: Collection[Product]) -> dict[UUID, Standing]:
    """For each product; one statement."""
    return _standing(merchant_id, "version__product", [product.id for product in products])


def standing_of_versions(merchant_id: UUID, versions: Collection[ProductVersion]) -> dict[UUID, Standing]:
    """For each version; one statement."""
    return _standing(merchant_id, "version", [version.id for version in versions])


def _standing(merchant_id: UUID, owner: str, ids: Collection[UUID]) -> dict[UUID, Standing]:
    """A subscription has one currency, so that counting each of its owners by currency counts it once."""
    items = SubscriptionItem.objects.for_merchant(merchant_id).filter(subscription__status__in=LIVING)
    rows = (
        items.filter(**{f"{owner}__in": ids})
        .values_list(owner, "subscription__currency")
        .annotate(Count("subscription", distinct=True), Sum("mrr"))
        .order_by("subscription__currency")
    )
    found: dict[UUID, Standing] = defaultdict(Standing, {owner_id: Standing() for owner_id in ids})
    for owner_id, currency, subscriptions, mrr in rows:
        found[owner_id].subscriptions += subscriptions
        if mrr:
            found[owner_id].mrr[currency] = mrr
    return found
