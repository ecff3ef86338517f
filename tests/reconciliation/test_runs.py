"""How runs behave: killed, overtaken by a webhook, two at once, side by side, and what they cost."""

import json
import random
import threading
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from billingos.backfill.services import work_off_backfill
from billingos.common.errors import Conflict, StripeUnavailable
from billingos.common.mirrored import database_now
from billingos.common.registries import handlers_of, witnesses_of
from billingos.common.tenancy import scope
from billingos.merchants.models import ConnectedAccount, Merchant
from billingos.merchants.services.connect import refresh_account
from billingos.reconciliation.comparing import Comparer
from billingos.reconciliation.models import ReconciliationRun
from billingos.reconciliation.services import begin_run, go_on, reconcile
from billingos.reconciliation.walking import Walk
from billingos.stripe_gateway.client import client
from billingos.stripe_gateway.listing import list_page
from billingos.webhooks.intake import store
from billingos.webhooks.models import WebhookEvent
from customers.models import Customer
from customers.sync import sync_customer
from tests.fixtures import Api, Deliveries, connected_merchant
from tests.reconciliation.test_walk import found_by, spoil, state_of, told
from tests.scenes import Scene, paying_customer
from tests.webhooks.events import customer, take_in
from tests.webhooks.test_storm import assert_equal_to_stripe, live


class Killed(BaseException):
    """As if the process were gone: nothing that catches errors sees it."""


def make_customers(scene: Scene, count: int) -> list[str]:
    v1 = scene.stripe_client.v1
    made = [v1.customers.create({"name": f"Customer {n}"}, scene.account).id for n in range(count)]
    scene.deliveries.flush()
    return made


