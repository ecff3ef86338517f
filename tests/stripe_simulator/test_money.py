"""Amounts worked out by hand. All in cents; times are UTC."""

from fractions import Fraction
from typing import Any

import pytest
import stripe

from stripe_simulator.money import amount_of, rounded
from tests.stripe_simulator.conftest import Shop, item_of, moment

DAY = 86_400
HOUR = 3_600
START = moment(2026, 4, 1, 0)  # April: 30 days, 2,592,000 s


def change(shop: Shop, id: str, **values: Any) -> stripe.Subscription:
    item = item_of(shop.subscription(id))
    items = [{"id": item.id, **values.pop("item")}]
    asked: Any = {"items": items, **values}
    return shop.client.v1.subscriptions.update(id, asked)


def amounts(invoice: stripe.Invoice) -> list[int]:
    return [line.amount for line in invoice.lines.data]


@pytest.mark.parametrize(
    ("old", "new", "after", "expected"),
    [
        # 1000 → 3000 after 10 of 30 days: 2/3 left. -1000*2/3 = -666.67; 3000*2/3 = 2000.
        (1_000, 3_000, 10 * DAY, [-667, 2_000]),
        # 3000 → 1000 after 15 of 30 days: half is left.
        (3_000, 1_000, 15 * DAY, [-1_500, 500]),
        # After one second, 2,591,999 of 2,592,000 s are left: -999.9996, 1999.9992.
        (1_000, 2_000, 1, [-1_000, 2_000]),
        # 999 → 1999 after 7 days: 23/30 left. -765.9; 1532.5667.
        (999, 1_999, 7 * DAY, [-766, 1_533]),
        # Halves go away from zero: 1 and 3 with half of the period left are 0.5 and 1.5.
        (1, 3, 15 * DAY, [-1, 2]),
        # 12 hours before the end, 1/60 is left: -16.65 and 83.25.
        (999, 4_995, 30 * DAY - 12 * HOUR, [-17, 83]),
    ],
)
def test_changing_the_price_credits_and_debits_by_the_second(
    shop: Shop, old: int, new: int, after: int, expected: list[int]
) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(old))
    shop.advance(clock, START + after)
    change(shop, subscription.id, item={"price": shop.price(new)})
    assert len(shop.invoices(subscription.id)) == 1

    shop.advance(clock, moment(2026, 5, 1, 2))
    renewal = shop.invoices(subscription.id)[-1]
    assert amounts(renewal) == [*expected, new]
    assert (renewal.total, renewal.amount_paid) == (sum(expected) + new, max(sum(expected) + new, 0))
    parents = [line.parent.subscription_item_details.proration for line in renewal.lines.data]  # type: ignore[union-attr]  # it has one
    assert parents == [True, True, False]


def test_quantity_up_is_invoiced_at_once_when_asked(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_200))
    shop.advance(clock, START + 20 * DAY)  # a third is left: -1200/3, 5*1200/3
    change(shop, subscription.id, item={"quantity": 5}, proration_behavior="always_invoice")
    invoice = shop.invoices(subscription.id)[-1]
    assert amounts(invoice) == [-400, 2_000]
    assert (invoice.billing_reason, invoice.status, invoice.amount_paid) == (
        "subscription_update",
        "paid",
        1_600,
    )
    shop.advance(clock, moment(2026, 5, 1, 2))
    assert amounts(shop.invoices(subscription.id)[-1]) == [6_000]


def test_a_downgrade_at_once_becomes_credit_for_the_next_invoice(shop: Shop) -> None:
    clock = shop.clock(START)
    customer = shop.customer(clock)
    subscription = shop.subscribe(customer, shop.price(3_000))
    shop.advance(clock, START + 15 * DAY)  # -1500 + 500 = -1000
    change(shop, subscription.id, item={"price": shop.price(1_000)}, proration_behavior="always_invoice")
    credit = shop.invoices(subscription.id)[-1]
    assert (credit.total, credit.amount_due, credit.status) == (-1_000, 0, "paid")
    assert (credit.starting_balance, credit.ending_balance) == (0, -1_000)
    assert shop.client.v1.customers.retrieve(customer).balance == -1_000

    shop.advance(clock, moment(2026, 5, 1, 2))
    renewal = shop.invoices(subscription.id)[-1]
    assert (renewal.total, renewal.amount_due, renewal.ending_balance) == (1_000, 0, 0)
    shop.advance(clock, moment(2026, 6, 1, 2))
    assert shop.invoices(subscription.id)[-1].amount_paid == 1_000


