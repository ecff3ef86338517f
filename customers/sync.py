"""Stripe customer → `customers`; test clock → `test_clocks`; payment method → `payment_methods`. The only writer of
these columns."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from billingos.common.errors import MissingReference
from billingos.common.mirrored import reference, write_mirrored
from billingos.common.periods import from_stripe
from billingos.common.readahead import forget, mirrored_row
from billingos.common.registries import StripeObject, projects, publish
from customers.events import CustomerSynced
from customers.models import Customer, PaymentMethod, TestClock

EXTERNAL_ID = "billingos_external_id"


@projects("test_helpers.test_clock", TestClock)
def sync_test_clock(merchant_id: UUID, clock: StripeObject, event_at: datetime | None = None) -> TestClock | None:
    """Stripe test clock → row; its time only moves forward."""
    if clock.get("deleted"):
        if known := mirrored_row(TestClock, merchant_id, clock["id"]):
            known.deleted_at = timezone.now()
            known.save(update_fields=["deleted_at"])
        return None
    return write_mirrored(
        TestClock,
        merchant_id,
        clock,
        event_at,
        {
            "name": clock.get("name") or "",
            "frozen_at": from_stripe(clock["frozen_time"]),
            "status": clock["status"],
        },
    )


@projects("customer", Customer)
def sync_customer(merchant_id: UUID, customer: StripeObject, event_at: datetime | None = None) -> Customer | None:
    """Stripe customer → row. Raises MissingReference for a test clock that is not here yet."""
    if customer.get("deleted"):
        known = mirrored_row(Customer, merchant_id, customer["id"])
        if known is None:  # what was theirs points to them, and may come later
            return write_mirrored(Customer, merchant_id, customer, event_at, {"deleted_at": timezone.now()})
        if known.deleted_at is None:
            known.deleted_at = timezone.now()
            known.save(update_fields=["deleted_at"])
        return known
    row = _write(merchant_id, customer, event_at)
    publish(CustomerSynced(merchant_id, row.id, customer.get("discount")))
    return row


def _write(merchant_id: UUID, customer: StripeObject, event_at: datetime | None) -> Customer:
    columns = _columns(merchant_id, customer)
    if columns["external_id"] is None:
        return write_mirrored(Customer, merchant_id, customer, event_at, columns)
    try:
        with transaction.atomic():
            return write_mirrored(Customer, merchant_id, customer, event_at, columns)
    except IntegrityError:
        forget()
        # Someone gave a second Stripe customer the same external id, in Stripe: the first one keeps it.
        return write_mirrored(Customer, merchant_id, customer, event_at, {**columns, "external_id": None})


def _columns(merchant_id: UUID, customer: StripeObject) -> dict[str, Any]:
    metadata = customer.get("metadata") or {}
    external_id = metadata.get(EXTERNAL_ID)
    return {
        "external_id": None if not external_id or external_id.startswith("cus_") else external_id,
        "email": customer.get("email") or "",
        "name": customer.get("name") or "",
        "currency": customer.get("currency") or "",
        "balance": customer.get("balance") or 0,
        "delinquent": bool(customer.get("delinquent")),
        "default_payment_method_id": reference((customer.get("invoice_settings") or {}).get("default_payment_method")),
        "address": customer.get("address"),
        "tax_exempt": customer.get("tax_exempt") or "",
        "metadata": {key: value for key, value in metadata.items() if not key.startswith("billingos_")},
        "test_clock_id": _test_clock_id(merchant_id, reference(customer.get("test_clock"))),
    }


def _test_clock_id(merchant_id: UUID, stripe_id: str) -> UUID | None:
    if not stripe_id:
        return None
    clock = mirrored_row(TestClock, merchant_id, stripe_id)
    if clock is None:
        raise MissingReference("test_helpers.test_clock", stripe_id)
    return clock.id


def customer_of(merchant_id: UUID, value: Any) -> Customer:
    """The row behind a field of a Stripe object that names a customer. Raises MissingReference."""
    stripe_id = reference(value)
    found = mirrored_row(Customer, merchant_id, stripe_id)
    if found is None:
        raise MissingReference("customer", stripe_id)
    return found


@projects("payment_method", PaymentMethod)
def sync_payment_method(
    merchant_id: UUID, method: StripeObject, event_at: datetime | None = None
) -> PaymentMethod | None:
    """Stripe payment method → row, if it is or was a customer's; detached for good, it is marked deleted."""
    known = mirrored_row(PaymentMethod, merchant_id, method["id"])
    if method.get("deleted") or not method.get("customer"):
        if known and known.deleted_at is None:
            known.deleted_at = timezone.now()
            known.save(update_fields=["deleted_at"])
        return known
    if known and known.deleted_at:
        return known
    kind = method["type"]
    details = method.get(kind) or {}
    return write_mirrored(
        PaymentMethod,
        merchant_id,
        method,
        event_at,
        {
            "customer": customer_of(merchant_id, method["customer"]),
            "type": kind,
            "brand": details.get("brand") or "",
            "last4": details.get("last4") or "",
            "exp_month": details.get("exp_month"),
            "exp_year": details.get("exp_year"),
            "funding": details.get("funding") or "",
        },
    )
