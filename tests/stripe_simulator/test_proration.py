"""Changes in mid-period beyond the plain ones: discounts, tiers, several changes, endings. Worked out by hand."""

from typing import Any

import pytest
import stripe

from tests.stripe_simulator.conftest import Shop, moment
from tests.stripe_simulator.test_money import DAY, START, TIERS, amounts, change

MAY = moment(2026, 5, 1, 2)  # after the renewal is paid


def start(shop: Shop, amount: int, **values: Any) -> tuple[str, stripe.Subscription]:
    clock = shop.clock(START)
    return clock, shop.subscribe(shop.customer(clock), shop.price(amount), **values)


def coupon(shop: Shop, **values: Any) -> list[dict[str, str]]:
    asked: Any = {"duration": "forever", **values}
    return [{"coupon": shop.client.v1.coupons.create(asked).id}]


def test_a_discount_in_force_is_in_credit_and_debit(shop: Shop) -> None:
    # Billed 1000 - 20% = 800; half is left: -400. 3000 - 20% = 2400; half: 1200. Then 3000 - 600.
    clock, subscription = start(shop, 1_000, discounts=coupon(shop, percent_off=20))
    shop.advance(clock, START + 15 * DAY)
    change(shop, subscription.id, item={"price": shop.price(3_000)})
    shop.advance(clock, MAY)
    renewal = shop.invoices(subscription.id)[-1]
    assert amounts(renewal) == [-400, 1_200, 3_000]
    assert (renewal.subtotal, renewal.total) == (3_800, 3_200)


def test_a_discount_used_up_is_in_the_credit_only(shop: Shop) -> None:
    # Billed 500; half is left: -250. The new price has no discount any more: 1500, then 3000.
    clock, subscription = start(shop, 1_000, discounts=coupon(shop, percent_off=50, duration="once"))
    shop.advance(clock, START + 15 * DAY)
    change(shop, subscription.id, item={"price": shop.price(3_000)})
    shop.advance(clock, MAY)
    assert amounts(shop.invoices(subscription.id)[-1]) == [-250, 1_500, 3_000]


def test_a_fixed_amount_off_is_divided_among_the_items(shop: Shop) -> None:
    # 300 off 1000 + 2000: 100 and 200, so 900 and 1800 were billed. Half of 1800: -900.
    # At 1000 + 5000 the item's part is 250: half of 4750 is 2375.
    clock = shop.clock(START)
    items = [{"price": shop.price(1_000)}, {"price": shop.price(2_000)}]
    off = coupon(shop, amount_off=300, currency="usd")
    asked: Any = {"customer": shop.customer(clock), "items": items, "discounts": off}
    subscription = shop.client.v1.subscriptions.create(asked)
    shop.advance(clock, START + 15 * DAY)
    bigger: Any = [{"id": subscription["items"].data[1].id, "price": shop.price(5_000)}]
    shop.client.v1.subscriptions.update(subscription.id, {"items": bigger})
    shop.advance(clock, MAY)
    renewal = shop.invoices(subscription.id)[-1]
    assert amounts(renewal) == [-900, 2_375, 1_000, 5_000]
    assert renewal.total == -900 + 2_375 + 6_000 - 300


def test_an_item_added_with_a_discount(shop: Shop) -> None:
    # 900 - 20% = 720, for two thirds of the month: 480.
    clock, subscription = start(shop, 1_000)
    shop.advance(clock, START + 10 * DAY)
    items: Any = [{"price": shop.price(900), "discounts": coupon(shop, percent_off=20)}]
    shop.client.v1.subscriptions.update(subscription.id, {"items": items})
    shop.advance(clock, MAY)
    renewal = shop.invoices(subscription.id)[-1]
    assert amounts(renewal) == [480, 1_000, 900]
    assert (renewal.subtotal, renewal.total) == (2_200, 2_200)  # an item's discount is in the subtotal


@pytest.mark.parametrize(
    ("mode", "credit", "debit"),
    [
        ("flexible", -500, 1_000),  # half of the 1000 that were billed
        ("classic", -2_500, 1_000),  # half of the present price, 5000, which nobody has paid
    ],
)
def test_what_a_credit_is_of_depends_on_the_billing_mode(shop: Shop, mode: Any, credit: int, debit: int) -> None:
    clock, subscription = start(shop, 1_000, billing_mode={"type": mode})
    shop.advance(clock, START + 10 * DAY)
    change(shop, subscription.id, item={"price": shop.price(5_000)}, proration_behavior="none")
    shop.advance(clock, START + 15 * DAY)
    change(shop, subscription.id, item={"price": shop.price(2_000)})
    pending = shop.client.v1.invoice_items.list({"pending": True, "customer": str(subscription.customer)}).data
    assert sorted(item.amount for item in pending) == [credit, debit]


