"""Subscriptions from their first invoice to their end, on test clocks."""

from typing import Any

import pytest
import stripe

from stripe_simulator import Settings, Simulator
from tests.stripe_simulator.conftest import Shop, client_of, item_of, moment

DAY = 86_400
HOUR = 3_600


def test_subscribing_pays_the_first_invoice_at_once(shop: Shop) -> None:
    subscription = shop.subscribe(shop.customer(), shop.price(1_500), expand=["latest_invoice.payments"])

    invoice = subscription.latest_invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (subscription.status, invoice.status, invoice.amount_paid) == ("active", "paid", 1_500)
    assert invoice.billing_reason == "subscription_create"
    assert invoice.payments is not None
    assert invoice.payments.data[0].status == "paid"
    assert {"customer.subscription.created", "invoice.paid", "charge.succeeded"} <= set(shop.types())


def test_renewal_is_a_draft_for_an_hour(shop: Shop) -> None:
    start = moment(2026, 3, 10)
    clock = shop.clock(start)
    subscription = shop.subscribe(shop.customer(clock), shop.price(900))
    renewal = moment(2026, 4, 10)

    shop.advance(clock, renewal + HOUR - 1)
    draft = shop.invoices(subscription.id)[-1]
    assert (draft.status, draft.created, draft.automatically_finalizes_at) == (
        "draft",
        renewal,
        renewal + HOUR,
    )
    shop.advance(clock, renewal + HOUR)
    paid = shop.invoices(subscription.id)[-1]
    assert (paid.id, paid.status, paid.billing_reason) == (draft.id, "paid", "subscription_cycle")
    assert (paid.period_start, paid.period_end) == (start, renewal)
    line = paid.lines.data[0]
    assert (line.period.start, line.period.end) == (renewal, moment(2026, 5, 10))


@pytest.mark.parametrize(
    ("start", "interval", "count", "expected"),
    [
        ((2026, 1, 31), "month", 1, [(2026, 2, 28), (2026, 3, 31), (2026, 4, 30), (2026, 5, 31)]),
        ((2028, 1, 30), "month", 1, [(2028, 2, 29), (2028, 3, 30), (2028, 4, 30)]),
        ((2026, 8, 31), "month", 3, [(2026, 11, 30), (2027, 2, 28), (2027, 5, 31)]),
        ((2028, 2, 29), "year", 1, [(2029, 2, 28), (2030, 2, 28), (2031, 2, 28), (2032, 2, 29)]),
        ((2026, 12, 28), "week", 1, [(2027, 1, 4), (2027, 1, 11)]),
    ],
)
def test_periods_are_counted_from_the_anchor(
    shop: Shop, start: tuple[int, int, int], interval: str, count: int, expected: list[tuple[int, int, int]]
) -> None:
    clock = shop.clock(moment(*start))
    subscription = shop.subscribe(shop.customer(clock), shop.price(100, interval, count=count))

    ends = [item_of(subscription).current_period_end]
    for _ in expected[1:]:
        shop.advance(clock, ends[-1] + 2 * HOUR)
        ends.append(item_of(shop.subscription(subscription.id)).current_period_end)
    assert ends == [moment(*day) for day in expected]


def test_one_long_advance_equals_many_short_ones(shop: Shop) -> None:
    start = moment(2026, 1, 31)
    clock = shop.clock(start)
    subscription = shop.subscribe(shop.customer(clock), shop.price(700))
    shop.advance(clock, moment(2027, 2, 1))

    invoices = shop.invoices(subscription.id)
    assert [invoice.status for invoice in invoices] == ["paid"] * 13
    days = [invoice.lines.data[0].period.start for invoice in invoices]
    month_ends = [
        (2, 28),
        (3, 31),
        (4, 30),
        (5, 31),
        (6, 30),
        (7, 31),
        (8, 31),
        (9, 30),
        (10, 31),
        (11, 30),
        (12, 31),
    ]
    assert days == [start, *(moment(2026, *day) for day in month_ends), moment(2027, 1, 31)]


