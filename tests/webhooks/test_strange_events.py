"""Events that are true but awkward: about what is gone, cut off, unheard of or broken. None may hold up the others."""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import stripe
from django.utils import timezone

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.models import BillingSettings, Merchant
from billingos.stripe_gateway.client import client as gateway_client
from billingos.stripe_gateway.settling import revision_of, settle
from billingos.webhooks.drainer import drain
from billingos.webhooks.models import WebhookEvent
from customers.models import Customer
from subscriptions.models import Invoice, Price, Product, SubscriptionChange
from tests.factories import unique
from tests.fixtures import Api, Deliveries
from tests.scenes import Scene, build_catalog
from tests.webhooks.events import customer, deliver, event, inbox_row
from tests.webhooks.shop import Shop, T, drain_all, invoice, price, product, subscription


@pytest.fixture(autouse=True)
def empty_inbox(committed_db: None) -> None:
    """What other tests have left waiting is not this test's."""
    with platform_scope():
        WebhookEvent.objects.filter(status="pending").update(status="ignored", reason="another test's")


@pytest.fixture
def shop(api: Api) -> Shop:
    return Shop(api)


# --- Gone ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["subscription", "invoice", "customer"])
def test_an_object_that_stripe_no_longer_has_holds_up_no_other_event(merchant: Merchant, kind: str) -> None:
    """On a clock Stripe is asked; the clock and all that was on it are deleted by now."""
    gone = {
        "subscription": subscription(unique("sub_"), unique("cus_"), test_clock="clock_gone"),
        "invoice": invoice(unique("in_"), unique("cus_"), test_clock="clock_gone"),
        "customer": customer(unique("cus_"), test_clock="clock_gone"),
    }[kind]
    type = {"subscription": "customer.subscription.updated", "invoice": "invoice.created"}.get(kind, "customer.updated")
    about_the_gone = event(merchant, type, gone, T)
    good = event(merchant, "customer.created", customer(unique("cus_"), name="Good"), T)
    deliver(about_the_gone)
    deliver(good)
    drain_all()
    assert (inbox_row(about_the_gone).status, inbox_row(good).status) == ("processed", "processed")


def test_a_subscription_that_stripe_no_longer_has_gives_nothing_any_more(shop: Shop) -> None:
    sold = subscription(unique("sub_"), shop.customer["id"], shop.price)
    shop.tell("customer.subscription.created", sold)
    assert shop.allowed() is True
    shop.tell("customer.subscription.updated", sold)  # of the same second: Stripe is asked, and knows no such one
    assert shop.allowed() is False
    found = shop.api.found(f"/subscriptions/{sold['id']}")
    assert (found["status"], found["mrr"], found["next_billing_at"]) == ("canceled", 0, None)
    assert found["ended_at"]


def test_a_deleted_clock_takes_its_customers_along(scene: Scene) -> None:
    scene.stripe_client.v1.test_helpers.test_clocks.delete(scene.clock, None, scene.account)
    scene.deliveries.flush()
    assert scene.api.found(f"/subscriptions/{scene.subscription['id']}")["status"] == "canceled"
    assert scene.api.get(f"/customers/{scene.customer['id']}").status_code == 404


@pytest.mark.parametrize("kind", ["customer", "product", "price", "invoice"])
def test_what_was_deleted_stays_deleted_in_any_order(shop: Shop, kind: str) -> None:
    found = {
        "customer": customer(unique("cus_")),
        "product": product(unique("prod_")),
        "price": price(unique("price_"), shop.product["id"]),
        "invoice": invoice(unique("in_"), shop.customer["id"]),
    }[kind]
    model = {"customer": Customer, "product": Product, "price": Price, "invoice": Invoice}[kind]
    shop.tell(f"{kind}.deleted", found, T + 5)
    shop.tell(f"{kind}.created", found, T)
    with scope(shop.merchant.id):
        living = model.objects.filter(merchant_id=shop.merchant.id, stripe_id=found["id"], deleted_at=None)
        assert not living.exists()


