"""Events that are applied together: as right as alone, in fewer statements, and none takes the others down."""

import json
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client
from django.utils import timezone

from benchmarks.deliveries import Shop as Bench
from benchmarks.deliveries import delivery
from billingos.backfill.selectors import latest_backfill
from billingos.common import readahead
from billingos.common.errors import StripeUnavailable
from billingos.common.registries import StripeEvent, only_projects
from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import Merchant
from billingos.merchants.selectors import rules_in_force
from billingos.merchants.services.rules import update_billing_settings
from billingos.webhooks.drainer import drain
from billingos.webhooks.intake import store, verified
from billingos.webhooks.models import WebhookEvent
from billingos.webhooks.together import in_turn
from customers.models import Customer, PaymentMethod
from subscriptions.models import Invoice, InvoicePayment, Subscription
from tests.backfill.rows import rows_of
from tests.factories import MerchantFactory, UserFactory, unique
from tests.fixtures import Api
from tests.webhooks.events import customer, deliver, event, inbox_row
from tests.webhooks.shop import Shop, T, drain_all, invoice, subscription

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
        store(*verified(one.body, one.signature, ["whsec_test"]))


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


@pytest.mark.parametrize("seed", range(3))
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
    assert in_turn(events) == [6, 1, 4, 3, 5, 2, 0]  # and customers before invoices


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


def test_what_needs_more_than_its_state_is_not_overtaken(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A payment that failed, and the next state in the same batch: Stripe is still asked what was to pay it."""
    found = invoice(unique("in_"), shop.customer["id"], status="open")
    to_pay = {
        "id": unique("inpay_"),
        "object": "invoice_payment",
        "created": T,
        "invoice": found["id"],
        "payment": {"payment_intent": "pi_1"},
        "status": "open",
        "amount_requested": 4900,
        "is_default": True,
    }
    asked = {**found, "payments": {"data": [to_pay]}}
    monkeypatch.setattr("billingos.stripe_gateway.settling.retrieve", lambda *about: asked)
    shop.tell("invoice.created", found)
    told = [
        event(shop.merchant, "invoice.payment_failed", found, T + 3),
        event(shop.merchant, "invoice.updated", found, T + 5),
    ]
    for one in told:
        deliver(one)
    drain_all()
    assert {inbox_row(one).status for one in told} == {"processed"}
    with scope(shop.merchant.id):
        assert InvoicePayment.objects.for_merchant(shop.merchant.id).get(stripe_id=to_pay["id"]).status == "open"


def test_an_account_that_is_ready_is_imported_however_it_is_told(merchant: Merchant) -> None:
    """In a batch the row that was read and the row that was written are the same."""
    account = {"id": merchant.stripe_account_id, "object": "account", "created": T, "charges_enabled": False}
    deliver(event(merchant, "account.updated", {**account, "details_submitted": False}, T))
    drain_all()
    with scope(merchant.id):
        assert latest_backfill(merchant.id) is None
    ready = {**account, "charges_enabled": True, "details_submitted": True}
    deliver(event(merchant, "account.updated", ready, T + 5))
    deliver(event(merchant, "account.updated", ready, T + 6))
    drain()
    with scope(merchant.id):
        assert latest_backfill(merchant.id) is not None


def test_one_account_that_is_held_up_holds_up_no_other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stripe limits accounts, not us: the others' questions are asked."""
    other = MerchantFactory.create(stripe_account_id=unique("acct_"))

    def asked(merchant: Merchant, object_type: str, stripe_id: str) -> dict[str, Any]:
        if merchant.id == shop.merchant.id:
            raise StripeUnavailable("Slow down.", retry_after=7)
        return customer(stripe_id, name="Asked")

    monkeypatch.setattr("billingos.stripe_gateway.settling.retrieve", asked)
    told = [
        event(owner, "customer.updated", customer(unique("cus_"), test_clock="clock_1"), T + number)
        for number, owner in enumerate([shop.merchant, other])
    ]
    monkeypatch.setattr("customers.sync._test_clock_id", lambda *about: None)
    for one in told:
        deliver(one)
    drain()
    held, done = (inbox_row(one) for one in told)
    assert (held.status, held.attempts, done.status) == ("pending", 0, "processed")
    assert 0 < (held.next_attempt_at - timezone.now()).total_seconds() <= 7


def test_what_belongs_to_a_customer_is_taken_with_the_customers_own(merchant: Merchant) -> None:
    """A payment of an invoice names no customer; were it taken first, Stripe would be asked for the invoice."""
    bench = Bench(unique("o"))
    taken_in(merchant, bench.catalog())
    drain_all()
    taken_in(merchant, [told for number in range(20) for told in bench.life(number)])  # several transactions
    drain()  # asking Stripe would fail: it does not know the account
    with platform_scope():
        ends = WebhookEvent.objects.filter(merchant=merchant).values_list("status", flat=True)
        assert set(ends) == {"processed"}


def test_rules_wait_for_those_who_write_by_them(shop: Shop) -> None:
    """Or a batch would leave what the old rules say, after all was calculated anew by the new ones."""
    changed = threading.Event()

    def change() -> None:
        update_billing_settings(merchant=shop.merchant, by=UserFactory.create(), paused_counts=True)
        changed.set()
        connections.close_all()

    changer = threading.Thread(target=change)
    with scope(shop.merchant.id):
        assert not rules_in_force(shop.merchant.id).paused_counts
        changer.start()
        assert not changed.wait(0.5)
    changer.join(20)
    assert changed.is_set()
    with scope(shop.merchant.id):
        assert rules_in_force(shop.merchant.id).paused_counts


def test_a_signature_of_any_bytes_is_refused(committed_db: None) -> None:
    answer = Client(raise_request_exception=False).post(
        "/api/webhooks/stripe", data=b"{}", content_type="application/json", headers={"Stripe-Signature": "t=1,v1=é"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_signature")
