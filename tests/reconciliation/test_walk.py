"""What reconciliation finds and repairs: rows that were spoilt here, and what Stripe alone has."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from billingos.reconciliation.models import Drift, ReconciliationRun
from billingos.reconciliation.selectors import drifts
from billingos.reconciliation.services import reconcile
from billingos.webhooks.models import WebhookEvent
from customers.models import Customer
from entitlements.models import Entitlement
from subscriptions.models import Coupon, Invoice, Price, Subscription, SubscriptionItem
from tests.mirrored.compare import Truth, assert_rows_are
from tests.scenes import Scene


def found_by(run: ReconciliationRun) -> list[Drift]:
    with scope(run.merchant_id):
        return list(drifts(run.merchant_id, run=run).order_by("id"))


def told(run: ReconciliationRun) -> set[tuple[str, str, str]]:
    return {(drift.object_type, drift.part.partition(" ")[0], drift.field) for drift in found_by(run)}


def spoil(merchant: Merchant, model: Any, stripe_id: str, **columns: Any) -> None:
    """Behind everybody's back, as a person at the database would."""
    with scope(merchant.id):
        assert model.objects.for_merchant(merchant.id).filter(stripe_id=stripe_id).update(**columns) == 1


def assert_equal_to_stripe(scene: Scene) -> None:
    merchant = scene.api.merchant
    assert_rows_are(Truth(scene.stripe_client, merchant, scene.customer["stripe_id"]), merchant)


def state_of(merchant: Merchant) -> list[tuple[Any, ...]]:
    """Everything that is mirrored of the merchant, with its stamps and revisions."""
    rows: list[tuple[Any, ...]] = []
    tables = ("customers", "subscriptions", "subscription_items", "invoices", "invoice_lines", "prices", "products",
              "product_versions", "product_features", "entitlements", "payments", "invoice_payments", "discounts",
              "subscription_changes", "ai_insights", "webhook_events")  # fmt: skip
    with scope(merchant.id), connection.cursor() as cursor:
        for table in tables:
            statement = "SELECT to_jsonb({0}) FROM {0} WHERE merchant_id = %s ORDER BY id"
            cursor.execute(statement.format(table), [merchant.id])
            rows += cursor.fetchall()
    return rows


def test_a_life_by_webhooks_has_no_difference(scene: Scene) -> None:
    scene.advance(40)
    before = state_of(scene.api.merchant)
    run = reconcile(merchant=scene.api.merchant)
    assert [str(drift) for drift in found_by(run)] == []
    assert run.status == "finished"
    assert run.checked["subscription"] == 1
    assert run.checked["invoice"] == 2
    assert state_of(scene.api.merchant) == before  # not even a revision has moved


def test_spoilt_rows_are_told_and_repaired(scene: Scene) -> None:
    merchant, subscription = scene.api.merchant, scene.subscription
    reconcile(merchant=merchant)  # all is equal, and known to be
    spoil(merchant, Customer, scene.customer["stripe_id"], email="else@example.com", balance=-500)
    spoil(merchant, Subscription, subscription["stripe_id"], status="canceled", mrr=1)
    spoil(merchant, Price, scene.price["stripe_id"], unit_amount=1, metadata={"a": "b"})
    with scope(merchant.id):
        SubscriptionItem.objects.for_merchant(merchant.id).update(quantity=7)
        Entitlement.objects.for_merchant(merchant.id).filter(limit=1000).update(limit=5)
        Invoice.objects.for_merchant(merchant.id).update(amount_paid=0, hosted_invoice_url="https://example.com/secret")
    run = reconcile(merchant=merchant)
    assert told(run) >= {
        ("customer", "", "email"),
        ("customer", "", "balance"),
        ("subscription", "", "status"),
        ("subscription", "", "mrr"),
        ("subscription", "subscription_item", "quantity"),
        ("subscription", "entitlement", "limit"),
        ("price", "", "unit_amount"),
        ("price", "", "metadata"),
        ("invoice", "", "amount_paid"),
    }
    by_field = {drift.field: drift for drift in found_by(run)}
    status = by_field["status"]
    assert (status.ours, status.stripes, status.kind, status.stripe_id) == (
        "canceled",
        "active",
        "different",
        subscription["stripe_id"],
    )
    assert "hosted_invoice_url" not in by_field  # made anew for each answer: it is taken over, and no difference
    assert {(drift.cause, drift.repaired_at is None) for drift in found_by(run)} == {("changed_here", False)}
    assert_equal_to_stripe(scene)
    assert scene.allowed()
    assert found_by(reconcile(merchant=merchant)) == []


def test_a_dry_run_writes_nothing(scene: Scene) -> None:
    merchant = scene.api.merchant
    spoil(merchant, Customer, scene.customer["stripe_id"], email="else@example.com")
    with scope(merchant.id):
        Invoice.objects.for_merchant(merchant.id).all().delete()
    before = state_of(merchant)
    run = reconcile(merchant=merchant, dry_run=True)
    assert told(run) == {("customer", "", "email"), ("invoice", "", "")}
    assert [drift.repaired_at for drift in found_by(run)] == [None, None]
    assert state_of(merchant) == before


