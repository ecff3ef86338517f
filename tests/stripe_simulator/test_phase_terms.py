"""What a schedule's phase says besides its items: discounts, tax rates, metadata, trials, how it collects."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, item_of, moment

DAY = 86_400
HOUR = 3_600
START = moment(2026, 4, 1, 0)
MAY, JUNE, JULY, AUGUST = (moment(2026, month, 1, 0) for month in (5, 6, 7, 8))
MONTH: Any = {"interval": "month", "interval_count": 1}


def phase(price: str, **values: Any) -> dict[str, Any]:
    return {"items": [{"price": price}], "duration": MONTH, **values}


def totals(shop: Shop, subscription: str) -> list[int]:
    return [one.total for one in shop.invoices(subscription)]


def percent(shop: Shop, off: float, **values: Any) -> str:
    asked: Any = {"percent_off": off, "duration": "forever", **values}
    return shop.client.v1.coupons.create(asked).id


def scheduled(shop: Shop, subscription: str, *phases: dict[str, Any]) -> stripe.SubscriptionSchedule:
    schedules = shop.client.v1.subscription_schedules
    asked: Any = {"phases": list(phases)}
    return schedules.update(schedules.create({"from_subscription": subscription}).id, asked)


def test_a_coupon_is_redeemed_when_its_phase_begins_and_ends_with_it(shop: Shop) -> None:
    clock = shop.clock(START)
    price = shop.price(1_000)
    half = percent(shop, 50)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, price).id
    made = scheduled(shop, subscription, phase(price), phase(price, discounts=[{"coupon": half}]), phase(price))
    assert [[one.coupon for one in each.discounts] for each in made.phases] == [[], [half], []]
    assert shop.client.v1.coupons.retrieve(half).times_redeemed == 0
    shop.advance(clock, MAY + 2 * HOUR)
    assert shop.client.v1.coupons.retrieve(half).times_redeemed == 1
    [discount] = shop.client.v1.subscriptions.retrieve(subscription, {"expand": ["discounts"]}).discounts or []
    assert isinstance(discount, stripe.Discount)
    assert (discount.start, discount.source.coupon, discount.subscription) == (MAY, half, subscription)
    shop.advance(clock, JUNE + 2 * HOUR)
    assert shop.subscription(subscription).discounts == []
    shop.advance(clock, JULY + 2 * HOUR)
    assert totals(shop, subscription) == [1_000, 500, 1_000, 1_000]
    told = [one for one in shop.types() if one.startswith("customer.discount.")]
    assert told == ["customer.discount.created", "customer.discount.deleted"]


def test_from_subscription_repeats_discounts_which_a_phase_keeps_with_their_end(shop: Shop) -> None:
    clock = shop.clock(START)
    price, bigger = shop.price(1_000), shop.price(2_000)
    half = percent(shop, 50, duration="repeating", duration_in_months=3)
    fifth = percent(shop, 20)
    items: Any = [{"price": price, "discounts": [{"coupon": fifth}]}]
    subscription = shop.subscribe(shop.customer(clock), price, items=items, discounts=[{"coupon": half}])
    [kept] = subscription.discounts
    [own] = item_of(subscription).discounts
    schedules = shop.client.v1.subscription_schedules
    now = schedules.create({"from_subscription": subscription.id}).phases[0]
    entries: list[Any] = [now.discounts, now["items"][0].discounts]
    nothing = {"coupon": None, "promotion_code": None}
    assert [[one.to_dict() for one in each] for each in entries] == [
        [{**nothing, "discount": kept}],
        [{**nothing, "discount": own}],
    ]
    shop.client.v1.subscription_schedules.release(str(shop.subscription(subscription.id).schedule))
    same = [{"discount": kept}]
    scheduled(
        shop,
        subscription.id,
        {"items": [{"price": price, "discounts": [{"discount": own}]}], "end_date": MAY, "discounts": same},
        {"items": [{"price": bigger, "discounts": [{"discount": own}]}], "duration": MONTH, "discounts": same},
    )
    shop.advance(clock, MAY + 2 * HOUR)
    after = shop.client.v1.subscriptions.retrieve(subscription.id, {"expand": ["discounts"]})
    [discount] = after.discounts
    assert isinstance(discount, stripe.Discount)
    assert (discount.id, discount.start, discount.end) == (kept, START, JULY)
    assert item_of(after).discounts == [own]
    shop.advance(clock, AUGUST + 2 * HOUR)
    # 1000 and 2000, a fifth off, then half off until July
    assert totals(shop, subscription.id) == [400, 800, 800, 1_600, 1_600]
    assert shop.client.v1.coupons.retrieve(half).times_redeemed == 1


@pytest.mark.parametrize(("named", "total"), [({}, 900), ({"discounts": ""}, 1_000)])
def test_what_a_phase_leaves_out_ends_and_the_customers_discount_takes_its_place(
    shop: Shop, named: Any, total: int
) -> None:
    clock = shop.clock(START)
    customer, price = shop.customer(clock), shop.price(1_000)
    legacy: Any = {"coupon": percent(shop, 10)}
    shop.client.v1.customers.update(customer, legacy)
    subscription = shop.subscribe(customer, price, discounts=[{"coupon": percent(shop, 50)}])
    kept = {"discounts": [{"discount": str(subscription.discounts[0])}]}
    scheduled(shop, subscription.id, phase(price, **kept), phase(price, **named))
    shop.advance(clock, MAY + 2 * HOUR)
    assert totals(shop, subscription.id) == [500, total]
    shop.advance(clock, JUNE + 2 * HOUR)  # released: the subscription goes on as the last phase had it
    assert totals(shop, subscription.id)[-1] == total


def test_changing_the_current_phase_does_not_redeem_its_coupon_again(shop: Shop) -> None:
    clock = shop.clock(START)
    price = shop.price(1_000)
    once = percent(shop, 50, max_redemptions=1)
    made = shop.client.v1.subscription_schedules.create(
        {"customer": shop.customer(clock), "phases": [{"items": [{"price": price}], "discounts": [{"coupon": once}]}]}
    )
    before = shop.subscription(str(made.subscription)).discounts
    again: Any = [phase(price, discounts=[{"coupon": once}], metadata={"a": "b"}), phase(price)]
    shop.client.v1.subscription_schedules.update(made.id, {"phases": again})
    assert shop.subscription(str(made.subscription)).discounts == before
    bare: Any = {"phases": [phase(price)]}
    shop.client.v1.subscription_schedules.update(made.id, bare)
    assert shop.subscription(str(made.subscription)).discounts == []
    with pytest.raises(stripe.InvalidRequestError, match="used up"):
        shop.client.v1.subscription_schedules.update(made.id, {"phases": again})


def test_a_promotion_code_and_an_expanded_coupon(shop: Shop) -> None:
    clock = shop.clock(START)
    price, third = shop.price(1_000), percent(shop, 30)
    code = shop.client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": third}, "code": "THIRTY"})
    subscription = shop.subscribe(shop.customer(clock), price).id
    made = scheduled(
        shop, subscription, phase(price), phase(price, discounts=[{"promotion_code": code.id}, {"coupon": third}])
    )
    paths = ["phases.discounts.coupon", "phases.discounts.promotion_code", "phases.items.price"]
    shown = shop.client.v1.subscription_schedules.retrieve(made.id, {"expand": paths})
    first, second = shown.phases[1].discounts
    assert isinstance(first.promotion_code, stripe.PromotionCode)
    assert isinstance(second.coupon, stripe.Coupon)
    assert shown.phases[1]["items"][0].price.id == price
    shop.advance(clock, MAY + 2 * HOUR)
    assert totals(shop, subscription) == [1_000, 490]  # 30 % off, and 30 % of what is left
    assert shop.client.v1.promotion_codes.retrieve(code.id).times_redeemed == 1


def test_tax_rates_of_phases_and_of_their_items(shop: Shop) -> None:
    clock = shop.clock(START)
    rates = [
        shop.client.v1.tax_rates.create({"display_name": "T", "percentage": each, "inclusive": False}).id
        for each in (10, 20)
    ]
    price, other = shop.price(1_000), shop.price(500)
    subscription = shop.subscribe(shop.customer(clock), price, default_tax_rates=rates[:1])
    taxed = [{"price": price}, {"price": other, "tax_rates": rates[1:]}]
    made = scheduled(
        shop,
        subscription.id,
        phase(price, default_tax_rates=rates[:1]),
        phase(price, items=taxed, default_tax_rates=rates[:1]),
        phase(price),
    )
    assert [rate.id for rate in made.phases[1].default_tax_rates or []] == rates[:1]
    assert [rate.id for rate in made.phases[1]["items"][1].tax_rates] == rates[1:]
    shop.advance(clock, JUNE + 2 * HOUR)
    # 1000 + 10 %; 1000 + 10 % and 500 + 20 %; a phase that names no rates has none
    assert totals(shop, subscription.id) == [1_100, 1_700, 1_000]


def test_trials_metadata_and_how_a_phase_collects(shop: Shop) -> None:
    clock = shop.clock(START)
    price = shop.price(1_000)
    subscription = shop.subscribe(shop.customer(clock), price, trial_period_days=10, metadata={"a": "1", "b": "2"})
    ends = START + 10 * DAY
    mail: Any = {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 7}}
    scheduled(
        shop,
        subscription.id,
        {"items": [{"price": price}], "end_date": ends, "trial_end": ends},
        phase(price, metadata={"b": "3"}, **mail),
    )
    assert shop.subscription(subscription.id).status == "trialing"
    shop.advance(clock, ends + 2 * HOUR)
    after = shop.subscription(subscription.id)
    assert (after.status, after.to_dict()["metadata"]) == ("active", {"a": "1", "b": "3"})
    newest = shop.invoices(subscription.id)[-1]
    assert (newest.total, newest.status, newest.due_date) == (1_000, "open", ends + 7 * DAY)
    assert shop.types().count("customer.subscription.trial_will_end") == 1


@pytest.mark.parametrize("terms", [{}, {"trial_end": "now"}])
def test_a_phase_without_a_trial_ends_the_one_that_runs(shop: Shop, terms: dict[str, Any]) -> None:
    clock = shop.clock(START)
    price = shop.price(1_000)
    subscription = shop.subscribe(shop.customer(clock), price, trial_period_days=10)
    shop.advance(clock, START + DAY)
    scheduled(shop, subscription.id, {"items": [{"price": price}], "end_date": MAY, **terms})
    assert shop.subscription(subscription.id).status == "active"
    assert totals(shop, subscription.id) == [0, 1_000]


def test_a_current_phase_that_ends_now_lets_the_next_one_begin(shop: Shop) -> None:
    clock = shop.clock(START)
    basic, pro, half = shop.price(1_000), shop.price(3_000), percent(shop, 50)
    subscription = shop.subscribe(shop.customer(clock), basic)
    schedules = shop.client.v1.subscription_schedules
    made = schedules.create({"from_subscription": subscription.id})
    shop.advance(clock, START + 15 * DAY)
    phases: Any = [
        {"items": [{"price": basic}], "end_date": "now"},
        phase(pro, discounts=[{"coupon": half}], proration_behavior="always_invoice"),
    ]
    shown = schedules.update(made.id, {"phases": phases})
    assert shown.current_phase is not None
    assert shown.current_phase.start_date == START + 15 * DAY
    assert totals(shop, subscription.id) == [1_000, 250]  # -500 for half of April, and half of it at 3000, half off


def test_prices_that_were_agreed_on_may_be_archived(shop: Shop) -> None:
    clock = shop.clock(START)
    old, then = shop.price(1_000), shop.price(2_000)
    subscription = shop.subscribe(shop.customer(clock), old)
    shop.client.v1.prices.update(old, {"active": False})
    items: Any = [{"id": item_of(subscription).id, "price": old, "quantity": 2}]
    shop.client.v1.subscriptions.update(subscription.id, {"items": items, "proration_behavior": "none"})
    made = scheduled(shop, subscription.id, phase(old), phase(then))
    shop.client.v1.prices.update(then, {"active": False})
    again: Any = {"phases": [phase(old), phase(then), phase(old)]}
    shop.client.v1.subscription_schedules.update(made.id, again)
    shop.advance(clock, JULY + 2 * HOUR)
    assert totals(shop, subscription.id) == [1_000, 2_000, 1_000, 1_000]
    refused: Any = {"customer": shop.customer(), "phases": [phase(old)]}
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        shop.client.v1.subscription_schedules.create(refused)
    added: Any = {"items": [{"price": then}]}
    with pytest.raises(stripe.InvalidRequestError, match="inactive"):
        shop.client.v1.subscriptions.update(subscription.id, added)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"discounts": [{"coupon": "none"}]}, "No such coupon"),
        ({"discounts": [{"discount": "di_none"}]}, "No such discount"),
        ({"discounts": [{"coupon": "a", "discount": "b"}]}, "exactly one"),
        ({"discounts": [{"coupon": "euros"}]}, "cannot be applied to usd"),
        ({"default_tax_rates": ["txr_none"]}, "No such tax rate"),
        ({"trial": True, "trial_end": START + DAY}, "all trial"),
    ],
)
def test_terms_that_cannot_be_had_are_refused_when_they_are_named(
    shop: Shop, terms: dict[str, Any], message: str
) -> None:
    shop.client.v1.coupons.create({"id": "euros", "amount_off": 5, "currency": "eur", "duration": "once"})
    asked: Any = {"customer": shop.customer(shop.clock(START)), "phases": [phase(shop.price(100), **terms)]}
    with pytest.raises(stripe.InvalidRequestError, match=message):
        shop.client.v1.subscription_schedules.create(asked)
    assert shop.client.v1.subscription_schedules.list().data == []
