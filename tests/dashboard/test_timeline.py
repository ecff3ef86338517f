"""The story that is told of a history: each event once, in a merchant's words, newest first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billingos.dashboard.plan_words import Line, names, price_of
from billingos.dashboard.timeline import Access, Bill, Change, Entry, State, by_month, tell

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
TEAM = Line("si_1", "prod_team", "Team", "price_team", 7900)
PRO = Line("si_1", "prod_pro", "Pro", "price_pro", 9900)
SEATS = Line("si_2", "prod_seats", "Extra seats", "price_seats", 500, quantity=4)
ACTIVE = State("active", (TEAM,))


def change(day: float, before: State | None, after: State, **fields: Any) -> Change:
    return Change(START + day * DAY, "sub_1", before, after, "usd", **fields)


def bill(day: float, **fields: Any) -> Bill:
    at = START + day * DAY
    known = {"id": "in_1", "at": at, "created_at": at, "status": "paid", "total": 7900, "currency": "usd"}
    return Bill(**{**known, "number": "A-1", "subscription": "sub_1", "paid_at": at, **fields})


def told(*changes: Change, **others: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(entry.kind, entry.title, entry.details) for entry in tell(changes, **others)]


def test_a_subscription_that_begins_and_is_paid_is_one_entry() -> None:
    begun = change(0, None, State("incomplete", (TEAM,)))
    paid = change(0, State("incomplete", (TEAM,)), ACTIVE, mrr=7900)
    access = [Access(START, name, "si_1", given=True) for name in ("SSO", "API calls (1,000)")]
    assert told(begun, paid, bills=[bill(0)], access=access, created_at=START) == [
        (
            "subscribed",
            "Subscribed to Team",
            ("$79.00 / month", "+$79.00 MRR", "$79.00 paid (invoice A-1)", "Access to API calls (1,000) and SSO"),
        ),
        ("created", "Customer created", ()),
    ]


def test_a_first_payment_that_never_comes() -> None:
    begun = State("incomplete", (TEAM,))
    entries = told(change(0, None, begun), change(1, begun, State("incomplete_expired", (TEAM,))))
    assert [kind for kind, _, _ in entries] == ["lapsed", "incomplete"]
    assert entries[1][1] == "Began to subscribe to Team, but the first payment has not gone through"


def test_a_trial_tells_what_comes_after_it_and_that_it_came() -> None:
    trial = State("trialing", (replace(TEAM, quantity=3),), trial_end=START + 14 * DAY)
    paid = change(14, trial, replace(trial, status="active"), mrr=23700)
    renewal = bill(14, total=23700, paid_at=START + 14 * DAY + timedelta(hours=1))
    assert told(change(0, None, trial), paid, bills=[renewal]) == [
        ("trial_ended", "The free trial ended; Team is paid for now", ("+$237.00 MRR", "$237.00 paid (invoice A-1)")),
        ("trial_started", "Started a free trial of Team", ("Free until 15 Jan 2026, then $79.00 / month × 3",)),
    ]


def test_an_upgrade_carries_its_proration_and_what_it_gives() -> None:
    upgrade = change(10, ACTIVE, State("active", (PRO,)), mrr=9900, mrr_before=7900)
    proration = bill(10, total=1355, number="A-2")
    gained = [Access(START + 11 * DAY, "Audit log", "si_1", given=True)]
    assert told(upgrade, bills=[proration], access=gained) == [
        (
            "upgraded",
            "Upgraded from Team to Pro",
            ("Now $99.00 / month", "+$20.00 MRR", "$13.55 paid (invoice A-2)", "Access to Audit log"),
        )
    ]


def test_a_downgrade_takes_access_and_credits_money() -> None:
    downgrade = change(10, State("active", (PRO,)), ACTIVE, mrr=7900, mrr_before=9900)
    lost = [Access(START + 10 * DAY, "Audit log", "si_1", given=False)]
    entries = told(downgrade, bills=[bill(10, total=-1355)], access=lost)
    assert entries == [
        (
            "downgraded",
            "Downgraded from Pro to Team",
            (
                "Now $79.00 / month",
                "−$20.00 MRR",  # noqa: RUF001  (the minus sign that people see)
                "$13.55 credited for the next invoice",
                "No more access to Audit log",
            ),
        )
    ]


@pytest.mark.parametrize(
    ("before", "after", "title"),
    [
        ((TEAM,), (replace(TEAM, quantity=5),), "Quantity of Team changed from 1 to 5"),
        ((TEAM,), (TEAM, SEATS), "Added Extra seats"),
        ((TEAM, SEATS), (TEAM,), "Removed Extra seats"),
        (
            (TEAM,),
            (replace(TEAM, price="p2", amount=79000, interval="year"),),
            "Switched Team from monthly to yearly",
        ),
        ((TEAM,), (replace(TEAM, price="p2", amount=8900),), "Price of Team changed"),
        ((TEAM,), (replace(TEAM, product="prod_x", name="Other"),), "Moved from Team to Other"),
    ],
)
def test_changes_of_what_is_bought(before: tuple[Line, ...], after: tuple[Line, ...], title: str) -> None:
    assert [entry[1] for entry in told(change(3, State("active", before), State("active", after)))] == [title]


def test_prices_are_told_exactly() -> None:
    small = replace(TEAM, amount=Decimal("0.5"), quantity=1000)
    lines = (small, replace(SEATS, quantity=None), replace(PRO, amount=None))
    quarterly = replace(TEAM, amount=1200, interval_count=3)
    assert price_of(lines, "usd") == "$0.005 / month × 1,000 + billed by use + tiered price"
    assert price_of((quarterly,), "jpy") == "¥1,200 / 3 months"
    assert price_of((), "usd") == "no price"
    assert names(lines) == "Team and 2 more"


def test_in_a_trial_the_listed_price_tells_up_from_down() -> None:
    moved = change(3, State("trialing", (TEAM,)), State("trialing", (PRO,)))
    assert told(moved)[0][:2] == ("upgraded", "Upgraded from Team to Pro")


def test_a_cancellation_is_scheduled_taken_back_and_scheduled_again() -> None:
    going = replace(ACTIVE, cancels_at=START + 31 * DAY)
    fields: dict[str, Any] = {"mrr": 7900, "mrr_before": 7900}
    asked = change(5, ACTIVE, going, feedback="too_expensive", comment="See you", **fields)
    kept = change(6, going, ACTIVE, **fields)
    assert told(asked, kept) == [
        ("kept", "The cancellation of Team was taken back", ()),
        (
            "canceling",
            "Team is going to end on 1 Feb 2026",
            ("$79.00 MRR ends with it", "Reason: too expensive", "“See you”"),
        ),
    ]


@pytest.mark.parametrize(
    ("before", "reason", "title"),
    [
        (ACTIVE, "cancellation_requested", "Team ended"),
        (State("past_due", (TEAM,)), "payment_failed", "Team ended: the payments failed"),
        (ACTIVE, "payment_disputed", "Team ended: a payment was disputed"),
        (State("trialing", (TEAM,)), "cancellation_requested", "The free trial of Team ended without a subscription"),
    ],
)
def test_an_end_says_why(before: State, reason: str, title: str) -> None:
    ended = change(31, before, State("canceled", (TEAM,)), reason=reason, mrr=0, mrr_before=7900)
    lost = [Access(START + 31 * DAY, "SSO", "si_1", given=False)]
    ((kind, said, details),) = told(ended, access=lost)
    assert (kind, said) == ("canceled", title)
    assert details[0] == "−$79.00 MRR"  # noqa: RUF001  (the minus sign that people see)
    assert details[-1] == "No more access to SSO"


def test_an_end_that_was_scheduled_is_not_called_sudden() -> None:
    going = replace(ACTIVE, cancels_at=START + 31 * DAY)
    assert "As scheduled" in told(change(31, going, replace(going, status="canceled")))[0][2]
    assert "Canceled at once" in told(change(20, going, replace(going, status="canceled")))[0][2]


def test_a_failed_payment_and_its_recovery_name_the_money_once_each() -> None:
    failing = replace(ACTIVE, status="past_due")
    fields: dict[str, Any] = {"mrr": 7900, "mrr_before": 7900, "invoice": "in_2"}
    failed, recovered = change(31, ACTIVE, failing, **fields), change(36, failing, ACTIVE, **fields)
    renewal = bill(31, id="in_2", number="A-2", attempts=2, status="open", paid_at=None)
    assert told(failed, bills=[renewal]) == [
        ("past_due", "A payment failed; Team is past due", ("$79.00 could not be charged (invoice A-2)",))
    ]
    paid = replace(renewal, status="paid", at=START + 36 * DAY, paid_at=START + 36 * DAY)
    assert told(failed, recovered, bills=[paid]) == [
        ("recovered", "Payment recovered; Team is active again", ("$79.00 paid, after 2 attempts (invoice A-2)",)),
        ("past_due", "A payment failed; Team is past due", ("$79.00 could not be charged (invoice A-2)",)),
    ]


def test_invoices_by_themselves() -> None:
    bills = [
        bill(1, status="draft"),
        bill(2, total=0),
        bill(3, currency="jpy", total=1200),
        bill(4, status="open", paid_at=None, attempts=1),
        bill(5, status="open", paid_at=None),
        bill(6, status="void", paid_at=None),
        bill(7, status="uncollectible", paid_at=None),
    ]
    assert [title for _, title, _ in told(bills=bills)] == [
        "Invoice of $79.00 given up",
        "Invoice of $79.00 voided",
        "Invoice of $79.00 sent",
        "Payment of $79.00 failed",
        "Paid ¥1,200",
    ]


def test_renewals_and_other_changes_of_no_interest_tell_nothing() -> None:
    assert told(change(31, ACTIVE, ACTIVE, mrr=7900, mrr_before=7900)) == []


def test_access_without_a_cause_stands_for_itself() -> None:
    access = [Access(START + 9 * DAY, name, "si_unknown", given=False) for name in ("B", "A")]
    assert told(access=access) == [("access_ended", "Lost access to A and B", ())]


def test_access_that_was_written_before_its_cause_is_told_with_it() -> None:
    begun = change(2, None, ACTIVE, mrr=7900)
    early = [Access(START, "SSO", "si_1", given=True)]
    assert [kind for kind, _, _ in told(begun, access=early)] == ["subscribed", "access_given"]
    assert [kind for kind, _, _ in told(begun, access=early, access_lag=5 * DAY)] == ["subscribed"]


def test_payments_may_be_paused() -> None:
    paused = replace(ACTIVE, collection_paused=True)
    entries = told(change(1, ACTIVE, paused, mrr=0, mrr_before=7900), change(2, paused, ACTIVE, mrr=7900))
    assert [title for _, title, _ in entries] == ["Payments for Team go on", "Payments for Team were paused"]


def test_months_hold_what_happened_in_them() -> None:
    entries = [Entry(START + days * DAY, "x", "info", str(days)) for days in (40, 33, 2)]
    assert [(month, len(group)) for month, group in by_month(entries)] == [("February 2026", 2), ("January 2026", 1)]


LINES = [TEAM, PRO, SEATS, replace(TEAM, quantity=None), replace(PRO, amount=None)]
STATES = st.builds(
    State,
    st.sampled_from(["incomplete", "trialing", "active", "past_due", "unpaid", "paused", "canceled"]),
    st.lists(
        st.sampled_from([TEAM, PRO, SEATS, replace(TEAM, quantity=None), replace(PRO, amount=None)]), max_size=3
    ).map(tuple),
    st.none() | st.just(START + 50 * DAY),
    st.none(),
    st.booleans(),
)


@given(st.lists(STATES, max_size=8), st.lists(st.integers(-1, 90), max_size=5))
def test_any_history_can_be_told_and_no_invoice_is_told_twice(states: list[State], days: list[int]) -> None:
    pairs = zip([None, *states], states, strict=False)
    changes = [change(index * 10, before, after) for index, (before, after) in enumerate(pairs)]
    bills = [bill(day, id=f"in_{index}", number=f"N-{index}-") for index, day in enumerate(days)]
    entries = tell(changes, bills, created_at=START - DAY * 2)
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)
    for one in bills:
        assert sum(f"invoice {one.number}" in f"{entry}".lower().replace("n-", "N-") for entry in entries) <= 1