def test_rows_that_were_deleted_come_back(scene: Scene) -> None:
    merchant = scene.api.merchant
    with scope(merchant.id):
        Entitlement.objects.for_merchant(merchant.id).delete()
        Invoice.objects.for_merchant(merchant.id).delete()
        SubscriptionItem.objects.for_merchant(merchant.id).delete()
    run = reconcile(merchant=merchant)
    assert told(run) >= {
        ("subscription", "subscription_item", ""),
        ("subscription", "entitlement", ""),
        ("invoice", "", ""),
    }
    assert {drift.kind for drift in found_by(run) if not drift.field} == {"missing_here"}
    assert_equal_to_stripe(scene)
    assert scene.allowed()
    assert found_by(reconcile(merchant=merchant)) == []


def test_rows_that_stripe_does_not_have_are_marked(scene: Scene) -> None:
    merchant = scene.api.merchant
    with scope(merchant.id):
        extra = Subscription.objects.for_merchant(merchant.id).get()
        extra.pk, extra.stripe_id, extra._state.adding = None, "sub_invented", True
        extra.save()
        invoice = Invoice.objects.for_merchant(merchant.id).get()
        invoice.pk, invoice.stripe_id, invoice._state.adding = None, "in_invented", True
        invoice.save()
    run = reconcile(merchant=merchant)
    assert {(drift.stripe_id, drift.kind, drift.field) for drift in found_by(run)} == {
        ("sub_invented", "missing_there", ""),
        ("in_invented", "missing_there", ""),
    }
    with scope(merchant.id):
        assert Subscription.objects.for_merchant(merchant.id).get(stripe_id="sub_invented").status == "canceled"
        assert Invoice.objects.for_merchant(merchant.id).get(stripe_id="in_invented").deleted_at
    assert found_by(reconcile(merchant=merchant)) == []


def test_what_happened_while_nothing_was_delivered(scene: Scene) -> None:
    merchant = scene.api.merchant
    clocks = scene.stripe_client.v1.test_helpers.test_clocks
    now = clocks.retrieve(scene.clock, None, scene.account).frozen_time
    clocks.advance(scene.clock, {"frozen_time": now + 33 * 86_400}, scene.account)
    scene.stripe_client.v1.subscriptions.cancel(scene.subscription["stripe_id"], None, scene.account)
    dropped = {json.loads(body)["id"] for body, _ in scene.deliveries.pop()}
    dry = reconcile(merchant=merchant, dry_run=True)
    run = reconcile(merchant=merchant)
    assert told(run) <= told(dry)  # with an invoice also what pays it is repaired, and not missed any more
    assert ("subscription", "", "status") in told(run)
    assert ("invoice", "", "") in told(run)
    events = {drift.stripe_id for drift in found_by(run) if drift.object_type == "event"}
    assert events <= dropped
    assert {drift.cause for drift in found_by(run)} == {"event_never_came"}
    scene.deliveries.flush()  # what was taken into the inbox is drained
    assert_equal_to_stripe(scene)
    assert not scene.allowed()
    assert found_by(reconcile(merchant=merchant)) == []


def run_command(*args: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("reconcile", *args, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command(scene: Scene) -> None:
    merchant = scene.api.merchant
    status, text = run_command("--merchant", merchant.slug, "--dry-run", "--json")
    assert (status, json.loads(text)["drifts"]) == (0, [])
    assert json.loads(text)["checked"]["customer"] == 1
    spoil(merchant, Customer, scene.customer["stripe_id"], name="Nobody")
    status, text = run_command("--merchant", merchant.slug, "--dry-run", "--json")
    (drift,) = json.loads(text)["drifts"]
    assert status == 1
    assert (drift["object_type"], drift["field"], drift["ours"], drift["stripes"]) == ("customer", "name", "Nobody", "")
    status, text = run_command("--merchant", merchant.slug)
    assert status == 1
    assert "Nobody" in text
    assert "1 difference" in text
    assert run_command("--merchant", merchant.slug, "--incremental")[0] == 0


def test_the_command_refuses_an_unknown_merchant(committed_db: None) -> None:
    with pytest.raises(CommandError, match="no merchant with the slug 'nobody'"):
        call_command("reconcile", "--merchant", "nobody")


def test_how_often_a_coupon_was_redeemed_is_taken_over_silently(scene: Scene) -> None:
    v1, merchant = scene.stripe_client.v1, scene.api.merchant
    coupon = v1.coupons.create({"percent_off": 10, "duration": "forever"}, scene.account)
    v1.subscriptions.update(scene.subscription["stripe_id"], {"discounts": [{"coupon": coupon.id}]}, scene.account)
    scene.deliveries.flush()
    assert found_by(reconcile(merchant=merchant)) == []
    with scope(merchant.id):
        assert Coupon.objects.for_merchant(merchant.id).get(stripe_id=coupon.id).times_redeemed == 1


def test_without_an_earlier_run_a_change_by_hand_is_known_by_its_time(scene: Scene) -> None:
    merchant = scene.api.merchant
    with scope(merchant.id):  # its events were done an hour ago, its row was written then
        WebhookEvent.objects.filter(merchant=merchant).update(processed_at=timezone.now() - timedelta(hours=1))
        Customer.objects.for_merchant(merchant.id).update(stripe_written_at=None)
    spoil(merchant, Customer, scene.customer["stripe_id"], name="By hand")
    for dry_run in (True, False):
        (drift,) = found_by(reconcile(merchant=merchant, dry_run=dry_run))
        assert (drift.field, drift.cause) == ("name", "changed_here")
