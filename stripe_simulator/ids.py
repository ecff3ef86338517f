"""Ids like Stripe's. They grow with time, so that the order of ids is the order of making within a second."""

import secrets
import threading
import time

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TIME_DIGITS = 9  # 62**9 microseconds reach the year 2398

# kind → (prefix, number of characters after it)
_SHAPES: dict[str, tuple[str, int]] = {
    "account": ("acct_1", 15),
    "billing.meter": ("mtr_test_", 23),
    "billing.meter_event": ("mev_", 23),
    "billing.meter_event_summary": ("mtrusg_test_", 23),
    "billing_portal.configuration": ("bpc_1", 23),
    "billing_portal.session": ("bps_1", 23),
    "charge": ("ch_3", 23),
    "checkout.session": ("cs_test_", 58),
    "dispute": ("du_1", 23),
    "credit_note": ("cn_1", 23),
    "credit_note_line_item": ("cnli_1", 23),
    "customer": ("cus_", 14),
    "customer_balance_transaction": ("cbtxn_1", 23),
    "discount": ("di_1", 23),
    "entitlements.active_entitlement": ("ent_test_", 20),
    "entitlements.feature": ("feat_test_", 20),
    "event": ("evt_1", 23),
    "invoice": ("in_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "invoiceitem": ("ii_1", 23),
    "invoice_preview": ("upcoming_in_1", 23),
    "item": ("li_1", 23),
    "line_preview": ("il_tmp_1", 23),
    "line_item": ("il_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "price": ("price_1", 23),
    "product": ("prod_", 14),
    "product_feature": ("prodft_", 24),
    "refund": ("re_3", 23),
    "promotion_code": ("promo_1", 23),
    "request": ("req_", 14),
    "setup_intent": ("seti_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "subscription_schedule": ("sub_sched_1", 23),
    "tax_id": ("txi_1", 23),
    "tax_rate": ("txr_1", 23),
    "test_helpers.test_clock": ("clock_1", 23),
    "token": ("tok_1", 23),
    "transaction": ("txn_3", 23),
    "webhook_endpoint": ("we_1", 23),
    "delivery": ("del_", 20),
}

_lock = threading.Lock()
_last = 0


def _tick() -> int:
    """Microseconds, strictly growing over the life of the process."""
    global _last
    with _lock:
        _last = max(_last + 1, time.time_ns() // 1000)
        return _last


def _base62(number: int, digits: int) -> str:
    out = []
    for _ in range(digits):
        number, digit = divmod(number, 62)
        out.append(_ALPHABET[digit])
    return "".join(reversed(out))


def random_text(length: int) -> str:
    """Random letters and digits."""
    return "".join(_ALPHABET[byte % 62] for byte in secrets.token_bytes(length))


def new_id(kind: str) -> str:
    """A new id for an object of this kind."""
    prefix, length = _SHAPES[kind]
    return prefix + _base62(_tick(), _TIME_DIGITS) + random_text(length - _TIME_DIGITS)
