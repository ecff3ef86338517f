"""Stripe's limits of test clocks, kept where ``Settings.clock_limits`` asks for them."""

from stripe_simulator.billing import standing
from stripe_simulator.database import Record
from stripe_simulator.errors import invalid
from stripe_simulator.periods import boundary
from stripe_simulator.work import Work

CUSTOMERS = 3  # a clock
SUBSCRIPTIONS = 3  # a customer
INTERVALS = 2  # an advance, of the shortest subscription


def check_customer(work: Work, clock: str | None) -> None:
    """A StripeError for a fourth customer on a clock."""
    if clock is not None and _kept(work) and len(work.related("customer", "clock", clock)) >= CUSTOMERS:
        raise invalid(f"Test clocks can have at most {CUSTOMERS} customers.", "test_clock")


def check_subscription(work: Work, customer: Record) -> None:
    """A StripeError for a customer's fourth subscription on a clock."""
    if customer["_clock"] is None or not _kept(work):
        return
    if len(_running(work, customer)) >= SUBSCRIPTIONS:
        raise invalid(f"Customers on a test clock can have at most {SUBSCRIPTIONS} subscriptions.", "customer")


def check_advance(work: Work, clock: Record, target: int) -> None:
    """A StripeError for more than two intervals of the clock's shortest subscription."""
    if not _kept(work):
        return
    now = clock["frozen_time"]
    ends = [
        boundary(now, recurring["interval"], recurring["interval_count"], INTERVALS)
        for customer in work.related("customer", "clock", clock["id"])
        for subscription in _running(work, customer)
        for recurring in (work.get("price", item["price"])["recurring"] for item in subscription["items"]["data"])
    ]
    if ends and target > min(ends):
        raise invalid(
            f"You can only advance a test clock up to {INTERVALS} intervals of its shortest subscription, that is "
            f"to {min(ends)}.",
            "frozen_time",
        )


def _kept(work: Work) -> bool:
    return work.settings.clock_limits


def _running(work: Work, customer: Record) -> list[Record]:
    found = work.related("subscription", "customer", customer["id"])
    return [subscription for subscription in found if subscription["status"] not in standing.ENDED]
