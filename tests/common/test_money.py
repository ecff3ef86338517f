from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billingos.common.money import Money, round_half_up, spread


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (123456, "usd", "1,234.56 USD"),
        (-5, "eur", "-0.05 EUR"),
        (1234, "jpy", "1,234 JPY"),
        (1234, "kwd", "1.234 KWD"),
        (0, "usd", "0.00 USD"),
    ],
)
def test_money_is_written_in_its_currency(amount: int, currency: str, text: str) -> None:
    assert str(Money(amount, currency)) == text


def test_money_takes_no_float_and_mixes_no_currencies() -> None:
    with pytest.raises(TypeError):
        Money(1.5, "usd")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(ValueError, match="lowercase"):
        Money(1, "USD")
    with pytest.raises(ValueError, match="Cannot add"):
        Money(1, "usd") + Money(1, "eur")
    assert Money(1, "usd") + Money(2, "usd") == Money(3, "usd")


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(Fraction(1, 2), 1), (Fraction(-1, 2), -1), (Fraction(5, 2), 3), (Fraction(1, 3), 0), (Fraction(-5, 3), -2)],
)
def test_halves_go_away_from_zero(value: Fraction, rounded: int) -> None:
    assert round_half_up(value) == rounded


@given(st.lists(st.fractions(0, 10**6), min_size=1, max_size=20))
def test_spread_adds_up_and_stays_near(shares: list[Fraction]) -> None:
    total = round_half_up(sum(shares, Fraction(0)))
    parts = spread(total, shares)
    assert sum(parts) == total
    assert all(abs(part - share) < 1 for part, share in zip(parts, shares, strict=True))
