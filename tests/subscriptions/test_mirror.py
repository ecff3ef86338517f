"""What Stripe has becomes rows: coupons, discounts, invoices with their lines, payments and what follows them."""

import json
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billingos.common.ids import uuid7
from billingos.common.tenancy import scope
from customers.models import Customer, PaymentMethod
from subscriptions.models import (
    Coupon,
    CreditNote,
    Discount,
    Invoice,
    InvoicePayment,
    Payment,
    PromotionCode,
    Refund,
    Subscription,
    SubscriptionChange,
    SubscriptionSchedule,
)
from subscriptions.recounting import recount_discounted
from tests.scenes import Scene


def rows(scene: Scene, model: Any) -> list[Any]:
    with scope(scene.api.merchant.id):
        return list(model.objects.for_merchant(scene.api.merchant.id).order_by("id"))


def only(scene: Scene, model: Any, **wanted: Any) -> Any:
    with scope(scene.api.merchant.id):
        return model.objects.for_merchant(scene.api.merchant.id).get(**wanted)


def subscription(scene: Scene) -> Subscription:
    found: Subscription = only(scene, Subscription, stripe_id=scene.subscription["stripe_id"])
    return found


@pytest.fixture
def coupon(scene: Scene) -> Any:
    return scene.stripe_client.v1.coupons.create(
        {"id": "SPRING", "percent_off": 20, "duration": "repeating", "duration_in_months": 3, "name": "Spring"},
        scene.account,
    )


def test_coupons_and_promotion_codes(scene: Scene, coupon: Any) -> None:
    code = scene.stripe_client.v1.promotion_codes.create(
        {"promotion": {"type": "coupon", "coupon": "SPRING"}, "code": "HELLO", "max_redemptions": 5}, scene.account
    )
    scene.deliveries.flush()
    row = only(scene, Coupon, stripe_id="SPRING")
    assert (row.name, row.percent_off, row.duration, row.duration_in_months) == ("Spring", 20, "repeating", 3)
    promotion = only(scene, PromotionCode, stripe_id=code.id)
    assert (promotion.code, promotion.coupon_id, promotion.max_redemptions) == ("HELLO", row.id, 5)
    scene.stripe_client.v1.coupons.delete("SPRING", None, scene.account)
    scene.deliveries.flush()
    assert only(scene, Coupon, stripe_id="SPRING").deleted_at is not None


def test_a_discount_lowers_mrr_until_it_is_taken_away(scene: Scene, coupon: Any) -> None:
    subscriptions = scene.stripe_client.v1.subscriptions
    subscriptions.update(scene.subscription["stripe_id"], {"discounts": [{"coupon": "SPRING"}]}, scene.account)
    scene.deliveries.flush()
    row, discount = subscription(scene), only(scene, Discount)
    assert (row.mrr, row.discount_ids) == (3920, [discount.stripe_id])
    assert discount.ends_at.isoformat() == "2026-04-01T00:00:00+00:00"
    with scope(row.merchant_id):
        assert [item.mrr for item in row.items.all()] == [3920]
    subscriptions.update(scene.subscription["stripe_id"], {"discounts": ""}, scene.account)
    scene.deliveries.flush()
    assert subscription(scene).mrr == 4900
    assert only(scene, Discount).removed_at is not None


def test_a_discount_that_comes_late_is_in_the_history(scene: Scene, coupon: Any) -> None:
    scene.stripe_client.v1.subscriptions.update(
        scene.subscription["stripe_id"], {"discounts": [{"coupon": "SPRING"}]}, scene.account
    )
    batch = scene.deliveries.pop()
    late = [(body, headers) for body, headers in batch if json.loads(body)["type"] == "customer.discount.created"]
    assert late
    scene.deliveries.waiting = [delivery for delivery in batch if delivery not in late]
    scene.deliveries.flush()
    scene.deliveries.waiting = late
    scene.deliveries.flush()
    assert [change.mrr for change in rows(scene, SubscriptionChange)][-1] == 3920


