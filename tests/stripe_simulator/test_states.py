"""A subscription's states beyond the plain: pauses, trials, anchors, items of its own, reminders."""

from typing import Any

import pytest
import stripe

from stripe_simulator import Settings, Simulator
from tests.stripe_simulator.conftest import Shop, client_of, item_of, moment

DAY = 86_400
HOUR = 3_600
START = moment(2026, 4, 1, 0)  # April has 30 days
MAY = moment(2026, 5, 1, 0)


def totals(shop: Shop, subscription: str) -> list[int]:
    return [one.total for one in shop.invoices(subscription)]


def paused_after_trial(shop: Shop) -> tuple[str, str, str]:
    clock = shop.clock(START)
    customer = shop.customer(clock, card=None)
    ends = {"end_behavior": {"missing_payment_method": "pause"}}
    subscription = shop.subscribe(customer, shop.price(3_000), trial_period_days=10, trial_settings=ends)
    shop.advance(clock, START + 20 * DAY)
    return clock, customer, subscription.id


def give_card(shop: Shop, customer: str, card: str = "pm_card_visa") -> str:
    given = shop.client.v1.payment_methods.attach(card, {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": given.id}})
    return given.id


def test_a_trial_without_a_card_can_end_in_a_pause(shop: Shop) -> None:
    clock, customer, subscription = paused_after_trial(shop)
    assert shop.subscription(subscription).status == "paused"
    assert totals(shop, subscription) == [0]
    told = [one for one in shop.received if one["type"] == "customer.subscription.paused"]
    assert [one["created"] for one in told] == [START + 10 * DAY]
    shop.advance(clock, START + 70 * DAY)
    assert totals(shop, subscription) == [0]

    resumed = shop.client.v1.subscriptions.resume(subscription)
    invoice = shop.invoices(subscription)[-1]
    assert (resumed.status, invoice.status, invoice.total) == ("paused", "open", 3_000)
    give_card(shop, customer)
    shop.client.v1.invoices.pay(invoice.id)
    after = shop.subscription(subscription)
    assert (after.status, after.billing_cycle_anchor) == ("active", START + 70 * DAY)
    assert shop.types()[-2:] == ["customer.subscription.updated", "customer.subscription.resumed"]
    with pytest.raises(stripe.InvalidRequestError, match="not paused"):
        shop.client.v1.subscriptions.resume(subscription)


def test_an_unpaid_resumption_expires(shop: Shop) -> None:
    clock, _, subscription = paused_after_trial(shop)
    shop.client.v1.subscriptions.resume(subscription)
    shop.advance(clock, START + 21 * DAY)
    assert (shop.subscription(subscription).status, shop.invoices(subscription)[-1].status) == ("paused", "void")


def test_a_resumption_that_is_declined_is_past_due(shop: Shop) -> None:
    clock, customer, subscription = paused_after_trial(shop)
    shop.client.v1.subscriptions.resume(subscription)
    give_card(shop, customer, "pm_card_chargeCustomerFail")
    with pytest.raises(stripe.CardError):
        shop.client.v1.invoices.pay(shop.invoices(subscription)[-1].id)
    assert shop.subscription(subscription).status == "past_due"
    shop.advance(clock, START + 25 * DAY)
    assert shop.invoices(subscription)[-1].status == "open"


@pytest.mark.parametrize(("behavior", "expected"), [("create_prorations", [0, 2_000]), ("none", [0])])
def test_resuming_in_the_old_cycle(shop: Shop, behavior: Any, expected: list[int]) -> None:
    clock, customer, subscription = paused_after_trial(shop)
    # anchor 11 April, period to 11 May of 30 days; resumed on 21 April with 20 left: 3000 * 2/3
    give_card(shop, customer)
    asked: Any = {"billing_cycle_anchor": "unchanged", "proration_behavior": behavior}
    shop.client.v1.subscriptions.resume(subscription, asked)
    assert totals(shop, subscription) == expected
    for invoice in shop.invoices(subscription):
        if invoice.status == "open":
            shop.client.v1.invoices.pay(invoice.id)
    after = shop.subscription(subscription)
    assert (after.status, item_of(after).current_period_end) == ("active", moment(2026, 5, 11, 0))
    shop.advance(clock, moment(2026, 5, 11, 2))
    assert totals(shop, subscription) == [*expected, 3_000]


@pytest.mark.parametrize(
    ("behavior", "status"), [("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible"), ("void", "void")]
)
def test_collection_can_be_paused(shop: Shop, behavior: Any, status: str) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(900))
    asked: Any = {"pause_collection": {"behavior": behavior, "resumes_at": MAY + 10 * DAY}}
    held = shop.client.v1.subscriptions.update(subscription.id, asked)
    assert held.pause_collection is not None
    assert held.pause_collection.behavior == behavior
    shop.advance(clock, MAY + 2 * DAY)
    assert shop.invoices(subscription.id)[-1].status == status
    assert shop.subscription(subscription.id).status == "active"
    assert shop.types().count("charge.succeeded") == 1
    shop.advance(clock, MAY + 11 * DAY)
    assert shop.subscription(subscription.id).pause_collection is None
    shop.advance(clock, moment(2026, 6, 1, 2))
    assert shop.invoices(subscription.id)[-1].status == "paid"


def test_a_pause_of_collection_is_taken_back(shop: Shop) -> None:
    subscription = shop.subscribe(shop.customer(), shop.price(900))
    pause: Any = {"pause_collection": {"behavior": "void"}}
    shop.client.v1.subscriptions.update(subscription.id, pause)
    assert shop.client.v1.subscriptions.update(subscription.id, {"pause_collection": ""}).pause_collection is None


def test_a_trial_can_be_added_extended_and_ended(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(3_000))
    shop.advance(clock, START + 10 * DAY)  # 20 of 30 days are left: 2000 back
    added = shop.client.v1.subscriptions.update(subscription.id, {"trial_end": START + 15 * DAY})
    assert (added.status, added.trial_start, added.trial_end) == ("trialing", START + 10 * DAY, START + 15 * DAY)
    assert totals(shop, subscription.id) == [3_000, -2_000]
    assert shop.client.v1.customers.retrieve(customer).balance == -2_000
    longer = shop.client.v1.subscriptions.update(subscription.id, {"trial_end": START + 20 * DAY})
    assert item_of(longer).current_period_end == START + 20 * DAY
    shop.advance(clock, START + 20 * DAY + 2 * HOUR)
    last = shop.invoices(subscription.id)[-1]
    assert (shop.subscription(subscription.id).status, last.total, last.amount_paid) == ("active", 3_000, 1_000)


@pytest.mark.parametrize(("behavior", "first"), [("create_prorations", 1_400), ("none", 0)])
def test_an_anchor_of_ones_own_shortens_the_first_period(shop: Shop, behavior: Any, first: int) -> None:
    clock = shop.clock(START)
    # to 15 April: 14 days of the period 15 March to 15 April, which has 31: 3100 * 14/31
    subscription = shop.subscribe(
        shop.customer(clock), shop.price(3_100), billing_cycle_anchor=START + 14 * DAY, proration_behavior=behavior
    )
    assert item_of(subscription).current_period_end == START + 14 * DAY
    shop.advance(clock, moment(2026, 5, 16, 0))
    assert totals(shop, subscription.id) == [first, 3_100, 3_100]
    assert item_of(shop.subscription(subscription.id)).current_period_end == moment(2026, 6, 15, 0)


def test_an_anchor_can_be_named_by_its_day(shop: Shop) -> None:
    clock = shop.clock(START + 10 * DAY)
    config = {"day_of_month": 5, "hour": 6, "minute": 0, "second": 0}
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000), billing_cycle_anchor_config=config)
    assert subscription.billing_cycle_anchor == moment(2026, 5, 5, 6)
    assert subscription.billing_cycle_anchor_config is not None
    assert subscription.billing_cycle_anchor_config.day_of_month == 5
    for wrong in (START, START + 50 * DAY):
        with pytest.raises(stripe.InvalidRequestError, match="billing_cycle_anchor"):
            shop.subscribe(shop.customer(clock), shop.price(3_000), billing_cycle_anchor=wrong)


