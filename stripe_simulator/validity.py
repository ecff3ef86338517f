"""Whether coupons and promotion codes can be redeemed: not used up, not too late."""

from stripe_simulator.database import Record


def coupon_is_valid(coupon: Record, now: int) -> bool:
    """Whether a coupon can be redeemed now (Unix seconds)."""
    return not _used_up(coupon) and (coupon["redeem_by"] is None or now <= coupon["redeem_by"])


def code_is_active(code: Record, coupon: Record | None, now: int) -> bool:
    """Whether a promotion code can be used now: switched on, not expired, not used up, its coupon valid."""
    if not code["active"] or _used_up(code):
        return False
    if code["expires_at"] is not None and now > code["expires_at"]:
        return False
    return coupon is not None and coupon_is_valid(coupon, now)


def _used_up(record: Record) -> bool:
    return record["max_redemptions"] is not None and record["times_redeemed"] >= record["max_redemptions"]
