"""Draining: whatever the order and the number of copies, rows end as Stripe has them."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.stripe_gateway.client import client as gateway_client
from billingos.webhooks.drainer import claim, drain
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.services import replay
from billingos.webhooks.verdicts import judge
from customers.models import Customer
from subscriptions.models import Subscription, SubscriptionChange
from tests.factories import UserFactory, unique
from tests.fixtures import Api, Deliveries
from tests.scenes import Scene, paying_customer
from tests.webhooks.events import customer, deliver, event, inbox_row

T = 1_767_225_700


def drain_all() -> None:
    while drain():
        pass


def row_of(merchant: Merchant, stripe_id: str) -> Customer:
    with scope(merchant.id):
        return Customer.objects.for_merchant(merchant.id).get(stripe_id=stripe_id)


@pytest.fixture(autouse=True)
def empty_inbox(committed_db: None) -> None:
    """What other tests have left waiting is not this test's."""
    with platform_scope():
        WebhookEvent.objects.filter(status="pending").update(status="ignored", reason="another test's")


def test_an_older_event_never_replaces_a_newer_one(merchant: Merchant) -> None:
    name = unique("cus_")
    newer = event(merchant, "customer.updated", customer(name, name="New"), T + 10)
    older = event(merchant, "customer.updated", customer(name, name="Old"), T)
    deliver(newer)
    drain_all()
    deliver(older)
    drain_all()
    assert row_of(merchant, name).name == "New"
    assert (inbox_row(older).status, inbox_row(older).reason) == ("processed", "stale")


def test_a_deleted_customer_stays_deleted(merchant: Merchant) -> None:
    name = unique("cus_")
    for type, created in (("customer.created", T), ("customer.deleted", T + 5), ("customer.updated", T + 9)):
        deliver(event(merchant, type, customer(name), created))
        drain_all()
    assert row_of(merchant, name).deleted_at is not None


def test_two_events_of_one_second_are_settled_by_asking_stripe(
    merchant: Merchant, stripe_client: stripe.StripeClient, deliveries: Deliveries
) -> None:
    account: Any = {"stripe_account": merchant.stripe_account_id}
    made = stripe_client.v1.customers.create({"name": "Truth"}, account)
    deliveries.pop()
    deliver(event(merchant, "customer.updated", customer(made.id, name="First"), T))
    drain_all()
    assert row_of(merchant, made.id).name == "First"
    deliver(event(merchant, "customer.updated", customer(made.id, name="Second"), T))
    drain_all()
    assert row_of(merchant, made.id).name == "Truth"


def test_an_event_from_before_our_own_write_is_settled_by_asking_stripe(api: Api) -> None:
    made = api.made("/customers", {"name": "Truth", "external_id": unique("x")})
    deliver(event(api.merchant, "customer.updated", customer(made["stripe_id"], name="Stale"), T))
    drain_all()
    found = row_of(api.merchant, made["stripe_id"])
    assert (found.name, found.external_id) == ("Truth", made["external_id"])


@pytest.mark.parametrize(
    ("row_event", "row_written", "created", "on_clock", "verdict"),
    [
        (None, None, 10, False, "apply"),
        (5, None, 10, False, "apply"),
        (10, None, 10, False, "ask"),
        (15, None, 10, False, "skip"),
        (None, 20, 10, False, "ask"),
        (5, 20, 10, False, "ask"),
        (5, 9, 10, False, "apply"),
        (5, None, 10, True, "ask"),
        (15, None, 10, True, "ask"),
    ],
)
def test_the_verdict_on_a_payload(
    row_event: int | None, row_written: int | None, created: int, on_clock: bool, verdict: str
) -> None:
    def at(second: int | None) -> datetime | None:
        return None if second is None else datetime.fromtimestamp(second, UTC)

    row = Customer(last_event_at=at(row_event), stripe_written_at=at(row_written))
    assert judge(row, datetime.fromtimestamp(created, UTC), on_test_clock=on_clock) == verdict


def test_without_a_row_the_payload_counts_but_not_on_a_clock() -> None:
    at = datetime.fromtimestamp(T, UTC)
    assert judge(None, at, on_test_clock=False) == "apply"
    assert judge(None, at, on_test_clock=True) == "ask"