def test_cancel_at_period_end(shop: Shop) -> None:
    start = moment(2026, 5, 20)
    clock = shop.clock(start)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    shop.advance(clock, start + DAY)
    asked = shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    end = moment(2026, 6, 20)
    assert (asked.status, asked.cancel_at, asked.canceled_at) == ("active", end, start + DAY)
    update = shop.received[-1]
    assert update["type"] == "customer.subscription.updated"
    assert update["data"]["previous_attributes"]["cancel_at_period_end"] is False

    shop.advance(clock, end + 2 * HOUR)
    ended = shop.subscription(subscription.id)
    assert (ended.status, ended.ended_at, ended.canceled_at) == ("canceled", end, start + DAY)
    assert len(shop.invoices(subscription.id)) == 1
    deleted = [event for event in shop.received if event["type"] == "customer.subscription.deleted"]
    assert [event["created"] for event in deleted] == [end]


def test_cancel_at_period_end_can_be_taken_back(shop: Shop) -> None:
    start = moment(2026, 5, 20)
    clock = shop.clock(start)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    again = shop.client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (again.cancel_at, again.canceled_at) == (None, None)
    shop.advance(clock, moment(2026, 6, 21))
    assert shop.subscription(subscription.id).status == "active"


def test_cancel_now(shop: Shop) -> None:
    subscription = shop.subscribe(shop.customer(), shop.price(1_000))
    ended = shop.client.v1.subscriptions.cancel(subscription.id)
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "cancellation_requested"
    assert shop.types()[-1] == "customer.subscription.deleted"
    assert shop.client.v1.subscriptions.list().data == []
    assert [one.id for one in shop.client.v1.subscriptions.list({"status": "all"})] == [subscription.id]
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        shop.client.v1.subscriptions.cancel(subscription.id)


def test_cancel_at_a_time(shop: Shop) -> None:
    start = moment(2026, 5, 20)
    clock = shop.clock(start)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000), cancel_at=start + 40 * DAY)
    shop.advance(clock, start + 60 * DAY)
    assert shop.subscription(subscription.id).ended_at == start + 40 * DAY
    assert len(shop.invoices(subscription.id)) == 2


def test_trial_becomes_paid(shop: Shop) -> None:
    start = moment(2026, 7, 1)
    clock = shop.clock(start)
    subscription = shop.subscribe(shop.customer(clock), shop.price(2_000), trial_period_days=14)
    assert (subscription.status, subscription.trial_end) == ("trialing", start + 14 * DAY)
    assert [invoice.total for invoice in shop.invoices(subscription.id)] == [0]

    shop.advance(clock, start + 11 * DAY)
    assert shop.types().count("customer.subscription.trial_will_end") == 1
    shop.advance(clock, start + 14 * DAY + 2 * HOUR)
    after = shop.subscription(subscription.id)
    assert (after.status, item_of(after).current_period_start) == ("active", start + 14 * DAY)
    assert item_of(after).current_period_end == moment(2026, 8, 15)
    assert [(one.total, one.status) for one in shop.invoices(subscription.id)] == [
        (0, "paid"),
        (2_000, "paid"),
    ]


def test_trial_can_be_ended_now(shop: Shop) -> None:
    subscription = shop.subscribe(shop.customer(), shop.price(2_000), trial_period_days=14)
    paid = shop.client.v1.subscriptions.update(subscription.id, {"trial_end": "now"})
    assert paid.status == "active"
    assert [one.total for one in shop.invoices(subscription.id)] == [0, 2_000]


def test_trial_without_card_can_end_in_cancellation(shop: Shop) -> None:
    start = moment(2026, 7, 1)
    clock = shop.clock(start)
    ends = {"end_behavior": {"missing_payment_method": "cancel"}}
    subscription = shop.subscribe(
        shop.customer(clock, card=None), shop.price(2_000), trial_period_days=7, trial_settings=ends
    )
    shop.advance(clock, start + 8 * DAY)
    assert shop.subscription(subscription.id).status == "canceled"


def test_declined_first_payment_is_incomplete_then_expires(shop: Shop) -> None:
    start = moment(2026, 2, 2)
    clock = shop.clock(start)
    subscription = shop.subscribe(shop.customer(clock, "pm_card_chargeCustomerFail"), shop.price(2_000))
    assert subscription.status == "incomplete"
    assert {"charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"} <= set(shop.types())
    assert "invoice.paid" not in shop.types()

    shop.advance(clock, start + 23 * HOUR - 1)
    assert shop.subscription(subscription.id).status == "incomplete"
    shop.advance(clock, start + 23 * HOUR)
    assert shop.subscription(subscription.id).status == "incomplete_expired"
    assert shop.invoices(subscription.id)[0].status == "void"


