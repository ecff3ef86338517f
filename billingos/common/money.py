"""Money: an integer of minor units with a currency. No float comes near it."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import floor

# ISO 4217 currencies whose minor unit is not a hundredth, as Stripe charges them.
ZERO_DECIMAL = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"]
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])


def decimals(currency: str) -> int:
    """How many decimal places the major unit of `currency` has: 2 for usd, 0 for jpy, 3 for kwd."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


@dataclass(frozen=True, slots=True)
class Money:
    """`amount` minor units of `currency` (lowercase ISO 4217). Currencies never mix: adding two raises ValueError."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if not isinstance(self.amount, int) or isinstance(self.amount, bool):
            raise TypeError("Money takes an integer of minor units.")
        if len(self.currency) != 3 or self.currency != self.currency.lower():
            raise ValueError("Money takes a lowercase ISO 4217 currency.")

    def __add__(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise ValueError(f"Cannot add {other.currency} to {self.currency}.")
        return Money(self.amount + other.amount, self.currency)

    def __str__(self) -> str:
        places = decimals(self.currency)
        sign = "-" if self.amount < 0 else ""
        whole, rest = divmod(abs(self.amount), 10**places)
        digits = f"{whole:,}.{rest:0{places}d}" if places else f"{whole:,}"
        return f"{sign}{digits} {self.currency.upper()}"


def round_half_up(value: Fraction) -> int:
    """The nearest integer; halves go away from zero, as Stripe rounds amounts."""
    return floor(value + Fraction(1, 2)) if value >= 0 else -floor(-value + Fraction(1, 2))


def spread(total: int, shares: Iterable[Fraction]) -> list[int]:
    """Integers near `shares` that add up to `total` exactly, by largest remainder.

    `total` must be the rounded sum of the shares (within half a unit); ties go to the earlier share.
    """
    exact = list(shares)
    parts = [floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (parts[i] - exact[i], i))
    for index in by_remainder[: max(total - sum(parts), 0)]:
        parts[index] += 1
    return parts
