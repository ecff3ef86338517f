"""``payment_behavior=pending_if_incomplete``: a change takes place once its invoice is paid."""

from typing import Any

import pytest
import requests
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

HOUR = 3_600
DAY = 24 * HOUR
START = moment(2026, 4, 1, 0)
MIDDLE = START + 15 * DAY
MAY = moment(2026, 5, 1, 0)
BAD = "pm_card_chargeCustomerFail"


def halfway(shop: Shop, card: str = BAD) -> tuple[str, stripe.Subscription]:
    """A subscription at 1000 a month, in the middle of April, whose customer's card is now another one."""
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(1_000))
    method = shop.client.v1.payment_methods.attach(card, {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})
    shop.advance(clock, MIDDLE)
    shop.received.clear()
    return clock, subscription


def change(shop: Shop, subscription: stripe.Subscription, **values: Any) -> stripe.Subscription:
    """Three of them instead of one: half of April is left, so 1500 - 500."""
    asked: Any = {
        "items": [{"id": item_of(subscription).id, "quantity": 3}],
        "payment_behavior": "pending_if_incomplete",
        "proration_behavior": "always_invoice",
        **values,
    }
    return shop.client.v1.subscriptions.update(subscription.id, asked)


def told(shop: Shop) -> list[str]:
    return [one.removeprefix("customer.subscription.") for one in shop.types() if "customer.subscription." in one]


def pay(shop: Shop, subscription: stripe.Subscription, card: str = "pm_card_visa") -> stripe.Invoice:
    newest = str(shop.subscription(subscription.id).latest_invoice)
    method = shop.client.v1.payment_methods.attach(card, {"customer": str(subscription.customer)})
    return shop.client.v1.invoices.pay(newest, {"payment_method": method.id})


def test_it_waits_for_its_payment_and_then_takes_place(shop: Shop) -> None:
    clock, subscription = halfway(shop)
    shown = change(shop, subscription, metadata={"a": "b"})
    assert (item_of(shown).quantity, shown.status, shown.to_dict()["metadata"]) == (1, "active", {})
    pending = shown.pending_update
    assert pending is not None
    assert (pending.expires_at, pending.billing_cycle_anchor, pending.trial_end) == (MIDDLE + 23 * HOUR, None, None)
    [item] = pending.subscription_items or []
    assert (item.id, item.quantity, item.price.unit_amount) == (item_of(subscription).id, 3, 1_000)
    invoice = shop.invoices(subscription.id)[-1]
    assert (invoice.id, invoice.status, invoice.total) == (shown.latest_invoice, "open", 1_000)
    assert shop.client.v1.customers.retrieve(str(subscription.customer)).delinquent is False
    shop.advance(clock, MIDDLE + 22 * HOUR)
    with pytest.raises(stripe.CardError):
        pay(shop, subscription, BAD)
    assert shop.subscription(subscription.id).pending_update == pending
    assert "pending_update_applied" not in told(shop)
    assert pay(shop, subscription).status == "paid"
    after = shop.subscription(subscription.id)
    assert (item_of(after).quantity, after.pending_update, after.to_dict()["metadata"]) == (3, None, {"a": "b"})
    assert told(shop) == ["updated", "updated", "updated", "pending_update_applied"]
    shop.client.v1.customers.update(
        str(subscription.customer),
        {"invoice_settings": {"default_payment_method": _visa(shop, subscription)}},
    )
    shop.advance(clock, MAY + 2 * HOUR)
    assert [one.total for one in shop.invoices(subscription.id)] == [1_000, 1_000, 3_000]


def _visa(shop: Shop, subscription: stripe.Subscription) -> str:
    return shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": str(subscription.customer)}).id


def test_it_expires_after_23_hours_with_its_invoice(shop: Shop) -> None:
    clock, subscription = halfway(shop)
    change(shop, subscription)
    shop.advance(clock, MIDDLE + 23 * HOUR)
    after = shop.subscription(subscription.id)
    assert (after.pending_update, item_of(after).quantity) == (None, 1)
    assert shop.invoices(subscription.id)[-1].status == "void"
    assert told(shop)[-1] == "pending_update_expired"
    assert shop.client.v1.invoice_items.list({"pending": True}).data == []
    shown = shop.client.v1.invoices.create_preview({"subscription": subscription.id})
    assert (shown.total, shown.created) == (1_000, MAY)


def test_it_does_not_outlive_its_period(shop: Shop) -> None:
    clock, subscription = halfway(shop)
    shop.advance(clock, MAY - 2 * HOUR)
    pending = change(shop, subscription).pending_update
    assert pending is not None
    assert pending.expires_at == MAY
    shop.advance(clock, MAY)
    first, voided, renewal = shop.invoices(subscription.id)
    assert (first.status, voided.status, renewal.total) == ("paid", "void", 1_000)


@pytest.mark.parametrize(("values", "total"), [({}, 1_000), ({"billing_cycle_anchor": "now"}, 2_500)])
def test_what_is_paid_takes_place_at_once(shop: Shop, values: Any, total: int) -> None:
    _, subscription = halfway(shop, "pm_card_visa")
    after = change(shop, subscription, **values)
    assert (item_of(after).quantity, after.pending_update) == (3, None)
    assert item_of(after).current_period_start == (MIDDLE if values else START)
    newest = shop.invoices(subscription.id)[-1]
    assert (newest.total, newest.status) == (total, "paid")
    assert "pending_update_applied" not in told(shop)


