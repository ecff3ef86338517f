"""The stories that customers of the demo live; each plans its acts on a `Life`."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from billingos.demo.life import DAY, Kind, Life, Terms

TRIAL_DAYS = 14
DUNNING = 8 * DAY  # Stripe's tries end a week after the first


@dataclass(frozen=True, slots=True)
class Story:
    """`share` is how many of a hundred customers live it; `least_days` how long a history it needs; the more
    `essential`, the sooner it is told where customers are few."""

    tell: Callable[[Life], None]
    share: int
    least_days: int = 40
    essential: int = 1


def stay(life: Life) -> None:
    life.subscribe(life.join(3 * DAY), life.terms())


def try_and_stay(life: Life) -> None:
    life.subscribe(life.join(15 * DAY), life.terms(), trial_days=TRIAL_DAYS)


def try_and_leave(life: Life) -> None:
    joined = life.join(30 * DAY)
    life.subscribe(joined, life.terms(), trial_days=TRIAL_DAYS)
    at = life.step(joined + life.draw.randint(5, 9) * DAY)
    life.do(Kind.CANCEL_NOW, at)
    life.leave(at)


def still_try(life: Life) -> None:
    at = life.join_at(life.end - life.draw.randint(3, 9) * DAY)
    life.subscribe(at, life.terms(), trial_days=TRIAL_DAYS)


def grow(life: Life) -> None:
    plan = life.draw.choice((0, 0, 1))
    joined = life.join(75 * DAY)
    life.subscribe(joined, life.terms(plan))
    life.change(_later(life, joined, 30, 20), life.terms(plan + 1))


def shrink(life: Life) -> None:
    plan = life.draw.choice((1, 2))
    joined = life.join(75 * DAY)
    life.subscribe(joined, life.terms(plan))
    life.change(_later(life, joined, 40, 20), life.terms(plan - 1))


def hire(life: Life) -> None:
    joined = life.join(70 * DAY)
    seats = life.draw.randint(3, 6)
    life.subscribe(joined, Terms(1, seats=seats))
    at = _later(life, joined, 20, 35)
    life.change(at, Terms(1, seats=seats + life.draw.randint(2, 6)))
    again = at + 25 * DAY
    if again < life.end - 5 * DAY:
        life.change(again, Terms(1, seats=max(2, seats + life.draw.randint(-1, 9))))


def take_percent(life: Life) -> None:
    joined = life.join(60 * DAY)
    life.subscribe(joined, life.terms())
    life.do(Kind.COUPON, joined, coupon=life.merchant.coupons[0]["id"])


def take_amount(life: Life) -> None:
    joined = life.join(60 * DAY)
    life.subscribe(joined, life.terms())
    life.do(Kind.COUPON, _later(life, joined, 10, 32), coupon=life.merchant.coupons[1]["id"])


def fail_and_recover(life: Life) -> None:
    """The second card comes before Stripe has given up."""
    renewal = _failing_renewal(life, 65 * DAY)
    life.do(Kind.CARD_WORKS, renewal + DAY)


def fail_and_end(life: Life) -> None:
    life.leave(_failing_renewal(life, 65 * DAY) + DUNNING)


def fail_now(life: Life) -> None:
    """The last renewal failed a few days before the end, and Stripe is still trying."""
    months = life.draw.randint(1, max(1, life.months_left(life.start) - 1))
    renewed = life.end - life.draw.randint(1, 2) * DAY
    joined = life.join_at(max(life.start, life.renewal(renewed, -months) - 4 * DAY))
    anchor = life.subscribe(joined, life.terms())
    life.do(Kind.CARD_FAILS, life.renewal(anchor, life.months_left(anchor)) - 9 * DAY)


def leave_at_once(life: Life) -> None:
    joined = life.join(70 * DAY)
    life.subscribe(joined, life.terms())
    at = life.step(_later(life, joined, 35, 8))
    life.do(Kind.CANCEL_NOW, at)
    life.leave(at)


def leave_when_paid_up(life: Life) -> None:
    joined = life.join(100 * DAY)
    anchor = life.subscribe(joined, life.terms())
    at = life.step(_later(life, joined, 35, 45))
    life.do(Kind.CANCEL_LATER, at)
    life.leave(next(life.renewal(anchor, n) for n in range(1, 99) if life.renewal(anchor, n) > at))


def come_back(life: Life) -> None:
    joined = life.join(150 * DAY)
    life.subscribe(joined, life.terms())
    at = life.step(joined + life.draw.randint(35, 60) * DAY)
    life.do(Kind.CANCEL_NOW, at)
    life.leave(at)
    life.subscribe(at + life.draw.randint(30, 60) * DAY, life.terms())


def change_ones_mind(life: Life) -> None:
    joined = life.join(80 * DAY)
    anchor = life.subscribe(joined, life.terms())
    life.do(Kind.CANCEL_LATER, life.renewal(anchor, 1) + 2 * DAY)
    life.do(Kind.STAY, life.renewal(anchor, 1) + 9 * DAY)


def be_about_to_leave(life: Life) -> None:
    """Has canceled lately, and paid until after the end."""
    joined = life.join(50 * DAY)
    anchor = life.subscribe(joined, life.terms())
    period = life.renewal(anchor, life.months_left(anchor))
    life.do(Kind.CANCEL_LATER, max(period + DAY, life.end - 9 * DAY))


def pay_yearly(life: Life) -> None:
    life.subscribe(life.join(30 * DAY), life.terms(life.draw.choice((0, 1, 1, 2)), "year"))


def look_around(life: Life) -> None:
    """Never subscribes."""
    life.join(10 * DAY)


def _failing_renewal(life: Life, before_end: timedelta) -> datetime:
    """A customer whose card fails at one of its renewals; returns which."""
    joined = life.join(before_end)
    anchor = life.subscribe(joined, life.terms())
    last = max(1, life.months_left(anchor) - 1)
    renewal = life.renewal(anchor, life.draw.randint(1, last))
    life.do(Kind.CARD_FAILS, renewal - 9 * DAY)
    return renewal


def _later(life: Life, joined: datetime, after_days: int, before_end_days: int) -> datetime:
    """An instant at least so many days after joining and before the end."""
    earliest, latest = joined + after_days * DAY, life.end - before_end_days * DAY
    return earliest + max(latest - earliest, timedelta(0)) * life.draw.random()


STORIES = (
    Story(stay, 24, least_days=0, essential=9),
    Story(try_and_stay, 14, least_days=30, essential=8),
    Story(grow, 11, least_days=80, essential=7),
    Story(fail_and_recover, 6, least_days=70, essential=6),
    Story(leave_at_once, 5, essential=5, least_days=75),
    Story(be_about_to_leave, 3, essential=5, least_days=55),
    Story(fail_now, 3, essential=5, least_days=60),
    Story(leave_when_paid_up, 5, least_days=110, essential=4),
    Story(fail_and_end, 4, least_days=70, essential=4),
    Story(hire, 7, least_days=75, essential=3),
    Story(shrink, 4, least_days=80, essential=3),
    Story(take_percent, 4, essential=3, least_days=65),
    Story(take_amount, 3, essential=2, least_days=65),
    Story(try_and_leave, 6, essential=2),
    Story(come_back, 3, least_days=160, essential=2),
    Story(change_ones_mind, 2, least_days=85, essential=2),
    Story(pay_yearly, 6, essential=2),
    Story(still_try, 3, essential=2),
    Story(look_around, 4, essential=2),
)
