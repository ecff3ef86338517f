"""MRR is exact: worked by hand, and by property."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.mrr import (
    Discounts,
    DiscountTerms,
    item_mrr,
    item_mrrs,
    subscription_mrr,
    tiered_amount,
)


def price(amount: int | None = 1000, interval: str = "month", count: int = 1, **fields: Any) -> dict[str, Any]:
    return {"unit_amount": amount, "recurring": {"interval": interval, "interval_count": count}, **fields}


def subscription(*items: dict[str, Any], status: str = "active", **fields: Any) -> dict[str, Any]:
    return {"status": status, "items": {"data": list(items)}, **fields}


@pytest.mark.parametrize(
    ("item", "mrr"),
    [
        ({"price": price(4900), "quantity": 1}, 4900),
        ({"price": price(4900), "quantity": 7}, 34300),
        ({"price": price(12000, "year"), "quantity": 1}, 1000),
        ({"price": price(10000, "year"), "quantity": 1}, 833),  # 833.33…
        ({"price": price(3000, "month", 3), "quantity": 2}, 2000),
        ({"price": price(700, "week"), "quantity": 1}, 3033),  # 700 × 52 / 12 = 3033.33…
        ({"price": price(100, "day"), "quantity": 1}, 3042),  # 100 × 365 / 12 = 3041.67
        ({"price": price(None, unit_amount_decimal="0.5"), "quantity": 3}, 2),  # 1.5, half away from zero
        ({"price": price(1000), "quantity": 0}, 0),
        ({"price": {"unit_amount": 1000, "recurring": None}, "quantity": 1}, 0),  # one-off
        ({"price": {"unit_amount": 5, "recurring": {"interval": "month", "usage_type": "metered"}}}, 0),
    ],
)
def test_one_item(item: dict[str, Any], mrr: int) -> None:
    assert subscription_mrr(subscription(item)) == mrr


def test_items_are_summed_exactly_and_rounded_once() -> None:
    third = {"price": price(10000, "year"), "quantity": 1}  # 833 1/3
    assert subscription_mrr(subscription(third, third, third)) == 2500


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("active", True),
        ("past_due", True),
        ("trialing", False),
        ("incomplete", False),
        ("incomplete_expired", False),
        ("unpaid", False),
        ("paused", False),
        ("canceled", False),
    ],
)
def test_only_active_and_past_due_count(status: str, counts: bool) -> None:
    assert subscription_mrr(subscription({"price": price(), "quantity": 1}, status=status)) == (1000 if counts else 0)


def test_paused_collection_counts_by_setting() -> None:
    paused = subscription({"price": price(), "quantity": 1}, pause_collection={"behavior": "void"})
    assert subscription_mrr(paused) == 0
    assert subscription_mrr(paused, paused_counts=True) == 1000


TIERS: list[dict[str, Any]] = [
    {"up_to": 10, "unit_amount": 500, "flat_amount": None},
    {"up_to": 20, "unit_amount": 400, "flat_amount": 1000},
    {"up_to": None, "unit_amount": None, "unit_amount_decimal": "99.5", "flat_amount": None},
]


@pytest.mark.parametrize(
    ("quantity", "graduated", "volume"),
    [
        (0, 0, 0),
        (1, 500, 500),
        (10, 5000, 5000),
        (11, 5000 + 1000 + 400, 11 * 400 + 1000),
        (20, 5000 + 1000 + 4000, 20 * 400 + 1000),
        (22, 10000 + 199, Fraction(199, 2) * 22),
    ],
)
def test_tiers(quantity: int, graduated: int, volume: Fraction | int) -> None:
    assert tiered_amount(TIERS, "graduated", quantity) == graduated
    assert tiered_amount(TIERS, "volume", quantity) == volume


def test_tiers_are_evaluated_at_the_quantity() -> None:
    tiered = price(None, "year", billing_scheme="tiered", tiers_mode="graduated", tiers=TIERS)
    assert subscription_mrr(subscription({"price": tiered, "quantity": 11})) == round(6400 / 12)


@given(amount=st.integers(0, 10**8), quantity=st.integers(0, 1000))
def test_a_year_at_twelve_times_the_price_is_the_same_mrr(amount: int, quantity: int) -> None:
    monthly = item_mrr({"price": price(amount), "quantity": quantity})
    yearly = item_mrr({"price": price(12 * amount, "year"), "quantity": quantity})
    assert monthly == yearly


AT = datetime(2026, 3, 1, tzinfo=UTC)
TERMS = {
    "ten": DiscountTerms(Fraction(10), None, recurs=True),
    "third": DiscountTerms(Fraction("33.33"), None, recurs=True),
    "five_off": DiscountTerms(None, 500, recurs=True),
    "lots_off": DiscountTerms(None, 99_999, recurs=True),
    "once": DiscountTerms(Fraction(50), None, recurs=False),
    "until_march": DiscountTerms(Fraction(50), None, recurs=True, ends_at=AT),
    "until_april": DiscountTerms(Fraction(50), None, recurs=True, ends_at=AT + timedelta(days=31)),
    "of_a": DiscountTerms(Fraction(50), None, recurs=True, products=frozenset({"a"})),
    "five_off_a": DiscountTerms(None, 500, recurs=True, products=frozenset({"a"})),
}


def a(amount: int, product: str = "a", *discounts: str, **fields: Any) -> dict[str, Any]:
    return {"price": price(amount, product=product), "quantity": 1, "discounts": list(discounts), **fields}


@pytest.mark.parametrize(
    ("items", "discounts", "mrrs"),
    [
        ([a(1000)], [], [1000]),
        ([a(1000)], ["ten"], [900]),
        ([a(1000)], ["five_off"], [500]),
        ([a(1000)], ["lots_off"], [0]),
        ([a(1000)], ["once"], [1000]),
        ([a(1000)], ["until_march"], [1000]),  # its end is exclusive
        ([a(1000)], ["until_april"], [500]),
        ([a(1000)], ["unknown"], [1000]),
        ([a(1000)], ["ten", "five_off"], [400]),  # 1000 − 100 − 500: each takes from what is left
        ([a(1000)], ["five_off", "ten"], [450]),
        ([a(1000), a(2000, "b")], ["of_a"], [500, 2000]),
        ([a(1000), a(3000, "b")], ["five_off"], [875, 2625]),  # 500 spread 1 : 3
        ([a(1000), a(3000, "b")], ["five_off_a"], [500, 3000]),
        ([a(1000, "a", "ten"), a(2000, "b")], [], [900, 2000]),
        ([a(1000, "a", "ten"), a(2000, "b")], ["ten"], [810, 1800]),  # the item's comes first
        ([a(1000), a(1000, "b"), a(1000, "c")], ["third"], [667, 667, 666]),  # 2000.1 → 2000
    ],
)
def test_discounts_that_recur_are_subtracted(
    items: list[dict[str, Any]], discounts: list[str], mrrs: list[int]
) -> None:
    found = subscription(*items, discounts=discounts)
    assert item_mrrs(found, discounts=Discounts(TERMS), at=AT) == mrrs
    assert subscription_mrr(found, discounts=Discounts(TERMS), at=AT) == sum(mrrs)


def test_an_amount_is_taken_off_each_invoice() -> None:
    yearly = {"price": price(12_000, "year", product="a"), "quantity": 1}
    assert subscription_mrr(subscription(yearly, discounts=["five_off"]), discounts=Discounts(TERMS)) == 958  # 11500/12


def test_a_customers_discount_holds_for_subscriptions_without_one() -> None:
    of_customer = Discounts(TERMS, of_customer=["ten"])
    assert subscription_mrr(subscription(a(1000)), discounts=of_customer) == 900
    assert subscription_mrr(subscription(a(1000), discounts=["five_off"]), discounts=of_customer) == 500


def test_included_tax_is_subtracted_after_discounts() -> None:
    vat = {"percentage": 19.0, "inclusive": True}
    sales = {"percentage": 8.25, "inclusive": False}
    assert subscription_mrr(subscription(a(11_900), default_tax_rates=[vat])) == 10_000
    assert (
        subscription_mrr(
            subscription(a(11_900), default_tax_rates=[vat], discounts=["ten"]), discounts=Discounts(TERMS)
        )
        == 9_000
    )
    assert subscription_mrr(subscription(a(11_900, tax_rates=[sales]), default_tax_rates=[vat])) == 11_900


@given(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=6),
    st.lists(st.sampled_from(sorted(TERMS)), max_size=4),
    st.integers(0, 2500),
)
def test_parts_add_up_and_never_fall_below_nought(amounts: list[int], names: list[str], rate: int) -> None:
    tax = {"percentage": str(Fraction(rate, 100).limit_denominator(100)), "inclusive": True}
    found = subscription(*(a(amount) for amount in amounts), discounts=names, default_tax_rates=[tax])
    parts = item_mrrs(found, discounts=Discounts(TERMS), at=AT)
    assert sum(parts) == subscription_mrr(found, discounts=Discounts(TERMS), at=AT)
    assert all(0 <= part <= amount for part, amount in zip(parts, amounts, strict=True))
