"""``preview_mode=recurring``: the next regular renewal with the wanted changes, and nothing that comes but once."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment
from tests.stripe_simulator.test_previews import essence, preview, rich

START = moment(2026, 4, 1, 0)
MAY = moment(2026, 5, 1, 0)
DAY = 86_400


def recurring(shop: Shop, **values: Any) -> stripe.Invoice:
    return preview(shop, preview_mode="recurring", **values)


def amounts(invoice: stripe.Invoice) -> list[int]:
    return [line.amount for line in invoice.lines]


def test_prorations_and_pending_items_are_left_out(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000))
    shop.advance(clock, START + 15 * DAY)
    extra: Any = {"customer": str(subscription.customer), "amount": 250, "currency": "usd"}
    shop.client.v1.invoice_items.create(extra)
    details = {"items": [{"id": item_of(subscription).id, "price": shop.price(5_000)}]}
    once = [{"amount": 100, "currency": "usd", "description": "Once"}]
    asked: dict[str, Any] = {"subscription": subscription.id, "subscription_details": details, "invoice_items": once}
    shown = recurring(shop, **asked)
    # next: the two pending items, -1500 for half of April, +2500, and May's 5000
    assert sorted(amounts(preview(shop, **asked))) == [-1_500, 100, 250, 2_500, 5_000]
    assert (amounts(shown), shown.total, shown.amount_due, shown.created) == ([5_000], 5_000, 5_000, MAY)
    assert (shown.period_start, shown.period_end) == (START, MAY)
    assert amounts(recurring(shop, subscription=subscription.id)) == [3_000]
    assert amounts(recurring(shop, customer=str(subscription.customer))) == [3_000]
    assert len(shop.client.v1.invoice_items.list({"pending": True}).data) == 1


@pytest.mark.parametrize("behavior", ["always_invoice", "none"])
def test_it_is_the_renewal_that_comes_after_the_change(shop: Shop, behavior: str) -> None:
    clock, subscription = rich(shop)
    shop.advance(clock, START + 11 * DAY + 4_567)
    items = [{"id": item_of(subscription).id, "price": shop.price(123), "quantity": 2}]
    values: Any = {"items": items, "proration_behavior": behavior}
    shown = recurring(shop, subscription=subscription.id, subscription_details=values)
    shop.client.v1.subscriptions.update(subscription.id, values)
    shop.advance(clock, moment(2026, 5, 1, 2))
    assert essence(shown) == essence(shop.invoices(subscription.id)[-1])
    # the credit of a downgrade that is invoiced at once pays for a part of it
    assert ((shown.starting_balance or 0) < 0) == (behavior == "always_invoice")


def test_a_new_interval_is_shown_a_year_later(shop: Shop) -> None:
    clock = shop.clock(START)
    once = shop.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    at = START + 15 * DAY
    shop.advance(clock, at)
    items = [{"id": item_of(subscription).id, "price": shop.price(9_000, "year")}]
    values: Any = {"items": items, "discounts": [{"coupon": once}]}
    shown = recurring(
        shop, subscription=subscription.id, subscription_details={"items": items}, discounts=values["discounts"]
    )
    # the coupon is used up by the invoice of the change, as is the 500 that it credits
    assert (amounts(shown), shown.total, shown.amount_due) == ([9_000], 9_000, 9_000)
    assert (shown.period_start, shown.period_end) == (at, moment(2027, 4, 16, 0))
    shop.client.v1.subscriptions.update(subscription.id, values)
    assert shop.invoices(subscription.id)[-1].total == 4_500 - 500
    shop.advance(clock, moment(2027, 4, 16, 2))
    assert essence(shown) == essence(shop.invoices(subscription.id)[-1])


def test_of_a_subscription_that_is_not_there_yet(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, price = shop.customer(clock), shop.price(4_900)
    once = shop.client.v1.coupons.create({"percent_off": 15, "duration": "once"}).id
    asked: Any = {
        "customer": customer,
        "subscription_details": {"items": [{"price": price}], "trial_end": START + 7 * DAY},
        "invoice_items": [{"amount": 700, "currency": "usd"}],
    }
    assert amounts(recurring(shop, **asked)) == [4_900]
    assert recurring(shop, **asked).created == START + 7 * DAY
    paid: Any = {"customer": customer, "subscription_details": {"items": [{"price": price}]}}
    first, then = (make(shop, **paid, discounts=[{"coupon": once}]) for make in (preview, recurring))
    assert (first.total, then.total, then.created) == (4_165, 4_900, MAY)
    assert shop.client.v1.subscriptions.list({"status": "all", "customer": customer}).data == []


def test_a_trial_shows_what_it_costs_afterwards(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000), trial_period_days=10)
    shown = recurring(shop, subscription=subscription.id)
    assert (shown.total, shown.created) == (3_000, START + 10 * DAY)


def test_where_nothing_recurs_there_is_no_preview(shop: Shop) -> None:
    customer = shop.customer()
    item: Any = {"customer": customer, "amount": 250, "currency": "usd"}
    shop.client.v1.invoice_items.create(item)
    subscription = shop.subscribe(customer, shop.price(3_000))
    ending = {"subscription": subscription.id, "subscription_details": {"cancel_at_period_end": True}}
    now = {"subscription": subscription.id, "subscription_details": {"cancel_now": True}}
    for values in ({"customer": shop.customer()}, ending, now):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            recurring(shop, **values)
        assert refused.value.code == "invoice_upcoming_none"


def test_an_empty_list_of_discounts_leaves_out_the_customers_too(shop: Shop) -> None:
    customer = shop.customer(shop.clock(START))
    half: Any = {"coupon": shop.client.v1.coupons.create({"percent_off": 50, "duration": "forever"}).id}
    shop.client.v1.customers.update(customer, half)
    subscription = shop.subscribe(customer, shop.price(3_000))
    for make in (preview, recurring):
        assert make(shop, subscription=subscription.id).total == 1_500
        assert make(shop, subscription=subscription.id, discounts="").total == 3_000