def test_a_subscription_can_be_made_to_end_with_its_period(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000), cancel_at_period_end=True)
    assert (subscription.cancel_at, subscription.status) == (MAY, "active")
    shop.advance(clock, MAY + HOUR)
    assert shop.subscription(subscription.id).status == "canceled"


def test_items_come_change_and_go_on_their_own(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000))
    shop.advance(clock, START + 15 * DAY)  # half of the period is left
    items = shop.client.v1.subscription_items
    added = items.create({"subscription": subscription.id, "price": shop.price(600), "quantity": 2})
    changed = items.update(added.id, {"quantity": 4, "proration_behavior": "none", "metadata": {"a": "b"}})
    assert (changed.quantity, changed.to_dict()["metadata"]) == (4, {"a": "b"})
    gone = items.delete(added.id)
    assert (gone.deleted, gone.id) == (True, added.id)
    assert [one.id for one in items.list({"subscription": subscription.id})] == [item_of(subscription).id]
    with pytest.raises(stripe.InvalidRequestError, match="at least one"):
        items.delete(item_of(subscription).id)
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription_item"):
        items.retrieve(added.id)
    shop.advance(clock, MAY + 2 * HOUR)
    # 2 * 600 for half a period, then back what was billed for it
    lines = [line.amount for line in shop.invoices(subscription.id)[-1].lines.data]
    assert lines == [600, -600, 3_000]


