"""Previews of schedules equal the invoices that come as their phases begin, to the cent."""

from collections.abc import Iterator
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from stripe_simulator import Simulator
from tests.stripe_simulator.conftest import Shop, client_of, item_of, moment
from tests.stripe_simulator.test_previews import essence, preview, rich
from tests.stripe_simulator.test_properties import MONEY, amounts, compare, coupon, coupons, rates

DAY = 86_400
HOUR = 3_600
START = moment(2026, 4, 1, 0)
MAY, JUNE, JULY = (moment(2026, month, 1, 0) for month in (5, 6, 7))


def phase(price: str, **values: Any) -> dict[str, Any]:
    return {"items": [{"price": price, "quantity": values.pop("quantity", 1)}], **values}


def of_new_discounts(invoice: stripe.Invoice) -> dict[str, Any]:
    """What it says apart from the ids of discounts, which a phase that begins makes anew."""
    said = essence(invoice)
    said["discounts"] = len(said["discounts"])
    for holder in (said, *said["lines"]):
        name = "discount_amounts" if "discount_amounts" in holder else "total_discount_amounts"
        holder[name] = [entry["amount"] for entry in holder[name]]
    return said


def taken_over(shop: Shop, clock: str, *then: dict[str, Any]) -> tuple[str, str]:
    """A running subscription at 1000 a month under a schedule: its id and the schedule's."""
    price = shop.price(1_000)
    subscription = shop.subscribe(shop.customer(clock), price)
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create({"from_subscription": subscription.id})
    phases: Any = [phase(price, start_date=START, end_date=MAY), *then]
    schedules.update(made.id, {"phases": phases})
    return subscription.id, made.id


@pytest.mark.parametrize(
    ("interval", "count", "ends"), [("month", 1, JUNE), ("year", 1, moment(2027, 5, 1, 0)), ("month", 3, None)]
)
def test_a_phase_at_the_periods_end_is_billed_by_the_renewal(shop: Shop, interval: str, count: int, ends: Any) -> None:
    clock = shop.clock(START)
    subscription, schedule = taken_over(shop, clock, phase(shop.price(9_000, interval, count=count), quantity=2))
    shop.advance(clock, START + 9 * DAY)
    shown = [preview(shop, **asked) for asked in ({"schedule": schedule}, {"subscription": subscription})]
    assert [(one.total, one.created, one.billing_reason) for one in shown] == [(18_000, MAY, "subscription_cycle")] * 2
    shop.advance(clock, MAY + 2 * HOUR)
    came = shop.invoices(subscription)[-1]
    assert [essence(one) for one in shown] == [essence(came)] * 2
    assert came.status == "paid"
    period = item_of(shop.subscription(subscription)).current_period_end
    assert period == (ends or moment(2026, 8, 1, 0))


