"""How products stand: who subscribes to them and what that is worth a month. Inside the merchant's scope."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db import connection

from billingos.common.money import round_half_up
from subscriptions.models import Price, Product
from subscriptions.mrr import item_mrr

# Grouped twice: by product, where a subscription with two items of it counts once, and by price and quantity, which is
# what an amount is calculated from. A subscription that does not count (trials, paused collection) has an MRR of 0.
STANDING = """
SELECT versions.product_id, items.price_id, items.quantity, subscriptions.mrr > 0,
    count(DISTINCT subscriptions.id), count(*)
FROM subscription_items AS items
JOIN subscriptions ON subscriptions.id = items.subscription_id
JOIN product_versions AS versions ON versions.id = items.version_id
WHERE items.merchant_id = %(merchant)s AND versions.product_id = ANY(%(products)s)
    AND subscriptions.status IN ('trialing', 'active', 'past_due')
GROUP BY GROUPING SETS ((versions.product_id), (versions.product_id, items.price_id, items.quantity,
    subscriptions.mrr > 0))
"""


@dataclass(slots=True)
class Standing:
    """`subscriptions` are those that live: trialing, active or past due. `mrr` is in minor units by currency, rounded
    once for each currency."""

    subscriptions: int = 0
    mrr: dict[str, int] = field(default_factory=dict)


def standing_of_products(
    merchant_id: UUID, products: Collection[Product], prices: Mapping[UUID, Price]
) -> dict[UUID, Standing]:
    """For each product. `prices` are all prices of the products by id, ended ones too; one statement."""
    found = {product.id: Standing() for product in products}
    exact: dict[tuple[UUID, str], Fraction] = defaultdict(Fraction)
    with connection.cursor() as cursor:
        cursor.execute(STANDING, {"merchant": merchant_id, "products": list(found)})
        rows = cursor.fetchall()
    for product_id, price_id, quantity, counts, subscriptions, items in rows:
        if price_id is None:
            found[product_id].subscriptions = subscriptions
        elif counts:
            price = prices[price_id]
            exact[product_id, price.currency] += items * item_mrr(
                {"price": as_stripe_has_it(price), "quantity": quantity}
            )
    for (product_id, currency), amount in sorted(exact.items()):
        found[product_id].mrr[currency] = round_half_up(amount)
    return found


def as_stripe_has_it(price: Price) -> dict[str, Any]:
    """As much of Stripe's price object as MRR is calculated from."""
    recurring = {"interval": price.interval, "interval_count": price.interval_count, "usage_type": price.usage_type}
    return {
        "unit_amount": price.unit_amount,
        "unit_amount_decimal": price.unit_amount_decimal,
        "billing_scheme": price.billing_scheme,
        "tiers_mode": price.tiers_mode,
        "tiers": price.tiers,
        "recurring": recurring if price.interval else None,
    }
