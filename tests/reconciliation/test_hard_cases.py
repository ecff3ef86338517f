"""What a comparison meets in the wild: what Stripe no longer has, answers that differ each time, live mode, accounts
that are being imported, and processes that die between two writes.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from billingos.backfill.models import Backfill
from billingos.common.errors import Conflict
from billingos.common.tenancy import platform_scope, scope
from billingos.reconciliation import missed
from billingos.reconciliation.models import ReconciliationRun
from billingos.reconciliation.services import begin_run, go_on, reconcile, request_run
from billingos.stripe_gateway.listing import legs, list_page
from billingos.stripe_gateway.operations import retrieve
from billingos.webhooks.models import WebhookEvent
from customers.models import Customer
from subscriptions.models import Invoice, InvoicePayment, Price
from tests.reconciliation.test_runs import Killed, make_customers
from tests.reconciliation.test_walk import found_by, spoil, told
from tests.scenes import Scene


def test_in_live_mode_no_clock_is_asked_for(scene: Scene, settings: Any) -> None:
    """Stripe refuses to list them to a live key."""
    settings.STRIPE_LIVE_MODE = True
    names = [leg.name for leg in legs(scene.api.merchant, ("price", "test_helpers.test_clock", "customer"))]
    assert names == ["price active=true", "price active=false", "customer"]


def test_archived_prices_are_compared_too(scene: Scene) -> None:
    merchant, v1 = scene.api.merchant, scene.stripe_client.v1
    v1.prices.update(scene.price["stripe_id"], {"active": False}, scene.account)
    scene.deliveries.flush()
    spoil(merchant, Price, scene.price["stripe_id"], unit_amount=1)
    run = reconcile(merchant=merchant)
    assert ("price", "", "unit_amount") in told(run)
    assert run.checked["price"] == 1


def test_what_points_to_what_is_gone_does_not_keep_others_from_being_compared(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A price that Stripe no longer knows, of a subscription that it still has."""
    merchant, price = scene.api.merchant, scene.price["stripe_id"]
    with scope(merchant.id):
        Price.objects.for_merchant(merchant.id).filter(stripe_id=price).update(stripe_id="price_of_before")

    def answer(merchant: Any, object_type: str, stripe_id: str, **options: Any) -> Any:
        if stripe_id == price:
            return {"id": price, "object": "price", "deleted": True}
        return retrieve(merchant, object_type, stripe_id, **options)

    def listed(merchant: Any, object_type: str, *args: Any, **options: Any) -> Any:
        page = list_page(merchant, object_type, *args, **options)
        page.objects[:] = [one for one in page.objects if one["id"] != price]
        return page

    monkeypatch.setattr("billingos.reconciliation.comparing.retrieve", answer)
    monkeypatch.setattr("billingos.reconciliation.walking.list_page", listed)
    spoil(merchant, Customer, scene.customer["stripe_id"], name="Spoilt")
    run = reconcile(merchant=merchant)
    assert run.status == "finished"
    about = {drift.object_type: drift for drift in found_by(run) if drift.part == "not compared"}
    assert set(about) == {"subscription"}
    assert price in str(about["subscription"].stripes)
    assert ("customer", "", "name") in told(run)