@pytest.mark.parametrize("of", ["subscription", "customer"])
def test_a_long_history_is_recounted_in_few_statements(scene: Scene, coupon: Any, of: str) -> None:
    v1: Any = scene.stripe_client.v1
    if of == "subscription":
        v1.subscriptions.update(scene.subscription["stripe_id"], {"discounts": [{"coupon": "SPRING"}]}, scene.account)
    else:
        v1.customers.update(scene.customer["stripe_id"], {"coupon": "SPRING"}, scene.account)
        v1.subscriptions.update(scene.subscription["stripe_id"], {"metadata": {"team": "red"}}, scene.account)
    scene.deliveries.flush()
    last, discount = rows(scene, SubscriptionChange)[-1], only(scene, Discount)
    with scope(last.merchant_id):
        copies = [copy(last) for _ in range(60)]
        for nth, line in enumerate(copies):
            line.id, line.event_id, line.at, line.mrr = uuid7(), f"evt_{nth}", last.at + timedelta(days=nth), 1
            line.position = 1
        SubscriptionChange.objects.bulk_create(copies)
        with CaptureQueriesContext(connection) as captured:
            recount_discounted(discount)
        lines = SubscriptionChange.objects.for_merchant(last.merchant_id).filter(event_id__startswith="evt_")
        found = [line.mrr for line in lines.filter(id__in=[line.id for line in copies]).order_by("at")]
    assert len(captured) < 20
    ends = (discount.ends_at - last.at).days
    assert (ends > 50, set(found[:ends])) == (True, {3920})
    assert set(found[ends:]) <= {4900}


def test_an_invoice_has_its_lines_and_its_payment(scene: Scene) -> None:
    invoice = only(scene, Invoice)
    with scope(invoice.merchant_id):
        (line,) = invoice.lines.select_related("price")
        (link,) = InvoicePayment.objects.for_merchant(invoice.merchant_id).filter(invoice=invoice)
    assert (line.amount, line.quantity, line.price.stripe_id) == (4900, 1, scene.price["stripe_id"])
    assert line.subscription_stripe_id == scene.subscription["stripe_id"]
    assert (invoice.total, invoice.discount_amount, invoice.tax_amount) == (4900, 0, 0)
    payment = only(scene, Payment, stripe_id=link.payment_stripe_id)
    assert (payment.status, payment.amount_received, link.amount_paid) == ("succeeded", 4900, 4900)
    method = only(scene, PaymentMethod, stripe_id=payment.payment_method_id)
    assert (method.type, method.brand, method.last4) == ("card", "visa", "4242")


def test_a_payment_that_failed_is_known_with_its_reason(scene: Scene) -> None:
    customers, account = scene.stripe_client.v1.customers, scene.account
    stripe_id = scene.customer["stripe_id"]
    method = scene.stripe_client.v1.payment_methods.attach(
        "pm_card_chargeCustomerFail", {"customer": stripe_id}, account
    )
    customers.update(stripe_id, {"invoice_settings": {"default_payment_method": method.id}}, account)
    scene.advance(days=32)
    invoice = only(scene, Invoice, status="open")
    link = only(scene, InvoicePayment, invoice=invoice)
    payment = only(scene, Payment, stripe_id=link.payment_stripe_id)
    assert (payment.failure_code, payment.status) == ("card_declined", "requires_payment_method")
    assert link.amount_paid in {None, 0}


def test_refunds_and_credit_notes(scene: Scene) -> None:
    payment, invoice = only(scene, Payment), only(scene, Invoice)
    v1, account = scene.stripe_client.v1, scene.account
    v1.refunds.create({"payment_intent": payment.stripe_id, "amount": 900, "reason": "duplicate"}, account)
    note = v1.credit_notes.create({"invoice": invoice.stripe_id, "amount": 1000, "credit_amount": 1000}, account)
    scene.deliveries.flush()
    refund = only(scene, Refund)
    assert (refund.payment_id, refund.amount, refund.status, refund.reason) == (
        payment.id,
        900,
        "succeeded",
        "duplicate",
    )
    row = only(scene, CreditNote, stripe_id=note.id)
    assert (row.invoice_id, row.amount, row.post_payment_amount, row.status) == (invoice.id, 1000, 1000, "issued")
    assert only(scene, Customer).balance == -1000
    assert only(scene, Invoice).post_payment_credit_notes_amount == 1000


def test_a_schedule_is_known_until_it_is_released(scene: Scene) -> None:
    v1, account = scene.stripe_client.v1, scene.account
    schedule = v1.subscription_schedules.create({"from_subscription": scene.subscription["stripe_id"]}, account)
    scene.deliveries.flush()
    row = only(scene, SubscriptionSchedule)
    assert (row.status, row.subscription_stripe_id) == ("active", scene.subscription["stripe_id"])
    assert subscription(scene).schedule_id == schedule.id
    v1.subscription_schedules.release(schedule.id, None, account)
    scene.deliveries.flush()
    assert only(scene, SubscriptionSchedule).status == "released"
    assert subscription(scene).schedule_id == ""


def test_a_payment_method_goes(scene: Scene) -> None:
    method = only(scene, PaymentMethod)
    scene.stripe_client.v1.payment_methods.detach(method.stripe_id, None, scene.account)
    scene.deliveries.flush()
    assert only(scene, PaymentMethod).deleted_at is not None