@pytest.mark.parametrize("kind", ["customer", "product", "price", "invoice"])
def test_what_is_deleted_in_stripe_is_deleted_here_and_stays_so(shop: Shop, kind: str) -> None:
    found = {
        "customer": customer(unique("cus_")),
        "product": product(unique("prod_")),
        "price": price(unique("price_"), shop.product["id"]),
        "invoice": invoice(unique("in_"), shop.customer["id"]),
    }[kind]
    model = {"customer": Customer, "product": Product, "price": Price, "invoice": Invoice}[kind]
    with scope(shop.merchant.id):
        rows = model.objects.filter(merchant_id=shop.merchant.id, stripe_id=found["id"])
    for type, created, deleted in (("created", T, False), ("deleted", T + 5, True), ("updated", T + 9, True)):
        shop.tell(f"{kind}.{type}", found, created)
        with scope(shop.merchant.id):
            assert (rows.get().deleted_at is not None) is deleted, type


def test_a_canceled_subscription_stays_canceled_whatever_comes_after(shop: Shop) -> None:
    sold = subscription(unique("sub_"), shop.customer["id"], shop.price)
    shop.tell("customer.subscription.created", sold)
    ended = {**sold, "status": "canceled", "ended_at": T + 5, "canceled_at": T + 5}
    shop.tell("customer.subscription.deleted", ended, T + 5)
    shop.tell("customer.subscription.updated", sold, T + 9)
    assert shop.api.found(f"/subscriptions/{sold['id']}")["status"] == "canceled"
    assert shop.allowed() is False


def test_a_subscription_of_a_customer_who_was_deleted_before_we_knew_them(
    shop: Shop, stripe_client: stripe.StripeClient, deliveries: Deliveries
) -> None:
    """Its row and its history are kept: the customer's stands for someone deleted."""
    account: Any = {"stripe_account": shop.merchant.stripe_account_id}
    person = stripe_client.v1.customers.create({"name": "Left"}, account)
    stripe_client.v1.customers.delete(person.id, None, account)
    deliveries.pop()
    ended = subscription(unique("sub_"), person.id, shop.price, status="canceled", ended_at=T + 5)
    told = shop.tell("customer.subscription.deleted", ended, T + 5)
    assert inbox_row(told).status == "processed"
    assert shop.api.get(f"/customers/{person.id}").status_code == 404
    with scope(shop.merchant.id):
        assert SubscriptionChange.objects.for_merchant(shop.merchant.id).filter(event_id=told["id"]).exists()


# --- As the merchant wants it -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("paused_counts", "mrr"), [(False, 0), (True, 4900)])
def test_whether_a_paused_subscription_counts_is_the_merchants_choice(
    shop: Shop, paused_counts: bool, mrr: int
) -> None:
    with scope(shop.merchant.id):
        BillingSettings.objects.for_merchant(shop.merchant.id).update(paused_counts=paused_counts)
    paused = {"pause_collection": {"behavior": "void"}}
    sold = subscription(unique("sub_"), shop.customer["id"], shop.price, **paused)
    shop.tell("customer.subscription.created", sold)
    assert shop.api.found(f"/subscriptions/{sold['id']}")["mrr"] == mrr
    with scope(shop.merchant.id):
        assert SubscriptionChange.objects.for_merchant(shop.merchant.id).get().mrr == mrr


def test_a_second_customer_of_the_same_external_id_does_without(shop: Shop) -> None:
    """Somebody has given it twice, in Stripe: the first one keeps it, and the event does not fail."""
    taken = {"metadata": {"billingos_external_id": unique("user-")}}
    first, second = customer(unique("cus_"), **taken), customer(unique("cus_"), **taken)
    for found in (first, second):
        assert inbox_row(shop.tell("customer.created", found)).status == "processed"
    named = shop.api.found(f"/customers/{taken['metadata']['billingos_external_id']}")
    assert named["stripe_id"] == first["id"]
    assert shop.api.found(f"/customers/{second['id']}")["external_id"] is None


