"""Subscription schedules: phases that follow the clock."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

DAY = 86_400
HOUR = 3_600
START = moment(2026, 4, 1, 0)
MAY, JUNE, JULY = (moment(2026, month, 1, 0) for month in (5, 6, 7))
MONTH: Any = {"interval": "month", "interval_count": 1}


def told(shop: Shop) -> list[str]:
    return [one.partition(".")[2] for one in shop.types() if one.startswith("subscription_schedule.")]


def totals(shop: Shop, subscription: Any) -> list[int]:
    return [one.total for one in shop.invoices(str(subscription))]


def phase(price: str, quantity: int = 1, **values: Any) -> Any:
    return {"items": [{"price": price, "quantity": quantity}], **values}


def test_a_schedule_makes_its_subscription_and_moves_it_through_its_phases(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, basic, pro = shop.customer(clock), shop.price(1_000), shop.price(5_000)
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create(
        {
            "customer": customer,
            "start_date": START + 10 * DAY,
            "end_behavior": "cancel",
            "phases": [
                phase(basic, duration={"interval": "month", "interval_count": 2}, metadata={"step": "1"}),
                phase(pro, quantity=2, duration=MONTH),
            ],
        }
    )
    assert (made.status, made.subscription, made.current_phase) == ("not_started", None, None)
    spans = [(one.start_date, one.end_date) for one in made.phases]
    assert spans == [
        (moment(2026, 4, 11, 0), moment(2026, 6, 11, 0)),
        (moment(2026, 6, 11, 0), moment(2026, 7, 11, 0)),
    ]
    assert [one.id for one in schedules.list({"scheduled": True})] == [made.id]

    shop.advance(clock, START + 10 * DAY + 60)
    running = schedules.retrieve(made.id)
    subscription = str(running.subscription)
    assert running.current_phase is not None
    assert (running.status, running.current_phase.start_date) == ("active", START + 10 * DAY)
    first = shop.subscription(subscription)
    assert (first.status, first.schedule, first.to_dict()["metadata"]) == ("active", made.id, {"step": "1"})
    assert shop.invoices(subscription)[0].status == "draft"
    shop.advance(clock, moment(2026, 6, 11, 2))
    changed = shop.subscription(subscription)
    assert (item_of(changed).price.id, item_of(changed).quantity) == (pro, 2)
    shop.advance(clock, moment(2026, 7, 12, 0))
    assert totals(shop, subscription) == [1_000, 1_000, 10_000]
    assert {one.status for one in shop.invoices(subscription)} == {"paid"}
    done = schedules.retrieve(made.id)
    assert (done.status, done.completed_at) == ("completed", moment(2026, 7, 11, 0))
    assert shop.subscription(subscription).status == "canceled"
    assert told(shop) == ["created", "updated", "updated", "expiring", "completed"]


def test_a_plan_changes_at_renewal_through_a_schedule(shop: Shop) -> None:
    clock = shop.clock(START)
    basic, pro = shop.price(1_000), shop.price(5_000)
    subscription = shop.subscribe(shop.customer(clock), basic)
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create({"from_subscription": subscription.id})
    now = made.phases[0]
    assert (made.status, now.start_date, now.end_date, made.subscription) == ("active", START, MAY, subscription.id)
    assert shop.subscription(subscription.id).schedule == made.id
    schedules.update(
        made.id,
        {
            "phases": [
                phase(basic, start_date=now.start_date, end_date=now.end_date),
                phase(pro, duration=MONTH, proration_behavior="none"),
            ]
        },
    )
    shop.advance(clock, START + 20 * DAY)
    assert item_of(shop.subscription(subscription.id)).price.id == basic
    with pytest.raises(stripe.InvalidRequestError, match="managed by the subscription schedule"):
        shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    shop.advance(clock, MAY + 2 * HOUR)
    renewed = shop.subscription(subscription.id)
    assert (item_of(renewed).price.id, item_of(renewed).current_period_start) == (pro, MAY)
    assert item_of(renewed).id == item_of(subscription).id
    assert totals(shop, subscription.id) == [1_000, 5_000]
    shop.advance(clock, JUNE + 2 * HOUR)
    released = schedules.retrieve(made.id)
    assert (released.status, released.released_subscription) == ("released", subscription.id)
    after = shop.subscription(subscription.id)
    assert (after.status, after.schedule, item_of(after).price.id) == ("active", None, pro)
    assert totals(shop, subscription.id) == [1_000, 5_000, 5_000]


def test_monthly_becomes_annual_at_the_end_of_its_period(shop: Shop) -> None:
    clock = shop.clock(START)
    monthly, annual = shop.price(1_000), shop.price(9_000, "year")
    subscription = shop.subscribe(shop.customer(clock), monthly)
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create({"from_subscription": subscription.id})
    schedules.update(made.id, {"phases": [phase(monthly, end_date=MAY), phase(annual)]})
    shop.advance(clock, moment(2026, 8, 1))
    assert totals(shop, subscription.id) == [1_000, 9_000]
    assert item_of(shop.subscription(subscription.id)).current_period_end == moment(2027, 5, 1, 0)


def test_a_phase_that_begins_in_mid_period_is_prorated(shop: Shop) -> None:
    clock = shop.clock(START)
    basic, pro = shop.price(1_000), shop.price(3_000)
    made = shop.client.v1.subscription_schedules.create(
        {
            "customer": shop.customer(clock),
            "start_date": "now",
            "phases": [
                phase(basic, end_date=START + 15 * DAY),
                phase(pro, end_date=JULY, proration_behavior="always_invoice"),
            ],
        }
    )
    shop.advance(clock, START + 15 * DAY + 60)
    # half of April is left: -500 + 1500
    assert totals(shop, made.subscription) == [1_000, 1_000]
    shop.advance(clock, MAY + 2 * HOUR)
    assert totals(shop, made.subscription)[-1] == 3_000


def test_a_trial_can_be_a_phase(shop: Shop) -> None:
    clock = shop.clock(START)
    price = shop.price(3_000)
    made = shop.client.v1.subscription_schedules.create(
        {
            "customer": shop.customer(clock),
            "phases": [phase(price, end_date=START + 10 * DAY, trial=True), phase(price, duration=MONTH)],
        }
    )
    assert shop.subscription(str(made.subscription)).status == "trialing"
    shop.advance(clock, START + 10 * DAY + 2 * HOUR)
    assert shop.subscription(str(made.subscription)).status == "active"
    assert totals(shop, made.subscription) == [0, 3_000]


def test_the_current_phase_can_be_changed_at_once(shop: Shop) -> None:
    clock = shop.clock(START)
    basic, pro = shop.price(1_000), shop.price(3_000)
    subscription = shop.subscribe(shop.customer(clock), basic)
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create({"from_subscription": subscription.id, "metadata": {"a": "b"}})
    shop.advance(clock, START + 15 * DAY)
    asked: Any = {"phases": [phase(pro, start_date=START, end_date=MAY)], "proration_behavior": "always_invoice"}
    schedules.update(made.id, asked)
    assert totals(shop, subscription.id) == [1_000, 1_000]
    assert item_of(shop.subscription(subscription.id)).price.id == pro


def test_schedules_are_released_and_canceled(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, price = shop.customer(clock), shop.price(1_000)
    schedules = shop.client.v1.subscription_schedules
    subscription = shop.subscribe(customer, price)
    free = schedules.create({"from_subscription": subscription.id})
    with pytest.raises(stripe.InvalidRequestError, match="already managed"):
        schedules.create({"from_subscription": subscription.id})
    released = schedules.release(free.id)
    assert (released.status, released.subscription, released.released_at) == ("released", None, START)
    assert shop.subscription(subscription.id).schedule is None
    with pytest.raises(stripe.InvalidRequestError, match="`released` status"):
        schedules.cancel(free.id)

    again = schedules.create({"from_subscription": subscription.id})
    gone = schedules.cancel(again.id, {"prorate": False})
    assert (gone.status, gone.canceled_at) == ("canceled", START)
    assert shop.subscription(subscription.id).status == "canceled"
    third = schedules.create({"customer": customer, "phases": [phase(price)]})
    shop.client.v1.subscriptions.cancel(str(third.subscription))
    assert schedules.retrieve(third.id).status == "canceled"
    later = schedules.create({"customer": customer, "start_date": MAY, "phases": [phase(price)]})
    assert schedules.cancel(later.id).subscription is None
    shop.advance(clock, JUNE)
    assert len(shop.client.v1.subscriptions.list({"customer": customer, "status": "all"}).data) == 2
    assert len(schedules.list({"customer": customer}).data) == 4


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"phases": []}, "phases"),
        ({"start_date": START - 1}, "past"),
        ({"end_behavior": "renew"}, "does not simulate"),
        ({"phases": [{"items": [{"price": "price_none"}]}]}, "No such price"),
        ({"phases": [{"iterations": 2}]}, "unknown parameter"),
    ],
)
def test_what_is_wrong_is_said(shop: Shop, values: Any, message: str) -> None:
    customer = shop.customer(shop.clock(START))
    asked: Any = {"customer": customer, "phases": [phase(shop.price(100))], **values}
    with pytest.raises(stripe.InvalidRequestError, match=message):
        shop.client.v1.subscription_schedules.create(asked)


def test_one_long_advance_equals_many_short_ones(shop: Shop) -> None:
    price, other = shop.price(1_000), shop.price(3_000)
    meter: Any = {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}}
    recurring: Any = {
        "interval": "month",
        "usage_type": "metered",
        "meter": shop.client.v1.billing.meters.create(meter).id,
    }
    product = shop.client.v1.products.create({"name": "Calls"}).id
    calls = shop.client.v1.prices.create(
        {"product": product, "currency": "usd", "unit_amount": 7, "recurring": recurring}
    ).id
    seen = []
    for step in (90 * DAY, 7 * HOUR):
        clock = shop.clock(START)
        customer = shop.customer(clock)
        phases: Any = [
            {"items": [{"price": price}, {"price": calls}], "end_date": START + 40 * DAY},
            {"items": [{"price": other, "quantity": 2}], "end_date": START + 70 * DAY},
        ]
        made = shop.client.v1.subscription_schedules.create(
            {"customer": customer, "phases": phases, "end_behavior": "cancel"}
        )
        event: Any = {"event_name": "calls", "payload": {"stripe_customer_id": customer, "value": "11"}}
        shop.client.v1.billing.meter_events.create(event)
        for at in range(START + step, START + 90 * DAY, step):
            shop.advance(clock, at)
        shop.advance(clock, START + 90 * DAY)
        shown = [(one.created, one.total, one.status) for one in shop.invoices(str(made.subscription))]
        seen.append((shown, shop.subscription(str(made.subscription)).ended_at))
    assert seen[0] == seen[1]
    # April, then May with April's 11 calls; 10 May: 21 of 31 days are left of both, billed in June
    # 1000 * 21/31 = 677.42 back, 6000 * 21/31 = 4064.52 to pay
    assert [one[1] for one in seen[0][0]] == [1_000, 1_077, 6_000 + 4_065 - 677]
    assert seen[0][1] == START + 70 * DAY