def test_addresses_of_pages_are_taken_over_without_a_word(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe makes them anew for each answer."""
    merchant = scene.api.merchant
    answers = 0

    def listed(merchant: Any, object_type: str, *args: Any, **options: Any) -> Any:
        nonlocal answers
        page = list_page(merchant, object_type, *args, **options)
        for one in page.objects:
            if object_type == "invoice":
                answers += 1
                one["hosted_invoice_url"] = f"https://a.example/{answers}"
        return page

    monkeypatch.setattr("billingos.reconciliation.walking.list_page", listed)
    assert found_by(reconcile(merchant=merchant)) == []
    with scope(merchant.id):
        row = Invoice.objects.for_merchant(merchant.id).get()
    assert row.hosted_invoice_url == "https://a.example/1"
    assert found_by(reconcile(merchant=merchant)) == []
    with scope(merchant.id):  # nothing else has changed: it is not even projected
        assert Invoice.objects.for_merchant(merchant.id).get().revision == row.revision


def test_what_was_paid_here_and_is_not_there_becomes_as_there(scene: Scene) -> None:
    merchant = scene.api.merchant
    with scope(merchant.id):
        InvoicePayment.objects.for_merchant(merchant.id).update(status="canceled")
    run = reconcile(merchant=merchant)
    assert ("invoice", "invoice_payment", "status") in told(run)
    assert found_by(reconcile(merchant=merchant)) == []


def test_an_account_that_is_being_imported_is_left_alone(scene: Scene) -> None:
    merchant = scene.api.merchant
    begun = begin_run(merchant=merchant, kind="full", dry_run=False)
    with scope(merchant.id):
        row = Backfill.objects.create(merchant_id=merchant.id, stage="events")
    for attempt in (reconcile, request_run):
        with pytest.raises(Conflict) as refused:
            attempt(merchant=merchant)
        assert refused.value.code in {"backfill_running", "reconciliation_running"}
    assert not go_on(merchant=merchant, run_id=begun.id, seconds=60)
    with scope(merchant.id):
        assert ReconciliationRun.objects.for_merchant(merchant.id).get().checked == {}
        Backfill.objects.filter(id=row.id).update(status=Backfill.Status.COMPLETED)
    go_on(merchant=merchant, run_id=begun.id, seconds=60)
    with scope(merchant.id):
        assert ReconciliationRun.objects.for_merchant(merchant.id).get().status == "finished"


def test_an_event_that_was_told_of_and_not_kept_is_told_of_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies between the difference and the inbox."""
    merchant = scene.api.merchant
    scene.stripe_client.v1.customers.update(scene.customer["stripe_id"], {"name": "Lost"}, scene.account)
    scene.deliveries.pop()

    def dying(event: Any) -> bool:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(missed, "store", dying)
        with pytest.raises(Killed):
            reconcile(merchant=merchant)
    run = reconcile(merchant=merchant)
    lost = [drift for drift in found_by(run) if drift.object_type == "event"]
    assert [drift.field for drift in lost] == ["customer.updated"]
    with scope(merchant.id):
        assert WebhookEvent.objects.filter(merchant=merchant, stripe_event_id=lost[0].stripe_id).exists()


def test_an_event_that_came_while_the_account_was_nobodys_is_adopted(scene: Scene) -> None:
    merchant = scene.api.merchant
    scene.stripe_client.v1.customers.update(scene.customer["stripe_id"], {"name": "Early"}, scene.account)
    scene.deliveries.flush()
    with platform_scope():
        rows = WebhookEvent.objects.filter(merchant=merchant, type="customer.updated")
        (early,) = rows.order_by("-id")[:1]
        rows.filter(id=early.id).update(merchant=None, status="ignored", reason="unknown account")
    assert early.stripe_event_id in {drift.stripe_id for drift in found_by(reconcile(merchant=merchant))}
    scene.deliveries.flush()
    with scope(merchant.id):
        assert WebhookEvent.objects.get(id=early.id).status == "processed"
    assert found_by(reconcile(merchant=merchant)) == []


def test_what_postgresql_cannot_hold_is_compared_all_the_same(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    merchant = scene.api.merchant

    def listed(merchant: Any, object_type: str, *args: Any, **options: Any) -> Any:
        page = list_page(merchant, object_type, *args, **options)
        for one in page.objects:
            if object_type == "customer":
                one["name"] = "N\x00UL"
        return page

    monkeypatch.setattr("billingos.reconciliation.walking.list_page", listed)
    reconcile(merchant=merchant)
    with scope(merchant.id):
        assert Customer.objects.for_merchant(merchant.id).get().name == "NUL"
    assert found_by(reconcile(merchant=merchant)) == []


def test_people_are_told_while_a_run_lasts(scene: Scene, settings: Any, mailoutbox: list[Any]) -> None:
    """It may take hours, or come to no end."""
    settings.RECONCILE_WARNING_DRIFTS, settings.RECONCILE_CRITICAL_DRIFTS = 2, 4
    merchant = scene.api.merchant
    make_customers(scene, 4)
    with scope(merchant.id):
        Customer.objects.for_merchant(merchant.id).update(name="Spoilt")
    run = begin_run(merchant=merchant, kind="full", dry_run=False)
    while go_on(merchant=merchant, run_id=run.id, seconds=0):
        with scope(merchant.id):
            row = ReconciliationRun.objects.for_merchant(merchant.id).get()
        if row.alert:
            break
    assert (row.status, row.alert, len(mailoutbox)) == ("running", "critical", 1)
    while go_on(merchant=merchant, run_id=run.id, seconds=0):
        pass
    assert len(mailoutbox) == 1


def test_events_have_their_grace_from_when_they_were_asked_for(scene: Scene, settings: Any) -> None:
    """A run may have waited for a worker, or been left off: what happened meanwhile is on its way all the same."""
    settings.RECONCILE_GRACE_SECONDS = 1
    merchant = scene.api.merchant
    run = begin_run(merchant=merchant, kind="incremental", dry_run=False)
    with scope(merchant.id):
        ReconciliationRun.objects.filter(id=run.id).update(started_at=timezone.now() - timedelta(hours=1))
    scene.stripe_client.v1.customers.update(scene.customer["stripe_id"], {"name": "Late"}, scene.account)
    begun = timezone.now()
    assert not go_on(merchant=merchant, run_id=run.id, seconds=60)
    assert timezone.now() - begun >= timedelta(seconds=1)