# --- Of one second ---------------------------------------------------------------------------------------------------


def test_a_stale_event_changes_no_row_but_enters_the_history(shop: Shop) -> None:
    sold = subscription(unique("sub_"), shop.customer["id"], shop.price)
    shop.tell("customer.subscription.updated", {**sold, "metadata": {"is": "new"}}, T + 10)
    late = shop.tell("customer.subscription.updated", {**sold, "status": "past_due"}, T + 5)
    assert (inbox_row(late).status, inbox_row(late).reason) == ("processed", "stale")
    found = shop.api.found(f"/subscriptions/{sold['id']}")
    assert (found["status"], found["metadata"]) == ("active", {"is": "new"})
    with scope(shop.merchant.id):
        history = SubscriptionChange.objects.for_merchant(shop.merchant.id).order_by("at", "position", "id")
        assert [row.status for row in history] == ["past_due", "active"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_changes_of_one_second_are_ordered_by_what_they_changed(shop: Shop, order: tuple[int, ...]) -> None:
    """1, 2, 3, 2 units and the end, in one second and delivered in any order: history ends with the end."""
    name = unique("sub_")
    states = []
    for quantity in (1, 2, 3, 2):
        found = subscription(name, shop.customer["id"], shop.price)
        found["items"]["data"][0]["quantity"] = quantity
        states.append(found)
    told: list[tuple[str, dict[str, Any], dict[str, Any]]] = [("created", states[0], {})]
    for before, after in itertools.pairwise(states):
        told.append(("updated", after, {"items": {"data": before["items"]["data"]}}))
    for index in order:
        type, found, previous = told[index]
        envelope = event(shop.merchant, f"customer.subscription.{type}", found, T)
        envelope["data"]["previous_attributes"] = previous
        deliver(envelope)
    drain_all()
    with scope(shop.merchant.id):
        history = SubscriptionChange.objects.for_merchant(shop.merchant.id).order_by("at", "position", "id")
        assert [row.mrr for row in history] == [4900, 9800, 14700, 9800]


# --- Cut off, unheard of, broken -------------------------------------------------------------------------------------


@pytest.fixture
def two_items(api: Api, stripe_client: stripe.StripeClient, deliveries: Deliveries) -> stripe.Subscription:
    """A real subscription with two items, on no clock."""
    _, first = build_catalog(api)
    other = api.made("/products", {"name": "Add-on"})
    second = api.made("/prices", {"product": other["id"], "currency": "usd", "unit_amount": 100, "interval": "month"})
    person = api.made("/customers", {"name": "A", "payment_method": "pm_card_visa"})
    order = {"customer_id": person["id"], "items": [{"price": first["id"]}, {"price": second["id"]}]}
    made = api.made("/subscriptions", order)
    deliveries.flush()
    account: Any = {"stripe_account": api.merchant.stripe_account_id}
    return stripe_client.v1.subscriptions.retrieve(made["stripe_id"], None, account)


def cut_off(whole: stripe.Subscription) -> dict[str, Any]:
    """As Stripe sends a subscription with more items than it embeds."""
    found: dict[str, Any] = whole.to_dict(for_json=True)
    found["items"] |= {"data": found["items"]["data"][:1], "has_more": True}
    return found


def test_a_list_of_items_that_is_cut_off_ends_nothing(api: Api, two_items: stripe.Subscription) -> None:
    later = int(timezone.now().timestamp()) + 60
    deliver(event(api.merchant, "customer.subscription.updated", cut_off(two_items), later))
    drain_all()
    found = api.found(f"/subscriptions/{two_items.id}")
    assert (len(found["items"]), found["mrr"]) == (2, 5000)


def test_an_answer_that_is_cut_off_is_asked_for_whole(api: Api, two_items: stripe.Subscription) -> None:
    merchant = api.merchant
    with scope(merchant.id):
        seen = revision_of(merchant.id, "subscription", two_items.id)
    settle(merchant, "subscription", two_items.id, answer=cut_off(two_items), seen=seen)
    assert len(api.found(f"/subscriptions/{two_items.id}")["items"]) == 2


def test_an_invoice_of_nobody_is_left_out(shop: Shop) -> None:
    """Stripe's newer accounts can be billed without being customers; we keep rows of customers' invoices only."""
    told = shop.tell("invoice.created", invoice(unique("in_"), None))
    assert inbox_row(told).status == "processed"


def test_a_number_that_is_none_fails_its_own_event_alone(shop: Shop) -> None:
    broken = event(
        shop.merchant, "price.created", price(unique("price_"), shop.product["id"], unit_amount_decimal="ten"), T
    )
    good = event(shop.merchant, "customer.created", customer(unique("cus_")), T)
    deliver(broken)
    deliver(good)
    drain_all()
    assert inbox_row(good).status == "processed"
    assert (inbox_row(broken).status, inbox_row(broken).attempts) == ("pending", 1)


# --- Stripe out of reach ---------------------------------------------------------------------------------------------


def test_no_event_counts_as_processed_by_an_answer_that_never_came(api: Api, settings: Any) -> None:
    made = api.made("/customers", {"name": "Truth"})
    told = [event(api.merchant, "customer.updated", customer(made["stripe_id"], name=name), T) for name in "AB"]
    for found in told:
        deliver(found)
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    gateway_client.cache_clear()
    drain_all()
    assert [(inbox_row(found).status, inbox_row(found).attempts) for found in told] == [("pending", 0)] * 2


@pytest.fixture
def silence(settings: Any) -> Iterator[list[float]]:
    """A Stripe that takes calls and never answers; the calls."""
    calls: list[float] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        held = []

        def take() -> None:
            while True:
                try:
                    held.append(server.accept()[0])
                except OSError:
                    return
                calls.append(timezone.now().timestamp())

        threading.Thread(target=take, daemon=True).start()
        settings.STRIPE_API_BASE = f"http://127.0.0.1:{server.getsockname()[1]}"
        settings.STRIPE_TIMEOUT_SECONDS = 0.2
        gateway_client.cache_clear()
        yield calls
        for connection in held:
            connection.close()
    gateway_client.cache_clear()


def test_a_silent_stripe_is_asked_once_a_batch(shop: Shop, silence: list[float]) -> None:
    """Or a batch of a hundred would wait for a hundred time-outs, far beyond its lease; what needs none goes on."""
    asking = [
        event(shop.merchant, "customer.updated", customer(unique("cus_"), test_clock="clock_x"), T) for _ in range(5)
    ]
    good = event(shop.merchant, "customer.created", customer(unique("cus_")), T + 5)
    for found in (*asking, good):
        deliver(found)
    drain()
    assert len(silence) <= 2  # once, and the library's own second try
    assert {(inbox_row(found).status, inbox_row(found).attempts) for found in asking} == {("pending", 0)}
    assert inbox_row(good).status == "processed"


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_batch_ends_with_its_lease(shop: Shop, settings: Any, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """What it did not come to is put back as it was, not counted as tried."""
    settings.INBOX_LEASE_SECONDS = 0
    monkeypatch.setattr("billingos.webhooks.drainer.CHUNK", at_once)
    told = [event(shop.merchant, "customer.created", customer(unique("cus_")), T) for _ in range(5)]
    for found in told:
        deliver(found)
    assert drain() == 5
    done = sorted((row.status, row.attempts) for row in map(inbox_row, told))
    assert done == [*[("pending", 0)] * (5 - at_once), *[("processed", 1)] * at_once]
    drain_all()
    assert {inbox_row(found).status for found in told} == {"processed"}