def test_an_incomplete_subscription_is_rescued_by_another_card(shop: Shop) -> None:
    customer = shop.customer(card="pm_card_chargeCustomerFail")
    subscription = shop.subscribe(customer, shop.price(2_000))
    invoice = shop.invoices(subscription.id)[0]
    with pytest.raises(stripe.CardError) as refused:
        shop.client.v1.invoices.pay(invoice.id)
    assert refused.value.code == "card_declined"

    good = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    paid = shop.client.v1.invoices.pay(invoice.id, {"payment_method": good.id})
    assert (paid.status, paid.attempt_count) == ("paid", 3)
    assert shop.subscription(subscription.id).status == "active"


def test_payment_behaviors_without_a_card(shop: Shop) -> None:
    customer, price = shop.customer(card=None), shop.price(2_000)
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        shop.subscribe(customer, price)
    assert shop.client.v1.subscriptions.list({"status": "all"}).data == []
    waiting = shop.subscribe(customer, price, payment_behavior="default_incomplete")
    assert waiting.status == "incomplete"
    assert shop.invoices(waiting.id)[0].attempt_count == 0
    free = shop.subscribe(customer, shop.price(0))
    assert free.status == "active"


def test_error_if_incomplete_leaves_nothing_behind(shop: Shop) -> None:
    customer = shop.customer(card="pm_card_chargeCustomerFail")
    before = len(shop.received)
    with pytest.raises(stripe.CardError) as refused:
        shop.subscribe(customer, shop.price(2_000), payment_behavior="error_if_incomplete")
    body: Any = refused.value.json_body
    assert body["error"]["decline_code"] == "generic_decline"
    assert shop.client.v1.subscriptions.list({"status": "all"}).data == []
    assert shop.client.v1.invoices.list().data == []
    assert set(shop.types()[before:]) == {"product.created", "price.created"}


def failing_renewal(shop: Shop) -> tuple[str, str, str, int]:
    """A subscription whose card begins to fail before its first renewal."""
    start = moment(2026, 1, 15)
    clock = shop.clock(start)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(3_000))
    bad = shop.client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": bad.id}})
    return clock, customer, subscription.id, moment(2026, 2, 15) + HOUR


def test_dunning_ends_in_cancellation(shop: Shop) -> None:
    clock, _, subscription, first_try = failing_renewal(shop)
    shop.advance(clock, first_try)
    invoice = shop.invoices(subscription)[-1]
    assert shop.subscription(subscription).status == "past_due"
    assert (invoice.attempt_count, invoice.next_payment_attempt) == (1, first_try + 3 * DAY)

    shop.advance(clock, first_try + 6 * DAY)
    invoice = shop.invoices(subscription)[-1]
    assert (invoice.attempt_count, invoice.next_payment_attempt) == (3, first_try + 7 * DAY)
    shop.advance(clock, first_try + 7 * DAY)
    ended = shop.subscription(subscription)
    assert ended.status == "canceled"
    assert ended.cancellation_details is not None
    assert ended.cancellation_details.reason == "payment_failed"
    invoice = shop.invoices(subscription)[-1]
    assert (invoice.status, invoice.attempt_count, invoice.next_payment_attempt) == ("open", 4, None)
    assert shop.types().count("invoice.payment_failed") == 4


def test_dunning_recovers_with_a_new_card(shop: Shop) -> None:
    clock, customer, subscription, first_try = failing_renewal(shop)
    shop.advance(clock, first_try + DAY)
    assert shop.client.v1.customers.retrieve(customer).delinquent
    good = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": good.id}})
    shop.advance(clock, first_try + 3 * DAY)
    assert shop.subscription(subscription).status == "active"
    assert shop.invoices(subscription)[-1].amount_paid == 3_000
    assert not shop.client.v1.customers.retrieve(customer).delinquent


def test_void_and_finalize_by_hand(shop: Shop) -> None:
    start = moment(2026, 3, 10)
    clock = shop.clock(start)
    subscription = shop.subscribe(shop.customer(clock), shop.price(900))
    shop.advance(clock, moment(2026, 4, 10))
    draft = shop.invoices(subscription.id)[-1]
    opened = shop.client.v1.invoices.finalize_invoice(draft.id)
    assert (opened.status, opened.number is not None) == ("open", True)
    assert shop.client.v1.invoices.void_invoice(draft.id).status == "void"
    with pytest.raises(stripe.InvalidRequestError, match="status void"):
        shop.client.v1.invoices.pay(draft.id)
    shop.advance(clock, moment(2026, 4, 12))
    assert shop.client.v1.invoices.retrieve(draft.id).amount_paid == 0


