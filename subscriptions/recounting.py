"""MRR calculated anew where something other than the subscription itself has changed it: the merchant's rule for what
is paused, or a discount that arrived after what it takes something off.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import Q

from billingos.common.ids import uuid7
from billingos.merchants.selectors import settings_of
from subscriptions.history import LAST, mrrs_of_lines
from subscriptions.models import Discount, Price, Subscription, SubscriptionChange, SubscriptionItem
from subscriptions.mrr import item_mrrs
from subscriptions.sync import known_discounts


def recount_paused(merchant_id: UUID) -> int:
    """Writes the MRR of every subscription whose collection is paused as the rule has it now; returns how many have
    changed. Inside the merchant's scope.

    History is only ever added to: each subscription gets a line that holds from this moment on, and earlier days stay
    what they were under the rule of their time.
    """
    changed = _recount(merchant_id, Q(collection_paused=True))
    _add_lines(merchant_id, changed, "paused_counts")
    return len(changed)


def recount_discounted(discount: Discount) -> None:
    """Writes the MRR of what the discount takes something off, also in the history since it began: it was so all along,
    and was not known. Of a customer's own no event of the subscription tells: it gets a line of now."""
    merchant_id, customer = discount.merchant_id, discount.customer
    if discount.subscription_stripe_id:
        _recount(merchant_id, Q(stripe_id=discount.subscription_stripe_id))
        about = Q(subscription_stripe_id=discount.subscription_stripe_id)
    elif customer:
        _add_lines(merchant_id, _recount(merchant_id, Q(customer=customer)), "customer_discount")
        about = Q(customer_stripe_id=customer.stripe_id)
    else:
        return
    lines = list(SubscriptionChange.objects.for_merchant(merchant_id).filter(about, at__gte=discount.starts_at))
    changed = []
    for line, mrr in zip(lines, mrrs_of_lines(merchant_id, lines), strict=True):
        if line.mrr != mrr:
            line.mrr = mrr
            changed.append(line)
    SubscriptionChange.objects.bulk_update(changed, ["mrr"], batch_size=500)


def _recount(merchant_id: UUID, about: Q) -> list[Subscription]:
    """Of the subscriptions that `about` describes, those whose MRR is another now; written, with their items."""
    counts = settings_of(merchant_id).paused_counts
    rows = Subscription.objects.for_merchant(merchant_id).filter(about)
    changed, items = [], []
    for row in rows.select_related("customer__test_clock").prefetch_related("items__price__version__product"):
        stripe_object = subscription_as_stripe_has_it(row)
        at = row.customer.now()
        discounts = known_discounts(merchant_id, stripe_object, row.customer, at)
        mrrs = item_mrrs(stripe_object, paused_counts=counts, discounts=discounts, at=at)
        for item, mrr in zip(row.items.all(), mrrs, strict=True):
            item.mrr = mrr
            items.append(item)
        if sum(mrrs) != row.mrr:
            row.mrr = sum(mrrs)
            changed.append(row)
    Subscription.objects.bulk_update(changed, ["mrr"], batch_size=500)
    SubscriptionItem.objects.bulk_update(items, ["mrr"], batch_size=500)
    return changed


def _add_lines(merchant_id: UUID, subscriptions: list[Subscription], cause: str) -> None:
    """What holds from now on; for a subscription without any line yet, its first event will write it."""
    by_id = {row.stripe_id: row for row in subscriptions}
    rows = SubscriptionChange.objects.for_merchant(merchant_id).filter(subscription_stripe_id__in=by_id)
    newest = rows.order_by("subscription_stripe_id", "-at", "-position", "-id").distinct("subscription_stripe_id")
    lines = [_line(last, by_id[last.subscription_stripe_id], cause) for last in newest]
    SubscriptionChange.objects.bulk_create(lines, batch_size=500)


def _line(last: SubscriptionChange, row: Subscription, cause: str) -> SubscriptionChange:
    return SubscriptionChange(
        merchant_id=last.merchant_id,
        subscription_stripe_id=last.subscription_stripe_id,
        customer_stripe_id=last.customer_stripe_id,
        event_id=f"{cause}:{uuid7()}",
        at=max(row.customer.now(), last.at),
        status=last.status,
        currency=last.currency,
        mrr=row.mrr,
        cancels_at=last.cancels_at,
        position=LAST,
        payload={"object": last.payload["object"], "previous_attributes": {}},
    )


NO_OTHERS: Mapping[UUID, Price] = {}


def subscription_as_stripe_has_it(row: Subscription, *, instead: Mapping[UUID, Price] = NO_OTHERS) -> dict[str, Any]:
    """As much of Stripe's object as MRR is calculated from; with other prices for the items whose ids `instead` has."""
    items = [
        {
            "quantity": item.quantity,
            "price": as_stripe_has_it(instead.get(item.id, item.price)),
            "discounts": item.discount_ids,
            "tax_rates": item.tax_rates,
        }
        for item in row.items.all()
    ]
    return {
        "status": row.status,
        "pause_collection": {"behavior": row.pause_behavior} if row.collection_paused else None,
        "discounts": row.discount_ids,
        "default_tax_rates": row.default_tax_rates,
        "items": {"data": items},
    }


def as_stripe_has_it(price: Price) -> dict[str, Any]:
    """As much of Stripe's price object as MRR is calculated from."""
    recurring = {"interval": price.interval, "interval_count": price.interval_count, "usage_type": price.usage_type}
    return {
        "product": price.version.product.stripe_id,
        "unit_amount": price.unit_amount,
        "unit_amount_decimal": price.unit_amount_decimal,
        "billing_scheme": price.billing_scheme,
        "tiers_mode": price.tiers_mode,
        "tiers": price.tiers,
        "transform_quantity": price.transform_quantity,
        "recurring": recurring if price.interval else None,
    }
