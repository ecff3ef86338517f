"""Proration by the second: what is left of a period, as an exact share of its whole."""

from fractions import Fraction

from stripe_simulator.money import rounded


def unused_share(start: int, end: int, at: int) -> Fraction:
    """The share of the period ``start`` to ``end`` (Unix seconds) that lies after ``at``: between 0 and 1."""
    if end <= start:
        return Fraction(0)
    return Fraction(min(max(end - at, 0), end - start), end - start)


def credit(amount: Fraction, share: Fraction) -> int:
    """Minor units given back (at most 0) for the unused share of what was billed; rounded on its own line."""
    return -rounded(amount * share)


def debit(amount: Fraction, share: Fraction) -> int:
    """Minor units owed for the remaining share of the new amount; rounded on its own line."""
    return rounded(amount * share)
