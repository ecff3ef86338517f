"""Money, numbers and time as people read them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from billingos.ui.money import money_text, short_money_text, short_number
from billingos.ui.templatetags.ui import quantity, relative, status
from billingos.ui.templatetags.ui import usage_bar as bar

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "text", "short"),
    [
        (123450, "usd", "$1,234.50", "$1.23k"),
        (7900, "eur", "€79.00", "€79"),
        (7950, "eur", "€79.50", "€79.50"),
        (1200, "jpy", "¥1,200", "¥1.2k"),
        (1234567, "kwd", "KWD 1,234.567", "KWD 1.23k"),
        (-500, "chf", "−CHF 5.00", "−CHF 5"),
        (0, "usd", "$0.00", "$0"),
        (99_999_999_999, "usd", "$999,999,999.99", "$1000M"),
    ],
)
def test_money(amount: int, currency: str, text: str, short: str) -> None:
    assert money_text(amount, currency) == text
    assert short_money_text(amount, currency) == short


def test_numbers() -> None:
    assert [short_number(number) for number in (999, 1234, -1_500_000, 10**9)] == ["999", "1.23k", "−1.5M", "1B"]
    assert [quantity(number) for number in (Decimal("1234.5000"), Decimal("1E+3"), 1200, None)] == [
        "1,234.5",
        "1,000",
        "1,200",
        "—",
    ]


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=10), "just now"),
        (timedelta(seconds=-50), "1 minute ago"),
        (timedelta(minutes=-59), "59 minutes ago"),
        (timedelta(hours=5), "in 5 hours"),
        (timedelta(days=-1), "1 day ago"),
        (timedelta(days=45), "in 2 months"),
        (timedelta(days=-800), "2 years ago"),
    ],
)
def test_relative_time(distance: timedelta, words: str) -> None:
    assert relative(NOW + distance, NOW) == words


def test_a_state_looks_as_it_matters() -> None:
    assert status("past_due") == '<span class="badge is-warn">Past due</span>'
    assert status("canceled") == '<span class="badge is-neutral">Canceled</span>'
    assert status("<b>", "<i>") == '<span class="badge is-neutral">&lt;i&gt;</span>'


def test_a_bar_warns_before_the_limit_and_alarms_at_it() -> None:
    assert [bar("Calls", used, 10)["tone"] for used in (0, 7, 8, 9, 10, 11)] == [
        "good",
        "good",
        "warn",
        "warn",
        "bad",
        "bad",
    ]
    assert (bar("Calls", 5, 0)["tone"], bar("Calls", 5, None)["tone"]) == ("bad", "good")