def test_invoice_sent_by_mail_leaves_the_subscription_active(shop: Shop) -> None:
    subscription = shop.subscribe(
        shop.customer(card=None), shop.price(900), collection_method="send_invoice", days_until_due=10
    )
    invoice = shop.invoices(subscription.id)[0]
    assert (subscription.status, invoice.status, invoice.due_date) == (
        "active",
        "open",
        invoice.created + 10 * DAY,
    )
    assert shop.client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True}).status == "paid"


def test_the_wall_clock_renews_too() -> None:
    time = [moment(2026, 1, 31)]
    simulator = Simulator(now=lambda: time[0])
    with simulator.serve() as server:
        shop = Shop(simulator, client_of(server.url), server.url)
        subscription = shop.subscribe(shop.customer(), shop.price(100))
        time[0] = moment(2026, 3, 31, 14)
        simulator.tick()
        invoices = shop.invoices(subscription.id)
        assert [one.created for one in invoices] == [
            moment(2026, 1, 31),
            moment(2026, 2, 28),
            moment(2026, 3, 31),
        ]
        assert [one.status for one in invoices] == ["paid", "paid", "paid"]


def test_dunning_can_end_in_unpaid() -> None:
    settings = Settings(dunning_days=(1,), dunning_end="unpaid")
    simulator = Simulator(settings=settings)
    with simulator.serve() as server:
        shop = Shop(simulator, client_of(server.url), server.url)
        clock, customer, subscription, first_try = failing_renewal(shop)
        shop.advance(clock, first_try + DAY)
        assert shop.subscription(subscription).status == "unpaid"
        shop.advance(clock, moment(2026, 3, 16))
        assert [one.status for one in shop.invoices(subscription)] == ["paid", "open", "draft"]
        good = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
        newest = shop.invoices(subscription)[-1]
        shop.client.v1.invoices.pay(newest.id, {"payment_method": good.id})
        assert shop.subscription(subscription).status == "active"


def test_an_upgrade_that_must_be_paid_is_undone_by_a_decline(shop: Shop) -> None:
    customer = shop.customer()
    subscription = shop.subscribe(customer, shop.price(1_000))
    bad = shop.client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    shop.client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": bad.id}})
    upgrade: Any = {"items": [{"id": item_of(subscription).id, "price": shop.price(10_000, "year")}]}
    strict: Any = {**upgrade, "payment_behavior": "error_if_incomplete"}
    with pytest.raises(stripe.CardError):
        shop.client.v1.subscriptions.update(subscription.id, strict)
    kept = shop.subscription(subscription.id)
    assert (kept.status, kept.latest_invoice) == ("active", subscription.latest_invoice)
    assert item_of(kept).price.unit_amount == 1_000

    taken = shop.client.v1.subscriptions.update(subscription.id, upgrade)
    assert (taken.status, taken.latest_invoice != subscription.latest_invoice) == ("past_due", True)
    updates = [one for one in shop.received if one["type"] == "customer.subscription.updated"]
    assert updates[-1]["data"]["object"]["latest_invoice"] == taken.latest_invoice


def test_what_paid_first_can_become_the_default(shop: Shop) -> None:
    customer = shop.customer(card=None)
    subscription = shop.subscribe(
        customer,
        shop.price(500),
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
    )
    card = shop.client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    shop.client.v1.invoices.pay(str(subscription.latest_invoice), {"payment_method": card.id})
    paid = shop.subscription(subscription.id)
    assert (paid.status, paid.default_payment_method) == ("active", card.id)


def test_a_deleted_clock_takes_its_customers_along(shop: Shop) -> None:
    clock = shop.clock(moment(2026, 1, 1))
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(500))
    shop.client.v1.test_helpers.test_clocks.delete(clock)
    assert shop.client.v1.customers.retrieve(customer).deleted
    assert shop.subscription(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="No such test clock"):
        shop.client.v1.test_helpers.test_clocks.retrieve(clock)


def test_clocks_only_move_forward(shop: Shop) -> None:
    clock = shop.clock(moment(2026, 1, 1))
    with pytest.raises(stripe.InvalidRequestError, match="forward"):
        shop.advance(clock, moment(2025, 12, 31))