def test_changes_to_a_schedule_are_shown_before_they_are_made(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription, schedule = taken_over(shop, clock, phase(shop.price(2_000)))
    shop.advance(clock, START + 9 * DAY)
    before = shop.client.v1.subscription_schedules.retrieve(schedule).to_dict()
    half = shop.client.v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    now, then = phase(shop.price(1_000), start_date=START, end_date=MAY), phase(shop.price(7_000, "year"))
    details: Any = {"phases": [now, then | {"discounts": [{"coupon": half}]}], "proration_behavior": "none"}
    shown = preview(shop, schedule=schedule, schedule_details=details)
    assert (shown.total, shown.created) == (3_500, MAY)
    assert shop.client.v1.subscription_schedules.retrieve(schedule).to_dict() == before
    assert shop.client.v1.coupons.retrieve(half).times_redeemed == 0
    shop.client.v1.subscription_schedules.update(schedule, details)
    shop.advance(clock, MAY + 2 * HOUR)
    assert of_new_discounts(shown) == of_new_discounts(shop.invoices(subscription)[-1])


@pytest.mark.parametrize("behavior", ["always_invoice", "create_prorations"])
def test_a_change_of_the_current_phase_is_shown_as_it_is_billed(shop: Shop, behavior: str) -> None:
    clock = shop.clock(START)
    subscription, schedule = taken_over(shop, clock)
    shop.advance(clock, START + 15 * DAY)
    phases = [phase(shop.price(3_000), start_date=START, end_date=MAY)]
    details: Any = {"phases": phases, "proration_behavior": behavior}
    shown = preview(shop, schedule=schedule, schedule_details=details)
    # half of April: -500 + 1500; the renewal adds May's 3000
    assert shown.total == (1_000 if behavior == "always_invoice" else 4_000)
    shop.client.v1.subscription_schedules.update(schedule, details)
    if behavior != "always_invoice":
        shop.advance(clock, MAY + 2 * HOUR)
    assert essence(shown) == essence(shop.invoices(subscription)[-1])


def test_a_phase_in_mid_period_is_shown_when_it_is_invoiced(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, basic, pro = shop.customer(clock), shop.price(1_000), shop.price(3_000)
    middle = START + 15 * DAY
    asked: Any = {
        "customer": customer,
        "phases": [phase(basic, end_date=middle), phase(pro, end_date=JULY, proration_behavior="always_invoice")],
    }
    made = shop.client.v1.subscription_schedules.create(asked)
    shop.advance(clock, START + 2 * HOUR)
    shown = preview(shop, schedule=made.id)
    assert ([line.amount for line in shown.lines], shown.created) == ([-500, 1_500], middle)
    recurring = preview(shop, schedule=made.id, preview_mode="recurring")
    assert (recurring.total, recurring.created) == (3_000, MAY)
    shop.advance(clock, middle + HOUR)
    assert essence(shown) == essence(shop.invoices(str(made.subscription))[-1])
    shop.advance(clock, MAY + 2 * HOUR)
    assert essence(recurring) == essence(shop.invoices(str(made.subscription))[-1])


def test_a_schedule_that_is_still_to_be_made_or_to_begin(shop: Shop) -> None:
    clock = shop.clock(START)
    customer, basic, pro = shop.customer(clock), shop.price(1_000), shop.price(3_000)
    phases: Any = [phase(basic, start_date=MAY), phase(pro, quantity=2)]
    described = preview(shop, customer=customer, schedule_details={"phases": phases})
    then = preview(shop, customer=customer, schedule_details={"phases": phases}, preview_mode="recurring")
    assert (described.total, described.created, then.total, then.created) == (1_000, MAY, 6_000, JUNE)
    assert shop.client.v1.subscription_schedules.list().data == []
    asked: Any = {"customer": customer, "start_date": MAY, "phases": phases}
    made = shop.client.v1.subscription_schedules.create(asked)
    waiting = preview(shop, schedule=made.id)
    shop.advance(clock, MAY + 2 * HOUR)
    running = str(shop.client.v1.subscription_schedules.retrieve(made.id).subscription)
    assert [essence(one) for one in (described, waiting)] == [essence(shop.invoices(running)[0])] * 2
    shop.advance(clock, JUNE + 2 * HOUR)
    assert essence(then) == essence(shop.invoices(running)[1])


def test_a_trial_phase_costs_nothing_first(shop: Shop) -> None:
    customer, price = shop.customer(shop.clock(START)), shop.price(1_000)
    trial = phase(price, start_date="now", end_date=START + 10 * DAY, trial=True)
    details: Any = {"phases": [trial, phase(price)]}
    assert preview(shop, customer=customer, schedule_details=details).total == 0
    shown = preview(shop, customer=customer, schedule_details=details, preview_mode="recurring")
    assert (shown.total, shown.created) == (1_000, START + 10 * DAY)


def test_discounts_of_the_preview_take_the_place_of_others(shop: Shop) -> None:
    clock = shop.clock(START)
    _, schedule = taken_over(shop, clock, phase(shop.price(2_000)))
    tenth = shop.client.v1.coupons.create({"percent_off": 10, "duration": "once"}).id
    assert preview(shop, schedule=schedule, discounts=[{"coupon": tenth}]).total == 1_800


def test_rich_subscriptions_keep_all_their_terms_through_a_schedule(shop: Shop) -> None:
    clock, subscription = rich(shop)
    plain = preview(shop, subscription=subscription.id)
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create({"from_subscription": subscription.id})
    assert essence(preview(shop, schedule=made.id)) == essence(plain)
    kept = repeated(made.phases[0])
    again: Any = {"phases": [kept, {**kept, "start_date": MAY, "end_date": JUNE}]}
    schedules.update(made.id, again)
    shown = preview(shop, schedule=made.id)
    assert essence(shown) == essence(plain)
    shop.advance(clock, MAY + 2 * HOUR)
    assert essence(shown) == essence(shop.invoices(subscription.id)[-1])


def repeated(known: Any) -> Any:
    """A phase as a request says it again."""

    def named(entries: Any) -> Any:
        return [{"discount": entry.discount} for entry in entries]

    items = [
        {"price": item.price, "quantity": item.quantity, "discounts": named(item.discounts)} for item in known["items"]
    ]
    terms = {"items": items, "start_date": known.start_date, "end_date": known.end_date}
    return terms | {
        "default_tax_rates": [rate.id for rate in known.default_tax_rates],
        "discounts": named(known.discounts),
    }


def test_what_does_not_go_together_is_refused(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription, schedule = taken_over(shop, clock)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"schedule": schedule, "subscription": subscription}, "only specify one"),
        ({"schedule": schedule, "subscription_details": {"cancel_now": True}}, "only specify one"),
        ({"schedule": schedule, "customer": shop.customer()}, "schedule belongs to another customer"),
        ({"schedule": "sub_sched_none"}, "No such subscription_schedule"),
        ({"customer": shop.customer(), "schedule_details": {"end_behavior": "cancel"}}, "phases"),
        ({"customer": shop.customer(), "schedule_details": {"phases": [phase(shop.price(1))]}}, "start_date"),
    ]
    for values, message in refused:
        with pytest.raises(stripe.InvalidRequestError, match=message):
            preview(shop, **values)
    shop.client.v1.subscription_schedules.release(schedule)
    with pytest.raises(stripe.InvalidRequestError, match="released"):
        preview(shop, schedule=schedule)


