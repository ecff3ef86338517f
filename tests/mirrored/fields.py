"""Every column that is copied from Stripe, and where in Stripe's object it stands: what a mirror promises.

`docs/mirrored-fields.md` is generated from this table (`python -m tests.mirrored.page`), a test holds the table to the
models, and `compare.py` holds rows to Stripe.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from customers.models import Customer, PaymentMethod
from subscriptions.models import (
    Coupon,
    CreditNote,
    Invoice,
    InvoiceLine,
    InvoicePayment,
    Payment,
    Price,
    Product,
    PromotionCode,
    Refund,
    Subscription,
    SubscriptionItem,
    SubscriptionSchedule,
)

Convert = Callable[[Any], Any]


def text(value: Any) -> str:
    return value or ""


def same(value: Any) -> Any:
    return value


def number(value: Any) -> int:
    return value or 0


def instant(value: Any) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value, tz=UTC)


def id_of(value: Any) -> str:
    return str(value["id"]) if isinstance(value, dict) else value or ""


def ids_of(value: Any) -> list[str]:
    return [id_of(entry) for entry in value or []]


def refunds_of(value: Any) -> list[str]:
    return [id_of(entry["refund"]) for entry in value or []]


def present(value: Any) -> bool:
    return bool(value)


def exact(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def total(value: Any) -> int:
    return sum(entry["amount"] for entry in value or [])


def listed(value: Any) -> list[Any]:
    return value or []


def own(value: Any) -> dict[str, str]:
    return {key: entry for key, entry in (value or {}).items() if not key.startswith("billingos_")}


def rates(value: Any) -> list[dict[str, Any]]:
    return [
        {"id": rate["id"], "percentage": str(rate["percentage"]), "inclusive": rate["inclusive"]}
        for rate in value or []
    ]


def shares_of_tax(value: Any) -> list[dict[str, Any]]:
    return [
        {
            "rate": tax["tax_rate_details"]["tax_rate"],
            "amount": tax["amount"],
            "taxable_amount": tax["taxable_amount"],
            "behavior": tax["tax_behavior"],
        }
        for tax in value or []
    ]


@dataclass(frozen=True, slots=True)
class Field:
    """`column` of a row is `path` of Stripe's object, as `convert` reads it. A path has dots; `*` is the kind's own
    name (a card's details are under `card`)."""

    column: str
    path: str
    convert: Convert = same

    def expected(self, stripe_object: dict[str, Any]) -> Any:
        found: Any = stripe_object
        for step in self.path.split("."):
            if not isinstance(found, dict):
                return self.convert(None)
            found = found.get(stripe_object["type"] if step == "*" else step)
        return self.convert(found)


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A model and its fields. `calculated` are columns of ours that follow from several of Stripe's, with the place
    that says how; `pointers` are foreign keys, with the path of the id they stand for."""

    fields: tuple[Field, ...]
    pointers: dict[str, str]
    calculated: dict[str, str]


TABLE: dict[Any, Mirrored] = {
    Customer: Mirrored(
        (
            Field("external_id", "metadata.billingos_external_id"),
            Field("email", "email", text),
            Field("name", "name", text),
            Field("currency", "currency", text),
            Field("balance", "balance", number),
            Field("delinquent", "delinquent", present),
            Field("default_payment_method_id", "invoice_settings.default_payment_method", id_of),
            Field("address", "address"),
            Field("tax_exempt", "tax_exempt", text),
            Field("metadata", "metadata", own),
        ),
        {"test_clock": "test_clock"},
        {},
    ),
    PaymentMethod: Mirrored(
        (
            Field("type", "type"),
            Field("brand", "*.brand", text),
            Field("last4", "*.last4", text),
            Field("exp_month", "*.exp_month"),
            Field("exp_year", "*.exp_year"),
            Field("funding", "*.funding", text),
        ),
        {"customer": "customer"},
        {},
    ),
    Product: Mirrored(
        (
            Field("name", "name"),
            Field("description", "description", text),
            Field("active", "active"),
            Field("metadata", "metadata", own),
        ),
        {},
        {},
    ),
    Price: Mirrored(
        (
            Field("currency", "currency"),
            Field("unit_amount", "unit_amount"),
            Field("unit_amount_decimal", "unit_amount_decimal", exact),
            Field("billing_scheme", "billing_scheme"),
            Field("tiers_mode", "tiers_mode", text),
            Field("tiers", "tiers"),
            Field("interval", "recurring.interval", text),
            Field("interval_count", "recurring.interval_count", lambda value: value or 1),
            Field("usage_type", "recurring.usage_type", lambda value: value or "licensed"),
            Field("lookup_key", "lookup_key", text),
            Field("nickname", "nickname", text),
            Field("active", "active"),
            Field("metadata", "metadata", own),
        ),
        {},
        {"version": "docs/catalog.md"},
    ),
    Coupon: Mirrored(
        (
            Field("name", "name", text),
            Field("percent_off", "percent_off", exact),
            Field("amount_off", "amount_off"),
            Field("currency", "currency", text),
            Field("duration", "duration"),
            Field("duration_in_months", "duration_in_months"),
            Field("product_stripe_ids", "applies_to.products", listed),
            Field("max_redemptions", "max_redemptions"),
            Field("times_redeemed", "times_redeemed", number),
            Field("redeem_by_at", "redeem_by", instant),
            Field("valid", "valid"),
            Field("metadata", "metadata", own),
        ),
        {},
        {},
    ),
    PromotionCode: Mirrored(
        (
            Field("code", "code"),
            Field("active", "active"),
            Field("max_redemptions", "max_redemptions"),
            Field("times_redeemed", "times_redeemed", number),
            Field("expires_at", "expires_at", instant),
            Field("first_time_transaction", "restrictions.first_time_transaction", present),
            Field("minimum_amount", "restrictions.minimum_amount"),
            Field("minimum_amount_currency", "restrictions.minimum_amount_currency", text),
            Field("metadata", "metadata", own),
        ),
        {"coupon": "promotion.coupon", "customer": "customer"},
        {},
    ),
    Subscription: Mirrored(
        (
            Field("status", "status"),
            Field("currency", "currency"),
            Field("started_at", "start_date", instant),
            Field("billing_cycle_anchor", "billing_cycle_anchor", instant),
            Field("trial_start", "trial_start", instant),
            Field("trial_end", "trial_end", instant),
            Field("cancel_at_period_end", "cancel_at_period_end"),
            Field("cancel_at", "cancel_at", instant),
            Field("canceled_at", "canceled_at", instant),
            Field("ended_at", "ended_at", instant),
            Field("collection_paused", "pause_collection", present),
            Field("pause_behavior", "pause_collection.behavior", text),
            Field("resumes_at", "pause_collection.resumes_at", instant),
            Field("cancellation_feedback", "cancellation_details.feedback", text),
            Field("cancellation_comment", "cancellation_details.comment", text),
            Field("cancellation_reason", "cancellation_details.reason", text),
            Field("collection_method", "collection_method"),
            Field("days_until_due", "days_until_due"),
            Field("default_payment_method_id", "default_payment_method", id_of),
            Field("default_tax_rates", "default_tax_rates", rates),
            Field("discount_ids", "discounts", ids_of),
            Field("schedule_id", "schedule", id_of),
            Field("latest_invoice_id", "latest_invoice", id_of),
            Field("metadata", "metadata", own),
        ),
        {"customer": "customer"},
        {
            "current_period_start": "the earliest of its items",
            "current_period_end": "the earliest of its items",
            "billing_anchor_day": "the day of billing_cycle_anchor",
            "next_billing_at": "docs/migration-strategy.md",
            "source": "docs/migration-strategy.md",
            "mrr": "docs/metrics.md",
        },
    ),
    SubscriptionItem: Mirrored(
        (
            Field("quantity", "quantity", number),
            Field("current_period_start", "current_period_start", instant),
            Field("current_period_end", "current_period_end", instant),
            Field("discount_ids", "discounts", ids_of),
            Field("tax_rates", "tax_rates", rates),
        ),
        {"price": "price"},
        {"subscription": "the one it is listed in", "version": "its price's", "mrr": "docs/metrics.md"},
    ),
    SubscriptionSchedule: Mirrored(
        (
            Field("status", "status"),
            Field("phases", "phases"),
            Field("current_phase_start", "current_phase.start_date", instant),
            Field("current_phase_end", "current_phase.end_date", instant),
            Field("end_behavior", "end_behavior", text),
            Field("released_at", "released_at", instant),
            Field("canceled_at", "canceled_at", instant),
            Field("completed_at", "completed_at", instant),
            Field("metadata", "metadata", own),
        ),
        {"customer": "customer"},
        {"subscription_stripe_id": "subscription, or released_subscription"},
    ),
    Invoice: Mirrored(
        (
            Field("number", "number", text),
            Field("status", "status"),
            Field("billing_reason", "billing_reason", text),
            Field("currency", "currency"),
            Field("subtotal", "subtotal"),
            Field("total", "total"),
            Field("amount_due", "amount_due"),
            Field("amount_paid", "amount_paid"),
            Field("amount_remaining", "amount_remaining"),
            Field("attempt_count", "attempt_count", number),
            Field("next_payment_attempt_at", "next_payment_attempt", instant),
            Field("period_start", "period_start", instant),
            Field("period_end", "period_end", instant),
            Field("due_at", "due_date", instant),
            Field("finalized_at", "status_transitions.finalized_at", instant),
            Field("paid_at", "status_transitions.paid_at", instant),
            Field("voided_at", "status_transitions.voided_at", instant),
            Field("marked_uncollectible_at", "status_transitions.marked_uncollectible_at", instant),
            Field("hosted_invoice_url", "hosted_invoice_url", text),
            Field("invoice_pdf", "invoice_pdf", text),
            Field("collection_method", "collection_method"),
            Field("description", "description", text),
            Field("footer", "footer", text),
            Field("discount_amount", "total_discount_amounts", total),
            Field("tax_amount", "total_taxes", total),
            Field("total_excluding_tax", "total_excluding_tax"),
            Field("starting_balance", "starting_balance", number),
            Field("ending_balance", "ending_balance"),
            Field("pre_payment_credit_notes_amount", "pre_payment_credit_notes_amount", number),
            Field("post_payment_credit_notes_amount", "post_payment_credit_notes_amount", number),
            Field("customer_name", "customer_name", text),
            Field("customer_email", "customer_email", text),
            Field("customer_address", "customer_address"),
            Field("customer_tax_ids", "customer_tax_ids", listed),
            Field("customer_tax_exempt", "customer_tax_exempt", text),
            Field("metadata", "metadata", own),
        ),
        {"customer": "customer", "subscription": "parent.subscription_details.subscription"},
        {},
    ),
    InvoiceLine: Mirrored(
        (
            Field("description", "description", text),
            Field("amount", "amount"),
            Field("quantity", "quantity"),
            Field("product_stripe_id", "pricing.price_details.product", id_of),
            Field("period_start", "period.start", instant),
            Field("period_end", "period.end", instant),
            Field("discount_amount", "discount_amounts", total),
            Field("tax_amount", "taxes", total),
            Field("taxes", "taxes", shares_of_tax),
        ),
        {"price": "pricing.price_details.price"},
        {
            "invoice": "the one it is listed in",
            "position": "its place in the list",
            "subscription_stripe_id": "parent.subscription_item_details or invoice_item_details",
            "item_stripe_id": "parent.subscription_item_details or invoice_item_details",
            "proration": "parent.subscription_item_details or invoice_item_details",
        },
    ),
    Payment: Mirrored(
        (
            Field("status", "status"),
            Field("amount", "amount"),
            Field("amount_received", "amount_received", number),
            Field("currency", "currency"),
            Field("payment_method_id", "payment_method", id_of),
            Field("latest_charge_id", "latest_charge", id_of),
            Field("failure_code", "last_payment_error.code", text),
            Field("decline_code", "last_payment_error.decline_code", text),
            Field("failure_message", "last_payment_error.message", text),
            Field("description", "description", text),
            Field("canceled_at", "canceled_at", instant),
            Field("metadata", "metadata", own),
        ),
        {"customer": "customer"},
        {},
    ),
    InvoicePayment: Mirrored(
        (
            Field("payment_stripe_id", "payment.payment_intent", id_of),
            Field("status", "status"),
            Field("amount_requested", "amount_requested"),
            Field("amount_paid", "amount_paid"),
            Field("is_default", "is_default"),
            Field("paid_at", "status_transitions.paid_at", instant),
            Field("canceled_at", "status_transitions.canceled_at", instant),
        ),
        {"invoice": "invoice"},
        {},
    ),
    Refund: Mirrored(
        (
            Field("charge_id", "charge", id_of),
            Field("status", "status", text),
            Field("amount", "amount"),
            Field("currency", "currency"),
            Field("reason", "reason", text),
            Field("failure_reason", "failure_reason", text),
            Field("metadata", "metadata", own),
        ),
        {"payment": "payment_intent"},
        {},
    ),
    CreditNote: Mirrored(
        (
            Field("number", "number"),
            Field("status", "status"),
            Field("currency", "currency"),
            Field("amount", "amount"),
            Field("subtotal", "subtotal"),
            Field("total", "total"),
            Field("pre_payment_amount", "pre_payment_amount", number),
            Field("post_payment_amount", "post_payment_amount", number),
            Field("out_of_band_amount", "out_of_band_amount"),
            Field("reason", "reason", text),
            Field("memo", "memo", text),
            Field("pdf", "pdf", text),
            Field("refund_stripe_ids", "refunds", refunds_of),
            Field("voided_at", "voided_at", instant),
            Field("metadata", "metadata", own),
        ),
        {"customer": "customer", "invoice": "invoice"},
        {},
    ),
}

# Columns that say nothing of Stripe's object.
OURS = {
    "id", "created_at", "updated_at", "merchant", "stripe_id", "stripe_created_at", "last_event_at",
    "stripe_written_at", "revision", "deleted_at",
}  # fmt: skip
