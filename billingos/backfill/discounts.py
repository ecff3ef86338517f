"""Discounts that have ended, and coupons that are gone: no list has them, but what they were taken off still does."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from billingos.common.errors import MissingReference
from billingos.common.locks import lock, lock_key
from billingos.common.mirrored import instant, reference
from billingos.common.periods import from_stripe
from billingos.common.registries import StripeObject, project
from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.operations import retrieve
from customers.sync import customer_of
from subscriptions.models import Coupon, Discount
from subscriptions.sync import write_discount

# Asked for with the lists, beside what rows are made of.
EXPANDED: Mapping[str, Sequence[str]] = {
    "subscription": ("discounts.source.coupon",),
    "invoice": ("discounts.source.coupon", "lines.data.discounts"),
}


def know_discounts(merchant: Merchant, objects: Sequence[StripeObject]) -> None:
    """Writes what the objects tell of discounts, and leaves the objects as they are without having been asked."""
    for found in objects:
        for discount in _inside(found):
            _know_coupon(merchant, discount)
    for found in objects:
        if found["object"] == "invoice":
            _know_ended(merchant, found)
            _fold(found)
            for line in found["lines"]["data"]:
                _fold(line)


def _inside(found: StripeObject) -> Iterator[StripeObject]:
    """The discounts that came whole, and whose coupon did."""
    for discount in found.get("discounts") or []:
        if isinstance(discount, dict) and isinstance((discount.get("source") or {}).get("coupon"), dict):
            yield discount


def _know_coupon(merchant: Merchant, discount: StripeObject) -> None:
    """Of a coupon that was deleted in Stripe its discounts may still tell the terms; one that was made since the
    coupons were listed is asked for."""
    coupon = discount["source"]["coupon"]
    discount["source"] = {**discount["source"], "coupon": coupon["id"]}
    with scope(merchant.id):
        if Coupon.objects.for_merchant(merchant.id).filter(stripe_id=coupon["id"]).exists():
            return
    now = retrieve(merchant, "coupon", coupon["id"])
    with scope(merchant.id):
        project(merchant.id, {**coupon, "deleted": True} if now.get("deleted") else now)


def _know_ended(merchant: Merchant, invoice: StripeObject) -> None:
    """Of what an invoice had taken off: the discounts that nothing carries any more."""
    every = [one for found in (invoice, *invoice["lines"]["data"]) for one in found.get("discounts") or []]
    whole = {one["id"]: one for one in every if isinstance(one, dict) and _lasts(one)}
    if not whole:
        return
    with scope(merchant.id):
        known = Discount.objects.for_merchant(merchant.id).filter(stripe_id__in=whole)
        for stripe_id in whole.keys() - set(known.values_list("stripe_id", flat=True)):
            _write_ended(merchant, whole[stripe_id], invoice)


def _lasts(discount: StripeObject) -> bool:
    """Whether it is more than this invoice's own."""
    return not discount.get("invoice") and not discount.get("invoice_item")


def _write_ended(merchant: Merchant, discount: StripeObject, invoice: StripeObject) -> None:
    """It held at least to the end of the period that it was last taken off. Lists come newest first."""
    lock([lock_key(merchant.stripe_account_id, invoice)])
    try:
        customer = customer_of(merchant.id, invoice["customer"])
        ends: list[datetime | None] = [instant(discount.get("end")), customer.now(), _billed_until(invoice)]
        write_discount(merchant.id, discount, removed_at=min(filter(None, ends)))
    except MissingReference:
        return  # its coupon is gone, and with it the terms: a gap of the history


def _billed_until(invoice: StripeObject) -> datetime:
    return max(
        (from_stripe(line["period"]["end"]) for line in invoice["lines"]["data"]),
        default=from_stripe(invoice["created"]),
    )


def _fold(found: dict[str, Any]) -> None:
    if found.get("discounts"):
        found["discounts"] = [reference(discount) for discount in found["discounts"]]