def test_without_proration_only_the_next_period_differs(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    shop.advance(clock, START + 10 * DAY)
    change(shop, subscription.id, item={"price": shop.price(5_000)}, proration_behavior="none")
    shop.advance(clock, moment(2026, 5, 1, 2))
    assert [amounts(one) for one in shop.invoices(subscription.id)] == [[1_000], [5_000]]


def test_monthly_to_annual_starts_a_new_period_at_once(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    at = START + 15 * DAY
    shop.advance(clock, at)
    changed = change(shop, subscription.id, item={"price": shop.price(10_000, "year")})
    assert amounts(shop.invoices(subscription.id)[-1]) == [-500, 10_000]
    assert changed.billing_cycle_anchor == at
    assert item_of(changed).current_period_end == moment(2027, 4, 16, 0)


def test_an_item_added_and_removed_again_costs_nothing(shop: Shop) -> None:
    clock = shop.clock(START)
    subscription = shop.subscribe(shop.customer(clock), shop.price(1_000))
    shop.advance(clock, START + 10 * DAY)
    added = shop.client.v1.subscriptions.update(subscription.id, {"items": [{"price": shop.price(250)}]})
    extra = added["items"].data[1]
    shop.client.v1.subscriptions.update(subscription.id, {"items": [{"id": extra.id, "deleted": True}]})
    shop.advance(clock, moment(2026, 5, 1, 2))
    # 250 * 2/3 = 166.67, and back.
    assert amounts(shop.invoices(subscription.id)[-1]) == [167, -167, 1_000]


TIERS: Any = [
    {"up_to": 5, "unit_amount": 700, "flat_amount": 1_000},
    {"up_to": 10, "unit_amount": 500},
    {"up_to": "inf", "unit_amount_decimal": "99.5"},
]


@pytest.mark.parametrize(
    ("mode", "quantity", "expected"),
    [
        ("graduated", 3, 3_100),  # 1000 + 3*700
        ("graduated", 5, 4_500),  # 1000 + 5*700
        ("graduated", 8, 6_000),  # 4500 + 3*500
        ("graduated", 13, 7_299),  # 4500 + 5*500 + 3*99.5 = 7298.5
        ("volume", 5, 4_500),  # 1000 + 5*700
        ("volume", 8, 4_000),  # 8*500
        ("volume", 13, 1_294),  # 13*99.5 = 1293.5
    ],
)
def test_tiers(shop: Shop, mode: Any, quantity: int, expected: int) -> None:
    product = shop.client.v1.products.create({"name": "Seats"}).id
    price = shop.client.v1.prices.create(
        {
            "product": product,
            "currency": "usd",
            "billing_scheme": "tiered",
            "tiers_mode": mode,
            "tiers": TIERS,
            "recurring": {"interval": "month"},
        }
    )
    assert price.unit_amount is None
    customer = shop.customer()
    subscription = shop.client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price.id, "quantity": quantity}]}
    )
    assert shop.invoices(subscription.id)[0].amount_paid == expected


def test_fractions_of_a_cent_and_packages() -> None:
    price: dict[str, Any] = {
        "billing_scheme": "per_unit",
        "unit_amount_decimal": "0.000001",
        "transform_quantity": None,
    }
    assert amount_of(price, 1_500_000) == Fraction(3, 2)
    packs = price | {"unit_amount_decimal": "250", "transform_quantity": {"divide_by": 10, "round": "up"}}
    assert [amount_of(packs, quantity) for quantity in (0, 1, 10, 11)] == [0, 250, 250, 500]
    down = packs | {"transform_quantity": {"divide_by": 10, "round": "down"}}
    assert [amount_of(down, quantity) for quantity in (9, 19)] == [0, 250]


def test_halves_mirror_each_other() -> None:
    halves = [Fraction(1, 2), Fraction(3, 2), Fraction(5, 2), Fraction(49, 100)]
    assert [rounded(half) for half in halves] == [1, 2, 3, 0]
    assert [rounded(-half) for half in halves] == [-1, -2, -3, 0]