def test_a_schedule_that_ends_its_subscription_brings_nothing_more(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription, schedule = taken_over(shop, clock)
    details = {"end_behavior": "cancel"}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        preview(shop, schedule=schedule, schedule_details=details)
    assert refused.value.code == "invoice_upcoming_none"
    extra: Any = {"customer": str(shop.subscription(subscription).customer), "amount": 250, "currency": "usd"}
    shop.client.v1.invoice_items.create(extra)
    shown = preview(shop, schedule=schedule, schedule_details=details)
    shop.client.v1.subscription_schedules.update(schedule, {"end_behavior": "cancel"})
    shop.advance(clock, MAY + HOUR)
    assert shown.total == 250
    assert essence(shown) == essence(shop.invoices(subscription)[-1])


@pytest.fixture(scope="module")
def market() -> Iterator[Shop]:
    """One simulator for all examples, each of which has customers of its own; nobody listens to its events."""
    simulator = Simulator()
    with simulator.serve() as server:
        yield Shop(simulator, client_of(server.url), server.url)


steps = st.fixed_dictionaries(
    {
        "amount": amounts,
        "quantity": st.integers(1, 4),
        "interval": st.sampled_from(("month", "year", "week")),
        "days": st.integers(1, 45),
        "off": st.none() | coupons,
        "duration": st.sampled_from(("forever", "once")),
        "behavior": st.sampled_from(("create_prorations", "always_invoice", "none")),
        "anchor": st.sampled_from(("automatic", "phase_start")),
    }
)


@given(
    first=amounts,
    own=st.none() | coupons,
    tax=st.none() | rates,
    at_end=st.booleans(),
    then=st.lists(steps, min_size=1, max_size=3),
)
@MONEY
def test_whatever_the_phases_each_invoice_is_foretold(
    market: Shop,
    first: int,
    own: dict[str, Any] | None,
    tax: tuple[str, bool] | None,
    at_end: bool,
    then: list[dict[str, Any]],
) -> None:
    client, clock = market.client.v1, market.clock(START)
    price = market.price(first)
    asked: Any = {"customer": market.customer(clock), "items": [{"price": price}]}
    if own is not None:
        asked["discounts"] = [coupon(market, {"duration": "forever", **own})]
    if tax is not None:
        terms: Any = {"display_name": "T", "percentage": tax[0], "inclusive": tax[1]}
        asked["default_tax_rates"] = [client.tax_rates.create(terms).id]
    subscription = client.subscriptions.create(asked)
    made = client.subscription_schedules.create({"from_subscription": subscription.id})
    kept = repeated(made.phases[0]) | {"end_date": MAY if at_end else START + 17 * DAY}
    phases = [kept, *(described(market, step, asked) for step in then)]
    client.subscription_schedules.update(made.id, {"phases": phases})
    now = START
    for _ in range(5):
        shown = client.invoices.create_preview({"subscription": subscription.id})
        before = len(market.invoices(subscription.id))
        now = max(now, shown.created + 2 * HOUR)
        market.advance(clock, now)
        compare(shown, market.invoices(subscription.id)[before])
        if shown.created + 2 * HOUR > JULY:
            break


def described(shop: Shop, step: dict[str, Any], asked: Any) -> dict[str, Any]:
    price = shop.price(step["amount"], step["interval"])
    discounts = [coupon(shop, {"duration": step["duration"], **step["off"]})] if step["off"] else ""
    return phase(
        price,
        quantity=step["quantity"],
        duration={"interval": "day", "interval_count": step["days"]},
        discounts=discounts,
        default_tax_rates=asked.get("default_tax_rates", ""),
        proration_behavior=step["behavior"],
        billing_cycle_anchor=step["anchor"],
    )
