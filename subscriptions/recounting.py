"""MRR of what is paused now, after the merchant has changed whether it counts (`paused_counts`).

History is only ever added to: each subscription gets a line that holds from this moment on, and earlier days stay what
they were under the rule of their time.
"""

from typing import Any
from uuid import UUID

from billingos.common.ids import uuid7
from billingos.merchants.selectors import settings_of
from subscriptions.history import LAST
from subscriptions.models import Subscription, SubscriptionChange
from subscriptions.mrr import subscription_mrr
from subscriptions.standing import as_stripe_has_it


def recount_paused(merchant_id: UUID) -> int:
    """Writes the MRR of every subscription whose collection is paused as the rule has it now; returns how many have
    changed. Inside the merchant's scope."""
    counts = settings_of(merchant_id).paused_counts
    paused = Subscription.objects.for_merchant(merchant_id).filter(collection_paused=True)
    changed = []
    for row in paused.select_related("customer__test_clock").prefetch_related("items__price"):
        mrr = subscription_mrr(_as_stripe_has_it(row), paused_counts=counts)
        if mrr != row.mrr:
            row.mrr = mrr
            changed.append(row)
    Subscription.objects.bulk_update(changed, ["mrr"], batch_size=500)
    SubscriptionChange.objects.bulk_create(_lines(merchant_id, changed), batch_size=500)
    return len(changed)


def _lines(merchant_id: UUID, subscriptions: list[Subscription]) -> list[SubscriptionChange]:
    """What holds from now on; for a subscription without any line yet, its first event will write it."""
    by_id = {row.stripe_id: row for row in subscriptions}
    rows = SubscriptionChange.objects.for_merchant(merchant_id).filter(subscription_stripe_id__in=by_id)
    newest = rows.order_by("subscription_stripe_id", "-at", "-position", "-id").distinct("subscription_stripe_id")
    return [_line(last, by_id[last.subscription_stripe_id]) for last in newest]


def _line(last: SubscriptionChange, row: Subscription) -> SubscriptionChange:
    return SubscriptionChange(
        merchant_id=last.merchant_id,
        subscription_stripe_id=last.subscription_stripe_id,
        customer_stripe_id=last.customer_stripe_id,
        event_id=f"paused_counts:{uuid7()}",
        at=max(row.customer.now(), last.at),
        status=last.status,
        currency=last.currency,
        mrr=row.mrr,
        cancels_at=last.cancels_at,
        position=LAST,
        payload={"object": last.payload["object"], "previous_attributes": {}},
    )


def _as_stripe_has_it(row: Subscription) -> dict[str, Any]:
    """As much of Stripe's object as MRR is calculated from."""
    items = [{"quantity": item.quantity, "price": as_stripe_has_it(item.price)} for item in row.items.all()]
    paused = {"behavior": "void"} if row.collection_paused else None
    return {"status": row.status, "pause_collection": paused, "items": {"data": items}}
