"""Writing coupons and promotion codes: Stripe first, then our rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from billingos.common.errors import Conflict
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.intents import execute
from billingos.stripe_gateway.operations import Call
from customers.models import Customer
from subscriptions.models import Coupon, Product, PromotionCode
from subscriptions.selectors import code_taken, coupon_id_taken


def create_coupon(
    *,
    merchant: Merchant,
    coupon_id: str | None = None,
    products: Sequence[Product] = (),
    redeem_by: datetime | None = None,
    key: str | None = None,
    **fields: Any,
) -> Coupon:
    """A coupon in Stripe and here; `fields` with Stripe's names. `coupon_id` is the merchant's own word for it; Stripe
    makes one up otherwise. `percent_off` is exact, as text; `amount_off` in minor units. Raises Conflict for an id that
    is or was taken: discounts that were given under it keep its terms."""

    def check() -> None:
        if coupon_id and coupon_id_taken(merchant.id, coupon_id):
            raise Conflict("A coupon with this id exists, or has existed.", param="id", code="coupon_exists")

    params = dict(fields)
    if coupon_id:
        params["id"] = coupon_id
    if products:
        params["applies_to"] = {"products": [product.stripe_id for product in products]}
    if redeem_by:
        params["redeem_by"] = int(redeem_by.timestamp())
    claim = f"coupon {coupon_id}" if coupon_id else None
    made: Coupon = execute(
        merchant=merchant, calls=[Call("coupons.create", params)], key=key, claim=claim, check=check
    )[0]
    return made


def update_coupon(*, merchant: Merchant, coupon: Coupon, fields: Mapping[str, Any]) -> Coupon:
    """Its name and metadata; Stripe lets nothing else of it change."""
    updated: Coupon = execute(merchant=merchant, calls=[Call("coupons.update", dict(fields), target=coupon.stripe_id)])[
        0
    ]
    return updated


def delete_coupon(*, merchant: Merchant, coupon: Coupon) -> None:
    """Nobody can redeem it any more; who has redeemed it keeps the discount."""
    execute(merchant=merchant, calls=[Call("coupons.delete", target=coupon.stripe_id)])


def create_promotion_code(
    *,
    merchant: Merchant,
    coupon: Coupon,
    code: str | None = None,
    customer: Customer | None = None,
    expires_at: datetime | None = None,
    first_time_transaction: bool = False,
    minimum_amount: int | None = None,
    minimum_amount_currency: str | None = None,
    key: str | None = None,
    **fields: Any,
) -> PromotionCode:
    """A code that customers type to redeem the coupon; Stripe makes one up if none is given. Of codes that differ only
    in case one can be active: raises Conflict for one that is."""

    def check() -> None:
        if code and code_taken(merchant.id, code):
            raise Conflict("An active promotion code like this exists.", param="code", code="promotion_code_exists")

    restrictions = {
        "first_time_transaction": first_time_transaction or None,
        "minimum_amount": minimum_amount,
        "minimum_amount_currency": minimum_amount_currency,
    }
    params: dict[str, Any] = {
        "promotion": {"type": "coupon", "coupon": coupon.stripe_id},
        "code": code,
        "customer": customer.stripe_id if customer else None,
        "expires_at": int(expires_at.timestamp()) if expires_at else None,
        "restrictions": {name: value for name, value in restrictions.items() if value is not None} or None,
        **fields,
    }
    params = {name: value for name, value in params.items() if value is not None}
    made: PromotionCode = execute(
        merchant=merchant,
        calls=[Call("promotion_codes.create", params)],
        key=key,
        claim=f"promotion code {code.lower()}" if code else None,
        check=check,
    )[0]
    return made


def update_promotion_code(
    *, merchant: Merchant, promotion_code: PromotionCode, fields: Mapping[str, Any]
) -> PromotionCode:
    """Switches it on or off; its metadata."""
    updated: PromotionCode = execute(
        merchant=merchant, calls=[Call("promotion_codes.update", dict(fields), target=promotion_code.stripe_id)]
    )[0]
    return updated