def test_two_upgrades_in_one_period(shop: Shop) -> None:
    # Day 10: -1000 * 2/3 = -666.67; 2000 * 2/3 = 1333.33. Day 20, half of that time is left:
    # -1333 / 2 = -666.5; 3000 / 3 = 1000.
    clock, subscription = start(shop, 1_000)
    for day, amount in ((10, 2_000), (20, 3_000)):
        shop.advance(clock, START + day * DAY)
        change(shop, subscription.id, item={"price": shop.price(amount)})
    shop.advance(clock, MAY)
    assert amounts(shop.invoices(subscription.id)[-1]) == [-667, 1_333, -667, 1_000, 3_000]


def test_a_credit_names_what_it_gives_back(shop: Shop) -> None:
    clock, subscription = start(shop, 1_000)
    first = shop.invoices(subscription.id)[0]
    for day, behavior in ((10, "always_invoice"), (15, "create_prorations"), (20, "create_prorations")):
        shop.advance(clock, START + day * DAY)
        change(shop, subscription.id, item={"price": shop.price(day * 100)}, proration_behavior=behavior)
    shop.advance(clock, MAY)
    _, second, renewal = shop.invoices(subscription.id)
    named = [
        line.parent.subscription_item_details.proration_details.credited_items  # type: ignore[union-attr]  # it has one
        for line in (second.lines.data[0], renewal.lines.data[0])
    ]
    assert [(one.invoice, one.invoice_line_items) for one in named if one] == [
        (first.id, [first.lines.data[0].id]),
        (second.id, [second.lines.data[1].id]),
    ]
    items = shop.client.v1.invoice_items.list({"customer": str(subscription.customer)}).data
    credits = [item for item in reversed(items) if item.amount < 0]
    kinds = [item.proration_details.credited_items.type for item in credits]  # type: ignore[union-attr]  # it has one
    assert kinds == ["invoice_line_items", "invoice_line_items", "invoice_item"]


@pytest.mark.parametrize("mode", ["flexible", "classic"])
def test_a_first_period_that_an_anchor_shortens(shop: Shop, mode: Any) -> None:
    # 21 April to 1 May are 10 of April's 30 days: 3000 / 3 = 1000. On the 26th half of that is left: -500
    # (the same as 3000 * 5/30), and 6000 * 5/30 = 1000.
    clock = shop.clock(START + 20 * DAY)
    anchored: dict[str, Any] = {"billing_cycle_anchor": START + 30 * DAY, "billing_mode": {"type": mode}}
    subscription = shop.subscribe(shop.customer(clock), shop.price(3_000), **anchored)
    shop.advance(clock, START + 25 * DAY)
    change(shop, subscription.id, item={"price": shop.price(6_000)})
    shop.advance(clock, MAY)
    assert [amounts(invoice) for invoice in shop.invoices(subscription.id)] == [[1_000], [-500, 1_000, 6_000]]


def test_fewer_seats(shop: Shop) -> None:
    # 5 → 2 of 1200 after 24 of 30 days: a fifth is left. -6000/5, 2400/5.
    clock = shop.clock(START)
    items = [{"price": shop.price(1_200), "quantity": 5}]
    asked: Any = {"customer": shop.customer(clock), "items": items}
    subscription = shop.client.v1.subscriptions.create(asked)
    shop.advance(clock, START + 24 * DAY)
    change(shop, subscription.id, item={"quantity": 2})
    shop.advance(clock, MAY)
    assert amounts(shop.invoices(subscription.id)[-1]) == [-1_200, 480, 2_400]


@pytest.mark.parametrize(
    ("mode", "day", "lines"),
    [
        # 8 cost 6000, 13 cost 7298.5; two thirds: -4000 and 4865.67.
        ("graduated", 10, [-4_000, 4_866, 7_299]),
        # 8 cost 4000, 13 cost 1293.5; half: -2000 and 646.75.
        ("volume", 15, [-2_000, 647, 1_294]),
    ],
)
def test_tiers_are_prorated(shop: Shop, mode: Any, day: int, lines: list[int]) -> None:
    clock = shop.clock(START)
    price = shop.client.v1.prices.create(
        {
            "product": shop.client.v1.products.create({"name": "Seats"}).id,
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": mode,
            "tiers": TIERS,
            "recurring": {"interval": "month"},
        }
    )
    asked: Any = {"customer": shop.customer(clock), "items": [{"price": price.id, "quantity": 8}]}
    subscription = shop.client.v1.subscriptions.create(asked)
    shop.advance(clock, START + day * DAY)
    change(shop, subscription.id, item={"quantity": 13})
    shop.advance(clock, MAY)
    assert amounts(shop.invoices(subscription.id)[-1]) == lines