def test_a_run_that_is_killed_twice_is_gone_on_with(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists come two objects at a time, and the process dies after every third page."""
    merchant = scene.api.merchant
    made = make_customers(scene, 9)
    with scope(merchant.id):
        Customer.objects.for_merchant(merchant.id).update(name="Spoilt")
    pages: list[str] = []
    ask = list_page

    def two_at_a_time(merchant: Merchant, object_type: str, *args: Any, **options: Any) -> Any:
        if object_type == "customer":
            if len(pages) in {2, 4}:
                pages.append("killed")
                raise Killed
            pages.append(options["after"])
        return ask(merchant, object_type, *args, **{**options, "limit": 2})

    monkeypatch.setattr("billingos.reconciliation.walking.list_page", two_at_a_time)
    for _ in range(2):
        with pytest.raises(Killed):
            reconcile(merchant=merchant)
    run = reconcile(merchant=merchant)
    asked = [page for page in pages if page != "killed"]
    assert len(asked) == len(set(asked)) + asked.count("") - 1  # no page twice; the lists of two legs begin with ""
    spoilt = [drift.stripe_id for drift in found_by(run) if (drift.object_type, drift.field) == ("customer", "name")]
    assert sorted(spoilt) == sorted([*made, scene.customer["stripe_id"]])
    with scope(merchant.id):
        assert ReconciliationRun.objects.for_merchant(merchant.id).count() == 1
    assert run.checked["customer"] == 10
    assert found_by(reconcile(merchant=merchant)) == []


def test_a_run_that_is_killed_within_a_page_tells_nothing_twice(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    merchant = scene.api.merchant
    made = make_customers(scene, 4)
    with scope(merchant.id):
        Customer.objects.for_merchant(merchant.id).update(name="Spoilt")
    compare, count = Comparer.compare, []

    def die_at_the_third(self: Comparer, found: Any, object_type: str, *args: Any, **options: Any) -> Any:
        if object_type == "customer":
            count.append(object_type)
            if len(count) == 3:
                raise Killed
        return compare(self, found, object_type, *args, **options)

    monkeypatch.setattr(Comparer, "compare", die_at_the_third)
    with pytest.raises(Killed):
        reconcile(merchant=merchant)
    run = reconcile(merchant=merchant)
    assert sorted(drift.stripe_id for drift in found_by(run)) == sorted([*made, scene.customer["stripe_id"]])


def test_a_webhook_in_the_middle_is_not_undone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is older than the row: Stripe's object changes, and its event is applied, before the page is
    compared."""
    merchant, v1 = scene.api.merchant, scene.stripe_client.v1
    (customer,) = make_customers(scene, 1)
    with scope(merchant.id):
        Customer.objects.for_merchant(merchant.id).filter(stripe_id=customer).update(email="spoilt@example.com")
    ask = list_page

    def then_a_webhook(*args: Any, **options: Any) -> Any:
        page = ask(*args, **options)
        if args[1] == "customer" and not options["after"]:
            v1.customers.update(customer, {"name": "Newer"}, scene.account)
            scene.deliveries.flush()
        return page

    monkeypatch.setattr("billingos.reconciliation.walking.list_page", then_a_webhook)
    run = reconcile(merchant=merchant)
    with scope(merchant.id):
        assert Customer.objects.for_merchant(merchant.id).get(stripe_id=customer).name == "Newer"
    assert [drift.field for drift in found_by(run) if drift.field == "name"] == []


def test_stripes_answer_is_asked_for_again_while_the_row_moves(scene: Scene) -> None:
    """A row that was written after Stripe was asked may know more than the answer."""
    merchant = scene.api.merchant
    stale = scene.stripe_client.v1.customers.retrieve(scene.customer["stripe_id"], None, scene.account).to_dict()
    run = begin_run(merchant=merchant, kind="full", dry_run=False)
    comparer = Comparer(merchant, run)
    asked_at = database_now()
    scene.stripe_client.v1.customers.update(scene.customer["stripe_id"], {"name": "Newer"}, scene.account)
    scene.deliveries.flush()
    comparer.compare({**stale, "object": "customer"}, "customer", stale["id"], asked_at=asked_at)
    assert found_by(run) == []
    with scope(merchant.id):
        assert Customer.objects.for_merchant(merchant.id).get(stripe_id=stale["id"]).name == "Newer"


def test_one_run_of_a_merchant_at_a_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    merchant = scene.api.merchant
    inside, leave = threading.Event(), threading.Event()
    ask = list_page

    def wait(*args: Any, **options: Any) -> Any:
        inside.set()
        assert leave.wait(20)
        return ask(*args, **options)

    monkeypatch.setattr("billingos.reconciliation.walking.list_page", wait)

    def work() -> None:
        try:
            reconcile(merchant=merchant)
        finally:
            connections.close_all()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        assert inside.wait(20)
        with pytest.raises(Conflict):
            reconcile(merchant=merchant)
    finally:
        leave.set()
        worker.join()
    monkeypatch.undo()
    assert reconcile(merchant=merchant).status == "finished"


def test_another_merchant_is_left_alone(scene: Scene, other_merchant: Merchant, deliveries: Deliveries) -> None:
    theirs = paying_customer(Api(other_merchant), scene.stripe_client, deliveries)
    spoil(other_merchant, Customer, theirs.customer["stripe_id"], name="Theirs")
    spoil(scene.api.merchant, Customer, scene.customer["stripe_id"], name="Ours")
    before = state_of(other_merchant)
    assert told(reconcile(merchant=scene.api.merchant)) == {("customer", "", "name")}
    assert state_of(other_merchant) == before
    assert told(reconcile(merchant=other_merchant)) == {("customer", "", "name")}


def test_while_stripe_is_away_a_run_waits(scene: Scene, settings: Any) -> None:
    merchant, base = scene.api.merchant, settings.STRIPE_API_BASE
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    client.cache_clear()
    with pytest.raises(StripeUnavailable):
        reconcile(merchant=merchant)
    settings.STRIPE_API_BASE = base
    client.cache_clear()
    with scope(merchant.id):
        run = ReconciliationRun.objects.for_merchant(merchant.id).get()
    assert run.status == "running"
    assert run.error.startswith("stripe_unavailable")
    assert reconcile(merchant=merchant).id == run.id


def test_a_run_leaves_off_and_goes_on(scene: Scene) -> None:
    merchant = scene.api.merchant
    make_customers(scene, 3)
    begun = begin_run(merchant=merchant, kind="full", dry_run=False)
    turns = 1
    while go_on(merchant=merchant, run_id=begun.id, seconds=0):
        turns += 1
    assert turns > 10
    assert not go_on(merchant=merchant, run_id=begun.id, seconds=0)  # after its end nothing begins
    with scope(merchant.id):
        run = ReconciliationRun.objects.for_merchant(merchant.id).get()
    assert (run.status, run.checked["customer"]) == ("finished", 4)


@pytest.mark.parametrize(
    "count", [pytest.param(300, id="small"), pytest.param(5000, id="full", marks=pytest.mark.long)]
)
def test_what_is_equal_costs_little(
    committed_db: None, stripe_client: Any, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """The second time: a few statements for each page of 100."""
    merchant = connected_merchant(stripe_client)
    objects = [_customer(number) for number in range(count)]
    with scope(merchant.id):
        for one in objects:
            sync_customer(merchant.id, one, None)
    run = begin_run(merchant=merchant, kind="full", dry_run=False)
    walk = Walk(Comparer(merchant, run))

    def compare_all() -> int:
        with CaptureQueriesContext(connection) as captured:
            for start in range(0, count, 100):
                page = objects[start : start + 100]
                walk._come_to("customer", "", walk._compare_page("customer", page, database_now()), {})
        return len(captured)

    first, second = compare_all(), compare_all()
    assert found_by(run) == []
    assert second <= 15 * count / 100
    assert first <= 30 * count


def _customer(number: int) -> dict[str, Any]:
    return customer(f"cus_{number:05}", name=f"Customer {number}", metadata={"n": str(number)})


def test_an_event_that_waits_or_failed_is_the_cause(scene: Scene) -> None:
    merchant = scene.api.merchant
    (customer,) = make_customers(scene, 1)
    scene.stripe_client.v1.customers.update(customer, {"name": "Newer"}, scene.account)
    for body, _ in scene.deliveries.pop():
        store(json.loads(body))
    run = reconcile(merchant=merchant, dry_run=True)
    assert {drift.cause for drift in found_by(run)} == {"event_waits"}
    with scope(merchant.id):
        WebhookEvent.objects.filter(merchant=merchant, status="pending").update(status="failed")
    run = reconcile(merchant=merchant, dry_run=True)
    assert {drift.cause for drift in found_by(run)} == {"event_failed"}


def test_an_event_on_its_way_has_not_failed_to_come(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    merchant, v1 = scene.api.merchant, scene.stripe_client.v1
    lost, moving = make_customers(scene, 2)
    reconcile(merchant=merchant)
    v1.customers.update(lost, {"name": "Lost"}, scene.account)
    scene.deliveries.pop()

    def as_something_happens(merchant: Merchant, object_type: str, *args: Any, **options: Any) -> Any:
        if object_type == "customer":
            v1.customers.update(moving, {"name": "Moving"}, scene.account)
        return list_page(merchant, object_type, *args, **options)

    monkeypatch.setattr("billingos.reconciliation.walking.list_page", as_something_happens)
    run = reconcile(merchant=merchant)
    causes = {drift.stripe_id: drift.cause for drift in found_by(run)}
    assert (causes[lost], causes[moving]) == ("event_never_came", "event_waits")


def test_the_account_itself_is_compared(scene: Scene) -> None:
    merchant = scene.api.merchant
    refresh_account(merchant=merchant)
    assert not work_off_backfill(merchant=merchant)  # which begins once an account is ready
    assert reconcile(merchant=merchant).checked["account"] == 1
    spoil(merchant, ConnectedAccount, str(merchant.stripe_account_id), requirements_due=["invented"])
    assert told(reconcile(merchant=merchant)) == {("account", "", "requirements_due")}


@pytest.mark.parametrize(
    ("subscriptions", "months"),
    [pytest.param(4, 2, id="small"), pytest.param(40, 12, id="full", marks=pytest.mark.long)],
)
def test_after_a_storm_with_losses_all_is_as_stripe_has_it(
    api: Api, stripe_client: Any, deliveries: Deliveries, subscriptions: int, months: int
) -> None:
    """A tenth of the events is dropped, the rest comes shuffled: what was dropped is found, and no difference stays."""
    chance = random.Random(subscriptions)
    live(api, stripe_client, subscriptions, months)
    sent = deliveries.pop()
    kept = [one for one in sent if chance.random() > 0.1]
    dropped = {json.loads(body)["id"] for body, _ in sent} - {json.loads(body)["id"] for body, _ in kept}
    chance.shuffle(kept)
    for one in kept:
        take_in(*one)
    deliveries.flush()
    run = reconcile(merchant=api.merchant)
    handled = {one["id"] for one in (json.loads(body) for body, _ in sent) if is_handled(one["type"])}
    assert {drift.stripe_id for drift in found_by(run) if drift.object_type == "event"} == dropped & handled
    deliveries.flush()
    assert_equal_to_stripe(api.merchant, stripe_client)
    assert [str(drift) for drift in found_by(reconcile(merchant=api.merchant))] == []


def is_handled(event_type: str) -> bool:
    return bool(handlers_of(event_type) or witnesses_of(event_type))