def test_what_an_event_points_to_is_fetched_first(
    api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries
) -> None:
    """Only the subscription's event arrives; customer, product, price and clock are brought in for it."""
    account: Any = {"stripe_account": api.merchant.stripe_account_id}
    clock = stripe_client.v1.test_helpers.test_clocks.create({"frozen_time": T}, account)
    person = stripe_client.v1.customers.create(
        {
            "test_clock": clock.id,
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        },
        account,
    )
    price = stripe_client.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 1200,
            "recurring": {"interval": "year"},
            "product_data": {"name": "Elsewhere"},
        },
        account,
    )
    made = stripe_client.v1.subscriptions.create({"customer": person.id, "items": [{"price": price.id}]}, account)
    for body, headers in deliveries.pop():
        if b'"customer.subscription.created"' in body:
            deliveries.waiting.append((body, headers))
    assert len(deliveries.waiting) == 1
    deliveries.flush()
    found = api.found(f"/subscriptions/{made.id}")
    assert (found["status"], found["mrr"]) == ("active", 100)
    assert api.found(f"/prices/{price.id}")["unit_amount"] == 1200


def test_shuffled_and_doubled_deliveries_end_in_stripes_truth(
    api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries
) -> None:
    scene = paying_customer(api, stripe_client, deliveries)
    life_of_a_subscription(scene)
    deliveries.flush(shuffle=random.Random(7), copies=2)
    assert_same_as_stripe(scene)


def life_of_a_subscription(scene: Scene) -> None:
    """Events pile up: renewals, a change of name, a cancellation, its end."""
    clocks = scene.stripe_client.v1.test_helpers.test_clocks
    start = clocks.retrieve(scene.clock, None, scene.account).frozen_time
    clocks.advance(scene.clock, {"frozen_time": start + 33 * 86_400}, scene.account)
    scene.stripe_client.v1.customers.update(scene.customer["stripe_id"], {"name": "Renamed"}, scene.account)
    name = scene.subscription["stripe_id"]
    scene.stripe_client.v1.subscriptions.update(name, {"metadata": {"k": "v"}}, scene.account)
    scene.stripe_client.v1.subscriptions.update(name, {"cancel_at_period_end": True}, scene.account)
    clocks.advance(scene.clock, {"frozen_time": start + 70 * 86_400}, scene.account)


def assert_same_as_stripe(scene: Scene) -> None:
    name = scene.subscription["stripe_id"]
    truth = scene.stripe_client.v1.subscriptions.retrieve(name, None, scene.account)
    ours = scene.api.found(f"/subscriptions/{name}")
    assert (ours["status"], ours["metadata"]) == (truth.status, {"k": "v"}) == ("canceled", {"k": "v"})
    assert ours["ended_at"] == datetime.fromtimestamp(truth.ended_at or 0, UTC).isoformat().replace("+00:00", "Z")
    assert scene.api.found(f"/customers/{scene.customer['id']}")["name"] == "Renamed"
    assert scene.allowed("sso") is False
    invoices = scene.stripe_client.v1.invoices.list({"subscription": name}, scene.account).data
    with scope(scene.api.merchant.id):
        row = Subscription.objects.for_merchant(scene.api.merchant.id).get(stripe_id=name)
        ours_paid = {(invoice.stripe_id, invoice.status, invoice.amount_paid) for invoice in row.invoices.all()}
    assert ours_paid == {(invoice.id, invoice.status, invoice.amount_paid) for invoice in invoices}


def test_every_event_enters_the_history_once_also_stale_ones(scene: Scene) -> None:
    merchant_id = scene.api.merchant.id
    with scope(merchant_id):
        before = SubscriptionChange.objects.for_merchant(merchant_id).count()
    life_of_a_subscription(scene)
    batch = scene.deliveries.pop()
    sent = sum(b'"type":"customer.subscription.' in body.replace(b'": "', b'":"') for body, _ in batch)
    scene.deliveries.waiting = batch * 2
    scene.deliveries.flush(shuffle=random.Random(3))
    with scope(merchant_id):
        history = list(SubscriptionChange.objects.for_merchant(merchant_id).order_by("at", "position", "id"))
    assert sent >= 4
    assert len(history) == before + sent
    assert (history[-1].status, history[-1].mrr) == ("canceled", 0)


