"""What invoices tell, case by case."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from subscriptions.inferring import Bill, Gap, Held, Line, Offer, Past, State, infer

START = datetime(2024, 1, 1, tzinfo=UTC)
SMALL, LARGE = Held("small", 1), Held("large", 1)


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def line(held: Held | None, starts: int, amount: int = 1000, **fields: Any) -> Line:
    return Line("si", held, day(starts), **{"proration": False, "amount": amount, "discount_amount": 0, **fields})


def bill(at: int, *lines: Line, reason: str = "subscription_cycle", **fields: Any) -> Bill:
    known = {
        "status": "paid",
        "charged": True,
        "amount_due": sum(one.amount for one in lines),
        "attempts": 1,
        "billed_at": day(at),
        "finalized_at": day(at),
        "paid_at": day(at),
    }
    return Bill(reason=reason, lines=lines, **{**known, **fields})


def first(*lines: Line, **fields: Any) -> Bill:
    return bill(0, *lines, reason="subscription_create", **fields)


def past(*bills: Bill, **fields: Any) -> Past:
    return Past(
        **{"started_at": START, "status": "active", "items": {"si": SMALL}, "now": day(400), "bills": bills, **fields}
    )


def told(found: Past) -> list[tuple[int, str, str]]:
    return [
        ((state.at - START).days, state.status, " ".join(f"{one.quantity}x{one.price}" for one in state.items.values()))
        for state in infer(found).states
    ]


def test_what_only_renews_has_one_state() -> None:
    assert told(past(first(line(SMALL, 0)), bill(31, line(SMALL, 31)))) == [(0, "active", "1xsmall")]


def test_a_change_shows_at_its_own_second_wherever_it_is_billed() -> None:
    change = [line(SMALL, 10, -700, proration=True), line(LARGE, 10, 2000, proration=True)]
    at_once = past(first(line(SMALL, 0)), bill(10, *change, reason="subscription_update"), bill(31, line(LARGE, 31)))
    at_renewal = past(first(line(SMALL, 0)), bill(31, *change, line(LARGE, 31)))
    for one in (at_once, at_renewal):
        assert told(one) == [(0, "active", "1xsmall"), (10, "active", "1xlarge")]
        assert infer(one).gaps == []


def test_two_changes_of_one_period() -> None:
    more = [line(SMALL, 5, -800, proration=True), line(Held("small", 3), 5, 2400, proration=True)]
    less = [line(Held("small", 3), 9, -2100, proration=True), line(Held("small", 2), 9, 1400, proration=True)]
    found = past(first(line(SMALL, 0)), bill(31, *less, *more, line(Held("small", 2), 31)))
    assert told(found) == [(0, "active", "1xsmall"), (5, "active", "3xsmall"), (9, "active", "2xsmall")]


def test_what_costs_nothing_has_no_sign() -> None:
    free = Held("free", 1)
    change = [line(LARGE, 10, 2000, proration=True), line(free, 10, 0, proration=True)]
    found = past(first(line(free, 0, 0)), bill(10, *change, reason="subscription_update"))
    assert told(found) == [(0, "active", "1xfree"), (10, "active", "1xlarge")]


def test_a_change_without_a_bill_is_a_gap() -> None:
    found = past(first(line(SMALL, 0)), bill(31, line(LARGE, 31)))
    assert told(found) == [(0, "active", "1xsmall"), (31, "active", "1xlarge")]
    assert infer(found).gaps == [Gap("not_invoiced", START, day(31))]


def test_a_trial_then_an_end() -> None:
    trial = (START, day(14))
    found = past(first(line(SMALL, 0, 0)), bill(14, line(SMALL, 14)), trial=trial, status="canceled", ended_at=day(45))
    assert told(found) == [(0, "trialing", "1xsmall"), (14, "active", "1xsmall"), (45, "canceled", "1xsmall")]


def test_a_cancellation_is_known_since_it_was_asked_for() -> None:
    found = past(first(line(SMALL, 0)), cancel_asked_at=day(9), cancels_at=day(31), ended_at=day(31), status="canceled")
    assert [state.cancels_at for state in infer(found).states] == [None, day(31), day(31)]


def test_a_failure_that_was_caught_up() -> None:
    failed = bill(31, line(SMALL, 31), attempts=3, paid_at=day(38))
    assert told(past(first(line(SMALL, 0)), failed)) == [
        (0, "active", "1xsmall"),
        (31, "past_due", "1xsmall"),
        (38, "active", "1xsmall"),
    ]


def test_since_when_it_is_unpaid_is_a_gap() -> None:
    failed = bill(31, line(SMALL, 31), status="open", attempts=4, paid_at=None)
    found = past(first(line(SMALL, 0)), failed, status="unpaid")
    assert told(found) == [(0, "active", "1xsmall"), (31, "unpaid", "1xsmall")]
    assert infer(found).gaps == [Gap("status_since_unknown", day(31))]


def test_a_pause_shows_in_what_nobody_collected() -> None:
    left = bill(31, line(SMALL, 31), status="void", attempts=0, paid_at=None)
    found = infer(past(first(line(SMALL, 0)), left, bill(62, line(SMALL, 62), billed_at=day(62))))
    assert [((state.at - START).days, state.is_paused) for state in found.states] == [
        (0, False),
        (31, True),
        (62, False),
    ]
    assert [gap.kind for gap in found.gaps] == ["pause_unknown", "pause_unknown"]


@pytest.mark.parametrize(("discounted", "ids"), [(True, [("di",), ()]), (False, [("di",), ()])])
def test_a_discount_holds_until_a_renewal_is_without_it(discounted: bool, ids: list[tuple[str, ...]]) -> None:
    offer = Offer("di", START, day(62) if discounted else None)
    second = bill(31, line(SMALL, 31, discount_amount=100))
    found = infer(past(first(line(SMALL, 0, discount_amount=100)), second, bill(62, line(SMALL, 62)), offers=[offer]))
    assert [state.discounts for state in found.states] == ids
    assert found.states[-1].at == day(62)


def test_a_discount_that_nobody_knows_is_a_gap() -> None:
    found = infer(past(first(line(SMALL, 0, discount_amount=100))))
    assert found.gaps == [Gap("discount_unknown", START)]


def test_a_price_that_is_gone_is_a_gap() -> None:
    found = infer(past(first(line(SMALL, 0)), bill(31, line(None, 31))))
    assert found.gaps == [Gap("price_unknown", day(31))]


def test_what_was_never_billed_is_taken_to_have_been_as_it_is() -> None:
    found = infer(past())
    assert found.states == [State(START, "active", {"si": SMALL})]
    assert found.gaps == [Gap("never_invoiced", START)]


def test_nothing_is_inferred_where_events_speak() -> None:
    change = [line(SMALL, 10, -700, proration=True), line(LARGE, 10, 2000, proration=True)]
    found = past(first(line(SMALL, 0)), bill(10, *change, reason="subscription_update"), until=day(10))
    assert told(found) == [(0, "active", "1xsmall")]
