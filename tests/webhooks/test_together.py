"""Events that are applied together: as right as alone, in fewer statements, and none takes the others down."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection

from benchmarks.deliveries import Shop as Bench
from benchmarks.deliveries import delivery
from billingos.common import readahead
from billingos.common.registries import StripeEvent, only_projects
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.webhooks.drainer import drain
from billingos.webhooks.intake import store, verified
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.together import in_turn
from customers.models import Customer, PaymentMethod
from subscriptions.models import Invoice, Subscription
from tests.backfill.rows import rows_of
from tests.factories import MerchantFactory, unique
from tests.fixtures import Api
from tests.webhooks.events import customer, deliver, event, inbox_row
from tests.webhooks.shop import Shop, T, drain_all, subscription

DEEP = json.loads("[" * 300 + "]" * 300)


@pytest.fixture(autouse=True)
def empty_inbox(committed_db: None) -> None:
    with platform_scope():
        WebhookEvent.objects.filter(status="pending").update(status="ignored", reason="another test's")


@pytest.fixture
def shop(api: Api) -> Shop:
    return Shop(api)


def taken_in(merchant: Merchant, told: list[tuple[str, dict[str, Any], int]]) -> None:
    for kind, found, created in told:
        one = delivery(kind, found, created, "whsec_test", merchant.stripe_account_id)
        store(verified(one.body, one.signature, ["whsec_test"]))


def statements(work: Callable[[], Any]) -> int:
    count = 0

    def note(execute: Any, *args: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*args)

    with connection.execute_wrapper(note):
        work()
    return count


def test_a_batch_costs_few_statements(merchant: Merchant) -> None:
    bench = Bench(unique("t"))
    taken_in(merchant, bench.catalog())
    drain_all()
    lives = [told for number in range(20) for told in bench.life(number)]
    taken_in(merchant, lives)
    assert statements(drain_all) < 3 * len(lives)
    with scope(merchant.id):
        assert Subscription.objects.for_merchant(merchant.id).filter(status="active").count() == 20
        assert Invoice.objects.for_merchant(merchant.id).filter(status="paid").count() == 20
        renamed = Customer.objects.for_merchant(merchant.id).filter(name__endswith="renamed")
        assert renamed.count() == 20


@pytest.mark.parametrize("seed", range(5))
def test_together_is_as_right_as_alone(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """The same deliveries, doubled and in any order, once one by one and once in any portions: the same rows."""
    chance = random.Random(seed)
    bench = Bench(f"s{seed}")
    told = [*bench.catalog(), *(one for number in range(6) for one in bench.life(number))]
    told += [one for one in told if chance.random() < 0.3]
    chance.shuffle(told)
    cuts = sorted(chance.sample(range(1, len(told)), 4))
    portions = [told[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(told)], strict=True)]
    monkeypatch.setattr("billingos.stripe_gateway.settling.retrieve", lambda merchant, kind, name: bench.objects[name])
    alone, together = (MerchantFactory.create(stripe_account_id=unique("acct_")) for _ in range(2))
    for one in told:
        taken_in(alone, [one])
        drain_all()
    for portion in portions:
        taken_in(together, portion)
        drain_all()
    with platform_scope():
        ends = WebhookEvent.objects.filter(merchant__in=[alone, together]).values_list("status", flat=True)
        assert set(ends) == {"processed"}
    assert rows_of(alone) == rows_of(together)


def test_one_that_fails_leaves_the_others(shop: Shop) -> None:
    """What the failing one had read or written before is forgotten, by the others too."""
    good, bad = unique("cus_"), unique("sub_")
    broken = subscription(bad, good, shop.price, status=None)
    told = [
        event(shop.merchant, "customer.created", customer(good, name="First"), T),
        event(shop.merchant, "customer.subscription.created", broken, T + 1),
        event(shop.merchant, "customer.updated", customer(good, name="Second"), T + 2),
        event(shop.merchant, "customer.subscription.created", subscription(unique("sub_"), good, shop.price), T + 3),
    ]
    for found in told:
        deliver(found)
    drain()
    assert [inbox_row(found).status for found in told] == ["processed", "pending", "processed", "processed"]
    assert inbox_row(told[1]).reason
    with scope(shop.merchant.id):
        row = Customer.objects.for_merchant(shop.merchant.id).get(stripe_id=good)
        assert row.name == "Second"
        theirs = Subscription.objects.for_merchant(shop.merchant.id).filter(customer=row)
        assert [one.status for one in theirs] == ["active"]


def test_a_transaction_that_fails_is_made_up_for_one_by_one(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadlock, say: nobody's fault, and not worth the wait for the lease."""

    def deadlock(*args: Any) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr("billingos.webhooks.together.lock", deadlock)
    told = [event(shop.merchant, "customer.created", customer(unique("cus_")), T) for _ in range(3)]
    for found in told:
        deliver(found)
    drain()
    assert {inbox_row(found).status for found in told} == {"processed"}


