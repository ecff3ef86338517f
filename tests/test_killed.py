"""The process is killed at each step of a write: nothing is charged twice, nothing is left behind.

A request runs in a child that SIGKILL ends at some point. Then either the caller sends it again under its key, or the
sweep and Stripe's events finish it. What Stripe has afterwards is what one request makes, and our rows say the same.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connections
from django.utils import timezone

from billingos.common.tenancy import platform_scope, scope
from billingos.merchants.tasks import resume_write_intents
from billingos.stripe_gateway import intents, settling
from billingos.stripe_gateway.client import client as gateway_client
from billingos.stripe_gateway.models import WriteIntent
from subscriptions.models import Invoice, Payment, Refund, Subscription
from tests.factories import unique
from tests.scenes import Scene

POINTS = ("before_stripe", "after_stripe", "before_commit", "after_commit", "before_answer")


def _die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dies_after(module: Any, name: str, nth: int) -> None:
    """The process dies when `name` has done its work for the nth time."""
    real, count = getattr(module, name), [0]

    @wraps(real)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        found = real(*args, **kwargs)
        count[0] += 1
        if count[0] == nth:
            _die()
        return found

    setattr(module, name, deadly)


def _dies_before(module: Any, name: str, nth: int) -> None:
    real, count = getattr(module, name), [0]

    @wraps(real)
    def deadly(*args: Any, **kwargs: Any) -> Any:
        count[0] += 1
        if count[0] == nth:
            _die()
        return real(*args, **kwargs)

    setattr(module, name, deadly)


def lay_trap(point: str, nth: int) -> None:
    """`nth` call of the request: its intent is committed; Stripe has done it; its row is written; that is committed;
    or all is, and the answer is not sent. Or Stripe has refused it, and what was made for it is still there."""
    match point:
        case "before_stripe":
            _dies_before(intents, "send", nth)
        case "after_stripe":
            _dies_after(intents, "send", nth)
        case "before_commit":
            _dies_after(settling, "project", nth)
        case "after_commit":
            _dies_before(intents, "_end", nth)
        case "before_answer":
            _dies_after(intents, "_end", nth)
        case "before_taking_back":
            _dies_before(intents, "resume", nth)


def killed(request: Callable[[], Any], point: str, nth: int) -> None:
    """Runs `request` in a child of its own that dies at `point`."""
    inherited = [connections[alias] for alias in connections]  # kept, so that nobody says goodbye on the parent's line
    pid = os.fork()
    if pid == 0:
        try:
            for alias in connections:
                connections[alias] = connections.create_connection(alias)
            gateway_client.cache_clear()
            caches["default"].close()
            lay_trap(point, nth)
            request()
        finally:
            os._exit(7)  # it should have been killed
    _, status = os.waitpid(pid, 0)
    assert inherited
    assert os.WIFSIGNALED(status), f"the request never came to {point} of call {nth}: exit {os.WEXITSTATUS(status)}"


def finish_by_retry(scene: Scene, request: Callable[[], Any]) -> None:
    answer = request()
    until = time.monotonic() + 10
    while answer.status_code == 409 and time.monotonic() < until:  # the server has not noticed yet that its client died
        time.sleep(0.1)
        answer = request()
    assert answer.status_code in {200, 201}, answer.content


def finish_by_sweep(scene: Scene, request: Callable[[], Any]) -> None:
    with platform_scope():
        pending = WriteIntent.objects.filter(merchant_id=scene.api.merchant.id, status="pending")
        pending.update(lease_until=timezone.now() - timedelta(seconds=1))
    resume_write_intents()


@dataclass(frozen=True)
class Operation:
    """A request, how many calls to Stripe it makes, and what there must be of in Stripe afterwards. Where a change
    `waits`, there is a schedule that the request lets go of."""

    path: Callable[[Scene], str]
    body: Callable[[Scene], dict[str, Any]]
    calls: int
    made: Callable[[Scene], Any]
    expected: Any
    waits: bool = False


def charged(scene: Scene) -> list[int]:
    """What the customer has paid, in Stripe."""
    listed: Any = {"customer": scene.customer["stripe_id"], "limit": 100}
    charges = scene.stripe_client.v1.charges.list(listed, scene.account).data
    return sorted(charge.amount for charge in charges if charge.status == "succeeded")


def of_subscriptions(scene: Scene) -> Any:
    listed: Any = {"customer": scene.customer["stripe_id"], "status": "all"}
    found = scene.stripe_client.v1.subscriptions.list(listed, scene.account).data
    return charged(scene), sorted(row.status for row in found)


def another_plan(scene: Scene) -> dict[str, Any]:
    product = scene.api.made("/products", {"name": "Extra", "features": [{"feature": "sso"}]}, key="extra-product")
    body = {"product": product["id"], "currency": "usd", "unit_amount": 1500, "interval": "month"}
    price = scene.api.made("/prices", body, key="extra-price")
    return {"customer_id": scene.customer["id"], "items": [{"price": price["id"]}]}


def of_change(scene: Scene) -> Any:
    """What was paid, and what the subscription is on now and later."""
    subscription = scene.stripe_client.v1.subscriptions.retrieve(
        scene.subscription["stripe_id"], {"expand": ["schedule"]}, scene.account
    )
    schedule: Any = subscription.schedule
    phases = [phase["items"][0].quantity for phase in schedule.phases] if schedule else []
    return charged(scene), [item.quantity for item in subscription["items"].data], phases


def of_ending(scene: Scene) -> Any:
    subscription = scene.stripe_client.v1.subscriptions.retrieve(scene.subscription["stripe_id"], None, scene.account)
    return charged(scene), subscription.cancel_at_period_end, subscription.schedule


def of_refunds(scene: Scene) -> Any:
    refunds = scene.stripe_client.v1.refunds.list({"limit": 100}, scene.account).data
    notes = scene.stripe_client.v1.credit_notes.list({"limit": 100}, scene.account).data
    customer = scene.stripe_client.v1.customers.retrieve(scene.customer["stripe_id"], None, scene.account)
    return [row.amount for row in refunds], [row.amount for row in notes], customer.balance


def of_charges(scene: Scene) -> Any:
    invoices = scene.stripe_client.v1.invoices.list({"customer": scene.customer["stripe_id"]}, scene.account).data
    items = scene.stripe_client.v1.invoice_items.list({"customer": scene.customer["stripe_id"]}, scene.account).data
    return charged(scene), sorted((row.status, row.total) for row in invoices), sorted(item.amount for item in items)


OPERATIONS = {
    "change now": Operation(
        lambda scene: f"/subscriptions/{scene.subscription['id']}/change",
        lambda scene: {"quantity": 2, "when": "now", "proration": "prorate"},
        1,
        of_change,
        ([4900, 4900], [2], []),  # the clock stands where the period began: the whole second seat is due
    ),
    "change at renewal": Operation(
        lambda scene: f"/subscriptions/{scene.subscription['id']}/change",
        lambda scene: {"quantity": 3, "when": "renewal"},
        2,
        of_change,
        ([4900], [1], [1, 3]),
    ),
    "change now, not later": Operation(
        lambda scene: f"/subscriptions/{scene.subscription['id']}/change",
        lambda scene: {"quantity": 2, "when": "now", "proration": "prorate"},
        2,
        of_change,
        ([4900, 4900], [2], []),
        waits=True,
    ),
    "another change at renewal": Operation(
        lambda scene: f"/subscriptions/{scene.subscription['id']}/change",
        lambda scene: {"quantity": 3, "when": "renewal"},
        4,
        of_change,
        ([4900], [1], [1, 3]),
        waits=True,
    ),
    "cancel instead": Operation(
        lambda scene: f"/subscriptions/{scene.subscription['id']}/cancel",
        lambda scene: {},
        2,
        of_ending,
        ([4900], True, None),
        waits=True,
    ),
    "charge": Operation(
        lambda scene: "/invoices",
        lambda scene: {
            "customer_id": scene.customer["id"],
            "currency": "usd",
            "lines": [{"amount": 700, "description": "Setup"}, {"amount": 50, "description": "Postage"}],
        },
        5,
        of_charges,
        ([750, 4900], [("paid", 750), ("paid", 4900)], [50, 700]),
    ),
    "refund": Operation(
        lambda scene: "/refunds",
        lambda scene: {"invoice": scene.subscription["latest_invoice_id"], "amount": 900},
        1,
        of_refunds,
        ([900], [], 0),
    ),
    "credit": Operation(
        lambda scene: "/credit-notes",
        lambda scene: {"invoice": scene.subscription["latest_invoice_id"], "amount": 400, "credit_amount": 400},
        1,
        of_refunds,
        ([], [400], -400),
    ),
    "subscribe": Operation(
        lambda scene: "/subscriptions", another_plan, 1, of_subscriptions, ([1500, 4900], ["active", "active"])
    ),
    "cancel now": Operation(
        lambda scene: f"/subscriptions/{scene.subscription['id']}/cancel",
        lambda scene: {"at_period_end": False},
        1,
        of_subscriptions,
        ([4900], ["canceled"]),
    ),
}


def deaths() -> Iterator[Any]:
    """Each call of each operation, killed at each point. `make test` kills each call at one of them, and one operation
    at all; the rest is for `make test-long`."""
    calls = [(name, nth) for name, operation in OPERATIONS.items() for nth in range(1, operation.calls + 1)]
    for turn, (name, nth) in enumerate(calls):
        for number, point in enumerate(POINTS):
            is_quick = name == "subscribe" or number == turn % len(POINTS)
            yield pytest.param(name, point, nth, marks=[] if is_quick else pytest.mark.long)


@pytest.mark.parametrize("finish", [finish_by_retry, pytest.param(finish_by_sweep, marks=pytest.mark.long)])
@pytest.mark.parametrize(("name", "point", "nth"), list(deaths()))
def test_killed_at_each_step(
    scene: Scene, name: str, point: str, nth: int, finish: Callable[[Scene, Callable[[], Any]], None]
) -> None:
    operation, key = OPERATIONS[name], unique("key-")
    path, body = operation.path(scene), operation.body(scene)
    if operation.waits:
        change = f"/subscriptions/{scene.subscription['id']}/change"
        scene.api.made(change, {"quantity": 5, "when": "renewal"})
    scene.deliveries.flush()

    def request() -> Any:
        return scene.api.post(path, body, key=key)

    killed(request, point, nth)
    connections.close_all()
    finish(scene, request)
    assert operation.made(scene) == operation.expected
    unfinished = of_intents(scene)
    assert unfinished == [], "the sweep would ask Stripe again"
    scene.deliveries.flush()
    assert operation.made(scene) == operation.expected
    again = request()  # who never heard an answer asks once more
    assert again.status_code in {200, 201}, again.content
    assert operation.made(scene) == operation.expected
    scene.deliveries.flush()
    assert_rows_say_what_stripe_has(scene)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", POINTS)
def test_killed_while_a_coupon_is_set_and_a_change_waits(scene: Scene, point: str, nth: int) -> None:
    """No key comes with a PATCH: the sweep alone sees to it that the coupon is taken off after the change too."""
    path = f"/subscriptions/{scene.subscription['id']}"
    coupon = scene.stripe_client.v1.coupons.create({"percent_off": 50, "duration": "forever"}, scene.account).id
    scene.api.made(f"{path}/change", {"quantity": 3, "when": "renewal"})
    scene.deliveries.flush()

    def request() -> Any:
        return scene.api.request("PATCH", path, {"coupon": coupon})

    killed(request, point, nth + (point == "before_commit"))  # the schedule is written before the first call
    connections.close_all()
    finish_by_sweep(scene, request)
    assert of_change(scene) == ([4900], [1], [1, 3])
    scene.advance(32)
    assert (of_intents(scene), of_change(scene)[1]) == ([], [3])
    assert charged(scene) == [4900, 3 * 4900 // 2]
    assert scene.stripe_client.v1.coupons.retrieve(coupon, None, scene.account).times_redeemed == 1


@pytest.mark.parametrize("finish", ["retry", "sweep"])
def test_killed_when_stripe_has_refused_the_second_half(scene: Scene, finish: str) -> None:
    """The schedule was made for phases that Stripe does not take: whoever comes next lets go of it."""
    product = scene.api.made("/products", {"name": "Extra", "features": [{"feature": "sso"}]})
    price = scene.api.made(
        "/prices", {"product": product["id"], "currency": "usd", "unit_amount": 100, "interval": "month"}
    )
    prices = scene.stripe_client.v1.prices
    prices.update(price["stripe_id"], {"active": False}, scene.account)  # its event is not here yet
    path, key = f"/subscriptions/{scene.subscription['id']}/change", unique("key-")
    body = {"items": [{"price": price["id"]}], "when": "renewal"}

    def request() -> Any:
        return scene.api.post(path, body, key=key)

    killed(request, "before_taking_back", 1)
    connections.close_all()
    assert of_change(scene) == ([4900], [1], [1])
    if finish == "retry":
        prices.update(price["stripe_id"], {"active": True}, scene.account)
        finish_by_sweep(scene, request)
        finish_by_retry(scene, request)
        assert len(of_change(scene)[2]) == 2
    else:
        finish_by_sweep(scene, request)
        assert of_change(scene) == ([4900], [1], [])
        refused = request()
        assert (refused.status_code, of_change(scene)) == (400, ([4900], [1], []))
    scene.deliveries.flush()
    assert_rows_say_what_stripe_has(scene)


def test_killed_and_never_asked_for_again(scene: Scene) -> None:
    """The sweep alone, at the most dangerous place: Stripe has charged, and nobody has written it down."""
    test_killed_at_each_step(scene, "charge", "after_stripe", 5, finish_by_sweep)


def of_intents(scene: Scene) -> list[tuple[str, str]]:
    with scope(scene.api.merchant.id):
        rows = WriteIntent.objects.for_merchant(scene.api.merchant.id).exclude(status="succeeded")
        return list(rows.values_list("operation", "status"))


def assert_rows_say_what_stripe_has(scene: Scene) -> None:
    """Every subscription, invoice, payment and refund of the account is here, with state and amount; no other is."""
    v1, account = scene.stripe_client.v1, scene.account
    every: Any = {"limit": 100}
    of_customer: Any = {"customer": scene.customer["stripe_id"], "status": "all"}
    in_stripe = {
        Subscription: {row.id: (row.status,) for row in v1.subscriptions.list(of_customer, account).data},
        Invoice: {
            row.id: (row.status, row.total)
            for row in v1.invoices.list({"customer": scene.customer["stripe_id"]}, account).data
        },
        Payment: {
            row.id: (row.status, row.amount)
            for row in v1.payment_intents.list({"customer": scene.customer["stripe_id"]}, account).data
        },
        Refund: {row.id: (row.status, row.amount) for row in v1.refunds.list(every, account).data},
    }
    columns: dict[Any, tuple[str, ...]] = {
        Subscription: ("status",), Invoice: ("status", "total"), Payment: ("status", "amount"),
        Refund: ("status", "amount"),
    }  # fmt: skip
    with scope(scene.api.merchant.id):
        for model, expected in in_stripe.items():
            rows = model.objects.for_merchant(scene.api.merchant.id).filter(deleted_at=None)
            found = {stripe_id: tuple(rest) for stripe_id, *rest in rows.values_list("stripe_id", *columns[model])}
            assert found == expected, model.__name__