def test_a_killed_worker_loses_nothing(merchant: Merchant, settings: Any) -> None:
    settings.INBOX_LEASE_SECONDS = 0
    name = unique("cus_")
    found = event(merchant, "customer.created", customer(name, name="Late"), T)
    deliver(found)
    claimed = claim(10)  # and then the worker dies
    assert [row.stripe_event_id for row in claimed] == [found["id"]]
    drain_all()
    assert row_of(merchant, name).name == "Late"
    assert inbox_row(found).attempts == 2


def test_a_leased_event_is_not_taken_twice(merchant: Merchant) -> None:
    deliver(event(merchant, "customer.created", customer(unique("cus_")), T))
    assert len(claim(10)) == 1
    assert claim(10) == []


@pytest.mark.parametrize("poison", [{"created": "never"}, {"created": 10**30}, {"balance": 10**30}])
def test_a_poison_event_is_retried_later_and_later_then_parked(
    merchant: Merchant, settings: Any, poison: dict[str, Any]
) -> None:
    settings.INBOX_MAX_ATTEMPTS = 3
    found = event(merchant, "customer.created", {**customer(unique("cus_")), **poison}, T)
    good = event(merchant, "customer.created", customer(unique("cus_"), name="Good"), T)
    deliver(found)
    deliver(good)
    waits = []
    for _ in range(3):
        drain_all()
        row = inbox_row(found)
        waits.append((row.next_attempt_at - timezone.now()).total_seconds())
        with platform_scope():
            WebhookEvent.objects.filter(id=row.id).update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert inbox_row(found).status == "failed"
    assert inbox_row(found).reason
    assert 0 < waits[0] < waits[1]
    assert row_of(merchant, good["data"]["object"]["id"]).name == "Good"


def test_an_event_that_kills_its_worker_is_parked_too(merchant: Merchant, settings: Any) -> None:
    settings.INBOX_LEASE_SECONDS, settings.INBOX_MAX_ATTEMPTS = 0, 2
    found = event(merchant, "customer.created", customer(unique("cus_")), T)
    deliver(found)
    for _ in range(2):
        assert len(claim(10)) == 1
    assert claim(10) == []
    assert (inbox_row(found).status, inbox_row(found).reason) == ("failed", "worker died")


def test_an_outage_of_stripe_parks_nothing(api: Api, settings: Any) -> None:
    made = api.made("/customers", {"name": "Truth"})
    found = event(api.merchant, "customer.updated", customer(made["stripe_id"], name="Stale"), T)
    deliver(found)
    settings.INBOX_MAX_ATTEMPTS = 2
    truth, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:9"
    gateway_client.cache_clear()
    again = event(api.merchant, "customer.updated", customer(made["stripe_id"], name="Stale"), T)
    deliver(again)
    for _ in range(4):
        drain_all()
        for waiting in (inbox_row(found), inbox_row(again)):
            assert (waiting.status, waiting.attempts) == ("pending", 0)
            assert waiting.reason.startswith("stripe_unavailable")
        with platform_scope():
            waiting_ids = [found["id"], again["id"]]
            WebhookEvent.objects.filter(stripe_event_id__in=waiting_ids).update(next_attempt_at=timezone.now())
    settings.STRIPE_API_BASE = truth
    gateway_client.cache_clear()
    drain_all()
    assert inbox_row(found).status == "processed"
    assert row_of(api.merchant, made["stripe_id"]).name == "Truth"


def test_a_replay_changes_nothing_and_is_audited(merchant: Merchant) -> None:
    name = unique("cus_")
    found = event(merchant, "customer.created", customer(name, name="Once"), T)
    deliver(found)
    drain_all()
    person = UserFactory.create()
    assert replay(event_ids=[inbox_row(found).id], by=person) == 1
    deliver(event(merchant, "customer.updated", customer(name, name="Twice"), T + 5))
    drain_all()
    assert inbox_row(found).status == "processed"
    assert row_of(merchant, name).name == "Twice"


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(list(range(6))), copies=st.lists(st.integers(0, 5), max_size=4))
def test_any_order_and_any_copies_end_in_the_newest_state(
    merchant: Merchant, order: list[int], copies: list[int]
) -> None:
    name = unique("cus_")
    states = [event(merchant, "customer.updated", customer(name, name=f"State {i}"), T + i) for i in range(6)]
    for index in [*order, *copies]:
        deliver(states[index])
        if index % 2:
            drain_all()
    drain_all()
    assert row_of(merchant, name).name == "State 5"
