"""What those rely on who change running subscriptions and catalogs in use."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

DAY = 86_400
HOUR = 3_600
START = moment(2026, 4, 1, 0)
MAY, JUNE, JULY = (moment(2026, month, 1, 0) for month in (5, 6, 7))


def everything(shop: Shop, subscription: stripe.Subscription) -> dict[str, Any]:
    """All that a change could have touched."""
    customer: Any = {"customer": str(subscription.customer), "limit": 100}
    client = shop.client.v1
    listed: list[Any] = [
        client.invoices.list(customer),
        client.invoice_items.list(customer),
        client.payment_intents.list(customer),
        client.charges.list(customer),
        client.coupons.list(),
        client.events.list({"limit": 100}),
    ]
    return {
        "subscription": shop.subscription(subscription.id).to_dict(),
        "customer": client.customers.retrieve(str(subscription.customer)).to_dict(),
        "lists": [[one.to_dict() for one in found] for found in listed],
        "webhooks": len(shop.received),
    }


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ("pm_card_chargeCustomerFail", "card_declined"),
        ("pm_card_authenticationRequired", "subscription_payment_intent_requires_action"),
    ],
)
@pytest.mark.parametrize("change", ["quantity", "year", "anchor"])
def test_error_if_incomplete_changes_nothing_where_a_change_is_not_paid(
    shop: Shop, card: str, code: str, change: str
) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(1_000))
    shop.client.v1.customers.balance_transactions.create(customer, {"amount": -100, "currency": "usd"})
    bad = shop.client.v1.payment_methods.attach(card, {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": bad.id}})
    half = shop.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    shop.advance(clock, START + 15 * DAY)
    item: Any = {"id": item_of(subscription).id}
    values: Any = {
        "quantity": {"items": [{**item, "quantity": 3}], "proration_behavior": "always_invoice"},
        "year": {"items": [{**item, "price": shop.price(9_000, "year")}]},
        "anchor": {"items": [{**item, "quantity": 2}], "billing_cycle_anchor": "now"},
    }[change]
    values |= {"payment_behavior": "error_if_incomplete", "discounts": [{"coupon": half}], "metadata": {"a": "b"}}
    before = everything(shop, subscription)
    with pytest.raises(stripe.CardError) as refused:
        shop.client.v1.subscriptions.update(subscription.id, values)
    assert (refused.value.http_status, refused.value.code) == (402, code)
    assert everything(shop, subscription) == before


def test_error_if_incomplete_lets_through_what_is_paid_or_free(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    shop.advance(clock, START + 15 * DAY)
    for quantity, totals in ((3, [1_000, 1_000]), (1, [1_000, 1_000, -1_000])):
        asked: Any = {"items": [{"id": item_of(subscription).id, "quantity": quantity}]}
        asked |= {"proration_behavior": "always_invoice", "payment_behavior": "error_if_incomplete"}
        shop.client.v1.subscriptions.update(subscription.id, asked)
        assert [one.total for one in shop.invoices(subscription.id)] == totals
    assert {one.status for one in shop.invoices(subscription.id)} == {"paid"}


def test_a_scheduled_subscription_takes_items_and_refuses_endings(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create({"from_subscription": subscription.id})
    endings: list[Any] = [{"cancel_at_period_end": True}, {"cancel_at": MAY}, {"cancel_at": ""}]
    for values in endings:
        with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule") as refused:
            shop.client.v1.subscriptions.update(subscription.id, values)
        assert refused.value.http_status == 400
    items: Any = [{"id": item_of(subscription).id, "quantity": 2}]
    shop.client.v1.subscriptions.update(subscription.id, {"items": items})
    assert item_of(shop.subscription(subscription.id)).quantity == 2
    released = schedules.release(made.id)
    assert (released.status, released.released_subscription) == ("released", subscription.id)
    after = shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (after.schedule, after.cancel_at) == (None, MAY)
    assert "subscription_schedule.released" in shop.types()


def test_collection_is_paused_until_a_date(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    held: Any = {"pause_collection": {"behavior": "void", "resumes_at": JUNE - DAY}}
    paused = shop.client.v1.subscriptions.update(subscription.id, held).pause_collection
    assert paused is not None
    assert (paused.behavior, paused.resumes_at) == ("void", JUNE - DAY)
    shop.advance(clock, JUNE + 2 * HOUR)
    assert [one.status for one in shop.invoices(subscription.id)] == ["paid", "void", "paid"]
    after = shop.subscription(subscription.id)
    assert (after.pause_collection, after.status) == (None, "active")
    past: Any = {"pause_collection": {"behavior": "void", "resumes_at": MAY}}
    with pytest.raises(stripe.InvalidRequestError, match="future"):
        shop.client.v1.subscriptions.update(subscription.id, past)
    shop.client.v1.subscriptions.update(subscription.id, held | {"pause_collection": {"behavior": "keep_as_draft"}})
    assert shop.client.v1.subscriptions.update(subscription.id, {"pause_collection": ""}).pause_collection is None


def test_a_pause_may_end_with_the_period(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    held: Any = {"pause_collection": {"behavior": "void", "resumes_at": MAY}}
    shop.client.v1.subscriptions.update(subscription.id, held)
    shop.advance(clock, JUNE + 2 * HOUR)
    assert [one.status for one in shop.invoices(subscription.id)] == ["paid"] * 3


def test_why_someone_goes_is_kept(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, price = shop.customer(clock), shop.price(1_000)
    details: Any = {"comment": "Too much", "feedback": "too_expensive"}
    first = shop.subscribe(customer, price)
    told = shop.client.v1.subscriptions.update(
        first.id, {"cancel_at_period_end": True, "cancellation_details": details}
    )
    assert told.cancellation_details is not None
    assert told.cancellation_details.to_dict() == {**details, "reason": "cancellation_requested"}
    second = shop.subscribe(customer, price)
    gone = shop.client.v1.subscriptions.cancel(second.id, {"cancellation_details": details})
    assert gone.cancellation_details is not None
    assert gone.cancellation_details.to_dict() == {**details, "reason": "cancellation_requested"}
    event = next(one for one in reversed(shop.received) if one["type"] == "customer.subscription.deleted")
    assert event["data"]["object"]["cancellation_details"]["feedback"] == "too_expensive"
    other: Any = {"cancellation_details": {"feedback": "low_quality", "comment": ""}}
    after = shop.client.v1.subscriptions.update(second.id, other).cancellation_details
    assert after is not None
    assert (after.feedback, after.comment) == ("low_quality", None)


def test_lookup_keys_move_to_new_prices(shop: Shop) -> None:
    prices = shop.client.v1.prices
    product = shop.client.v1.products.create({"name": "Plan"}).id
    terms: Any = {"product": product, "currency": "usd", "recurring": {"interval": "month"}, "lookup_key": "plan"}
    first = prices.create(terms | {"unit_amount": 1_000})
    with pytest.raises(stripe.InvalidRequestError, match="already uses that lookup key"):
        prices.create(terms | {"unit_amount": 2_000})
    second = prices.create(terms | {"unit_amount": 2_000, "transfer_lookup_key": True})
    assert (prices.retrieve(first.id).lookup_key, second.lookup_key) == (None, "plan")
    assert [one.id for one in prices.list({"lookup_keys": ["plan"]})] == [second.id]
    event = next(one for one in reversed(shop.received) if one["type"] == "price.updated")
    assert (event["data"]["object"]["id"], event["data"]["previous_attributes"]) == (first.id, {"lookup_key": "plan"})
    changed = prices.update(first.id, {"lookup_key": "old", "nickname": "Old", "metadata": {"v": "1"}, "active": False})
    assert (changed.lookup_key, changed.nickname, changed.active) == ("old", "Old", False)
    assert changed.metadata["v"] == "1"
    assert prices.update(first.id, {"lookup_key": "", "nickname": ""}).lookup_key is None
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        shop.subscribe(shop.customer(), first.id)


def test_the_default_price_of_a_product_is_not_archived(shop: Shop) -> None:
    client = shop.client.v1
    data: Any = {"currency": "usd", "unit_amount": 5, "recurring": {"interval": "month"}}
    product = client.products.create({"name": "Plan", "default_price_data": data})
    first = str(product.default_price)
    with pytest.raises(stripe.InvalidRequestError, match="default price of its product"):
        client.prices.update(first, {"active": False})
    second = shop.price(7, product=product.id)
    after = client.products.update(
        product.id, {"default_price": second, "metadata": {"billingos_version": "2"}, "name": "Pro"}
    )
    assert (after.default_price, after.name) == (second, "Pro")
    assert after.metadata["billingos_version"] == "2"
    assert not client.prices.update(first, {"active": False}).active


def test_discounts_are_whole_when_expanded_and_their_coupons_one_level_deeper(shop: Shop) -> None:
    client = shop.client.v1
    product = client.products.create({"name": "Plan"}).id
    asked: Any = {"percent_off": 10, "duration": "forever", "applies_to": {"products": [product]}}
    coupon = client.coupons.create(asked)
    assert "applies_to" not in coupon
    assert "applies_to" not in client.coupons.retrieve(coupon.id)
    subscription = shop.subscribe(
        shop.customer(), shop.price(1_000, product=product), discounts=[{"coupon": coupon.id}]
    )
    shown = client.subscriptions.retrieve(subscription.id, {"expand": ["discounts"]}).to_dict()
    assert shown["discounts"][0]["source"] == {"coupon": coupon.id, "type": "coupon"}
    path = "data.discounts.source.coupon"
    for expand, seen in (([path], False), ([f"{path}.applies_to"], True)):
        [listed] = client.subscriptions.list({"expand": expand}).data
        source = listed.to_dict()["discounts"][0]["source"]
        assert source["coupon"]["id"] == coupon.id
        assert (source["coupon"].get("applies_to") == {"products": [product]}) == seen


def test_payments_of_an_invoice_come_when_they_are_asked_for(shop: Shop) -> None:
    subscription = shop.subscribe(shop.customer(), shop.price(1_000))
    invoice = shop.invoices(subscription.id)[0].id
    assert "payments" not in shop.client.v1.invoices.retrieve(invoice)
    path = "payments.data.payment.payment_intent"
    [payment] = (shop.client.v1.invoices.retrieve(invoice, {"expand": [path]}).payments or stripe.ListObject()).data
    assert (payment.amount_paid, payment.status, payment.is_default) == (1_000, "paid", True)
    intent = payment.payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert intent.status == "succeeded"


def test_a_one_off_invoice_takes_only_its_own_items(shop: Shop) -> None:
    client = shop.client.v1
    customer = shop.customer(shop.clock(START))
    waiting: Any = {"customer": customer, "amount": 777, "currency": "usd"}
    client.invoice_items.create(waiting)
    alone: Any = {"customer": customer, "pending_invoice_items_behavior": "exclude", "currency": "usd"}
    invoice = client.invoices.create(alone)
    assert (invoice.total, invoice.status) == (0, "draft")
    for amount, text in ((1_000, "Setup"), (250, "Support")):
        item: Any = {"customer": customer, "invoice": invoice.id, "amount": amount, "currency": "usd"}
        client.invoice_items.create(item | {"description": text})
    opened = client.invoices.finalize_invoice(invoice.id, {"auto_advance": False})
    assert (opened.status, opened.total, [line.amount for line in opened.lines]) == ("open", 1_250, [1_000, 250])
    paid = client.invoices.pay(invoice.id)
    assert (paid.status, paid.amount_paid) == ("paid", 1_250)
    [left] = client.invoice_items.list({"customer": customer, "pending": True}).data
    assert left.amount == 777
    bad = client.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    again = client.invoices.create(alone)
    client.invoice_items.create({"customer": customer, "invoice": again.id, "amount": 300, "currency": "usd"})
    client.invoices.finalize_invoice(again.id)
    with pytest.raises(stripe.CardError, match="declined"):
        client.invoices.pay(again.id, {"payment_method": bad.id})
    assert client.invoices.retrieve(again.id).status == "open"
