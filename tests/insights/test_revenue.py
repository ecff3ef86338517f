"""MRR by day and the movements between two closes, against a naive calculation."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billingos.common.tenancy import scope
from billingos.merchants.models import Merchant
from insights.movements import KINDS, movements
from insights.revenue import Day, histories, mrr_series
from tests.factories import MerchantFactory
from tests.pages.filling import Step, add_history
from tests.pages.looking import add_customers

DAY = timedelta(days=1)
START = date(2026, 3, 1)
# customer, subscription of the customer, then instants (in hours) with an MRR
HISTORIES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(st.tuples(st.integers(-200, 300), st.sampled_from([0, 0, 1900, 4900])), min_size=1, max_size=6),
    ),
    max_size=8,
)


def instant(hours: int) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hours)


def held(steps: list[tuple[int, int]], day: date) -> int:
    """What the last change before the day's end says."""
    before = [mrr for hours, mrr in steps if instant(hours).date() <= day]
    return before[-1] if before else 0


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=HISTORIES)
def test_series_and_movements_equal_a_naive_calculation(
    committed_db: None, drawn: list[tuple[int, list[tuple[int, int]]]]
) -> None:
    merchant = MerchantFactory.create()
    subscriptions = [(f"cus_{who}", sorted(steps, key=lambda step: step[0])) for who, steps in drawn]
    for customer, steps in subscriptions:
        add_history(merchant, customer, *((instant(hours), mrr) for hours, mrr in steps))

    def by_customer(day: date) -> dict[str, int]:
        sums: dict[str, int] = defaultdict(int)
        for customer, steps in subscriptions:
            sums[customer] += held(steps, day)
        return sums

    end = START + 10 * DAY
    with scope(merchant.id):
        series = mrr_series(merchant.id, currency="usd", start=START, end=end)
        moved = movements(merchant.id, currency="usd", opening=START, closing=end)
    days = [START + number * DAY for number in range(11)]
    assert series == [
        Day(day, sum(by_customer(day).values()), sum(mrr > 0 for mrr in by_customer(day).values())) for day in days
    ]
    amounts = {kind: found.amount for kind, found in moved.items() if kind != "recovery"}
    assert sum(amounts.values()) == series[-1].mrr - series[0].mrr
    before, after = by_customer(START), by_customer(end)
    assert sum(moved[kind].customers for kind in amounts) == sum(before[who] != after[who] for who in {*before, *after})
    assert ("churn" in moved) == any(before[who] and not after[who] for who in before)


def test_each_kind_of_movement_and_who_moved(committed_db: None) -> None:
    merchant: Merchant = MerchantFactory.create()
    people = add_customers(merchant, 6)
    early, late = instant(-500), instant(30)
    steps: list[list[Step]] = [
        [(late, 4900)],
        [(early, 1900), (late, 4900)],
        [(early, 4900), (late, 1900)],
        [(early, 4900), (late, 0)],
        [(early, 4900), (instant(-400), 0), (late, 4900)],
        [(early, 4900), (instant(2), 4900, "past_due"), (late, 4900, "active")],
    ]
    for customer, mine in zip(people, steps, strict=True):
        add_history(merchant, customer.stripe_id, *mine)
    with scope(merchant.id):
        found = movements(merchant.id, currency="usd", opening=START - DAY, closing=START + 3 * DAY)
        assert movements(merchant.id, currency="eur", opening=START - DAY, closing=START + 3 * DAY) == {}
    assert tuple(found) == KINDS
    assert [(kind, one.amount, one.top[0].customer) for kind, one in found.items()] == [
        ("new", 4900, "Person 000"),
        ("expansion", 3000, "Person 001"),
        ("contraction", -3000, "Person 002"),
        ("churn", -4900, "Person 003"),
        ("reactivation", 4900, "Person 004"),
        ("recovery", 4900, "Person 005"),
    ]
    assert {one.top[0].at for one in found.values()} == {late}
    assert found["new"].top[0].customer_id == people[0].id


def test_the_largest_are_named_and_the_others_counted(committed_db: None) -> None:
    merchant: Merchant = MerchantFactory.create()
    for number in range(8):
        add_history(merchant, f"cus_unknown_{number}", (instant(5), 1000 + number))
    with scope(merchant.id):
        found = movements(merchant.id, currency="usd", opening=START - DAY, closing=START)["new"]
        known = histories(merchant.id)
    assert (found.customers, found.others, found.amount) == (8, 3, 8028)
    assert [(one.customer, one.customer_id, one.amount) for one in found.top][0] == ("cus_unknown_7", None, 1007)
    assert list(known) == ["usd"]
    assert known["usd"].first == known["usd"].newest == instant(5)
