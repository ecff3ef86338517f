"""Meters, their events, and what metered prices bill when a period has ended."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

DAY = 86_400
HOUR = 3_600
START = moment(2026, 4, 1, 0)
MAY = moment(2026, 5, 1, 0)


def meter(shop: Shop, formula: Any = "sum", name: str = "calls") -> str:
    made = shop.client.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": name, "default_aggregation": {"formula": formula}}
    )
    return made.id


def report(shop: Shop, customer: str, value: int | str, name: str = "calls", **values: Any) -> Any:
    payload = {"stripe_customer_id": customer, "value": str(value)}
    sent: Any = {"event_name": name, "payload": payload, **values}
    return shop.client.v1.billing.meter_events.create(sent)


def metered(shop: Shop, of: str, **values: Any) -> str:
    product = shop.client.v1.products.create({"name": "Calls"}).id
    recurring = {"interval": "month", "usage_type": "metered", "meter": of}
    asked: Any = {"product": product, "currency": "usd", "recurring": recurring, "unit_amount": 5} | values
    if "tiers" in values:
        asked.pop("unit_amount")
    return shop.client.v1.prices.create(asked).id


def summed(shop: Shop, of: str, customer: str, **values: Any) -> list[tuple[int, Any]]:
    asked: Any = {"customer": customer, "start_time": START, "end_time": START + 3 * DAY, **values}
    found = shop.client.v1.billing.meters.event_summaries.list(of, asked)
    return [(one.start_time, one.aggregated_value) for one in found]


def lines(invoice: stripe.Invoice) -> list[tuple[int | None, int]]:
    return [(line.quantity, line.amount) for line in invoice.lines.data]


@pytest.mark.parametrize(
    ("formula", "quantity"),
    [("sum", 60), ("count", 3), ("last", 20)],  # 10 + 30 + 20; three events; the last one in time
)
def test_a_metered_price_bills_the_period_that_ended(shop: Shop, formula: str, quantity: int) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, metered(shop, meter(shop, formula)))
    assert subscription.status == "active"
    assert "quantity" not in item_of(subscription).to_dict()
    assert lines(shop.invoices(subscription.id)[0]) == [(0, 0)]
    shop.advance(clock, START + 10 * DAY)
    report(shop, customer, 10)
    report(shop, customer, 20, timestamp=START + 9 * DAY)
    report(shop, customer, 30, timestamp=START + 8 * DAY)
    if formula == "last":
        report(shop, customer, 20, timestamp=START + 10 * DAY + 60)
    shop.advance(clock, MAY + 2 * HOUR)
    renewal = shop.invoices(subscription.id)[-1]
    assert (renewal.total, renewal.status) == (quantity * 5, "paid")
    assert lines(renewal) == [(quantity, quantity * 5)]
    assert (renewal.lines.data[0].period.start, renewal.lines.data[0].period.end) == (START, MAY)


def test_usage_reported_while_the_renewal_is_a_draft_still_counts(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, metered(shop, meter(shop)))
    shop.advance(clock, START + 20 * DAY)
    report(shop, customer, 7)
    shop.advance(clock, MAY + 60)
    assert shop.invoices(subscription.id)[-1].total == 35
    report(shop, customer, 3, timestamp=MAY - 1)
    report(shop, customer, 100, timestamp=MAY)  # belongs to May
    shop.advance(clock, MAY + 2 * HOUR)
    final = shop.invoices(subscription.id)[-1]
    assert (final.total, final.amount_paid) == (50, 50)
    shop.advance(clock, moment(2026, 6, 1, 2))
    assert shop.invoices(subscription.id)[-1].total == 500


def test_metered_and_licensed_items_share_an_invoice(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    tiers = [{"up_to": 100, "unit_amount": 0}, {"up_to": "inf", "unit_amount_decimal": "0.5", "flat_amount": 50}]
    usage = metered(shop, meter(shop), billing_scheme="tiered", tiers_mode="graduated", tiers=tiers)
    items = [{"price": shop.price(2_000)}, {"price": usage}]
    subscription = shop.subscribe(customer, "", items=items)
    assert shop.invoices(subscription.id)[0].total == 2_000
    shop.advance(clock, START + DAY)
    report(shop, customer, 301)  # 100 free, then 50 + 201 * 0.5 = 150.5, rounded to 151
    shop.advance(clock, MAY + 2 * HOUR)
    renewal = shop.invoices(subscription.id)[-1]
    assert lines(renewal) == [(1, 2_000), (301, 151)]
    assert renewal.total == 2_151


def test_what_was_used_is_billed_when_a_metered_subscription_ends(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, metered(shop, meter(shop)))
    shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    report(shop, customer, 9)
    shop.advance(clock, MAY + 2 * HOUR)
    assert shop.subscription(subscription.id).status == "canceled"
    last = shop.invoices(subscription.id)[-1]
    assert (last.total, last.status) == (45, "paid")


def test_a_metered_item_that_goes_leaves_its_usage(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    items = [{"price": shop.price(2_000)}, {"price": metered(shop, meter(shop))}]
    subscription = shop.subscribe(customer, "", items=items)
    shop.advance(clock, START + DAY)
    report(shop, customer, 4)
    shop.advance(clock, START + 2 * DAY)
    gone = subscription["items"].data[1].id
    shop.client.v1.subscriptions.update(subscription.id, {"items": [{"id": gone, "deleted": True}]})
    shop.advance(clock, MAY + 2 * HOUR)
    assert lines(shop.invoices(subscription.id)[-1]) == [(4, 20), (1, 2_000)]


def test_usage_in_a_trial_is_free(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, metered(shop, meter(shop)), trial_period_days=10)
    report(shop, customer, 4)
    shop.advance(clock, START + 11 * DAY)
    report(shop, customer, 6)
    shop.advance(clock, START + 41 * DAY)
    assert [one.total for one in shop.invoices(subscription.id)] == [0, 0, 30]


def test_events_are_taken_once_in_their_time_for_a_known_customer(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, of = shop.customer(clock), meter(shop)
    event = report(shop, customer, 2, identifier="one")
    assert (event.identifier, event.timestamp, event.created) == ("one", START, START)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"identifier": "one"}, "already exists with identifier one"),
        ({"timestamp": START - 35 * DAY - 1}, "35"),
        ({"timestamp": START + 301}, "5 minutes"),
        ({"value": "1.5"}, "whole number"),
        ({"value": ""}, "value"),
        ({"customer": "cus_none"}, "No such customer"),
        ({"customer": ""}, "stripe_customer_id"),
        ({"name": "other"}, "No meter"),
    ]
    for change, message in wrong:
        asked: Any = {"customer": customer, "value": 2, **change}
        with pytest.raises(stripe.InvalidRequestError, match=message):
            report(shop, **asked)
    report(shop, customer, 3, timestamp=START - 35 * DAY)
    report(shop, customer, 3, timestamp=START + 300)
    assert summed(shop, of, customer) == [(START, 5)]
    shop.advance(clock, START + DAY)
    report(shop, customer, 2, identifier="one")  # unique for a day
    assert summed(shop, of, customer) == [(START, 7)]


def test_summaries_by_hour_and_day(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, of = shop.customer(clock), meter(shop)
    shop.advance(clock, START + 2 * DAY)
    for at, value in ((0, 1), (HOUR, 2), (2 * HOUR - 1, 4), (DAY, 8)):
        report(shop, customer, value, timestamp=START + at)
    assert summed(shop, of, customer) == [(START, 15)]
    assert summed(shop, of, customer, value_grouping_window="day") == [(START + DAY, 8), (START, 7)]
    assert summed(shop, of, customer, value_grouping_window="hour") == [
        (START + DAY, 8),
        (START + HOUR, 6),
        (START, 1),
    ]
    with pytest.raises(stripe.InvalidRequestError, match="aligned"):
        summed(shop, of, customer, start_time=START + HOUR, value_grouping_window="day")
    other = shop.customer(clock)
    assert summed(shop, of, other) == [(START, 0)]


def test_an_event_can_be_taken_back_within_a_day(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, of = shop.customer(clock), meter(shop)
    report(shop, customer, 2, identifier="one")
    report(shop, customer, 5, identifier="two")
    cancel: Any = {"event_name": "calls", "type": "cancel", "cancel": {"identifier": "one"}}
    assert shop.client.v1.billing.meter_event_adjustments.create(cancel).status == "complete"
    assert summed(shop, of, customer) == [(START, 5)]
    shop.advance(clock, START + DAY + 1)
    cancel["cancel"] = {"identifier": "two"}
    with pytest.raises(stripe.InvalidRequestError, match="24 hours"):
        shop.client.v1.billing.meter_event_adjustments.create(cancel)


def test_meters_are_renamed_switched_off_and_on(shop: Shop) -> None:
    of, meters = meter(shop), shop.client.v1.billing.meters
    assert meters.update(of, {"display_name": "New"}).display_name == "New"
    assert meters.deactivate(of).status == "inactive"
    assert [one.id for one in meters.list({"status": "inactive"})] == [of]
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        report(shop, shop.customer(), 1)
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        metered(shop, of)
    again = meter(shop)
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        meters.reactivate(of)
    meters.deactivate(again)
    assert meters.reactivate(of).status == "active"
    assert [one for one in shop.types() if one.startswith("billing.meter.")] == [
        "billing.meter.created",
        "billing.meter.updated",
        "billing.meter.deactivated",
        "billing.meter.created",
        "billing.meter.deactivated",
        "billing.meter.reactivated",
    ]


def test_metered_prices_need_a_meter_and_take_no_quantity(shop: Shop) -> None:
    product = shop.client.v1.products.create({"name": "Calls"}).id
    bare: Any = {"product": product, "currency": "usd", "unit_amount": 5}
    bare["recurring"] = {"interval": "month", "usage_type": "metered"}
    with pytest.raises(stripe.InvalidRequestError, match="meter"):
        shop.client.v1.prices.create(bare)
    price = metered(shop, meter(shop))
    with pytest.raises(stripe.InvalidRequestError, match="quantity for metered"):
        shop.subscribe(shop.customer(), "", items=[{"price": price, "quantity": 2}])
