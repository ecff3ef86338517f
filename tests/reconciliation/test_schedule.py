"""When runs begin by themselves, what they tell people, and what is forgotten."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from billingos.common.errors import Conflict
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import AuditEntry, Merchant
from billingos.reconciliation.models import ComparedObject, Drift, ReconciliationRun
from billingos.reconciliation.services import due, forget_old_runs, reconcile, request_run
from billingos.reconciliation.tasks import reconcile_merchant
from billingos.webhooks.models import WebhookEvent
from customers.models import Customer
from subscriptions.models import Subscription
from tests.factories import MerchantFactory, platform_merchant
from tests.reconciliation.test_walk import assert_equal_to_stripe, found_by, spoil, told
from tests.scenes import Scene

Kind = ReconciliationRun.Kind


def due_for(merchant: Merchant) -> list[tuple[str, bool]]:
    return [(kind, dry_run) for merchant_id, kind, dry_run in due() if merchant_id == merchant.id]


def add_run(merchant: Merchant, **fields: Any) -> ReconciliationRun:
    fields = {"kind": Kind.FULL, "status": "finished", "started_at": timezone.now(), **fields}
    with scope(merchant.id):
        return ReconciliationRun.objects.create(merchant=merchant, **fields)


def age(merchant: Merchant, days: int = 3) -> None:
    with platform_scope():
        Merchant.objects.filter(id=merchant.id).update(created_at=timezone.now() - timedelta(days=days))


def test_full_runs_come_at_night_and_incremental_ones_each_hour(
    committed_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    settings.RECONCILE_FULL_HOUR = now.hour
    merchant = MerchantFactory.create()
    assert due_for(merchant) == []  # its first hour begins with it
    age(merchant)
    assert due_for(merchant) == [("full", False)]
    add_run(merchant, dry_run=True)
    assert due_for(merchant) == [("full", False)]  # a dry run repairs nothing
    run = add_run(merchant)
    assert due_for(merchant) == []
    settings.RECONCILE_FULL_HOUR = (now.hour + 1) % 24
    with scope(merchant.id):
        ReconciliationRun.objects.for_merchant(merchant.id).update(started_at=now - timedelta(minutes=61))
    assert due_for(merchant) == [("incremental", False)]
    add_run(merchant, kind=Kind.INCREMENTAL, started_at=now - timedelta(minutes=59))
    assert due_for(merchant) == []
    with scope(merchant.id):
        ReconciliationRun.objects.for_merchant(merchant.id).filter(id=run.id).update(status="running")
    assert due_for(merchant) == []  # somebody is at it
    monkeypatch.setattr("billingos.reconciliation.services.LEFT_OFF", timedelta(0))
    assert due_for(merchant) == [("full", False)]  # nobody is
    with scope(merchant.id):
        ReconciliationRun.objects.for_merchant(merchant.id).update(started_at=now - timedelta(minutes=61))
    assert due_for(merchant) == [("full", False), ("incremental", False)]  # the hour does not wait for a long night
    add_run(merchant, kind=Kind.INCREMENTAL, status="running")
    assert due_for(merchant) == [("full", False), ("incremental", False)]  # both go on


def test_who_is_not_connected_or_suspended_is_left_out(committed_db: None) -> None:
    unconnected = MerchantFactory.create(stripe_account_id=None)
    suspended = MerchantFactory.create()
    for merchant in (unconnected, suspended):
        age(merchant)
    with platform_scope():
        Merchant.objects.filter(id=suspended.id).update(status=Merchant.Status.SUSPENDED)
    assert due_for(unconnected) == due_for(suspended) == []


def test_an_incremental_run_finds_what_never_came(scene: Scene) -> None:
    merchant, v1 = scene.api.merchant, scene.stripe_client.v1
    reconcile(merchant=merchant)
    plain = v1.customers.create({"name": "Plain"}, scene.account).id
    scene.deliveries.flush()
    v1.customers.update(plain, {"name": "Renamed"}, scene.account)
    v1.subscriptions.update(scene.subscription["stripe_id"], {"cancel_at_period_end": True}, scene.account)
    dropped = {json.loads(body)["id"] for body, _ in scene.deliveries.pop()}
    run = reconcile(merchant=merchant, kind=Kind.INCREMENTAL)
    assert run.since is not None
    assert {drift.stripe_id for drift in found_by(run) if drift.object_type == "event"} == dropped
    assert ("customer", "", "name") in told(run)
    assert ("subscription", "", "cancel_at_period_end") in told(run)
    with scope(merchant.id):
        assert WebhookEvent.objects.filter(merchant=merchant, stripe_event_id__in=dropped).count() == len(dropped)
    scene.deliveries.flush()
    with scope(merchant.id):
        assert not WebhookEvent.objects.filter(merchant=merchant, status="failed").exists()
    assert_equal_to_stripe(scene)
    assert found_by(reconcile(merchant=merchant, kind=Kind.INCREMENTAL)) == []


def test_the_task_goes_on_where_another_left_off(scene: Scene) -> None:
    merchant = scene.api.merchant
    spoil(merchant, Customer, scene.customer["stripe_id"], name="Spoilt")
    run = request_run(merchant=merchant)
    with pytest.raises(Conflict):
        request_run(merchant=merchant)
    reconcile_merchant(str(merchant.id), str(run.id))
    with scope(merchant.id):
        run.refresh_from_db()
        assert AuditEntry.objects.filter(merchant=merchant, action="reconciliation.requested").exists()
    assert (run.status, run.drift_count) == ("finished", 1)


def test_too_much_is_told_once(scene: Scene, settings: Any) -> None:
    settings.RECONCILE_WARNING_DRIFTS, settings.RECONCILE_CRITICAL_DRIFTS = 2, 4
    merchant, customer = scene.api.merchant, scene.customer["stripe_id"]
    mail.outbox.clear()
    spoil(merchant, Customer, customer, name="Spoilt")
    assert reconcile(merchant=merchant).alert == ""
    spoil(merchant, Customer, customer, email="spoilt@example.com")
    assert reconcile(merchant=merchant, dry_run=True).alert == ""
    assert reconcile(merchant=merchant).alert == "warning"
    assert reconcile(merchant=merchant).alert == "warning"  # and is not told again
    spoil(merchant, Subscription, scene.subscription["stripe_id"], cancel_at_period_end=True, days_until_due=3)
    run = reconcile(merchant=merchant)
    assert run.alert == "critical"
    assert [len(message.to) for message in mail.outbox] == [1, 1]
    assert "4 differences" in mail.outbox[1].subject
    assert f"/app/{merchant.slug}/reconciliation/{run.id}" in mail.outbox[1].body
    with scope(merchant.id):
        entries = AuditEntry.objects.filter(merchant=merchant, action="reconciliation.alert").order_by("id")
        assert [entry.details["level"] for entry in entries] == ["warning", "critical"]
        Drift.objects.filter(merchant=merchant).update(found_at=timezone.now() - timedelta(hours=2))
    assert reconcile(merchant=merchant).alert == ""


def test_what_is_old_is_forgotten(committed_db: None) -> None:
    merchant = MerchantFactory.create()
    old = add_run(merchant, started_at=timezone.now() - timedelta(days=91))
    young = add_run(merchant)
    with scope(merchant.id):
        for run in (old, young):
            Drift.objects.create(merchant=merchant, run=run, kind="different", found_at=run.started_at)
        ComparedObject.objects.create(merchant=merchant, object_type="customer", stripe_id="cus_1")
    assert forget_old_runs() >= 1
    with scope(merchant.id):
        assert [run.id for run in ReconciliationRun.objects.for_merchant(merchant.id)] == [young.id]
        assert [drift.run_id for drift in Drift.objects.for_merchant(merchant.id)] == [young.id]
        assert ComparedObject.objects.for_merchant(merchant.id).count() == 1


def test_the_platforms_own_account(stripe_client: Any, deliveries: Any, committed_db: None) -> None:
    merchant = platform_merchant()
    customer = stripe_client.v1.customers.create({"name": "Ours"})
    deliveries.pop()
    run = reconcile(merchant=merchant)
    assert customer.id in {drift.stripe_id for drift in found_by(run)}
    with scope(merchant.id):
        assert Customer.objects.for_merchant(merchant.id).get(stripe_id=customer.id).name == "Ours"
    assert found_by(reconcile(merchant=merchant)) == []
