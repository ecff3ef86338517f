from decimal import Decimal

import pytest

from entitlements.balances import Grant, boolean_balance, limit_balance


def test_a_boolean_is_on_while_any_source_gives_it() -> None:
    assert boolean_balance("sso", []).allowed is False
    balance = boolean_balance("sso", [Grant("a", None), Grant("b", None)])
    assert (balance.allowed, balance.sources, balance.limit) == (True, ("a", "b"), None)


@pytest.mark.parametrize(
    ("limits", "used", "allowed", "limit", "remaining"),
    [
        ([], 0, False, 0, 0),
        ([10], 0, True, 10, 10),
        ([10], 9, True, 10, 1),
        ([10], 10, False, 10, 0),
        ([10], 12, False, 10, 0),
        ([10, 5], 12, True, 15, 3),
        ([0], 0, False, 0, 0),
        ([10, None], 99, True, None, None),
    ],
)
def test_limits_add_up(
    limits: list[int | None], used: int, allowed: bool, limit: int | None, remaining: int | None
) -> None:
    grants = [Grant(f"s{i}", value) for i, value in enumerate(limits)]
    balance = limit_balance("calls", grants, Decimal(used), None)
    assert (balance.allowed, balance.limit, balance.remaining) == (allowed, limit, remaining)