def test_nothing_due_and_no_card_asks_for_one_by_a_setup_intent(shop: Shop) -> None:
    customer = shop.customer(card=None)
    subscription = shop.subscribe(
        customer,
        shop.price(3_000),
        trial_period_days=5,
        payment_behavior="default_incomplete",
        expand=["pending_setup_intent"],
    )
    setup = subscription.pending_setup_intent
    assert isinstance(setup, stripe.SetupIntent)
    done = shop.client.v1.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})
    after = shop.subscription(subscription.id)
    assert (after.pending_setup_intent, after.default_payment_method) == (None, done.payment_method)


def test_the_invoice_to_come_is_told_days_ahead(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000))
    items: Any = [{"id": item_of(subscription).id, "quantity": 2}]
    shop.advance(clock, START + 15 * DAY)  # half: -1500 + 3000
    shop.client.v1.subscriptions.update(subscription.id, {"items": items})
    shop.advance(clock, MAY + 2 * HOUR)
    told = [one for one in shop.received if one["type"] == "invoice.upcoming"]
    assert [one["created"] for one in told] == [MAY - 3 * DAY]
    upcoming, real = told[0]["data"]["object"], shop.invoices(subscription.id)[-1]
    assert (upcoming["total"], upcoming["billing_reason"]) == (7_500, "upcoming")
    assert (real.total, real.period_end) == (upcoming["total"], upcoming["period_end"])
    shown = [line["period"] for line in upcoming["lines"]["data"]]
    assert shown == [line.period.to_dict() for line in real.lines.data]


def test_no_invoice_to_come_where_the_subscription_ends(shop: Shop) -> None:
    clock = shop.clock(START)
    shop.subscribe(shop.customer(clock), shop.price(3_000), cancel_at_period_end=True)
    shop.subscribe(shop.customer(clock), shop.price(3_000, "day"))
    shop.advance(clock, START + 29 * DAY)
    assert "invoice.upcoming" not in shop.types()