def test_a_proration_date_in_the_past(shop: Shop) -> None:
    # Asked for on day 20, as of day 10: two thirds of 1000 and of 3000.
    clock, subscription = start(shop, 1_000)
    shop.advance(clock, START + 20 * DAY)
    change(shop, subscription.id, item={"price": shop.price(3_000)}, proration_date=START + 10 * DAY)
    shop.advance(clock, MAY)
    renewal = shop.invoices(subscription.id)[-1]
    assert amounts(renewal) == [-667, 2_000, 3_000]
    assert renewal.lines.data[0].period.start == START + 10 * DAY


def test_annual_to_monthly_leaves_credit_for_months(shop: Shop) -> None:
    # 12000 for 2027 (365 days); after 73 days four fifths are left: -9600. A month is 4000: credit 5600,
    # then 1600, then 2400 are to be paid.
    begin = moment(2027, 1, 1, 0)
    clock = shop.clock(begin)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(12_000, "year"))
    shop.advance(clock, begin + 73 * DAY)  # 15 March
    change(shop, subscription.id, item={"price": shop.price(4_000)})
    shop.advance(clock, moment(2027, 5, 15, 2))
    invoices = shop.invoices(subscription.id)[1:]
    assert [invoice.total for invoice in invoices] == [-5_600, 4_000, 4_000]
    assert [invoice.amount_paid for invoice in invoices] == [0, 0, 2_400]
    assert [invoice.ending_balance for invoice in invoices] == [-5_600, -1_600, 0]


def test_a_short_month_of_a_leap_year(shop: Shop) -> None:
    # 31 January to 29 February 2028 are 29 days; after 10 of them 19/29 of 2900 and of 5800 are left.
    begin = moment(2028, 1, 31, 0)
    clock = shop.clock(begin)
    subscription = shop.subscribe(shop.customer(clock), shop.price(2_900))
    shop.advance(clock, begin + 10 * DAY)
    change(shop, subscription.id, item={"price": shop.price(5_800)})
    shop.advance(clock, moment(2028, 3, 31, 2))
    assert [amounts(invoice) for invoice in shop.invoices(subscription.id)] == [
        [2_900],
        [-1_900, 3_800, 5_800],
        [5_800],
    ]


def test_an_upgrade_in_a_trial_costs_nothing_before_it_ends(shop: Shop) -> None:
    clock, subscription = start(shop, 1_000, trial_period_days=10)
    shop.advance(clock, START + 5 * DAY)
    change(shop, subscription.id, item={"price": shop.price(3_000)})
    shop.advance(clock, START + 11 * DAY)
    assert [amounts(invoice) for invoice in shop.invoices(subscription.id)] == [[0], [3_000]]


def test_cancel_now_with_a_last_invoice_credits_the_rest(shop: Shop) -> None:
    # A third of 3000 is left: the customer has 1000 in credit.
    clock, subscription = start(shop, 3_000)
    shop.advance(clock, START + 20 * DAY)
    now: Any = {"prorate": True, "invoice_now": True}
    ended = shop.client.v1.subscriptions.cancel(subscription.id, now)
    last = shop.invoices(subscription.id)[-1]
    assert (ended.status, amounts(last), last.status, last.ending_balance) == ("canceled", [-1_000], "paid", -1_000)
    assert shop.client.v1.customers.retrieve(str(subscription.customer)).balance == -1_000


def test_cancel_now_with_credit_for_the_next_invoice(shop: Shop) -> None:
    # A third of 3000 waits, and meets the next subscription's 2500: 1500 to pay.
    clock, subscription = start(shop, 3_000)
    shop.advance(clock, START + 20 * DAY)
    shop.client.v1.subscriptions.cancel(subscription.id, {"prorate": True})
    assert len(shop.invoices(subscription.id)) == 1
    other = shop.subscribe(str(subscription.customer), shop.price(2_500))
    first = shop.invoices(other.id)[0]
    assert (amounts(first), first.amount_paid) == ([-1_000, 2_500], 1_500)


def test_cancel_now_and_nothing_else_drops_prorations(shop: Shop) -> None:
    clock, subscription = start(shop, 1_000)
    shop.advance(clock, START + 10 * DAY)
    change(shop, subscription.id, item={"price": shop.price(3_000)})
    shop.client.v1.subscriptions.cancel(subscription.id)
    assert shop.client.v1.invoice_items.list({"customer": str(subscription.customer)}).data == []
    assert len(shop.invoices(subscription.id)) == 1


def test_an_end_at_the_periods_end_collects_what_is_pending(shop: Shop) -> None:
    # Half a month of 3000 instead of 1000: -500 + 1500.
    clock, subscription = start(shop, 1_000)
    shop.advance(clock, START + 15 * DAY)
    change(shop, subscription.id, item={"price": shop.price(3_000)}, cancel_at_period_end=True)
    shop.advance(clock, MAY)
    last = shop.invoices(subscription.id)[-1]
    assert shop.subscription(subscription.id).status == "canceled"
    assert (amounts(last), last.amount_paid) == ([-500, 1_500], 1_000)
