"""A preview equals, to the cent, the invoice that then comes; and it leaves nothing behind."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

START = moment(2026, 4, 1, 0)
DAY = 86_400
COMPARED = (
    "amount_due", "billing_reason", "created", "currency", "customer", "discounts", "ending_balance", "period_end",
    "period_start", "starting_balance", "subtotal", "subtotal_excluding_tax", "total", "total_discount_amounts",
    "total_excluding_tax", "total_taxes",
)  # fmt: skip
LINE = ("amount", "description", "discount_amounts", "period", "quantity", "taxes")


def essence(invoice: stripe.Invoice) -> dict[str, Any]:
    shown = invoice.to_dict()
    lines = [{name: line[name] for name in LINE} for line in shown["lines"]["data"]]
    return {name: shown[name] for name in COMPARED} | {"lines": lines}


def preview(shop: Shop, **values: Any) -> stripe.Invoice:
    return shop.client.v1.invoices.create_preview(values)  # type: ignore[arg-type]  # plain dicts, as people write them


def rich(shop: Shop) -> tuple[str, stripe.Subscription]:
    """A subscription with tax, discounts on two levels, and some credit balance."""
    clock = shop.clock(START)
    customer = shop.customer(clock)
    shop.client.v1.customers.update(customer, {"balance": -120})
    vat = shop.client.v1.tax_rates.create({"display_name": "T", "percentage": 19, "inclusive": False}).id
    eighth = shop.client.v1.coupons.create({"percent_off": 12.5, "duration": "forever"}).id
    fixed = shop.client.v1.coupons.create({"amount_off": 111, "currency": "usd", "duration": "forever"}).id
    asked: Any = {
        "customer": customer,
        "items": [{"price": shop.price(1_999), "discounts": [{"coupon": eighth}]}, {"price": shop.price(777)}],
        "discounts": [{"coupon": fixed}],
        "default_tax_rates": [vat],
    }
    return clock, shop.client.v1.subscriptions.create(asked)


def test_the_renewal(shop: Shop) -> None:
    clock, subscription = rich(shop)
    shop.advance(clock, START + 9 * DAY)
    asked: Any = {"customer": str(subscription.customer), "amount": 250, "currency": "usd", "description": "Extra"}
    shop.client.v1.invoice_items.create(asked)
    shop.client.v1.customers.update(str(subscription.customer), {"balance": -500})
    shown = [preview(shop, subscription=subscription.id), preview(shop, customer=str(subscription.customer))]
    shop.advance(clock, moment(2026, 5, 1, 0) + 60)
    shop.advance(clock, moment(2026, 5, 1, 1) + 60)
    came = shop.invoices(subscription.id)[-1]
    assert [essence(one) for one in shown] == [essence(came)] * 2
    assert shown[0].id.startswith("upcoming_in_")
    assert shown[0].status == "draft"


@pytest.mark.parametrize(
    "details",
    [
        {"quantity": 4},
        {"price": "bigger"},
        {"price": "smaller"},
        {"deleted": True},
        {"price": "bigger", "proration_behavior": "none"},
        {"price": "bigger", "proration_behavior": "always_invoice"},
        {"price": "smaller", "proration_behavior": "always_invoice"},
        {"quantity": 2, "proration_date": START + 3 * DAY},
        {"quantity": 2, "billing_cycle_anchor": "now"},
        {"price": "bigger", "default_tax_rates": ""},
    ],
)
def test_a_change(shop: Shop, details: dict[str, Any]) -> None:
    clock, subscription = rich(shop)
    prices = {"bigger": shop.price(4_321), "smaller": shop.price(123)}
    shop.advance(clock, START + 11 * DAY + 4_567)
    values = {name: value for name, value in details.items() if name not in ("price", "quantity", "deleted")}
    item = {name: value for name, value in details.items() if name not in values}
    if "price" in item:
        item["price"] = prices[item["price"]]
    values["items"] = [{"id": item_of(subscription).id, **item}]
    shown = preview(shop, subscription=subscription.id, subscription_details=values)
    before = shop.client.v1.subscriptions.retrieve(subscription.id).to_dict()
    assert before["latest_invoice"] == subscription.latest_invoice

    shop.client.v1.subscriptions.update(subscription.id, values)  # type: ignore[arg-type]  # plain dicts, as people write them
    if len(shop.invoices(subscription.id)) == 1:
        shop.advance(clock, moment(2026, 5, 1, 2))
    came = shop.invoices(subscription.id)[1]
    assert essence(shown) == essence(came)


def test_an_interval_of_another_length_is_invoiced_now(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    shop.advance(clock, START + 15 * DAY)
    values: Any = {"items": [{"id": item_of(subscription).id, "price": shop.price(10_000, "year")}]}
    shown = preview(shop, subscription=subscription.id, subscription_details=values)
    assert [line.amount for line in shown.lines] == [-500, 10_000]
    shop.client.v1.subscriptions.update(subscription.id, values)
    assert essence(shown) == essence(shop.invoices(subscription.id)[-1])


def test_a_subscription_that_is_not_there_yet(shop: Shop) -> None:
    customer = shop.customer(shop.clock(START))
    half = shop.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    items = [{"price": shop.price(999), "quantity": 3}]
    discounts = [{"coupon": half}]
    shown = preview(shop, customer=customer, subscription_details={"items": items}, discounts=discounts)
    assert shown.total == 1_498  # 2997 - 1498.5, rounded to 1499
    assert shop.client.v1.subscriptions.list({"status": "all", "customer": customer}).data == []
    assert shop.client.v1.coupons.retrieve(half).times_redeemed == 0
    asked: Any = {"customer": customer, "items": items, "discounts": discounts}
    subscription = shop.client.v1.subscriptions.create(asked)
    came = essence(shop.invoices(subscription.id)[0])
    for entry in (came, expected := essence(shown)):  # the discount is another one each time
        entry["discounts"] = len(entry["discounts"])
        entry["total_discount_amounts"] = [one["amount"] for one in entry["total_discount_amounts"]]
        entry["lines"][0]["discount_amounts"] = [one["amount"] for one in entry["lines"][0]["discount_amounts"]]
    assert expected == came


def test_items_discounts_and_exemptions_of_the_preview_only(shop: Shop) -> None:
    clock, subscription = rich(shop)
    tenth = shop.client.v1.coupons.create({"percent_off": 10, "duration": "once"}).id
    shown = preview(
        shop,
        subscription=subscription.id,
        customer_details={"tax_exempt": "exempt"},
        discounts=[{"coupon": tenth}],
        invoice_items=[{"amount": 1_000, "currency": "usd", "description": "Once"}],
        expand=["total_discount_amounts.discount"],
    )
    # 1999 - 12.5% (249.875, so 250) = 1749; 10% of 1000, 1749 and 777: 100, 175, 78.
    assert [entry.amount for entry in shown.total_discount_amounts or []] == [353, 250]
    assert shown.total == 1_000 + 1_749 + 777 - 353
    named = (shown.total_discount_amounts or [])[0].discount
    assert isinstance(named, stripe.Discount)
    assert named.source.coupon == tenth
    assert shop.client.v1.invoice_items.list().data == []
    assert shop.client.v1.customers.retrieve(str(subscription.customer)).tax_exempt == "none"


def test_pending_items_without_a_subscription(shop: Shop) -> None:
    customer = shop.customer()
    asked: Any = {"customer": customer, "amount": 250, "currency": "usd"}
    shop.client.v1.invoice_items.create(asked)
    assert preview(shop, customer=customer).total == 250
    assert len(shop.client.v1.invoice_items.list({"pending": True}).data) == 1


def test_an_end_now(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000))
    shop.advance(clock, START + 20 * DAY)
    shown = preview(shop, subscription=subscription.id, subscription_details={"cancel_now": True})
    assert (shown.total, shown.ending_balance) == (-1_000, -1_000)
    assert shop.subscription(subscription.id).status == "active"
    now: Any = {"prorate": True, "invoice_now": True}
    shop.client.v1.subscriptions.cancel(subscription.id, now)
    assert essence(shop.invoices(subscription.id)[-1]) == essence(shown)


def test_where_nothing_comes_there_is_no_preview(shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, shop.price(3_000))
    shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    for values in ({"customer": customer}, {"subscription": subscription.id}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            preview(shop, **values)
        assert (refused.value.code, refused.value.http_status) == ("invoice_upcoming_none", 404)


@pytest.mark.parametrize(
    "values",
    [
        {"automatic_tax": {"enabled": True}},
        {"subscription_details": {"items": [{"price": "any"}], "cancel_now": True}},
    ],
)
def test_what_previews_do_not_do_is_said(shop: Shop, values: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        preview(shop, customer=shop.customer(), **values)
    assert refused.value.code == "simulator_not_implemented"


def test_a_preview_changes_neither_objects_nor_time(shop: Shop) -> None:
    clock, subscription = rich(shop)
    events = len(shop.received)
    before = shop.subscription(subscription.id).to_dict()
    preview(shop, subscription=subscription.id, subscription_details={"trial_end": "now"})
    assert shop.subscription(subscription.id).to_dict() == before
    assert shop.client.v1.test_helpers.test_clocks.retrieve(clock).frozen_time == START
    assert len(shop.received) == events
    assert len(shop.client.v1.invoices.list().data) == 1