def test_what_asks_for_no_invoice_takes_place_at_once(shop: Shop) -> None:
    _, subscription = halfway(shop)
    after = change(shop, subscription, proration_behavior="create_prorations")
    assert (item_of(after).quantity, after.pending_update) == (3, None)
    assert len(shop.invoices(subscription.id)) == 1


def test_a_new_period_begins_when_it_is_paid(shop: Shop) -> None:
    clock, subscription = halfway(shop)
    year = shop.price(9_000, "year")
    shown = change(shop, subscription, items=[{"id": item_of(subscription).id, "price": year}])
    assert (item_of(shown).current_period_end, shown.billing_cycle_anchor) == (MAY, START)
    assert shown.pending_update is not None
    assert shown.pending_update.billing_cycle_anchor == MIDDLE
    shop.advance(clock, MIDDLE + HOUR)
    assert pay(shop, subscription).total == 8_500
    after = shop.subscription(subscription.id)
    assert (item_of(after).price.id, after.billing_cycle_anchor) == (year, MIDDLE)
    assert item_of(after).current_period_end == moment(2027, 4, 16, 0)


def test_another_change_takes_its_place(shop: Shop) -> None:
    _, subscription = halfway(shop)
    change(shop, subscription)
    again = change(shop, subscription, items=[{"id": item_of(subscription).id, "quantity": 2}])
    assert again.pending_update is not None
    assert [item.quantity for item in again.pending_update.subscription_items or []] == [2]
    assert [(one.status, one.total) for one in shop.invoices(subscription.id)] == [
        ("paid", 1_000),
        ("void", 1_000),
        ("open", 500),
    ]
    items: Any = [{"id": item_of(subscription).id, "quantity": 5}]
    plain = shop.client.v1.subscriptions.update(subscription.id, {"items": items})
    assert (plain.pending_update, item_of(plain).quantity) == (None, 5)
    assert shop.invoices(subscription.id)[-1].status == "void"


def test_voiding_its_invoice_gives_it_up(shop: Shop) -> None:
    _, subscription = halfway(shop)
    invoice = change(shop, subscription).latest_invoice
    shop.client.v1.invoices.void_invoice(str(invoice))
    assert shop.subscription(subscription.id).pending_update is None
    assert told(shop)[-1] == "pending_update_expired"


def test_it_waits_for_the_holder_of_the_card(shop: Shop) -> None:
    _, subscription = halfway(shop, "pm_card_authenticationRequired")
    invoice = str(change(shop, subscription).latest_invoice)
    path: Any = {"expand": ["payments"]}
    [payment] = (shop.client.v1.invoices.retrieve(invoice, path).payments or stripe.ListObject()).data
    answer = f"{shop.url}/v1/test_helpers/3ds/{payment.payment.payment_intent}"
    requests.post(answer, {"outcome": "succeed"}, auth=("sk_test_simulator", ""), timeout=10).raise_for_status()
    after = shop.subscription(subscription.id)
    assert (item_of(after).quantity, after.pending_update) == (3, None)


def test_a_phase_that_begins_gives_it_up(shop: Shop) -> None:
    clock, subscription = halfway(shop)
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create({"from_subscription": subscription.id})
    now: Any = {"items": [{"price": item_of(subscription).price.id}], "end_date": MIDDLE + HOUR}
    then: Any = {"items": [{"price": shop.price(2_000)}], "proration_behavior": "none"}
    schedules.update(made.id, {"phases": [now, then]})
    change(shop, subscription)
    shop.advance(clock, MIDDLE + HOUR)
    after = shop.subscription(subscription.id)
    assert (after.pending_update, item_of(after).price.unit_amount) == (None, 2_000)
    assert shop.invoices(subscription.id)[-1].status == "void"


def test_an_item_of_its_own_path_waits_too(shop: Shop) -> None:
    _, subscription = halfway(shop)
    asked: Any = {"quantity": 3, "payment_behavior": "pending_if_incomplete", "proration_behavior": "always_invoice"}
    shown = shop.client.v1.subscription_items.update(item_of(subscription).id, asked)
    assert shown.quantity == 1
    assert shop.subscription(subscription.id).pending_update is not None
    shop.client.v1.subscriptions.cancel(subscription.id)
    assert shop.subscription(subscription.id).pending_update is None


def test_what_cannot_wait_is_refused(shop: Shop) -> None:
    _, subscription = halfway(shop)
    for values in ({"cancel_at_period_end": True}, {"items": [{"price": shop.price(5), "tax_rates": ["txr_1"]}]}):
        with pytest.raises(stripe.InvalidRequestError, match="not supported with `payment_behavior"):
            change(shop, subscription, **values)
    mail: Any = {"collection_method": "send_invoice", "days_until_due": 3}
    shop.client.v1.subscriptions.update(subscription.id, mail)
    with pytest.raises(stripe.InvalidRequestError, match="charge_automatically"):
        change(shop, subscription)
