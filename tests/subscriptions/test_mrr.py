"""MRR is exact: worked by hand, and by property."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.mrr import item_mrr, subscription_mrr, tiered_amount


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