def test_an_invoice_sent_by_mail_is_due_and_overdue(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(
        shop.customer(clock, card=None), shop.price(900), collection_method="send_invoice", days_until_due=10
    )
    shop.advance(clock, START + 9 * DAY)
    assert shop.types()[-2:] == ["invoice.will_be_due", "test_helpers.test_clock.ready"]
    assert shop.subscription(subscription.id).status == "active"
    shop.advance(clock, START + 10 * DAY)
    assert shop.subscription(subscription.id).status == "past_due"
    assert shop.types().count("invoice.overdue") == 1
    shop.client.v1.invoices.pay(shop.invoices(subscription.id)[0].id, {"paid_out_of_band": True})
    assert shop.subscription(subscription.id).status == "active"


def test_dunning_can_leave_the_subscription_past_due() -> None:
    simulator = Simulator(settings=Settings(dunning_days=(1,), dunning_end="past_due"))
    with simulator.serve() as server:
        shop = Shop(simulator, client_of(server.url), server.url)
        clock = shop.clock(START)
        customer = shop.customer(clock)
        subscription = shop.subscribe(customer, shop.price(900))
        give_card(shop, customer, "pm_card_chargeCustomerFail")
        shop.advance(clock, MAY + HOUR - 1)
        assert shop.invoices(subscription.id)[-1].next_payment_attempt == MAY + HOUR
        shop.advance(clock, MAY + 5 * DAY)
        late = shop.invoices(subscription.id)[-1]
        assert (late.status, late.attempt_count, late.next_payment_attempt) == ("open", 2, None)
        assert shop.subscription(subscription.id).status == "past_due"
        give_card(shop, customer)
        shop.client.v1.invoices.pay(late.id)
        assert shop.subscription(subscription.id).status == "active"


def test_a_resumption_that_is_written_off_goes_on(shop: Shop) -> None:
    _, _, subscription = paused_after_trial(shop)
    shop.client.v1.subscriptions.resume(subscription)
    shop.client.v1.invoices.mark_uncollectible(shop.invoices(subscription)[-1].id)
    assert shop.subscription(subscription).status == "active"


def test_an_upgrade_can_wait_for_its_confirmation(shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, shop.price(1_000))
    upgrade: Any = {"items": [{"id": item_of(subscription).id, "price": shop.price(9_000, "year")}]}
    upgrade |= {"payment_behavior": "default_incomplete", "expand": ["latest_invoice.confirmation_secret"]}
    waiting = shop.client.v1.subscriptions.update(subscription.id, upgrade)
    invoice: Any = waiting.latest_invoice
    assert (shop.subscription(subscription.id).status, invoice.status) == ("past_due", "open")
    intent = invoice.confirmation_secret.client_secret.split("_secret_")[0]
    shop.client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    assert shop.subscription(subscription.id).status == "active"


def test_a_trial_can_come_from_the_price(shop: Shop) -> None:
    clock = shop.clock(START)
    product = shop.client.v1.products.create({"name": "Plan"}).id
    recurring: Any = {"interval": "month", "trial_period_days": 7}
    price = shop.client.v1.prices.create(
        {"product": product, "currency": "usd", "unit_amount": 100, "recurring": recurring}
    )
    subscription = shop.subscribe(shop.customer(clock), price.id, trial_from_plan=True)
    assert (subscription.status, subscription.trial_end) == ("trialing", START + 7 * DAY)
    assert shop.subscribe(shop.customer(clock), price.id).status == "active"


def test_the_end_of_the_period_can_be_named(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000))
    asked: Any = {"cancel_at": "min_period_end"}
    assert shop.client.v1.subscriptions.update(subscription.id, asked).cancel_at == MAY


@pytest.mark.parametrize(
    "values",
    [
        {"backdate_start_date": START},
        {"billing_thresholds": {"amount_gte": 5}},
        {"pending_invoice_item_interval": {"interval": "day"}},
        {"transfer_data": {"destination": "acct_1"}},
    ],
)
def test_what_is_not_simulated_is_said(shop: Shop, values: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shop.subscribe(shop.customer(), shop.price(100), **values)
    assert refused.value.code == "simulator_not_implemented"
