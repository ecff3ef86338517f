"""Coupons and promotion codes as callers name them, and as Stripe takes them."""

from typing import Any
from uuid import UUID

from django.db.models import Q

from billingos.common.errors import InvalidRequest, NotFound
from billingos.common.ids import parse_uuid
from subscriptions.models import Coupon, PromotionCode


def named_discounts(merchant_id: UUID, *, coupon: str | None = None, promotion_code: str | None = None) -> list[Any]:
    """Stripe's `discounts` for one of the two: a coupon by our id or Stripe's, a promotion code also by what customers
    type. Raises NotFound, and InvalidRequest for both at once. Inside the merchant's scope."""
    if coupon and promotion_code:
        raise InvalidRequest("Either coupon or promotion_code.", param="promotion_code")
    if coupon:
        rows = Coupon.objects.for_merchant(merchant_id).filter(deleted_at=None)
        key = parse_uuid(coupon)
        found = (rows.filter(id=key) if key else rows.filter(stripe_id=coupon)).first()
        if found is None:
            raise NotFound(f"No such coupon: {coupon[:100]}.", param="coupon")
        return [{"coupon": found.stripe_id}]
    if promotion_code:
        return [{"promotion_code": _code(merchant_id, promotion_code).stripe_id}]
    return []


def _code(merchant_id: UUID, name: str) -> PromotionCode:
    rows = PromotionCode.objects.for_merchant(merchant_id).filter(deleted_at=None)
    key = parse_uuid(name)
    wanted = Q(id=key) if key else Q(stripe_id=name) | Q(code__iexact=name)
    found = rows.filter(wanted).order_by("-active", "-id").first()
    if found is None:
        raise NotFound(f"No such promotion code: {name[:100]}.", param="promotion_code")
    return found