@pytest.mark.parametrize(
    "strange",
    [
        {"customer": ["a"]},
        {"customer": {"id": {"id": "x"}}},
        {"customer": 5},
        {"metadata": json.loads("[" * 300 + "]" * 300)},
    ],
    ids=["list", "nested", "number", "deep"],
)
def test_strange_payloads_hold_up_nobody(shop: Shop, strange: dict[str, Any]) -> None:
    odd = event(shop.merchant, "customer.subscription.updated", {**subscription(unique("sub_"), "c"), **strange}, T)
    good = event(shop.merchant, "customer.created", customer(unique("cus_")), T)
    for found in (odd, good):
        assert deliver(found).status_code == 200
    drain()
    assert inbox_row(good).status == "processed"
    assert inbox_row(odd).status in {"pending", "processed"}
    assert inbox_row(odd).attempts == 1


def test_what_was_detached_before_it_was_known_does_not_come_back(shop: Shop) -> None:
    """In one batch and in two, the end first."""
    monkey = {"object": "payment_method", "type": "card", "card": {"brand": "visa", "last4": "4242"}, "created": T}
    for portions in ([[1, 0]], [[1], [0]]):
        name = unique("pm_")
        told = [
            event(shop.merchant, "payment_method.attached", {**monkey, "id": name, "customer": shop.customer["id"]}, T),
            event(shop.merchant, "payment_method.detached", {**monkey, "id": name, "customer": None}, T + 1),
        ]
        for portion in portions:
            for place in portion:
                deliver(told[place])
            drain()
        with scope(shop.merchant.id):
            rows = PaymentMethod.objects.for_merchant(shop.merchant.id).filter(stripe_id=name, deleted_at=None)
            assert not rows.exists()


def test_of_an_object_the_newest_state_is_written_first_and_its_end_last() -> None:
    def told(name: str, kind: str, second: int) -> StripeEvent:
        found = {"id": name, "object": kind.rpartition(".")[0]}
        return StripeEvent(f"evt_{name}{second}", kind, datetime.fromtimestamp(T + second, UTC), None, found, {})

    events = [
        told("in_1", "invoice.created", 0),
        told("cus_1", "customer.created", 1),
        told("in_1", "invoice.finalized", 2),
        told("in_1", "invoice.payment_failed", 3),  # Stripe is asked what is to pay it, too
        told("cus_1", "customer.deleted", 4),
        told("in_1", "invoice.updated", 5),
        told("cus_1", "customer.updated", 3),
    ]
    assert not only_projects("invoice.payment_failed")
    assert not only_projects("customer.deleted")
    assert in_turn(events) == [3, 5, 2, 0, 6, 1, 4]


def test_rows_are_read_once_and_anew_after_a_failure(shop: Shop) -> None:
    merchant_id, name = shop.merchant.id, shop.customer["id"]
    with scope(merchant_id), readahead.reading_ahead(merchant_id, [shop.customer, {"customer": "cus_nobody"}]):
        assert statements(lambda: readahead.mirrored_row(Customer, merchant_id, name)) == 0
        assert statements(lambda: readahead.mirrored_row(Customer, merchant_id, "cus_nobody")) == 0
        assert readahead.is_known_missing(Customer, "cus_nobody")
        assert not readahead.is_known_missing(Customer, "cus_of_whom_nothing_was_read")
        first = readahead.mirrored_row(Customer, merchant_id, name)
        assert first
        first.name = "Spoilt"
        readahead.forget()
        again = readahead.mirrored_row(Customer, merchant_id, name)
        assert again
        assert again.name == "Told"
        assert [row.id for row in readahead.mirrored_rows(Customer, merchant_id, [name, "cus_nobody"])] == [again.id]
    with scope(merchant_id):
        assert statements(lambda: readahead.mirrored_row(Customer, merchant_id, name)) == 1
        assert readahead.mirrored_row(Customer, merchant_id, "") is None
        (alone,) = readahead.mirrored_rows(Customer, merchant_id, [name])
        assert alone.name == "Told"
