"""Stripe discount → row, and the terms that MRR is calculated with."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db.models import Q

from billingos.common.mirrored import instant, reference
from billingos.common.periods import from_stripe
from billingos.common.readahead import no_longer, remembered
from billingos.common.registries import StripeObject, publish
from customers.models import Customer
from customers.sync import customer_of
from subscriptions.events import DiscountWritten
from subscriptions.models import Coupon, Discount
from subscriptions.mrr import Discounts, DiscountTerms, own_discounts
from subscriptions.sync.catalog import coupon_of


def write_discount(merchant_id: UUID, discount: StripeObject, *, removed_at: datetime | None = None) -> Discount:
    """The row; what hangs on it follows if anything of it is new (DiscountWritten). A discount that was removed stays
    so, whatever comes after."""
    # Since clover the coupon stands in `source`; before, whole, on the discount.
    coupon = (discount.get("source") or {}).get("coupon") or discount.get("coupon")
    customer = discount.get("customer")
    columns: dict[str, Any] = {
        "coupon": coupon_of(merchant_id, coupon),
        "promotion_code_id": reference(discount.get("promotion_code")),
        "customer": customer_of(merchant_id, customer) if customer else None,
        "subscription_stripe_id": reference(discount.get("subscription")),
        "item_stripe_id": reference(discount.get("subscription_item")),
        "starts_at": from_stripe(discount["start"]),
        "ends_at": instant(discount.get("end")),
    }
    no_longer(("discounts", merchant_id))
    row, created = Discount.objects.get_or_create(merchant_id=merchant_id, stripe_id=discount["id"], defaults=columns)
    changed = [name for name, value in columns.items() if getattr(row, name) != value]
    for name in changed:
        setattr(row, name, columns[name])
    if removed_at and row.removed_at is None:
        row.removed_at = removed_at
        changed.append("removed_at")
    if changed:
        row.save(update_fields=changed)
    if created or changed:
        publish(DiscountWritten(merchant_id, row.id))
    return row


def has_discounts(merchant_id: UUID) -> bool:
    """Whether the merchant has ever given one: most never do, and need not be asked for each subscription."""
    return remembered(("discounts", merchant_id), Discount.objects.for_merchant(merchant_id).exists)


def write_expanded(merchant_id: UUID, subscription: StripeObject) -> None:
    """Rows of the discounts that come whole with a subscription that was asked for; events carry only their ids."""
    for discount in discounts_of(subscription):
        if isinstance(discount, dict):
            write_discount(merchant_id, discount)


def discounts_of(subscription: StripeObject) -> Iterable[Any]:
    """Those of the subscription and of its items: ids, or whole."""
    yield from own_discounts(subscription)
    for item in subscription["items"]["data"]:
        yield from item.get("discounts") or []


def known_discounts(
    merchant_id: UUID, subscription: StripeObject, customer: Customer | None, at: datetime
) -> Discounts:
    """What is known of the discounts that bore on a subscription at an instant; one statement. One that is not here yet
    is left out: when it arrives, MRR is calculated anew (`recounting`)."""
    return bearing_on(subscription, discounts_known(merchant_id, [subscription], customer), at)


def discounts_known(
    merchant_id: UUID, subscriptions: Iterable[StripeObject], customer: Customer | None
) -> list[Discount]:
    """Those of the subscriptions, and all that their customer ever had, the oldest first."""
    if not has_discounts(merchant_id):
        return []
    ids = {reference(discount) for subscription in subscriptions for discount in discounts_of(subscription)}
    own = Q(customer=customer, subscription_stripe_id="", item_stripe_id="")
    rows = Discount.objects.for_merchant(merchant_id).select_related("coupon")
    return list(rows.filter(Q(stripe_id__in=ids) | own if customer else Q(stripe_id__in=ids)).order_by("starts_at"))


def bearing_on(subscription: StripeObject, rows: Iterable[Discount], at: datetime) -> Discounts:
    """Of `discounts_known` those that bore on one subscription at an instant."""
    named = {reference(discount) for discount in discounts_of(subscription)}
    found = [row for row in rows if row.stripe_id in named or _is_own(row) and _runs(row, at)]
    return Discounts({row.stripe_id: _terms(row) for row in found}, [row.stripe_id for row in found if _is_own(row)])


def _is_own(row: Discount) -> bool:
    """Whether it is the customer's, not a subscription's or an item's."""
    return not row.subscription_stripe_id and not row.item_stripe_id


def _runs(row: Discount, at: datetime) -> bool:
    return row.starts_at <= at and (row.removed_at is None or row.removed_at > at)


def _terms(row: Discount) -> DiscountTerms:
    coupon = row.coupon
    return DiscountTerms(
        percent_off=None if coupon.percent_off is None else Fraction(coupon.percent_off),
        amount_off=coupon.amount_off,
        recurs=coupon.duration != Coupon.Duration.ONCE,
        products=frozenset(coupon.product_stripe_ids),
        ends_at=row.ends_at,
    )
